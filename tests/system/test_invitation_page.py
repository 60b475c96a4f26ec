"""The page to which an invitation's link leads: what it may do, and what a person does there. jsdom
runs it as it is served (tests/compat/invitation_page.mjs)."""

import json
import re
import subprocess

import pytest
import requests

from harness import postern
from test_logins import GOOD, log_in

COMPAT = postern.ROOT / "tests" / "compat"
FILES = {"/invitation": "text/html", "/invitation.css": "text/css", "/invitation.js": "text/javascript"}


def get(port, path, method="GET", **more):
    return requests.request(method, f"http://127.0.0.1:{port}{path}", timeout=30 * postern.SLOW,
                            **more)


def visit(link, *words):
    """What the page does with the link, at the address that it has with and without the console."""
    link = link.replace("/#", "/invitation#")
    if not (COMPAT / "node_modules/jsdom").exists():
        pytest.skip("needs tests/compat/node_modules (./dev test installs it)")
    done = subprocess.run(["node", "invitation_page.mjs", link, *words], cwd=COMPAT, text=True,
                          capture_output=True, timeout=120 * postern.SLOW)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("path", FILES)
def test_a_file_of_the_page_may_do_nothing_elsewhere(ring, path):
    answer = get(ring.admin_port, path)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == FILES[path] + "; charset=utf-8"
    policy = dict(rule.strip().split(" ", 1)
                  for rule in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy.pop("require-trusted-types-for") == "'script'"
    assert policy.pop("trusted-types") == "svelte-trusted-html"
    assert set(policy.values()) == {"'none'", "'self'"}
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cache-Control"] == "no-cache" and answer.headers["X-Request-Id"]
    assert not re.search(r"https?://|style=|onclick=", answer.text)
    assert get(ring.admin_port, path + "?utm=1").text == answer.text


@pytest.mark.parametrize("path", FILES)
def test_a_page_is_the_admin_listener_s_and_is_only_read(ring, path):
    assert get(ring.port, path).status_code == 404
    head = get(ring.admin_port, path, "HEAD")
    assert (head.status_code, head.content) == (200, b"")
    for method in ("POST", "PUT", "DELETE", "BREW"):
        answer = get(ring.admin_port, path, method)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert get(ring.admin_port, path + "/").status_code == 404


def test_a_page_s_request_is_framed_as_any_other(ring):
    answer = get(ring.admin_port, "/", headers={f"x-{i}": "1" for i in range(90)})
    assert answer.status_code == 431
    answer = get(ring.admin_port, "/", data=b"x" * (1 << 20 | 1))
    assert answer.status_code == 413


def test_an_invitation_is_accepted_in_a_browser(ring, name):
    email = f"{name}@example.org"
    link = ring.ctl("user", "invite", email)["link"]
    end = visit(link, "Ada", "password12", "short", GOOD)
    assert end["shown"] == ["accepted"], end
    base = f"http://127.0.0.1:{ring.admin_port}"
    assert end["url"] == base + "/invitation"
    assert f"posternctl login {email} --management-url {base} --save" in end["text"]
    user = log_in(ring, email, GOOD)["user"]
    assert (user["email"], user["name"]) == (email, "Ada")


def test_a_weak_password_is_refused_with_the_reason_and_the_invitation_stays(ring, name):
    link = ring.ctl("user", "invite", f"{name}@example.org")["link"]
    end = visit(link, "", "password12")
    assert end["shown"] == ["accept"] and "password" in end["problem"]
    assert visit(link, "", GOOD)["shown"] == ["accepted"]


def test_a_link_that_has_been_used_says_so(ring, name):
    link = ring.ctl("user", "invite", f"{name}@example.org")["link"]
    assert visit(link, "", GOOD)["shown"] == ["accepted"]
    end = visit(link, "", GOOD)
    assert end["shown"] == ["accept"] and "invitation" in end["problem"]


def test_without_an_invitation_the_page_says_what_is_here(ring):
    end = visit(f"http://127.0.0.1:{ring.admin_port}/invitation", "")
    assert end["shown"] == ["no-invitation"] and "posternctl --management-url http://" in end["text"]
