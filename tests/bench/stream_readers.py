"""Parts of ./dev bench --stream that count: readers that join while messages come, and readers that stop and go on."""

import concurrent.futures
import pathlib
import random
import re
import socket
import subprocess
import threading
import time

import bench

LANES = 8       # readers that open and leave, one stream after the other
EACH = 200      # messages that each reads
POSTS = 200     # of 4 KB, that nobody reads
ROW = re.compile(rb'"event":"message","id":"((\d+)-\w+)"')


class Lines:
    """A stream of JSON lines whose sequences are all that is looked at."""

    def __init__(self, port, path, token, position=None):
        self.socket, self.text, self.position = socket.create_connection(("127.0.0.1", port), 60), b"", position
        back = f"Last-Event-ID: {position}\r\n" if position else ""
        self.socket.sendall((f"GET {path} HTTP/1.1\r\nHost: h\r\nAccept: application/x-ndjson\r\n{back}"
                             f"Authorization: Bearer {token}\r\n\r\n").encode())

    def more(self):
        """The sequences that came next; None: the stream has ended."""
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionResetError:  # it was cut
            data = b""
        if not data:
            return None
        rows, _, self.text = (self.text + data).rpartition(b"\n")
        found = ROW.findall(rows)
        self.position = found[-1][0].decode() if found else self.position
        return [int(sequence) for _, sequence in found]

    def take(self, count):
        """The sequences of COUNT messages and more, or of as many as came."""
        got = []
        while len(got) < count and (rows := self.more()) is not None:
            got += rows
        return got

    def close(self):
        self.socket.close()


def own_channel(peer, name):
    side = peer.apart(name)
    token = side.path.partition("zapikey=")[2]
    tokens = peer.dir / name
    tokens.write_text(f"{token} {name}\n")
    return token, tokens, side.path.partition("/message?")[0] + "/stream"


class Joins:
    """Streams that are opened at random positions: (since, what came) of those that are wrong."""

    def __init__(self, port, path, token, count):
        self.port, self.path, self.token = port, path, token
        self.left, self.tip, self.wrong, self.lock = iter(range(count)), 1, [], threading.Lock()

    def join(self, draw):
        since = draw.choice((None, draw.randrange(max(1, self.tip - 5000), self.tip + 1))) if self.tip > 1 else None
        lines = Lines(self.port, self.path + (f"?since={since}" if since is not None else ""), self.token)
        got = lines.take(EACH)
        lines.close()
        self.tip = max([self.tip, *got])
        first = since + 1 if since else got[0] if got else 0
        if got != list(range(first, first + max(EACH, len(got)))):
            self.wrong.append((since, len(got), got[:3], got[-3:]))

    def lane(self, seed):
        draw = random.Random(seed)
        while True:
            with self.lock:
                if next(self.left, None) is None:
                    return
            self.join(draw)

    def run(self):
        threads = [threading.Thread(target=self.lane, args=(seed,)) for seed in range(LANES)]
        for thread in threads:
            thread.start()
        return threads


def joins(peer, plan):
    """plan.opens streams at random positions while messages come as fast as they are taken."""
    token, tokens, path = own_channel(peer, "joins")
    before = peer.ring.metric("gateway-0", "stream_resyncs_total")
    side = Joins(int(peer.base.rpartition(":")[2]), path, token, plan.opens)
    threads, rates = side.run(), []
    while any(thread.is_alive() for thread in threads):
        result = bench.wrk(peer.base, tokens, 64, 2)
        rates.append(result["requests"] / result["us"] * 1e6)
    resyncs = peer.ring.metric("gateway-0", "stream_resyncs_total") - before
    bench.say(f"{plan.opens} joins beside {sum(rates) / len(rates):.0f} posts/s: wrong {len(side.wrong)}, resyncs {resyncs:.0f} "
              "(wanted: 0, 0)")
    assert not side.wrong, side.wrong[:3]


def own_kib(peer):
    text = pathlib.Path(f"/proc/{peer.ring.pid('gateway-0')}/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+)", text)[1])


def kernel_kib(port):
    """What waits in the kernel at the gateway's ends, each."""
    text = subprocess.run(["ss", "-tmnH", "state", "established", f"sport = :{port}"], capture_output=True, text=True, check=True).stdout
    waiting = [int(word) for word in re.findall(r",w(\d+),", text)]
    return sum(waiting) / max(1, len(waiting)) / 1024


def post_all(peer, token):
    sender = peer.side().sender()
    sender.path = f"/api/v2/channelsbyname/stopped/message?zapikey={token}"
    for _ in range(POSTS):
        sender.post(more=3800)


def read_on(lines, port, path, token):
    """All that is there, coming back where it was cut."""
    got = []
    while len(got) < POSTS:
        got += lines.take(POSTS - len(got))
        lines.close()
        lines = Lines(port, path + ("" if lines.position else "?since=all"), token, lines.position)
    lines.close()
    return got


def all_read_on(held, port, path, token):
    """How many of them have each message once."""
    with concurrent.futures.ThreadPoolExecutor(2 * LANES) as pool:
        read = pool.map(lambda one: read_on(one, port, path, token), held)
        return sum(got == list(range(1, POSTS + 1)) for got in read)


def stopped(peer, plan):
    """Readers that take nothing of what comes, then go on: half of them at once, the others when they were cut."""
    token, _, path = own_channel(peer, "stopped")
    port = int(peer.base.rpartition(":")[2])
    for one in [Lines(port, path, token) for _ in range(50)]:
        one.close()
    held = [Lines(port, path, token) for _ in range(plan.stopping)]
    for one in held:
        one.more()  # it has begun
    before = own_kib(peer)
    post_all(peer, token)
    time.sleep(1)
    bench.say(f"{plan.stopping} readers that stop: the gateway's own memory {own_kib(peer) - before:+} KiB (at most 1024), "
              f"the kernel's {kernel_kib(port):.0f} KiB each (at most 128)")
    half = plan.stopping // 2
    whole = all_read_on(held[:half], port, path, token)
    if plan.hour_s:
        peer.ring.wait(lambda: peer.ring.metric("gateway-0", "streams") == 0, 2 * plan.hour_s, what="the others to be cut")
    after = all_read_on(held[half:], port, path, token)
    bench.say(f"that go on: {whole} of {half} have each message once; when they were cut, {after} of {plan.stopping - half}")
    assert whole == half and after == plan.stopping - half
