"""What a handler answers is posted, once, as a message of its bot or app."""

import json
import pathlib
import random
import subprocess
import threading
import time

import pytest

import delivery_campaign
from answering import Answering, deliveries, replies, settled
from harness import postern

COMPAT = pathlib.Path(__file__).parents[1] / "compat"
SETTINGS = {"delivery.allow": "127.0.0.0/8", "delivery.time_scale": 100}


@pytest.fixture(scope="module")
def calling():
    with postern.Ring(settings=SETTINGS) as made:
        yield made.up()


def test_a_message_is_posted_to_the_feed_of_the_bot(calling, name):
    message = {"text": "built", "card": {"title": "main"}, "userids": "", "extra": [1]}
    answers = {"0": message, "1": {"challenge_key": "abc"}, "2": {"text": "x" * 5001}, "3": [],
               "4": b"thanks"}
    ada = calling.user(name)
    bot = calling.bot(name, ada)
    with Answering(lambda event, count: (200, answers[event["body"]])) as handler:
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


def test_a_reply_is_for_those_whom_it_names_by_their_ids(calling, name):
    ada, cy, dan = (calling.user(f"{name}-{who}") for who in ("ada", "cy", "dan"))
    calling.bot(name, ada, [ada, cy, dan])

    def answer(event, count):
        return 200, {"text": "to you", "userids": [event["user"]["id"], dan.email]}
    with Answering(answer) as handler:
        calling.ctl("bot", "handler", "set", name, handler.url)
        assert calling.post(calling.bot_url(name, cy.token), '{"x": 1}').status_code == 200
        calling.wait(lambda: replies(calling, "bots", name, cy.token), 20)
        settled(calling, "bots", name, ada.token)
    assert [len(replies(calling, "bots", name, user.token)) for user in (ada, cy, dan)] == [1, 1, 0]


def test_a_reply_edits_the_message_that_has_its_key(calling, name):
    """One message of the bot, whose owner's own key of the same text is another; for whom it was, it stays."""
    ada, cy = (calling.user(f"{name}-{who}") for who in ("ada", "cy"))
    bot = calling.bot(name, ada, [ada, cy])
    answers = {"1": {"text": "running", "message_key": "build", "userids": [cy.id]},
               "2": {"text": "passed", "message_key": "build"}, "3": {"text": "else", "message_key": "other"}}
    own = calling.url(f"/api/v2/bots/{name}/message", ada.token, message_key="build")
    assert calling.post(own, '{"text": "own"}').status_code == 204
    with Answering(lambda event, count: (200, answers[event["body"]])) as handler:
        calling.ctl("bot", "handler", "set", name, handler.url)
        for body in answers:
            assert calling.post(calling.bot_url(name, ada.token), body).status_code == 200
            calling.wait(lambda: len(handler.events) == int(body), 20)
            settled(calling, "bots", name, ada.token)
    first, other = replies(calling, "bots", name, cy.token)
    assert (first["message"]["text"], first["revision"]) == ("passed", 1)
    assert first["sender"]["id"] == bot["id"] and first["userids"] == [cy.id, ada.id]
    assert "revision" not in other
    assert [m["message"]["text"] for m in calling.messages("bots", name, ada.token)
            if m["sender"]["id"] == ada.id and "event" not in m] == ["own"]


def test_a_reply_goes_into_the_thread_that_it_names(calling, name):
    """Where there is no such message, it is of no thread."""
    ada = calling.user(name)
    calling.bot(name, ada)
    said = calling.post(calling.url(f"/api/v2/bots/{name}/message", ada.token, sync_message="true"), {"text": "deploy?"}).json()
    other = said["message_id"].split("_")[0] + "_999999"
    answers = {"1": {"text": "aside", "thread_message_id": said["message_id"]},
               "2": {"text": "beside", "thread_message_id": said["message_id"], "post_in_parent": True},
               "3": {"text": "alone", "thread_message_id": other}}
    with Answering(lambda event, count: (200, answers[event["body"]])) as handler:
        calling.ctl("bot", "handler", "set", name, handler.url)
        for body in answers:
            assert calling.post(calling.bot_url(name, ada.token), body).status_code == 200
        calling.wait(lambda: len(replies(calling, "bots", name, ada.token)) == 3, 20)
    rows = {row["message"]["text"]: row for row in calling.messages("bots", name, ada.token) if row["message"]}
    assert {text: row.get("thread") for text, row in rows.items()} == {"deploy?": None, "aside": 1, "beside": 1, "alone": None}
    texts = lambda **query: {row["message"]["text"] for row in calling.messages("bots", name, ada.token, **query) if row["message"]}
    assert texts(thread=said["message_id"]) == {"deploy?", "aside", "beside"}
    assert texts(threads="none") == {"deploy?", "beside", "alone"}


