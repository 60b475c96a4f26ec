"""Sequences of frames, each of them valid alone, from rogues on both sides of every link: no process
may end by them, and afterwards each takes messages as before."""

import os
import random
import time

import pytest

from harness import postern, rogue
from harness.rogue import (AUTHD, CONTROL, CREDIT, GATEWAY, GOODBYE, HEARTBEAT, HELLO, INTERIM,
                           REPLIES, REQUESTS, ROUTER, WORKER, Host, Rogue)

FRAMES = 400
# A rogue that connects: where, and as what.
CONNECTS = {"authd": GATEWAY, "authd-admin": GATEWAY, "control": CONTROL, "router-requests": AUTHD,
            "router-workers": WORKER, "router-replies": GATEWAY}
# A rogue that binds: the setting whose second endpoint it is, of the processes that connect to it.
BINDS = {"rogue-authd": ("gateway.authd", "authd", AUTHD),
         "rogue-replies": ("gateway.routers", "router-replies", ROUTER),
         "rogue-requests": ("authd.routers", "router-requests", ROUTER),
         "rogue-workers": ("worker.routers", "router-workers", ROUTER)}


@pytest.fixture(scope="module")
def ring():
    """Every process but the router's worker of bots knows of a second, rogue peer."""
    settings = {setting: f"ipc://{true} ipc://{socket}" for socket, (setting, true, _) in BINDS.items()}
    with postern.Ring(settings, shards={"bot": 2}) as made:
        names = [name for name in made.names if name != "bot-1"]
        for name in names:
            made.spawn(*name.rsplit("-", 1), wait_ready=False)
        for name in names:
            made.wait(lambda name=name: (made.ready(name) or {}).get("status") == 200, 20,
                      what=f"{name} to serve")
        made.ada = made.user("ada")
        made.channel("calm", made.ada)
        made.pids = {name: made.pid(name) for name in names}
        yield made


@pytest.fixture(autouse=True)
def unharmed(ring):
    yield
    for name, pid in ring.pids.items():
        assert ring.pid(name) == pid, f"{name} has ended:\n{ring.logs()[-3000:]}"
    # A process that a rogue spoke for may have to come back: until then 503 is right.
    ring.wait(lambda: ring.post(ring.channel_url("calm", ring.ada.token), {"text": "still here"}).status_code == 204, 5)


class Sequence:
    """A peer that says what it likes, in any order; a seed gives the same words."""

    def __init__(self, peer, role, dice, hello):
        self.peer, self.role, self.dice, self.hello = peer, role, dice, hello
        self.instances = [peer.instance, peer.instance ^ 6]
        self.numbers = [0, 1, 2, 3, 2**63, 2**64 - 1]
        self.ids = [os.urandom(16) for _ in range(3)]

    def listen(self):
        """Learns the other's instance, and the numbers of its batches."""
        while self.peer.socket.poll(0):
            heard = self.peer.receive(*range(1, 8), seconds=0.01)
            if heard and heard[0] == HELLO:
                self.peer.peer = heard[1][2]
            elif heard and heard[0] in (REQUESTS, HEARTBEAT, CREDIT):
                self.numbers[3] = heard[1][4]

    def entry(self):
        entry = rogue.request(op=self.dice.choice([1, 2, 4, 20, 103, 110, 163, 999]), target="calm",
                              token=self.dice.choice(["", "pst_" + "a" * 36]), body=b"{}",
                              principal=self.dice.choice([None, rogue.principal()]),
                              time_left=self.dice.choice([0, 1, 5000]), origin=self.peer.instance)
        entry[0] = self.dice.choice([*self.ids, os.urandom(16)])
        entry[2] = self.dice.choice([1, 2, 2**32 - 1])
        return entry

    def reply(self):
        reply = rogue.reply(self.dice.choice([100, 204, 503, 599]), self.dice.choice([0, 1, 65535]),
                            self.dice.choice([self.peer.instance, self.peer.peer or 1]))
        reply[7] = [self.dice.randint(1, 12), 2**64 - 1] * self.dice.randint(0, 8)
        return reply

    def say(self):
        kind = self.dice.choice([REQUESTS, REPLIES, INTERIM, CREDIT, HEARTBEAT, HELLO, GOODBYE])
        number = self.dice.choice(self.numbers)
        kept = self.peer.instance, self.peer.peer
        self.peer.instance = self.dice.choice([kept[0]] * 8 + self.instances)
        self.peer.peer = self.dice.choice([kept[1]] * 8 + [0, 4711])
        if kind == HELLO:
            header = self.peer.hello(self.role, versions=self.dice.choice([(1, 1), (1, 3), (7, 9)]),
                                     news=self.dice.choice([0, 2**64 - 1]), **self.hello)
        elif kind == GOODBYE:
            header = self.peer.header(GOODBYE, 0, [self.dice.randint(0, 255) % 10, 1, 3])
        else:
            make = {REQUESTS: self.entry, REPLIES: self.reply, INTERIM: self.reply}.get(kind)
            entries = [make() for _ in range(self.dice.choice([1, 3]))] if make else []
            header = self.peer.header(kind, number, entries, version=3 if make else 1)
        self.peer.send(header)
        self.peer.peer = kept[1]

    def run(self):
        for _ in range(FRAMES):
            self.listen()
            self.say()
        self.listen()


