"""Idempotency-Key on the admin listener: a caller's repeat changes nothing twice and gets the same answer."""

import json
import random
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import msgpack
import pytest
import requests

from harness import postern, rogue
from harness.connection import Connection, post

GOOD, BETTER = "seven blue herons dancing", "nine copper kettles whistle"


@pytest.fixture
def boss(ring, name):
    """(an owner's id, its management token)"""
    made = ring.ctl("user", "create", f"boss_{name}@example.org", "--role", "owner")
    return made["id"], ring.management_token(made["email"])


def key(text=None):
    return {"Idempotency-Key": text or str(uuid.uuid4())}


def refused(answer, status, code):
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]


def is_replayed(answer):
    return answer.headers.get("Idempotency-Replayed") == "true"


def audited(ring, op, object_id):
    return [row for row in ring.ctl("audit", "list", "--limit", "1000")["rows"]
            if row["op"] == op and row["object"].startswith(object_id)]


def test_a_repeat_gets_the_same_answer_and_changes_nothing(ring, boss, name):
    who, token = boss
    path, args, same = f"/users/{who}/management-tokens", {"name": name}, key()
    first = ring.admin("POST", path, token, args, headers=same)
    assert first.status_code == 200 and not is_replayed(first), first.text
    again = [ring.admin("POST", path, token, args, headers=same) for _ in range(2)]
    for answer in again:
        assert (answer.status_code, answer.content) == (200, first.content)
        assert is_replayed(answer)
    ids = {answer.headers["X-Request-Id"] for answer in (first, *again)}
    assert len(ids) == 3
    row, = audited(ring, "management_token_create", first.json()["id"])
    assert row["request"] == first.headers["X-Request-Id"] and same["Idempotency-Key"] not in str(row)
    rows = ring.admin("GET", path, token).json()["tokens"]
    assert len([row for row in rows if row["name"] == name]) == 1
    # without a key, or with another, it is another change
    for headers in ({}, key()):
        other = ring.admin("POST", path, token, args, headers=headers)
        assert other.status_code == 200 and other.json()["id"] != first.json()["id"]
        assert not is_replayed(other)


def test_an_etag_and_a_deletion_are_repeated_too(ring, boss, name):
    who, token = boss
    ring.admin("POST", "/channels", token, {"name": name[:60], "owner": who})
    path, edit, gone = f"/channels/{name[:60]}", key(), key()
    answers = [ring.admin("PUT", path, token, {"owner": who}, headers=edit) for _ in range(2)]
    assert answers[0].headers["ETag"] == answers[1].headers["ETag"]
    assert [is_replayed(answer) for answer in answers] == [False, True]
    answers = [ring.admin("DELETE", path, token, headers=gone) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].content == answers[1].content and is_replayed(answers[1])
    later = ring.admin("DELETE", path, token, headers=key())
    assert later.status_code == 204 and not is_replayed(later)


def test_a_key_is_for_one_operation_target_and_body(ring, boss, name):
    who, token = boss
    same, email = key(), f"one_{name}@example.org"
    made = ring.admin("POST", "/users", token, {"email": email}, headers=same)
    assert made.status_code == 200, made.text
    bob = ring.user(f"bob_{name}", token=False)
    last = ring.ctl("audit", "list", "--limit", "1")["rows"][0]["number"]
    for method, path, args in (("POST", "/users", {"email": f"two_{name}@example.org"}),
                               ("POST", "/users", {"email": email, "role": "member"}),
                               ("POST", "/service-accounts", {"account": "x" + name[:40]}),
                               ("PUT", f"/users/{bob.id}", {"name": "Bob"}),
                               ("DELETE", f"/users/{bob.id}", None)):
        refused(ring.admin(method, path, token, args, headers=same), 422, "key_reused")
    assert ring.ctl("audit", "list", "--limit", "1")["rows"][0]["number"] == last
    # of the same operation another target, and another condition
    same = key()
    assert ring.admin("PUT", f"/users/{bob.id}", token, {"name": "B"}, headers=same).status_code == 200
    refused(ring.admin("PUT", f"/users/{who}", token, {"name": "B"}, headers=same), 422, "key_reused")
    refused(ring.admin("PUT", f"/users/{bob.id}", token, {"name": "B"},
                       headers={**same, "If-Match": '"' + "0" * 32 + '"'}), 422, "key_reused")


def test_a_key_belongs_to_its_user_whatever_the_credential(ring, boss, name):
    who, token = boss
    other = ring.ctl("user", "create", f"other_{name}@example.org", "--role", "owner")
    ring.ctl("user", "password", who, input=GOOD + "\n")
    session = ring.admin("POST", "/login", body={"email": f"boss_{name}@example.org",
                                                 "password": GOOD}).json()["session"]
    path, same = f"/users/{other['id']}/tokens", key()
    first = ring.admin("POST", path, token, {}, headers=same)
    by_session = ring.admin("POST", path, session, {}, headers=same)
    assert is_replayed(by_session) and by_session.json() == first.json()
    foreign = ring.admin("POST", path, ring.management_token(other["email"]), {}, headers=same)
    assert foreign.status_code == 200 and not is_replayed(foreign)
    assert foreign.json()["id"] != first.json()["id"]
    ring.ctl("session", "end", who)
    refused(ring.admin("POST", path, session, {}, headers=same), 401, "invalid_session")


