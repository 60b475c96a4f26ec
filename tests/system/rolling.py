"""Rolling restarts under load: h2load posts through HAProxy while every process is restarted.

    ./dev roll [REQUESTS]                              a million requests, unless told otherwise
    python3 tests/system/rolling.py --requests 20000

First as fast as it goes, which is the maximum; then at half of that, a tenth of the requests
undisturbed, then all of them while posternctl restart goes on again and again. h2load repeats nothing,
so no request may fail. Its messages are all alike, and counted: what was answered 2xx is stored, once.
Beside it two witnesses post messages that are each unique, and read them back one by one. Printed:
counts, the maximum, and the 99th percentile of both halves with their ratio.
"""

import argparse
import dataclasses
import json
import re
import subprocess
import sys
import threading
import time

from harness import postern
from harness.haproxy import HAProxy
from harness.connection import Closed, Connection
import kill_campaign

WITNESSES = 2
CONNECTIONS = 64
CHANNELS = 8
APART_S = 5  # between two restarts of everything
RATIO_MOST = 5


class Load:
    """h2load against the proxy: some channels in turn, a fixed body."""

    def __init__(self, ring, proxy, name):
        self.ring, self.port, self.name = ring, proxy.port, name
        self.owner = ring.user(name)
        self.body, self.paths = ring.dir / f"{name}.json", ring.dir / f"{name}.paths"
        self.body.write_text(json.dumps({"text": "x" * 200}))
        self.channels = [f"{name}_{i}" for i in range(CHANNELS)]
        for channel in self.channels:
            ring.channel(channel, self.owner)
        self.paths.write_text("".join(
            ring.channel_url(channel, self.owner.token).removeprefix(ring.base) + "\n"
            for channel in self.channels))

    def words(self, log):
        return ["h2load", "--h1", "-t", "1", "-c", str(CONNECTIONS), "-d", str(self.body),
                "-H", "Content-Type: application/json", "-i", str(self.paths),
                "-B", f"http://127.0.0.1:{self.port}", f"--log-file={log}"]

    def maximum(self, seconds):
        """Requests a second, as fast as they go. What is cut off at its end is not counted."""
        log = self.ring.dir / f"{self.name}.maximum"
        done = subprocess.run([*self.words(log), "-D", str(seconds), "--warm-up-time", "1"],
                              check=True, capture_output=True, text=True)
        return float(re.search(r"finished in \S+, ([0-9.]+) req/s", done.stdout)[1])

    def start(self, requests, rate, phase):
        """COUNT requests at RATE a second."""
        log = self.ring.dir / f"{self.name}.{phase}"
        process = subprocess.Popen([*self.words(log), "-n", str(requests),
                                    f"--rps={rate / CONNECTIONS:.3f}"],
                                   stdout=subprocess.PIPE, text=True)
        return Running(process, requests, log)

    def stored(self):
        return sum(len(self.ring.messages("channelsbyname", channel, self.owner.token))
                   for channel in self.channels)


class Running:
    def __init__(self, process, want, log):
        self.process, self.want, self.log = process, want, log

    def alive(self):
        return self.process.poll() is None

    def phase(self):
        """Waits for the end."""
        text, _ = self.process.communicate()
        assert self.process.returncode == 0, text
        rows = [line.split("\t") for line in self.log.read_text().splitlines()]
        return Phase(self.want, [int(row[1]) for row in rows], [int(row[2]) for row in rows])


@dataclasses.dataclass
class Phase:
    """What h2load saw: statuses of the answers, and microseconds until their end."""
    sent: int
    statuses: list
    times: list

    @property
    def good(self):
        return sum(1 for status in self.statuses if 200 <= status < 300)

    @property
    def p99_ms(self):
        return sorted(self.times)[int(len(self.times) * 0.99)] / 1000