def name_of(socket):
    return f"rogue-{socket}-{time.monotonic_ns() % 10**6}"


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("socket", sorted(CONNECTS))
def test_a_rogue_that_connects(ring, socket, seed):
    hello = {"kind": 1, "shard": 1, "shards": 2, "journal": b"j" * 16} if socket == "router-workers" else {}
    with Rogue(ring, socket, "bot-1" if hello else name_of(socket)) as peer:
        peer.greet(CONNECTS[socket], **hello)
        Sequence(peer, CONNECTS[socket], random.Random(f"{socket} {seed}"), hello).run()


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("socket", sorted(BINDS))
def test_a_rogue_that_is_connected_to(ring, socket, seed):
    role = BINDS[socket][2]
    with Host(ring, socket, "authd-9" if role == AUTHD else "router-9") as peer:
        peer.meet(role)
        Sequence(peer, role, random.Random(f"{socket} {seed}"), {}).run()
        peer.send(peer.header(GOODBYE, 0, [1, 1, 3]))


@pytest.mark.parametrize("reason", [1, 4], ids=["leaving", "journal"])
def test_a_batch_under_way_outlives_a_goodbye(ring, reason):
    """The worker names it in CREDIT when it is committed: to whom it does not know by then."""
    with Host(ring, "rogue-workers", "router-9", "channel-0") as router:
        router.meet(ROUTER)
        router.numbers = 500
        for _ in range(20):
            message = rogue.request(principal=rogue.principal(), body=True)
            router.send(router.requests(message), b'{"text":"x"}')
            router.send(router.header(GOODBYE, 0, [reason, 1, 3]))
            router.send(router.hello(ROUTER))
        router.numbers = 0
        last = rogue.request(principal=rogue.principal(), body=True)
        router.send(router.requests(last), b'{"text":"x"}')
        while (answer := router.receive(REPLIES))[1][5][0][0] != last[0]:
            pass
        assert answer[1][5][0][3] == 204


@pytest.mark.parametrize("versions, fields, version", [((1, 3), 9, 1), ((1, 4), 10, 4)])
def test_a_worker_tells_its_epoch_to_whom_understands_it(ring, versions, fields, version):
    with Host(ring, "rogue-workers", "router-9", "channel-0") as router:
        router.meet(ROUTER, versions=versions)
        hello = router.hello(ROUTER, versions=versions)
        hello[3] = 0  # for nobody it knows: to be answered
        router.send(hello)
        _, header, _ = router.receive(HELLO)
        assert (header[0], len(header[5])) == (version, fields)


def test_refusals_for_one_that_leaves_meanwhile(ring):
    """A full batch of them waits for the turn's end, and more come for the same origin."""
    batch = [rogue.request(op=999, principal=rogue.principal()) for _ in range(1024)]
    with Rogue(ring, "router-requests", name_of("authd")) as authd:
        authd.greet(AUTHD)
        ring.pause("router-0")
        for _ in range(10):
            gone = authd.instance
            authd.send(authd.requests(*batch))
            authd.send(authd.header(GOODBYE, 0, [1, 1, 3]))
            authd.instance += 2
            authd.send(authd.hello(AUTHD))
            header = authd.requests(*batch)
            for entry in batch:
                entry[1] = gone
            authd.send(header)
        ring.resume("router-0")
        while answer := authd.receive(REPLIES, seconds=0.5):
            assert {reply[1] for reply in answer[1][5]} == {answer[1][3]}, "another's replies"


def test_interim_replies_of_one_origin_go_on_together(ring):
    """One message each would let a worker hold up all others' replies to a gateway."""
    with Rogue(ring, "router-replies", name_of("gateway")) as gateway, \
            Rogue(ring, "router-workers", "bot-1") as worker:
        gateway.greet(GATEWAY)
        worker.greet(WORKER, kind=1, shard=1, shards=2, journal=b"j" * 16)
        mine, foreign = ([rogue.reply(status=202, origin=origin) for _ in range(300)] for origin in (gateway.instance, 1))
        worker.send(worker.header(INTERIM, 0, mine[:200] + foreign + mine[200:]))
        got = [gateway.receive(INTERIM)[1][5] for _ in range(2)]
        assert [[entry[0] for entry in batch] for batch in got] == [[entry[0] for entry in part]
                                                                    for part in (mine[:200], mine[200:])]
