"""What people do in the console, in Debian's Chromium, under the real policy and against the real processes. The
scenarios are in console/tests/scenarios.mjs."""

import functools
import json
import os
import shutil
import subprocess
import time

import pytest

from answering import Answering
from harness import postern
from test_logins import BETTER, GOOD, totp

CONSOLE = postern.ROOT / "console"
NAMES = ["<img src=x onerror=window.hit=1>", "<script>window.hit=1</script>", "\u202etxt.exe \u202d\u2066", "x" * 200,
         "javascript:window.hit=1 \"'><b>"]

HOSTILE = "<img src=x onerror=window.hit=1><script>window.hit=1</script>"
CARD = {
    "text": f"*{HOSTILE}* _it_ ~gone~ `code` [label](https://example.org/) [bad](javascript:window.hit=1) [ref]($r)\n# Heading\n> quote\n- one\n- two"
            "\n```\npre <b>\n```\n" + "x" * 3000,
    "references": {"r": {"type": "button", "object": {"label": "Go", "action": {"type": "open.url", "data": {"web": "https://example.org/r"}}}}},
    "bot": {"name": "Build \u202etxt.exe", "image": "https://example.org/x.png"},
    "card": {"title": HOSTILE, "theme": "prompt", "thumbnail": "https://example.org/t.png"},
    "buttons": [{"label": "Open", "type": "+", "action": {"type": "open.url", "data": {"web": "https://example.org/"}}},
                {"label": "Run", "type": "-", "action": {"type": "open.url", "data": {"web": "javascript:window.hit=1"}}},
                {"label": "Key", "action": {"type": "copy", "data": {"text": "copied from a button"}}}],
    "slides": [
        {"type": "table", "title": HOSTILE, "data": {"headers": [f"column {i}" for i in range(50)],
                                                     "rows": [{f"column {i}": f"<b>{i}</b>" for i in range(50)} for _ in range(200)]}},
        {"type": "list", "data": [HOSTILE, "two"]},
        {"type": "label", "data": [{"Branch": HOSTILE}, {"label": "State", "value": "failed"}]},
        {"type": "text", "data": "a text " + HOSTILE},
        {"type": "images", "data": ["https://example.org/a.png"]},
        {"type": "percentage_chart", "title": "Shares", "data": [{"label": "passed", "value": 30}, {"label": "failed", "value": 10}]},
        {"type": "graph", "title": "Times", "data": [{"category": "unit", "values": [{"label": "mon", "value": 3}, {"label": "tue", "value": 9}]}]},
        *({"type": "text", "data": f"slide {i}"} for i in range(13)),
    ],
}

SHOTS = os.environ.get("POSTERN_SCREENSHOTS")  # a folder for pictures of the pages

pytestmark = [pytest.mark.skipif(not (CONSOLE / "dist/index.html.gz").exists() or not (CONSOLE / "node_modules/playwright-core").exists(),
                                 reason="needs npm, to build the console"),
              pytest.mark.skipif(not (shutil.which("chromium-headless-shell") or shutil.which("chromium")), reason="needs chromium")]


@functools.cache
def environment():
    path = subprocess.run([CONSOLE / "make.sh", "--path"], check=True, text=True, capture_output=True).stdout.strip()
    return {**os.environ, "PATH": path, "POSTERN_SLOW": str(postern.SLOW)}