def test_what_was_refused_is_tried_anew(ring, boss, name):
    _, token = boss
    same, email = key(), f"late_{name}@example.org"
    refused(ring.admin("POST", "/users", token, {"email": "no"}, headers=same), 400, "invalid_param")
    ring.ctl("user", "create", email)
    refused(ring.admin("POST", "/users", token, {"email": email}, headers=same), 409, "conflict")
    ring.ctl("user", "delete", email, "--yes")
    made = ring.admin("POST", "/users", token, {"email": email}, headers=same)
    assert made.status_code == 200 and not is_replayed(made), made.text


def test_its_shape_is_that_of_the_public_listener(ring, boss, name):
    who, token = boss
    for bad in ("", "x" * 256, "caf\u00e9".encode("latin-1"), "a\tb"):
        refused(ring.admin("GET", "/me", token, headers={"Idempotency-Key": bad}), 400, "invalid_param")
        refused(ring.admin("POST", f"/users/{who}/tokens", token, {}, headers={"Idempotency-Key": bad}),
                400, "invalid_param")
    with Connection(ring.admin_port) as connection:
        connection.send(post("/api/v2/me", method="GET", headers=[
            f"Authorization: Bearer {token}", "Idempotency-Key: a", "Idempotency-Key: b"]))
        assert connection.answer().status == 400
    longest = key("x" * 255)
    answers = [ring.admin("POST", f"/users/{who}/tokens", token, {}, headers=longest) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    # it means nothing where nothing is changed
    shown = [ring.admin("GET", path, token, headers=longest) for path in ("/me", f"/users/{who}")]
    assert [answer.status_code for answer in shown] == [200, 200]
    assert not any(is_replayed(answer) for answer in shown)


def test_it_means_nothing_to_operations_for_everybody(ring, name):
    ada = ring.user(name, token=False)
    ring.ctl("user", "password", ada.email, input=GOOD + "\n")
    body = {"email": ada.email, "password": GOOD}
    same = key()
    answers = [ring.admin("POST", "/login", body=body, headers=same) for _ in range(2)]
    assert answers[0].json()["session"] != answers[1].json()["session"]
    assert not any(is_replayed(answer) for answer in answers)
    assert ring.admin("POST", "/login", body=body, headers=key("x" * 256)).status_code == 200


# --- at once

def at_once(calls):
    """Their answers, in order; all are sent at about the same time."""
    gate = threading.Barrier(len(calls))

    def one(call):
        gate.wait()
        return call()
    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))


def test_two_at_once_make_one_change(ring, boss, name):
    who, token = boss
    for _ in range(4):
        same = key()
        answers = at_once([lambda: ring.admin("POST", f"/users/{who}/management-tokens", token, {},
                                              headers=same)] * 2)
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].content == answers[1].content
        assert sorted(map(is_replayed, answers)) == [False, True]
        assert len(audited(ring, "management_token_create", answers[0].json()["id"])) == 1


def test_who_comes_while_a_password_is_hashed_waits_for_its_answer(ring, boss, name):
    _, token = boss
    ada = ring.user(name, token=False)
    path, same = f"/users/{ada.id}/password", key()
    words = [GOOD, BETTER] * 3
    answers = at_once([lambda word=word: ring.admin("POST", path, token, {"password": word}, headers=same)
                       for word in words])
    done = {word for word, answer in zip(words, answers) if answer.status_code == 200}
    assert len(done) == 1, [answer.text for answer in answers]
    for word, answer in zip(words, answers):
        assert answer.status_code == (200 if word in done else 422), answer.text
    good = [answer for answer in answers if answer.status_code == 200]
    assert len({answer.content for answer in good}) == 1
    assert sorted(map(is_replayed, good)) == [False, True, True]
    assert len({answer.headers["X-Request-Id"] for answer in answers}) == len(answers)
    assert len(audited(ring, "user_password", ada.id)) == 1
    entered = {word: ring.admin("POST", "/login", body={"email": ada.email, "password": word}).status_code
               for word in (GOOD, BETTER)}
    assert [word for word, status in entered.items() if status == 200] == list(done)


def test_who_waits_for_one_that_is_refused_is_refused_as_well(ring, name):
    ada = ring.user(name, token=False)
    token = ring.management_token(ada.email)
    ring.ctl("user", "password", ada.email, input=GOOD + "\n")
    path, same = f"/users/{ada.id}/password", key()
    wrong = {"password": BETTER, "old_password": "wrong"}
    for answer in at_once([lambda: ring.admin("POST", path, token, wrong, headers=same)] * 2):
        assert answer.status_code in (401, 429) and not is_replayed(answer), answer.text
    right = ring.admin("POST", path, token, {"password": BETTER, "old_password": GOOD}, headers=same)
    assert right.status_code == 200 and not is_replayed(right), right.text


