"""The session cookie of the admin listener, as browsers and other pages use it."""

import http.cookies
import re
import subprocess
import time

import pytest
import requests

from harness import postern, rogue
from harness.connection import Connection, post
from test_admin import ask, entry
from test_logins import GOOD, denied, person

BETTER = "nine copper kettles whistle"


class Browser:
    """Keeps its cookies (http.cookiejar), and sends the Origin and the CSRF token of a page."""

    def __init__(self, ring, url=None, origin=None, verify=True):
        self.base = url or f"http://127.0.0.1:{ring.admin_port}"
        self.origin = origin or self.base
        self.csrf = None
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.verify = verify

    def call(self, method, path, body=None, **headers):
        """HEADERS: Name_Of_It="value"; None leaves out what the page would send."""
        sent = {"Origin": None if method == "GET" else self.origin, "X-CSRF-Token": self.csrf,
                **{name.replace("_", "-"): value for name, value in headers.items()}}
        more = {} if body is None else {"json": body}
        return self.http.request(method, self.base + "/api/v2" + path, timeout=30 * postern.SLOW,
                                 headers={k: v for k, v in sent.items() if v is not None}, **more)

    def enter(self, email, password=GOOD):
        answer = self.call("POST", "/login", {"email": email, "password": password, "cookie": True})
        assert answer.status_code == 200, answer.text
        self.csrf = answer.json()["csrf"]
        return answer

    @property
    def session(self):
        value, = [cookie.value for cookie in self.http.cookies if cookie.name.endswith("postern")]
        return value


@pytest.fixture
def browser(ring, name):
    made = Browser(ring)
    made.user = person(ring, name)
    made.login = made.enter(made.user.email)
    return made


def set_cookie(answer):
    """(name, Morsel) of the only Set-Cookie."""
    jar = http.cookies.SimpleCookie(answer.headers["Set-Cookie"])
    (name, morsel), = jar.items()
    return name, morsel


def test_login_sets_a_cookie_that_no_script_sees(ring, browser):
    made = browser.login.json()
    assert "session" not in made and len(made["csrf"]) == 43
    assert made["user"]["id"] == browser.user.id
    name, cookie = set_cookie(browser.login)
    assert name == "postern" and re.fullmatch(r"pss_[A-Za-z0-9_-]{64}", cookie.value)
    assert cookie.value not in browser.login.text
    assert cookie["httponly"] and cookie["samesite"] == "Strict" and cookie["path"] == "/"
    assert not cookie["secure"] and not cookie["domain"] and cookie["max-age"] == "2592000"
    assert browser.login.headers["Cache-Control"] == "no-store"
    # It is the session that the list has, and what a program may send as well.
    rows = browser.call("GET", f"/users/{browser.user.id}/sessions").json()["sessions"]
    assert [row["id"] for row in rows] == [made["id"]]
    assert ring.admin("GET", "/me", cookie.value).json()["id"] == browser.user.id


def test_without_asking_for_a_cookie_there_is_none(ring, name):
    ada = person(ring, name)
    for more in ({}, {"cookie": False}):
        answer = ring.admin("POST", "/login", body={"email": ada.email, "password": GOOD, **more})
        assert answer.json()["session"] and "Set-Cookie" not in answer.headers
        assert "Set-Cookie" not in ring.admin("GET", "/me", answer.json()["session"]).headers
    denied(ring.admin("POST", "/login", body={"email": ada.email, "password": GOOD, "cookie": "yes"}),
           "invalid_param", 400)
    wrong = ring.admin("POST", "/login", body={"email": ada.email, "password": "x", "cookie": True})
    denied(wrong, "invalid_login")
    assert "Set-Cookie" not in wrong.headers


def test_a_read_needs_the_cookie_only(browser):
    assert browser.call("GET", "/me", X_CSRF_Token=None).json()["id"] == browser.user.id
    assert browser.call("GET", "/me", Origin=browser.origin).status_code == 200
    for origin in ("https://evil.example", "null", browser.origin + "0", browser.origin + "/"):
        denied(browser.call("GET", "/me", Origin=origin), "csrf_refused", 403)


