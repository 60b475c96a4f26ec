"""What a handler answers is posted, once, as a message of its bot or app."""

import contextlib
import http.server
import json
import threading
import time

import pytest

from harness import postern

SETTINGS = {"delivery.allow": "127.0.0.0/8", "delivery.time_scale": 100}


class Handler(http.server.ThreadingHTTPServer):
    """A real handler: answer (event, count) says with which status and JSON; count: how often this
    event came."""

    def __init__(self, answer):
        super().__init__(("127.0.0.1", 0), self.Call)
        self.answer, self.events, self.lock = answer, [], threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hook"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    class Call(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with self.server.lock:
                self.server.events.append(event)
                count = sum(one["id"] == event["id"] for one in self.server.events)
            status, answer = self.server.answer(event, count)
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_):
            pass


@contextlib.contextmanager
def answering(answer):
    with Handler(answer) as made:
        yield made
        made.shutdown()


@pytest.fixture(scope="module")
def calling():
    with postern.Ring(settings=SETTINGS) as made:
        yield made.up()


def deliveries(ring, kind, name, token, **params):
    answer = ring.get(ring.url(f"/api/v2/{kind}/{name}/deliveries", token, **params))
    assert answer.status_code == 200, answer.text
    return answer.json()["deliveries"]


def settled(ring, kind, name, token):
    """Waits until nothing is pending."""
    ring.wait(lambda: not deliveries(ring, kind, name, token, state="pending"), 20,
              what="the deliveries")


def replies(ring, kind, name, token):
    return [m for m in ring.messages(kind, name, token) if "reply_to" in m]


def test_a_message_is_posted_to_the_feed_of_the_bot(calling, name):
    message = {"text": "built", "card": {"title": "main"}, "userids": ["7"], "extra": [1]}
    answers = {"0": message, "1": {"challenge_key": "abc"}, "2": {"text": "x" * 5001}, "3": [],
               "4": b"thanks"}
    ada = calling.user(name)
    bot = calling.bot(name, ada)
    with answering(lambda event, count: (200, answers[event["body"]])) as handler:
        calling.ctl("bot", "handler", "set", name, handler.url)
        for body in answers:
            assert calling.post(calling.bot_url(name, ada.token), body).status_code == 200
        calling.wait(lambda: len(handler.events) == len(answers), 20)
        settled(calling, "bots", name, ada.token)
    reply, = replies(calling, "bots", name, ada.token)
    assert reply["message"] == message and "event" not in reply
    assert reply["sender"] == {"id": bot["id"], "name": name}
    event, = (m for m in calling.messages("bots", name, ada.token)
              if m.get("event", {}).get("body") == "0")
    assert reply["sequence"] > event["sequence"]
    call, = (one for one in handler.events if one["body"] == "0")
    assert reply["reply_to"] == call["id"]
    assert calling.metric("bot-0", "replies_posted_total") >= 1


def test_a_message_is_posted_to_the_feed_of_the_app(calling, name):
    ada = calling.user(name)
    app = calling.extension(name, ada)["sandbox"]
    with answering(lambda event, count: (200, {"text": event["environment"]})) as handler:
        calling.ctl("extension", "handler", "set", name, handler.url, "--environment", "sandbox")
        assert calling.post(calling.extension_url(app, ada.token), "{}").status_code == 200
        calling.wait(lambda: replies(calling, "applications", app.app_id, ada.token), 20)
        settled(calling, "applications", app.app_id, ada.token)
    reply, = replies(calling, "applications", app.app_id, ada.token)
    assert reply["message"] == {"text": "sandbox"}


