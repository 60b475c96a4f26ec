"""What channels, bots and extensions keep by themselves. Workers' clocks are moved on while they are stopped."""

import json
import subprocess

import pytest

from harness import postern
from harness.postern import SLOW
from reading_streams import Raw, Reader, Several, Sse

MINUTE, DAY = 60, 86400


@pytest.fixture(scope="module")
def kept():
    settings = {"authd.rate": 0, "worker.retention_days": 20, "worker.direct_messages": 3, "delivery.allow": "127.0.0.0/8"}
    with postern.Ring(settings=settings) as made:
        yield made.spawn_all()


class Back(Several):
    """Comes back with the id of the last event that it had."""

    def __init__(self, last, *args):
        self.last = last
        super().__init__(*args)

    def start(self):
        self.position = self.last
        super().start()


def refused(answer, status, code):
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text


def pause(ring, kind, seconds):
    """Stops the worker, lets SECONDS of its running clock pass, and starts it."""
    worker = ring.spawned[f"{kind}-0"]
    worker.terminate()
    assert worker.wait(20 * SLOW) == 0
    tool = postern.BIN / "age_journal"
    subprocess.run([tool, ring.dir / "data" / f"{kind}-0", str(seconds * 1000)], check=True)
    ring.spawn(kind, 0)


def told(ring, target, times):
    """Waits until the worker of TARGET, an id, has been told what it keeps so many times."""
    ring.wait(lambda: ring.logs().count(f"event=journal.retained target={target} ") == times, what="the worker to be told")


def post(ring, url, first, last):
    for i in range(first, last + 1):
        answer = ring.post(url, {"text": f"{i} " + "x" * 1000})
        assert answer.status_code in (200, 204), answer.text


def numbers(ring, kind, name, token):
    return [int(m["message"]["text"].split()[0]) for m in ring.messages(kind, name, token)]


def test_a_channel_keeps_its_newest_messages(kept, name):
    ring, ada = kept, kept.user(name)
    for each in (name, name + "_all"):
        ring.channel(each, ada)
    path = f"/api/v2/channelsbyname/{name}/stream"
    reader = Reader(ring.port, path, ada.token)
    assert reader.ready.wait(20 * SLOW), reader.others
    shown = ring.manage("channel_edit", name, retention={"messages": 10})
    assert shown["retention"] == {"days": None, "messages": 10, "bytes": None}
    for each in (name, name + "_all"):
        post(ring, ring.channel_url(each, ada.token), 1, 30)
    key = {"Idempotency-Key": name}
    assert ring.post(ring.channel_url(name, ada.token), {"text": "31 "}, headers=key).status_code == 204
    ring.wait(lambda: reader.got == list(range(1, 32)))
    position = reader.position.replace("31-", "5-")
    # What nobody owns: the chat of two, and messages to oneself.
    chats = [("direct", kept.user(name + "b").email), ("buddies", ada.email)]
    for chat in chats:
        post(ring, ring.url("/api/v2/{}/{}/message".format(*chat), ada.token), 1, 5)
    pause(ring, "channel", 3 * MINUTE)
    ring.wait(lambda: numbers(ring, "channelsbyname", name, ada.token) == list(range(22, 32)))
    assert numbers(ring, "channelsbyname", name + "_all", ada.token) == list(range(1, 31))
    ring.wait(lambda: all(numbers(ring, *chat, ada.token) == [3, 4, 5] for chat in chats))
    # What was posted with a key is still known, and a place from before is told to be gone.
    assert ring.post(ring.channel_url(name, ada.token), {"text": "31 "}, headers=key).status_code == 204
    assert ring.history("channelsbyname", name, ada.token)["messages"][0]["sequence"] == 22
    url = f"/api/v2/channelsbyname/{name}/messages"
    gone = ring.get(ring.url(url, ada.token, **{"from": 5}))
    refused(gone, 410, "cursor_expired")
    assert "before sequence 22" in gone.json()["message"]
    # A reader that is there goes on; one that comes back from before is told where it begins.
    post(ring, ring.channel_url(name, ada.token), 32, 32)
    ring.wait(lambda: reader.got == list(range(1, 33)))
    assert not [event for event, _ in reader.others if event == "reset"]
    reader.stop()
    raw = Raw(ring.port, path, [f"Authorization: Bearer {ada.token}", f"Last-Event-ID: {position}"])
    event, data, _ = next(iter(Sse(raw.chunks())))
    assert (event, json.loads(data)) == ("reset", {"reason": "expired", "from": 22})
    raw.close()
    pause(ring, "channel", 3 * MINUTE)
    ring.wait(lambda: numbers(ring, "channelsbyname", name, ada.token) == list(range(23, 33)))
    # Taken away.
    taken = ring.admin("PUT", f"/channels/{name}", ring.management_token(ada), {"retention": None})
    assert taken.json()["retention"] is None
    told(ring, shown["id"], 2)
    post(ring, ring.channel_url(name, ada.token), 33, 40)
    pause(ring, "channel", 3 * MINUTE)
    ring.wait(lambda: numbers(ring, "channelsbyname", name, ada.token) == list(range(23, 41)))


