"""posternctl format replay: events that a format failed at become messages once it is mended."""

import concurrent.futures
import json
import shutil
import signal

import pytest

from harness import postern
from harness.connection import post

BROKEN = "{{ each a most 100 }}{{ each body.a most 100 }}{{ each body.a most 100 }}{{ index }}{{ end }}{{ end }}{{ end }}"
EVENT = {"what": "done", "a": list(range(100))}


def write(directory, text, dropped="none"):
    """The format gives TEXT, but for events with DROPPED, of which it wants nothing; None: there is no such format."""
    place = directory / "busy"
    if text is None:
        shutil.rmtree(place)
        return
    place.mkdir(exist_ok=True)
    rules = [{"if": dropped, "drop": True}, {"message": {"text": text}}]
    (place / "format.json").write_text(json.dumps({"sender": "busy", "rules": rules}))


@pytest.fixture(scope="module")
def own():
    directory = postern.scratch("f-")
    directory.chmod(0o755)
    write(directory, BROKEN)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def ring(own):
    with postern.Ring(settings={"worker.formats": own}) as made:
        yield made.up()


@pytest.fixture
def ada(ring, name):
    return ring.user(name)


@pytest.fixture
def broken(ring, own):
    """The format fails; mend (text) gives it another text."""
    def put(text, **more):
        loaded = ring.logs().count("formats.loaded")
        write(own, text, **more)
        ring.kill("channel-0", signal.SIGHUP)
        postern.wait(lambda: ring.logs().count("formats.loaded") > loaded, what="the formats")
    put(BROKEN)
    return put


@pytest.fixture
def fail(ring, channel, ada):
    def events(count, **more):
        url = ring.url(f"/api/v2/channelsbyname/{channel}/incoming/busy", ada.token, of="url")
        for number in range(count):
            assert ring.post(url, {**EVENT, "number": number, **more}).headers["Postern-Format"] == "failed"
    return events


def ask(ring, token, channel, **params):
    return ring.post(ring.url(f"/api/v2/channelsbyname/{channel}/failed/replay", token, **params))


def counts(answer):
    assert answer.status_code == 200, answer.text
    return {name: value for name, value in answer.json().items() if value and name != "failures"}


def test_a_replay_after_a_mend(ring, channel, ada, broken, fail):
    fail(3)
    before = ring.messages("channelsbyname", channel, ada.token)
    again = ask(ring, ada.token, channel)
    assert counts(again) == {"matched": 3, "failed": 3}
    assert again.json()["failures"][0] == {"sequence": 1, "format": "busy", "reason": again.json()["failures"][0]["reason"]}
    assert "20000 steps" in again.json()["failures"][0]["reason"]
    broken("{{ what }} {{ number }} {{ query.of }}")
    assert counts(ask(ring, ada.token, channel, dry_run="true")) == {"matched": 3, "done": 3}
    assert ring.messages("channelsbyname", channel, ada.token) == before
    assert counts(ask(ring, ada.token, channel)) == {"matched": 3, "done": 3}
    after = ring.messages("channelsbyname", channel, ada.token)
    assert after[:3] == before and [row["message"]["text"] for row in after[3:]] == ["done 0 url", "done 1 url", "done 2 url"]
    assert all(row["sender"] == before[0]["sender"] and "failed" not in row and "event" not in row for row in after[3:])
    # another time, and with another text: nothing is stored twice
    broken("{{ what }}!")
    assert counts(ask(ring, ada.token, channel)) == {"matched": 3, "already": 3}
    assert ring.messages("channelsbyname", channel, ada.token) == after


def test_a_replay_of_what_changed_a_message(ring, channel, ada, broken):
    """What is made again is a message of its own, and leaves alone the one that its event was a revision of."""
    url = ring.url(f"/api/v2/channelsbyname/{channel}/incoming/busy", ada.token, message_key="build")
    for number in range(2):
        assert ring.post(url, {**EVENT, "number": number}).headers["Postern-Format"] == "failed"
    [before] = ring.messages("channelsbyname", channel, ada.token)
    assert before["revision"] == 1
    broken("{{ number }}")
    assert counts(ask(ring, ada.token, channel)) == {"matched": 2, "done": 2}
    after = ring.messages("channelsbyname", channel, ada.token)
    assert after[0] == before and [row["message"]["text"] for row in after[1:]] == ["0", "1"]
    assert all("revision" not in row for row in after[1:])
    broken("{{ number }}")
    edited = ring.post(ring.channel_url(channel, ada.token), {"text": "anew", "message_key": "build"})
    assert edited.status_code == 204
    assert [row["message"]["text"] for row in ring.messages("channelsbyname", channel, ada.token)] == ["anew", "0", "1"]


