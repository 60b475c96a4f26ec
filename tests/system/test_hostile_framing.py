"""Hostile use of the connection: framing, pipelining, slow and vanished clients, HTTP/2, TLS."""

import json
import os
import pathlib
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest

from harness.connection import Closed, Connection, chunked, post
from reading_streams import Reader


@pytest.fixture(scope="module")
def ada(ring):
    return ring.user("framing")


def text(value):
    return json.dumps({"text": value}).encode()


def alive(ring, path):
    """The gateway still takes messages, on a new connection."""
    with Connection(ring.port) as connection:
        return connection.post(path, text("alive")).status == 204


# --- Pipelining

def test_twenty_pipelined_requests_are_answered_in_order(ring, raw, ada, channel, path):
    """Refusals of the gateway itself, of authd and of the worker stand between the messages."""
    requests, expected = [], []
    for i in range(20):
        kind = i % 4
        expected.append((200, 404, 400, 404)[kind])
        requests.append([post(path + "&sync_message=true", text(str(i))), post("/nowhere"),
                         post(path, b"{"), post(path.replace(channel, "no_such"), text("x"))][kind])
    raw.send(b"".join(requests))
    answers = [raw.answer() for _ in requests]
    assert [a.status for a in answers] == expected
    stored = {m["id"]: m["message"]["text"] for m in
              ring.messages("channelsbyname", channel, ada.token)}
    order = [stored[a.json()["message_id"]] for a in answers if a.status == 200]
    assert order == ["0", "4", "8", "12", "16"]


def test_requests_behind_a_chunked_body_are_read_as_others(ring, ada, channel, path):
    """What comes with a body is put aside, and read again a part at a time: whatever lies at a part's end."""
    texts = [str(i) + "x" * (37 * i % 3000) for i in range(300)]
    requests = [chunked(path, text(one), 1 + i % 700) if i % 3 else post(path, text(one), ["X: " + "y" * (i % 90 * 50)])
                for i, one in enumerate(texts)]
    with Connection(ring.port) as connection:
        sender = threading.Thread(target=connection.send,
                                  args=(chunked(path, text("z" * 3000), 100) + b"".join(requests),))
        sender.start()
        assert {connection.answer().status for _ in range(len(texts) + 1)} == {204}
        sender.join()
    assert ring.texts(channel, ada.token)[1:] == texts


