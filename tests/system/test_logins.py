"""Passwords, invitations, logins, sessions and second factors, over the control socket and over HTTP."""

import base64
import hashlib
import hmac
import os
import pty
import re
import select
import struct
import subprocess
import time

import pytest

from harness import postern
from test_accounts import start_authd

GOOD, BETTER = "seven blue herons dancing", "nine copper kettles whistle"


def totp(secret, step):
    """RFC 6238, by hand: what an authenticator shows."""
    key = base64.b32decode(secret)
    digest = hmac.digest(key, struct.pack(">Q", step), hashlib.sha1)
    at = digest[19] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7fffffff) % 1000000:06}"


def log_in(ring, email, *lines):
    return ring.ctl("login", email, input="".join(line + "\n" for line in lines))


def refused(ring, *words, **more):
    with pytest.raises(postern.CtlError) as error:
        ring.ctl(*words, **more)
    return error.value


def test_a_password_is_set_and_opens_a_session(ring, name):
    ada = ring.user(name, token=False)
    ring.ctl("user", "password", ada.email, input=GOOD + "\n")
    made = log_in(ring, ada.email, GOOD)
    assert made["user"]["id"] == ada.id and made["from"] == "local"
    assert re.fullmatch(r"pss_[A-Za-z0-9_-]{64}", made["session"])
    shown = ring.ctl("session", "show", input=made["session"] + "\n")
    assert (shown["user"]["email"], shown["csrf"]) == (ada.email, made["csrf"])
    row, = ring.ctl("session", "list", ada.email)["sessions"]
    assert row["id"] == made["id"] and "session" not in row
    ring.ctl("logout", input=made["session"])
    assert refused(ring, "session", "show", input=made["session"]).code == "invalid_session"


def test_a_weak_password_and_a_wrong_one_are_refused(ring, name):
    ada = ring.user(name, token=False)
    error = refused(ring, "user", "password", ada.email, input="password1234\n")
    assert error.code == "invalid_param" and "easy to guess" in error.message
    ring.ctl("user", "password", ada.email, input=GOOD + "\n")
    wrong = refused(ring, "login", ada.email, input="wrong\n")
    stranger = refused(ring, "login", f"no_{name}@example.org", input="wrong\n")
    assert (wrong.code, wrong.message) == (stranger.code, stranger.message)
    assert wrong.code == "invalid_login"
    assert refused(ring, "login", ada.email, input="").code == "failed"


def test_guessing_is_slowed_down_metered_and_logged(ring, name):
    ada, bob = ring.user(name, token=False), ring.user(f"b_{name}", token=False)
    before = ring.metric("authd-0", "logins_total", code="invalid_login")
    for user in (ada, bob):
        ring.ctl("user", "password", user.email, input=GOOD + "\n")
    codes = [refused(ring, "login", ada.email, input=f"guess {n}\n").code for n in range(8)]
    assert codes[:4] == ["invalid_login"] * 4 and "rate_limited" in codes, codes
    assert log_in(ring, bob.email, GOOD)["user"]["id"] == bob.id
    assert ring.metric("authd-0", "logins_total", code="invalid_login") >= before + 4
    assert ring.metric("authd-0", "logins_total", code="rate_limited") >= 1
    assert ring.metric("authd-0", "logins_total", code="none") >= 1
    lines = [line for line in ring.logs().splitlines() if "event=login.failed" in line]
    assert any(ada.id in line for line in lines)
    assert not any("guess" in line for line in lines)


def test_an_invitation_is_good_once(ring, name):
    email = f"{name}@example.org"
    made = ring.ctl("user", "invite", email, "--role", "admin", "--expires", "1h")
    assert made["link"].endswith("/#invitation=" + made["invitation"])
    row, = [r for r in ring.ctl("invitation", "list")["invitations"] if r["email"] == email]
    assert row["id"] == made["id"] and "link" not in row and "invitation" not in row
    user = ring.ctl("invitation", "accept", "--name", "Ada", input=f"{made['link']}\n{GOOD}\n")
    assert (user["email"], user["role"], user["name"]) == (email, "admin", "Ada")
    assert log_in(ring, email, GOOD)["user"]["id"] == user["id"]
    error = refused(ring, "invitation", "accept", input=f"{made['link']}\n{BETTER}\n")
    assert error.code == "not_found"
    second = ring.ctl("user", "invite", email)
    ring.ctl("invitation", "revoke", second["id"])
    error = refused(ring, "invitation", "accept", input=f"{second['invitation']}\n{BETTER}\n")
    assert error.code == "not_found"


