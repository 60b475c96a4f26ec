"""Passwords, invitations, logins, sessions and second factors over the control socket."""

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
                     input=totp(begun["secret"], step - 1) + "\n")["codes"]
    assert len(set(codes)) == 10
    error = refused(ring, "login", ada.email, input=GOOD + "\n")
    assert error.code == "failed" and "code" in error.message
    code = totp(begun["secret"], int(time.time()) // 30)
    assert log_in(ring, ada.email, GOOD, code)["codes_left"] == 10
    assert refused(ring, "login", ada.email, input=f"{GOOD}\n{code}\n").code == "invalid_login"
    assert log_in(ring, ada.email, GOOD, codes[0].lower())["codes_left"] == 9
    assert ring.ctl("user", "totp", "show", ada.email)["codes_left"] == 9
    ring.ctl("user", "totp", "remove", ada.email)
    assert log_in(ring, ada.email, GOOD)["codes_left"] is None


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
