"""Live streams of one target: what was answered 2xx stands at every reader, once and in order."""

import contextlib
import json
import threading
import time

import pytest

from harness.connection import Connection
from harness.postern import SLOW, in_time
from reading_streams import Raw, Reader, Sse


def place(ring, name):
    ada = ring.user(name)
    ring.channel(name, ada)
    return ada, f"/api/v2/channelsbyname/{name}/stream"


def post(ring, user, channel, first, count):
    with Connection(ring.port) as connection:
        for i in range(first, first + count):
            answer = connection.post(f"/api/v2/channelsbyname/{channel}/message?zapikey={user.token}",
                                     b'{"text":"%d"}' % i)
            assert answer.status == 204, answer


def test_a_message_comes_to_every_kind_of_reader(ring, name):
    ada, path = place(ring, name)
    post(ring, ada, name, 1, 3)
    readers = [Reader(ring.port, path, ada.token),
               Reader(ring.port, path, ada.token, lines=True),
               Reader(ring.port, path, ada.token, since="all"),
               Reader(ring.port, path, ada.token, since="2", lines=True),
               Reader(ring.port, path, ada.token, since="latest")]
    assert all(reader.ready.wait(20 * SLOW) for reader in readers)
    post(ring, ada, name, 4, 50)
    want = [list(range(first, 54)) for first in (4, 4, 1, 3, 3)]
    ring.wait(lambda: [reader.got for reader in readers] == want, 20, what="all readers to have all")
    assert [reader.opened for reader in readers] == [1] * 5
    assert readers[0].texts == [str(i) for i in range(4, 54)]
    for reader in readers:
        reader.stop()
        assert reader.failure is None
    ring.wait(lambda: ring.metric("gateway-0", "streams") == 0, 20)


def test_the_head_of_a_stream(ring, name):
    ada, path = place(ring, name)
    raw = Raw(ring.port, path, [f"Authorization: Bearer {ada.token}"])
    assert raw.status == 200 and raw.headers["content-type"] == "text/event-stream"
    assert raw.headers["cache-control"] == "no-store, no-transform" and raw.headers["x-accel-buffering"] == "no"
    sse = Sse(raw.chunks())
    events = iter(sse)
    post(ring, ada, name, 1, 1)
    event, data, position = next(events)
    assert event == "message" and json.loads(data)["message"] == {"text": "1"} and position.startswith("1-")
    assert 2000 <= sse.retry < 5000
    raw.close()
    answer = ring.request("HEAD", ring.url(path, ada.token))
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "text/event-stream"


def test_who_may_not_read_is_refused_as_elsewhere(ring, name):
    ada, path = place(ring, name)
    bob = ring.user(name + "2")
    for url, status, code in ((ring.url(path, bob.token), 403, "not_allowed"),
                              (ring.url(path, "x" * 40), 401, "invalid_token"),
                              (ring.url(path.replace(name, name + "9"), ada.token), 404, "unknown_channel"),
                              (ring.url(path, ada.token, since="tomorrow"), 400, "invalid_param"),
                              (ring.url(path, ada.token, since="77"), 410, "cursor_expired"),
                              (ring.url(path, ada.token, format="xml"), 400, "invalid_param"),
                              (ring.url(path, ada.token, colour="red"), 400, "invalid_param")):
        answer = ring.get(url)
        assert (answer.status_code, answer.json()["code"]) == (status, code), url


