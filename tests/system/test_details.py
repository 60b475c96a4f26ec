"""What an error tells programs: its details, on both listeners and over the control socket."""

import json

from test_admin_cookie import Browser
from test_logins import person


def told(answer, status, code):
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    return answer.json()["details"]


def made(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_which_argument_and_what_it_takes(ask):
    assert told(ask("POST", "/users", {}), 400, "invalid_param") == {"field": "email", "reason": "missing"}
    assert told(ask("POST", "/users", {"email": "x"}), 400, "invalid_param") == \
        {"field": "email", "reason": "shape", "min": 3, "max": 128}
    assert told(ask("POST", "/users", {"email": "det@x.org", "nmae": "x"}), 400, "invalid_param") == \
        {"field": "nmae", "reason": "not_a_field"}
    assert told(ask("GET", "/users?limit=0"), 400, "invalid_param") == \
        {"field": "limit", "reason": "shape", "min": 1, "max": 1000}
    assert told(ask("POST", "/users", {"email": "nobody"}), 400, "invalid_param") == {"field": "email"}
    members = {"name": "det_none", "owner": "details-owner@example.org", "members": ["details-owner@example.org", "det-none@x.org"]}
    assert told(ask("POST", "/channels", members), 404, "unknown_user") == {"field": "members[1]"}
    assert told(ask("POST", "/channels", {**members, "members": [1]}), 400, "invalid_param") == \
        {"field": "members[0]", "reason": "shape"}
    odd = ask("POST", "/users", {"email": "det@x.org", "pst_" + "x" * 36: 1})  # no credential comes back
    assert told(odd, 400, "invalid_param") == {"reason": "not_a_field"} and "pst_" not in odd.text


def test_what_is_in_the_way(ring, ask):
    body = {"email": "det-ada@example.org"}
    ada = made(ask("POST", "/users", body))
    assert told(ask("POST", "/users", body), 409, "conflict") == {"field": "email", "reason": "taken"}
    channel = {"name": "det_one", "owner": ada["id"]}
    shown = made(ask("POST", "/channels", channel))
    assert told(ask("POST", "/channels", channel), 409, "conflict") == {"field": "name", "reason": "taken"}
    old = made(ask("POST", f"/users/{ada['id']}/tokens", {"name": "ci"}))
    new = made(ask("POST", f"/tokens/{old['id']}/replace", {}))
    assert told(ask("POST", f"/tokens/{old['id']}/replace", {}), 409, "conflict") == \
        {"reason": "replaced", "successor": new["id"]}
    for _ in range(4):
        made(ask("POST", f"/users/{ada['id']}/tokens", {}))
    assert told(ask("POST", f"/users/{ada['id']}/tokens", {}), 409, "token_limit") == {"limit": 5}
    url = ring.channel_url("det_one", new["token"])
    assert ring.post(url, {"text": "hello"}).status_code == 204
    ring.wait(lambda: made(ask("GET", f"/users/{ada['id']}/tokens"))["tokens"][1]["last_used"])
    used = told(ask("DELETE", f"/tokens/{new['id']}"), 409, "confirm_needed")
    assert (used["last_target"], used["last_address"], used["calls_24h"]) == ("det_one", "127.0.0.1", 1)
    assert used["last_used"].endswith("Z")
    assert told(ask("DELETE", f"/users/{ada['id']}"), 409, "confirm_needed")["live"] == 6
    edited = made(ask("PUT", f"/channels/{shown['id']}", {"name": "det_two"}))
    late = told(ask("PUT", f"/channels/{shown['id']}", {"name": "det_three", "if_match": shown["etag"]}), 412, "precondition_failed")
    assert late == {"etag": edited["etag"]}


def test_which_role_could(ring, ask):
    bob = person(ring, "det_bob")
    token = ring.management_token(bob)
    assert told(ask("GET", "/audit", token=token), 403, "not_allowed") == {"role": "admin"}
    there = told(ask("PUT", "/users/details-owner@example.org", {"name": "x"}, token=token), 403, "not_allowed")
    assert there == told(ask("PUT", "/users/nobody@example.org", {"name": "x"}, token=token), 403, "not_allowed") == {"role": "owner"}


def test_not_signed_in_has_one_code(ring, ask):
    page = Browser(ring)
    assert told(page.call("GET", "/me"), 401, "invalid_session") == {"reason": "no_credential"}
    assert told(page.call("POST", "/users", {"email": "x@y.org"}, Origin=None), 401, "invalid_session") == {"reason": "no_credential"}
    ada = person(ring, "det_cookie")
    page.enter(ada.email)
    bearer = {"Authorization": f"Bearer {page.session}"}
    assert page.call("GET", "/me").status_code == 200
    made(ask("DELETE", f"/users/{ada.id}/sessions"))
    assert told(page.call("GET", "/me"), 401, "invalid_session") == {"reason": "ended"}
    assert told(ring.admin("GET", "/me", headers=bearer), 401, "invalid_session") == {"reason": "ended"}
    page.enter(ada.email)
    made(ask("DELETE", f"/users/{ada.id}"))
    assert told(page.call("GET", "/me"), 401, "invalid_session") == {"reason": "ended"}


def test_another_tab_has_logged_in_as_another(ring):
    ada, bob = person(ring, "det_tab_a"), person(ring, "det_tab_b")
    page = Browser(ring)
    page.enter(ada.email)
    stale = page.csrf
    page.enter(bob.email)
    refused = page.call("PUT", f"/users/{ada.id}", {"name": "x"}, X_CSRF_Token=stale)
    assert told(refused, 403, "csrf_refused") == {"reason": "other_session", "user": bob.id}
    foreign = page.call("PUT", f"/users/{bob.id}", {"name": "x"}, Origin="https://evil.example")
    assert told(foreign, 403, "csrf_refused") == {"reason": "foreign_origin"}


def test_when_to_come_again(ring):
    ada = person(ring, "det_guess")
    answers = [ring.admin("POST", "/login", body={"email": ada.email, "password": "wrong"}) for _ in range(8)]
    late = [answer for answer in answers if answer.status_code == 429]
    assert late
    for answer in late:
        assert told(answer, 429, "rate_limited") == {"retry_after_s": int(answer.headers["Retry-After"])}
    slow = ring.ctl("token", "create", ada.email, "--rate", "1", "--burst", "1")["token"]
    answers = [ring.get(ring.url("/api/v2/token"), headers={"Authorization": f"Bearer {slow}"}) for _ in range(5)]
    assert told(answers[-1], 429, "rate_limited") == {"retry_after_s": int(answers[-1].headers["Retry-After"])}


def test_which_field_of_a_message(ring):
    ada = ring.user("det-message")
    ring.channel("det_message", ada)
    url = ring.channel_url("det_message", ada.token)
    slides = {"slides": [{"type": "text", "data": "x"}, {"type": "table", "data": {"headers": [1]}}]}
    for body, field in ((slides, "slides[1].data.headers[0]"), ({"text": 1}, "text"),
                        ({"card": {"buttons": [{"label": "x" * 50}]}}, "card.buttons[0].label")):
        answer = ring.post(url, body)
        assert told(answer, 400, "invalid_message")["field"] == field, answer.text
        assert answer.json()["message"].startswith(field + " ")
    answer = ring.post(url, data=b'{"text": ', headers={"Content-Type": "application/json"})
    assert "details" not in answer.json(), answer.text


def test_which_parameter_of_a_read(ring):
    ada = ring.user("det-reader")
    ring.channel("det_reader", ada)
    url = ring.url("/api/v2/channelsbyname/det_reader/messages")
    for params, field in (({"limit": 0}, "limit"), ({"order": "up"}, "order"), ({"from": "x"}, "from"), ({"wait": 99}, "wait"),
                          ({"limt": 3}, "limt"), ([("limit", 1), ("limit", 2)], "limit")):
        answer = ring.http.get(url, params=params, headers={"Authorization": f"Bearer {ada.token}"})
        assert told(answer, 400, "invalid_param") == {"field": field}, answer.text


def test_who_was_added_is_told(ring, ask):
    ada, bob = person(ring, "det_add_a"), person(ring, "det_add_b")
    made(ask("POST", "/channels", {"name": "det_add", "owner": ada.id}))
    added = made(ask("POST", "/channels/det_add/members", {"user": bob.email}))
    assert added["person"] == {"id": bob.id, "name": added["person"]["name"], "email": bob.email}


def test_posternctl_shows_the_text_alone(ring):
    done = ring.ctl_run("user", "create", "details-owner@example.org", "--json")
    assert done.returncode and "{" not in done.stderr
    assert json.loads(done.stdout)["message"] .lower() == "email: another user has this address."
