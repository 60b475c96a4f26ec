"""gateway.proxy_protocol: a load balancer's connections begin with a PROXY line, and nobody else's."""

import socket

import pytest

from harness import postern
from harness.connection import Connection, post
from harness.haproxy import CONFIGURATION, PROGRAM, HAProxy

BALANCER, OTHER = "127.0.0.3", "127.0.0.4"
LINE = b"PROXY TCP4 203.0.113.9 127.0.0.1 51234 8080\r\n"


@pytest.fixture(scope="module")
def behind():
    ring = postern.Ring(settings={"gateway.proxy_protocol": f"{BALANCER}/32 127.0.0.1",
                                  "gateway.read_ms": 1000,
                                  "gateway.connections_per_address": 2}).up()
    ring.eve = ring.user("eve")
    ring.bot("eyes", ring.eve)
    ring.path = ring.bot_url("eyes", ring.eve.token).removeprefix(ring.base)
    yield ring
    ring.close()


def seen_from(ring, address):
    """Waits until the token was last used from ADDRESS."""
    def shown():
        row, = ring.ctl("token", "list", ring.eve.email)["tokens"]
        return address in row.values()
    ring.wait(shown, what=f"{address} as the token's last address")


def exchange(ring, source, *parts):
    """Sends PARTS one after another; all that comes until the end."""
    with socket.create_connection(("127.0.0.1", ring.port), timeout=10 * postern.SLOW,
                                  source_address=(source, 0)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            sock.sendall(part)
        found = b""
        try:
            while data := sock.recv(65536):
                found += data
        except ConnectionResetError:
            pass
        return found


def request(ring):
    return post(ring.path, b"{}", ["Connection: close"])


def test_the_client_is_whom_the_line_names(behind):
    assert exchange(behind, BALANCER, LINE + request(behind)).startswith(b"HTTP/1.1 200")
    seen_from(behind, "203.0.113.9")
    # One byte a packet, and behind the line a header that is not the client's to set.
    whole = LINE.replace(b"203.0.113.9", b"203.0.113.8") + post(
        behind.path, b"{}", ["Connection: close", "X-Forwarded-For: 6.6.6.6"])
    assert exchange(behind, BALANCER, *(bytes([b]) for b in whole)).startswith(b"HTTP/1.1 200")
    seen_from(behind, "203.0.113.8")
    six = b"PROXY TCP6 2001:db8::9 2001:db8::1 1 2\r\n"
    assert exchange(behind, BALANCER, six + request(behind)).startswith(b"HTTP/1.1 200")
    seen_from(behind, "2001:db8::9")
    assert exchange(behind, BALANCER, b"PROXY UNKNOWN\r\n" + request(behind)).startswith(
        b"HTTP/1.1 200")
    seen_from(behind, BALANCER)


def test_a_connection_of_the_balancer_without_the_line_is_closed(behind):
    before = behind.metric("gateway-0", "http_connections_refused_total")
    for wrong in (request(behind), b"PROXY TCP4 nonsense\r\n" + request(behind),
                  LINE.replace(b"\r\n", b"\n") + request(behind),
                  b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + request(behind), b"PROXY " + b"a" * 200):
        assert exchange(behind, BALANCER, wrong) == b""
    assert exchange(behind, BALANCER, b"PROXY TCP4 ") == b""  # and no more: read_ms is over
    assert behind.metric("gateway-0", "http_connections_refused_total") == before + 6
    assert f"event=listener.proxy_line address={BALANCER} " in behind.logs()
    behind.wait(lambda: behind.metric("gateway-0", "http_connections") == 0, what="no connection")


def test_another_s_line_is_not_believed(behind):
    assert exchange(behind, OTHER, LINE + request(behind)).startswith(b"HTTP/1.1 400")
    assert exchange(behind, OTHER, request(behind)).startswith(b"HTTP/1.1 200")
    seen_from(behind, OTHER)


def test_limits_are_the_client_s_not_the_balancer_s(behind):
    """Two connections an address: three clients of one balancer, then a third of one client."""
    def connect(client):
        sock = socket.create_connection(("127.0.0.1", behind.port), timeout=10 * postern.SLOW,
                                        source_address=(BALANCER, 0))
        sock.sendall(LINE.replace(b"203.0.113.9", client) + post(behind.path, b"{}"))
        return sock

    held = [connect(b"198.51.100.%d" % i) for i in (1, 2, 3, 3)]
    try:
        for sock in held:
            assert sock.recv(4096).startswith(b"HTTP/1.1 200")
        with connect(b"198.51.100.3") as more:
            answer = more.recv(4096)
        assert answer.startswith(b"HTTP/1.1 503") and b"too_many_connections" in answer
    finally:
        for sock in held:
            sock.close()


def test_haproxy_speaks_it(behind, needs):
    """With the lines of deploy/haproxy/haproxy.cfg that wait for it."""
    needs(PROGRAM)
    lines = CONFIGURATION.read_text().splitlines()
    kept = [line for line in lines if "set-header X-Forwarded-For" not in line
            and not line.lstrip().startswith("default-server")]
    text = "\n".join(kept).replace("#default-server", "default-server") + "\n"
    assert text.count("send-proxy\n") == 3
    configuration = behind.dir / "haproxy.cfg"
    configuration.write_text(text)
    with HAProxy(behind, configuration) as proxy:
        for source in ("127.0.0.7", "127.0.0.8"):
            with Connection(proxy.port, source=source) as connection:
                told = ["X-Forwarded-For: 6.6.6.6"]
                assert connection.post(behind.path, b"{}", told).status == 200
                assert connection.post(behind.path, b"{}", told).status == 200
            seen_from(behind, source)
    assert "event=listener.proxy_line address=127.0.0.1" not in behind.logs()