def test_what_it_is_asked_for(ring, channel, ada, broken, fail):
    fail(5)
    ring.post(ring.channel_url(channel, ada.token), {"text": "between"})
    broken("{{ number }}")
    assert counts(ask(ring, ada.token, channel, since="2099-01-01T00:00:00Z")) == {}
    first = ask(ring, ada.token, channel, limit=2)
    assert counts(first) == {"matched": 2, "done": 2, "next": 3}
    assert counts(ask(ring, ada.token, channel, **{"from": 3, "since": "1h"})) == {"matched": 3, "done": 3}
    assert counts(ask(ring, ada.token, channel)) == {"matched": 5, "already": 5}
    assert ring.texts(channel, ada.token)[5:] == ["between", "0", "1", "2", "3", "4"]
    for wrong in ({"limit": 65}, {"since": "soon"}, {"dry_run": "perhaps"}, {"from": 0}, {"form": 1}):
        refused = ask(ring, ada.token, channel, **wrong)
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_param") and list(wrong)[0] in refused.json()["message"]


SLICE = 2000  # REPLAY_SLICE of workers/post/replay.h


def test_events_far_apart(ring, raw, channel, ada, broken, fail):
    """The journal is read a slice at a time, and a message that was made already lies in another slice than its event."""
    fail(1)
    path, body = f"/api/v2/channelsbyname/{channel}/message?zapikey={ada.token}", json.dumps({"text": "between"}).encode()
    for _ in range(0, SLICE, 50):
        raw.send(post(path, body) * 50)
        assert all(raw.answer().status == 204 for _ in range(50))
    fail(1)
    broken("{{ number }}")
    assert counts(ask(ring, ada.token, channel)) == {"matched": 2, "done": 2}
    assert counts(ask(ring, ada.token, channel)) == {"matched": 2, "already": 2}
    assert ring.history("channelsbyname", channel, ada.token, order="desc", limit=2)["messages"][1]["sequence"] == SLICE + 3


def test_what_the_format_drops_by_now(ring, channel, ada, broken, fail):
    fail(1, drop=True)
    broken("x", dropped="drop")
    assert counts(ask(ring, ada.token, channel)) == {"matched": 1, "dropped": 1}
    broken(None)
    gone = ask(ring, ada.token, channel)
    assert counts(gone) == {"matched": 1, "failed": 1} and "no format of this name" in gone.json()["failures"][0]["reason"]


def test_only_the_owner(ring, channel, ada, name, broken, fail):
    fail(1)
    eve = ring.user(f"eve_{name}")
    ring.ctl("channel", "member", "add", channel, eve.email)
    assert ask(ring, eve.token, channel).status_code == 403
    assert ask(ring, None, channel).status_code == 401
    broken("{{ number }}")
    assert counts(ask(ring, ada.token, channel)) == {"matched": 1, "done": 1}


def test_a_worker_that_is_killed_meanwhile(ring, channel, ada, broken, fail):
    """What was stored before is there once, and the request is sent to the worker that comes."""
    fail(64)
    broken("{{ number }}")
    ring.pause("channel-0")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, ring, ada.token, channel)
        ring.kill("channel-0")
        answer = asked.result(60)
    total = counts(answer)
    assert total.pop("done", 0) + total.pop("already", 0) == 64 and total == {"matched": 64}
    assert sorted(ring.texts(channel, ada.token)[64:], key=int) == [str(number) for number in range(64)]


def test_posternctl(ring, channel, ada, broken, fail, tmp_path):
    fail(70)
    tried = json.loads(ring.ctl_run("format", "try", "busy", "--formats", ring.settings["worker.formats"], "--last", channel,
                                    "--json").stdout)
    assert tried["format"] == "busy" and tried["outcome"] == "failed"
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "format.json").write_text(json.dumps({"sender": "mine", "rules": [{"message": {"text": "{{ number }} {{ query.of }}"}}]}))
    tried = json.loads(ring.ctl_run("format", "try", mine, "--last", channel, "--json").stdout)
    assert tried["message"] == {"text": "69 url"}
    broken("{{ number }}")
    assert ring.ctl("format", "replay", channel, "--since", "1h", "--dry-run") == {
        "matched": 70, "done": 70, "already": 0, "dropped": 0, "failed": 0, "failures": []}
    shown = ring.ctl_run("format", "replay", channel)
    assert shown.returncode == 0 and shown.stdout.split()[:4] == ["matched:", "70", "done:", "70"], shown.stdout
    assert ring.texts(channel, ada.token)[70:] == [str(number) for number in range(70)]
    audited = ring.ctl("audit", "list", "--limit", "5")["rows"]
    assert any(entry["op"] == "channel_replay" for entry in audited)
