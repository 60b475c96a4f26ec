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
