"""What formats make of the events of senders: each case of docs/API.md (Events for a channel)."""

import concurrent.futures
import json
import pathlib
import shutil
import signal
import time
import urllib.parse

import pytest

from answering import Answering
from harness import postern
from harness.connection import Connection, chunked, post

FORMATS = pathlib.Path(__file__).parents[2] / "formats"
MOST = 1048576  # gateway.incoming_body_bytes
OWN = {"sender": "busy", "title": "Busy", "version": 1, "detect": {"header": "x-busy-event"},
       "event": "{{ header.x-busy-event }}", "id": "{{ header.x-busy-id }}",
       "rules": [{"on": ["drop"], "drop": True},
                 {"on": ["loop"], "message": {"text": "{{ each a most 100 }}{{ each body.a most 100 }}{{ each body.a most 100 }}{{ index }}"
                                                      "{{ end }}{{ end }}{{ end }}"}},
                 {"on": ["known"], "message": {"text": "{{ what }}{{ query.more | prefix(' ') }}{{ header.x-more | prefix(' ') }}"}}]}
LOOP = json.dumps({"a": list(range(100))}).encode()


def write(directory, **changes):
    place = directory / "busy"
    place.mkdir(exist_ok=True)
    text = json.dumps({**OWN, **changes})
    (place / "format.json").write_text(text)


@pytest.fixture(scope="module")
def own():
    directory = postern.scratch("f-")
    directory.chmod(0o755)
    write(directory)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def ring(own):
    with postern.Ring(settings={"worker.formats": own, "delivery.allow": "127.0.0.0/8"}) as made:
        yield made.up()


@pytest.fixture
def ada(ring, name):
    return ring.user(name)


@pytest.fixture
def incoming(channel, ada):
    return f"/api/v2/channelsbyname/{channel}/incoming", f"?zapikey={ada.token}"


@pytest.fixture
def rows(ring, channel, ada):
    return lambda: ring.messages("channelsbyname", channel, ada.token)


def case(sender, name):
    """Body and header lines of a golden case."""
    place = FORMATS / sender / "cases"
    headers = place / f"{name}.headers"
    return (place / f"{name}.json").read_bytes(), headers.read_text().split("\n")[:-1] if headers.exists() else []


def expected(sender, name):
    return json.loads((FORMATS / sender / "cases" / f"{name}.expected.json").read_text())


@pytest.mark.parametrize("where", ["/incoming/github", "/incoming", "/message", "/message?format=github"])
def test_a_push_is_a_message_wherever_it_is_posted(raw, channel, ada, rows, where):
    body, headers = case("github", "push")
    path, _, query = where.partition("?")
    answer = raw.post(f"/api/v2/channelsbyname/{channel}{path}?zapikey={ada.token}&{query}", body, headers)
    assert (answer.status, answer.headers.get("postern-format")) == (204, None)
    row, = rows()
    assert row["message"] == expected("github", "push") and "event" not in row


def test_by_the_id_of_the_channel_and_as_a_form(ring, raw, channel, ada, rows):
    body, headers = case("github", "push")
    shown = ring.ctl("channel", "show", channel)
    form = urllib.parse.urlencode({"payload": body}).encode()
    headers = [line for line in headers if not line.lower().startswith("content-type")]
    answer = raw.post(f"/api/v2/channels/{shown['id']}/incoming/github?zapikey={ada.token}", form,
                      [*headers, "Content-Type: application/x-www-form-urlencoded"])
    assert answer.status == 204
    assert [row["message"] for row in rows()] == [expected("github", "push")]


def test_an_unknown_event_is_a_summary(raw, incoming, rows, ring):
    path, token = incoming
    before = ring.metric("channel-0", "format_total", format="github", result="summary") or 0
    answer = raw.post(path + token, b'{"action":"unheard","sender":{"login":"ada"}}', ["X-GitHub-Event: of"])
    assert answer.status == 204 and "postern-format" not in answer.headers
    row, = rows()
    assert "unheard" in row["message"]["text"] and "\n" not in row["message"]["text"]
    assert ring.metric("channel-0", "format_total", format="github", result="summary") == before + 1
    assert ring.metric("channel-0", "format_seconds_count") > 0


def test_what_a_rule_drops_is_answered_and_not_stored(raw, incoming, rows):
    path, token = incoming
    for where in ("/busy", ""):
        answer = raw.post(path + where + token, b"{}", ["X-Busy-Event: drop"])
        assert (answer.status, answer.json()) == (200, {"dropped": "format"})
    assert rows() == []


