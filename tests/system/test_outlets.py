"""Outlets: each message of a channel is pushed to a URL or a service, in order, at least once, whatever is killed."""

import json
import pathlib
import shutil
import subprocess
import time

import pytest

from answering import deliveries
from harness import postern
from harness.handler import Handler
from harness.senders import Alertmanager
from test_handlers import signed_by

SETTINGS = {"delivery.allow": "127.0.0.0/8", "delivery.time_scale": 200}
FOLDERS = pathlib.Path(__file__).resolve().parents[2] / "outlets"


class Service(Handler):
    """Takes what an outlet pushes: 500 for the first FAILS calls."""

    def __init__(self, fails=0):
        self.calls, self.fails, self.refused = [], fails, 0
        super().__init__()

    def called(self, path, headers, body):
        with self.lock:
            if self.fails:
                self.fails -= 1
                self.refused += 1
                return 500, {}, b""
            self.calls.append((dict(headers.items()), body))
        return 200, {"Content-Type": "application/json"}, b'{"text": "taken"}'

    def bodies(self, least, seconds=30):
        postern.wait(lambda: len(self.calls) >= least, seconds, what=f"{least} calls of the service")
        return [json.loads(body) for _, body in self.calls]

    @property
    def base(self):
        return self.url.removesuffix("/hook")


@pytest.fixture(scope="module")
def pushing():
    with postern.Ring(settings=SETTINGS) as made:
        yield made.up()


@pytest.fixture
def service():
    with Service() as made:
        yield made


def channel(ring, name):
    ada = ring.user(name)
    ring.channel(name, ada)
    return ada


def post(ring, name, ada, text, **more):
    answer = ring.post(ring.channel_url(name, ada.token, **more), {"text": text})
    assert answer.status_code in (200, 204), answer.text


@pytest.mark.parametrize("case", sorted(FOLDERS.glob("*/cases/*.expected.json")), ids=lambda path: f"{path.parts[-3]}/{path.name.split('.')[0]}")
def test_a_kind_makes_these_calls(pushing, tmp_path, case):
    given = json.loads(case.with_name(case.name.replace(".expected", "")).read_text())
    (tmp_path / "token").write_text(given["settings"].pop("token", ""))
    options = [word for name, value in given["settings"].items() for word in (f"--{name}", value)]
    options += ["--secret-file", tmp_path / "token"] if (tmp_path / "token").read_text() else []
    done = pushing.ctl_run("outlet", "try", case.parts[-3], "--channel", given["channel"], *options, input=json.dumps(given["message"]))
    assert json.loads(done.stdout) == json.loads(case.read_text()), done.stderr


@pytest.mark.parametrize("message, made", [
    ({"text": "on its way", "postern_hops": 3}, 4), ({"text": "in a circle", "postern_hops": 4}, "skipped"),
    ({"text": "for some", "userids": ["1"]}, "skipped"), ({"text": "for all", "userids": []}, 1), (None, "skipped")])
def test_what_goes_in_circles_or_is_for_some_is_passed_over(message, made):
    row = {"id": "1764374400000_18", "sequence": 18, "time": "2025-11-29T00:00:00.000Z", "sender": {"name": "Ada"}, "message": message}
    done = subprocess.run([postern.BIN / "posternctl", "outlet", "try", "generic", "--url", "https://x.example"], input=json.dumps(row),
                          capture_output=True, text=True, timeout=60, check=True)
    call = json.loads(done.stdout)
    assert made == (call if call == "skipped" else call["body"]["postern_hops"])


def test_each_message_is_pushed_in_order_and_signed(pushing, name, service):
    ada = channel(pushing, name)
    post(pushing, name, ada, "before there is an outlet")
    made = pushing.ctl("outlet", "create", name, "generic", "--url", service.url)
    for i in range(20):
        post(pushing, name, ada, f"message {i}")
    bodies = service.bodies(20)
    assert [one["text"] for one in bodies] == [f"message {i}" for i in range(20)]
    assert {(one["channel"], one["event"], one["sender"]["name"]) for one in bodies} == {(name, "message", bodies[0]["sender"]["name"])}
    assert all(signed_by(call, made["secret"]) for call in service.calls)
    pushing.wait(lambda: {one["state"] for one in deliveries(pushing, "outlets", made["id"], ada.token)} == {"delivered"},
                 10, what="the last answer to be noted")
    assert made["secret"] not in pushing.logs()


def test_an_edit_is_pushed_and_a_deletion_and_what_is_for_some_are_not(pushing, name, service):
    ada = channel(pushing, name)
    pushing.ctl("outlet", "create", name, "ntfy", "--url", service.base, "--to", "phone")
    url = pushing.channel_url(name, ada.token)
    for text in ("running", "passed"):
        assert pushing.post(url, {"text": text, "message_key": "build-42"}).status_code == 204
    assert pushing.post(url, {"text": "for one", "userids": [ada.id]}).status_code == 204
    shown = pushing.messages("channelsbyname", name, ada.token)[0]
    service.bodies(2)
    assert pushing.request("DELETE", pushing.url(f"/api/v2/channelsbyname/{name}/messages/{shown['id']}", ada.token)).status_code == 204
    post(pushing, name, ada, "the last")
    bodies = service.bodies(3)
    assert [(one["topic"], one["message"]) for one in bodies] == [("phone", "running"), ("phone", "passed"), ("phone", "the last")]
    assert bodies[0]["sequence_id"] == bodies[1]["sequence_id"] != bodies[2]["sequence_id"] and bodies[1]["title"].endswith("(edited)")


