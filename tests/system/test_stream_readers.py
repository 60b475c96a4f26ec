"""Readers of live streams that come and go as they like, hang, or are many: the gateway stays as it was."""

import json
import os
import pathlib
import random
import socket
import struct
import time

import pytest

from answering import Answering
from harness import postern
from harness.connection import Connection
from harness.postern import SLOW, in_time
from reading_streams import Raw, Reader, Sse

SETTINGS = {"delivery.allow": "127.0.0.0/8", "delivery.time_scale": 100, "gateway.streams": 2000,
            "gateway.streams_per_token": 1500, "gateway.drain_notice_ms": 1500}


@pytest.fixture(scope="module")
def wide():
    with postern.Ring(settings=SETTINGS) as made:
        yield made.up()


def place(ring, name):
    ada = ring.user(name, rate=0)
    ring.channel(name, ada)
    return ada, f"/api/v2/channelsbyname/{name}/stream"


def open_streams(ring):
    return ring.metric("gateway-0", "streams")


def rss(ring):
    text = pathlib.Path(f"/proc/{ring.pid('gateway-0')}/status").read_text()
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("RssAnon"))) * 1024


def descriptors(ring):
    return len(os.listdir(f"/proc/{ring.pid('gateway-0')}/fd"))


def opened(ring, path, token):
    return Raw(ring.port, path, [f"Authorization: Bearer {token}"])


def leave(raw, how):
    if how == "reset":
        raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if how == "half":
        raw.socket.shutdown(socket.SHUT_WR)
        with pytest.raises(Exception):
            for _ in raw.chunks():
                pass
    if how == "pipelined":
        raw.socket.sendall(b"GET /api/v2/token HTTP/1.1\r\nHost: h\r\n\r\n")
    if how == "flood":
        with pytest.raises(OSError):
            for _ in range(100):
                raw.socket.sendall(b"x" * 65536)
    raw.close()


@pytest.mark.tsan
def test_readers_that_come_and_go_leave_nothing(wide, name):
    """In the middle of messages, and of each other, in every way in which one can go."""
    ada, path = place(wide, name)
    before = descriptors(wide)
    draw = random.Random(7)
    held = []
    with Connection(wide.port) as connection:
        for i in range(300):
            held.append(opened(wide, path, ada.token))
            if i % 3 == 0:
                answer = connection.post(f"/api/v2/channelsbyname/{name}/message?zapikey={ada.token}",
                                         b'{"text":"%s"}' % (b"x" * draw.choice((3, 4000))))
                assert answer.status == 204
            if len(held) > 20 or draw.random() < 0.3:
                leave(held.pop(draw.randrange(len(held))), draw.choice(("close", "reset", "half", "pipelined", "flood")))
    for raw in held:
        leave(raw, "close")
    wide.wait(lambda: open_streams(wide) == 0, 20, what="all streams to be gone")
    wide.wait(lambda: descriptors(wide) <= before + 2, 20, what="their descriptors to be closed")


def test_one_that_leaves_before_its_stream_begins(wide, name):
    ada, path = place(wide, name)
    for _ in range(100):
        with socket.create_connection(("127.0.0.1", wide.port)) as raw:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            raw.sendall(f"GET {path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {ada.token}\r\n\r\n".encode())
    wide.wait(lambda: open_streams(wide) == 0, 20)


def test_too_many_of_a_token_are_refused(ring, name):
    ada, path = place(ring, name)
    held = [opened(ring, path, ada.token) for _ in range(20)]
    assert all(raw.status == 200 for raw in held)
    more = opened(ring, path, ada.token)
    assert more.status == 429 and json.loads(more.body())["code"] == "too_many_streams"
    leave(held.pop(), "close")
    ring.wait(lambda: open_streams(ring) == 19, 20)
    again = opened(ring, path, ada.token)
    assert again.status == 200
    for raw in (*held, more, again):
        raw.close()
    ring.wait(lambda: open_streams(ring) == 0, 20)


def test_an_event_source_that_is_refused_for_a_while_comes_back(ring, name):
    """It would give up for ever on any status but 200; what is refused for good has its status."""
    ada, path = place(ring, name)
    accepts = [f"Authorization: Bearer {ada.token}", "Accept: text/event-stream"]
    held = [opened(ring, path, ada.token) for _ in range(20)]
    more = Raw(ring.port, path, accepts)
    assert (more.status, more.headers["content-type"]) == (200, "text/event-stream")
    sse = Sse([more.body()])
    (event, data, _), = iter(sse)
    assert (event, json.loads(data)["code"]) == ("end", "too_many_streams") and 10000 <= sse.retry < 20000
    with pytest.raises(Exception):
        more.send(b"GET /api/v2/token HTTP/1.1\r\nHost: h\r\n\r\n")
        more._head()
    for refused, status in ((Raw(ring.port, path, [accepts[0], "Accept: application/x-ndjson"]), 429),
                            (Raw(ring.port, path + "?format=json", accepts), 429),
                            (Raw(ring.port, path.replace(name, name + "9"), accepts), 404)):
        assert refused.status == status
        refused.close()
    for raw in (*held, more):
        raw.close()
    ring.wait(lambda: open_streams(ring) == 0, 20)


def test_http_1_0_is_told_what_it_lacks(ring, name):
    ada, path = place(ring, name)
    with Connection(ring.port) as connection:
        connection.send(f"GET {path} HTTP/1.0\r\nAuthorization: Bearer {ada.token}\r\n\r\n".encode())
        answer = connection.answer()
    assert answer.status == 400 and "HTTP/1.1" in answer.json()["message"]


