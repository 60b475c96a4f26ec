"""Processes that nobody will stop: those of a fixture whose set-up failed (pytest calls nothing of it again, so
what it had not yet handed to a `with` or a finalizer would run on), and of a test's body at the end of all.

    before = leftovers.children()
    …
    leftovers.stop(leftovers.children() - before)
"""

import contextlib
import os
import pathlib
import signal
import time

ORDERLY_S = 10


def children(pid=None):
    """{(pid, start time)} of the processes that PID (this one) has started and that live."""
    found = set()
    for task in pathlib.Path(f"/proc/{pid or os.getpid()}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found |= {one for one in map(_one, task.read_text().split()) if one}
    return found


def _one(pid):
    """(pid, start time), which no later process of this number has; None: it lives no more."""
    with contextlib.suppress(OSError):
        words = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        if words[0] not in "ZX":
            return int(pid), int(words[19])
    return None


def _below(one):
    """It and all that it has started, and so on."""
    found = {one}
    for child in children(one[0]):
        found |= _below(child)
    return found


def _living(ones):
    return {one for one in ones if _one(one[0]) == one}


def _signal(ones, *signals):
    for pid, _ in _living(ones):
        with contextlib.suppress(OSError):
            for number in signals:
                os.kill(pid, number)


def stop(ones):
    """In order, as far as they obey: a supervisor ends its children. Then those that are left, and
    what they had started."""
    everyone = set().union(*map(_below, ones))
    _signal(ones, signal.SIGCONT, signal.SIGTERM)
    end = time.monotonic() + ORDERLY_S
    while _living(everyone) and time.monotonic() < end:
        everyone |= set().union(*map(_below, _living(everyone)))
        time.sleep(0.05)
    _signal(everyone, signal.SIGKILL)
