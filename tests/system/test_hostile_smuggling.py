"""Where a request ends: what one reader would take for a second request and another would not, in
whichever pieces it comes; white space behind values; what Connection lists."""

import json
import time

import pytest

from harness.connection import Connection, post


@pytest.fixture(scope="module")
def ada(ring):
    return ring.user("smuggling")


def text(value):
    return json.dumps({"text": value}).encode()


REST = "Host: h\r\nContent-Type: application/json\r\n"


def smuggled(path):
    """What would be stored if it were read as a request of its own."""
    return post(path, text("smuggled"))


@pytest.mark.parametrize("body", [
    b"0x5a\r\n", b"cZZ\r\n", b"0\r\n\n", b"0\n\r\n", b"0 0\r\n\r\n", b"-0\r\n\r\n", b"\r\n0\r\n\r\n",
    b"1\r\n{}\r\n0\r\n\r\n", b"1\r\n{\n0\r\n\r\n", b"1\r\n{\r\r\n0\r\n\r\n", b"000000000\r\n\r\n",
    b"0;a\n\r\n\r\n", b"0\r\nA: b\n\r\n", b"0\r\r\n\r\n", b"0\r\n\r\r\n", b"0;\0\r\n\r\n"], ids=repr)
def test_malformed_chunks_end_the_connection(ring, ada, channel, path, body):
    """However they come in pieces; what follows is never a request."""
    head = f"POST {path} HTTP/1.1\r\n{REST}Transfer-Encoding: chunked\r\n\r\n".encode()
    data = head + body + smuggled(path)
    for cut in {len(head) - 2, len(head), len(head) + 1, len(head) + len(body) - 1,
                len(head) + len(body), len(head) + len(body) + 1}:
        with Connection(ring.port) as raw:
            raw.send(data[:cut])
            time.sleep(0.005)
            try:
                raw.send(data[cut:])
            except ConnectionError:
                pass
            answer = raw.answer()
            assert (answer.status, answer.code) == (400, "invalid_request"), answer
            assert "chunk" in answer.json()["message"] and raw.closed()
    assert "smuggled" not in ring.texts(channel, ada.token)


def test_a_chunked_request_at_every_split(ring, ada, channel, path):
    """It, and the one behind it, are the same requests in whichever two pieces they come."""
    first = f"POST {path} HTTP/1.1\r\n{REST}Transfer-Encoding: chunked\r\n\r\n".encode() + \
        b'5;a=b\r\n{"tex\r\n7\r\nt":"a"}\r\n0\r\nT: v\r\n\r\n'
    data = b"\r\n" + first + post("/nowhere") + first
    with Connection(ring.port) as raw:
        for cut in range(len(data)):
            raw.send(data[:cut])
            if cut % 2:
                time.sleep(0.001)
            raw.send(data[cut:])
            assert [raw.answer().status for _ in range(3)] == [204, 404, 204], cut
    assert set(ring.texts(channel, ada.token)) == {"a"}


@pytest.mark.parametrize("head, word", [
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "Transfer-Encoding"),
    ("Transfer-Encoding: x\r\nTransfer-Encoding: chunked", "Transfer-Encoding"),
    ("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "Transfer-Encoding"),
    ("Transfer-Encoding: chunked, identity", "Transfer-Encoding"),
    ("Transfer-Encoding : chunked", "white space"),
    ("Content-Length: 5, 5", "Content-Length"), ("Content-Length: +5", "Content-Length"),
    ("Host: h", "Host"), ("Host: g", "Host"),
])
def test_smuggling_by_the_head(ring, ada, channel, path, head, word):
    with Connection(ring.port) as raw:
        raw.send(f"POST {path} HTTP/1.1\r\n{REST}{head}\r\n\r\n0\r\n\r\n".encode() + smuggled(path))
        answer = raw.answer()
        assert (answer.status, answer.code) == (400, "invalid_request"), answer
        assert word in answer.json()["message"] and raw.closed()
    assert ring.texts(channel, ada.token) == []


@pytest.mark.parametrize("host", [None, "a b", "a,b", "a/b", "u@a", "[::1", "a:b", "a:123456"])
def test_a_request_needs_a_host(raw, path, host):
    line = "" if host is None else f"Host: {host}\r\n"
    raw.send(f"POST {path} HTTP/1.1\r\n{line}Content-Length: 0\r\n\r\n".encode())
    answer = raw.answer()
    assert (answer.status, answer.code) == (400, "invalid_request") and raw.closed()
    assert "Host" in answer.json()["message"]


@pytest.mark.parametrize("line, stays", [
    ("keep-alive, close", False), ("close, keep-alive", False), ("Close", False),
    ("keep-alive\r\nConnection: close", False), ("close\r\nConnection: keep-alive", False),
    ("keep-alive", True), ("x-mine", True), ("enclosed", True)])
def test_what_the_connection_header_lists(raw, line, stays):
    answer = raw.post("/nowhere", b"", [f"Connection: {line}"])
    assert answer.headers["connection"] == ("keep-alive" if stays else "close")
    if stays:
        assert raw.post("/nowhere").status == 404
    else:
        assert raw.closed()


def test_white_space_behind_a_value_is_no_part_of_it(ring, ada, channel, path):
    """RFC 9110 §5.5: cut before anything reads it."""
    plain = path.split("?")[0]
    with Connection(ring.port) as raw:
        for end in ("", " ", "\t", " \t "):
            body = text("once")
            raw.send((f"POST {plain} HTTP/1.1\r\nHost: h{end}\r\nAuthorization: Bearer {ada.token}"
                      f"{end}\r\nIdempotency-Key: pay-1{end}\r\nContent-Type: application/json{end}"
                      f"\r\nContent-Length: {len(body)}{end}\r\n\r\n").encode() + body)
            assert raw.answer().status == 204, repr(end)
            raw.send((f"POST {plain} HTTP/1.1\r\nHost: h\r\nX-Webhook-Token: {ada.token}{end}\r\n"
                      f"Transfer-Encoding: chunked{end}\r\nIdempotency-Key: pay-1{end}\r\n\r\n"
                      ).encode() + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
            assert raw.answer().status == 204, repr(end)
            raw.send((f"POST {path} HTTP/1.1\r\nHost: h\r\nExpect: 100-continue{end}\r\n"
                      "Content-Length: 2\r\nIdempotency-Key: other\r\n\r\n").encode())
            assert raw.socket.recv(100).startswith(b"HTTP/1.1 100"), repr(end)
            raw.send(b"{}")
            assert raw.answer().status == 400
    assert ring.texts(channel, ada.token) == ["once"]


def test_white_space_behind_a_value_on_the_admin_listener(ring, ada):
    token = ring.management_token(ada)
    with Connection(ring.admin_port) as raw:
        for end in ("", " ", "\t "):
            raw.send(f"GET /api/v2/me HTTP/1.1\r\nHost: h{end}\r\n"
                     f"Authorization: Bearer {token}{end}\r\nContent-Length: 0{end}\r\n\r\n".encode())
            assert raw.answer().status == 200, repr(end)