def test_a_reply_that_comes_twice_is_posted_once(calling, name):
    """The first answer of an event is what is posted, also when its owner delivers it again."""
    ada = calling.user(name)
    calling.bot(name, ada)
    with answering(lambda event, count: (200, {"text": f"answer {count}"})) as handler:
        calling.ctl("bot", "handler", "set", name, handler.url)
        calling.post(calling.bot_url(name, ada.token), "{}")
        calling.wait(lambda: replies(calling, "bots", name, ada.token), 20)
        for attempts in (2, 3):
            settled(calling, "bots", name, ada.token)
            time.sleep(0.2)
            number = deliveries(calling, "bots", name, ada.token)[0]["number"]
            again = calling.url(f"/api/v2/bots/{name}/deliveries/retry", ada.token, id=number)
            assert calling.post(again).status_code == 200
            calling.wait(lambda: deliveries(calling, "bots", name, ada.token)[0]["made"] == attempts,
                         20, what=f"attempt {attempts}")
        settled(calling, "bots", name, ada.token)
    reply, = replies(calling, "bots", name, ada.token)
    assert reply["message"] == {"text": "answer 1"}


def test_only_an_answer_that_delivers_is_posted(calling, name):
    ada = calling.user(name)
    calling.bot(name, ada)
    with answering(lambda event, count: (500 if count == 1 else 201, {"text": f"{count}"})) as handler:
        calling.ctl("bot", "handler", "set", name, handler.url)
        calling.post(calling.bot_url(name, ada.token), "{}")
        calling.wait(lambda: len(handler.events) == 2, 20)
        settled(calling, "bots", name, ada.token)
    assert [m["message"] for m in replies(calling, "bots", name, ada.token)] == [{"text": "2"}]


# --- Callers that wait


def waiting_bot(ring, name, handler, wait=8):
    ada = ring.user(name)
    ring.bot(name, ada)
    shown = ring.ctl("bot", "handler", "set", name, handler.url, "--wait", wait)
    assert shown["wait_s"] == wait
    return ada


def timed(ring, *args, **more):
    began = time.monotonic()
    return ring.post(*args, **more), time.monotonic() - began


def test_the_caller_gets_what_the_handler_answers(calling, name):
    """A challenge is echoed; a message is posted as well; the key gives the same answer again."""
    def answer(event, count):
        body = json.loads(event["body"])
        return 200, {"challenge_key": body["challenge"]} if "challenge" in body else {"text": "hi"}

    with answering(answer) as handler:
        ada = waiting_bot(calling, name, handler)
        url = calling.bot_url(name, ada.token)
        first = calling.post(url, {"challenge": "c1"}, headers={"Idempotency-Key": "k1"})
        assert (first.status_code, first.json()) == (200, {"challenge_key": "c1"})
        assert first.headers["Content-Type"].startswith("application/json")
        assert "Idempotency-Replayed" not in first.headers
        assert calling.post(url, {"a": 1}).json() == {"text": "hi"}
        again = calling.post(url, {"challenge": "c1"}, headers={"Idempotency-Key": "k1"})
        assert (again.status_code, again.json()) == (200, {"challenge_key": "c1"})
        assert again.headers["Idempotency-Replayed"] == "true"
        assert calling.post(url, {"challenge": "c2"}, headers={"Idempotency-Key": "k1"}).status_code == 422
        settled(calling, "bots", name, ada.token)
        time.sleep(6)  # what the worker holds in memory is gone: the journal has it
        again = calling.post(url, {"challenge": "c1"}, headers={"Idempotency-Key": "k1"})
        assert (again.status_code, again.json()) == (200, {"challenge_key": "c1"})
        assert len(handler.events) == 2
    assert [m["message"] for m in replies(calling, "bots", name, ada.token)] == [{"text": "hi"}]


def test_the_caller_is_answered_in_time_and_the_delivery_goes_on(calling, name):
    go = threading.Event()

    def answer(event, count):
        go.wait(60)
        return 200, {"text": "late"}

    with answering(answer) as handler:
        ada = waiting_bot(calling, name, handler, 2)
        url = calling.bot_url(name, ada.token)
        resends = calling.metric("gateway-0", "resends_total")
        answer, took = timed(calling, url, {"n": 1}, headers={"Idempotency-Key": "k"})
        assert (answer.status_code, answer.text) == (200, "{}")
        assert 1.9 < took < 2 + postern.SLOW
        assert calling.metric("gateway-0", "resends_total") == resends  # it was told to wait
        go.set()
        settled(calling, "bots", name, ada.token)
        late = calling.post(url, {"n": 1}, headers={"Idempotency-Key": "k"})
        assert (late.status_code, late.json()) == (200, {"text": "late"})
        assert len(handler.events) == 1
    assert len(replies(calling, "bots", name, ada.token)) == 1