def processor_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")")[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_requests_behind_a_chunked_body_cost_no_more_than_others(make_ring):
    """However many of them the last read of the body brought."""
    own, requests, body = make_ring(settings={"gateway.body_bytes": 8 << 20}).up(), 8000, bytes(4 << 20)
    tiny = b"GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n"

    def cost(first):
        before = processor_s(own.pid("gateway-0"))
        with Connection(own.port) as connection:
            sender = threading.Thread(target=connection.send, args=(first + tiny * requests,))
            sender.start()
            assert {connection.answer().status for _ in range(requests + 1)} == {404}
            sender.join()
        return processor_s(own.pid("gateway-0")) - before
    plain, behind = cost(tiny), cost(chunked("/nowhere", body, 65536))
    assert behind < 5 * plain + 0.5, (plain, behind)


def test_a_request_in_single_bytes(ring, raw, ada, channel, path):
    for byte in post(path, text("slow")):
        raw.send(bytes([byte]))
    assert raw.answer().status == 204
    assert ring.texts(channel, ada.token) == ["slow"]


def test_expect_100_continue(raw, path):
    head, body = post(path, text("x"), ["Expect: 100-continue"]).split(b"\r\n\r\n", 1)
    raw.send(head + b"\r\n\r\n")
    assert raw.socket.recv(100).startswith(b"HTTP/1.1 100")
    raw.send(body)
    assert raw.answer().status == 204


# --- Clients that leave

def test_a_half_closed_client_gets_its_answer(ring, raw, ada, channel, path):
    raw.send(post(path, text("last words")))
    raw.socket.shutdown(socket.SHUT_WR)
    assert raw.answer().status == 204
    assert ring.texts(channel, ada.token) == ["last words"]


@pytest.mark.parametrize("how", ["fin", "reset"])
def test_vanished_clients_do_no_harm(ring, ada, channel, path, how):
    """What they sent may be stored, once."""
    for i in range(60):
        connection = Connection(ring.port)
        request = post(path, text(f"gone {i}"))
        connection.send(request if i % 3 else request[:-5])
        if how == "reset":
            connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    assert alive(ring, path)
    ring.wait(lambda: ring.metric("gateway-0", "inflight") == 0, what="no request in flight")
    stored = ring.texts(channel, ada.token)
    cut = {f"gone {i}" for i in range(0, 60, 3)}
    assert len(stored) == len(set(stored)) and not cut & set(stored)
    if how == "fin":
        assert len(stored) == 41


def test_a_client_that_never_reads(ring, ada, channel, path):
    with Connection(ring.port) as deaf:
        deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.socket.settimeout(1)
        try:
            for i in range(2000):
                deaf.send(post("/nowhere"))
        except TimeoutError:
            pass
        assert alive(ring, path)


# --- Framing

@pytest.mark.parametrize("head, what", [
    ("Host: a\r\nHost: b\r\nContent-Length: 0", "Host"),
    ("Host: a\r\nContent-Length: 2\r\nContent-Length: 3", "Content-Length"),
    ("Host: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked", "Transfer-Encoding"),
    ("Host: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5", "Transfer-Encoding"),
    ("Host: a\r\nX-A: b\r\n c\r\nContent-Length: 0", "line"),
])
def test_ambiguous_framing_is_refused_and_the_connection_ends(ring, raw, path, head, what):
    body = b"0\r\n\r\n" if "chunked" in head else b""
    raw.send(f"POST {path} HTTP/1.1\r\n{head}\r\n\r\n".encode() + body + b"xxx")
    answer = raw.answer()
    assert (answer.status, answer.code) == (400, "invalid_request"), answer
    assert what in answer.json()["message"]
    assert raw.closed()


@pytest.mark.parametrize("data", [
    b"\x00" * 100, b"GARBAGE\r\n\r\n", b"POST / HTTP/9.9\r\n\r\n", b"POST\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 200,
    b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1e3\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\n",
    b"POST / HTTP/1.1\r\nHo st: h\r\n\r\n",
], ids=range(11))
def test_what_is_no_http_ends_the_connection(ring, path, data):
    with Connection(ring.port) as connection:
        connection.send(data)
        try:
            assert 400 <= connection.answer().status < 500
        except Closed:
            pass
        connection.socket.shutdown(socket.SHUT_WR)
        assert connection.closed()
    assert alive(ring, path)


@pytest.mark.parametrize("count, status", [(60, 204), (65, 431), (97, 431)])
def test_header_count(raw, path, count, status):
    answer = raw.post(path, text("x"), [f"X-N{i}: 1" for i in range(count)])
    assert answer.status == status, answer
    assert status == 204 or answer.code == "headers_too_large"


def test_more_headers_than_the_parser_takes(ring, raw, path):
    answer = raw.post(path, text("x"), [f"X-N{i}: 1" for i in range(300)])
    assert (answer.status, answer.code) == (431, "headers_too_large") and raw.closed()


def test_a_head_beyond_its_limit_is_not_taken(ring, ada, channel, path):
    with Connection(ring.port) as connection:
        try:
            answer = connection.post(path, text("x"), [f"X-Long-{i}: " + "h" * 4000
                                                       for i in range(25)])
            assert (answer.status, answer.code) == (431, "headers_too_large"), answer
        except (Closed, ConnectionError):
            pass
    assert ring.texts(channel, ada.token) == []


def test_chunk_extensions_and_trailers_do_no_harm(ring, raw, ada, channel, path):
    body = text("chunks")
    data = chunked(path, body, 7).replace(b"\r\n\r\n7\r\n", b"\r\n\r\n7;a=b\r\n", 1)
    raw.send(data)
    assert raw.answer().status == 204
    assert raw.post(path, text("next")).status == 204
    assert ring.texts(channel, ada.token) == ["chunks", "next"]


# --- Time

def test_slow_heads_and_bodies_end_after_their_time(make_ring):
    quick = make_ring(settings={"gateway.read_ms": 1500}).up()
    eve = quick.user("eve")
    quick.channel("slow", eve)
    path = f"/api/v2/channelsbyname/slow/message?zapikey={eve.token}"
    request = post(path, text("x"))
    head = request.index(b"\r\n\r\n") + 4
    with Connection(quick.port) as slow_head, Connection(quick.port) as slow_body, \
            Connection(quick.port) as idle, Connection(quick.port) as busy:
        slow_head.send(request[:head - 10])
        slow_body.send(request[:head + 3])
        for _ in range(12):
            time.sleep(0.25)
            assert busy.post(path, text("busy")).status == 204
            for one in (slow_head, slow_body):
                try:
                    one.send(b"x" if one is slow_head else b" ")
                except ConnectionError:
                    pass
        for one in (slow_head, slow_body):
            answer = one.answer()
            assert (answer.status, answer.code) == (408, "timeout")
            assert one.closed()
        assert idle.closed()


def test_five_hundred_idle_connections(ring, path):
    connections = [Connection(ring.port) for _ in range(500)]
    try:
        for connection in connections[::2]:
            connection.send(b"POST /api")
        assert alive(ring, path)
    finally:
        for connection in connections:
            connection.close()
    assert alive(ring, path)


def test_connections_of_one_address_have_a_limit(make_ring):
    small = make_ring(settings={"gateway.connections_per_address": 10}).up()
    held = [Connection(small.port) for _ in range(10)]
    for connection in held:
        assert connection.post("/nowhere").status == 404
    with Connection(small.port) as more:
        try:
            answer = more.post("/nowhere")
            assert (answer.status, answer.code) == (503, "too_many_connections")
            assert int(answer.headers["retry-after"]) >= 1
        except (Closed, ConnectionError):
            pass
        assert more.closed()
    with Connection(small.port, source="127.0.0.2") as other:
        assert other.post("/nowhere").status == 404
    for connection in held:
        connection.close()

    def free():
        with Connection(small.port) as again:
            try:
                return again.post("/nowhere").status == 404
            except (Closed, ConnectionError):
                return False
    small.wait(free, what="a free place")
    assert small.metric("gateway-0", "http_connections_refused_total") >= 1


# --- HTTP/2

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])


