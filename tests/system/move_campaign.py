"""The campaign of moves: a shard of channels goes from one cluster of PostgreSQL to another, again and again, while writers post
unique messages, a stream is read, and what is there is asked for.

    ./dev cluster moves [N]                                     N moves between three clusters (200)
    python3 tests/system/move_campaign.py --rounds 20 --seed 7

In turn, at random: a move alone; one whose posternctl is killed at one of its steps and run again; one that is stood still there,
while another makes the same move, or one to another cluster, and then goes on; one that stands still before its first step,
while the shard goes where it would, and on from there; two at once; one while the worker of the shard stands still. Checked after each:
the shard lives in one cluster, and no other has tables of it; at the end: no request failed at a deadline of 20 s, what was answered 2xx
is stored, nothing is stored twice, the log has no hole, the reader has each once and in order. The seed and the counts are printed.
"""

import argparse
import contextlib
import dataclasses
import http.client
import os
import random
import re
import signal
import subprocess
import sys
import threading

import kill_campaign
from harness import postern
from harness.database import holes, secret, server_running, settled, worker_password
from reading_streams import Reader

WAYS = ("alone", "kill", "asleep", "late", "two", "worker")
PHASES = ("moving channel/0", "copied log_c0_", "rows are copied before", "closed channel/0", "all tables are the same", "opened channel/0", "dropped what")
UNDER_WAY = re.compile(r"a move to cluster ([a-z]+) is under way")


def clustered(ring, servers):
    """RING, which is settled, with a database on each of SERVERS as its clusters b and c; what posternctl said of them."""
    ring.clusters = {"main": (ring.server, ring.database)}
    password = worker_password(ring)
    for name, server in zip("bc", servers):
        database = f"{ring.database}_{name}"
        server.sql(f"CREATE DATABASE {database}")
        ring.clusters[name] = server, database
        file = ring.dir / f"{name}.connection"
        if server is ring.server:  # which has the role already
            secret(file, server.connection("postern_journal", password, database))
        admin = secret(ring.dir / f"admin-{name}.connection", server.connection(database=database))
        ring.settings["postgres.clusters"] = f"{ring.settings.get('postgres.clusters', '')} {name}={file}".strip()
        yield ring.ctl_run("db", "init", admin, "--cluster", name, check=True).stdout


def move(ring, to, shard="channel/0"):
    return ring.ctl_run("shard", "move", shard, to)


class Mover:
    """A posternctl shard move that its maker can end, or stand still, at a line that it says."""

    def __init__(self, ring, to, shard="channel/0"):
        words = [ring.binaries / "posternctl", "-c", ring.conf, *ring._overrides(), "shard", "move", shard, to]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ring.environment)
        self.said = ""

    def until(self, phase, sig):
        """Sends SIG at the first line that has PHASE; whether it came that far."""
        for line in self.process.stdout:
            self.said += line
            if phase in line:
                self.process.send_signal(sig)
                return True
        return False

    def end(self, seconds=60):
        """Its status; all of what it said is in said then."""
        self.process.send_signal(signal.SIGCONT)
        late = threading.Timer(seconds * postern.SLOW, self.process.kill)
        late.start()
        self.said += self.process.stdout.read() + self.process.stderr.read()
        late.cancel()
        return self.process.wait()


def places(ring, kind=0):
    """Of each cluster whether shard 0 of KIND lives there, and how many tables it has of it."""
    ask = (f"SELECT (SELECT count(*) FROM postern.shard WHERE kind = {kind} AND shard = 0 AND epoch < 9223372036854775807), (SELECT "
           f"count(*) FROM pg_tables WHERE schemaname = 'postern' AND tablename ~ '_{'cbe'[kind]}0_[0-9]+$')")
    return {name: tuple(map(int, server.sql(ask, database).split("|"))) for name, (server, database) in ring.clusters.items()}


def settle(ring, to, kind=0):
    """The shard lives in the cluster TO, and no other has tables of it."""
    found = places(ring, kind)
    assert {name: (here, has > 0) for name, (here, has) in found.items()} == {
        name: (name == to, name == to) for name in ring.clusters}, found


def finish(ring, to):
    """Moves the shard to TO whatever was begun before; what was said of the pauses."""
    said = ""
    for _ in range(4):
        done = move(ring, to)
        said += done.stdout
        if done.returncode == 0:
            break
        begun = UNDER_WAY.search(done.stderr)
        assert begun, done
        said += move(ring, begun[1]).stdout
    settle(ring, to)
    return re.findall(r"lived nowhere for ([0-9.]+) s", said)


