"""./dev bench --stream [PART …]: readers of live streams, next to those of nchan's EventSource in Debian's nginx, and
what readers and posts cost each other (stream_readers.py, stream_beside.py).

Both have the same readers (follow.c) and posts, and take turns. docs/BENCHMARKS.md says how to read it.
--short: few readers and a second each: shows that the benchmark works, not how fast anything is. A part that
fails says why, and the others go on."""

import argparse
import contextlib
import http.client
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import threading
import time
import traceback
import urllib.parse

import bench
import peers
import stream_beside
import stream_readers
from harness import postern
from harness.haproxy import HAProxy

RATE = 50        # messages a second
BURST = 500      # messages at once, by so many senders:
SENDERS = 8


class Plan:
    def __init__(self, short):
        self.short = short
        self.rounds, self.seconds = (1, 1) if short else (3, 5)
        self.readers, self.idle = (50, 200) if short else (1000, 10000)
        self.users, self.channels = (20, 2) if short else (2000, 10)
        self.burst = 50 if short else BURST
        self.opens, self.stopping, self.hour_s = (20, 20, 0) if short else (1000, 1000, 25)
        self.few, self.many, self.most = (1000, 2000, 4000) if short else (10000, 1000000, 10000000)  # records


class Side:
    """Where messages are posted and streams read."""

    def __init__(self, base, channel, token, processes):
        self.port, self.processes = urllib.parse.urlsplit(base).port, processes
        at = f"/api/v2/channelsbyname/{channel}"  # nchan knows the same paths
        self.path = f"{at}/message?zapikey={token}"
        self.head = (f"GET {at}/stream HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n"
                     f"Authorization: Bearer {token}\r\n\r\n")

    def cpu(self):
        return bench.TICK_US * bench.cpu_ticks([pid for pids in self.processes().values() for pid in pids])

    def sender(self):
        return Sender(self.port, self.path)


class Sender:
    def __init__(self, port, path):
        self.connection, self.path = http.client.HTTPConnection("127.0.0.1", port), path

    def post(self, more=211):
        text = f"@{time.monotonic_ns() // 1000:016d}@" + "x" * more
        self.connection.request("POST", self.path, json.dumps({"text": text}))
        answer = self.connection.getresponse()
        answer.read()
        assert answer.status < 300, answer.status


