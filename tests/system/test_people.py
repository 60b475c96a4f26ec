"""Who one is, what one may, whom one finds, and lists that are filtered."""

import pytest

from harness import postern
from test_admin_cookie import Browser
from test_details import made, told
from test_logins import person


def pages(ask, path, key, **params):
    found, after = [], None
    while True:
        page = made(ask("GET", path, params={**params, **({"after": after} if after else {})}))
        found += page[key]
        if (after := page["next"]) is None:
            return found


def test_me_tells_rights_limits_and_session(ring, name):
    page, ada = Browser(ring), person(ring, name)
    page.enter(ada.email)
    me = page.call("GET", "/me").json()
    assert (me["id"], me["totp"], me["active_tokens"]) == (ada.id, False, len(ring.ctl("token", "list", ada.email)["tokens"]))
    assert me["rights"]["token_create"] == "own" and me["rights"]["channel_show"] == "among"
    assert "audit_list" not in me["rights"] and "login" not in me["rights"] and "channel_message" not in me["rights"]
    limits = me["limits"]
    assert (limits["tokens"], limits["management_tokens"], limits["sessions"], limits["objects"]) == (5, 10, 20, 200)
    listed = page.call("GET", "/users/me/sessions").json()["sessions"]
    assert [row["id"] for row in listed] == [me["session"]["id"]]
    by_token = ring.admin("GET", "/me", ring.management_token(ada)).json()
    assert by_token["session"] is None and by_token["etag"] == me["etag"]
    assert me["etag"] == page.call("GET", "/users/me").json()["etag"]  # good for an edit of oneself
    root = person(ring, f"o_{name}")
    ring.ctl("user", "edit", root.email, "--role", "admin")
    admin = ring.admin("GET", "/me", ring.management_token(root)).json()
    assert admin["rights"]["audit_list"] == "any" and admin["rights"]["token_limit"] == "below" and admin["limits"]["objects"] is None
    control = ring.manage("me_show")
    assert control["role"] == "owner" and control["rights"]["user_create"] == "any"


def test_a_list_tells_who_uses_an_account(ring, ask, name):
    """When its last login was, whether it has a second factor, and how many tokens are active."""
    page, ada = Browser(ring), person(ring, name)

    def row():
        found, = made(ask("GET", "/users", params={"q": ada.email}))["users"]
        return found
    before = row()
    assert (before["last_login"], before["totp"]) == (None, False)
    tokens = before["active_tokens"]
    page.enter(ada.email)
    after, session = row(), page.call("GET", "/session").json()["session"]
    assert after["last_login"] == session["created"]
    ring.ctl("token", "create", ada.email, "--name", "more")
    ring.manage("user_totp_begin", ada.email)  # not confirmed
    now = row()
    assert (now["active_tokens"], now["totp"], now["last_login"]) == (tokens + 1, False, after["last_login"])
    assert before["etag"] == now["etag"] == made(ask("GET", f"/users/{ada.id}"))["etag"]  # good for an edit
    invited = f"b-{name}@example.org".replace("_", "-")
    link = ring.ctl("user", "invite", invited)["invitation"]
    assert Browser(ring).call("POST", "/invitations/accept", {"invitation": link, "password": "a word beside a word", "cookie": True}).status_code == 200
    accepted, = made(ask("GET", "/users", params={"q": invited}))["users"]
    assert accepted["last_login"]
    robot = ring.ctl("service", "create", f"r-{name}".replace("_", "-")[:40])
    listed = {r["id"]: r for r in pages(ask, "/service-accounts", "accounts")}
    assert (listed[robot["id"]]["last_login"], listed[robot["id"]]["active_tokens"]) == (None, 0)


def test_one_is_me_in_a_path(ring, ask, name):
    ada = person(ring, name)
    token = ring.management_token(ada)
    assert made(ask("PUT", "/users/me", {"name": "Ada L."}, token=token))["id"] == ada.id
    assert made(ask("POST", "/users/me/tokens", {"name": "ci"}, token=token))["name"] == "ci"
    assert made(ask("GET", "/users/me/management-tokens", token=token))["tokens"]
    assert told(ask("POST", "/service-accounts", {"account": "me"}), 400, "invalid_param") == {"field": "account"}
    with pytest.raises(postern.CtlError):
        ring.manage("user_show", "me")


