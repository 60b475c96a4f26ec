"""File descriptors: each process takes as many as it may have, and what it lacks itself is no failure
of a handler."""

import os
import pathlib
import resource
import time

import pytest

from answering import Answering, deliveries
from harness import postern

SOFT, HARD = 256, 4096
SETTINGS = {"delivery.allow": "127.0.0.0/8", "delivery.time_scale": 100}


@pytest.fixture
def limited(make_ring, needs):
    needs("prlimit")
    ring = make_ring(settings=SETTINGS)
    for name in ring.names:
        ring.spawn(*name.rsplit("-", 1), wait_ready=False, wrap=["prlimit", f"--nofile={SOFT}:{HARD}"])
    ring.wait_ready(*ring.names)
    return ring


def first_free(pid):
    """The lowest number that the process's next descriptor can have."""
    held = {int(fd) for fd in os.listdir(f"/proc/{pid}/fd")}
    return min(set(range(len(held) + 1)) - held)


def test_what_a_process_lacks_is_not_billed_to_the_handler(limited, name):
    for process in limited.names:
        limits = pathlib.Path(f"/proc/{limited.pid(process)}/limits").read_text()
        line, = (line for line in limits.splitlines() if line.startswith("Max open files"))
        assert line.split()[3:5] == [str(HARD), str(HARD)], process
    ada = limited.user(name)
    limited.bot(name, ada)
    limited.post(limited.bot_url(name, ada.token), {"n": 0})  # UBSan looks at memory through a pipe, once
    worker = limited.pid("bot-0")
    with Answering(lambda event, count: (200, {})) as handler:
        limited.ctl("bot", "handler", "set", name, handler.url)
        numbered, named = handler.url, handler.url.replace("127.0.0.1", "localhost")
        for count, url in enumerate((numbered, named), 1):
            limited.ctl("bot", "handler", "set", name, url)
            time.sleep(1)  # the worker learns of it by a connection that is there
            resource.prlimit(worker, resource.RLIMIT_NOFILE, (first_free(worker), HARD))
            assert limited.post(limited.bot_url(name, ada.token), {"n": 1}).status_code == 200
            limited.wait(lambda c=count: limited.logs().count("delivery.starved") >= c, 20)
            time.sleep(0.5)  # in which the first retry of a failure comes, at this scale
            one = deliveries(limited, "bots", name, ada.token)[0]
            assert (one["state"], one["made"], one["attempts"]) == ("pending", 0, []), url
            resource.prlimit(worker, resource.RLIMIT_NOFILE, (HARD, HARD))
            limited.wait(lambda c=count: len(handler.events) == c, 20)
            limited.wait(lambda: deliveries(limited, "bots", name, ada.token)[0]["state"] == "delivered", 20)
            one = deliveries(limited, "bots", name, ada.token)[0]
            assert (one["made"], len(one["attempts"])) == (1, 1)
