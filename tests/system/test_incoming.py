"""Events of senders that become messages of a channel."""

import json
import urllib.parse

import pytest

from harness.connection import chunked, post

MOST = 1048576  # gateway.incoming_body_bytes


@pytest.fixture
def ada(ring, name):
    return ring.user(name)


@pytest.fixture
def path(channel, ada):
    return f"/api/v2/channelsbyname/{channel}/incoming?zapikey={ada.token}"


@pytest.fixture
def texts(ring, channel, ada):
    return lambda: ring.texts(channel, ada.token)


@pytest.mark.parametrize("method", ["POST", "PUT", "GET"])
@pytest.mark.parametrize("body, headers", [
    (b'{"text":"t"}', []), (b"text=t", ["Content-Type: application/x-www-form-urlencoded"]),
    (b"payload=%7B%22text%22%3A%22t%22%7D", ["Content-Type: application/x-www-form-urlencoded"])], ids=["json", "form", "payload"])
def test_a_message_is_taken_as_at_message(raw, path, texts, method, body, headers):
    raw.send(post(path, body, headers, method))
    assert raw.answer().status == 204
    assert texts() == ["t"]


def test_the_query_is_the_message_where_there_is_no_body(raw, path, texts):
    raw.send(post(path + "&text=Build%2043+passed&unknown=1&bot=" + urllib.parse.quote('{"name":"CI"}'), method="GET"))
    assert raw.answer().status == 204
    answer = raw.post(path + "&text=b&sync_message=true")
    assert answer.status == 200 and answer.json()["message_id"]
    assert texts() == ["Build 43 passed", "b"]
    answer = raw.post(path + "&unknown=1")
    assert (answer.status, answer.code) == (400, "invalid_message")
    answer = raw.post(path)
    assert (answer.status, answer.code) == (400, "invalid_json")


def test_head_asks_and_stores_nothing(ring, path, texts, channel):
    answer = ring.http.head(ring.base + path)
    assert answer.status_code == 200 and answer.content == b""
    assert ring.http.head(ring.base + path + "x").status_code == 401
    assert ring.http.head((ring.base + path).replace(channel, "no_such_channel")).status_code == 404
    assert texts() == []


@pytest.mark.parametrize("size, status", [(MOST, 204), (MOST + 1, 413)])
@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_a_body_of_1_mib(raw, path, texts, size, status, framing):
    body = b'{"text":"t","x":"' + b"x" * (size - 19) + b'"}'
    assert len(body) == size
    raw.send(post(path, body) if framing == "length" else chunked(path, body))
    assert raw.answer().status == status
    assert texts() == ["t"] * (status == 204)


@pytest.mark.parametrize("body", [b'{"a":' * 200_000, b"[" * MOST, b'{"text":"x"', b'{"a":[' * 60_000 + b"]}" * 60_000, b"\xff" * 1000,
                                  b'{"text":"x","a":{' + b",".join(b'"%d":null' % i for i in range(70_000)) + b"}"])
def test_what_is_no_message_is_400_and_stores_nothing(raw, path, texts, body):
    answer = raw.post(path, body, ["Content-Type: application/json"])
    assert (answer.status, answer.code) == (400, "invalid_json")
    assert raw.post(path, b'{"text":"next"}').status == 204
    assert texts() == ["next"]


def test_who_may_is_who_may_post(ring, raw, path, ada, channel):
    eve = ring.user("eve_" + channel)
    answer = raw.post(path.replace(ada.token, eve.token), b'{"text":"t"}')
    assert (answer.status, answer.code) == (403, "not_allowed")
    raw.send(post(path, method="DELETE"))
    answer = raw.answer()
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD, POST, PUT"


def test_a_repeat_with_a_key_is_stored_once(raw, path, texts):
    for _ in range(2):
        answer = raw.post(path, json.dumps({"text": "once"}).encode(), ["Idempotency-Key: k-1"])
        assert answer.status == 204
    assert answer.headers["idempotency-replayed"] == "true"
    answer = raw.post(path, b'{"text":"other"}', ["Idempotency-Key: k-1"])
    assert (answer.status, answer.code) == (422, "key_reused")
    assert texts() == ["once"]