def test_who_asks_again_joins_the_wait(calling, name):
    go, found = threading.Event(), []

    def answer(event, count):
        go.wait(60)
        return 200, [1, 2]

    with answering(answer) as handler:
        ada = waiting_bot(calling, name, handler)
        url = calling.bot_url(name, ada.token)

        def ask():
            found.append(postern.requests.post(url, json={}, headers={"Idempotency-Key": "k"}))

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
            calling.wait(lambda: handler.events, 20)
        calling.wait(lambda: calling.metric("bot-0", "callers_waiting") == 2, 5)
        go.set()
        for thread in threads:
            thread.join()
        assert [(one.status_code, one.json()) for one in found] == [(200, [1, 2])] * 2
        assert sorted("Idempotency-Replayed" in one.headers for one in found) == [False, True]
        assert len(handler.events) == 1


@pytest.mark.parametrize("what", [b"<html>", b"", b"12", b'{"a":', b'["' + b"1" * 17000 + b'"]'],
                         ids=["html", "empty", "number", "cut", "long"])
def test_only_json_objects_and_arrays_are_handed_on(calling, name, what):
    with answering(lambda event, count: (200, what)) as handler:
        ada = waiting_bot(calling, name, handler)
        answer = calling.post(calling.bot_url(name, ada.token), {}, headers={"Idempotency-Key": "k"})
        assert (answer.status_code, answer.content) == (200, what if what[:1] == b"[" else b"{}")


def test_a_failing_handler_and_one_without_wait_answer_nothing(calling, name):
    with answering(lambda event, count: (410, {"a": 1})) as handler:
        ada = waiting_bot(calling, name, handler)
        answer, took = timed(calling, calling.bot_url(name, ada.token), {})
        assert (answer.status_code, answer.text) == (200, "{}") and took < 7  # it is dead at once
    with answering(lambda event, count: (200, {"a": 1})) as handler:
        calling.ctl("bot", "handler", "set", name, handler.url, "--wait", 0)
        assert calling.post(calling.bot_url(name, ada.token), {}).text == "{}"


def test_a_restart_of_the_worker_ends_the_wait(make_ring, name):
    ring = make_ring(settings=SETTINGS).up()
    go, found = threading.Event(), []

    def answer(event, count):
        go.wait(60)
        return 200, {"text": "done"}

    with answering(answer) as handler:
        ada = waiting_bot(ring, name, handler)
        url = ring.bot_url(name, ada.token)
        thread = threading.Thread(target=lambda: found.append(postern.requests.post(url, json={})))
        thread.start()
        ring.wait(lambda: handler.events, 20)
        ring.kill("bot-0")
        thread.join()
        assert (found[0].status_code, found[0].text) == (200, "{}")
        go.set()
        ring.wait(lambda: replies(ring, "bots", name, ada.token), 20)
        settled(ring, "bots", name, ada.token)
        assert len({event["id"] for event in handler.events}) == 1 < len(handler.events)
    assert len(replies(ring, "bots", name, ada.token)) == 1


def test_a_draining_worker_lets_nobody_wait_in_vain(make_ring, name):
    ring = make_ring(settings=SETTINGS).up()
    with answering(lambda event, count: (503, {})) as handler:
        ada = waiting_bot(ring, name, handler)
        found = []
        url = ring.bot_url(name, ada.token)
        thread = threading.Thread(target=lambda: found.append(timed(ring, url, {})))
        thread.start()
        ring.wait(lambda: ring.metric("bot-0", "callers_waiting") == 1, 5)
        ring.kill("bot-0", 15)
        thread.join()
    answer, took = found[0]
    assert (answer.status_code, answer.text) == (200, "{}") and took < 7