@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_what_fails_is_kept_and_answered_as_any_other(ring, raw, incoming, rows, method):
    path, token = incoming
    body = b" " + LOOP + b"\n"
    before = ring.metric("channel-0", "format_total", format="busy", result="failed") or 0
    raw.send(post(f"{path}/busy{token}&a=1&a=2", body, ["X-Busy-Event: loop", "X-Gitlab-Token: hidden", "Content-Type: text/x"], method))
    answer = raw.answer()
    assert (answer.status, answer.headers["postern-format"]) == (204, "failed")
    row, = rows()
    assert row["failed"] is True and row["message"]["text"].startswith("⚠ format busy")
    event = row["event"]
    assert event["body"] == body.decode() and event["method"] == method and event["format"] == "busy"
    assert event["headers"]["x-busy-event"] == "loop" and event["parameters"] == {"a": ["1", "2"]}
    assert ":format" not in event["headers"] and "hidden" not in json.dumps(row)
    assert ring.metric("channel-0", "format_total", format="busy", result="failed") == before + 1
    answer = raw.post(path + token, LOOP, ["X-Busy-Event: loop"])
    assert (answer.status, answer.headers["postern-format"]) == (204, "failed")
    assert rows()[1]["event"]["format"] == "busy"


def test_what_failed_outlives_the_worker_and_a_reshard_knows_it(ring, raw, incoming, rows):
    path, token = incoming
    assert raw.post(path + "/busy" + token, LOOP, ["X-Busy-Event: loop"]).status == 204
    before = rows()
    ring.kill("channel-0")
    ring.wait_ready("channel-0")

    def read():
        """What reached the worker that died is answered 500, if it did so twice."""
        try:
            return rows()
        except AssertionError:
            return None

    assert ring.wait(read) == before and before[0]["failed"]


@pytest.mark.parametrize("body, headers", [
    (b'{"a":', []), (b"\xff\xfe", []), (b'{"a":' * 100_000, []), (b"{" * MOST, []),
    (b"payload=%7B%22a%22", ["Content-Type: application/x-www-form-urlencoded"])])
def test_a_body_that_the_format_cannot_read_is_400(raw, incoming, rows, body, headers):
    path, token = incoming
    answer = raw.post(path + "/github" + token, body, ["X-GitHub-Event: push", *(headers or ["Content-Type: application/json"])])
    assert (answer.status, answer.code) == (400, "invalid_json"), answer
    assert rows() == []


@pytest.mark.parametrize("named", ["none", "github2", "Github", "a.b", "x" * 33])
def test_an_unknown_format_is_404(raw, incoming, rows, named):
    path, token = incoming
    answer = raw.post(f"{path}/{named}{token}", b"{}")
    assert (answer.status, answer.code) == (404, "unknown_format")
    answer = raw.post(f"{path.replace('incoming', 'message')}{token}&format={named}", b'{"text":"t"}')
    assert (answer.status, answer.code) == (404, "unknown_format")
    assert rows() == []


def test_head_and_get(raw, incoming, rows):
    path, token = incoming
    raw.send(post(path + "/busy" + token, method="HEAD", headers=["X-Busy-Event: known"]))
    raw.send(post(path + "/busy" + token + "&more=by+GET", method="GET", headers=["X-Busy-Event: known"]))
    assert raw.answer().status == 200
    assert raw.answer().status == 204
    assert [row["message"]["text"] for row in rows()] == ["by GET"]


def test_a_header_that_comes_twice(raw, incoming, rows):
    path, token = incoming
    answer = raw.post(path + token, b'{"what":"w"}', ["X-Busy-Event: known", "X-Busy-Event: drop", "X-More: a", "X-More: b"])
    assert answer.status == 204
    assert rows()[0]["message"]["text"].startswith("w a")


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_an_event_of_1_mib(raw, incoming, rows, framing):
    path, token = incoming
    body = b'{"what":"large","x":"' + b"x" * (MOST - 23) + b'"}'
    headers = ["X-Busy-Event: known"]
    raw.send(post(path + token, body, headers) if framing == "length" else chunked(path + token, body, 4096, headers))
    assert raw.answer().status == 204
    assert rows()[0]["message"] == {"text": "large"}


def test_what_the_sender_names_is_stored_once(raw, incoming, rows):
    path, token = incoming
    headers = ["X-Busy-Event: known", "X-Busy-Id: 42"]
    answers = [raw.post(path + token, body, headers) for body in (b'{"what":"a"}', b'{"what":"a"}', b'{"what":"b"}')]
    assert [answer.status for answer in answers] == [204] * 3
    assert [answer.headers.get("idempotency-replayed") for answer in answers] == [None, "true", None]
    answer = raw.post(path + token, b'{"what":"a"}', [*headers, "Idempotency-Key: again"])
    assert answer.status == 204 and "idempotency-replayed" not in answer.headers
    assert [row["message"]["text"] for row in rows()] == ["a", "b", "a"]


def test_what_failed_is_answered_as_such_again(raw, incoming, rows):
    path, token = incoming
    for _ in range(2):
        answer = raw.post(path + token, LOOP, ["X-Busy-Event: loop", "X-Busy-Id: 7"])
        assert (answer.status, answer.headers["postern-format"]) == (204, "failed")
    assert answer.headers["idempotency-replayed"] == "true" and len(rows()) == 1