def test_a_second_factor(ring, name):
    ada = ring.user(name, token=False)
    ring.ctl("user", "password", ada.email, input=GOOD + "\n")
    begun = ring.ctl("user", "totp", "begin", ada.email)
    step = int(time.time()) // 30
    codes = ring.ctl("user", "totp", "confirm", ada.email,
                     input=totp(begun["secret"], step) + "\n")["codes"]
    assert len(set(codes)) == 10
    error = refused(ring, "login", ada.email, input=GOOD + "\n")
    assert error.code == "failed" and "code" in error.message
    code = totp(begun["secret"], step + 1)
    assert log_in(ring, ada.email, GOOD, code)["codes_left"] == 10
    assert refused(ring, "login", ada.email, input=f"{GOOD}\n{code}\n").code == "invalid_login"
    assert log_in(ring, ada.email, GOOD, codes[0].lower())["codes_left"] == 9
    assert ring.ctl("user", "totp", "show", ada.email)["codes_left"] == 9
    fresh = ring.ctl("user", "totp", "codes", ada.email)["codes"]
    assert len(set(fresh) - set(codes)) == 10
    assert refused(ring, "login", ada.email, input=f"{GOOD}\n{codes[1]}\n").code == "invalid_login"
    assert log_in(ring, ada.email, GOOD, fresh[0])["codes_left"] == 9
    assert refused(ring, "login", ada.email, input=f"{GOOD}\n{fresh[0]}\n").code == "invalid_login"
    ring.ctl("user", "totp", "remove", ada.email)
    assert log_in(ring, ada.email, GOOD)["codes_left"] is None
    error = refused(ring, "user", "totp", "codes", ada.email)
    assert error.code == "conflict" and "no second factor" in error.message


def test_new_recovery_codes_over_http_take_the_password_and_the_authenticator(ring, name):
    ada = person(ring, name)
    session = enter(ring, ada.email).json()["session"]
    path = f"/users/{ada.id}/totp"
    begun = ring.admin("POST", path, session, {"password": GOOD}).json()
    step = int(time.time()) // 30
    former = ring.admin("POST", f"{path}/confirm", session,
                        {"code": totp(begun["secret"], step)}).json()["codes"]
    code = totp(begun["secret"], step + 1)
    denied(ring.admin("POST", f"{path}/codes", session, {"code": code}), "invalid_param", 400)
    denied(ring.admin("POST", f"{path}/codes", session, {"password": GOOD}), "invalid_param", 400)
    denied(ring.admin("POST", f"{path}/codes", session, {"password": GOOD, "code": former[0]}),
           "invalid_login")
    made = ring.admin("POST", f"{path}/codes", session, {"password": GOOD, "code": code})
    assert made.status_code == 200 and made.json()["codes_left"] == 10, made.text
    fresh = made.json()["codes"]
    denied(enter(ring, ada.email, status=401, code=former[0]), "invalid_login")
    assert enter(ring, ada.email, code=fresh[0]).json()["codes_left"] == 9
    denied(enter(ring, ada.email, status=401, code=fresh[0]), "invalid_login")
    assert ring.admin("GET", path, session).json()["codes_left"] == 9
    row, = [row for row in ring.ctl("audit", "list", "--limit", "20")["rows"]
            if row["op"] == "user_totp_codes" and row["who"] == ada.id]
    assert row["object"].startswith(ada.id) and not any(one in str(row) for one in [*fresh, code, GOOD])


def test_sessions_are_ended_by_others(ring, name):
    ada = ring.user(name, token=False)
    ring.ctl("user", "password", ada.email, input=GOOD + "\n")
    one, two = log_in(ring, ada.email, GOOD), log_in(ring, ada.email, GOOD)
    assert ring.ctl_run("session", "revoke", one["id"]).stdout == "Session ended.\n"
    assert refused(ring, "session", "show", input=one["session"]).code == "invalid_session"
    ring.ctl("session", "show", input=two["session"])
    assert ring.ctl("session", "end", ada.email)["sessions_ended"] == 1
    assert refused(ring, "session", "show", input=two["session"]).code == "invalid_session"
    assert refused(ring, "session", "revoke", one["id"]).code == "not_found"


def test_an_idle_session_ends(make_ring):
    ring = make_ring(settings={"authd.session_idle_s": 2 * postern.SLOW})
    start_authd(ring)
    ada = ring.user("ada", token=False)
    ring.ctl("user", "password", ada.email, input=GOOD + "\n")
    made = log_in(ring, ada.email, GOOD)
    ring.ctl("session", "show", input=made["session"])

    def ended():
        try:
            ring.ctl("session", "show", input=made["session"])
        except postern.CtlError as error:
            return error.code == "invalid_session"
        finally:
            time.sleep(0.5)

    # Showing it over the control socket is no use of it.
    ring.wait(ended, 10, what="the session to end")


