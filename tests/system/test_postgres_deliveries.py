"""Bots and extensions whose journals lie in PostgreSQL: deliveries go on at the host that takes over."""

import collections
import json
import pathlib
import signal

import pytest

import takeover_campaign
from answering import Answering, deliveries, replies, settled
from harness import database

KINDS = ("bot", "extension")


@pytest.fixture(scope="module")
def server():
    with database.server_running() as made:
        yield made


class Moody(Answering):
    """Answers each event with a message; 503 while it FAILS, and 410 to what is to be dead until it is MENDED."""

    def __init__(self):
        self.fails = self.mended = False
        super().__init__(self._say)

    def _say(self, event, count):
        if self.fails:
            return 503, {}
        if event["body"] == '"dead"' and not self.mended:
            return 410, {}
        return 200, {"text": f"answer to {event['body']}"}


def test_deliveries_go_on_at_the_host_that_takes_over(server, make_ring, name):
    """Its workers are killed while events wait: each is called at least once, and its reply posted once. What the former host did
    is in the log of the new one, where dead letters are retried and replayed."""
    ring = make_ring(settings={"delivery.allow": "127.0.0.0/8", "delivery.time_scale": 100, "gateway.deadline_ms": 20000})
    ring.settings["worker.key"] = ring.dir / "worker.key"
    database.settled(ring, server, delivers=True)
    takeover_campaign.spawn_others(ring, KINDS)
    first = {kind: takeover_campaign.Host(ring, 10 + i, 0, kind) for i, kind in enumerate(KINDS)}
    for host in first.values():
        host.wait("serves")
    second = {kind: takeover_campaign.Host(ring, 20 + i, "any", kind) for i, kind in enumerate(KINDS)}
    for host in second.values():
        host.wait("spare")
    assert "postern-bot-postgres" in pathlib.Path(f"/proc/{first['bot'].process.pid}/maps").read_text()
    ring.wait_ready("router-0", "authd-0", "gateway-0")
    ada = ring.user(name)
    ring.bot(name, ada)
    app = ring.extension(name, ada)["sandbox"]
    places = {"bots": (name, ring.bot_url(name, ada.token)), "applications": (app.app_id, ring.extension_url(app, ada.token))}

    def send(*texts, kinds=tuple(places)):
        for kind in kinds:
            for text in texts:
                assert ring.post(places[kind][1], json.dumps(text)).status_code == 200

    def rows(kind, **params):
        return deliveries(ring, kind, places[kind][0], ada.token, **params)

    with Moody() as handler:
        ring.ctl("bot", "handler", "set", name, handler.url)
        ring.ctl("extension", "handler", "set", name, handler.url, "--environment", "sandbox")
        send("one", "two")
        for kind, (target, _) in places.items():
            settled(ring, kind, target, ada.token)
        send("dead", kinds=("bots",))
        ring.wait(lambda: rows("bots", state="dead"), 20, what="the dead letter")
        ring.ctl("bot", "handler", "set", name, handler.url)
        handler.fails = True
        send("three", "four")
        for kind in places:
            ring.wait(lambda kind=kind: any(row["made"] for row in rows(kind, state="pending")), 20, what="an attempt that failed")
        for host in first.values():
            assert host.end(signal.SIGKILL) == -signal.SIGKILL
        for host in second.values():
            host.wait("serves")
        handler.fails = False
        for kind, (target, _) in places.items():
            settled(ring, kind, target, ada.token)
            texts = collections.Counter(reply["message"]["text"] for reply in replies(ring, kind, target, ada.token))
            assert texts == {f'answer to "{text}"': 1 for text in ("one", "two", "three", "four")}, kind
            found = rows(kind, state="delivered")
            assert len(found) == 4 and all(row["attempts"][-1]["status"] == 200 for row in found)
            assert {attempt["status"] for row in found for attempt in row["attempts"]} == {200, 503}
        dead, = rows("bots", state="dead")
        assert [attempt["status"] for attempt in dead["attempts"]] == [410]
        handler.mended = True
        log = f"/api/v2/bots/{name}/deliveries"
        answer = ring.post(ring.url(f"{log}/retry", ada.token, id=dead["number"]))
        assert answer.status_code == 200, answer.text
        settled(ring, "bots", name, ada.token)
        handler.mended = False
        send("dead", kinds=("bots",))
        ring.wait(lambda: rows("bots", state="dead"), 20, what="another dead letter")
        ring.ctl("bot", "handler", "set", name, handler.url)
        handler.mended = True
        ring.wait(lambda: ring.post(ring.url(f"{log}/replay", ada.token)).status_code == 200, 20)
        ring.wait(lambda: len(rows("bots", state="delivered")) == 6, 20, what="the replay")
        assert len(replies(ring, "bots", name, ada.token)) == 6
        called = collections.Counter(event["id"] for event in handler.events)
        assert len(called) == 10 and min(called.values()) >= 1
    ring.stop()