def test_a_position_of_another_history_is_a_reset(ring, name):
    """Forged, or of another target: what comes is of the target itself."""
    ada, path = place(ring, name)
    ring.channel(name + "_o", ada)
    post(ring, ada, name, 1, 3)
    post(ring, ada, name + "_o", 7, 3)
    other = Reader(ring.port, path.replace(name, name + "_o"), ada.token, since="all")
    ring.wait(lambda: other.got == [1, 2, 3], 20)
    other.stop()
    for position in ("2-0000001", "77-0000001", other.position):
        refused = ring.get(ring.url(path, ada.token, since=position))
        assert (refused.status_code, refused.json()["code"]) == (410, "cursor_expired")
        raw = Raw(ring.port, path, [f"Authorization: Bearer {ada.token}", f"Last-Event-ID: {position}"])
        events = iter(Sse(raw.chunks()))
        event, data, _ = next(events)
        assert (event, json.loads(data)) == ("reset", {"reason": "replaced", "from": 1})
        assert [json.loads(next(events)[1])["message"]["text"] for _ in range(3)] == ["1", "2", "3"]
        raw.close()


@pytest.mark.parametrize("digits", [30, 9000, 10_000_000])
def test_a_position_of_many_digits_is_refused(ring, name, digits):
    """A head past its limit ends the connection; else that is asked again."""
    ada, path = place(ring, name)
    bearer, many = f"Authorization: Bearer {ada.token}", "9" * digits
    for query, headers in ((f"?since={many}", []), ("", [f"Last-Event-ID: {many}"]), (f"?last={many}", [])):
        with Connection(ring.port) as connection:
            lines = [f"GET {path}{query} HTTP/1.1", "Host: h", bearer, *headers, "", ""]
            with contextlib.suppress(OSError):  # it may have ended before all was sent
                connection.send("\r\n".join(lines).encode())
            answer = connection.answer()
            assert answer.status == 400 if digits < 10_000 else answer.status in (414, 431), answer
            if answer.status == 400:
                assert json.loads(answer.body)["code"] == "invalid_param"
                connection.send(f"GET /api/v2/token HTTP/1.1\r\nHost: h\r\n{bearer}\r\n\r\n".encode())
                assert connection.answer().status == 200
    assert ring.get(ring.url("/api/v2/token", ada.token)).status_code == 200


def test_line_ends_in_a_body_break_no_event(ring, name):
    ada, path = place(ring, name)
    reader = Reader(ring.port, path, ada.token)
    lines = Reader(ring.port, path, ada.token, lines=True)
    assert reader.ready.wait(20 * SLOW) and lines.ready.wait(20 * SLOW)
    body = '{\r\n"text"\n:\r"a\\nb\u2028c",\n\n\n"x":1}'.encode()
    assert ring.post(ring.channel_url(name, ada.token), body).status_code == 204
    ring.wait(lambda: reader.texts == lines.texts == ["a\nb\u2028c"], 20)
    reader.stop()
    lines.stop()


TAKEN = {"token": "invalid_token", "member": "not_allowed", "archive": "archived", "scope": "out_of_scope",
         "address": "address_not_allowed", "post_only": "out_of_scope"}


def take(ring, how, name, eve):
    if how == "token":
        ring.manage("token_delete", eve.token_id, confirm=True)
    elif how == "member":
        ring.ctl("channel", "member", "remove", name, eve.email)
    elif how == "archive":
        ring.manage("channel_edit", name, archived=True)
    else:
        words = {"scope": ("--channels", name + "_o"), "address": ("--from", "192.0.2.0/24"), "post_only": ("--post-only",)}
        ring.ctl("token", "edit", eve.token_id, *words[how])


def reading(ring, name):
    """The owner, somebody who reads, and the stream, which has had a message."""
    ada, path = place(ring, name)
    eve = ring.user(name + "_e")
    ring.channel(name + "_o", eve)
    ring.ctl("channel", "member", "add", name, eve.email)
    reader = Reader(ring.port, path, eve.token)
    assert reader.ready.wait(20 * SLOW)
    post(ring, ada, name, 1, 1)
    ring.wait(lambda: reader.got == [1], 20)
    return ada, eve, reader


def ended(ring, reader):
    """The code with which it ends."""
    ring.wait(lambda: any(event == "end" for event, _ in reader.others), 20, what="the stream to end")
    end, = (data for event, data in reader.others if event == "end")
    return end["code"]