def test_a_terminal_does_not_echo_a_password(ring, name):
    ada = ring.user(name, token=False)
    master, slave = pty.openpty()
    words = [postern.BIN / "posternctl", "user", "password", ada.email, "-c", ring.conf,
             *ring._overrides()]
    process = subprocess.Popen([str(word) for word in words], stdin=slave, stdout=slave,
                               stderr=slave, env=ring.environment, start_new_session=True)
    os.close(slave)
    seen = b""
    answers = [(b"New password: ", GOOD), (b"Once more: ", BETTER), (b"They differ", None),
               (b"New password: ", GOOD), (b"Once more: ", GOOD), (b"Password set", None)]
    for expected, answer in answers:
        end = time.monotonic() + 20 * postern.SLOW
        while expected not in seen:
            assert time.monotonic() < end, seen
            if select.select([master], [], [], 1)[0]:
                seen += os.read(master, 4096)
        before, _, seen = seen.partition(expected)
        assert GOOD.encode() not in before and BETTER.encode() not in before
        if answer:
            time.sleep(0.2)  # until the echo is off
            os.write(master, answer.encode() + b"\n")
    assert process.wait(20 * postern.SLOW) == 0
    os.close(master)
    assert log_in(ring, ada.email, GOOD)["user"]["id"] == ada.id


