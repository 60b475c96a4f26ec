"""The kill campaign: writers post unique messages while one kind of process dies again and again.

    ./dev kill [KILLS]                                          every kind, 20 kills each
    python3 tests/system/kill_campaign.py --kind router --kills 20 --seed 7

Checked at the end, by reading everything back: what was answered 2xx is stored; nothing is stored
twice; no request failed. For the gateway, whose death cuts its connections, a writer repeats with the
same Idempotency-Key, and no request failed after that. The seed and the counts are printed.
"""

import argparse
import collections
import dataclasses
import http.client
import json
import random
import sys
import threading
import time
import urllib.parse

from harness import postern

KINDS = ("channel", "bot", "extension", "authd", "router", "gateway")
WRITERS = 8
REPEAT_S = 20  # how long a writer repeats a request with its key


@dataclasses.dataclass
class Tally:
    """What a campaign counted."""
    kind: str
    seed: int
    kills: int = 0
    sent: int = 0
    repeated: int = 0
    slowest_s: float = 0.0
    failed: list = dataclasses.field(default_factory=list)
    acknowledged: set = dataclasses.field(default_factory=set)
    lost: int = 0
    doubled: int = 0
    unconfirmed: int = 0  # stored, though no answer said so: allowed

    def __str__(self):
        return (f"kill campaign: kind={self.kind} seed={self.seed} kills={self.kills} "
                f"sent={self.sent} acknowledged={len(self.acknowledged)} "
                f"failed={len(self.failed)} lost={self.lost} doubled={self.doubled} "
                f"repeated={self.repeated} slowest={self.slowest_s:.2f}s")

    @property
    def clean(self):
        return not (self.failed or self.lost or self.doubled) and self.acknowledged


class Writer(threading.Thread):
    """Posts one message after another on a connection that is kept."""

    pause_s = 0  # between two messages; conftest.py gives the short forms one

    def __init__(self, number, url, tally, stop, repeats):
        super().__init__(daemon=True)
        parts = urllib.parse.urlsplit(url)
        self.number, self.address = number, parts.netloc
        self.path = f"{parts.path}?{parts.query}"
        self.tally, self.stop, self.repeats = tally, stop, repeats
        self.connection = None

    def run(self):
        n = 0
        while not self.stop.is_set():
            self.one(f"{self.tally.seed}.{self.number}.{n}")
            self.stop.wait(self.pause_s)
            n += 1

    def one(self, text):
        began = time.monotonic()
        status, why = self.attempt(text)
        while self.repeats and not 200 <= status < 300 and time.monotonic() - began < REPEAT_S:
            self.tally.repeated += 1
            time.sleep(0.05)
            status, why = self.attempt(text)
        self.tally.sent += 1
        self.tally.slowest_s = max(self.tally.slowest_s, time.monotonic() - began)
        if 200 <= status < 300:
            self.tally.acknowledged.add(text)
        else:
            self.tally.failed.append((text, status, why))

    def attempt(self, text):
        """The status and the answer; 0 when the connection broke."""
        headers = {"Content-Type": "application/json"}
        if self.repeats:
            headers["Idempotency-Key"] = text
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection(self.address, timeout=30)
            self.connection.request("POST", self.path, json.dumps({"text": text}), headers)
            answer = self.connection.getresponse()
            body = answer.read()
            if answer.getheader("Connection", "").lower() == "close":
                self.close()
            return answer.status, body
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return 0, repr(error)

    def close(self):
        self.connection.close()
        self.connection = None


def place(ring, kind, name):
    """Makes what the messages go to: the URL to post to and a function that reads all back."""
    owner = ring.user(name)
    if kind == "bot":
        ring.bot(name, owner)
        return ring.bot_url(name, owner.token), lambda: ring.messages("bots", name, owner.token)
    if kind == "extension":
        app = ring.extension(name, owner)["sandbox"]
        return (ring.extension_url(app, owner.token),
                lambda: ring.messages("applications", app.app_id, owner.token))
    ring.channel(name, owner)
    return (ring.channel_url(name, owner.token),
            lambda: ring.messages("channelsbyname", name, owner.token))


def text_of(message):
    return message["message"]["text"]


def check(tally, messages):
    """Compares what was answered with what is stored."""
    stored = collections.Counter(text_of(m) for m in messages)
    tally.lost = len(tally.acknowledged - stored.keys())
    tally.doubled = sum(1 for n in stored.values() if n > 1)
    tally.unconfirmed = len(stored.keys() - tally.acknowledged)
    return tally


def campaign(ring, kind, kills, seed, name):
    """Runs one campaign in a running Ring and returns its Tally."""
    dice = random.Random(seed)
    tally, stop = Tally(kind, seed), threading.Event()
    url, read_back = place(ring, kind, name)
    writers = [Writer(i, url, tally, stop, kind == "gateway") for i in range(WRITERS)]
    for writer in writers:
        writer.start()
    for _ in range(kills):
        time.sleep(dice.uniform(0.2, 1.5))
        ring.kill(f"{kind}-0")
        tally.kills += 1
        ring.wait_ready(f"{kind}-0")
    time.sleep(1)
    stop.set()
    for writer in writers:
        writer.join(60)
        assert not writer.is_alive(), "a writer waits for an answer that never comes"
    ring.wait_ready(*ring.names)
    return check(tally, read_back())


def told(tally):
    """Prints how it went, with what failed; whether it is clean."""
    print(tally, flush=True)
    for text, status, why in tally.failed[:5]:
        print(f"  failed: {text} status={status} {why}")
    return tally.clean


def main():
    words = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    words.add_argument("--kind", choices=(*KINDS, "all"), default="all")
    words.add_argument("--kills", type=int, default=20)
    words.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    chosen = words.parse_args()
    clean = True
    with postern.Ring() as ring:
        ring.up()
        for kind in KINDS if chosen.kind == "all" else (chosen.kind,):
            tally = campaign(ring, kind, chosen.kills, chosen.seed, f"kill_{kind}")
            clean = told(tally) and clean
        ring.keep = not clean
    sys.exit(0 if clean else 1)


if __name__ == "__main__":
    main()