def test_alertmanager_reaches_a_phone(needs, pushing, name):
    """Debian's Alertmanager, and a server that is shaped as ntfy's and fails twice."""
    needs("prometheus-alertmanager")
    ada = channel(pushing, name)
    with Service(fails=2) as ntfy:
        made = pushing.ctl("outlet", "create", name, "ntfy", "--url", ntfy.base, "--to", "ops")
        url = f"{pushing.base}/api/v2/channelsbyname/{name}/incoming/alertmanager?zapikey={ada.token}"
        with Alertmanager({"hook": f"webhook_configs: [{{url: '{url}'}}]"}) as it:
            it.alert(({"alertname": "InstanceDown", "severity": "critical", "instance": "db-1"}, {"summary": "db-1 is down"}))
            body, = ntfy.bodies(1)
        assert body["topic"] == "ops" and "InstanceDown" in body["message"] and "db-1 is down" in body["message"]
        assert ntfy.refused == 2 and signed_by(ntfy.calls[0], made["secret"])

        def attempts():
            row, = pushing.ctl("outlet", "deliveries", made["id"])["deliveries"]
            return [one["status"] for one in row["attempts"]]
        postern.wait(lambda: len(attempts()) == 3, what="the third attempt in the list")
        assert attempts() == [500, 500, 200]