@pytest.mark.parametrize("how", TAKEN)
def test_a_right_that_is_taken_ends_the_stream(ring, name, how):
    _, eve, reader = reading(ring, name := f"{name[:40]}_{how}")
    take(ring, how, name, eve)
    began = time.monotonic()
    assert ended(ring, reader) == TAKEN[how]
    in_time(time.monotonic() - began, 2 * SLOW)
    reader.stop()


@pytest.mark.parametrize("fault", ["authd is killed", "router is killed", "authd stands"])
def test_a_right_that_is_taken_ends_the_stream_whatever_is_lost(ring, name, fault):
    """The answer that says so is lost, or nobody can say so: its lease ends, and while others post nothing comes."""
    ada, eve, reader = reading(ring, name := f"{name[:40]}_{fault[:5]}")
    stop = threading.Event()

    def write():
        while not stop.is_set():
            ring.post(ring.channel_url(name, ada.token), {"text": "x"}, timeout=30)

    writer = threading.Thread(target=write)
    writer.start()
    take(ring, "member", name, eve)
    began = time.monotonic()
    which = f"{fault.split()[0]}-0"
    if fault == "authd stands":
        ring.pause(which)
        time.sleep(5)
        ring.resume(which)
        began_again = time.monotonic()
    else:
        ring.kill(which)
        began_again = began
    assert ended(ring, reader) == "not_allowed"
    in_time(time.monotonic() - began_again, 2 * SLOW)
    stop.set()
    writer.join()
    in_time(max(reader.times, default=began) - began, 3 * SLOW)
    ring.wait_ready(which)
    reader.stop()


def test_readers_outlive_workers_routers_and_authds(ring, name):
    """Nothing is missing, doubled or out of order, and no reader has to come back."""
    ada, path = place(ring, name)
    readers = [Reader(ring.port, path, ada.token, lines=lines) for lines in (False, True, False)]
    assert all(reader.ready.wait(20 * SLOW) for reader in readers)
    stop, stored = threading.Event(), []

    def write():
        while not stop.is_set():
            answer = ring.post(ring.channel_url(name, ada.token), '{"text":"%d"}' % len(stored), timeout=30)
            assert answer.status_code == 204, answer.text
            stored.append(len(stored))

    writer = threading.Thread(target=write)
    writer.start()
    for process in ("channel-0", "router-0", "authd-0", "channel-0"):
        ring.kill(process)
        ring.wait_ready(process)
        time.sleep(0.3)
    stop.set()
    writer.join()
    want = list(range(1, len(stored) + 1))
    ring.wait(lambda: all(reader.got == want for reader in readers), 30, what="all readers to have all")
    assert [reader.opened for reader in readers] == [1, 1, 1]
    for reader in readers:
        reader.stop()


def test_readers_come_back_to_a_gateway(ring, name):
    ada, path = place(ring, name)
    readers = [Reader(ring.port, path, ada.token, lines=lines) for lines in (False, True)]
    assert all(reader.ready.wait(20 * SLOW) for reader in readers)
    post(ring, ada, name, 1, 10)
    ring.wait(lambda: all(len(reader.got) == 10 for reader in readers), 20)
    ring.kill("gateway-0")
    ring.wait_ready("gateway-0")
    post(ring, ada, name, 11, 10)
    ring.wait(lambda: all(reader.got == list(range(1, 21)) for reader in readers), 30)
    for reader in readers:
        reader.stop()