def test_a_message_is_posted_to_the_feed_of_the_app(calling, name):
    ada = calling.user(name)
    app = calling.extension(name, ada)["sandbox"]
    with Answering(lambda event, count: (200, {"text": event["environment"]})) as handler:
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
    with Answering(lambda event, count: (200, {"text": f"answer {count}"})) as handler:
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
    with Answering(lambda event, count: (500 if count == 1 else 201, {"text": f"{count}"})) as handler:
        calling.ctl("bot", "handler", "set", name, handler.url)
        calling.post(calling.bot_url(name, ada.token), "{}")
        calling.wait(lambda: len(handler.events) == 2, 20)
        settled(calling, "bots", name, ada.token)
    assert [m["message"] for m in replies(calling, "bots", name, ada.token)] == [{"text": "2"}]


class Long(Answering):
    """Its answers' bodies and heads are as long as the event says."""

    def called(self, path, headers, body):
        status, more, text = super().called(path, headers, body)
        long = self.events[-1]["parameters"]
        heads = {f"X-Long-{i}": "x" * int(long["line"]) for i in range(int(long["lines"]))}
        return status, {**more, **heads}, text + b" " * int(long["body"])


@pytest.mark.parametrize("body, line, lines", [(70000, 0, 0), (0, 1000, 90), (0, 200000, 1)],
                         ids=["body", "head", "line"])
def test_an_answer_past_the_limits_delivers(calling, name, body, line, lines):
    ada = calling.user(name)
    calling.bot(name, ada)
    pid = calling.pid("bot-0")
    with Long(lambda event, count: (200, {"is": "cut"})) as handler:
        calling.ctl("bot", "handler", "set", name, handler.url)
        calling.post(calling.bot_url(name, ada.token, body=body, line=line, lines=lines), "{}")
        calling.wait(lambda: deliveries(calling, "bots", name, ada.token, state="delivered"), 20)
    one, = deliveries(calling, "bots", name, ada.token)
    attempt, = one["attempts"]
    assert (attempt["status"], attempt["outcome"]) == (200, "answered")
    assert (attempt["answer"].strip() == '{"is": "cut"}') == (lines == 0)
    assert calling.pid("bot-0") == pid


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

    with Answering(answer) as handler:
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

    with Answering(answer) as handler:
        ada = waiting_bot(calling, name, handler, 2)
        url = calling.bot_url(name, ada.token)
        resends = calling.metric("gateway-0", "resends_total")
        answer, took = timed(calling, url, {"n": 1}, headers={"Idempotency-Key": "k"})
        assert (answer.status_code, answer.text) == (200, "{}")
        assert took > 1.9
        postern.in_time(took, 2 + postern.SLOW)
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

    with Answering(answer) as handler:
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
    with Answering(lambda event, count: (200, what)) as handler:
        ada = waiting_bot(calling, name, handler)
        answer = calling.post(calling.bot_url(name, ada.token), {}, headers={"Idempotency-Key": "k"})
        assert (answer.status_code, answer.content) == (200, what if what[:1] == b"[" else b"{}")


class Plain(Answering):
    """Answers with the media type and the bytes that the event names."""

    texts = {"plain": ("text/plain", b"c-1"), "charset": ("Text/Plain ; charset=utf-8", "\u00e9\r\n\t\"\\/x".encode()),
             "most": ("text/plain", b"x" * 4096), "markup": ("text/plain", b"<script>alert(1)</script>"),
             "json": ("text/plain", b'{"a": 1}'), "controls": ("text/plain", bytes(range(1, 0x20)) + b"\x7f"),
             "past": ("text/plain", b"x" * 4097), "html": ("text/html", b"<b>c</b>"), "none": ("", b"c-1"),
             "nul": ("text/plain", b"a\0b"), "bytes": ("text/plain", b"\xff"), "empty": ("text/plain", b""),
             "longer": ("text/plainer", b"c-1")}

    def called(self, path, headers, body):
        super().called(path, headers, body)
        kind, text = self.texts[json.loads(body)["body"]]
        return 200, {"Content-Type": kind} if kind else {}, text