def test_killed_at_any_moment_an_account_is_whole(make_ring):
    """authd dies again and again while passwords are set, invitations taken and people log in."""
    ring = make_ring()
    start_authd(ring)
    for i in range(6):
        email = f"u{i}@example.org"
        invitation = ring.ctl("user", "invite", email)["invitation"]
        process = subprocess.Popen(
            [str(postern.BIN / "posternctl"), "invitation", "accept", "-c", str(ring.conf),
             "--json", *ring._overrides()], env=ring.environment, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        process.stdin.write(f"{invitation}\n{GOOD}\n")
        process.stdin.flush()
        time.sleep(0.06 * postern.SLOW * i / 6)
        ring.spawned["authd-0"].kill()
        ring.spawned["authd-0"].wait()
        process.communicate(timeout=60 * postern.SLOW)
        answered = process.returncode == 0
        start_authd(ring)
        there = email in [user["email"] for user in ring.ctl("user", "list")["users"]]
        waiting = email in [r["email"] for r in ring.ctl("invitation", "list")["invitations"]]
        # Either nothing has happened, or the user is there with the password and the link is used.
        assert there != waiting and (there or not answered)
        if not there:
            ring.ctl("invitation", "accept", input=f"{invitation}\n{GOOD}\n")
        assert log_in(ring, email, GOOD)["user"]["email"] == email
        assert len(ring.ctl("session", "list", email)["sessions"]) == 1


# --- over HTTP

def person(ring, name, role="member"):
    """Somebody with a password: a User."""
    email = f"{name}@example.org"
    user = postern.User(ring.ctl("user", "create", email, "--role", role), email)
    ring.ctl("user", "password", email, input=GOOD + "\n")
    return user


def enter(ring, email, password=GOOD, status=200, **more):
    answer = ring.admin("POST", "/login", body={"email": email, "password": password, **more})
    assert answer.status_code == status, answer.text
    return answer


def denied(answer, code="invalid_session", status=401):
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def test_a_session_opens_the_admin_api_until_it_is_revoked(ring, name):
    ada, eve = person(ring, name), person(ring, f"e_{name}")
    made = enter(ring, ada.email)
    assert made.headers["Cache-Control"] == "no-store"
    one, two = made.json(), enter(ring, ada.email).json()
    assert (one["user"]["id"], one["from"]) == (ada.id, "127.0.0.1")
    me = ring.admin("GET", "/me", one["session"])
    assert me.status_code == 200 and me.json()["id"] == ada.id
    named = {"name": "Ada Lovelace"}
    assert ring.admin("PUT", f"/users/{ada.id}", one["session"], named).json()["name"] == named["name"]
    boss = ring.management_token(person(ring, f"o_{name}", "owner"))
    row, = [row for row in ring.admin("GET", "/audit?last=20", boss).json()["rows"]
            if row["op"] == "user_edit" and row["who"] == ada.id]
    assert row["from"] == "127.0.0.1" and one["session"] not in str(row)
    rows = ring.admin("GET", f"/users/{ada.id}/sessions", one["session"]).json()["sessions"]
    assert {row["id"] for row in rows} == {one["id"], two["id"]}
    # it is a member's session: it acts on its user's own only
    foreign = enter(ring, eve.email).json()
    denied(ring.admin("DELETE", f"/sessions/{two['id']}", foreign["session"]), "not_allowed", 403)
    assert ring.admin("DELETE", f"/sessions/{two['id']}", one["session"]).status_code == 200
    denied(ring.admin("GET", "/me", two["session"]))
    assert ring.admin("GET", "/me", one["session"]).status_code == 200
    assert ring.admin("POST", "/logout", body={"session": one["session"]}).status_code == 200
    denied(ring.admin("GET", "/me", one["session"]))
    denied(ring.admin("POST", "/logout", body={"session": one["session"]}))
    denied(ring.admin("GET", "/me", one["session"][:-2] + "!!"))


def test_delete_of_a_session_or_an_invitation_that_is_gone_is_204(ring, name):
    boss = person(ring, name, "owner")
    token = enter(ring, boss.email).json()["session"]
    other = enter(ring, boss.email).json()
    invited = ring.admin("POST", "/invitations", token, {"email": f"i_{name}@example.org"}).json()
    for path in (f"/sessions/{other['id']}", f"/invitations/{invited['id']}"):
        assert ring.admin("DELETE", path, token).status_code == 200
        again = ring.admin("DELETE", path, token)
        assert (again.status_code, again.content) == (204, b"")


def test_a_session_ends_with_its_users_password_and_with_the_user(ring, name):
    ada = person(ring, name)
    session = enter(ring, ada.email).json()["session"]
    path = f"/users/{ada.id}/password"
    denied(ring.admin("POST", path, session, {"password": BETTER}), "invalid_param", 400)
    both = {"password": BETTER, "old_password": GOOD}
    changed = ring.admin("POST", path, session, both)
    assert changed.status_code == 200 and changed.json()["sessions_ended"] == 1, changed.text
    # the etag is the user's own, also beside what else the answer tells
    shown = ring.ctl("user", "show", ada.email)
    assert changed.headers["ETag"] == f'"{shown["etag"]}"'
    denied(ring.admin("GET", "/me", session))
    session = enter(ring, ada.email, BETTER).json()["session"]
    assert ring.admin("GET", "/me", session).status_code == 200
    ring.ctl("user", "delete", ada.email, "--yes")
    denied(ring.admin("GET", "/me", session))
    denied(enter(ring, ada.email, BETTER, 401), "invalid_login")


def test_a_session_opens_nothing_on_the_public_listener(ring, name):
    ada = person(ring, name)
    ring.channel(f"c_{name}", ada)
    session = enter(ring, ada.email).json()["session"]
    denied(ring.post(ring.channel_url(f"c_{name}", session), {"text": "no"}), "invalid_token")
    denied(ring.get(ring.url("/api/v2/token"), headers={"Authorization": f"Bearer {session}"}),
           "invalid_token")
    denied(ring.post(ring.url("/api/v2/login"), {"email": ada.email, "password": GOOD}),
           "not_found", 404)
    denied(ring.admin("GET", f"/me?zapikey={session}"), "invalid_param", 400)


def test_an_invitation_is_accepted_over_http(ring, name):
    boss = person(ring, name, "admin")
    token = enter(ring, boss.email).json()["session"]
    email = f"i_{name}@example.org"
    denied(ring.admin("POST", "/invitations", token, {"email": email, "role": "owner"}),
           "not_allowed", 403)
    made = ring.admin("POST", "/invitations", token, {"email": email}).json()
    assert made["by"] == boss.id
    accept = {"invitation": made["invitation"], "password": GOOD}
    weak = ring.admin("POST", "/invitations/accept", body={**accept, "password": "password1234"})
    denied(weak, "invalid_param", 400)
    user = ring.admin("POST", "/invitations/accept", body=accept)
    assert (user.status_code, user.json()["email"]) == (200, email), user.text
    denied(ring.admin("POST", "/invitations/accept", body=accept), "not_found", 404)
    session = enter(ring, email).json()["session"]
    assert ring.admin("GET", "/me", session).json()["role"] == "member"
    denied(ring.admin("GET", "/invitations", session), "not_allowed", 403)


def test_a_guesser_over_http_waits_and_others_do_not(ring, name):
    ada, bob = person(ring, name), person(ring, f"b_{name}")
    session = enter(ring, bob.email).json()["session"]
    for _ in range(8):
        answer = ring.admin("POST", "/login", body={"email": ada.email, "password": "no"})
        if answer.status_code == 429:
            break
        denied(answer, "invalid_login")
    denied(answer, "rate_limited", 429)
    wait = int(answer.headers["Retry-After"])
    assert 1 <= wait <= 60 and f"in {wait} s" in answer.json()["message"]
    # the right password is not looked at either
    denied(enter(ring, ada.email, GOOD, 429), "rate_limited", 429)
    assert ring.admin("GET", "/me", session).status_code == 200
    assert enter(ring, bob.email).json()["user"]["id"] == bob.id
    time.sleep(wait)
    assert enter(ring, ada.email).json()["user"]["id"] == ada.id
