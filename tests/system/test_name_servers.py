"""A name server that does not answer, or answers late, keeps up the handlers of the names it is asked
for, and nobody else's; what waits for its look-up is no failure of a handler."""

import os
import socket
import struct
import subprocess
import threading
import time

import pytest

from answering import Answering, deliveries
from harness import lacking
from harness.postern import in_time

BOTS, TIMEOUT_S, LATE_S, PLACES = 40, 4, 1, 16
SETTINGS = {"delivery.allow": "127.0.0.0/8", "delivery.timeout_ms": TIMEOUT_S * 1000}
BIND = 'mount --bind "$0" /etc/resolv.conf && exec "$@"'


class NameServer:
    """Never answers for names that begin with hang, late for those with late, 127.0.0.1 for all."""

    def __init__(self):
        self.address = f"127.53.{os.getpid() // 250 % 250}.{os.getpid() % 250 + 1}"
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((self.address, 53))
        self.asked = set()
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        self.socket.close()

    def _serve(self):
        while True:
            try:
                query, peer = self.socket.recvfrom(512)
            except OSError:
                return
            name = query[13:13 + query[12]].decode()
            self.asked.add(name)
            if not name.startswith("hang"):
                threading.Timer(LATE_S if name.startswith("late") else 0, self._answer,
                                (query, peer)).start()

    def _answer(self, query, peer):
        end = query.index(b"\0", 12) + 5
        kind, = struct.unpack(">H", query[end - 4:end - 2])
        answers = [socket.inet_aton("127.0.0.1")] if kind == 1 else []
        reply = query[:2] + struct.pack(">HHHHH", 0x8180, 1, len(answers), 0, 0) + query[12:end]
        for address in answers:
            reply += struct.pack(">HHHIH", 0xc00c, 1, 1, 60, 4) + address
        try:
            self.socket.sendto(reply, peer)
        except OSError:
            pass  # closed


@pytest.fixture
def server():
    try:
        server = NameServer()
    except PermissionError:
        lacking.skip("root")
    yield server
    server.close()


@pytest.fixture
def asking(make_ring, server, tmp_path):
    """A ring whose bot worker asks SERVER, and waits for it longer than a call may take."""
    conf = tmp_path / "resolv.conf"
    conf.write_text(f"nameserver {server.address}\noptions timeout:30 attempts:2\n")
    wrap = ["unshare", "--mount", "sh", "-c", BIND, str(conf)]
    if subprocess.run([*wrap, "true"], stderr=subprocess.DEVNULL).returncode != 0:
        lacking.skip("mount")
    ring = make_ring(settings=SETTINGS)
    for name in ring.names:
        kind, index = name.rsplit("-", 1)
        ring.spawn(kind, index, wait_ready=False, wrap=wrap if kind == "bot" else ())
    ring.wait_ready(*ring.names)
    return ring


def newest(ring, bots, owner, count=1):
    """The newest delivery of each bot, once all have COUNT."""
    def listed():
        return [deliveries(ring, "bots", bot, owner.token) for bot in bots]
    ring.wait(lambda: all(len(one) == count for one in listed()), 20, what="the events to be listed")
    return [one[0] for one in listed()]


def deliver(ring, name, owner, url):
    """How long a handler of URL waits for an event, and the delivery."""
    ring.manage("bot_handler_set", name, url=url)
    time.sleep(0.5)  # the worker learns of it
    count, began = len(deliveries(ring, "bots", name, owner.token)) + 1, time.monotonic()
    assert ring.post(ring.bot_url(name, owner.token), {"n": 1}).status_code == 200
    ring.wait(lambda: newest(ring, [name], owner, count)[0]["made"] > 0, 30, what="an attempt")
    return time.monotonic() - began, newest(ring, [name], owner, count)[0]


@pytest.mark.slow
def test_names_that_hang_keep_up_their_owner_alone(asking, server, name):
    ring, many = asking, [f"{name}_{i}" for i in range(BOTS)]
    mean, kind = ring.user(f"{name}_mean"), ring.user(f"{name}_kind")
    for bot in many:
        ring.bot(bot, mean)
    ring.bot(name, kind)

    def post_to(prefix, port, times):
        for i, bot in enumerate(many):
            ring.manage("bot_handler_set", bot, url=f"http://{prefix}-{i}.test:{port}/")
        for bot in many * times:
            assert ring.post(ring.bot_url(bot, mean.token), {"n": 1}).status_code == 200

    with Answering(lambda event, count: (200, {})) as handler:
        alone, one = deliver(ring, name, kind, f"http://early-1.test:{handler.port}/")
        assert one["state"] == "delivered"

        # More than an owner's share of names, each answered late: each waits its turn, and is tried once.
        post_to("late", handler.port, 1)
        ring.wait(lambda: all(one["state"] == "delivered" for one in newest(ring, many, mean)), 30)
        assert {one["made"] for one in newest(ring, many, mean)} == {1}

        post_to("hang", handler.port, 2)
        ring.wait(lambda: sum(asked.startswith("hang") for asked in server.asked) >= PLACES, 20)
        time.sleep(0.5)
        beside, one = deliver(ring, name, kind, f"http://early-2.test:{handler.port}/")
        assert [attempt["outcome"] for attempt in one["attempts"]] == ["answered"], (alone, beside, one)
        in_time(beside, alone + TIMEOUT_S / 2)

    # Tried and billed are only those whose names were asked for; the others say what they wait for.
    ring.wait(lambda: "delivery.waits" in ring.logs(), 20)
    attempts = [[attempt["outcome"] for one in deliveries(ring, "bots", bot, mean.token)[:2]
                 for attempt in one["attempts"]] for bot in many]
    assert 0 < sum(map(bool, attempts)) <= PLACES, attempts
    assert set(sum(attempts, [])) == {"timeout"}
    pages = [ring.get(ring.url(f"/api/v2/bots/{bot}/deliveries", mean.token)).json() for bot in many]
    assert sum("owner's share" in (page["waits"] or "") for page in pages) >= BOTS - 2 * PLACES
    assert ring.metric("bot-0", "handlers_waiting") >= BOTS - 2 * PLACES
    assert "owner's share of the look-ups" in ring.logs()
