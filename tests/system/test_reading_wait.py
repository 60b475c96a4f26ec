"""GET …/messages?wait=: a page that is held until something is stored."""

import threading
import time

import pytest

from answering import Answering
from harness import postern

WAIT = "30"
SETTINGS = {"delivery.allow": "127.0.0.0/8", "delivery.time_scale": 100}


@pytest.fixture(scope="module")
def calling():
    with postern.Ring(settings=SETTINGS) as made:
        yield made.up()


class Held:
    """A request that waits, in a thread of its own."""

    def __init__(self, ring, path, token, **query):
        self.answer, self.after = None, None
        self.began = time.monotonic()
        self.thread = threading.Thread(target=self._ask, args=(ring, ring.url(path, token, **query)))
        self.thread.start()

    def _ask(self, ring, url):
        self.answer = ring.get(url, timeout=60)
        self.after = time.monotonic() - self.began

    def join(self):
        self.thread.join(60)
        assert self.answer is not None and self.answer.status_code == 200, self.answer and self.answer.text
        return [row["message"] and row["message"].get("text") for row in self.answer.json()["messages"]]


def place(ring, name):
    ada = ring.user(name)
    ring.channel(name, ada)
    return ada, f"/api/v2/channelsbyname/{name}/messages"


def wait_until_held(ring, process, held):
    """In a ring of the file's own: what other tests have held, and the streams that they follow, are counted, too."""
    def is_held():
        assert held.thread.is_alive(), f"it is not held: {held.answer and (held.answer.status_code, held.answer.text)}"
        return ring.metric(process, "reads_held") == 1
    ring.wait(is_held, 20)


def test_a_held_page_is_answered_when_something_is_stored(calling, name):
    ring = calling
    ada, path = place(ring, name)
    ring.channel(name + "_other", ada)
    untimed = lambda: ring.metric("gateway-0", "http_requests_total") - ring.metric("gateway-0", "http_request_seconds_count")
    before = untimed()
    held = Held(ring, path, ada.token, wait=WAIT)
    wait_until_held(ring, "channel-0", held)
    for _ in range(5):
        assert ring.post(ring.channel_url(name + "_other", ada.token), '{"text":"not here"}').status_code == 204
    time.sleep(0.3)
    assert held.answer is None
    assert ring.post(ring.channel_url(name, ada.token), '{"text":"here"}').status_code == 204
    assert held.join() == ["here"]
    again = Held(ring, path, ada.token, wait=WAIT, **{"from": 2})
    assert ring.post(ring.channel_url(name, ada.token), '{"text":"next"}').status_code == 204
    assert again.join() == ["next"]
    ring.wait(lambda: untimed() - before in (1, 2))  # the second may have come behind its message


def test_what_lies_there_is_answered_at_once(ring, name):
    ada, path = place(ring, name)
    assert ring.post(ring.channel_url(name, ada.token), '{"text":"there"}').status_code == 204
    held = Held(ring, path, ada.token, wait=WAIT)
    assert held.join() == ["there"]
    postern.in_time(held.after, 5)


def test_a_held_page_ends_empty(ring, name):
    ada, path = place(ring, name)
    held = Held(ring, path, ada.token, wait=1)
    assert held.join() == [] and held.after > 0.9
    postern.in_time(held.after, 8)


def test_a_wait_that_cannot_be_is_refused(ring, name):
    ada, path = place(ring, name)
    for query in ("wait=0", "wait=31", "wait=x", "wait=", "wait=5&order=desc"):
        answer = ring.get(ring.url(f"{path}?{query}"), headers={"Authorization": f"Bearer {ada.token}"})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_param"), query


def test_a_held_page_outlives_its_worker(calling, name):
    ring = calling
    ada, path = place(ring, name)
    held = Held(ring, path, ada.token, wait=WAIT)
    wait_until_held(ring, "channel-0", held)
    # Its reply is behind the INTERIM for the page: until that has come, the router takes the page for what killed the worker.
    ring.texts(name, ada.token)
    ring.kill("channel-0")
    assert ring.post(ring.channel_url(name, ada.token), '{"text":"after"}').status_code == 204
    assert held.join() == ["after"]


def test_what_a_handler_answers_wakes_who_waits(calling, name):
    ada = calling.user(name)
    calling.bot(name, ada)
    path = f"/api/v2/bots/{name}/messages"
    with Answering(lambda event, count: (200, {"text": "replied"})) as handler:
        calling.ctl("bot", "handler", "set", name, handler.url)
        assert calling.post(calling.bot_url(name, ada.token), "{}").status_code == 200
        calling.wait(lambda: len(calling.messages("bots", name, ada.token)) == 2, 20)
        held = Held(calling, path, ada.token, wait=WAIT, **{"from": 4})
        wait_until_held(calling, "bot-0", held)
        assert calling.post(calling.bot_url(name, ada.token), "{}").status_code == 200
        assert held.join() == ["replied"]
        postern.in_time(held.after, 5)