def test_a_change_needs_its_csrf_token_and_its_origin(ring, browser, name):
    path = f"/users/{browser.user.id}"

    def change(**headers):
        return browser.call("PUT", path, {"name": "Ada L."}, **headers)
    assert change().status_code == 200
    eve = Browser(ring)
    eve.enter(person(ring, f"e_{name}").email)
    for token in (None, "", eve.csrf, browser.csrf[:-1], browser.csrf + "A", "x" * 43, "x" * 600,
                  browser.session, browser.csrf.swapcase(), browser.csrf.replace("A", " ") + ";"):
        answer = change(X_CSRF_Token=token)
        denied(answer, "csrf_refused", 403)
        assert "X-CSRF-Token" in answer.json()["message"]
    for origin in (None, "null", "https://evil.example", ring.base, "http://localhost:8081",
                   browser.origin + ".evil.example", browser.origin.replace("http", "https")):
        answer = change(Origin=origin)
        denied(answer, "csrf_refused", 403)
        assert "admin.url" in answer.json()["message"]
    assert ring.ctl("user", "show", browser.user.email)["name"] == "Ada L."
    for method, where in (("DELETE", f"{path}/sessions"), ("POST", f"{path}/tokens")):
        denied(browser.call(method, where, X_CSRF_Token=None), "csrf_refused", 403)
    assert browser.call("POST", f"{path}/tokens", {"name": "mine"}).status_code == 200


def test_two_origins_are_none(ring, browser):
    with Connection(ring.admin_port) as connection:
        connection.send(post(f"/api/v2/users/{browser.user.id}/tokens", b"", [
            f"Cookie: postern={browser.session}", f"X-CSRF-Token: {browser.csrf}",
            f"Origin: {browser.origin}", f"Origin: {browser.origin}"]))
        assert connection.answer().status == 403


def test_a_page_elsewhere_logs_nobody_in(ring, name):
    ada = person(ring, name)
    invited = ring.ctl("user", "invite", f"i_{name}@example.org")["invitation"]
    foreign = {"Origin": "https://evil.example"}
    bodies = {"/login": {"email": ada.email, "password": GOOD, "cookie": True},
              "/invitations/accept": {"invitation": invited, "password": GOOD},
              "/session": {"session": "x"}, "/logout": {"session": "x"}}
    for path, body in bodies.items():
        for origin in (foreign, {"Origin": "null"}):
            answer = ring.admin("POST", path, body=body, headers=origin)
            denied(answer, "csrf_refused", 403)
            assert "Set-Cookie" not in answer.headers
    ours = {"Origin": ring.settings["admin.url"]}
    accepted = ring.admin("POST", "/invitations/accept", body=bodies["/invitations/accept"],
                          headers=ours)
    assert accepted.status_code == 200, accepted.text
    # a program sends no Origin
    plain = Browser(ring)
    assert plain.call("POST", "/login", bodies["/login"], Origin=None).status_code == 200


def test_a_reloaded_page_asks_for_its_csrf_token(ring, browser):
    shown = browser.call("POST", "/session", X_CSRF_Token=None)
    assert shown.json()["csrf"] == browser.csrf and shown.json()["user"]["id"] == browser.user.id
    assert "session" not in shown.json() and "Set-Cookie" not in shown.headers
    denied(browser.call("POST", "/session", Origin=None), "csrf_refused", 403)
    denied(browser.call("POST", "/session", {"session": browser.session}), "invalid_param", 400)
    bearer = ring.admin("POST", "/session", browser.session)
    assert bearer.json()["csrf"] == browser.csrf
    assert ring.admin("POST", "/session", body={"session": browser.session}).status_code == 200


def test_logout_ends_the_session_and_clears_the_cookie(ring, browser):
    old = browser.session
    denied(browser.call("POST", "/logout", X_CSRF_Token=None), "csrf_refused", 403)
    denied(browser.call("POST", "/logout", Origin="null"), "csrf_refused", 403)
    assert browser.call("GET", "/me").status_code == 200
    ended = browser.call("POST", "/logout")
    assert ended.status_code == 200, ended.text
    name, cookie = set_cookie(ended)
    assert (name, cookie.value, cookie["max-age"]) == ("postern", "", "0")
    assert not browser.http.cookies
    denied(browser.call("GET", "/me"))
    for path in ("/session", "/logout"):
        denied(browser.call("POST", path))
    browser.http.cookies.set("postern", old)
    denied(browser.call("GET", "/me"))
    for path in ("/session", "/logout"):
        denied(browser.call("POST", path))
    denied(ring.admin("GET", "/me", old))


