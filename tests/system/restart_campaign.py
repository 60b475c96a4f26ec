"""The campaign of restarts: the one server of a ring's channels is restarted again and again under load, in turn in order (fast) and
as after a power cut of its processes (immediate).

    ./dev cluster restarts [MINUTES]                            a restart each 5 s, so long (60)
    python3 tests/system/restart_campaign.py --rounds 5 --rate 300 --seed 7                   # minutes

Eight writers post RATE messages a second in all. Checked at the end: no request failed at a deadline of 20 s, what was answered 2xx is
stored, nothing is stored twice, the log has no hole. The pause is told as it is without the server's own part: from when that answers
again to the first message that is stored.
"""

import argparse
import dataclasses
import random
import signal
import statistics
import sys
import threading
import time

import kill_campaign
from harness import postern
from harness.database import holes, server_running, settled

WAYS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}
EACH_S = 5


def told(seconds):
    return f"median={statistics.median(seconds):.2f}s p99={sorted(seconds)[int(len(seconds) * 0.99)]:.2f}s most={max(seconds):.2f}s"


@dataclasses.dataclass
class Tally(kill_campaign.Tally):
    holes: int = 0
    unknown: int = 0  # batches whose outcome the server left open, and the workers found out
    minutes: float = 0.0
    away: list = dataclasses.field(default_factory=list)    # the server, from the signal until it answers
    paused: list = dataclasses.field(default_factory=list)  # from then on until messages are stored

    def __str__(self):
        return (f"restarts: seed={self.seed} minutes={self.minutes:.1f} restarts={self.kills} sent={self.sent} "
                f"acknowledged={len(self.acknowledged)} failed={len(self.failed)} lost={self.lost} doubled={self.doubled} "
                f"holes={self.holes} unknown={self.unknown} slowest={self.slowest_s:.2f}s server away {told(self.away)}; "
                f"stored again after {told(self.paused)}")

    @property
    def clean(self):
        return super().clean and not self.holes


class Paced(kill_campaign.Writer):
    """Begins a message each EACH seconds, or when the one before has been answered where that is later."""

    def __init__(self, each, *more):
        super().__init__(*more)
        self.each = each

    def one(self, text):
        began = time.monotonic()
        super().one(text)
        self.stop.wait(max(0, began + self.each - time.monotonic()))


def restart(server, how, tally):
    before, began = len(tally.acknowledged), time.monotonic()
    server.stop(WAYS[how])
    server.start()
    answers = time.monotonic()
    known = len(tally.acknowledged)
    postern.wait(lambda: len(tally.acknowledged) > max(before + kill_campaign.WRITERS, known), 20, 0.005, "messages")
    tally.away.append(answers - began)
    tally.paused.append(time.monotonic() - answers)
    tally.kills += 1


def campaign(ring, server, rounds, seed, name, rate=300, each_s=EACH_S):
    """In a running RING whose channels lie on SERVER."""
    tally, stop, began = Tally("channel", seed), threading.Event(), time.monotonic()
    dice, ways = random.Random(seed), list(WAYS)
    url, read_back = kill_campaign.place(ring, "channel", name)
    writers = [Paced(kill_campaign.WRITERS / rate, i, url, tally, stop, False) for i in range(kill_campaign.WRITERS)]
    for writer in writers:
        writer.start()
    first = dice.randrange(2)
    for number in range(rounds):
        due = began + (number + dice.random() / 2) * each_s
        time.sleep(max(0.1, due - time.monotonic()))
        restart(server, ways[(first + number) % 2], tally)
    time.sleep(0.2)
    stop.set()
    for writer in writers:
        writer.join(60)
        assert not writer.is_alive(), "a writer waits for an answer that never comes"
    tally.minutes = (time.monotonic() - began) / 60
    kill_campaign.check(tally, read_back())
    tally.holes = holes(server, ring.database)
    tally.unknown = int(ring.metric("channel-0", "journal_unknown_total"))
    return tally


def main():
    words = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    words.add_argument("--rounds", type=int, default=60, help="minutes")
    words.add_argument("--rate", type=int, default=300)
    words.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    chosen = words.parse_args()
    print(f"seed={chosen.seed}", flush=True)
    with server_running() as server, postern.Ring(settings={"gateway.deadline_ms": 20000}) as ring:
        tally = campaign(settled(ring, server).up(), server, chosen.rounds * 60 // EACH_S, chosen.seed, "restarts", chosen.rate)
        ring.keep = not kill_campaign.told(tally)
    sys.exit(ring.keep)


if __name__ == "__main__":
    main()
