"""The admin listener: who may come in and with what, and what HTTP makes of the management operations."""

import pytest

from harness import postern


@pytest.fixture(scope="module")
def people(ring):
    """{role: (User, management token)}; the first owner is one that no test deactivates."""
    found = {}
    for role in ("owner", "admin", "member"):
        email = f"adm-{role}@example.org"
        user = postern.User(ring.ctl("user", "create", email, "--role", role), email)
        found[role] = user, ring.management_token(user)
    return found


@pytest.fixture(scope="module")
def owner(people):
    return people["owner"][1]


def refused(answer, status, code):
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    assert answer.json()["request_id"] == answer.headers["X-Request-Id"]


def test_a_management_token_opens_the_admin_api(ring, people):
    for role, (user, token) in people.items():
        answer = ring.admin("GET", "/me", token)
        assert answer.status_code == 200, answer.text
        me = answer.json()
        assert (me["id"], me["email"], me["role"]) == (user.id, user.email, role)
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Cache-Control"] == "no-store"


def test_no_other_credential_does(ring, people, owner):
    ada = ring.user("adm-ada")
    wrong = owner[:-1] + ("A" if owner[-1] != "A" else "B")
    for token in (None, ada.token, wrong, "psm_" + "x" * 36, "x" * 40, "short"):
        refused(ring.admin("GET", "/me", token), 401, "invalid_token")
    for more in ({"X-Webhook-Token": owner}, {"Authorization": f"Basic {owner}"}):
        refused(ring.admin("GET", "/me", headers=more), 401, "invalid_token")
    refused(ring.admin("GET", f"/me?zapikey={owner}"), 400, "invalid_param")
    refused(ring.admin("GET", f"/me?appkey={owner}", owner), 400, "invalid_param")


