"""Limits, idempotency and order: what is refused, for how long, and what a repeat gets."""

import concurrent.futures
import json
import threading
import time
import uuid

import pytest

from harness.connection import Connection, post

pytestmark = pytest.mark.tsan


@pytest.fixture
def ada(ring, name):
    return ring.user(name)


def path_of(channel, token, more=""):
    return f"/api/v2/channelsbyname/{channel}/message?zapikey={token}{more}"


def text(value):
    return json.dumps({"text": value}).encode()


# --- Tokens

def test_the_refusal_of_a_sixth_token_says_what_to_do(ring, ada):
    for _ in range(4):
        ring.token(ada)
    done = ring.ctl_run("token", "create", ada.email)
    assert done.returncode == 1 and done.stdout == ""
    assert "5 active tokens" in done.stderr and "Delete one" in done.stderr


def test_a_deleted_token_frees_its_place(ring, ada):
    tokens = [ring.token(ada) for _ in range(4)]
    ring.ctl("token", "delete", tokens[0]["id"], "--yes")
    ring.token(ada)
    assert ring.ctl_run("token", "create", ada.email).returncode == 1


def test_twenty_creations_race_with_deletions(ring, name):
    """Whatever happens in which order, nobody ever has six."""
    bob = ring.user(name, token=False)
    done = threading.Event()
    counts = []

    def watch():
        while not done.is_set():
            counts.append(len(ring.ctl("token", "list", bob.email)["tokens"]))

    def create(number):
        made = ring.ctl_run("token", "create", bob.email, "--json")
        if made.returncode == 0 and number % 2:
            ring.ctl("token", "delete", json.loads(made.stdout)["id"], "--yes")
        return made.returncode
    watcher = threading.Thread(target=watch)
    watcher.start()
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        codes = list(pool.map(create, range(20)))
    done.set()
    watcher.join()
    assert max(counts) <= 5 and set(codes) <= {0, 1} and codes.count(0) >= 5
    assert len(ring.ctl("token", "list", bob.email)["tokens"]) <= 5


def test_the_next_request_of_a_deleted_token_is_401_on_its_connection(ring, ada, channel):
    token = ring.token(ada)
    with Connection(ring.port) as connection:
        assert connection.post(path_of(channel, token["token"]), text("a")).status == 204
        ring.ctl("token", "delete", token["id"], "--yes")
        answer = connection.post(path_of(channel, token["token"]), text("b"))
        assert (answer.status, answer.code) == (401, "invalid_token")
    assert ring.texts(channel, ada.token) == ["a"]


def test_a_deleted_users_tokens_are_401(ring, ada, channel, name):
    bob = ring.user(name + "_b")
    ring.ctl("channel", "member", "add", channel, bob.email)
    assert ring.post(ring.channel_url(channel, bob.token), {"text": "a"}).status_code == 204
    ring.ctl("user", "delete", bob.email, "--yes")
    assert ring.post(ring.channel_url(channel, bob.token), {"text": "b"}).status_code == 401


# --- Rates

def test_a_refusal_says_when_and_that_is_true(ring, ada, channel):
    token = ring.token(ada, rate=1, burst=2)["token"]
    with Connection(ring.port) as connection:
        answers = [connection.post(path_of(channel, token), text("x")) for _ in range(4)]
        refused = answers[-1]
        assert (refused.status, refused.code) == (429, "rate_limited")
        assert refused.headers["ratelimit-limit"] == "1"  # a second
        assert refused.headers["ratelimit-remaining"] == "0"
        assert int(refused.headers["ratelimit-reset"]) >= 1
        wait = int(refused.headers["retry-after"])
        assert 1 <= wait <= 2
        time.sleep(wait)
        assert connection.post(path_of(channel, token), text("later")).status == 204
    posted = [a.status for a in answers].count(204)
    assert len(ring.texts(channel, ada.token)) == posted + 1


def test_a_limit_belongs_to_one_token(ring, ada, channel):
    small, other = ring.token(ada, rate=1, burst=1)["token"], ring.token(ada, rate=1, burst=1)["token"]
    with Connection(ring.port) as connection:
        statuses = [connection.post(path_of(channel, small), text("x")).status for _ in range(3)]
        assert statuses[0] == 204 and 429 in statuses[1:]
        assert connection.post(path_of(channel, other), text("x")).status == 204