@pytest.fixture(scope="module", autouse=True)
def chromium():
    """The browser of all scenarios."""
    with subprocess.Popen(["node", "serve.mjs"], cwd=CONSOLE / "tests", env=environment(), text=True, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as server:
        environment()["POSTERN_BROWSER"] = server.stdout.readline().strip()
        yield
        server.stdin.close()


def visit(ring, scenario, **more):
    given = {"url": f"http://127.0.0.1:{ring.admin_port}", "browser": environment()["POSTERN_BROWSER"], "password": GOOD, **more}
    done = subprocess.run(["node", "scenarios.mjs", scenario], cwd=CONSOLE / "tests", text=True, capture_output=True,
                          input=json.dumps(given), timeout=240 * postern.SLOW, env=environment())
    if "not smooth: " in done.stderr:
        raise postern.TooSlow(done.stdout + done.stderr)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def ring():
    """Whose handlers may be on this machine."""
    with postern.Ring(settings={"delivery.allow": "127.0.0.0/8"}) as made:
        yield made.up()


@pytest.fixture
def ada(ring, name):
    """Somebody with a password."""
    user = ring.user("ada" if SHOTS else name, token=False)
    ring.ctl("user", "password", user.email, input=GOOD + "\n")
    return user


def test_signing_in_and_out(ring, ada):
    visit(ring, "signing_in", email=ada.email)


def test_signing_in_with_a_second_factor(ring, ada):
    begun = ring.ctl("user", "totp", "begin", ada.email)
    codes = ring.ctl("user", "totp", "confirm", ada.email, input=totp(begun["secret"], int(time.time()) // 30) + "\n")["codes"]
    visit(ring, "signing_in", email=ada.email, codes=codes)


def test_an_invitation_is_accepted_and_signs_in(ring, name):
    email = f"{name}@example.org"
    visit(ring, "invited", email=email, link=ring.ctl("user", "invite", email)["link"])


def test_a_link_signs_in_once(ring, ada):
    link, raced = (ring.ctl("login-link", ada.email)["link"] for _ in range(2))
    visit(ring, "signed_in_by_link", link=link, raced=raced)
    assert link.split("=")[1] not in json.dumps(ring.manage("audit_list", last=20)) + ring.logs()


def test_a_token_from_its_first_call_to_its_end(ring, name, ada):
    name = "builds" if SHOTS else name
    ring.channel(name, ada)
    visit(ring, "tokens", email=ada.email, channel=name, endpoint=ring.channel_url(name))
    texts = [row["message"]["text"] for row in ring.ctl("history", "channel", name)["messages"]]
    assert texts.count("Hello from my new token") == 3


def test_the_endpoints_stand_where_the_contract_has_them(ring, name, ada):
    ring.channel(name, ada)
    ring.bot(name + "_b", ada)
    ring.extension(name + "_e", ada)
    visit(ring, "connectors", email=ada.email, channel=name, bot=name + "_b", extension=name + "_e")


def who(user):
    return {"name": user.email.partition("@")[0].capitalize(), "email": user.email}


def test_a_channel_from_its_making_to_its_end(ring, name, ada):
    other = ring.user(name + "_bob", token=False)
    visit(ring, "place", email=ada.email, made=name + "_c", other=who(other))


def test_who_does_not_own_a_channel_sees_its_members_alone(ring, name, ada):
    owner = ring.user(name + "_owner", token=False)
    ring.channel(name, owner, [ada])
    visit(ring, "place_of_another", email=ada.email, channel=name, other=who(owner))


def test_a_sender_is_set_up_and_its_format_changed(ring, name, ada):
    format = "f" + str(abs(hash(name)) % 10 ** 12)
    ring.ctl("user", "edit", ada.email, "--role", "owner")
    ring.channel(name, ada)
    bot = ring.bot(name + "_b", ada)
    assert ring.post(ring.bot_url(name + "_b", ring.token(ada)["token"]), {"text": "from afar"}).ok
    ring.manage("format_create", format=json.dumps({"sender": format, "title": "Mine", "rules": [{"message": {"text": "seen: {{ text }}"}}]}))
    try:
        visit(ring, "senders", email=ada.email, channel=name, bot=bot["id"], format=format)
    finally:
        ring.manage("format_delete", format)


def test_a_member_tries_a_format_and_puts_none_into_use(ring, name, ada):
    ring.channel(name, ada)
    visit(ring, "senders_of_a_member", email=ada.email, channel=name)


def test_an_event_is_looked_at_and_sent_once_more(ring, name, ada):
    bot = ring.bot(name, ada)
    visit(ring, "request", email=ada.email, bot=bot["id"], endpoint=ring.bot_url(name), token=ring.token(ada)["token"])


def test_what_nobody_looks_at_is_notified_of_if_one_asked_for_it(ring, name, ada):
    channel = ring.channel(name, ada)
    visit(ring, "notices", email=ada.email, channel=channel["id"], endpoint=ring.channel_url(name), token=ring.token(ada)["token"])


def test_a_channel_is_watched(ring, name, ada):
    name = "alerts" if SHOTS else name
    ring.channel(name, ada)
    token = ring.token(ada)["token"]
    for number in range(150):
        assert ring.post(ring.channel_url(name, token), {"text": f"message {number}"}).ok
    visit(ring, "channel", email=ada.email, channel=name, endpoint=ring.channel_url(name), token=token, card=CARD)


def test_eight_tabs_read_by_one_stream(ring, name, ada):
    channel = ring.channel(name, ada)
    visit(ring, "tabs", email=ada.email, channel=channel["id"], endpoint=ring.channel_url(name), token=ring.token(ada)["token"], pid=ring.pid("gateway-0"))


def test_thousands_of_messages_are_read_without_a_jump(ring, name, ada):
    """POSTERN_MESSAGES=10000 for as many."""
    channel, count = ring.channel(name, ada), int(os.environ.get("POSTERN_MESSAGES", "2000"))
    print(visit(ring, "many", email=ada.email, channel=channel["id"], endpoint=ring.channel_url(name), count=count, token=ring.token(ada)["token"]))


def test_a_process_that_is_killed_is_shown(ring, ada):
    ring.ctl("user", "edit", ada.email, "--role", "owner")
    visit(ring, "health", email=ada.email, pid=ring.pid("extension-0"))


def test_people_come_and_go(ring, name, ada):
    ring.ctl("user", "edit", ada.email, "--role", "owner")
    other = ring.user(name + "_bob")
    ring.manage("management_token_create", other.email, name="their inventory")
    visit(ring, "people", email=ada.email, other=who(other), account=f"s{abs(hash(name)) % 10 ** 12}")


def test_the_audit_is_looked_through(ring, name, ada):
    ring.ctl("user", "edit", ada.email, "--role", "owner")
    other = ring.user(name + "_bob", token=False)
    for number in range(60):
        ring.manage("user_edit", other.email, name=f"Bob {number}")
    visit(ring, "audit", email=ada.email)


def test_name_password_and_second_factor_are_changed(ring, ada):
    visit(ring, "account", email=ada.email, next=BETTER)


def test_a_source_refuses_and_says_why(ring, name, ada):
    ring.channel(name, ada)
    visit(ring, "sources", email=ada.email, channel=name, endpoint=ring.url(f"/api/v2/channelsbyname/{name}/incoming"), token=ring.token(ada)["token"])


def test_the_limit_is_shown_before_it_is_met(ring, ada):
    visit(ring, "limit", email=ada.email)


def test_nothing_typed_is_lost(ring, ada):
    visit(ring, "interrupted", email=ada.email)


def test_the_second_of_two_tabs_is_told_who_won(ring, ada):
    visit(ring, "two_tabs", email=ada.email)


def test_hostile_texts_and_answers_are_inert(ring, name, ada):
    page = "<h1>Bad Gateway</h1><img src=x onerror=window.hit=1><script>window.hit=1</script>"
    person = f"<b>{name}</b> {NAMES[0]} \u202etxt.exe " + "x" * 100
    email = name + "-hostile@example.org"
    ring.manage("user_create", email=email, name=person)
    bot = ring.manage("bot_create", name=name, owner=ada.email, subscribers=[email])
    with Answering(lambda *_: (200, {"html": page})) as handler:
        ring.ctl("bot", "handler", "set", name, handler.url, "--wait", 8)
        visit(ring, "hostile_places", email=ada.email, bot=bot["id"], person=person)


def test_hostile_names_are_inert(ring, ada):
    for name in NAMES:
        ring.manage("token_create", ada.email, name=name)
    visit(ring, "hostile", email=ada.email, names=NAMES)


def test_the_sign_in_page_is_soon_ready(ring):
    print(visit(ring, "ready"))


# --- Pictures


def incoming(ring, channel, token, sender, case):
    """An event of SENDER's, as it is among the cases of its format."""
    path = postern.ROOT / "formats" / sender / "cases" / case
    headers = path.with_suffix(".headers")
    lines = headers.read_text().splitlines() if headers.exists() else []
    answer = ring.post(ring.url(f"/api/v2/channelsbyname/{channel}/incoming/{sender}", token), path.read_bytes(),
                       headers={"Content-Type": "application/json"} | dict(line.split(": ", 1) for line in lines))
    assert answer.ok, answer.text


def test_pictures_of_the_pages(ring):
    grace, bob, *_ = [ring.user(name, token=False) for name in ("grace", "bob", "carol")]
    ring.ctl("user", "password", grace.email, input=GOOD + "\n")
    ring.ctl("user", "edit", grace.email, "--role", "owner")
    token = ring.token(grace)["token"]
    channel, bot = ring.channel("operations", grace, [bob]), ring.bot("deploys", grace, [bob])
    for sender, case in (("github", "push.json"), ("grafana", "firing_two.json"), ("alertmanager", "firing_and_resolved.json")):
        incoming(ring, "operations", token, sender, case)
    card = {"text": "*build 42* of `main` is live", "bot": {"name": "Deploys"}, "card": {"title": "Release 4.2", "theme": "prompt"},
            "buttons": [{"label": "Open", "type": "+", "action": {"type": "open.url", "data": {"web": "https://example.org/"}}}],
            "slides": [{"type": "percentage_chart", "title": "Tests", "data": [{"label": "passed", "value": 412}, {"label": "failed", "value": 3}]}]}
    assert ring.post(ring.channel_url("operations", token), card).ok
    assert ring.post(ring.bot_url("deploys", token, stage="live"), {"build": 42, "commit": {"id": "6113728", "by": "ada"}, "steps": ["test", "push", "roll"]}).ok
    visit(ring, "pictures", email=grace.email, channel=channel["id"], bot=bot["id"])


if not SHOTS:
    del test_pictures_of_the_pages  # ./dev pictures makes them