def test_an_idle_stream_beats(ring, name):
    ada, path = place(ring, name)
    comments = opened(ring, path, ada.token)
    said = iter(Sse(opened(ring, path + "?heartbeat=event", ada.token).chunks()))
    lines = opened(ring, path + "?format=json", ada.token)
    began = time.monotonic()
    assert next(said)[0] == "heartbeat"
    in_time(time.monotonic() - began, 14 * SLOW)
    text = b""
    for chunk in lines.chunks():
        text += chunk
        if b"heartbeat" in text:
            break
    assert [json.loads(line)["event"] for line in text.splitlines()] == ["open", "heartbeat"]
    assert any(chunk == b":\n\n" for chunk in comments.chunks())
    for raw in (comments, lines):
        raw.close()


def test_what_a_handler_answers_is_streamed_once_and_in_order(wide, name):
    ada = wide.user(name)
    wide.bot(name, ada)
    reader = Reader(wide.port, f"/api/v2/bots/{name}/stream", ada.token)
    assert reader.ready.wait(20 * SLOW)
    with Answering(lambda event, count: (200, {"text": "to " + event["body"]})) as handler:
        wide.ctl("bot", "handler", "set", name, handler.url)
        for i in range(20):
            assert wide.post(wide.bot_url(name, ada.token), str(i)).status_code == 200
        wide.wait(lambda: len(reader.got) == 40, 30)
    assert reader.got == list(range(1, 41)) and reader.opened == 1
    assert {text for text in reader.texts if text} == {f"to {i}" for i in range(20)}
    reader.stop()


def test_a_stop_of_the_gateway_says_so_and_readers_come_back(wide, name):
    ada, path = place(wide, name)
    readers = [Reader(wide.port, path, ada.token, lines=i % 2 == 0) for i in range(6)]
    assert all(reader.ready.wait(20 * SLOW) for reader in readers)
    pid = wide.kill("gateway-0", 15)
    wide.wait(lambda: wide.pid("gateway-0") not in (None, pid), 20)
    wide.wait_ready("gateway-0")
    for i in range(3):
        assert wide.post(wide.channel_url(name, ada.token), '{"text":"x"}').status_code == 204
    wide.wait(lambda: all(reader.got == [1, 2, 3] for reader in readers), 30)
    for reader in readers:
        end = [data for event, data in reader.others if event == "end"]
        assert [data["code"] for data in end] == ["draining"]
        reader.stop()


def test_idle_readers_cost_little(wide, name):
    """Against the same count of connections that wait for a request: a stream is to cost less than 2 KiB more."""
    ada, path = place(wide, name)
    count, warm = 800, 50
    for raw in [opened(wide, path, ada.token) for _ in range(warm)]:
        raw.close()
    wide.wait(lambda: open_streams(wide) == 0, 20)
    before = rss(wide)
    held = [opened(wide, path, ada.token) for _ in range(count)]
    each = (rss(wide) - before) / count
    assert open_streams(wide) == count
    for raw in held:
        raw.close()
    wide.wait(lambda: open_streams(wide) == 0, 20)
    # The sanitizers' allocators keep what is freed, and put room around what is not.
    if postern.SLOW == 1:
        assert each <= 2048, each


def test_readers_that_hang_are_not_kept_for(wide, name):
    """Streams whose readers take nothing: messages do not pile up for them, and others get theirs."""
    ada, path = place(wide, name)
    hanging = [opened(wide, path, ada.token) for _ in range(6)]
    reader = Reader(wide.port, path, ada.token)
    assert reader.ready.wait(20 * SLOW)
    with Connection(wide.port) as connection:
        for _ in range(300):
            answer = connection.post(f"/api/v2/channelsbyname/{name}/message?zapikey={ada.token}",
                                     b'{"text":"x","y":"%s"}' % (b"z" * 20000))
            assert answer.status == 204
    wide.wait(lambda: reader.got == list(range(1, 301)), 30)
    for raw in hanging:  # they read on where they stopped
        events, got = iter(Sse(raw.chunks())), []
        while len(got) < 300:
            got.append(json.loads(next(events)[1])["sequence"])
        assert got == list(range(1, 301))
        raw.close()
    reader.stop()


def test_readers_that_stop_are_a_position(wide, name):
    """Who asks for a history and takes none of it has the kernel's buffer full, and nothing of the gateway's."""
    ada, path = place(wide, name)
    with Connection(wide.port) as connection:
        for _ in range(100):
            answer = connection.post(f"/api/v2/channelsbyname/{name}/message?zapikey={ada.token}",
                                     b'{"text":"x","y":"%s"}' % (b"z" * 8000))
            assert answer.status == 204
    for raw in [opened(wide, path, ada.token) for _ in range(100)]:
        raw.close()
    wide.wait(lambda: open_streams(wide) == 0, 20)
    before = rss(wide)
    hanging = [opened(wide, path + "?since=all", ada.token) for _ in range(100)]
    each = (rss(wide) - before) / len(hanging)
    events, got = iter(Sse(hanging[50].chunks())), []
    while len(got) < 100:
        got.append(json.loads(next(events)[1])["sequence"])
    assert got == list(range(1, 101))
    for raw in hanging:
        raw.close()
    if postern.SLOW == 1:  # as above
        assert each <= 32768, each