def test_a_bearer_session_logs_out_without_touching_a_cookie(ring, browser):
    other = ring.admin("POST", "/login", body={"email": browser.user.email, "password": GOOD}).json()
    # Authorization wins: it is that session that ends
    ended = browser.call("POST", "/logout", Authorization=f"Bearer {other['session']}",
                         X_CSRF_Token=None, Origin=None)
    assert ended.json()["id"] == other["id"] and "Set-Cookie" not in ended.headers
    assert browser.call("GET", "/me").status_code == 200
    denied(browser.call("GET", "/me", Authorization=f"Bearer {other['session']}"))
    denied(browser.call("GET", "/me", Authorization="Bearer short"), "invalid_token")
    # another scheme, as of a proxy before it, is none
    assert browser.call("GET", "/me", Authorization="Basic Zm9vOmJhcg==").status_code == 200


def test_a_management_token_is_no_session(ring, browser):
    token = ring.management_token(browser.user)
    for path in ("/logout", "/session"):
        answer = ring.admin("POST", path, token)
        denied(answer)
        assert "management token" in answer.json()["message"]
        denied(ring.admin("POST", path))
    assert ring.admin("GET", "/me", token).status_code == 200
    browser.http.cookies.set("postern", token, domain="127.0.0.1", path="/")
    assert browser.session == token
    denied(browser.call("GET", "/me"))


@pytest.mark.parametrize("end", ["session_revoke", "session_end", "user_password"])
def test_what_ends_ones_own_session_clears_the_cookie(ring, browser, end):
    spare = ring.admin("POST", "/login", body={"email": browser.user.email, "password": GOOD}).json()
    user = f"/users/{browser.user.id}"
    another = browser.call("DELETE", f"/sessions/{spare['id']}")
    assert another.status_code == 200 and "Set-Cookie" not in another.headers
    own = {"session_revoke": ("DELETE", f"/sessions/{browser.login.json()['id']}", None),
           "session_end": ("DELETE", f"{user}/sessions", None),
           "user_password": ("POST", f"{user}/password",
                             {"password": BETTER, "old_password": GOOD})}[end]
    answer = browser.call(*own)
    assert answer.status_code == 200, answer.text
    assert set_cookie(answer)[1]["max-age"] == "0" and not browser.http.cookies


def test_what_is_no_cookie_of_ours_opens_nothing(ring, browser):
    good = browser.session
    wrong = [f"postern={good}; postern={good}", f"postern={good};postern=x", "postern=", "postern",
             f"postern={good}x", f"postern={good[:-1]}", f"postern={'x' * 129}",
             f"postern={'x' * 8000}", f"postern=\"{good}\"", f"__Host-postern={good}",
             f"Postern={good}", "postern=\xe4\xf6", "postern=pss_" + "!" * 64, ";;;=;", ""]
    lines = [[f"Cookie: {one}"] for one in wrong]
    lines += [[f"Cookie: postern={good}"] * 2, [f"Cookie: postern={good}", "Cookie: a=b"]]
    for cookies in lines:
        for path, method in (("/me", "GET"), ("/session", "POST"), ("/logout", "POST")):
            with Connection(ring.admin_port) as connection:
                data = post(f"/api/v2{path}", b"", [
                    *cookies, f"Origin: {browser.origin}", f"X-CSRF-Token: {browser.csrf}"], method)
                connection.send(data)
                assert connection.answer().status == 401, (cookies, path)
    assert browser.call("GET", "/me").status_code == 200
    assert ring.pid("gateway-0") and ring.pid("authd-0")


def test_the_cookie_means_nothing_to_the_public_listener(ring, browser, name):
    ring.bot(f"b{name[-20:]}", browser.user)
    ring_token = ring.token(browser.user)["token"]
    url = ring.url(f"/api/v2/bots/b{name[-20:]}/incoming", ring_token)
    cookies = {"Cookie": f"postern={browser.session}", "X-CSRF-Token": browser.csrf}
    assert ring.post(url, b"raw", headers=cookies).status_code == 200
    assert ring.post(url.partition("?")[0], b"raw", headers=cookies).status_code == 401
    events = str(ring.messages("bots", f"b{name[-20:]}", ring_token))
    assert "raw" in events and browser.session not in events and browser.csrf not in events


def test_the_control_socket_sets_no_cookie(ring, name):
    ada = person(ring, name)
    assert ring.ctl("login", ada.email, input=GOOD + "\n")["session"]


