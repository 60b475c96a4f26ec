"""A request that its worker dies of: what reads is not sent again after two deaths, what writes not after two
alone or three among others, which are answered. The worker is a rogue that dies when it is told to."""

import itertools
import json
import os
import time

import pytest

from harness import postern
from harness.connection import Connection, post
from harness.rogue import CREDIT, GOODBYE, REPLIES, REQUESTS, WORKER, Rogue, reply

import tables

ATTEMPT, OP, ID, ORIGIN = 2, 4, 0, 1
TOLD = next(int(op.number) for op in tables.ops() if op.name == "channel_formats_push")


class Worker(Rogue):
    """The channel worker, which lives again and again under one name and journal."""

    def __init__(self, ring):
        super().__init__(ring, "router-workers", "channel-0")
        self.journal, self.process = os.urandom(16), 1

    def begin(self):
        self.greet(WORKER, kind=0, shard=0, shards=1, journal=self.journal, news=self.process)

    def wake(self):
        """The same process with another instance, as after a pause."""
        self.instance, self.peer = int.from_bytes(os.urandom(8), "big") | 1, 0
        self.begin()

    def die(self):
        self.process += 1
        self.wake()

    def batch(self, seconds=3):
        """The entries of the next batch of requests, and its number; none when none comes. What authd
        tells of formats is taken, and passed over."""
        end = time.monotonic() + seconds * postern.SLOW
        while found := self.receive(REQUESTS, seconds=(end - time.monotonic()) / postern.SLOW):
            entries, number = [entry for entry in found[1][5] if entry[OP] != TOLD], found[1][4]
            if entries:
                return entries, number
            self.send(self.header(CREDIT, number))
        return [], 0

    def answer(self, entries, number, status=204):
        answers = [reply(status) for _ in entries]
        for made, entry in zip(answers, entries):
            made[0], made[1], made[2] = entry[ID], entry[ORIGIN], entry[ATTEMPT]
        self.send(self.header(REPLIES, 0, answers))
        self.send(self.header(CREDIT, number))


def degraded(ring, name):
    """It serves, though not all workers are there."""
    told = ring.ready(name)
    return told and told["ready"]


@pytest.fixture(scope="module")
def ring():
    made = postern.Ring(settings={"gateway.deadline_ms": 5000})
    for kind in ("authd", "router", "gateway"):
        made.spawn(kind, wait_ready=False)
    made.wait(lambda: degraded(made, "authd-0") and degraded(made, "gateway-0"), 30, what="the ring")
    made.ada = made.user("ada")
    made.channel("deadly", made.ada)
    yield made
    made.close()


@pytest.fixture
def worker(ring):
    with Worker(ring) as made:
        made.begin()
        yield made
        made.send(made.header(GOODBYE, 0, [1, 1, 1]))


def path(ring, what):
    return f"/api/v2/channelsbyname/deadly/{what}?zapikey={ring.ada.token}"


def write(ring, text="x"):
    return post(path(ring, "message"), json.dumps({"text": text}).encode())


def read(ring):
    return post(path(ring, "messages"), method="GET")


def test_what_reads_is_sent_again_once(ring, worker, raw):
    """The first death may be a kill; of the second it is refused."""
    raw.send(read(ring))
    first, _ = worker.batch()
    assert len(first) == 1
    worker.die()
    again, _ = worker.batch()
    assert again[0][ID] == first[0][ID]
    began = time.monotonic()
    worker.die()
    answer = raw.answer()
    assert (answer.status, answer.code) == (500, "internal"), answer
    assert "died" in answer.json()["message"]
    postern.in_time(time.monotonic() - began, 2 * postern.SLOW)
    assert worker.batch(2.6 / postern.SLOW) == ([], 0)


def test_what_writes_is_not_sent_again_after_two_deaths(ring, worker, raw):
    raw.send(write(ring))
    first, _ = worker.batch()
    worker.die()
    again, _ = worker.batch()
    assert again[0][ID] == first[0][ID] and again[0][ATTEMPT] > first[0][ATTEMPT]
    before = ring.metric("router-0", "not_sent_again_total")
    worker.die()
    answer = raw.answer()
    assert (answer.status, answer.code) == (503, "not_confirmed"), answer
    assert worker.batch(0.1) == ([], 0)
    assert ring.metric("router-0", "not_sent_again_total") > before


def test_others_that_were_there_are_answered(ring, worker):
    """They are sent again together once, as after any kill, then one by one, so that the third death
    is that of one alone."""
    crowd = [Connection(ring.port) for _ in range(9)]
    for connection in crowd:
        connection.send(write(ring))
    there, ids = [], set()
    while len(ids) < len(crowd):
        entries, number = worker.batch()
        there.append(entries)
        ids |= {entry[ID] for entry in entries}
        if len(ids) < len(crowd):
            worker.send(worker.header(CREDIT, number))  # taken over, not answered
    bad = there[-1][0][ID]
    worker.die()
    deaths = 1
    for _ in itertools.repeat(None, 60):
        entries, number = worker.batch(3 / postern.SLOW)
        if not entries:
            break
        if any(entry[ID] == bad for entry in entries):
            assert deaths == 1 or len(entries) == 1, "the one to blame has company"
            deaths += 1
            worker.die()
        else:
            worker.answer(entries, number)
    assert deaths == 3
    statuses = sorted(connection.answer().status for connection in crowd)
    assert statuses == [204] * (len(crowd) - 1) + [503]
    for connection in crowd:
        connection.close()


@pytest.mark.parametrize("how", ["pause", "goodbye"])
def test_a_pause_and_a_leave_are_no_deaths(ring, worker, raw, how):
    raw.send(read(ring))
    first, _ = worker.batch()
    if how == "pause":
        worker.wake()
    else:
        worker.send(worker.header(GOODBYE, 0, [1, 1, 1]))
        worker.die()
    again, number = worker.batch()
    assert again[0][ID] == first[0][ID]
    worker.answer(again, number, 200)
    assert raw.answer().status == 200