def test_nothing_is_lost_whatever_is_killed(pushing, name, service):
    """Between call and advance, between page and push, between push and answer: at least once, in order."""
    ada = channel(pushing, name)
    pushing.ctl("outlet", "create", name, "generic", "--url", service.url)
    for i in range(60):
        post(pushing, name, ada, f"message {i}")
        if i % 10 == 5:
            process = ("bot-0", "authd-0", "channel-0")[i // 10 % 3]
            pushing.kill(process)
            pushing.wait_ready(process)
    postern.wait(lambda: len({body for _, body in service.calls}) >= 60, 40, what="60 messages at the service")
    seen = list(dict.fromkeys(json.loads(body)["text"] for _, body in service.calls))
    assert seen == [f"message {i}" for i in range(60)]


def test_a_channel_with_another_history_is_pushed_on(make_ring, name, service):
    """Its worker has lost its journal, as after the restore of an older backup: a new one begins with sequence 1."""
    ring = make_ring(settings=SETTINGS).up()
    ada = channel(ring, name)
    ring.ctl("outlet", "create", name, "generic", "--url", service.url)
    for i in range(5):
        post(ring, name, ada, f"before {i}")
    service.bodies(5)
    ring.stop()
    shutil.rmtree(pathlib.Path(ring.dir) / "data" / "channel-0")
    ring.ctl_run("forget", "channel-0")
    ring.up()
    for i in range(2):
        post(ring, name, ada, f"after {i}")
    assert [one["text"] for one in service.bodies(7)] == [*(f"before {i}" for i in range(5)), "after 0", "after 1"]
    assert "outlet.reset" in ring.logs()


def test_what_retention_has_removed_is_passed_over_and_said_once(make_ring, name, service):
    """An outlet that stands behind what its channel keeps goes on with the oldest. The worker's clock is moved on while it is stopped."""
    ring = make_ring(settings={**SETTINGS, "worker.retention_days": 1}).up()
    ada = channel(ring, name)
    made = ring.ctl("outlet", "create", name, "generic", "--url", service.url)
    post(ring, name, ada, "in time")
    service.bodies(1)
    ring.ctl("outlet", "edit", made["id"], "--pause")
    ring.wait(lambda: ring.metric("authd-0", "outlets") == 0, what="the outlet to rest")
    for i in range(5):
        post(ring, name, ada, f"too late {i}")
    ring.stop()
    subprocess.run([postern.BIN / "age_journal", ring.dir / "data" / "channel-0", str(2 * 86400 * 1000)], check=True)
    ring.up()
    post(ring, name, ada, "kept")
    ring.wait(lambda: ring.texts(name, ada.token) == ["kept"], 20, what="retention to have removed the others")
    ring.ctl("outlet", "edit", made["id"], "--resume")
    post(ring, name, ada, "new")
    assert [one["text"] for one in service.bodies(3)] == ["in time", "kept", "new"]
    assert ring.metric("authd-0", "outlet_skipped_total") == 5
    said, = (line for line in ring.logs().splitlines() if "event=outlet.skipped" in line)
    assert "messages=5" in said and made["id"] in said


def test_a_dead_url_holds_back_only_its_own_outlet_and_waits_in_the_channel(pushing, name, service):
    ada = channel(pushing, name)
    with Service(fails=10**9) as dead:
        made = pushing.ctl("outlet", "create", name, "generic", "--url", dead.url, "--bound", "120h")
        well = pushing.ctl("outlet", "create", name, "generic", "--url", service.url)
        for i in range(8):
            post(pushing, name, ada, f"message {i}")
        assert len(service.bodies(8)) == 8
        pushing.ctl("outlet", "delete", well["id"])
        for i in range(8, 160):
            post(pushing, name, ada, f"message {i}")

        def pending():
            page = pushing.ctl("outlet", "deliveries", made["id"], "--state", "pending", "--limit", "100")
            more = pushing.ctl("outlet", "deliveries", made["id"], "--state", "pending", "--limit", "100", "--after", page["next"]) \
                if page["next"] else {"deliveries": []}
            return len(page["deliveries"] + more["deliveries"])
        pushing.wait(lambda: pending() >= 64, 20, what="a full outlet")
        time.sleep(1.5)
        assert 64 <= pending() <= 128, "the others wait in the channel"
        first = pushing.ctl("outlet", "deliveries", made["id"], "--state", "pending")["turn"]
        shown = pushing.ctl_run("outlet", "deliveries", made["id"], "--state", "pending", "--limit", "5").stdout
        assert shown.count(f"waits for {first}") == 5
        dead.fails = 0
        assert [one["text"] for one in dead.bodies(20)][:20] == [f"message {i}" for i in range(20)]


def test_dead_letters_are_pushed_again_by_a_replay(pushing, name):
    ada = channel(pushing, name)
    with Service(fails=10**9) as dead:
        made = pushing.ctl("outlet", "create", name, "generic", "--url", dead.url, "--bound", "1s")
        post(pushing, name, ada, "too late")
        pushing.wait(lambda: deliveries(pushing, "outlets", made["id"], ada.token, state="dead"), 30, what="a dead letter")
        dead.fails = 0
        pushing.ctl("outlet", "replay", made["id"])
        assert [one["text"] for one in dead.bodies(1)] == ["too late"]


def test_an_outlet_is_edited_paused_tested_and_deleted(pushing, name, service):
    ada = channel(pushing, name)
    made = pushing.ctl("outlet", "create", name, "slack", "--url", service.url + "/T0/B0/secretpart")
    assert made["url"] == f"{service.base}/…" and "secretpart" not in json.dumps(pushing.ctl("outlet", "list", name))
    pushing.ctl("outlet", "edit", made["id"], "--pause")
    time.sleep(2)  # until authd has looked at its directory again
    post(pushing, name, ada, "meanwhile")
    pushing.ctl("outlet", "test", made["id"])
    assert "This is a test" in service.bodies(1)[0]["text"]
    pushing.ctl("outlet", "edit", made["id"], "--resume", "--name", "team")
    assert "meanwhile" in service.bodies(2)[1]["text"]
    pushing.ctl("outlet", "delete", made["id"])
    post(pushing, name, ada, "afterwards")
    with pytest.raises(postern.CtlError, match="no outlet"):
        pushing.ctl("outlet", "show", made["id"])
    found = subprocess.run(["grep", "-rlF", "secretpart", pushing.dir], capture_output=True, text=True)
    assert found.stdout == "" and len(service.calls) == 2


def test_one_that_was_just_made_is_tested_at_once(pushing, name, service):
    """The request brings what its worker may not have been told yet."""
    ada = channel(pushing, name)
    for n in range(3):
        made = pushing.ctl("outlet", "create", name, "generic", "--url", service.url)
        answer = pushing.post(pushing.url(f"/api/v2/outlets/{made['id']}/test", ada.token), b"")
        assert (answer.status_code, answer.text) == (200, "{}")
        service.bodies(n + 1, 5)


def test_what_is_wrong_is_said(pushing, name):
    channel(pushing, name)
    for words, said in ((["pager"], "no such kind"), (["ntfy"], "to: is needed"), (["slack", "--url", "ftp://x"], "url"),
                        (["slack", "--url", "https://x.example", "--to", "me"], "takes")):
        with pytest.raises(postern.CtlError, match=said):
            pushing.ctl("outlet", "create", name, *words)
    for _ in range(8):
        pushing.ctl("outlet", "create", name, "generic", "--url", "https://x.example")
    with pytest.raises(postern.CtlError, match="which is the most"):
        pushing.ctl("outlet", "create", name, "generic", "--url", "https://x.example")


def test_what_is_for_some_users_alone_is_not_pushed(pushing, service, name):
    ada = channel(pushing, name)
    pushing.ctl("outlet", "create", name, "generic", "--url", service.url)
    for text, more in (("one", {}), ("secret", {"userids": ada.id}), ("two", {})):
        post(pushing, name, ada, text, **more)
    assert [body["message"]["text"] for body in service.bodies(2)] == ["one", "two"]
