"""A rogue peer: speaks the wire protocol, or something like it, to any of Postern's sockets.

    rogue = Rogue(ring, "router-requests", "authd-9")
    rogue.send(hello(rogue, AUTHD))                 # frames; the first is the header
    kind, fields = rogue.receive(HELLO)             # the next message of this kind
    rogue.greet(AUTHD)                              # both HELLOs: returns the peer's instance

Headers are lists as in docs/PROTOCOL.md §2; a frame that is bytes goes out as it is.
"""

import os
import time

import msgpack
import zmq

from .postern import SLOW

REQUESTS, REPLIES, INTERIM, CREDIT, HELLO, HEARTBEAT, GOODBYE = range(1, 8)
GATEWAY, AUTHD, ROUTER, WORKER, CONTROL = range(1, 6)
NIL = b"\0" * 16

# The bound sockets: file name -> (the process, the role that may talk to it)
SOCKETS = {
    "authd": ("authd-0", GATEWAY),
    "authd-admin": ("authd-0", GATEWAY),
    "control": ("authd-0", CONTROL),
    "router-requests": ("router-0", AUTHD),
    "router-workers": ("router-0", WORKER),
    "router-replies": ("router-0", GATEWAY),
}


class Rogue:
    def __init__(self, ring, socket, name="rogue-0"):
        self.instance = int.from_bytes(os.urandom(8), "big") | 1
        self.name, self.peer, self.numbers = name, 0, 0
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        self.socket.routing_id = name.encode()
        self.socket.linger = 0
        self.socket.connect(f"ipc://{ring.socket(socket)}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, header, *bodies):
        packed = header if isinstance(header, bytes) else msgpack.packb(header, use_bin_type=True)
        self._send([packed, *bodies])

    def _send(self, frames):
        self.socket.send_multipart(frames)

    def _frames(self):
        return self.socket.recv_multipart()

    def receive(self, *kinds, seconds=5):
        """(kind, header, bodies) of the next message of KINDS; None when none comes in time."""
        end = time.monotonic() + seconds * SLOW
        while (left := end - time.monotonic()) > 0:
            if self.socket.poll(left * 1000):
                header, *bodies = self._frames()
                fields = msgpack.unpackb(header, raw=False, strict_map_key=False)
                if fields[1] in kinds:
                    return fields[1], fields, bodies
        return None

    def greet(self, role, times=20, **more):
        """HELLO until the other side is known; returns its instance."""
        for _ in range(times):
            self.send(self.hello(role, **more))
            answer = self.receive(HELLO, GOODBYE, seconds=0.5)
            if answer and answer[0] == GOODBYE:
                raise Refused(answer[1][5][0])
            if answer:
                self.peer = answer[1][2]
                self.send(self.hello(role, **more))  # now for its instance: not answered again
                return self.peer
        raise AssertionError("nobody answered HELLO")

    def refusal(self, role, **more):
        """The reason of the GOODBYE that HELLO gets; None when there is none in time."""
        self.send(self.hello(role, **more))
        answer = self.receive(GOODBYE)
        return answer and answer[1][5][0]

    def header(self, kind, batch=0, entries=(), version=1):
        return [version, kind, self.instance, self.peer, batch, list(entries)]

    def hello(self, role, name=None, versions=(1, 1), kind=0, shard=0, shards=0, journal=NIL,
              news=0, version=1, epoch=None):
        told = [] if epoch is None else [epoch]
        return self.header(HELLO, 0, [role, name or self.name, *versions, kind, shard, shards,
                                      journal, news, *told], 4 if told else version)

    def requests(self, *entries):
        """A header of REQUESTS as the next batch; the answers come back to this peer."""
        self.numbers += 1
        for entry in entries:
            entry[1] = self.instance
        return self.header(REQUESTS, self.numbers, entries)


class Host(Rogue):
    """A rogue that binds a socket in the place of a process, for one peer: the first, or the first of name PEER.

        host = Host(ring, "rogue-workers", "router-9", "channel-0")
        host.meet(ROUTER)                           # HELLO in answer to its HELLO
    """

    def __init__(self, ring, socket, name, peer=None):
        self.instance = int.from_bytes(os.urandom(8), "big") | 1
        self.name, self.peer, self.numbers, self.route = name, 0, 0, None
        self.wanted = peer.encode() + b"." if peer else b""
        self.socket = zmq.Context.instance().socket(zmq.ROUTER)
        self.socket.linger = 0
        self.socket.bind(f"ipc://{ring.socket(socket)}")

    def _send(self, frames):
        self.socket.send_multipart([self.route, *frames])

    def _frames(self):
        """Probes are skipped."""
        while True:
            route, *frames = self.socket.recv_multipart()
            if self.route is None and route.startswith(self.wanted):
                self.route = route
            if route == self.route and frames != [b""]:
                return frames

    def meet(self, role, **more):
        """HELLO until it is answered, as a bound side greets who connects; returns the instance."""
        self.peer, end = 0, time.monotonic() + 10 * SLOW
        while time.monotonic() < end:
            if self.route:
                self.send(self.hello(role, **more))
            answer = self.receive(HELLO, seconds=0.2 / SLOW)
            if answer and answer[1][3] == self.instance:
                self.peer = answer[1][2]
                return self.peer
        raise AssertionError("nobody answered HELLO")


class Refused(Exception):
    """GOODBYE came. args[0]: the reason."""


def request(op=1, target="none", token="", body=False, principal=None, time_left=5000, origin=1):
    """An entry of REQUESTS."""
    credentials = None if principal else [token, ""]
    return [os.urandom(16), origin, 1, time_left, op, 4, target, b"", b"", "127.0.0.1",
            credentials, principal, body]


def principal(target=None):
    return [os.urandom(16), os.urandom(16), target or os.urandom(16), "Rogue", "", b"", 0]


def reply(status=204, error=0, origin=1):
    """An entry of REPLIES."""
    return [os.urandom(16), origin, 1, status, error, 0, 0, [], False]