def test_joins_while_messages_come(ring, name):
    """Each begins at a place of its own while others post: no gap, and nothing twice."""
    ada, path = place(ring, name)
    post(ring, ada, name, 1, 20)
    stop = threading.Event()
    count = [20]

    def write():
        with Connection(ring.port) as connection:
            while not stop.is_set():
                answer = connection.post(f"/api/v2/channelsbyname/{name}/message?zapikey={ada.token}", b'{"text":"x"}')
                assert answer.status == 204
                count[0] += 1

    writer = threading.Thread(target=write)
    writer.start()
    resyncs = ring.metric("gateway-0", "stream_resyncs_total")
    for i in range(40):
        since = str(i % 20) if i % 3 else None
        reader = Reader(ring.port, path, ada.token, lines=i % 2 == 0, since=since)
        assert reader.ready.wait(20 * SLOW)
        until = count[0] + 10
        ring.wait(lambda: reader.got and reader.got[-1] >= until, 20)
        reader.stop()
        got = reader.got
        assert got == list(range(got[0], got[-1] + 1))
        assert since is None or got[0] == int(since) + 1
    stop.set()
    writer.join()
    assert ring.metric("gateway-0", "stream_resyncs_total") == resyncs


def test_a_slow_reader_misses_nothing(ring, name):
    ada, path = place(ring, name)
    slow = Reader(ring.port, path, ada.token, slow_s=0.01)
    assert slow.ready.wait(20 * SLOW)
    with Connection(ring.port) as connection:
        for _ in range(400):
            answer = connection.post(f"/api/v2/channelsbyname/{name}/message?zapikey={ada.token}",
                                     b'{"text":"x","y":"%s"}' % (b"z" * 4000))
            assert answer.status == 204
    ring.wait(lambda: len(slow.got) == 400, 60)
    assert slow.got == list(range(1, 401)) and slow.opened == 1
    slow.stop()


def test_a_stream_whose_worker_does_not_answer_is_refused(make_ring, name):
    ring = make_ring(settings={"gateway.deadline_ms": 2000}).up()
    ada, path = place(ring, name)
    ring.pause("channel-0")
    with Connection(ring.port, 60) as source:
        source.send(f"GET {path}?zapikey={ada.token} HTTP/1.1\r\nHost: h\r\nAccept: text/event-stream\r\n\r\n".encode())
        answer = ring.get(ring.url(path, ada.token), timeout=60)
        told = source.answer()
    ring.resume("channel-0")
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert told.status == 200 and b"retry: 1" in told.body and b"event: end" in told.body and b'"unavailable"' in told.body
    ring.wait(lambda: ring.metric("gateway-0", "streams") == 0, 20)


def test_a_stream_goes_on_while_its_token_is_used(ring, name):
    """The uses of the token are written each second beside the stream's judging."""
    ada, path = place(ring, name)
    reader = Reader(ring.port, path, ada.token)
    assert reader.ready.wait(20 * SLOW)
    for i in range(1, 41):
        post(ring, ada, name, i, 1)
        time.sleep(0.1)
    ring.wait(lambda: reader.got == list(range(1, 41)), 3)
    assert reader.opened == 1
    reader.stop()


def test_an_edit_and_a_deletion_come_as_what_they_are(ring, name):
    """Live and read back alike, so that a reader who comes late has the same."""
    ada, path = place(ring, name)
    live = Reader(ring.port, path, ada.token, lines=True)
    assert live.ready.wait(20 * SLOW)
    for text in ("running", "passed"):
        answer = ring.post(ring.channel_url(name, ada.token), {"text": text, "message_key": "build"})
        assert answer.status_code in (200, 204), answer.text
    ring.wait(lambda: live.texts == ["running", "passed"], 20)
    answer = ring.request("DELETE", ring.url(f"/api/v2/channelsbyname/{name}/messages/{live.rows[0]['id']}", ada.token))
    assert answer.status_code == 204
    ring.wait(lambda: live.texts == ["running", "passed", None], 20)
    late = Reader(ring.port, path, ada.token, since="all")
    ring.wait(lambda: len(late.rows) == 3, 20)
    for reader in (live, late):
        assert reader.events == ["message", "edit", "delete"]
        first, second, last = reader.rows
        assert first["id"] == second["id"] == last["id"]
        assert (first.get("revision"), second["revision"], last["revision"]) == (None, 1, 2)
        assert last["deleted"] is True and last["message"] is None
        reader.stop()
