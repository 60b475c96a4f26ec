"""Management over authd's control socket, as posternctl does it, without a process for each call.

    call(ring, "user_create", body={"email": "ada@example.org", "name": "Ada"})   the reply, parsed

This is how a Ring sets the stage: under a sanitizer each posternctl takes 0.2 s of a core, and the
tests need thousands of users, tokens and channels. posternctl itself is tested by running it.
"""

import functools
import json
import os
import socket
import time

from . import postern
from .rogue import CONTROL, GOODBYE, HELLO, REPLIES, Refused, Rogue, request


import tables  # noqa: E402

METHODS = {"OP_GET": 1, "OP_POST": 4, "OP_PUT": 8, "OP_DELETE": 16}
TIMEOUT_S = 5  # posternctl's


@functools.cache
def _operations():
    return {op.name: op for op in tables.ops()}


@functools.cache
def _errors():
    rows = tables.rows("common/errors.def", "ERROR")
    return {int(number): (name, text.strip('"')) for number, name, *_, text in rows}


def call(ring, op, target="", body=None):
    """Carries out OP, a name of common/ops.def. Raises CtlError, as Ring.ctl does."""
    number, _, method, *_ = _operations()[op]
    entry = request(int(number), target, time_left=TIMEOUT_S * 1000, body=body is not None)
    entry[5], entry[9], entry[10] = METHODS[method], "control", ["", ""]
    bodies = [] if body is None else [json.dumps(body).encode()]
    _probe(ring.socket("control"))
    name = f"control-{os.getpid()}-{os.urandom(4).hex()}"
    with Rogue(ring, "control", name) as peer:
        try:
            peer.greet(CONTROL, times=3)
        except (Refused, AssertionError) as error:
            raise unreachable(f"authd does not talk to us: {error}") from None
        peer.send(peer.requests(entry), *bodies)
        return _reply(peer, entry[0])


def unreachable(why):
    return postern.CtlError(1, "unreachable", why)


def _probe(path):
    """ZeroMQ would try again and again where nobody listens."""
    with socket.socket(socket.AF_UNIX) as sock:
        try:
            sock.connect(str(path))
        except OSError as error:
            raise unreachable(f"authd is not running at {path}: {error}") from None


def _reply(peer, wanted):
    end = time.monotonic() + TIMEOUT_S
    while (left := end - time.monotonic()) > 0:
        answer = peer.receive(REPLIES, HELLO, GOODBYE, seconds=left / postern.SLOW)
        if not answer or answer[0] == GOODBYE:
            break
        if answer[0] == HELLO and answer[1][2] != peer.peer:
            break  # another authd: what the old one had is gone
        if answer[0] == REPLIES and answer[1][5][0][0] == wanted:
            return _parsed(answer[1][5][0], answer[2])
    raise unreachable("authd did not answer: the change may or may not be made")


def _parsed(entry, bodies):
    status, error, text = entry[3], entry[4], bodies[0].decode() if entry[8] else ""
    if not error and status < 300:
        return json.loads(text) if text else {}
    name, message = _errors()[error]
    raise postern.CtlError(1, name, text or message)
