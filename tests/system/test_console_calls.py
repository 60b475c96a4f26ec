"""The console's pages of what Postern calls: deliveries, handlers and outlets. The scenarios are in
console/tests/deliveries.mjs and outlets.mjs."""

import json

import pytest

from harness import postern
from harness.handler import Handler
from test_console import CARD, HOSTILE, NAMES, chromium, pytestmark, visit, who  # noqa: F401
from test_logins import GOOD

SETTINGS = {"delivery.allow": "127.0.0.0/8", "delivery.time_scale": 30000, "delivery.timeout_ms": 1000}


class Breaking(Handler):
    """With the status that the event names, until it is mended."""

    broken = True

    def called(self, path, headers, body):
        if path.endswith("/mend"):
            self.broken = False
            return 200, {}, b""
        event = json.loads(json.loads(body).get("body") or "{}")
        return event.get("status", 200) if self.broken else 200, {}, f"answered {event.get('word')}".encode()


@pytest.fixture
def handler():
    with Breaking() as made:
        yield made


@pytest.fixture(scope="module")
def calling():
    with postern.Ring(settings=SETTINGS) as made:
        yield made.up()


@pytest.fixture
def ada(calling, name):
    user = calling.user(name)
    calling.ctl("user", "password", user.email, input=GOOD + "\n")
    return user


def newest(ring, name, ada, count):
    """The number of the newest of COUNT dead letters, once there are as many."""
    dead = lambda: ring.get(ring.url(f"/api/v2/bots/{name}/deliveries", ada.token, state="dead")).json()["deliveries"]
    ring.wait(lambda: len(dead()) == count)
    return max(one["number"] for one in dead())


def failed(ring, name, ada, handler, *words):
    """A bot, a dead letter for each of WORDS but "apple", and the number of the newest."""
    bot = ring.bot(name, ada)
    ring.manage("bot_handler_set", name, url=handler.url, bound_s=1)
    for word in words:
        assert ring.post(ring.bot_url(name, ada.token), {"status": 500 if word != "apple" else 200, "word": word}).ok
    return bot, newest(ring, name, ada, len([word for word in words if word != "apple"]))


LONG = "x" * 5000
PERSON = f"<b>{HOSTILE}</b> \u202etxt.exe " + "y" * 100


def harmful(ring, name, ada, handler):
    """A ring whose every field has content that means harm. Where the pages are that show it, as the walk is given them."""
    ring.ctl("user", "edit", ada.email, "--role", "owner")
    ring.manage("user_edit", ada.email, name=PERSON)
    bob = ring.user(name + "_bob", token=False)
    ring.manage("user_edit", bob.email, name=PERSON)
    ring.manage("service_create", account=f"s{abs(hash(name)) % 10 ** 9}", name=PERSON)
    ring.manage("user_invite", email=f"{name}_guest@example.org", name=PERSON)
    for title in NAMES[:4]:
        ring.manage("token_create", ada.email, name=title)
    format = f"f{abs(hash(name)) % 10 ** 9}"
    ring.manage("format_create", format=json.dumps({"sender": format, "title": HOSTILE, "rules": [{"message": {"text": "{{ text }}"}}]}))
    ids = {}
    for kind, made in (("channels", ring.channel(name, ada, [bob])), ("bots", ring.bot(name, ada, [bob])),
                       ("extensions", ring.manage("extension_create", name=name, owner=ada.email))):
        ids[kind] = made["id"]
        ring.manage(f"{kind[:-1]}_edit", name, display_name=NAMES[2] + HOSTILE + "y" * 100, description=PERSON + LONG[:1500],
                    picture="https://example.org/%3Cscript%3E")
        sandbox = {"environment": "sandbox"} if kind == "extensions" else {}
        ring.manage("source_create", kind=kind[:-1], to=name, name=NAMES[2][:20] + HOSTILE[:60], scheme="github", secret="a secret",
                    required=kind == "channels", **sandbox)
        if kind != "channels":
            ring.manage(f"{kind[:-1]}_handler_set", name, url=f"{handler.url}/{'z' * 1500}?%3Cscript%3E", bound_s=1, **sandbox)
    outlet = ring.manage("outlet_create", name, kind="generic", name=NAMES[2][:20] + HOSTILE[:60], url=f"{handler.url}/{'z' * 1500}?%3Cscript%3E")
    for message in ({**CARD, "slides": CARD["slides"][1:]}, {"text": LONG}, {"text": NAMES[2]}):
        assert ring.post(ring.channel_url(name, ada.token), message).ok
    event = {"status": 500, "word": HOSTILE + NAMES[2] + LONG}
    assert ring.post(ring.bot_url(name, ada.token, q=HOSTILE + LONG[:1000]), event, headers={"X-Kind": HOSTILE}).ok
    ring.post(ring.url(f"/api/v2/channelsbyname/{name}/incoming", ada.token), event, headers={"X-Hub-Signature-256": HOSTILE})
    number = newest(ring, name, ada, 1)
    channel = f"/channels/{ids['channels']}"
    return {**ids, "further": [f"/bots/{ids['bots']}/deliveries?delivery={number}", f"{channel}?q=txt", f"{channel}/outlets?outlet={outlet['id']}",
                               f"{channel}/senders?sender=github", f"{channel}/senders?sender={format}"]}


def test_dead_letters_are_found_tried_again_and_replayed(calling, name, ada, handler):
    bot, number = failed(calling, name, ada, handler, "apple", "banana", "cherry")
    visit(calling, "deliveries", email=ada.email, bot=bot["id"], newest=number, handler=handler.url)


def test_a_handler_is_tested_saved_and_signed_anew(calling, name, ada, handler):
    visit(calling, "handler", email=ada.email, bot=calling.bot(name, ada)["id"], handler=handler.url)


def test_the_main_paths_by_keyboard_alone(calling, name, ada, handler):
    calling.ctl("user", "edit", ada.email, "--role", "owner")
    calling.channel(name + "_c", ada)
    other = calling.user(name + "_bob", token=False)
    for number in range(120):
        assert calling.post(calling.channel_url(name + "_c", ada.token), {"text": f"message {number}"}).ok
    _, number = failed(calling, name + "_b", ada, handler, "banana", "cherry")
    handler.broken = False
    visit(calling, "keyboard", email=ada.email, channel=name + "_c", bot=name + "_b", newest=number, other=who(other),
          endpoint=calling.channel_url(name + "_c"))


def test_an_outlet_is_made_tested_and_found_by_its_deliveries(calling, name, ada, handler):
    visit(calling, "outlets", email=ada.email, channel=calling.channel(name, ada)["id"], title=name, handler=handler.url)


def test_every_page_with_content_that_means_harm(calling, name, ada, handler):
    visit(calling, "walk", email=ada.email, agent=HOSTILE, **harmful(calling, name, ada, handler))


def test_what_goes_wrong_around_it(calling, name, ada):
    calling.channel(name, ada)
    other = calling.user(name + "_bob", token=False)
    calling.ctl("user", "password", other.email, input=GOOD + "\n")
    visit(calling, "faults", email=ada.email, channel=name, other=who(other), authd=calling.pid("authd-0"))


def test_a_refusal_of_some_seconds_is_counted_down(calling, name, ada, handler):
    visit(calling, "counted_down", email=ada.email, bot=calling.bot(name, ada)["id"], handler=handler.url)


def test_a_thousand_channels(calling, name, ada):
    for number in range(1000):
        calling.channel(f"c{number:03}", ada)
    print(visit(calling, "thousand", email=ada.email, last="c999", count=1000))
