"""Fills a directory through authd's control socket, speaking docs/PROTOCOL.md: batches of hundreds of
management operations, two outstanding, in place of one posternctl each."""

import json
import os
import random
import secrets
import time

import msgpack
import zmq

REQUESTS, REPLIES, CREDIT, HELLO, HEARTBEAT = 1, 2, 4, 5, 6
ROLE_CONTROL = 5
POST = 4
OPS = {"user_create": 100, "token_import": 113, "channel_create": 120, "channel_member_add": 124}
BATCH = 256


class Loader:
    def __init__(self, endpoint):
        self.instance = random.getrandbits(63) | 1
        self.name = f"control-{os.getpid()}-{self.instance & 0xffffffff:08x}"
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.setsockopt(zmq.ROUTING_ID, self.name.encode())
        self.socket.setsockopt(zmq.IMMEDIATE, 1)
        self.socket.setsockopt(zmq.PROBE_ROUTER, 1)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.connect(endpoint)
        self.peer, self.sent, self.taken = 0, 0, 0
        self.beat = 0.0

    def call_all(self, op, calls):
        """CALLS: (target, body) pairs. Carries out all; raises on the first refusal."""
        waiting, calls = {}, iter(calls)
        more = True
        last = time.monotonic()
        while more or waiting:
            if more and self.peer and self.sent - self.taken < 2:
                batch = [call for _, call in zip(range(BATCH), calls)]
                more = len(batch) == BATCH
                if batch:
                    waiting.update(self._send(OPS[op], batch))
            if self._receive(waiting):
                last = time.monotonic()
            if time.monotonic() - last > 30:
                raise RuntimeError(f"authd does not answer {op} any more ({len(waiting)} wait)")
        return self

    def close(self):
        self.socket.close()

    def _head(self, kind, batch, entries):
        return msgpack.packb([1, kind, self.instance, self.peer, batch, entries])

    def _send(self, op, batch):
        self.sent += 1
        ids, entries, bodies = {}, [], []
        for target, body in batch:
            one = _uuid7()
            ids[one] = target
            entries.append([one, self.instance, 1, 10000, op, POST, target, b"", b"", "control",
                            ["", ""], None, True])
            bodies.append(json.dumps(body).encode())
        self.socket.send_multipart([self._head(REQUESTS, self.sent, entries), *bodies])
        return ids

    def _receive(self, waiting):
        now = time.monotonic()
        if now - self.beat > (1 if self.peer else 0.1):
            self.beat = now
            if self.peer:
                self.socket.send(self._head(HEARTBEAT, self.sent, []))
            else:
                self._hello()
        if not self.socket.poll(50):
            return False
        frames = self.socket.recv_multipart()
        if frames == [b""]:
            return False
        _, kind, sender, _, number, entries = msgpack.unpackb(frames[0])
        if kind == HELLO and sender != self.peer:
            self.peer, self.sent, self.taken = sender, 0, 0
            self._hello()  # before the first batch, or that would come from a stranger
        elif kind == CREDIT:
            self.taken = max(self.taken, number)
        elif kind == REPLIES:
            self._replies(entries, frames[1:], waiting)
            return True
        return False

    def _hello(self):
        hello = [ROLE_CONTROL, self.name, 1, 1, 0, 0, 0, bytes(16), 0]
        try:
            self.socket.send(self._head(HELLO, 0, hello), zmq.NOBLOCK)
        except zmq.Again:
            pass

    @staticmethod
    def _replies(entries, bodies, waiting):
        bodies = iter(bodies)
        for entry in entries:
            body = next(bodies) if entry[8] else b""
            target = waiting.pop(entry[0], None)
            if entry[3] >= 300:
                raise RuntimeError(f"{target}: {entry[3]} {body.decode(errors='replace')}")


def _uuid7():
    head = (time.time_ns() // 1000000).to_bytes(6, "big")
    tail = bytearray(secrets.token_bytes(10))
    tail[0], tail[2] = 0x70 | tail[0] & 15, 0x80 | tail[2] & 63
    return head + bytes(tail)


def fill(endpoint, users, channels, tokens_each=5):
    """Makes USERS users with tokens, CHANNELS channels that they are members of. Returns the list of
    (token, channel): what a sender needs."""
    loader = Loader(endpoint)
    emails = [f"user{i}@example.org" for i in range(users)]
    names = [f"load_{i}" for i in range(channels)]
    tokens = [["bench." + secrets.token_hex(20) for _ in range(tokens_each)] for _ in emails]
    loader.call_all("user_create", (("", {"email": e, "name": e.split("@")[0]}) for e in emails))
    loader.call_all("token_import", ((e, {"tokens": t, "name": "bench"})
                                     for e, t in zip(emails, tokens)))
    loader.call_all("channel_create", (("", {"name": n, "owner": emails[i]})
                                       for i, n in enumerate(names)))
    loader.call_all("channel_member_add", ((names[i % channels], {"user": e})
                                           for i, e in enumerate(emails) if i >= channels))
    loader.close()
    pairs = [(token, names[i % channels]) for i, mine in enumerate(tokens) for token in mine]
    random.Random(1).shuffle(pairs)
    return pairs