@pytest.mark.parametrize("what", Plain.texts)
def test_plain_text_is_handed_on_as_plain_text(calling, name, what):
    """As a challenge is; and the key gives it again, from memory and from the journal."""
    echoed = ("plain", "charset", "most", "markup", "controls")
    wanted = (200, "text/plain; charset=utf-8", Plain.texts[what][1]) if what in echoed else \
        (200, "application/json", b'{"a": 1}' if what == "json" else b"{}")
    with Plain(lambda event, count: (200, {})) as handler:
        ada = waiting_bot(calling, name, handler)
        for restart in (False, False, True)[:3 if what == "charset" else 2]:
            if restart:
                settled(calling, "bots", name, ada.token)
                calling.wait(lambda: deliveries(calling, "bots", name, ada.token, state="delivered"), 20)
                calling.kill("bot-0", 15)
                calling.wait_ready("bot-0")
            answer = calling.post(calling.bot_url(name, ada.token), what, headers={"Idempotency-Key": "k"})
            assert (answer.status_code, answer.headers["Content-Type"], answer.content) == wanted
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert len(handler.events) == 1
    one, = deliveries(calling, "bots", name, ada.token)
    assert one["attempts"][0]["outcome"] == "answered"


def test_a_failing_handler_and_one_without_wait_answer_nothing(calling, name):
    with Answering(lambda event, count: (410, {"a": 1})) as handler:
        ada = waiting_bot(calling, name, handler)
        answer, took = timed(calling, calling.bot_url(name, ada.token), {})
        assert (answer.status_code, answer.text) == (200, "{}")
        postern.in_time(took, 7, "(it is dead at once)")
    with Answering(lambda event, count: (200, {"a": 1})) as handler:
        calling.ctl("bot", "handler", "set", name, handler.url, "--wait", 0)
        assert calling.post(calling.bot_url(name, ada.token), {}).text == "{}"


def test_a_restart_of_the_worker_ends_the_wait(make_ring, name):
    ring = make_ring(settings=SETTINGS).up()
    go, found = threading.Event(), []

    def answer(event, count):
        go.wait(60)
        return 200, {"text": "done"}

    with Answering(answer) as handler:
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
    with Answering(lambda event, count: (503, {})) as handler:
        ada = waiting_bot(ring, name, handler)
        found = []
        url = ring.bot_url(name, ada.token)
        thread = threading.Thread(target=lambda: found.append(timed(ring, url, {})))
        thread.start()
        ring.wait(lambda: ring.metric("bot-0", "callers_waiting") == 1, 5)
        ring.kill("bot-0", 15)
        thread.join()
    answer, took = found[0]
    assert (answer.status_code, answer.text) == (200, "{}")
    postern.in_time(took, 7)


def test_a_push_of_github_reaches_node_and_its_answer_comes_back(calling, name):
    """What verifies is the npm package standardwebhooks, in a handler as its author writes it."""
    examples = COMPAT / "node_modules/@octokit/webhooks-examples/api.github.com/index.json"
    if not examples.exists() or not (COMPAT / "node_modules/standardwebhooks").exists():
        pytest.skip("needs tests/compat/node_modules (./dev test installs it)")
    push = next(event["examples"][0] for event in json.loads(examples.read_text())
                if event["name"] == "push")
    ada = calling.user(name)
    calling.bot(name, ada)
    secret = calling.ctl("bot", "handler", "set", name, "http://127.0.0.1:9/")["secret"]
    node = subprocess.Popen(["node", "answering_handler.mjs", secret], cwd=COMPAT,
                            stdout=subprocess.PIPE, text=True)
    try:
        url = f"http://127.0.0.1:{int(node.stdout.readline())}/"
        calling.ctl("bot", "handler", "set", name, url, "--wait", 8)
        answer = calling.post(calling.bot_url(name, ada.token), push, headers={
            "X-GitHub-Event": "push", "User-Agent": "GitHub-Hookshot/044aadd"})
    finally:
        node.kill()
        node.wait()
    expected = {"text": "Codertocat pushed 0 commit(s) to Codertocat/Hello-World",
                "bot": {"name": "push"}}
    assert (answer.status_code, answer.json()) == (200, expected)
    settled(calling, "bots", name, ada.token)
    assert [m["message"] for m in replies(calling, "bots", name, ada.token)] == [expected]


def test_each_reply_is_posted_once_though_the_worker_dies(make_ring, name):
    """delivery_campaign.py in short."""
    ring = make_ring(settings=delivery_campaign.SETTINGS).up()
    wrong, line = delivery_campaign.campaign(ring, 200, 5, random.randrange(1 << 31), name)
    print(line)
    assert not wrong, "\n".join([line, *wrong[:10]])
