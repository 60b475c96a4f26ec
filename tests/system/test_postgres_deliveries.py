"""Bots and extensions whose journals lie in PostgreSQL: deliveries go on at the host that takes over."""

import collections
import json
import pathlib
import signal

import pytest

import takeover_campaign
from answering import Answering, deliveries, replies, settled
from harness import database
from test_outlets import Service, post

KINDS = ("bot", "extension")


@pytest.fixture(scope="module")
def server():
    with database.server_running() as made:
        yield made


class Moody(Answering):
    """Answers each event with a message; 503 while it FAILS, and 410 to what is to be dead until it is MENDED."""

    def __init__(self):
        self.fails = self.mended = False
        self.roots = {}  # by the text of an event: the message that its answer is about
        super().__init__(self._say)

    def _say(self, event, count):
        if self.fails:
            return 503, {}
        if event["body"] == '"dead"' and not self.mended:
            return 410, {}
        about = self.roots.get(event["body"])
        return 200, {"text": f"answer to {event['body']}", **({"thread_message_id": about} if about else {})}


def test_deliveries_go_on_at_the_host_that_takes_over(server, make_ring, name):
    """Its workers are killed while events wait: each is called at least once, and its reply posted once. What the former host did
    is in the log of the new one, where dead letters are retried and replayed. A channel's outlet, whose deliveries the worker of an
extension makes, goes on in order, and answers find the messages that they are about."""
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

    with Moody() as handler, Service() as service:
        ring.ctl("bot", "handler", "set", name, handler.url)
        ring.ctl("extension", "handler", "set", name, handler.url, "--environment", "sandbox")
        send("one", "two")
        for kind, (target, _) in places.items():
            settled(ring, kind, target, ada.token)
        handler.roots = {'"three"': replies(ring, "bots", name, ada.token)[0]["id"]}
        ring.channel(name, ada)
        outlet = ring.ctl("outlet", "create", name, "generic", "--url", service.url)["id"]
        post(ring, name, ada, "pushed 0")
        service.bodies(1)
        service.fails = 1 << 30
        for i in range(1, 4):
            post(ring, name, ada, f"pushed {i}")
        send("dead", kinds=("bots",))
        ring.wait(lambda: rows("bots", state="dead"), 20, what="the dead letter")
        ring.ctl("bot", "handler", "set", name, handler.url)
        handler.fails = True
        send("three", "four")
        for kind in places:
            ring.wait(lambda kind=kind: any(row["made"] for row in rows(kind, state="pending")), 20, what="an attempt that failed")
        ring.wait(lambda: service.refused, 20, what="a push that failed")
        for host in first.values():
            assert host.end(signal.SIGKILL) == -signal.SIGKILL
        for host in second.values():
            host.wait("serves")
        handler.fails, service.fails = False, 0
        assert [body["text"] for body in service.bodies(4)] == [f"pushed {i}" for i in range(4)]
        ring.wait(lambda: {one["state"] for one in deliveries(ring, "outlets", outlet, ada.token)} == {"delivered"}, 20,
                  what="the pushes to be noted")
        for kind, (target, _) in places.items():
            settled(ring, kind, target, ada.token)
            texts = collections.Counter(reply["message"]["text"] for reply in replies(ring, kind, target, ada.token))
            assert texts == {f'answer to "{text}"': 1 for text in ("one", "two", "three", "four")}, kind
            found = rows(kind, state="delivered")
            assert len(found) == 4 and all(row["attempts"][-1]["status"] == 200 for row in found)
            assert {attempt["status"] for row in found for attempt in row["attempts"]} == {200, 503}
        about = {m["message"]["text"]: m.get("thread") for m in replies(ring, "bots", name, ada.token)}
        root, = [m["sequence"] for m in replies(ring, "bots", name, ada.token) if m["id"] in handler.roots.values()]
        assert about['answer to "three"'] == root and about['answer to "four"'] is None
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