# --- when authd dies

def test_after_authd_died_a_repeat_changes_nothing(make_ring):
    ring = make_ring().up()
    ring.ctl("user", "create", "boss@example.org", "--role", "owner")
    token = ring.management_token("boss@example.org")
    path, made, never = "/users/boss@example.org/management-tokens", key(), key()
    first = ring.admin("POST", path, token, {"name": "once"}, headers=made)
    assert first.status_code == 200
    refused(ring.admin("POST", path, token, {"name": 7}, headers=never), 400, "invalid_param")
    ring.kill("authd-0")
    ring.wait_ready("authd-0", "gateway-0")
    again = ring.admin("POST", path, token, {"name": "once"}, headers=made)
    refused(again, 409, "conflict")
    assert "its answer is lost" in again.json()["message"]
    refused(ring.admin("POST", "/users", token, {"email": "x@example.org"}, headers=made),
            422, "key_reused")
    assert ring.admin("POST", path, token, {"name": "now"}, headers=never).status_code == 200
    rows = ring.ctl("management", "token", "list", "boss@example.org")["tokens"]
    assert sorted(row["name"] for row in rows if row["name"]) == ["now", "once"]


@pytest.mark.slow
def test_killed_at_any_moment_each_key_makes_one_change(make_ring):
    """Callers repeat with their key until they know; authd dies again and again meanwhile."""
    ring = make_ring().up()
    for i in range(4):
        ring.ctl("user", "create", f"u{i}@example.org", "--role", "owner")
    tokens = [ring.management_token(f"u{i}@example.org") for i in range(4)]
    ended, choice = threading.Event(), random.Random(7)

    def killer():
        for _ in range(4):
            time.sleep(choice.uniform(0.2, 0.6) * postern.SLOW)
            ring.kill("authd-0")
            ring.wait_ready("authd-0")
        ended.set()

    def caller(i):
        answers = []
        while not ended.is_set() or not answers:
            name, headers = f"key_{i}_{len(answers)}", key()
            for _ in range(20):
                try:
                    answer = ring.admin("POST", "/channels", tokens[i],
                                        {"name": name, "owner": f"u{i}@example.org"}, headers=headers)
                except requests.RequestException:
                    continue
                if answer.status_code in (200, 409):
                    break
                assert answer.status_code == 503, answer.text
            assert answer.status_code == 200 or "its answer is lost" in answer.text, answer.text
            # the caller asks once more, and is told the same
            again = ring.admin("POST", "/channels", tokens[i],
                               {"name": name, "owner": f"u{i}@example.org"}, headers=headers)
            assert again.status_code == 409 or again.content == answer.content, again.text
            assert again.status_code == 200 or "its answer is lost" in again.text, again.text
            answers.append(name)
        return answers

    with ThreadPoolExecutor(5) as pool:
        killing = pool.submit(killer)
        names = [name for one in pool.map(caller, range(4)) for name in one]
        killing.result()
    rows = map(json.loads, ring.ctl_run("audit", "export").stdout.splitlines())
    found = sorted(row["object"].split()[-1] for row in rows if row["op"] == "channel_create")
    assert found == sorted(names)


# --- what a gateway sends again

def test_a_resend_of_the_gateway_is_no_repeat_of_the_caller(make_ring):
    ring = make_ring().up()
    ring.ctl("user", "create", "raw@example.org", "--role", "owner")
    token = ring.management_token("raw@example.org")

    def entry(attempt=1, request=None):
        made = rogue.request(op=190, target="raw@example.org", token=token, body=True)
        made[0] = request or made[0]
        made[2], made[5] = attempt, 4
        made[8] = b"".join(map(msgpack.packb, ("content-type", "application/json", "idempotency-key", "k")))
        return made

    def ask(peer, made):
        peer.send(peer.requests(list(made)), b"{}")
        _, fields, bodies = peer.receive(rogue.REPLIES)
        reply = fields[5][0]
        assert reply[0] == made[0]
        return reply[3], bodies[0], reply[7]

    with rogue.Rogue(ring, "authd-admin") as peer:
        peer.greet(rogue.GATEWAY)
        first = entry()
        status, body, facts = ask(peer, first)
        assert status == 200 and b"psm_" in body and facts[::2] == [7, 8]  # an etag
        assert ask(peer, entry(2, first[0])) == (status, body, facts)
        assert ask(peer, entry()) == (status, body, [*facts, 1, 1])
    ring.kill("authd-0")
    ring.wait_ready("authd-0")
    with rogue.Rogue(ring, "authd-admin") as peer:
        peer.greet(rogue.GATEWAY)
        for made in (entry(3, first[0]), entry()):
            status, body, _ = ask(peer, made)
            assert status == 409 and b"its answer is lost" in body