@dataclasses.dataclass
class Result:
    maximum: float = 0.0
    calm: Phase = None
    rolled: Phase = None
    rounds: int = 0
    restarts: int = 0
    stored: int = 0                                          # of h2load
    acknowledged: set = dataclasses.field(default_factory=set)  # of the witnesses
    failures: list = dataclasses.field(default_factory=list)
    lost: int = 0
    doubled: int = 0
    unconfirmed: int = 0

    @property
    def sent(self):
        return self.calm.sent + self.rolled.sent

    @property
    def failed(self):
        return self.sent - self.calm.good - self.rolled.good + len(self.failures)

    @property
    def ratio(self):
        return self.rolled.p99_ms / self.calm.p99_ms

    @property
    def clean(self):
        return (not (self.failed or self.lost or self.doubled) and self.stored == self.sent and
                self.acknowledged and self.rounds > 0)

    def __str__(self):
        return (f"rolling restarts: maximum={self.maximum:.0f}/s rate={self.maximum / 2:.0f}/s "
                f"rounds={self.rounds} restarts={self.restarts} requests={self.sent} "
                f"stored={self.stored} failed={self.failed} "
                f"witnessed={len(self.acknowledged)} lost={self.lost} doubled={self.doubled} "
                f"undisturbed_p99={self.calm.p99_ms:.2f}ms p99={self.rolled.p99_ms:.2f}ms "
                f"slowest={max(self.rolled.times) / 1000:.0f}ms ratio={self.ratio:.2f}")


class Witness(threading.Thread):
    """Posts unique messages, one after another, on a connection that it keeps."""

    def __init__(self, number, port, path, result, stop):
        super().__init__(daemon=True)
        self.number, self.port, self.path = number, port, path
        self.result, self.stop, self.connection = result, stop, None

    def run(self):
        count = 0
        while not self.stop.wait(0.01):
            self.one(f"{self.number}.{count}")
            count += 1

    def one(self, text):
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
        if 200 <= status < 300:
            self.result.acknowledged.add(text)
        else:
            self.result.failures.append((text, status, why))

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None


def roll(ring, result, running):
    """Restarts everything again and again until the load is over."""
    while running.alive():
        restarted = ring.ctl("restart")["restarted"]
        assert [row["process"] for row in restarted] == ring.names
        result.rounds += 1
        result.restarts += len(restarted)
        end = time.monotonic() + APART_S
        while running.alive() and time.monotonic() < end:
            time.sleep(0.05)


def campaign(ring, proxy, requests, name, seconds=10):
    """Runs it in a running Ring behind a running HAProxy and returns its Result."""
    result, stop = Result(), threading.Event()
    url, read_back = kill_campaign.place(ring, "channel", name)
    result.maximum = Load(ring, proxy, f"{name}_max").maximum(seconds)
    load = Load(ring, proxy, f"{name}_load")
    witnesses = [Witness(i, proxy.port, url.removeprefix(ring.base), result, stop)
                 for i in range(WITNESSES)]
    for witness in witnesses:
        witness.start()
    result.calm = load.start(max(requests // 10, 1000), result.maximum / 2, "calm").phase()
    running = load.start(requests, result.maximum / 2, "rolled")
    try:
        roll(ring, result, running)
    except BaseException:
        running.process.kill()
        raise
    finally:
        stop.set()
    result.rolled = running.phase()
    for witness in witnesses:
        witness.join(60)
    result.stored = load.stored()
    return kill_campaign.check(result, read_back())


def main():
    words = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    words.add_argument("--requests", type=int, default=1000000)
    words.add_argument("--gateways", type=int, default=2)
    chosen = words.parse_args()
    with postern.Ring({"gateway.drain_notice_ms": 4000, "log.level": "info",
                       "gateway.trusted_proxies": "127.0.0.1/32"},
                      gateways=chosen.gateways) as ring:
        with HAProxy(ring.up()) as proxy:
            result = campaign(ring, proxy, chosen.requests, "roll")
        print(result, flush=True)
        for failure in result.failures[:5]:
            print("  failed:", *failure)
        good = result.clean and result.ratio < RATIO_MOST
        ring.keep = not good
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
