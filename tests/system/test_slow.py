"""Slow and idle clients do not keep others from being served, nor take all memory; slow_campaign.py
and memory_campaign.py in short."""

import contextlib
import time

import pytest

import memory_campaign
import slow_campaign
from harness.connection import Connection, post
from harness.postern import in_time


def test_nobody_waits_for_slow_and_idle_clients(make_ring, needs):
    """All are answered while each attack holds its connections, and no request takes long."""
    needs("slowhttptest")
    ring = make_ring(settings=slow_campaign.settings(1000)).up()
    for name, _, during in slow_campaign.campaign(ring, 0.3, 200, 1000):
        assert not during.bad, (name, during.bad[:3])
        assert during.latencies, name
        in_time(max(during.latencies), 5000, name)


@pytest.mark.parametrize("mode", ["headers", "body"])
def test_a_slow_request_is_given_up(make_ring, needs, mode):
    needs("slowhttptest")
    ring = make_ring(settings={"gateway.read_ms": 1000}).up()
    url = f"{ring.base}/api/v2/channelsbyname/any/message"
    with slow_campaign.slowhttptest(url, mode, 10, 50):
        ring.wait(lambda: slow_campaign.connections(ring) >= 25, 10, what="the attack")
    # Its connections ended with it; one of our own shows who ends a request that does not come.


SMALL = {"gateway.request_bytes": 4 << 20, "gateway.request_bytes_per_address": 2 << 20}


def test_requests_without_an_end_take_no_more_than_their_share(make_ring):
    """Of all attackers some are refused, of which what they took is given back; senders are served."""
    ring = make_ring(settings={**slow_campaign.settings(1000), **SMALL}).up()
    for name, _, during, _, _, answers in memory_campaign.campaign(ring, 0.3, 400):
        assert not during.bad, (name, during.bad[:3])
        assert answers["431"] + answers["503"] > 200, (name, answers)
        assert ring.metric("gateway-0", "http_request_bytes") == 0, name


def test_a_head_is_refused_as_soon_as_it_passes_its_limit(ring):
    with Connection(ring.port) as raw:
        raw.send(b"GET / HTTP/1.1\r\nX: " + b"h" * 81_920)
        answer = raw.answer()
        assert (answer.status, answer.code) == (431, "headers_too_large") and raw.closed()
    with Connection(ring.port) as raw:
        raw.send(b"GET /" + b"u" * 81_920)
        answer = raw.answer()
        assert (answer.status, answer.code) == (414, "uri_too_long") and raw.closed()


def test_large_requests_of_one_address_leave_room_for_others(make_ring):
    """Past its share an address is told so; small requests, and other addresses, are served."""
    ring = make_ring(settings={**SMALL, "gateway.read_ms": 60_000}).up()
    eve = ring.user("eve")
    ring.bot("large", eve)
    path, body = f"/api/v2/bots/large/incoming?zapikey={eve.token}", b"b" * 250_000
    held = []
    for _ in range(20):
        held.append(Connection(ring.port, source="127.0.0.3"))
        held[-1].send(post(path, body)[:-1])
    ring.wait(lambda: ring.metric("gateway-0", "http_request_bytes") > 1 << 20, what="large requests")
    with Connection(ring.port, source="127.0.0.3") as same, Connection(ring.port) as other:
        same.send(post(path, body)[:-1])
        answer = same.answer()
        assert (answer.status, answer.code) == (503, "overloaded") and same.closed()
        assert int(answer.headers["retry-after"]) >= 1
        assert other.post(path, body).status == 200
    with Connection(ring.port, source="127.0.0.3") as small:
        assert small.post(path, b"small").status == 200
    for one in held:
        one.close()
    ring.wait(lambda: ring.metric("gateway-0", "http_request_bytes") == 0, what="memory given back")


@contextlib.contextmanager
def half_open(port, count, data=b"GET /", source="127.0.0.1"):
    """COUNT connections from SOURCE that begin a request, and no more."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(Connection(port, source=source)).send(data)
        yield


def quick(ask):
    """ASK (), which must not wait for what sits there to time out."""
    began = time.monotonic()
    answer = ask()
    in_time(time.monotonic() - began, 2, "(it waited for others)")
    return answer


@pytest.mark.parametrize("source", ["127.0.0.1", "127.0.0.9"])
def test_half_open_connections_do_not_keep_others_from_a_monitor(ring, source):
    port = int(ring.monitors["gateway-0"].rsplit(":", 1)[1])
    with half_open(port, 300, source=source):
        for _ in range(5):
            with Connection(port) as probe:
                probe.send(b"GET /readyz HTTP/1.1\r\nHost: h\r\n\r\n")
                answer = quick(probe.answer)
                assert answer.status == 200 and "server" not in answer.headers


def test_half_open_connections_do_not_lock_the_admin_listener(ring):
    """Not from the operator's own address, nor from many others."""
    user = ring.user("admin-share")
    token = ring.management_token(user)
    with contextlib.ExitStack() as stack:
        for i in range(5):
            source = f"127.0.0.{i + 1}"
            stack.enter_context(half_open(ring.admin_port, 100, source=source))
            answer = quick(lambda: ring.admin("GET", "/me", token))
            assert answer.status_code == 200 and "server" not in answer.headers
        with Connection(ring.admin_port) as kept:
            for _ in range(3):
                kept.send(f"GET /api/v2/me HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n\r\n"
                          .encode())
                assert quick(kept.answer).status == 200