def test_people_are_found_by_a_part_of_name_or_address(ring, ask, name):
    ada, bob = person(ring, f"{name}_ada"), person(ring, f"{name}_bob")
    token = ring.management_token(ada)
    found = pages(ask, "/people", "people", q=f"{name}_B".upper())
    assert found == [{"id": bob.id, "name": found[0]["name"], "email": bob.email}]
    assert pages(lambda *a, **k: ask(*a, token=token, **k), "/people", "people", q=f"{name}_") == \
        pages(ask, "/people", "people", q=f"{name}_", limit=1)
    ring.ctl("user", "delete", bob.email, "--yes")
    assert pages(ask, "/people", "people", q=f"{name}_b") == []
    assert told(ask("GET", "/people?q="), 400, "invalid_param")["field"] == "q"
    assert told(ring.admin("GET", "/people"), 401, "invalid_session") == {"reason": "no_credential"}


def test_all_members_come_in_pages(ring, ask, name):
    ada = person(ring, f"{name}_0")
    people = [ada] + [ring.user(f"{name}_{i}", token=False) for i in range(1, 8)]
    made(ask("POST", "/channels", {"name": name, "owner": ada.id, "members": [user.email for user in people]}))
    rows = pages(ask, f"/channels/{name}/members", "members", limit=3)
    assert {row["id"] for row in rows} == {user.id for user in people} and len(rows) == 8
    found = pages(ask, f"/channels/{name}/members", "members", q=f"{name}_5")
    assert [row["id"] for row in found] == [people[5].id]
    stranger = ring.management_token(person(ring, f"{name}_x"))
    there, nowhere = (ask("GET", f"/channels/{where}/members", token=stranger) for where in (name, "nowhere"))
    assert told(there, 403, "not_allowed") == told(nowhere, 403, "not_allowed")
    assert told(ask("GET", f"/channels/{name}/members?after={'x' * 36}"), 400, "invalid_param") == {"field": "after", "reason": "shape"}


def test_lists_are_filtered(ring, ask, name):
    ada, bob = person(ring, f"{name}_a"), person(ring, f"{name}_b")
    for number, user in enumerate((ada, ada, bob)):
        for kind in ("channels", "bots", "extensions"):
            made(ask("POST", f"/{kind}", {"name": f"{name}_{number}", "owner": user.id}))
    for kind in ("channels", "bots", "extensions"):
        made(ask("DELETE", f"/{kind}/{name}_0"))

        def listed(**params):
            return [row["name"][-1] for row in pages(ask, f"/{kind}", kind, limit=2, **params) if row["name"].startswith(name)]
        assert listed(q=name) == ["1", "2"] and listed(q=f"{name}_2") == ["2"]
        assert listed(archived="all", q=name) == ["0", "1", "2"] and listed(archived="true", q=name) == ["0"]
        assert listed(archived="all", owner=ada.email) == ["0", "1"] and listed(owner=bob.id) == ["2"]
        assert listed(owner="nobody@example.org") == []
        assert told(ask("GET", f"/{kind}?archived=maybe"), 400, "invalid_param") == {"field": "archived", "reason": "shape"}


def test_the_deactivated_are_listed(ring, ask, name):
    ada = ring.user(name, token=False)
    assert [row["id"] for row in pages(ask, "/users", "users", q=name)] == [ada.id]
    made(ask("DELETE", f"/users/{ada.id}"))
    assert pages(ask, "/users", "users", q=name) == []
    row, = pages(ask, "/users", "users", q=name, state="deactivated")
    assert row["id"] == ada.id and row["deactivated"].endswith("Z")
    assert [row["id"] for row in pages(ask, "/users", "users", q=name, state="all")] == [ada.id]
