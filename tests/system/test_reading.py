"""Who reads waits for no commit of the journal, and keeps no sender waiting."""

import json
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import threading
import time

import pytest

from harness import lacking, postern
from harness.beside import again_and_again
from harness.connection import Connection

SENDERS = 4
APART_S = 0.02  # between two posts of one of them
SECONDS = 2.5
DELAY_MS = 400  # of each commit of the journal
CHANNEL = "/api/v2/channelsbyname/read"


@pytest.fixture
def slow_disk(make_ring, needs):
    """(ring, user): the channel worker's commits take DELAY_MS longer."""
    needs("strace")
    if subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True).returncode != 0:
        lacking.skip("ptrace")
    own = make_ring()
    own.environment["ASAN_OPTIONS"] += ":detect_leaks=0"  # not under ptrace
    own.spawn_all()
    ada = own.user("ada")
    own.channel("read", ada)
    own.spawned.pop("channel-0").kill()
    own.spawn("channel", wrap=["strace", "-D", "-f", "-qq", "--seccomp-bpf", "-o", "/dev/null", "-e",
                               "trace=fdatasync", "-e",
                               f"inject=fdatasync:delay_enter={DELAY_MS * 1000}"])
    return own, ada


def p99(latencies):
    return statistics.quantiles(latencies, n=100)[98]


def send(ring, ada, seconds):
    """Latencies in ms of posts from SENDERS connections, from when each was due."""
    latencies = []

    def work():
        with Connection(ring.port) as connection:
            due = time.monotonic()
            end = due + seconds
            while (due := due + APART_S) < end:
                time.sleep(max(0, due - time.monotonic()))
                answer = connection.post(f"{CHANNEL}/message?zapikey={ada.token}", b'{"text":"x"}')
                latencies.append((time.monotonic() - due) * 1e3)
                assert answer.status == 204, answer

    threads = [threading.Thread(target=work) for _ in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return latencies


class Reader:
    """Posts a message, then reads all that is new, in which it must be."""

    def __init__(self, ring, ada):
        self.latencies, self.missed, self.read = [], [], 0
        self.next, self.token = 1, ada.token
        self.connection = Connection(ring.port)

    def page(self):
        start = time.monotonic()
        path = f"{CHANNEL}/messages?limit=1000&from={self.next}&zapikey={self.token}"
        self.connection.send(f"GET {path} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
        answer = self.connection.answer()
        self.latencies.append((time.monotonic() - start) * 1e3)
        assert answer.status == 200, answer
        page = json.loads(answer.body)
        for row in page["messages"]:
            assert row["sequence"] == self.next
            self.next += 1
        return page

    def turn(self):
        text, found, more = f"mine {self.next}", False, True
        self.connection.post(f"{CHANNEL}/message?zapikey={self.token}", json.dumps({"text": text}).encode())
        while more:
            page = self.page()
            found |= any(row["message"]["text"] == text for row in page["messages"])
            more = page["next"] is not None
        self.missed += [] if found else [text]

    def turns(self):
        return again_and_again(lambda over: over.wait(0.02) or self.turn())


def test_a_reader_keeps_no_sender_waiting(slow_disk):
    """Nor does it wait itself; what was answered before it asked is always there."""
    ring, ada = slow_disk
    reader, alone, beside = Reader(ring, ada), [], []
    send(ring, ada, 1)
    for _ in range(3):
        alone.append(p99(send(ring, ada, SECONDS)))
        with reader.turns():
            beside.append(p99(send(ring, ada, SECONDS)))
    alone, beside = statistics.median(alone), statistics.median(beside)
    print(f"p99 of senders alone {alone:.1f} ms, beside a reader {beside:.1f} ms, ratio "
          f"{beside / alone:.2f}; p99 of {len(reader.latencies)} pages {p99(reader.latencies):.1f} ms")
    assert reader.missed == [] and reader.next > 100
    # Who waits for commits waits for the whole of one; a busy machine costs less than that.
    postern.in_time(beside, max(1.2 * alone, DELAY_MS / 2))
    postern.in_time(p99(reader.latencies), DELAY_MS / 2)


RATE = 4000  # posts a second
READERS = 8
ROUNDS, SLICE_S = 7, 0.8
OPEN_LOOP = pathlib.Path(__file__).parent / "harness" / "open_loop.py"


def post_for(ring, ada, seconds):
    """p99 in ms of posts at RATE, from when each was due."""
    made = subprocess.run([sys.executable, OPEN_LOOP, str(ring.port), f"{CHANNEL}/message?zapikey={ada.token}",
                           str(RATE), str(seconds)], capture_output=True, text=True, timeout=60)
    assert made.returncode == 0, made.stderr
    said = json.loads(made.stdout)
    assert said["bad"] == 0
    return said["p99"]


@pytest.fixture
def release():
    """Its binaries. A sanitizer makes a page cost more than what is looked for here."""
    directory = postern.ROOT / "build/release/bin"
    if not (directory / "postern-gateway").exists():
        pytest.skip("needs the release build (./dev test makes it)")
    return directory


def test_readers_of_pages_cost_senders_little(release, make_ring, needs):
    """READERS that ask for the next page of 1,000 as soon as they have one."""
    needs("wrk")
    ring = make_ring(binaries=release)
    ring.spawn_all()
    ada = ring.user("ada")
    ring.channel("read", ada)
    post_for(ring, ada, 2)
    url = f"http://127.0.0.1:{ring.port}{CHANNEL}/messages?limit=1000&zapikey={ada.token}"
    alone, beside, pages = [], [], 0
    for _ in range(ROUNDS):
        alone.append(post_for(ring, ada, SLICE_S))
        readers = subprocess.Popen(["wrk", "-t1", f"-c{READERS}", "-d30s", url], stdout=subprocess.PIPE, text=True)
        beside.append(post_for(ring, ada, SLICE_S))
        readers.send_signal(signal.SIGINT)
        said = readers.communicate()[0]
        assert "Non-2xx" not in said, said
        pages += int(re.search(r"(\d+) requests in", said)[1])
    # Of each round, since what else the machine does changes.
    ratio = statistics.median(b / a for a, b in zip(alone, beside))
    print(f"p99 of {RATE} posts/s alone {alone} ms, beside {READERS} readers {beside} ms, "
          f"ratio {ratio:.2f}; {pages} pages")
    assert pages > READERS * ROUNDS
    # Below 2; from 6 to 30 where the loop that answers posts makes the pages, too. What else runs is in between.
    postern.in_time(ratio, 5)
