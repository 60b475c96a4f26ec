"""What becomes of an event that cannot become a message, for whatever reason: what is stored, and what its sender gets.

The sender is GitHub, and signs; each case is one request."""

import json
import shutil
import time
import uuid

import pytest
from harness import postern
from harness.connection import Connection
from harness.connection import post as posted
from harness.disk import RESERVE, fill, ring_on_small_disk
from test_incoming_formats import LOOP, write
from test_source_filters import ISSUE, PUSH, event
from test_sources import SECRET, Channel, sign

GITHUB = {"X-GitHub-Event": "push"}
CHALLENGE = json.dumps({"type": "url_verification", "challenge": "abc"}).encode()


@pytest.fixture(scope="module")
def ring():
    directory = postern.scratch("f-")
    directory.chmod(0o755)
    write(directory)
    with postern.Ring(settings={"worker.formats": directory}) as made:
        yield made.up()
    shutil.rmtree(directory)


@pytest.fixture
def channel(ring, name):
    made = Channel(ring, name)
    made.source(scheme="github", secret=SECRET, **{"except": ["issues"]})
    return made


def rows(channel):
    return channel.ring.messages("channelsbyname", channel.name, channel.user.token)


def message(row):
    assert "event" not in row and "failed" not in row and row["message"]["text"]


def summary(row):
    message(row)
    assert "unheard" in row["message"]["text"] and "\n" not in row["message"]["text"]


def dead_letter(row):
    assert row["failed"] is True and row["message"]["text"].startswith("⚠ format busy") and row["event"]["body"] == LOOP.decode()


@pytest.mark.parametrize("body, headers, path, signed, answer, stored", [
    pytest.param(*PUSH, "", True, (204, ""), message, id="as it should be"),
    pytest.param(CHALLENGE, {}, "", False, (200, "abc"), None, id="handshake"),
    pytest.param(*event("github", "ping"), "", True, (204, ""), message, id="ping"),
    pytest.param(*ISSUE, "", True, (200, '{"dropped":"filter"}'), None, id="filtered"),
    pytest.param(b"{}", {"X-Busy-Event": "drop"}, "", True, (200, '{"dropped":"format"}'), None, id="dropped"),
    pytest.param(b'{"action": "unheard"}', {"X-GitHub-Event": "of"}, "", True, (204, ""), summary, id="unknown event"),
    pytest.param(LOOP, {"X-Busy-Event": "loop"}, "", True, (204, ""), dead_letter, id="the format fails"),
    pytest.param(b'{"a":', GITHUB, "/github", True, (400, "invalid_json"), None, id="no JSON"),
    pytest.param(*PUSH, "/never-written", True, (404, "unknown_format"), None, id="no such format"),
    pytest.param(*PUSH, "", False, (401, "invalid_signature"), None, id="no signature"),
    pytest.param(PUSH[0], {**PUSH[1], **sign(PUSH[0], "another")}, "", False, (401, "invalid_signature"), None, id="a wrong one")])
def test_a_row(channel, body, headers, path, signed, answer, stored):
    headers = {**headers, **(sign(body) if signed else {})}
    got = channel.post(headers, body, url=channel.url.replace("/incoming", "/incoming" + path))
    status, said = answer
    assert got.status_code == status and (got.json()["code"] if status >= 400 else got.text) == said, got.text
    assert got.headers.get("Postern-Format") == ("failed" if stored is dead_letter else None)
    found = rows(channel)
    assert len(found) == (stored is not None)
    if stored:
        stored(found[0])


@pytest.fixture
def disk(make_ring):
    """A channel whose journal lies on a small disk, and that disk."""
    with ring_on_small_disk(make_ring, 224) as (own, place):
        yield Channel(own.up(), "full"), place


def test_a_full_disk(disk):
    channel, place = disk
    channel.source(scheme="github", secret=SECRET, keep_raw=True, **{"except": ["issues"]})
    body, headers = PUSH

    def push():
        """An event of its own: what is sent again is answered as it was, also on a full disk."""
        return channel.post({**headers, **sign(body), "X-GitHub-Delivery": str(uuid.uuid4())}, body)

    ballast = fill(place, RESERVE // 2)
    channel.ring.wait(lambda: push().status_code == 503, what="a refusal")
    before = rows(channel)
    answer = push()
    assert (answer.status_code, answer.json()["code"]) == (503, "storage_full") and int(answer.headers["Retry-After"]) >= 1
    assert channel.post(headers, body).status_code == 401  # a sender that cannot be one need not come again
    assert channel.post({**ISSUE[1], **sign(ISSUE[0])}, ISSUE[0]).json() == {"dropped": "filter"}
    assert rows(channel) == before
    ballast.unlink()
    channel.ring.wait(lambda: push().status_code == 204, what="it to go on")
    assert [row["event"]["body"] for row in rows(channel)[len(before):]] == [body.decode()]


def test_an_overload(make_ring):
    """503 at once past the queues; what was held comes in once, when the worker is back."""
    small = make_ring(settings={"queue.messages": 16, "gateway.inflight": 64, "gateway.deadline_ms": 20000}).up()
    channel = Channel(small, "full")
    channel.source(scheme="github", secret=SECRET)
    path = channel.url.removeprefix(small.base)
    small.pause("channel-0")
    held = [Connection(small.port) for _ in range(120)]
    try:
        for number, connection in enumerate(held):
            body = json.dumps({"zen": str(number)}).encode()
            lines = [f"{name}: {value}" for name, value in {"X-GitHub-Event": "ping", **sign(body)}.items()]
            connection.send(posted(path, body, lines))
        time.sleep(1)
        small.resume("channel-0")
        answers = [connection.answer() for connection in held]
    finally:
        for connection in held:
            connection.close()
    refused = [answer for answer in answers if answer.status != 204]
    assert refused and {answer.code for answer in refused} <= {"overloaded", "not_confirmed"}
    stored = [row["message"]["text"] for row in rows(channel)]
    taken = [number for number, answer in enumerate(answers) if answer.status == 204]
    assert len(stored) == len(set(stored)) and all(any(text.endswith(f"_{number}_") for text in stored) for number in taken)