def test_http2_by_prior_knowledge_is_refused(raw):
    raw.send(PREFACE)
    raw.socket.shutdown(socket.SHUT_WR)
    data = b""
    while more := raw.socket.recv(65536):
        data += more
    assert data == b"" or data.startswith(b"HTTP/1.1 4"), data


def test_http2_by_upgrade_is_ignored(raw, path):
    answer = raw.post(path, text("x"), ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c",
                                        "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"])
    assert answer.status == 204 and "upgrade" not in answer.headers


@pytest.fixture(scope="module")
def tls_ring(tmp_path_factory, request):
    from harness import postern
    keys = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                    "-keyout", keys / "key.pem", "-out", keys / "cert.pem"],
                   check=True, capture_output=True)
    (keys / "key.pem").chmod(0o600)
    made = postern.Ring(settings={"gateway.tls_certificate": keys / "cert.pem",
                                  "gateway.tls_key": keys / "key.pem"}).up()
    yield made, keys / "cert.pem"
    made.close()


def context(certificate, *protocols):
    made = ssl.create_default_context(cafile=certificate)
    made.set_alpn_protocols(list(protocols))
    return made


def test_http2_by_alpn_is_not_offered(tls_ring):
    ring, certificate = tls_ring
    with Connection(ring.port, tls=context(certificate, "h2", "http/1.1")) as connection:
        assert connection.socket.selected_alpn_protocol() == "http/1.1"
        assert connection.post("/nowhere").status == 404
    try:
        with Connection(ring.port, tls=context(certificate, "h2")) as connection:
            assert connection.socket.selected_alpn_protocol() is None
            connection.send(PREFACE)
            assert connection.answer().status == 400
    except (Closed, ssl.SSLError, ConnectionError):
        pass


def test_a_message_over_tls(tls_ring):
    ring, certificate = tls_ring
    eve = ring.user("eve")
    ring.channel("tls", eve)
    with Connection(ring.port, tls=context(certificate, "http/1.1")) as connection:
        for i in range(3):
            answer = connection.post(f"/api/v2/channelsbyname/tls/message?zapikey={eve.token}",
                                     text(str(i)))
            assert answer.status == 204


def test_streams_over_tls(tls_ring):
    """Pages that are larger than the socket takes at once, a reader that is slow, and a worker that dies."""
    ring, certificate = tls_ring
    ada = ring.user("streaming")
    ring.channel("streamed", ada)
    url, path = ring.channel_url("streamed", ada.token).replace("http://127.0.0.1", "https://localhost"), "/api/v2/channelsbyname/streamed/stream"

    def send(first, last, more=""):
        for i in range(first, last + 1):
            assert ring.post(url, {"text": f"{i}{more}"}, verify=str(certificate)).status_code == 204
    send(1, 100, " " + "x" * 4000)
    readers = [Reader(ring.port, path, ada.token, tls=context(certificate, "http/1.1"), **how)
               for how in ({"since": "all"}, {"since": "all", "lines": True, "slow_s": 0.01}, {"lines": True})]
    assert all(reader.ready.wait(20) for reader in readers), [reader.others for reader in readers]
    send(101, 120)
    ring.kill("channel-0")
    ring.wait_ready("channel-0")
    send(121, 130)
    want = [list(range(first, 131)) for first in (1, 1, 101)]
    ring.wait(lambda: [reader.got for reader in readers] == want, 20, what="all readers to have all")
    for reader in readers:
        reader.stop()
        assert reader.opened == 1 and reader.failure is None


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_tls_is_refused(tls_ring, version):
    ring, certificate = tls_ring
    old = context(certificate)
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, version
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises((ssl.SSLError, ConnectionError)):
        Connection(ring.port, tls=old)


def test_plain_http_and_garbage_on_the_tls_port(tls_ring):
    ring, certificate = tls_ring
    for data in (post("/nowhere"), b"\x00" * 1000, b"\x16\x03\x01\xff\xff" + b"a" * 5000):
        with Connection(ring.port) as plain:
            plain.send(data)
            plain.socket.shutdown(socket.SHUT_WR)
            while not plain.closed():
                pass
            assert not plain.input.startswith(b"HTTP/1.1 2")
    with Connection(ring.port, tls=context(certificate, "http/1.1")) as connection:
        assert connection.post("/nowhere").status == 404
