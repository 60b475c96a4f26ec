"""Rolling restarts under load: writers post through HAProxy while every process is restarted.

    ./dev roll [REQUESTS]                              a million requests, unless told otherwise
    python3 tests/system/rolling.py --requests 20000

Writers post unique messages over connections that they keep, without keys and without repeating
anything. First undisturbed, then with posternctl restart again and again. Checked: no request failed,
what was answered 2xx is stored, nothing is stored twice. Printed: counts, and the 99th percentile of
both halves with their ratio.
"""

import argparse
import dataclasses
import json
import sys
import threading
import time

from harness import postern
from harness.haproxy import HAProxy
from harness.connection import Closed, Connection
import kill_campaign

WRITERS = 8
APART_S = 5  # between two restarts of everything
RATIO_MOST = 5


@dataclasses.dataclass
class Phase:
    """What the writers saw during one phase."""
    want: int
    sent: int = 0
    failed: list = dataclasses.field(default_factory=list)
    times: list = dataclasses.field(default_factory=list)
    lock: threading.Lock = dataclasses.field(default_factory=threading.Lock)

    def take(self):
        """The number of the next request; None when there have been enough."""
        with self.lock:
            if self.sent >= self.want:
                return None
            self.sent += 1
            return self.sent

    @property
    def p99_ms(self):
        return sorted(self.times)[int(len(self.times) * 0.99)] * 1000


@dataclasses.dataclass
class Result:
    calm: Phase
    rolled: Phase
    rounds: int = 0
    restarts: int = 0
    acknowledged: set = dataclasses.field(default_factory=set)
    lost: int = 0
    doubled: int = 0
    unconfirmed: int = 0

    @property
    def failed(self):
        return self.calm.failed + self.rolled.failed

    @property
    def ratio(self):
        return self.rolled.p99_ms / self.calm.p99_ms

    @property
    def clean(self):
        return not (self.failed or self.lost or self.doubled) and self.rounds > 0

    def __str__(self):
        return (f"rolling restarts: rounds={self.rounds} restarts={self.restarts} "
                f"requests={self.calm.sent + self.rolled.sent} "
                f"acknowledged={len(self.acknowledged)} failed={len(self.failed)} "
                f"lost={self.lost} doubled={self.doubled} undisturbed_p99={self.calm.p99_ms:.2f}ms "
                f"p99={self.rolled.p99_ms:.2f}ms slowest={max(self.rolled.times) * 1000:.0f}ms "
                f"ratio={self.ratio:.2f}")


class Writer(threading.Thread):
    def __init__(self, number, port, path, result):
        super().__init__(daemon=True)
        self.number, self.port, self.path, self.result = number, port, path, result
        self.connection = None

    def run(self):
        for phase in (self.result.calm, self.result.rolled):
            while n := phase.take():
                self.one(phase, f"{self.number}.{'calm' if phase is self.result.calm else n}.{n}")

    def one(self, phase, text):
        began = time.monotonic()
        try:
            if self.connection is None:
                self.connection = Connection(self.port)
            answer = self.connection.post(self.path, json.dumps({"text": text}).encode(),
                                          ["Content-Type: application/json"])
            status, why = answer.status, answer.body[:200]
            if answer.headers.get("connection", "").lower() == "close":
                self.close()
        except (OSError, Closed) as error:
            status, why = 0, repr(error)
            self.close()
        phase.times.append(time.monotonic() - began)
        if 200 <= status < 300:
            self.result.acknowledged.add(text)
        else:
            phase.failed.append((text, status, why))

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


def roll(ring, result, writers):
    """Restarts everything again and again until the writers are done."""
    while any(writer.is_alive() for writer in writers):
        if result.calm.sent < result.calm.want:
            time.sleep(0.05)
            continue
        restarted = ring.ctl("restart")["restarted"]
        assert [row["process"] for row in restarted] == ring.names
        result.rounds += 1
        result.restarts += len(restarted)
        for writer in writers:
            writer.join(APART_S / len(writers))


def campaign(ring, proxy, requests, name):
    """Runs it in a running Ring behind a running HAProxy and returns its Result."""
    url, read_back = kill_campaign.place(ring, "channel", name)
    result = Result(Phase(max(requests // 10, 1)), Phase(requests))
    path = url.removeprefix(ring.base)
    writers = [Writer(i, proxy.port, path, result) for i in range(WRITERS)]
    for writer in writers:
        writer.start()
    roll(ring, result, writers)
    return kill_campaign.check(result, read_back())


def main():
    words = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    words.add_argument("--requests", type=int, default=1000000)
    words.add_argument("--gateways", type=int, default=2)
    chosen = words.parse_args()
    ring = postern.Ring({"gateway.drain_notice_ms": 4000, "log.level": "info",
                         "gateway.trusted_proxies": "127.0.0.1/32"}, gateways=chosen.gateways).up()
    try:
        with HAProxy(ring) as proxy:
            result = campaign(ring, proxy, chosen.requests, "roll")
    except BaseException:
        ring.close(keep=True)
        raise
    print(result, flush=True)
    for failure in result.failed[:5]:
        print("  failed:", *failure)
    good = result.clean and result.ratio < RATIO_MOST
    ring.close(keep=not good)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