def test_each_listener_has_its_own_paths_and_tokens(ring, owner):
    ring.channel("adm_paths", ring.user("adm-paths"))
    refused(ring.get(ring.url("/api/v2/users"), headers={"Authorization": f"Bearer {owner}"}),
            404, "not_found")
    refused(ring.post(ring.channel_url("adm_paths", owner), {"text": "no"}), 401, "invalid_token")
    refused(ring.admin("POST", "/channelsbyname/adm_paths/message", owner, {"text": "no"}),
            404, "not_found")
    refused(ring.admin("PUT", "/bots/x/handler/push", owner, {}), 404, "not_found")
    answer = ring.admin("PATCH", "/users", owner, {})
    refused(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, POST"


def test_revocation_and_expiry_are_immediate(ring, people):
    user, _ = people["admin"]
    made = ring.ctl("management", "token", "create", user.email, "--name", "brief")
    token = made["token"]
    assert ring.admin("GET", "/me", token).status_code == 200
    assert made["last4"] == token[-4:] and made["state"] == "active"
    ring.ctl("management", "token", "delete", made["id"])
    refused(ring.admin("GET", "/me", token), 401, "invalid_token")
    short = ring.ctl("management", "token", "create", user.email, "--expires", "1s")["token"]
    ring.wait(lambda: ring.admin("GET", "/me", short).status_code == 401)
    refused(ring.admin("GET", "/me", short), 401, "token_expired")


def test_a_token_has_the_role_its_user_has_now_and_ends_with_it(ring, owner):
    email = "adm-rising@example.org"
    ring.ctl("user", "create", email)
    token = ring.management_token(email)
    refused(ring.admin("GET", "/audit", token), 403, "not_allowed")
    ring.ctl("user", "edit", email, "--role", "admin")
    assert ring.admin("GET", "/audit", token).status_code == 200
    ring.ctl("user", "delete", email, "--yes")
    refused(ring.admin("GET", "/audit", token), 401, "invalid_token")


def test_a_user_has_ten_of_them(ring):
    email = "adm-ten@example.org"
    ring.ctl("user", "create", email)
    for _ in range(10):
        ring.management_token(email)
    with pytest.raises(postern.CtlError) as error:
        ring.management_token(email)
    assert error.value.code == "token_limit"
    listed = ring.ctl("management", "token", "list", email)["tokens"]
    assert len(listed) == 10 and not [row for row in listed if "token" in row]


def test_its_use_is_noted(ring, people, owner):
    user, _ = people["member"]
    made = ring.ctl("management", "token", "create", user.email, "--name", "used")
    assert ring.admin("GET", "/me", made["token"]).status_code == 200

    def used():
        rows = ring.admin("GET", f"/users/{user.email}/management-tokens", owner).json()["tokens"]
        return [row for row in rows if row["id"] == made["id"]][0]["last_used"]
    ring.wait(used, what="the use to be noted")


def test_a_change_is_made_and_audited_with_who_and_whence(ring, people, owner):
    user, _ = people["owner"]
    answer = ring.admin("POST", "/users", owner, {"email": "adm-new@example.org"})
    assert answer.status_code == 200, answer.text
    row = ring.admin("GET", "/audit?last=1", owner).json()["rows"][0]
    assert (row["op"], row["who"], row["from"]) == ("user_create", user.id, "127.0.0.1")
    assert row["request"] == answer.headers["X-Request-Id"]


def test_arguments_come_as_http_has_them(ring, owner):
    assert ring.admin("GET", "/users?limit=1", owner).json()["next"]
    refused(ring.admin("GET", "/users?limit=x", owner), 400, "invalid_param")
    refused(ring.admin("GET", "/users?limit=1&limit=2", owner), 400, "invalid_param")
    refused(ring.admin("GET", "/users?colour=red", owner), 400, "invalid_param")
    refused(ring.admin("GET", "/users", owner, {"limit": 1}), 400, "invalid_request")
    refused(ring.admin("POST", "/users?x=1", owner, {"email": "a@b.cd"}), 400, "invalid_param")
    refused(ring.admin("POST", "/users", owner, '{"email":"a@b.cd"}'), 415, "unsupported_media")
    refused(ring.admin("POST", "/users", owner, "email=a@b.cd",
                       headers={"Content-Type": "application/x-www-form-urlencoded"}),
            415, "unsupported_media")
    refused(ring.admin("POST", "/users", owner, "{", headers={"Content-Type": "application/json"}),
            400, "invalid_json")
    refused(ring.admin("POST", "/users", owner, "[]", headers={"Content-Type": "application/json"}),
            400, "invalid_json")
    refused(ring.admin("POST", "/users", owner, {"email": "a" * 300000}), 413, "body_too_large")


def test_lists_go_page_by_page(ring, owner):
    ada = ring.user("adm-pages", token=False)
    names = {f"adm_page_{i}" for i in range(5)}
    for name in names:
        ring.channel(name, ada)
    found, after = [], ""
    while True:
        page = ring.admin("GET", f"/channels?limit=2{after}", owner).json()
        assert len(page["channels"]) <= 2
        found += [row["name"] for row in page["channels"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert names <= set(found) and len(found) == len(set(found))


def test_an_edit_that_names_an_old_etag_is_refused(ring, owner):
    ring.channel("adm_etag", ring.user("adm-etag", token=False))
    shown = ring.admin("GET", "/channels/adm_etag", owner)
    tag = shown.headers["ETag"]
    assert tag == f'"{shown.json()["etag"]}"'
    answer = ring.admin("PUT", "/channels/adm_etag", owner, {"name": "adm_etag2"},
                        headers={"If-Match": tag})
    assert answer.status_code == 200 and answer.headers["ETag"] != tag
    for wrong in (tag, '"' + "0" * 32 + '"'):
        refused(ring.admin("PUT", "/channels/adm_etag2", owner, {"name": "adm_etag3"},
                           headers={"If-Match": wrong}), 412, "precondition_failed")
    for shape in ("bare", 'W/"weak"', '"a", "b"', '""'):
        refused(ring.admin("PUT", "/channels/adm_etag2", owner, {"name": "adm_etag3"},
                           headers={"If-Match": shape}), 400, "invalid_request")
    assert ring.admin("PUT", "/channels/adm_etag2", owner, {"name": "adm_etag3"},
                      headers={"If-Match": "*"}).status_code == 200


def test_delete_is_idempotent(ring, people, owner):
    ada = ring.user("adm-gone")
    ring.channel("adm_gone", ada)
    ring.bot("adm_gone", ada)
    bob = ring.user("adm-gone2", token=False)
    ring.ctl("channel", "member", "add", "adm_gone", bob.email)
    for path in (f"/channels/adm_gone/members?user={bob.email}", "/channels/adm_gone",
                 "/bots/adm_gone", f"/tokens/{ada.token_id}", f"/users/{bob.email}"):
        first = ring.admin("DELETE", path, owner)
        assert first.status_code == 200 and first.json(), first.text
        again = ring.admin("DELETE", path, owner)
        # the member of a channel that is archived by now is asked for in its turn, before that
        assert (again.status_code, again.content) == (204, b""), again.text
    # what is there no more is nobody's: who may delete only its own is not told
    _, member = people["member"]
    refused(ring.admin("DELETE", "/channels/adm_gone", member), 403, "not_allowed")
    # an argument that names nobody is an error all the same
    eve = ring.user("adm-gone3", token=False)
    refused(ring.admin("DELETE", f"/users/{eve.email}?move_to=nobody", owner), 404, "unknown_user")


def test_requests_are_counted_by_their_end(ring, owner):
    def count(code):
        return ring.metric("authd-0", "admin_requests_total", code=code)
    before = count("none"), count("invalid_token")
    ring.admin("GET", "/me", owner)
    ring.admin("GET", "/me", "psm_" + "x" * 36)
    assert (count("none"), count("invalid_token")) == (before[0] + 1, before[1] + 1)