def test_a_reader_of_several_comes_back_to_what_is_left(kept, name):
    ring, ada = kept, kept.user(name)
    names = [f"{name}_{i}" for i in range(3)]
    for each in names:
        ring.channel(each, ada)
    ring.manage("channel_edit", names[0], retention={"messages": 5})
    ring.manage("channel_edit", names[1], retention={"days": 1})
    path = f"/api/v2/streams?targets={','.join(f'channel:{each}' for each in names)}"
    first = Several(ring.port, path, ada.token)
    assert first.ready.wait(20), first.others
    for each in names:
        post(ring, ring.channel_url(each, ada.token), 1, 3)
    ring.wait(lambda: all(first.by_name.get(each) == [1, 2, 3] for each in names))
    position = first.position
    first.stop()
    for each in names:
        post(ring, ring.channel_url(each, ada.token), 4, 20)
    pause(ring, "channel", 2 * DAY)
    ring.wait(lambda: [len(numbers(ring, "channelsbyname", each, ada.token)) for each in names] == [5, 0, 20])
    refused(ring.get(f"{ring.base}{path}&since={position}&zapikey={ada.token}"), 410, "cursor_expired")
    late = Back(position, ring.port, path, ada.token)
    ring.wait(lambda: late.by_name.get(names[0]) == list(range(16, 21)) and late.by_name.get(names[2]) == list(range(4, 21)))
    resets = [data for event, data in late.others if event == "reset"]
    assert {(data["reason"], data["from"]) for data in resets} == {("expired", 16), ("expired", 21)}, resets
    # One of which nothing is left: what came before the place was had.
    position = late.position
    late.stop()
    again = Back(position, ring.port, path, ada.token)
    post(ring, ring.channel_url(names[1], ada.token), 21, 21)
    ring.wait(lambda: again.by_name.get(names[1]) == [21])
    assert not [event for event, _ in again.others if event == "reset"], again.others
    again.stop()


@pytest.mark.parametrize("kind", ["bot", "extension"])
def test_bots_and_extensions(kept, name, kind):
    ring, ada = kept, kept.user(name)
    place = name[:40]
    if kind == "bot":
        ring.bot(place, ada)
        url, read = ring.bot_url(place, ada.token), ("bots", place)
    else:
        apps = ring.extension(place, ada)
        url, read = ring.extension_url(apps["sandbox"], ada.token), ("applications", apps["sandbox"].app_id)
    shown = ring.ctl(kind, "edit", place, "--retention", "days=2,bytes=16000")
    assert shown["retention"] == {"days": 2, "messages": None, "bytes": 16000}
    post(ring, url, 1, 30)
    pause(ring, kind, 3 * MINUTE)
    ring.wait(lambda: 5 < len(ring.messages(*read, ada.token)) < 14)
    assert ring.messages(*read, ada.token)[-1]["sequence"] == 30
    pause(ring, kind, 3 * DAY)
    ring.wait(lambda: ring.messages(*read, ada.token) == [])
    assert ring.ctl(kind, "edit", place, "--retention", "none")["retention"] is None


def test_what_cannot_be_kept_is_refused(kept, name):
    ring, ada = kept, kept.user(name)
    made = ring.channel(name, ada)
    assert made["retention"] is None
    for given, field in (({"days": 21}, "retention.days"), ({"days": 0}, "retention.days"), ({"messages": "5"}, "retention.messages"),
                         ({"bytes": -1}, "retention.bytes"), ({"weeks": 1}, "retention"), (7, "retention"), ([], "retention")):
        answer = ring.admin("PUT", f"/channels/{name}", ring.management_token(ada), {"retention": given})
        refused(answer, 400, "invalid_param")
        assert answer.json()["details"]["field"] == field
    assert "worker.retention_days" in ring.admin("PUT", f"/channels/{name}", ring.management_token(ada), {"retention": {"days": 21}}).json()["message"]
    bob = ring.user(name + "b")
    refused(ring.admin("PUT", f"/channels/{name}", ring.management_token(bob), {"retention": None}), 403, "not_allowed")
    ring.manage("channel_edit", name, retention={"days": 20})
    audit = ring.manage("audit_list", order="desc", limit=5)["rows"]
    assert any("retention" in json.dumps(row) and row["op"] == "channel_edit" for row in audit), audit


def test_a_key_outlives_what_its_message_began_with(kept, name):
    """Five posts over 32 days, of which 20 are kept: one message with four revisions, and a resend is none."""
    ring, ada = kept, kept.user(name)
    ring.channel(name, ada)
    url = ring.channel_url(name, ada.token, sync_message="true")

    def say(text, key):
        answer = ring.post(url, {"text": text, "message_key": "board"}, headers={"Idempotency-Key": f"{name}{key}"})
        assert answer.status_code == 200, answer.text
        return answer.json()["message_id"], answer.json()["revision"]

    said = [say("1", 1)]
    for first in (2, 4):
        pause(ring, "channel", 16 * DAY)
        said += [say(str(i), i) for i in (first, first + 1, first + 1)]
    assert [revision for _, revision in said] == [0, 1, 2, 2, 3, 4, 4] and len({message for message, _ in said}) == 1
    row, = ring.messages("channelsbyname", name, ada.token)
    assert (row["id"], row["message"]["text"], row["revision"]) == (said[0][0], "5", 4)
    rows = ring.messages("channelsbyname", name, ada.token, revisions=1)
    assert [(row["message"]["text"], row.get("revision", 0)) for row in rows] == [("2", 1), ("3", 2), ("4", 3), ("5", 4)]


def test_what_is_left_goes_along(kept, name):
    """Last: everything is checked as it lies, and dealt out to other shards."""
    ring, ada = kept, kept.user(name)
    ring.channel(name, ada)
    ring.manage("channel_edit", name, retention={"messages": 3})
    post(ring, ring.channel_url(name, ada.token), 1, 9)
    pause(ring, "channel", 3 * MINUTE)
    ring.wait(lambda: numbers(ring, "channelsbyname", name, ada.token) == [7, 8, 9])
    ring.stop()
    assert ring.ctl_run("check").returncode == 0
    assert ring.ctl_run("reshard", "channel", "2").returncode == 0, ring.logs()