def test_refused_tokens_cost_no_limit(ring, ada, channel):
    """Only who is authenticated is counted: nobody can use up another's limit."""
    token = ring.token(ada, rate=1, burst=2)["token"]
    wrong = token[:-1] + ("A" if token[-1] != "A" else "B")
    with Connection(ring.port) as connection:
        for _ in range(20):
            assert connection.post(path_of(channel, wrong), text("x")).status == 401
        assert [connection.post(path_of(channel, token), text("x")).status
                for _ in range(2)] == [204, 204]


def test_a_changed_limit_holds_at_once(ring, ada, channel):
    token = ring.token(ada, rate=1, burst=1)
    with Connection(ring.port) as connection:
        connection.post(path_of(channel, token["token"]), text("x"))
        assert connection.post(path_of(channel, token["token"]), text("x")).status == 429
        ring.ctl("token", "limit", token["id"], 0, 1)
        statuses = {connection.post(path_of(channel, token["token"]), text("x")).status
                    for _ in range(20)}
        assert statuses == {204}


def test_the_default_limit_carries_a_burst(make_ring):
    own = make_ring(settings={"authd.rate": 1, "authd.burst": 10}).up()
    eve = own.user("eve")
    token = own.token(eve, rate=None)["token"]
    own.channel("burst", eve)
    with Connection(own.port) as connection:
        statuses = [connection.post(path_of("burst", token), text("x")).status for _ in range(30)]
    assert statuses[:10] == [204] * 10 and statuses.count(429) >= 5


# --- Overload

def test_a_stopped_ring_refuses_past_its_queues_and_goes_on(make_ring):
    """503 at once beyond the bound; what was held is stored when the worker comes back."""
    small = make_ring(settings={"queue.messages": 16, "gateway.inflight": 64,
                                "gateway.deadline_ms": 20000}).up()
    eve = small.user("eve")
    small.channel("full", eve)
    small.pause("channel-0")
    held = [Connection(small.port) for _ in range(120)]
    try:
        for number, connection in enumerate(held):
            connection.send(post(path_of("full", eve.token), text(str(number))))
        time.sleep(1)
        small.resume("channel-0")
        answers = [connection.answer() for connection in held]
    finally:
        for connection in held:
            connection.close()
    stored = small.texts("full", eve.token)
    refused = [a for a in answers if a.status != 204]
    assert refused and {a.code for a in refused} <= {"overloaded", "not_confirmed"}
    assert "overloaded" in {a.code for a in refused}
    assert all(int(a.headers["retry-after"]) >= 1 for a in refused)
    acknowledged = {str(n) for n, a in enumerate(answers) if a.status == 204}
    assert acknowledged <= set(stored) and len(stored) == len(set(stored))
    assert small.post(small.channel_url("full", eve.token), {"text": "after"}).status_code == 204


# --- Idempotency

def test_a_repeat_gets_the_first_answer(ring, ada, channel):
    key = [f"Idempotency-Key: {uuid.uuid4()}"]
    path = path_of(channel, ada.token, "&sync_message=true")
    with Connection(ring.port) as connection:
        first = connection.post(path, text("once"), key)
        repeats = [connection.post(path, text("once"), key) for _ in range(5)]
    assert first.status == 200 and "idempotency-replayed" not in first.headers
    for repeat in repeats:
        assert repeat.status == 200 and repeat.json() == first.json()
        assert repeat.headers["idempotency-replayed"] == "true"
        assert repeat.headers["x-request-id"] != first.headers["x-request-id"]
    assert ring.texts(channel, ada.token) == ["once"]


@pytest.mark.parametrize("change", ["body", "parameters", "whitespace"])
def test_the_same_key_with_another_request_is_422(ring, ada, channel, change):
    key = [f"Idempotency-Key: {uuid.uuid4()}"]
    path = path_of(channel, ada.token)
    with Connection(ring.port) as connection:
        assert connection.post(path, text("once"), key).status == 204
        answer = connection.post(path + ("&sync_message=true" if change == "parameters" else ""),
                                 {"body": text("twice"), "parameters": text("once"),
                                  "whitespace": text("once") + b" "}[change], key)
    assert (answer.status, answer.code) == (422, "key_reused")
    assert ring.texts(channel, ada.token) == ["once"]