def test_a_repeated_login_gives_the_same_cookie(make_ring):
    ring = make_ring().up()
    ada = person(ring, "ada")
    login, body = 245, f'{{"email":"{ada.email}","password":"{GOOD}","cookie":true}}'.encode()
    first = entry(login, "", body=True)

    def facts(peer, attempt):
        peer.send(peer.requests([*first[:2], attempt, *first[3:]]), body)
        _, fields, bodies = peer.receive(rogue.REPLIES, seconds=20)
        reply = fields[5][0]
        assert reply[0] == first[0] and reply[3] == 200, bodies
        return reply[7], bodies

    with rogue.Rogue(ring, "authd-admin") as peer:
        peer.greet(rogue.GATEWAY)
        made = facts(peer, 1)
        assert made[0][::2] == [10] + [9] * 6  # pairs: FACT_SESSION_S, FACT_SESSION
        assert facts(peer, 2) == made
        assert ask(peer, [*first[:2], 3, *first[3:]], body)[0] == 200
    assert len(ring.ctl("session", "list", ada.email)["sessions"]) == 1


def test_a_cookie_session_from_a_gateway_without_its_mark_opens_no_change(make_ring):
    """authd trusts no gateway to have looked at the CSRF token: what came by cookie needs the right
    one, whatever stands in its place."""
    ring = make_ring().up()
    browser = Browser(ring)
    ada = person(ring, "ada", "owner")
    browser.enter(ada.email)
    with rogue.Rogue(ring, "authd-admin") as peer:
        peer.greet(rogue.GATEWAY)

        def change(appkey):
            made = entry(100, browser.session, body=True)
            made[10][1] = appkey
            return ask(peer, made, b'{"email":"new@example.org"}')[0]
        for appkey in ("csrf:", "csrf", "c", browser.csrf, "csrf:" + "x" * 43, "csrf:" + "x" * 500):
            assert change(appkey) == 403, appkey
        assert change("csrf:" + browser.csrf) == 200


def test_under_https_the_cookie_is_secure_and_of_this_host_only(make_ring, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem",
                    "-out", "cert.pem"], cwd=tmp_path, check=True, capture_output=True)
    ring = make_ring(settings={"admin.tls_certificate": tmp_path / "cert.pem",
                               "admin.tls_key": tmp_path / "key.pem"})
    url = ring.settings["admin.url"] = f"https://127.0.0.1:{ring.admin_port}"
    ring.up()
    ada = person(ring, "ada")
    browser = Browser(ring, url, verify=str(tmp_path / "cert.pem"))
    name, cookie = set_cookie(browser.enter(ada.email))
    assert name == "__Host-postern" and cookie["secure"] and cookie["httponly"]
    assert (cookie["path"], cookie["domain"], cookie["samesite"]) == ("/", "", "Strict")
    assert browser.call("GET", "/me").json()["id"] == ada.id
    assert browser.call("PUT", f"/users/{ada.id}", {"name": "Ada"}).status_code == 200
    denied(browser.call("PUT", f"/users/{ada.id}", {"name": "Eve"},
                        Origin=url.replace("https", "http")), "csrf_refused", 403)
    # what another host of the domain could have set is none
    session = browser.session
    browser.http.cookies.clear()
    browser.http.cookies.set("postern", session)
    denied(browser.call("GET", "/me"))
    browser.http.cookies.clear()
    browser.http.cookies.set("__Host-postern", session)
    name, cookie = set_cookie(browser.call("POST", "/logout"))
    assert (name, cookie.value, cookie["max-age"]) == ("__Host-postern", "", "0") and cookie["secure"]


def test_a_cookie_ends_with_its_session(make_ring):
    ring = make_ring(settings={"authd.session_idle_s": "2", "authd.session_s": "60"}).up()
    browser = Browser(ring)
    assert set_cookie(browser.enter(person(ring, "ada").email))[1]["max-age"] == "60"
    assert browser.call("GET", "/me").status_code == 200
    time.sleep(2.5)
    denied(browser.call("GET", "/me"))
    denied(browser.call("POST", "/session"))


def test_an_admin_url_that_is_none_is_refused_at_the_start(make_ring):
    ring = make_ring()
    done = subprocess.run([postern.BIN / "postern-gateway", "-c", ring.conf, *ring._overrides(
        {"admin.url": "admin.example.org"})], capture_output=True, text=True, timeout=30,
        env=ring.environment)
    assert done.returncode == 78 and "admin.url" in done.stderr, done.stderr