SLACK = {"text": "Build 43", "attachments": [{"color": "danger", "title": "Tests failed", "title_link": "https://ci.example.org/43",
                                              "fields": [{"title": "Branch", "value": "main", "short": True}]}]}


@pytest.mark.parametrize("where", ["/incoming/slack", "/incoming", "/message"])
def test_slacks_senders_get_their_ok_and_lose_no_attachment(raw, channel, ada, rows, where):
    path = f"/api/v2/channelsbyname/{channel}{where}?zapikey={ada.token}"
    answer = raw.post(path, json.dumps(SLACK).encode(), ["Content-Type: application/json"])
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"ok", "text/plain; charset=utf-8")
    shown = json.dumps(rows()[0]["message"])
    assert all(part in shown for part in ("Build 43", "Tests failed", "https://ci.example.org/43", "Branch", "main"))
    answer = raw.post(path + "&sync_message=true", json.dumps(SLACK).encode())
    assert answer.status == 200 and answer.json()["message_id"]


@pytest.mark.parametrize("message", [{"text": "plain"}, {"text": "a", "card": {"title": "c"}, "attachments": [{"text": "x"}]},
                                     {"text": "b", "attachments": []}, {"text": "c", "blocks": None}])
def test_a_message_of_our_own_stays_as_it_is(raw, channel, ada, rows, message):
    answer = raw.post(f"/api/v2/channelsbyname/{channel}/message?zapikey={ada.token}", json.dumps(message).encode(), ["X-GitHub-Event: push"])
    assert answer.status == 204
    assert rows()[0]["message"] == message


def test_a_bot_keeps_the_event_and_has_the_message_beside_it(ring, name, ada, raw):
    ring.bot(name, ada)
    body, headers = case("github", "push")
    path = f"/api/v2/bots/{name}/incoming"
    with Answering(lambda event, count: (200, "")) as handler:
        ring.ctl("bot", "handler", "set", name, handler.url)
        assert raw.post(f"{path}/github?zapikey={ada.token}", body, headers).status == 200
        assert raw.post(f"{path}?zapikey={ada.token}", body, headers).status == 200
        answer = raw.post(f"{path}/busy?zapikey={ada.token}", LOOP, ["X-Busy-Event: loop"])
        assert (answer.status, answer.headers["postern-format"]) == (200, "failed")
        assert raw.post(f"{path}/busy?zapikey={ada.token}", b"\xff", ["X-Busy-Event: drop"]).status == 200
        answer = raw.post(f"{path}/none?zapikey={ada.token}", body, headers)
        assert (answer.status, answer.code) == (404, "unknown_format")
        ring.wait(lambda: len(handler.events) == 4, 20)
    beside, plain, failed, dropped = ring.messages("bots", name, ada.token)
    assert beside["message"] == expected("github", "push") and beside["event"]["format"] == "github"
    assert beside["event"]["body"] == plain["event"]["body"] == body.decode()
    assert plain["message"] is None and "format" not in plain["event"]
    assert failed["failed"] is True and failed["event"]["body"] == LOOP.decode()
    assert dropped["message"] is None and dropped["event"]["body"] == {"base64": "/w=="}
    calls = {call["sequence"]: call for call in handler.events}
    assert calls[1]["message"] == beside["message"] and calls[1]["body"] == body.decode()
    assert "message" not in calls[2] and calls[3]["message"] == failed["message"] and "message" not in calls[4]
    assert all(":format" not in call["headers"] for call in handler.events)


def test_formats_are_read_again_and_a_broken_one_changes_nothing(ring, own, raw, incoming, rows):
    path, token = incoming

    def says():
        assert raw.post(path + token, b'{"what":"w"}', ["X-Busy-Event: known"]).status == 204
        return rows()[-1]["message"]["text"]

    def reads(state):
        ring.kill("channel-0", signal.SIGHUP)
        ring.wait(lambda: [one["state"] for one in ring.ready("channel-0")["checks"] if one["name"] == "formats"] == [state], 10, state)

    try:
        write(own, rules=[{"message": {"text": "mended {{ what }}"}}])
        ring.kill("channel-0", signal.SIGHUP)
        ring.wait(lambda: says() == "mended w", 10)
        write(own, rules=[{"message": {"text": "{{ what | uper }}"}}])
        reads("degraded")
        assert says() == "mended w"
    finally:
        write(own)
        reads("ok")
    assert says() == "w"


def test_no_event_is_lost_or_doubled_when_the_worker_is_killed(ring, channel, incoming, rows):
    path, token = incoming
    body, headers = case("github", "push")
    headers = [line for line in headers if not line.lower().startswith("x-github-delivery")]

    def send(number):
        with Connection(ring.port) as raw:
            return raw.post(path + "/github" + token, body, [*headers, f"X-GitHub-Delivery: d-{number}"]).status

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(send, number) for number in range(60)]
        time.sleep(0.05)
        ring.kill("channel-0")
        assert {answer.result() for answer in answers} == {204}
    ring.wait_ready("channel-0")
    assert len(rows()) == 60
