"""What whoever opens the control socket reads without a token: history, deliveries, dead letters."""

import json
import subprocess
import time

import pytest

from answering import Answering, deliveries
from harness import postern


@pytest.fixture(scope="module")
def calling():
    with postern.Ring(settings={"delivery.allow": "127.0.0.0/8", "delivery.time_scale": 100}) as made:
        yield made.up()


def rows_of(ring, op):
    return [row for row in ring.ctl("audit", "list", "--limit", "50")["rows"] if row["op"] == op]


def test_history_needs_no_token_on_the_machine_and_is_audited(ring, name):
    ada = ring.user(name)
    ring.channel(name, ada)
    for i in range(1, 131):
        assert ring.post(ring.channel_url(name, ada.token), {"text": f"say {i}"}).status_code == 204
    assert [row["message"]["text"] for row in ring.ctl("history", "channel", name, "--last", "2")["messages"]] \
        == ["say 129", "say 130"]
    assert len(ring.ctl("history", "channel", name)["messages"]) == 130  # over several pages
    assert ring.ctl("history", "channel", name, "--limit", "1")["messages"] \
        == ring.history("channelsbyname", name, ada.token, limit=1)["messages"]
    row = rows_of(ring, "channel_history")[-1]
    assert (row["who"], row["from"]) == ("control", "local")
    assert row["object"] == f"{ring.ctl('channel', 'show', name)['id']} {name}"
    assert row["changes"] == {"given": {"limit": 1, "order": "asc"}}
    # a token that is given is used, and a user's reads are nobody else's business
    before = len(rows_of(ring, "channel_history"))
    ring.ctl("history", "channel", name, "--token-file", "-", input=ada.token)
    assert len(rows_of(ring, "channel_history")) == before


