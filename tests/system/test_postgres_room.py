"""PostgreSQL has no room: the whole volume of the server is full, or that of its standby."""

import contextlib
import json
import random
import time

import pytest

import retention_campaign
from harness import database, lacking, postern
from harness.disk import Unavailable, fill, small_disk

MANY = 400
LIMIT = 8 << 20
# So that the server's log takes no more of a small disk than it must.
SETTINGS = {"min_wal_size": "32MB", "max_wal_size": "48MB", "shared_buffers": "16MB"}


@contextlib.contextmanager
def disk(mebibytes):
    with contextlib.ExitStack() as stack:
        try:
            place = stack.enter_context(small_disk(mebibytes))
        except Unavailable:
            lacking.skip("mount")
        place.chmod(0o755)
        yield place


@pytest.fixture(scope="module")
def volume():
    """A small disk, the server on it, and a ring whose bots it has."""
    with disk(256) as place, database.server_running(place / "server", settings=SETTINGS) as server:
        with postern.Ring(settings={"gateway.deadline_ms": 4000, "worker.retention_bytes": LIMIT}) as ring:
            yield place, server, database.settled(ring, server, delivers=True).up()


class Bot:
    def __init__(self, ring, name):
        self.ring, self.name, self.owner, self.stored = ring, name, ring.user(name), []
        ring.bot(name, self.owner)

    def post(self, number):
        """The answer, and how long it took. What is stored is remembered."""
        began = time.monotonic()
        answer = self.ring.post(self.ring.bot_url(self.name, self.owner.token), json.dumps({"number": number, "fill": random.Random(number).randbytes(125_000).hex()}),
                                headers={"Idempotency-Key": f"{self.name}-{number}"})
        if answer.status_code == 200:
            self.stored.append(number)
        return answer, time.monotonic() - began

    def until_refused(self, place, then=lambda: None):
        """Posts, fills the disk at PLACE meanwhile and does THEN, until one is not taken: its number, its answer, how long that took,
        and what fills the disk."""
        for number in range(MANY):
            answer, took = self.post(number)
            if answer.status_code != 200:
                break
            if number == 3:
                ballast = fill(place, 0)
                then()
        return number, answer, took, ballast

    def kept(self):
        return [json.loads(message["event"]["body"])["number"] for message in self.ring.messages("bots", self.name, self.owner.token)]


def test_a_standby_without_room_is_waited_for(volume, name):
    """What it does not have is not answered 2xx; with room it takes all, and what was refused is stored once when it comes again."""
    _, server, ring = volume
    bot = Bot(ring, name)
    with disk(160) as place:
        standby = server.standby(place / "standby")
        try:
            to_a_file_that_it_cannot_make = "SELECT pg_switch_wal()"
            number, answer, _, ballast = bot.until_refused(place, lambda: server.sql(to_a_file_that_it_cannot_make))
            assert answer.status_code == 503, answer.text
            ballast.unlink()

            def goes_on():
                if not standby.runs():  # its supervisor's part
                    standby.start()
                return bot.post(number)[0].status_code == 200
            ring.wait(goes_on, 30, what="the standby to have it")
            assert bot.post(number + 1)[0].status_code == 200
            assert bot.kept() == bot.stored == list(range(number + 2))
            ring.wait(lambda: standby.sql(f"SELECT pg_last_wal_replay_lsn() >= '{server.sql('SELECT pg_current_wal_lsn()')}'") == "t",
                      what="the standby to have done all")
            newest, = standby.sql("SELECT 'log_b0_' || max(n) FROM postern.segment WHERE kind = 1", ring.database).split()
            rows = f"SELECT count(*), max(log) FROM postern.{newest}"
            assert standby.sql(rows, ring.database) == server.sql(rows, ring.database)
        finally:
            server.set(synchronous_standby_names="")
            standby.stop()


def test_what_is_refused_is_not_stored_and_it_goes_on_with_room(volume, name):
    place, server, ring = volume
    bot = Bot(ring, name)
    number, answer, took, ballast = bot.until_refused(place)
    assert answer.status_code == 503 and answer.json()["code"] == "storage_full", answer.text
    assert "Retry-After" in answer.headers
    postern.in_time(took, 1 * postern.SLOW)
    again, _ = bot.post(number)
    assert again.status_code == 503, again.text
    ring.wait(lambda: "storage_full" in str(ring.ready("gateway-0")), 10, what="the gateway to say so")

    def short():
        return "free room on the server" in str(ring.ready("bot-0"))
    ring.wait(short, 10, what="the worker to say so")
    until = time.monotonic() + 2.5
    while time.monotonic() < until:  # what is small finds room meanwhile
        assert short(), ring.ready("bot-0")
        time.sleep(0.1)

    ballast.unlink()
    numbers = iter(range(MANY, 2 * MANY))
    ring.wait(lambda: bot.post(next(numbers))[0].status_code == 200, 30, what="the room to be used")
    ring.wait(lambda: not short(), 10, what="the worker to be content")
    assert bot.kept() == bot.stored
    assert database.holes(server, ring.database, "bot") == 0


def test_what_retention_drops_gives_its_room_back(volume, name):
    """Old by its running clock, and more than worker.retention_bytes: while it goes the worker is killed."""
    _, server, ring = volume
    bot = Bot(ring, name)
    for number in range(40):
        assert bot.post(number)[0].status_code == 200
    segments, before = retention_campaign.count(ring, "bot"), retention_campaign.size(ring)
    server.sql("UPDATE postern.lease SET running_ms = running_ms + 300000 WHERE what = 'bot/0'", ring.database)
    ring.kill("bot-0")
    ring.wait(lambda: retention_campaign.count(ring, "bot") < segments, 20, what="the first one to go")
    ring.kill("bot-0")
    ring.wait(lambda: retention_campaign.count(ring, "bot") <= 17, 20, what="what is too much to go")
    assert retention_campaign.size(ring) < before
    assert bot.post(40)[0].status_code == 200
    assert bot.kept()[-1] == 40 and retention_campaign.differ(ring) == [] and database.holes(server, ring.database, "bot") == 0