def test_two_different_keys_in_one_request_are_400(ring, ada, channel):
    with Connection(ring.port) as connection:
        answer = connection.post(path_of(channel, ada.token), text("x"),
                                 ["Idempotency-Key: a", "Idempotency-Key: b"])
    assert (answer.status, answer.code) == (400, "invalid_param")


def test_a_refused_message_does_not_use_up_its_key(ring, ada, channel):
    """Only outcomes that were committed are remembered."""
    key = [f"Idempotency-Key: {uuid.uuid4()}"]
    with Connection(ring.port) as connection:
        assert connection.post(path_of(channel, ada.token), b'{"text":""}', key).status == 400
        answer = connection.post(path_of(channel, ada.token), text("fixed"), key)
    assert answer.status == 204 and "idempotency-replayed" not in answer.headers


def test_twenty_at_once_with_one_key_store_one(ring, ada, channel):
    key = [f"Idempotency-Key: {uuid.uuid4()}"]
    path = path_of(channel, ada.token, "&sync_message=true")
    connections = [Connection(ring.port) for _ in range(20)]
    barrier = threading.Barrier(20)

    def call(connection):
        barrier.wait()
        with connection:
            return connection.post(path, text("once"), key)
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(call, connections))
    assert [a.status for a in answers] == [200] * 20
    assert len({a.json()["message_id"] for a in answers}) == 1
    assert sum("idempotency-replayed" not in a.headers for a in answers) == 1
    assert ring.texts(channel, ada.token) == ["once"]


def test_a_bots_repeat_keeps_one_event(ring, ada, name):
    ring.bot(name, ada)
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first, again = (ring.post(ring.bot_url(name, ada.token), b"raw", headers=key) for _ in range(2))
    assert (first.status_code, first.text) == (again.status_code, again.text) == (200, "{}")
    assert again.headers["Idempotency-Replayed"] == "true"
    assert len(ring.messages("bots", name, ada.token)) == 1


def test_a_key_survives_the_workers_death(make_ring):
    own = make_ring().up()
    eve = own.user("eve")
    own.channel("keys", eve)
    url = own.channel_url("keys", eve.token, sync_message="true")
    keys = [{"Idempotency-Key": str(uuid.uuid4())} for _ in range(20)]
    first = [own.post(url, {"text": str(n)}, headers=key).json() for n, key in enumerate(keys)]
    for _ in range(2):
        old = own.kill("channel-0")
        own.wait(lambda: own.pid("channel-0") not in (None, old), what="a new worker")
    again = [own.post(url, {"text": str(n)}, headers=key) for n, key in enumerate(keys)]
    assert [a.json() for a in again] == first
    assert all(a.headers["Idempotency-Replayed"] == "true" for a in again)
    assert len(own.texts("keys", eve.token)) == 20


# --- Order

def test_messages_of_one_connection_are_stored_in_their_order(ring, ada, channel):
    sent = [str(i) for i in range(200)]
    with Connection(ring.port) as connection:
        assert {connection.post(path_of(channel, ada.token), text(t)).status for t in sent} == {204}
    assert ring.texts(channel, ada.token) == sent


def test_pipelined_messages_are_stored_in_their_order(ring, ada, channel):
    sent = [str(i) for i in range(100)]
    with Connection(ring.port) as connection:
        connection.send(b"".join(post(path_of(channel, ada.token), text(t)) for t in sent))
        assert {connection.answer().status for _ in sent} == {204}
    assert ring.texts(channel, ada.token) == sent


def test_a_message_after_an_answer_is_stored_after_it_from_any_connection(ring, ada, channel):
    with Connection(ring.port) as first, Connection(ring.port) as second:
        for number in range(100):
            connection = (first, second)[number % 2]
            assert connection.post(path_of(channel, ada.token), text(str(number))).status == 204
    assert ring.texts(channel, ada.token) == [str(n) for n in range(100)]
