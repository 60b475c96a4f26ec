"""The campaign of promotions: the primary of a ring's channels is killed under load, again and again, and one of its two standbys
promoted, of which any one has what was committed: the one that has more. The other one follows it at once, and the one that was
killed comes back as a standby from a new base backup.

    ./dev cluster promotions [N]                                N times (200)
    python3 tests/system/promotion_campaign.py --rounds 20 --seed 7

All servers are strict: what a client is told to be committed is on two. Checked at the end: no request failed at a deadline of 20 s,
what was answered 2xx is stored, nothing is stored twice, the log has no hole. The seed and the counts are printed.
"""

import argparse
import contextlib
import dataclasses
import random
import shutil
import statistics
import sys
import threading
import time

import kill_campaign
from harness import postern
from harness.database import holes, secret, server_running, settled

SERVERS = 3


@dataclasses.dataclass
class Tally(kill_campaign.Tally):
    holes: int = 0
    unknown: int = 0  # batches whose outcome the server left open, and the workers found out
    promoted: list = dataclasses.field(default_factory=list)
    served: list = dataclasses.field(default_factory=list)

    def __str__(self):
        return (f"promotions: seed={self.seed} rounds={self.kills} sent={self.sent} acknowledged={len(self.acknowledged)} "
                f"failed={len(self.failed)} lost={self.lost} doubled={self.doubled} holes={self.holes} unknown={self.unknown} "
                f"slowest={self.slowest_s:.2f}s promoted after {statistics.median(self.promoted):.2f}s, at most "
                f"{max(self.promoted):.2f}s; served again after {statistics.median(self.served):.2f}s, "
                f"at most {max(self.served):.2f}s")

    @property
    def clean(self):
        return super().clean and not self.holes


@contextlib.contextmanager
def several(ring, first, count=SERVERS):
    """RING, whose channels lie on FIRST, and on standbys of which it waits for one: COUNT servers in all."""
    settled(ring, first)
    servers = [first]
    try:
        for _ in range(count - 1):
            servers.append(first.standby(postern.scratch("pg-")))
            servers[-1].be_strict()
        for file in (ring.connection, ring.connection.with_name(f"{ring.connection.name}.directory")):
            if file.exists():
                secret(file, file.read_text().strip().replace("host='127.0.0.1'", f"host='{','.join(['127.0.0.1'] * count)}'")
                       .replace(f"port='{first.port}'", f"port='{','.join(str(one.port) for one in servers[::-1])}'"))
        ring.settings.update({"postgres.copies": 2, "gateway.deadline_ms": 20000})
        yield list(servers)
    finally:
        for one in servers[1:]:
            one.stop()
            shutil.rmtree(one.dir, ignore_errors=True)


def furthest(standbys):
    """The standby that has most of what a primary said that is gone."""
    has = {}

    def rests():
        before = dict(has)
        has.update((one, one.received()) for one in standbys)
        return None not in has.values() and has == before
    postern.wait(rests, 20, what="what the primary said last")
    return max(standbys, key=has.get)


def promote(servers, tally):
    """Another one takes over from the first. Who was killed before becomes a standby first."""
    for one in servers[1:]:
        if not one.runs():
            one.follow(servers[0])
    before, began = len(tally.acknowledged), time.monotonic()
    servers[0].kill()
    first = furthest(servers[1:])
    others = [one for one in servers[1:] if one is not first]
    for one in others:
        one.turn_to(first)
    first.sql("SELECT pg_promote()")
    tally.promoted.append(time.monotonic() - began)
    postern.wait(lambda: len(tally.acknowledged) > before + kill_campaign.WRITERS, 20, what="messages")
    tally.served.append(time.monotonic() - began)
    servers[:] = [first, *others, servers[0]]
    tally.kills += 1


def campaign(ring, servers, rounds, seed, name, how=promote):
    """In a running RING on SERVERS, of which HOW kills one that writes, and has another one promoted."""
    dice = random.Random(seed)
    tally, stop = Tally("channel", seed), threading.Event()
    url, read_back = kill_campaign.place(ring, "channel", name)
    writers = [kill_campaign.Writer(i, url, tally, stop, False) for i in range(kill_campaign.WRITERS)]
    for writer in writers:
        writer.start()
    for _ in range(rounds):
        time.sleep(dice.uniform(0.1, 0.6))
        how(servers, tally)
    stop.set()
    for writer in writers:
        writer.join(60)
        assert not writer.is_alive(), "a writer waits for an answer that never comes"
    kill_campaign.check(tally, read_back())
    tally.holes = holes(servers[0], ring.database)
    tally.unknown = int(ring.metric("channel-0", "journal_unknown_total"))
    return tally


def main():
    words = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    words.add_argument("--rounds", type=int, default=200)
    words.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    chosen = words.parse_args()
    with server_running() as first, postern.Ring() as ring, several(ring, first) as servers:
        tally = campaign(ring.up(), servers, chosen.rounds, chosen.seed, "promotions")
        ring.keep = not kill_campaign.told(tally)
    sys.exit(ring.keep)


if __name__ == "__main__":
    main()
