"""What authd says to a gateway is lost, a reply at a time: what was changed is changed once, and readers lose nothing."""

import threading

import pytest

from harness import postern
from harness.postern import SLOW
from harness.relay import RELAYED, Relay
from reading_streams import Reader


@pytest.fixture(scope="module")
def between():
    """A ring, and the relays at authd's two sockets."""
    with postern.Ring(settings={"authd.rate": 0, **RELAYED}) as ring:
        ring.sockets.mkdir(parents=True, exist_ok=True, mode=0o700)
        with Relay(ring, "authd") as judged, Relay(ring, "authd-admin") as managed:
            yield ring.spawn_all(), judged, managed


def audited(ring, op, object_id):
    rows = ring.manage("audit_list", order="desc", limit=200)["rows"]
    return sum(row["op"] == op and object_id in row["object"] for row in rows)


def test_a_change_whose_reply_is_lost_is_made_once(between, name):
    """The gateway asks again, and authd answers as before: a token is shown, and is the one that there is."""
    ring, _, managed = between
    ada = ring.user(name)
    token = ring.management_token(ada)
    managed.lose(lambda entry: entry[3] == 200)
    made = ring.admin("POST", f"/users/{ada.id}/tokens", token, {"name": "lost"}, headers={"Idempotency-Key": name})
    assert made.status_code == 200 and managed.lost, made.text
    assert audited(ring, "token_create", made.json()["id"]) == 1
    again = ring.admin("POST", f"/users/{ada.id}/tokens", token, {"name": "lost"}, headers={"Idempotency-Key": name})
    assert again.json() == made.json()
    rows = ring.manage("token_list", ada.email)["tokens"]
    assert sum(row["name"] == "lost" for row in rows) == 1


def test_a_right_that_is_taken_by_a_reply_that_is_lost(between, name):
    """The stream of who is out ends in time; that of who is in has all that was posted meanwhile, once and in order."""
    ring, judged, managed = between
    ada, eve = ring.user(name), ring.user(name + "_e")
    channel = ring.channel(name, ada)
    ring.ctl("channel", "member", "add", name, eve.email)
    path = f"/api/v2/channelsbyname/{name}/stream"
    token = ring.management_token(ada)
    # The grant of a stream is lost, too: it is opened all the same.
    judged.lose(lambda entry: entry[3] == 200)
    owner = Reader(ring.port, path, ada.token)
    assert owner.ready.wait(20 * SLOW), owner.others
    assert judged.lost and owner.opened == 1
    member = Reader(ring.port, path, eve.token)
    assert member.ready.wait(20 * SLOW)
    stop, stored = threading.Event(), []

    def write():
        while not stop.is_set():
            assert ring.post(ring.channel_url(name, ada.token), {"text": "x"}, timeout=30).status_code == 204
            stored.append(len(stored) + 1)

    writer = threading.Thread(target=write)
    writer.start()
    judged.lose(lambda entry: True)  # a lease's, if nothing else is said
    managed.lose(lambda entry: entry[3] == 200)
    gone = ring.admin("DELETE", f"/channels/{name}/members?user={eve.id}", token)
    assert gone.status_code == 200 and managed.lost, gone.text
    judged.wait_lost()
    ring.wait(lambda: any(event == "end" for event, _ in member.others), 20, what="the stream to end")
    stop.set()
    writer.join()
    assert [data["code"] for event, data in member.others if event == "end"] == ["not_allowed"]
    ring.wait(lambda: owner.got == stored, 20, what="the owner to have all")
    assert owner.opened == 1 and member.got == stored[:len(member.got)]
    assert audited(ring, "channel_member_remove", channel["id"]) == 1
    for reader in (owner, member):
        reader.stop()
