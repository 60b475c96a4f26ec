"""Slow and idle clients: what they cost everybody else.

    ./dev slow [SECONDS]           slowhttptest's four modes and 10,000 idle connections, each so long

In turns, undisturbed and under each attack, senders post messages; printed are their p99 and its
ratio to the undisturbed run before it. The attackers come from other addresses than the senders, as
on a real network: the limit of connections an address is part of the defence.
"""

import argparse
import contextlib
import dataclasses
import resource
import socket
import statistics
import subprocess
import sys
import threading
import time

from harness import postern
from harness.beside import again_and_again
from harness.connection import Connection

SENDERS = 4
MODES = {
    "headers": ["-H", "-i", "2", "-x", "24"],
    "body": ["-B", "-s", "100000", "-i", "2", "-x", "10", "-t", "POST"],
    "range": ["-R", "-a", "10", "-b", "3000"],
    "read": ["-X", "-w", "1", "-y", "8", "-n", "2", "-z", "8", "-k", "1"],
}
ATTACKERS = 1500  # connections of slowhttptest: below the limit of one address, so that all get in
IDLE = 10000


@dataclasses.dataclass
class Run:
    """What the senders saw: latencies in ms, answers that were not 204."""
    latencies: list
    bad: list

    @property
    def p99(self):
        return statistics.quantiles(self.latencies, n=100)[98]


def send(ring, user, path, seconds):
    """Posts from SENDERS connections of 127.0.0.2 for SECONDS."""
    run = Run([], [])

    def work():
        with Connection(ring.port, source="127.0.0.2") as connection:
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                start = time.monotonic()
                answer = connection.post(f"{path}?zapikey={user.token}", b'{"text":"x"}')
                run.latencies.append((time.monotonic() - start) * 1e3)
                if answer.status != 204:
                    run.bad.append(answer)

    threads = [threading.Thread(target=work) for _ in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return run


@contextlib.contextmanager
def slowhttptest(url, mode, seconds, connections):
    """The attack on URL, begun again when all of its connections have ended."""
    # Its polling takes a whole core; on a machine of its own it would take none of ours.
    words = ["nice", "-n", "19", "slowhttptest", *MODES[mode], "-c", str(connections), "-r", str(connections),
             "-l", str(int(seconds) + 60), "-u", url, "-p", "3"]

    def attack(over):
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
            while running.poll() is None and not over.wait(0.05):
                pass
            running.kill()
    with again_and_again(attack):
        yield


@contextlib.contextmanager
def idle(ring, count):
    """Open connections that say nothing, from as many addresses as the limit of each asks for."""
    opened = []
    try:
        for i in range(count):
            source = f"127.0.1.{i // 1500 + 1}"
            opened.append(socket.create_connection(("127.0.0.1", ring.port), 20,
                                                   source_address=(source, 0)))
        yield opened
    finally:
        for one in opened:
            one.close()


def connections(ring):
    return ring.metric("gateway-0", "http_connections")


def answered(ring):
    """Requests of all; one that names no endpoint counts as an error only."""
    return sum(ring.metric("gateway-0", what) for what in ("http_requests_total",
                                                           "http_errors_total"))


def attacks(ring, user, seconds, count, idlers):
    """(name, context, connections that it has at least while the senders are measured)."""
    post, read = (f"{ring.base}/api/v2/channelsbyname/slow/{what}?zapikey={user.token}"
                  for what in ("message", "messages"))
    for mode in MODES:
        url = read if mode == "read" else post
        # Ranges are ignored, so its requests are answered and its connections come and go.
        least = 0 if mode == "range" else count // 2
        yield mode, slowhttptest(url, mode, seconds, count), least
    yield f"idle ({idlers})", idle(ring, idlers), idlers


def campaign(ring, seconds, count, idlers, say=print):
    """Runs every attack. Returns [(name, Run undisturbed, Run under it)]."""
    user = ring.user("slow")
    ring.channel("slow", user)
    path = "/api/v2/channelsbyname/slow/message"
    with Connection(ring.port) as connection:  # what the slow readers read
        for _ in range(64):
            connection.post(f"{path}?zapikey={user.token}", b'{"text":"%s"}' % (b"x" * 4000))
    send(ring, user, path, 0.3)
    results = []
    for name, attack, least in attacks(ring, user, seconds, count, idlers):
        theirs = -answered(ring)
        before = send(ring, user, path, seconds)
        with attack:
            postern.wait(lambda least=least: connections(ring) >= least, 30,
                         what=f"{least} connections of the attack {name}")
            postern.wait(lambda: ring.metric("gateway-0", "inflight") == 0, 30,
                         what="answers to what the attack asks for: their work is not its slowness")
            during = send(ring, user, path, seconds)
            there = connections(ring)
        theirs += answered(ring) - len(before.latencies) - len(during.latencies)
        results.append((name, before, during))
        say(f"{name:<13} connections {there:>6.0f}   answered to them {theirs:>6.0f}   "
            f"p99 undisturbed {before.p99:6.2f} ms   under it {during.p99:6.2f} ms   ratio {during.p99 / before.p99:.2f}   "
            f"sent {len(during.latencies)}   not 204: {len(during.bad)}")
    return results


def settings(idlers):
    """The processes' own limit of open files follows this one's."""
    need = idlers + 4096
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(need, 8192), max(hard, need)))
    return {"gateway.connections": idlers + 4000, "authd.rate": 0}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=20)
    seconds = parser.parse_args().seconds
    with postern.Ring(settings=settings(IDLE)) as ring:
        results = campaign(ring.up(), seconds, ATTACKERS, IDLE)
    sys.exit(1 if any(during.bad for _, _, during in results) else 0)


if __name__ == "__main__":
    main()
