"""The campaign of take-overs: the channel workers of several hosts, which share a database, take the one shard from each
other while writers post unique messages.

    ./dev cluster takeovers [N]                                 N times, by three hosts (1000)
    ./dev cluster takeovers N --any                             by workers of any shard, but for the first one
    ./dev cluster takeovers N --kind bot                        bot workers, while a handler answers each event with a message
    python3 tests/system/takeover_campaign.py --rounds 20 --seed 7

Who has the shard is killed, stood still (and goes on when another has taken the shard), ended in order, or killed and started
again on its host, in turn; meanwhile any of them is stood still for a moment, at random. Checked at the end: no request failed at a
deadline of 20 s, what was answered 2xx is stored, nothing is stored twice, the log has no hole; of bots, that each event was called and
each answer is posted once. The seed and the counts are printed.
"""

import argparse
import dataclasses
import json
import random
import signal
import sys
import threading
import time

import kill_campaign
from harness import postern
from harness.database import holes, server_running, settled
from harness.handler import Handler

WAYS = ("kill", "stop", "leave", "again")
LEASE_S = 3  # of the lease's beat unchanged, until it is another's


@dataclasses.dataclass
class Tally(kill_campaign.Tally):
    epochs: int = 0
    holes: int = 0
    called: int = 0  # of bots: events that were
    seconds: dict = dataclasses.field(default_factory=lambda: {way: [] for way in WAYS})

    def __str__(self):
        slowest = " ".join(f"{way}={max(taken):.2f}s" for way, taken in self.seconds.items() if taken)
        return (f"take-overs: kind={self.kind} seed={self.seed} rounds={self.kills} epochs={self.epochs} sent={self.sent} "
                f"acknowledged={len(self.acknowledged)} failed={len(self.failed)} lost={self.lost} doubled={self.doubled} "
                f"holes={self.holes} called={self.called} slowest={self.slowest_s:.2f}s taken after at most: {slowest}")

    @property
    def clean(self):
        return super().clean and not self.holes and (self.kind != "bot" or self.called >= len(self.acknowledged))


class Answering(Handler):
    """Answers each event with a message that tells of it; the events' texts."""

    def __init__(self):
        self.texts = set()
        super().__init__()

    def called(self, path, headers, body):
        text = json.loads(json.loads(body)["body"])["text"]
        with self.lock:
            self.texts.add(text)
        return 200, {"Content-Type": "application/json"}, json.dumps({"text": f"answer to {text}"}).encode()


class Host:
    """A worker of KIND with a data directory of its own, beside RING, whose other processes it serves. INDEX: its shard, or
    "any"."""

    def __init__(self, ring, number, index=0, kind="channel"):
        self.ring, self.name, self.index, self.kind = ring, f"host{number}-{index}", index, kind
        self.dir = ring.dir / f"host{number}"
        self.dir.mkdir(mode=0o700)
        behind = ring.shards[kind] if index == "any" else index
        self.base = postern.free_ports(behind + 1)
        self.port = self.base + behind
        self.start()

    def start(self):
        ring = self.ring
        settings = {"data.directory": self.dir, "data.sockets": ring.sockets, f"{self.kind}.monitor": f"127.0.0.1:{self.base}",
                    "data.known": self.dir / "known"}
        ring.spawned[self.name] = ring.spawn(self.kind, self.index, settings, wait_ready=False)
        del ring.spawned[f"{self.kind}-{self.index}"]
        ring.monitors[self.name] = f"http://127.0.0.1:{self.port}"

    @property
    def process(self):
        return self.ring.spawned[self.name]

    def end(self, sig):
        self.process.send_signal(sig)
        return self.process.wait(20 * postern.SLOW)

    def stands(self):
        """'serves', 'spare' or '' where it is neither."""
        state = self.ring.ready(self.name)
        if not state or state["status"] != 200:
            return ""
        return "spare" if any(check["reason"].startswith("spare: ") for check in state["checks"]) else "serves"

    def wait(self, how, seconds=20):
        postern.wait(lambda: self.stands() == how, seconds, what=f"{self.name}: {how}")


def spawn_others(ring, but=("channel",)):
    """What RING has beside its workers of some kinds."""
    for name in ring.names:
        if not name.startswith(but):
            ring.spawn(*name.rsplit("-", 1), wait_ready=False)