def test_a_reading_that_goes_on_is_one_row(ring, name):
    """However many pages it takes, and however often it asks for what comes."""
    ada = ring.user(name)
    ring.channel(name, ada)
    for i in range(1, 231):
        assert ring.post(ring.channel_url(name, ada.token), {"text": f"say {i}"}).status_code == 204
    assert len(ring.ctl("history", "channel", name)["messages"]) == 230
    assert len(ring.ctl("history", "channel", name, "--last", "220")["messages"]) == 220
    words = [str(postern.BIN / "posternctl"), "history", "channel", name, "--last", "1", "--follow", "-c",
             str(ring.conf), *ring._overrides()]
    with subprocess.Popen(words, env=ring.environment, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout.readline().strip().endswith("say 230")
        time.sleep(3)  # six times as often as it asks
        ring.post(ring.channel_url(name, ada.token), {"text": "and this"})
        assert follower.stdout.readline().strip().endswith("and this")
        follower.terminate()
    rows = [row for row in rows_of(ring, "channel_history") if row["object"].endswith(name)]
    assert [row["changes"]["given"] for row in rows] == [
        {"limit": 100, "order": "asc", "follow": True},
        {"limit": 100, "order": "desc", "follow": True},
        {"limit": 1, "order": "desc", "follow": True},
        {"limit": 100, "order": "asc", "from": 231, "follow": True}]


def test_what_cannot_be_recorded_is_not_read(make_ring):
    ring = make_ring().up()
    ada = ring.user("ada")
    ring.channel("c", ada)
    assert ring.post(ring.channel_url("c", ada.token), {"text": "kept"}).status_code == 204
    place, aside = ring.dir / "data" / "directory", ring.dir / "aside"
    place.rename(aside)
    for more in ((), ("--last", "200")):
        with pytest.raises(postern.CtlError) as refused:
            ring.ctl("history", "channel", "c", *more)
        assert refused.value.code == "unavailable" and "recorded in the audit" in refused.value.message
    aside.rename(place)
    ring.wait(lambda: ring.ctl_run("history", "channel", "c").returncode == 0, what="the directory to be back")


def test_refusals_say_what_was_wrong(ring, name):
    ada = ring.user(name)
    ring.channel(name, ada)
    for words, code in ((("history", "channel", "no_such"), "unknown_channel"),
                        (("history", "bot", "no_such"), "unknown_bot"),
                        (("history", "extension", "no_such"), "unknown_app"),
                        (("history", "extension", "17"), "unknown_app"),
                        (("delivery", "list", "bot", "no_such"), "unknown_bot")):
        with pytest.raises(postern.CtlError) as refused:
            ring.ctl(*words)
        assert refused.value.code == code, words
    with pytest.raises(postern.CtlError) as refused:
        ring.manage("channel_history", name, limit=0)
    assert refused.value.code == "invalid_param" and "limit" in refused.value.message
    with pytest.raises(postern.CtlError) as refused:
        ring.manage("channel_message", name, text="no")  # what is posted is a user's
    assert refused.value.code == "not_allowed"
    with pytest.raises(postern.CtlError) as refused:
        ring.manage("channel_history", name, zapikey=ada.token)  # which the audit would keep
    assert refused.value.code == "invalid_param"
    assert ada.token not in ring.ctl_run("audit", "export", check=True).stdout
    # nothing was read, and nothing recorded, of what is not there
    assert not [row for row in rows_of(ring, "channel_history") if "no_such" in row["object"]]


def test_what_is_archived_can_be_read(ring, name):
    ada = ring.user(name)
    ring.channel(name, ada)
    assert ring.post(ring.channel_url(name, ada.token), {"text": "kept"}).status_code == 204
    ring.ctl("channel", "delete", name)
    message, = ring.ctl("history", "channel", name)["messages"]
    assert message["message"]["text"] == "kept"


def retried(ring, name, dead):
    """The worker is told of a handler after it has been set."""
    try:
        return ring.ctl("delivery", "retry", "bot", name, str(dead["number"]))
    except postern.CtlError as refused:
        assert refused.code == "conflict"
    return None


def test_events_deliveries_and_dead_letters(calling, name):
    ada = calling.user(name)
    calling.bot(name, ada)
    app = calling.extension(name, ada)
    with Answering(lambda event, count: (410, b"")) as handler:
        calling.ctl("bot", "handler", "set", name, handler.url)
        assert calling.post(calling.bot_url(name, ada.token), {"n": 1}).status_code == 200
        calling.wait(lambda: deliveries(calling, "bots", name, ada.token, state="dead"), 20)
    dead, = calling.ctl("dlq", "list", "bot", name)["deliveries"]
    shown = calling.ctl("delivery", "show", "bot", name, str(dead["number"]))
    assert shown["state"] == "dead" and shown["id"] == dead["id"]
    event, = calling.ctl("history", "bot", name)["messages"]
    assert json.loads(event["event"]["body"]) == {"n": 1}
    with Answering(lambda event, count: (200, b"")) as handler:
        calling.ctl("bot", "handler", "set", name, handler.url)
        calling.wait(lambda: retried(calling, name, dead), 20)
        calling.wait(lambda: deliveries(calling, "bots", name, ada.token, state="delivered"), 20)
    assert calling.ctl("delivery", "show", "bot", name, str(dead["number"]))["state"] == "delivered"
    row = rows_of(calling, "bot_delivery_retry")[-1]
    assert row["who"] == "control" and row["changes"]["given"]["id"] == str(dead["number"])
    assert calling.post(calling.extension_url(app["sandbox"], ada.token), {"n": 2}).status_code == 200
    event, = calling.ctl("history", "extension", name)["messages"]
    assert event["event"]["environment"] == "sandbox"


def test_a_worker_that_is_away_answers_when_it_is_back(make_ring):
    ring = make_ring()
    ring.spawn_all()
    ada = ring.user("ada")
    ring.channel("c", ada)
    assert ring.post(ring.channel_url("c", ada.token), {"text": "kept"}).status_code == 204
    ring.spawned["channel-0"].kill()
    ring.spawned["channel-0"].wait()
    # A read that the dead one may have had is not sent again: test_deaths.py.
    ring.wait(lambda: ring.metric("router-0", "shards_present", kind="channel") == 0)
    words = [str(postern.BIN / "posternctl"), "history", "channel", "c", "-c", str(ring.conf), "--json",
             *ring._overrides()]
    reading = subprocess.Popen(words, env=ring.environment, stdout=subprocess.PIPE, text=True)
    time.sleep(0.7)
    ring.spawned.pop("channel-0")
    ring.spawn("channel")
    out, _ = reading.communicate(timeout=30 * postern.SLOW)
    assert reading.returncode == 0 and json.loads(out)["messages"][0]["message"]["text"] == "kept"
    ring.spawned["channel-0"].kill()
    ring.spawned["channel-0"].wait()
    began = time.monotonic()
    with pytest.raises(postern.CtlError) as refused:
        ring.ctl("history", "channel", "c")
    assert refused.value.code == "unavailable"
    postern.in_time(time.monotonic() - began, 20 * postern.SLOW)
