"""What a page needs to sign somebody in: who is signed in, what a link is for, accepting it."""

import time

from test_admin_cookie import Browser, set_cookie
from test_logins import BETTER, GOOD, denied, person, totp


def test_who_is_signed_in_is_asked_without_an_error(ring, name):
    page, ada = Browser(ring), person(ring, name)
    nobody = page.call("GET", "/session")
    assert (nobody.status_code, nobody.json()) == (200, {"session": None})
    login = page.enter(ada.email).json()
    now = page.call("GET", "/session").json()["session"]
    assert (now["id"], now["user"]["id"], now["csrf"]) == (login["id"], ada.id, login["csrf"])
    assert page.call("PUT", f"/users/{ada.id}", {"name": "Ada"}, X_CSRF_Token=now["csrf"]).status_code == 200
    bearer = ring.admin("POST", "/login", body={"email": ada.email, "password": GOOD}).json()
    assert ring.admin("GET", "/session", bearer["session"]).json()["session"]["id"] == bearer["id"]
    denied(page.call("GET", "/session", Origin="https://evil.example"), "csrf_refused", 403)
    ring.ctl("session", "end", ada.email)
    assert page.call("GET", "/session").json() == {"session": None}
    assert ring.admin("GET", "/session", ring.management_token(ada)).json() == {"session": None}
    page.http.cookies.clear()
    page.http.cookies.set("postern", "x" * 60)
    assert page.call("GET", "/session").json() == {"session": None}
    denied(ring.admin("GET", f"/session?session={bearer['session']}"), "invalid_param", 400)


def test_a_link_says_what_it_is_for(ring, name):
    page, email = Browser(ring), f"{name}@example.org"

    def check(invitation):
        return page.call("POST", "/invitations/check", {"invitation": invitation})
    made = ring.ctl("user", "invite", email, "--role", "admin", "--name", "Ada L.")
    told = check(made["invitation"])
    assert told.status_code == 200, told.text
    assert told.json() == {"email": email, "name": "Ada L.", "role": "admin", "exists": False,
                           "second_factor": False, "signs_in": False, "expires": made["expires"]}
    assert check(made["invitation"]).json() == told.json()  # asked twice, and not used up
    denied(check(made["invitation"][:-1] + ("A" if made["invitation"][-1] != "A" else "B")), "not_found", 404)
    denied(page.call("POST", "/invitations/check", {"invitation": made["invitation"]}, Origin="https://evil.example"),
           "csrf_refused", 403)
    ring.ctl("invitation", "revoke", made["id"])
    gone = check(made["invitation"])
    denied(gone, "not_found", 404)
    assert gone.json()["message"] == check("psi_" + "A" * 64).json()["message"]
    ada = person(ring, f"b_{name}")
    again = check(ring.ctl("user", "invite", ada.email)["invitation"]).json()
    assert (again["exists"], again["email"]) == (True, ada.email)


def test_who_accepts_is_signed_in_at_once(ring, name):
    page, email = Browser(ring), f"{name}@example.org"
    made = ring.ctl("user", "invite", email)["invitation"]
    body = {"invitation": made, "password": BETTER, "cookie": True}
    accepted = page.call("POST", "/invitations/accept", body)
    assert accepted.status_code == 200, accepted.text
    told = accepted.json()
    assert told["signed_in"] and told["email"] == email and "session" not in told
    cookie = set_cookie(accepted)[1]
    assert cookie["httponly"] and cookie["samesite"] == "Strict" and cookie.value not in accepted.text
    page.csrf = told["csrf"]
    assert page.call("PUT", f"/users/{told['id']}", {"name": "New"}).status_code == 200
    assert page.call("GET", "/session").json()["session"]["user"]["id"] == told["id"]
    denied(page.call("POST", "/invitations/accept", body), "not_found", 404)
    other = ring.ctl("user", "invite", f"c_{name}@example.org")["invitation"]
    plain = ring.admin("POST", "/invitations/accept", body={"invitation": other, "password": BETTER})
    assert plain.json()["signed_in"] is False and "csrf" not in plain.json() and "Set-Cookie" not in plain.headers


def test_a_second_factor_is_asked_for_all_the_same(ring, name):
    page, ada = Browser(ring), person(ring, name)
    page.enter(ada.email)
    secret = page.call("POST", f"/users/{ada.id}/totp", {"password": GOOD}).json()["secret"]
    code = totp(secret, int(time.time()) // 30)
    assert page.call("POST", f"/users/{ada.id}/totp/confirm", {"code": code}).status_code == 200
    made = ring.ctl("user", "invite", ada.email)["invitation"]
    assert page.call("POST", "/invitations/check", {"invitation": made}).json()["second_factor"] is True
    accepted = page.call("POST", "/invitations/accept", {"invitation": made, "password": BETTER, "cookie": True})
    assert accepted.json()["signed_in"] is False and "Set-Cookie" not in accepted.headers
    assert page.call("GET", "/session").json() == {"session": None}
    denied(page.call("POST", "/login", {"email": ada.email, "password": BETTER}), "code_required")
