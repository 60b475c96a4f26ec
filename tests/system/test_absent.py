"""A part that is away for a while: the others do not notice, and what was held is stored once."""

import contextlib
import json
import random
import threading
import time

import pytest

from harness import postern
from harness.connection import Closed, Connection


class Load:
    """Writers, a connection each, that post unique texts to one channel until stopped."""

    def __init__(self, ring, channel, token, writers=4, pause=0.005):
        self.ring, self.pause = ring, pause
        self.path = f"/api/v2/channelsbyname/{channel}/message?zapikey={token}"
        self.sent, self.acknowledged, self.refused = 0, set(), []
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self._write, args=(i,)) for i in range(writers)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        for thread in self.threads:
            thread.join(40 * postern.SLOW)
            assert not thread.is_alive(), "a request was never answered"

    def _write(self, number):
        n = 0
        with Connection(self.ring.port) as connection:
            while not self.stopped.is_set():
                n += 1
                text = f"{number}.{n}"
                answer = connection.post(self.path, json.dumps({"text": text}).encode())
                self.sent += 1
                if answer.status == 204:
                    self.acknowledged.add(text)
                else:
                    self.refused.append(answer.code)
                time.sleep(self.pause)

    def check(self, texts):
        assert len(texts) == len(set(texts)), "a message is there twice"
        assert self.acknowledged <= set(texts), self.acknowledged - set(texts)


@pytest.fixture
def two(make_ring):
    """A ring with two channel shards and a channel in each: (ring, user, [channel of 0, of 1])."""
    own = make_ring(shards={"channel": 2}).up()
    ada = own.user("ada")
    placed = {}
    for number in range(40):
        if len(placed) == 2:
            break
        name = f"c{number}"
        own.channel(name, ada)
        before = own.metric("channel-0", "stored_total")
        assert own.post(own.channel_url(name, ada.token), {"text": "first"}).status_code == 204
        placed.setdefault(0 if own.metric("channel-0", "stored_total") > before else 1, name)
    return own, ada, [placed[0], placed[1]]


@pytest.mark.parametrize("how", ["stopped", "dead"])
def test_a_shard_that_is_back_in_time_fails_no_request(make_ring, how):
    ring = make_ring().spawn_all()
    ada = ring.user("ada")
    ring.channel("held", ada)
    with Load(ring, "held", ada.token) as load:
        time.sleep(1)
        if how == "stopped":
            ring.pause("channel-0")
            time.sleep(4)
            ring.resume("channel-0")
        else:
            ring.spawned.pop("channel-0").kill()
            time.sleep(4)
            ring.spawn("channel")
        ring.wait_ready("channel-0")
        time.sleep(1)
    assert load.refused == []
    load.check(ring.texts("held", ada.token))


@pytest.mark.parametrize("kind", ["authd", "router"])
def test_a_hop_that_is_away_too_long_is_503_and_heals(make_ring, kind):
    ring = make_ring(settings={"gateway.deadline_ms": 2000}).spawn_all()
    ada = ring.user("ada")
    ring.channel("cut", ada)
    url = ring.channel_url("cut", ada.token)
    ring.spawned.pop(f"{kind}-0").kill()
    began = time.monotonic()
    answer = ring.post(url, {"text": "cut off"})
    took = time.monotonic() - began
    assert answer.status_code == 503 and answer.json()["code"] in ("unavailable", "not_confirmed")
    assert took >= 1.5
    postern.in_time(took, 3 + postern.SLOW)
    refused = ring.get(ring.url("/api/v2/channelsbyname/cut/messages", ada.token))
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable"), "nothing could be stored by it"
    ring.spawn(kind)
    ring.wait_ready(*ring.names)
    assert ring.post(url, {"text": "healed"}).status_code == 204
    assert ring.texts("cut", ada.token)[-1] == "healed"


@pytest.mark.slow
def test_any_process_at_any_moment(two):
    """Kills and stops of random processes, two at a time now and then, for 10 s. Requests may be
    refused here, as several parts are away at once; nothing may be lost or stored twice."""
    ring, ada, (first, second) = two
    seed = random.randrange(1 << 31)
    dice = random.Random(seed)
    print(f"seed={seed}")
    victims = [name for name in ring.names if not name.startswith("gateway")]
    end = time.monotonic() + 10
    with Load(ring, first, ada.token) as one, Load(ring, second, ada.token) as other:
        while time.monotonic() < end:
            time.sleep(dice.uniform(0.1, 1))
            chosen = dice.sample(victims, dice.choice((1, 1, 2)))
            if dice.random() < 0.3:
                for name in chosen:
                    ring.pause(name)
                time.sleep(dice.uniform(0.5, 4.5))
                for name in chosen:
                    ring.resume(name)
            else:
                for name in chosen:
                    ring.kill(name)
            if dice.random() < 0.7:
                ring.wait_ready(*chosen)
        ring.wait_ready(*ring.names)
        time.sleep(2)
    print(f"{one.sent + other.sent} requests, "
          f"{len(one.refused) + len(other.refused)} refused")
    for load, channel in ((one, first), (other, second)):
        assert len(load.acknowledged) > 50, f"seed {seed}"
        load.check(ring.texts(channel, ada.token)[1:])
        with contextlib.suppress(Closed):
            assert ring.post(ring.channel_url(channel, ada.token), {"text": "end"}).status_code == 204


def test_a_gateway_that_is_told_to_end_answers_what_it_has(make_ring):
    """SIGTERM under load: no request that was taken is cut off."""
    ring = make_ring(gateways=1).spawn_all()
    ada = ring.user("ada")
    ring.channel("drain", ada)
    path = f"/api/v2/channelsbyname/drain/message?zapikey={ada.token}"
    ring.pause("channel-0")
    connections = [Connection(ring.port) for _ in range(20)]
    for number, connection in enumerate(connections):
        body = json.dumps({"text": str(number)}).encode()
        connection.send(f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {len(body)}\r\n\r\n"
                        .encode() + body)
    ring.wait(lambda: ring.metric("gateway-0", "inflight") == 20, what="20 in flight")
    gateway = ring.spawned.pop("gateway-0")
    gateway.terminate()
    time.sleep(0.3)
    ring.resume("channel-0")
    answers = [connection.answer() for connection in connections]
    assert [a.status for a in answers] == [204] * 20
    assert all(connection.closed() for connection in connections)
    assert gateway.wait(15 * postern.SLOW) == 0
    ring.spawn("gateway")
    assert sorted(ring.texts("drain", ada.token), key=int) == [str(n) for n in range(20)]


def test_authd_that_nobody_waits_for_ends(make_ring):
    """What authd itself wants to tell workers that are not there is told after its next start."""
    ring = make_ring()
    authd = ring.spawn("authd", settings={"process.drain_ms": 60000}, wait_ready=False)
    postern.wait(lambda: (state := ring.ready("authd-0")) and state["status"] == 200, 20, what="authd to be ready")
    postern.wait(lambda: ring.metric("authd-0", "forward_entries") > 0, what="a push that waits for a router")
    authd.terminate()
    assert authd.wait(30) == 0  # half of what a drain may take