class Readers:
    def __init__(self, port, head, count):
        self.process = subprocess.Popen([postern.BIN / "follow", str(port), str(count)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.process.stdin.write(head)
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "open\n", "the streams do not open"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(30)

    def told(self):
        """(deliveries, p50 µs, p99 µs) since it was asked last."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        deliveries, p50, p99, lost = map(int, self.process.stdout.readline().split())
        assert lost == 0, f"{lost} streams have ended"
        return deliveries, p50, p99


def collect(readers, expected):
    """Waits until so many deliveries are there; the parts that came."""
    parts, end = [], time.monotonic() + 60
    while sum(part[0] for part in parts) < expected:
        assert time.monotonic() < end, f"{sum(part[0] for part in parts)} deliveries, and not {expected}"
        parts.append(readers.told())
        time.sleep(0.05)
    return parts


def fan_out(side, plan):
    """So many readers, RATE messages a second: p50 and p99 of a delivery, CPU of one."""
    sender = side.sender()
    with Readers(side.port, side.head, plan.readers) as readers:
        count, before, began = RATE * plan.seconds, side.cpu(), time.monotonic()
        for i in range(count):
            time.sleep(max(0, began + i / RATE - time.monotonic()))
            sender.post()
        time.sleep(0.5)
        deliveries, p50, p99 = readers.told()
        more = collect(readers, count * plan.readers - deliveries)
        cpu = side.cpu() - before
    return {"p50": p50 / 1e3, "p99": max([p99, *(part[2] for part in more)]) / 1e3,
            "cpu": cpu / (count * plan.readers)}


def burst(side, plan):
    """Deliveries a second of messages that are posted as fast as they are taken."""
    def send(sender):
        for _ in range(plan.burst // SENDERS):
            sender.post()

    with Readers(side.port, side.head, plan.readers) as readers:
        threads = [threading.Thread(target=send, args=(side.sender(),)) for _ in range(SENDERS)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        expected = plan.burst // SENDERS * SENDERS * plan.readers
        collect(readers, expected)
        return expected / (time.monotonic() - began)


def idle(side, ring, plan):
    """Bytes of the gateway's memory that an idle reader takes."""
    def bytes_of_its_own():
        text = pathlib.Path(f"/proc/{ring.pid('gateway-0')}/status").read_text()
        return int(re.search(r"RssAnon:\s+(\d+)", text)[1]) * 1024

    before = bytes_of_its_own()
    with Readers(side.port, side.head, plan.idle):
        time.sleep(1)
        return (bytes_of_its_own() - before) / plan.idle


def through_proxy(side, ring, plan):
    """p50 of a delivery through HAProxy as shipped / without."""
    found = []
    with HAProxy(ring) as proxy:
        for port in (proxy.port, side.port):
            sender = side.sender()
            with Readers(port, side.head, 1) as readers:
                for _ in range(RATE * plan.seconds):
                    sender.post()
                    time.sleep(1 / RATE)
                found.append(readers.told()[1])
    return found[0] / found[1]


class Peer(bench.RingPeer):
    def start(self):
        settings = {"authd.rate": 0, "log.level": "warn", "gateway.streams": 20000, "gateway.streams_per_token": 20000,
                    "gateway.connections": 40000, "gateway.connections_per_address": 40000}
        return postern.Ring(settings=settings, preset_settings=False).up()

    def side(self):
        """Of the first of its tokens."""
        token, channel = self.tokens.read_text().split("\n")[0].split(" ")
        return Side(self.base, channel, token, self.processes)

    def apart(self, name):
        """A channel to which nobody posts, unless told to."""
        owner = self.ring.user(name, rate=0)
        self.ring.channel(name, owner)
        return Side(self.base, name, owner.token, self.processes)


def say_rounds(name, rounds, key=None):
    values = [one[key] if key else one for one in rounds]
    bench.say(f"{name:<50}{statistics.median(values):>12.2f}   (rounds: " + "  ".join(f"{v:.2f}" for v in values) + ")")


def compare(sides, plan):
    fans, bursts = {name: [] for name in sides}, {name: [] for name in sides}
    for _ in range(plan.rounds):
        for name, side in sides.items():
            fans[name].append(fan_out(side, plan))
            bursts[name].append(burst(side, plan))
    for name in sides:
        for key, unit in (("p50", "ms"), ("p99", "ms"), ("cpu", "CPU µs a delivery")):
            say_rounds(f"{name}: {plan.readers} readers, {RATE} msg/s: {key} ({unit})", fans[name], key)
        say_rounds(f"{name}: burst, deliveries a second", bursts[name])

    def ratio(found, key=None):
        return [(a[key] / b[key]) if key else a / b for a, b in zip(found["ring"], found["nchan"])]

    bench.say_ratio("ring / nchan, p99 of a delivery", ratio(fans, "p99"), "at most 1.20")
    bench.say_ratio("ring / nchan, CPU of a delivery", ratio(fans, "cpu"), "at most 1.00")
    bench.say_ratio("ring / nchan, deliveries of a burst", ratio(bursts), "at least 5.00")


def part_idle(peer, plan):
    side = peer.side()
    say_rounds(f"{plan.idle} idle readers: bytes of the gateway each", [idle(side, peer.ring, plan)])


def part_fan(peer, plan):
    with contextlib.closing(peers.Nchan(plan)) as nchan:
        compare({"ring": peer.side(), "nchan": Side(nchan.base, "x", "none", nchan.processes)}, plan)


def part_proxy(peer, plan):
    bench.say_ratio("HAProxy as shipped / direct, p50 of a delivery",
                    [through_proxy(peer.side(), peer.ring, plan) for _ in range(plan.rounds)], "below 3.00", 50)


def part_beside(peer, plan):
    apart = peer.apart("apart")
    stream_beside.posts_beside_idle(peer, lambda: Readers(apart.port, apart.head, plan.idle), plan)


PARTS = {"idle": part_idle, "fan": part_fan, "proxy": part_proxy, "joins": stream_readers.joins,
         "stopped": stream_readers.stopped, "beside": part_beside, "pages": stream_beside.pages,
         "greedy": stream_beside.greedy, "cold": stream_beside.cold}
BY_NAME = ("cold",)  # not without being named: it fills a disk


def run_part(name, peer, plan):
    """False: it has failed, and said why."""
    began = time.monotonic()
    try:
        PARTS[name](peer, plan)
        return True
    except (Exception, SystemExit) as error:
        bench.say(f"{name}: FAILED: {type(error).__name__}: {error}")
        traceback.print_exc()
        return False
    finally:
        bench.say(f"({name}: {time.monotonic() - began:.0f} s, load {os.getloadavg()[0]:.1f})")


def main():
    parser = argparse.ArgumentParser(prog="./dev bench --stream")
    parser.add_argument("--short", action="store_true", help="a few seconds; proves nothing")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {' '.join(PARTS)}; else all but {' '.join(BY_NAME)}")
    words = parser.parse_args()
    unknown = [name for name in words.parts if name not in PARTS]
    if unknown:
        parser.error(f"no such part: {' '.join(unknown)}; there are {' '.join(PARTS)}")
    plan = Plan(words.short)
    bench.machine()
    parts = words.parts or [name for name in PARTS if name not in BY_NAME]
    with contextlib.closing(Peer(plan)) as peer:
        failed = [name for name in parts if not run_part(name, peer, plan)]
    if failed:
        sys.exit(f"failed: {' '.join(failed)}")


if __name__ == "__main__":
    main()