class Estate:
    """RING, whose one shard of KIND COUNT hosts have workers for, all but the first one of INDEX."""

    def __init__(self, ring, count, kind="channel", index=0):
        self.ring, self.kind = ring, kind
        self.still, self.blinking = None, threading.Lock()  # who is to stay stood still
        spawn_others(ring, (kind,))
        self.hosts = [Host(ring, 0, 0, kind)]
        self.hosts[0].wait("serves")
        self.hosts += [Host(ring, i, index, kind) for i in range(1, count)]
        for host in self.hosts[1:]:
            host.wait("spare")
        ring.wait_ready("router-0", "authd-0", "gateway-0")

    def one_serves(self, but=None, seconds=20):
        """The host that serves, as soon as there is one; how long that took."""
        began = time.monotonic()
        others = [host for host in self.hosts if host is not but]
        found = postern.wait(lambda: [host for host in others if host.stands() == "serves"], seconds, what="a host that serves")
        return found[0], time.monotonic() - began

    def take(self, way):
        """Has the shard change hands; the seconds that it took."""
        owner, _ = self.one_serves()
        if way == "stop":
            with self.blinking:
                self.still = owner
                owner.process.send_signal(signal.SIGSTOP)
        elif way != "leave":
            owner.end(signal.SIGKILL)
        if way == "again":
            owner.start()
            found, seconds = self.one_serves()
            return seconds if found is owner else float("inf")
        began = time.monotonic()
        if way == "leave":
            status = owner.end(signal.SIGTERM)
            assert status == 0, (owner.name, status)
        _, seconds = self.one_serves(but=owner)
        seconds = time.monotonic() - began if way == "leave" else seconds
        if way == "stop":
            owner.process.send_signal(signal.SIGCONT)
            self.still = None
            assert owner.process.wait(20 * postern.SLOW) == 1, "it has lost the shard, and ends"
        owner.start()
        owner.wait("spare")
        return seconds

    def epoch(self):
        return int(self.ring.server.sql(f"SELECT epoch FROM postern.shard WHERE kind = {int(self.kind == 'bot')} AND shard = 0", self.ring.database))


class Blinks(threading.Thread):
    """Stands workers still at random, for a moment."""

    def __init__(self, estate, dice, stop):
        super().__init__(daemon=True)
        self.estate, self.dice, self.stop = estate, dice, stop

    def run(self):
        while not self.stop.wait(self.dice.uniform(0.1, 1)):
            with self.estate.blinking:
                host = self.dice.choice([host for host in self.estate.hosts if host is not self.estate.still])
                process = host.process
                if process.poll() is None:
                    process.send_signal(signal.SIGSTOP)
                    self.stop.wait(self.dice.uniform(0.05, 0.5))
                    process.send_signal(signal.SIGCONT)


def campaign(estate, ways, seed, name, begin=None, end=None):
    dice = random.Random(seed)
    tally, stop = Tally(estate.kind, seed), threading.Event()
    url, read_back = kill_campaign.place(estate.ring, estate.kind, name)
    writers = [kill_campaign.Writer(i, url, tally, stop, False) for i in range(kill_campaign.WRITERS)]
    if begin:
        begin()
    first = estate.epoch()
    for writer in writers:
        writer.start()
    blinks = Blinks(estate, random.Random(dice.random()), stop) if len(estate.hosts) > 2 else None
    if blinks:
        blinks.start()
    for way in ways:
        time.sleep(dice.uniform(0.1, 0.6))
        tally.seconds[way].append(estate.take(way))
        tally.kills += 1
    time.sleep(0.2)
    stop.set()
    for writer in writers:
        writer.join(60)
        assert not writer.is_alive(), "a writer waits for an answer that never comes"
    if blinks:
        blinks.join()
    if end:
        end()
    kill_campaign.check(tally, read_back())
    tally.epochs, tally.holes = estate.epoch() - first, holes(estate.ring.server, estate.ring.database, estate.kind)
    return tally


def answered(estate, ways, seed, name):
    """The same of a bot that has a handler."""
    with Answering() as handler:
        def count():
            return estate.ring.server.sql("SELECT count(*) FROM postern.pending", estate.ring.database)

        tally = campaign(estate, ways, seed, name, lambda: estate.ring.ctl("bot", "handler", "set", name, handler.url, "--concurrency", 64),
                         lambda: postern.wait(lambda: count() == "0", 300, 0.2, "the deliveries"))
        tally.called = len(handler.texts)
        tally.lost += len(tally.acknowledged - handler.texts)
        return tally


def main():
    words = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    words.add_argument("--rounds", type=int, default=1000)
    words.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    words.add_argument("--kind", choices=("channel", "bot"), default="channel")
    words.add_argument("--any", action="store_true")
    chosen = words.parse_args()
    dice, bot = random.Random(chosen.seed), chosen.kind == "bot"
    with server_running() as server, postern.Ring(settings={"gateway.deadline_ms": 20000, "delivery.allow": "127.0.0.0/8"}) as ring:
        ring.settings["worker.key"] = ring.dir / "worker.key"
        estate = Estate(settled(ring, server, delivers=bot), 3, chosen.kind, "any" if chosen.any else 0)
        tally = (answered if bot else campaign)(estate, [dice.choice(WAYS) for _ in range(chosen.rounds)], chosen.seed, "takeovers")
        ring.keep = not kill_campaign.told(tally)
    sys.exit(ring.keep)


if __name__ == "__main__":
    main()
