"""Memory that is taken without a credential: requests that begin and do not end.

    ./dev slow [SECONDS]           after the slow clients, each attack so long

In turns, undisturbed and under each attack, senders post messages to a gateway that may not have
more than 1 GiB (RLIMIT_DATA); printed are what the attackers were answered, the most memory that the
gateway had, what it has when they are gone, and the senders' p99 with its ratio.
"""

import argparse
import collections
import contextlib
import multiprocessing
import os
import pathlib
import resource
import select
import socket
import sys
import threading
import time

from harness import postern

from slow_campaign import send, settings

ATTACKERS = 9500
LIMIT = 1 << 30
PATH = "/api/v2/channelsbyname/memory/message"
HEAD = f"POST {PATH} HTTP/1.1\r\nHost: h\r\n"


def requests():
    """Name to the bytes of a request that has no end."""
    return {
        "endless head": f"{HEAD}X-Long: ".encode() + b"h" * 400_000,
        "many headers": HEAD.encode() + b"".join(b"X-%d: h\r\n" % i for i in range(40_000)),
        "head below its limit": f"{HEAD}X-Long: ".encode() + b"h" * 75_000,
        "body without its last byte": f"{HEAD}Content-Length: 262144\r\n\r\n".encode() + b"b" * 262_143,
        "chunks without an end": f"{HEAD}Transfer-Encoding: chunked\r\n\r\n3ffff\r\n".encode() +
                                 b"c" * 262_143,
    }


class Attacker:
    """COUNT connections that send DATA and wait; what each was answered first."""

    def __init__(self, port, count, data):
        self.port, self.count, self.data = port, count, data
        self.poll = select.epoll()
        self.left, self.answers = {}, collections.Counter()

    def connect(self, number):
        one = socket.socket()
        one.bind((f"127.0.1.{number // 1500 + 1}", 0))
        one.connect(("127.0.0.1", self.port))
        one.setblocking(False)
        self.left[one.fileno()] = one, memoryview(self.data)
        self.poll.register(one, select.EPOLLIN | select.EPOLLOUT)

    def write(self, number):
        one, data = self.left[number]
        data = data[one.send(data[:65536]):]
        self.left[number] = one, data
        if not data:
            self.poll.modify(one, select.EPOLLIN)

    def end(self, number, answer):
        one, _ = self.left.pop(number)
        self.answers[answer[9:12].decode() or "closed"] += 1
        one.close()

    def turn(self):
        for number, events in self.poll.poll(0.05):
            try:
                if events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                    self.end(number, self.left[number][0].recv(4096))
                else:
                    self.write(number)
            except BlockingIOError:
                pass
            except OSError:
                self.end(number, b"")

    def run(self, pipe):
        os.nice(19)  # on a machine of its own it would take no time of ours
        for number in range(self.count):
            self.connect(number)
            if number % 50 == 0:
                self.turn()
        while any(data for _, data in self.left.values()):
            self.turn()
        pipe.send("there")
        while not pipe.poll():
            self.turn()
        pipe.send(self.answers)


@contextlib.contextmanager
def attack(port, count, data):
    """While it lasts all connections have sent what they are let. The dict has the answers after."""
    ours, theirs = multiprocessing.Pipe()
    answers = collections.Counter()
    process = multiprocessing.Process(target=Attacker(port, count, data).run, args=(theirs,))
    process.start()
    try:
        if ours.poll(120):
            assert ours.recv() == "there"
        yield answers
        ours.send("end")
        answers.update(ours.recv())
    finally:
        process.kill()
        process.join()


def anonymous(pid):
    """KiB of a process's own memory; 0 when it is gone."""
    try:
        text = pathlib.Path(f"/proc/{pid}/status").read_text()
        return int(text.split("RssAnon:")[1].split()[0])
    except (OSError, IndexError):
        return 0


@contextlib.contextmanager
def most(pid):
    """The most memory meanwhile, in [0]."""
    found, over = [0], threading.Event()

    def watch():
        while not over.wait(0.02):
            found[0] = max(found[0], anonymous(pid))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def campaign(ring, seconds, count, say=print):
    """Yields (name, Run undisturbed, Run under it, most KiB, KiB after, answers)."""
    user = ring.user("memory")
    ring.channel("memory", user)
    pid = ring.pid("gateway-0")
    send(ring, user, PATH, 0.3)
    for name, data in requests().items():
        before = send(ring, user, PATH, seconds)
        with most(pid) as peak, attack(ring.port, count, data) as answers:
            during = send(ring, user, PATH, seconds)
        postern.wait(lambda: ring.metric("gateway-0", "http_connections") == 0, 60,
                     what="the attack's connections gone")
        time.sleep(0.5)
        after = anonymous(pid)
        assert ring.pid("gateway-0") == pid, f"{name}: the gateway died"
        say(f"{name:<27} answers {dict(sorted(answers.items()))!s:<36} most {peak[0] >> 10:>5} MiB   "
            f"after {after >> 10:>4} MiB   p99 undisturbed {before.p99:6.2f} ms   under it "
            f"{during.p99:6.2f} ms   ratio {during.p99 / before.p99:.2f}   not 204: {len(during.bad)}")
        yield name, before, during, peak[0], after, answers


def limit(ring, size):
    """Of the gateway's data; a sanitizer's shadow memory would not fit."""
    resource.prlimit(ring.pid("gateway-0"), resource.RLIMIT_DATA, (size, size))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--attackers", type=int, default=ATTACKERS)
    arguments = parser.parse_args()
    with postern.Ring(settings=settings(ATTACKERS)) as ring:
        limit(ring.up(), LIMIT)
        bad = [during.bad for _, _, during, *_ in
               campaign(ring, arguments.seconds, arguments.attackers)]
    sys.exit(1 if any(bad) else 0)


if __name__ == "__main__":
    main()