@dataclasses.dataclass
class Tally(kill_campaign.Tally):
    holes: int = 0
    unread: int = 0  # by the reader, or out of their order
    pauses: list = dataclasses.field(default_factory=list)
    ways: dict = dataclasses.field(default_factory=lambda: dict.fromkeys(WAYS, 0))

    def __str__(self):
        pauses = sorted(map(float, self.pauses)) or [0.0]
        ways = " ".join(f"{way}={count}" for way, count in self.ways.items())
        return (f"moves: seed={self.seed} rounds={self.kills} sent={self.sent} acknowledged={len(self.acknowledged)} "
                f"failed={len(self.failed)} lost={self.lost} doubled={self.doubled} holes={self.holes} unread={self.unread} {ways} "
                f"slowest={self.slowest_s:.2f}s lived nowhere: median={pauses[len(pauses) // 2]:.2f}s most={pauses[-1]:.2f}s")

    @property
    def clean(self):
        return super().clean and not self.holes and not self.unread and self.slowest_s < 20


class Asker(threading.Thread):
    """Reads messages back, again and again, on a connection that is kept."""

    def __init__(self, campaign):
        super().__init__(daemon=True)
        self.campaign, self.asked = campaign, 0

    def run(self):
        campaign = self.campaign
        connection = http.client.HTTPConnection("127.0.0.1", campaign.ring.port, timeout=30)
        while not campaign.stop.is_set():
            connection.request("GET", f"/api/v2/channelsbyname/{campaign.name}/messages?limit=50&zapikey={campaign.token}")
            answer = connection.getresponse()
            body, self.asked = answer.read(), self.asked + 1
            if answer.status != 200:
                campaign.tally.failed.append(("asked", answer.status, body))
        connection.close()


class Campaign:
    def __init__(self, ring, seed, name, writers=4):
        self.at = "main"  # where the shard lives
        self.ring, self.dice, self.tally = ring, random.Random(seed), Tally("channel", seed)
        self.stop = threading.Event()
        url, self.read_back = kill_campaign.place(ring, "channel", name)
        self.name, self.token = name, url.split("zapikey=")[1].split("&")[0]
        self.writers = [kill_campaign.Writer(i, url, self.tally, self.stop, False) for i in range(writers)]
        self.askers = [Asker(self) for _ in range(3)]

    def once(self, way, phase=None):
        ring, dice = self.ring, self.dice
        others = [name for name in ring.clusters if name != self.at]
        to, other = dice.choice(others), dice.choice(others)
        self.tally.ways[way] += 1
        self.tally.kills += 1
        phase = phase or dice.choice(PHASES)
        if way == "kill":
            mover = Mover(ring, to)
            mover.until(phase, signal.SIGKILL)
            mover.end()
        elif way == "asleep":
            mover = Mover(ring, to)
            mover.until(phase, signal.SIGSTOP)
            move(ring, other)
            mover.end()
        elif way == "late":
            mover = Mover(ring, to)
            mover.until("moving channel/0", signal.SIGSTOP)
            for name in (to, next((name for name in others if name != to), self.at)):
                move(ring, name)
            mover.end()
        elif way == "two":
            movers = [Mover(ring, to), Mover(ring, other)]
            for mover in movers:
                mover.end()
        elif way == "worker":
            pid, mover = ring.pause("channel-0"), Mover(ring, to)
            mover.until("opened channel/0", signal.SIGCONT)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
            mover.end()
        self.tally.pauses += finish(ring, to)
        self.at = to
        self.more()

    def more(self):
        before = len(self.tally.acknowledged)
        self.ring.wait(lambda: len(self.tally.acknowledged) > before + 20, 20, what="messages after the move")

    def run(self, ways):
        """WAYS: pairs of one and its phase, or None for any."""
        reader = Reader(self.ring.port, f"/api/v2/channelsbyname/{self.name}/stream", self.token)
        assert reader.ready.wait(20)
        for thread in self.writers + self.askers:
            thread.start()
        self.more()
        for way, phase in ways:
            self.once(way, phase)
        self.stop.set()
        for thread in self.writers + self.askers:
            thread.join(60)
            assert not thread.is_alive(), "a writer or an asker waits for an answer that never comes"
        messages = self.read_back()
        kill_campaign.check(self.tally, messages)
        sequences = sorted(message["sequence"] for message in messages)
        with contextlib.suppress(AssertionError):
            self.ring.wait(lambda: len(reader.got) >= len(sequences), 20, what="the reader to have all")
        reader.stop()
        self.tally.unread = len(set(sequences) ^ set(reader.got)) + (reader.got != sorted(set(reader.got)))
        self.tally.holes = holes(*self.ring.clusters[self.at]) + (sequences != list(range(1, len(sequences) + 1)))
        return self.tally


def main():
    words = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    words.add_argument("--rounds", type=int, default=200)
    words.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    chosen = words.parse_args()
    dice = random.Random(chosen.seed)
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(server_running()) for _ in range(3)]
        ring = stack.enter_context(postern.Ring(settings={"gateway.deadline_ms": 20000}))
        settled(ring, servers[0])
        list(clustered(ring, servers[1:]))
        tally = Campaign(ring.up(), chosen.seed, "moves").run([(dice.choice(WAYS), None) for _ in range(chosen.rounds)])
        ring.keep = not kill_campaign.told(tally)
    sys.exit(ring.keep)


if __name__ == "__main__":
    main()
