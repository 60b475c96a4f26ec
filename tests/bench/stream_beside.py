"""Parts of ./dev bench --stream that put posts beside readers: idle ones, readers of pages, one that takes all that there
is, and readers of a large file that is not in memory."""

import contextlib
import http.client
import os
import random
import socket
import statistics
import subprocess
import threading
import time

import bench
from harness import postern

WRK = 64        # senders of posts
PAGES = 8       # readers of pages, each the next when it has one
PACE_S = 0.01   # between two posts of a sender whose each answer is timed


def p99_ms(peer, plan):
    return bench.wrk(peer.base, peer.tokens, WRK, plan.seconds)["p99"] / 1e3


def warm_up(peer, plan):
    if plan.rounds > 1:
        p99_ms(peer, plan)


@contextlib.contextmanager
def beside(*runs):
    """Each in a thread, until the end: run (over)."""
    over = threading.Event()
    threads = [threading.Thread(target=run, args=(over,)) for run in runs]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def posts_beside_idle(peer, readers, plan):
    """p99 of posts beside plan.idle readers of another channel / alone."""
    warm_up(peer, plan)
    found = []
    for _ in range(plan.rounds):
        alone = p99_ms(peer, plan)
        with readers():
            found.append(p99_ms(peer, plan) / alone)
    bench.say_ratio(f"posts' p99 beside {plan.idle} idle readers / alone", found, "below 1.50", 50)


def pages_of(side, path, took=None):
    """Reads one page after the other; PATH (): its query."""
    def run(over):
        connection = http.client.HTTPConnection("127.0.0.1", side.port)
        while not over.is_set():
            began = time.monotonic()
            connection.request("GET", side.path.replace("/message?", f"/messages?{path()}&"))
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
            if took is not None:
                took.append((time.monotonic() - began) * 1e3)
    return run


def pages(peer, plan):
    """p99 of posts beside PAGES closed loops of pages / alone."""
    warm_up(peer, plan)
    found, loops = [], [pages_of(peer.side(), lambda: "limit=100")] * PAGES
    for _ in range(plan.rounds):
        alone = p99_ms(peer, plan)
        with beside(*loops):
            found.append(p99_ms(peer, plan) / alone)
    bench.say_ratio(f"posts' p99 beside {PAGES} loops of pages / alone", found, "below 2.00", 50)


def fill(peer, count):
    """COUNT records in the worker's journal, all like the first; the ring is down meanwhile."""
    journal = peer.dir / "data" / "channel-0"
    peer.ring.stop()
    subprocess.run([postern.BIN / "record", journal, "0", "1", str(count)], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return journal / "data.mdb"


class Stream:
    """The stream of a side, read as fast as it comes: bytes are counted, and when there were some."""

    def __init__(self, side, query=""):
        self.socket, self.bytes = socket.create_connection(("127.0.0.1", side.port), 30), 0
        self.socket.sendall(side.head.replace("/stream ", f"/stream{query} ").encode())
        self.take()

    def take(self):
        data = self.socket.recv(1 << 20)
        self.bytes += len(data)
        return data

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


def p99(values):
    return sorted(values)[len(values) * 99 // 100]


def timed_posts(side, seconds):
    """One sender, and one reader of what it posts: p99 of a post, and of a delivery (ms)."""
    sender, posts, deliveries = side.sender(), [], []
    with Stream(side) as reader:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.monotonic()
            sender.post()
            posts.append((time.monotonic() - began) * 1e3)
            while b"\n\n" not in reader.take().replace(b":\n\n", b""):
                pass
            deliveries.append((time.monotonic() - began) * 1e3)
            time.sleep(PACE_S)
    return p99(posts), p99(deliveries)


def taken_whole(side, counted):
    """Reads the history from its beginning, again and again."""
    def run(over):
        while not over.is_set():
            with Stream(side, "?since=all") as stream:
                stream.socket.settimeout(2)
                with contextlib.suppress(TimeoutError):
                    while not over.is_set():
                        counted.append(stream.take().count(b"\ndata: "))
    return run


def greedy(peer, plan):
    """p99 of a post and of a delivery beside one that reads plan.many messages as fast as it can / alone."""
    side, other = peer.side(), peer.apart("other")
    side.sender().post()
    fill(peer, plan.many)
    peer.ring.up(60)
    found = []
    for _ in range(plan.rounds):
        alone, counted = timed_posts(other, plan.seconds), []
        with beside(taken_whole(side, counted)):
            began = time.monotonic()
            found.append([a / b for a, b in zip(timed_posts(other, plan.seconds), alone)])
            took = time.monotonic() - began
        bench.say(f"one reader: {sum(counted)} messages in {took:.1f} s; alone p99 of a post {alone[0]:.1f}, of a "
                  f"delivery {alone[1]:.1f} ms")
    bench.say_ratio("posts' p99 beside one that reads all / alone", [post for post, _ in found], "below 1.50", 50)
    bench.say_ratio("others' deliveries, p99, beside it / alone", [delivery for _, delivery in found], "below 2.00", 50)


def page_p99(side, count, seconds):
    """p99 of a page at a random place of COUNT messages (ms): one reader."""
    took, draw = [], random.Random(5)
    with beside(pages_of(side, lambda: f"limit=100&from={draw.randrange(1, count)}", took)):
        time.sleep(seconds)
    return p99(took)


def evict(path):
    """The worker does not run: nothing maps the file."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read_whole(path):
    subprocess.run(["cat", path], stdout=subprocess.DEVNULL, check=True)


def cold(peer, plan):
    """Pages of a journal of plan.most records that is not in memory, and in memory; of one of plan.few."""
    side = peer.side()
    side.sender().post()
    fill(peer, plan.few)
    peer.ring.up(60)
    small = page_p99(side, plan.few, plan.seconds)
    began = time.monotonic()
    path = fill(peer, plan.most - plan.few)
    bench.say(f"{plan.most} messages: {path.stat().st_size / 1e6:.0f} MB, stored in {time.monotonic() - began:.0f} s")
    evict(path)
    peer.ring.up(60)
    draw, took = random.Random(7), []
    warm_up(peer, plan)
    alone = p99_ms(peer, plan)
    with beside(*[pages_of(side, lambda: f"limit=100&from={draw.randrange(1, plan.most)}", took)] * PAGES):
        posts = p99_ms(peer, plan)
    bench.say(f"cold, {PAGES} loops of pages: {len(took)} pages, p50 {statistics.median(took):.1f}, p99 {p99(took):.1f} ms")
    bench.say_ratio("posts' p99 beside pages of a cold file / alone", [posts / alone], "below 2.00", 50)
    read_whole(path)
    large = [page_p99(side, plan.most, plan.seconds) for _ in range(plan.rounds)]
    bench.say_ratio(f"a page's p99, {plan.most} / {plan.few} messages, warm", [each / small for each in large], "below 2.00", 50)
