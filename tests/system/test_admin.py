"""The admin listener: who may come in and with what, and what HTTP makes of the management operations."""

import json
import signal
import subprocess

import msgpack
import pytest
import requests

from harness import postern, rogue
from harness.connection import Connection, post


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
    for token in (ada.token, wrong, "psm_" + "x" * 36, "x" * 40, "short"):
        refused(ring.admin("GET", "/me", token), 401, "invalid_token")
    for more in ({"X-Webhook-Token": owner}, {"Authorization": f"Basic {owner}"}):
        refused(ring.admin("GET", "/me", headers=more), 401, "invalid_session")
    refused(ring.admin("GET", "/me"), 401, "invalid_session")
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
    assert answer.headers["Allow"] == "GET, HEAD, POST"


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


def over_http(ring, token, *words, **more):
    """posternctl away from the machine: no configuration, no control socket."""
    environment = {**ring.environment, "POSTERN_MANAGEMENT_URL": f"http://127.0.0.1:{ring.admin_port}",
                   "POSTERN_MANAGEMENT_TOKEN": token, "POSTERN_CONF": "/nonexistent"}
    return subprocess.run([str(ring.binaries / "posternctl"), *words], env=environment, text=True,
                          capture_output=True, timeout=60 * postern.SLOW, cwd="/", **more)


def test_posternctl_says_the_same_over_http(ring, owner):
    ada = ring.user("adm-remote")
    ring.channel("adm_remote", ada)
    for words in (("user", "show", ada.email), ("channel", "show", "adm_remote"),
                  ("token", "list", ada.email), ("channel", "list", "--limit", "3"),
                  ("audit", "list", "--limit", "2")):
        there, here = over_http(ring, owner, *words), ring.ctl_run(*words)
        assert there.returncode == here.returncode == 0, there.stderr
        assert there.stdout == here.stdout and there.stdout
        assert over_http(ring, owner, *words, "--json").stdout == ring.ctl_run(*words, "--json").stdout


def test_posternctl_changes_over_http(ring, owner):
    made = json.loads(over_http(ring, owner, "user", "create", "adm-far@example.org", "--json").stdout)
    email = made["email"]
    token = json.loads(over_http(ring, owner, "token", "create", email, "--json").stdout)
    assert token["token"].startswith("pst_")
    text = over_http(ring, owner, "channel", "create", "adm_far", "--owner", email,
                     "--members", "adm-remote@example.org")
    assert text.returncode == 0, text.stderr
    stale = over_http(ring, owner, "user", "edit", email, "--name", "Far", "--if-match", "0" * 32)
    assert stale.returncode == 1 and "changed since" in stale.stderr
    member = ("channel", "member", "remove", "adm_far", "adm-remote@example.org")
    assert over_http(ring, owner, *member).returncode == 0
    assert over_http(ring, owner, "token", "import", email, input="far-" + "x" * 40).returncode == 0
    assert over_http(ring, owner, "user", "delete", email, "--yes").returncode == 0
    gone = over_http(ring, owner, "user", "show", email, "--json")
    assert gone.returncode == 1 and json.loads(gone.stdout)["code"] == "unknown_user"


def test_posternctl_tells_what_is_wrong_over_http(ring, people):
    _, member = people["member"]
    refusal = over_http(ring, member, "audit", "list", "--json")
    assert refusal.returncode == 1 and json.loads(refusal.stdout)["code"] == "not_allowed"
    wrong = over_http(ring, "psm_" + "x" * 36, "me", "show", "--json")
    assert json.loads(wrong.stdout)["code"] == "invalid_token"
    missing = over_http(ring, "", "me", "show")
    assert missing.returncode == 1 and "no management token" in missing.stderr
    public = over_http(ring, member, "me", "show", "--management-url", ring.base)
    assert public.returncode == 1 and "no such endpoint" in public.stderr
    nobody = over_http(ring, member, "me", "show", "--management-url", "http://127.0.0.1:1")
    assert nobody.returncode == 1 and "no answer" in nobody.stderr


# --- the same request twice

def entry(op, token, attempt=1, target="", body=False, method=4):
    made = rogue.request(op=op, target=target, token=token, body=body)
    made[2], made[5] = attempt, method
    made[8] = msgpack.packb("content-type") + msgpack.packb("application/json")
    return made


def ask(peer, made, body=b""):
    """(status, error, body) of the reply."""
    peer.send(peer.requests(list(made)), *([body] if body else []))
    _, fields, bodies = peer.receive(rogue.REPLIES)
    reply = fields[5][0]
    assert reply[0] == made[0]
    return reply[3], reply[4], bodies[0] if bodies else b""


def test_a_change_is_made_once_also_when_authd_dies_in_between(make_ring):
    ring = make_ring().up()
    email = "once@example.org"
    ring.ctl("user", "create", email, "--role", "owner")
    token = ring.management_token(email)
    create = 190  # management_token_create, whose answer shows a secret once
    first = entry(create, token, target=email, body=True)
    again = [*first[:2], 2, *first[3:]]
    with rogue.Rogue(ring, "authd-admin") as peer:
        peer.greet(rogue.GATEWAY)
        made = ask(peer, first, b"{}")
        assert made[0] == 200 and b"psm_" in made[2]
        assert ask(peer, again, b"{}") == made
        revoked = entry(create, token[:-1] + "!", 2, email, True)
        revoked[0] = first[0]
        assert ask(peer, revoked, b"{}")[0] == 401
    ring.kill("authd-0")
    ring.wait_ready("authd-0")
    with rogue.Rogue(ring, "authd-admin") as peer:
        peer.greet(rogue.GATEWAY)
        status, _, text = ask(peer, again, b"{}")
        assert status == 409 and b"its answer is lost" in text
        # one that made nothing is made now
        fresh = entry(create, token, 2, email, True)
        assert ask(peer, fresh, b"{}")[0] == 200
    rows = ring.ctl("audit", "list")["rows"]
    assert [row["op"] for row in rows].count("management_token_create") == 3  # one is the ring's
    ids = [row["request"] for row in rows if row["request"]]
    assert len(ids) == len(set(ids)) == 2


def test_a_gateway_that_waits_for_authd_gets_its_answer(make_ring):
    """Requests that come while authd is away are answered when it is back, each change once."""
    ring = make_ring().up()
    ring.ctl("user", "create", "wait@example.org", "--role", "owner")
    token = ring.management_token("wait@example.org")
    ring.kill("authd-0")
    answer = ring.admin("POST", "/users", token, {"email": "late@example.org"})
    assert answer.status_code == 200, answer.text
    ops = [row["op"] for row in ring.ctl("audit", "list")["rows"]]
    assert ops.count("user_create") == 2


def test_what_authd_takes_from_a_gateway_is_admin_requests_only(make_ring):
    ring = make_ring().up()
    ring.ctl("user", "create", "raw@example.org", "--role", "owner")
    token = ring.management_token("raw@example.org")
    with rogue.Rogue(ring, "authd-admin") as peer:
        peer.greet(rogue.GATEWAY)
        for op, method in ((1, 4), (214, 8), (999, 1), (101, 4), (0, 1)):
            assert ask(peer, entry(op, token, method=method))[0] in (401, 503)
        assert ask(peer, entry(101, token, method=1))[0] == 200
        assert ask(peer, entry(101, "pst_" + "a" * 36, method=1))[0] == 401
    with rogue.Rogue(ring, "authd-admin", "rogue-1") as peer:
        assert peer.refusal(rogue.CONTROL) is not None


# --- the listener

def test_gateways_of_a_host_share_the_listener(make_ring):
    ring = make_ring(gateways=2).up()
    ring.ctl("user", "create", "two@example.org", "--role", "owner")
    token = ring.management_token("two@example.org")
    for name in ("gateway-0", "gateway-1"):
        ring.kill(name, signal.SIGTERM)
        for _ in range(20):
            with requests.Session() as session:  # a connection of its own each time
                session.trust_env = False
                answer = session.get(f"http://127.0.0.1:{ring.admin_port}/api/v2/me", timeout=30,
                                     headers={"Authorization": f"Bearer {token}"})
                assert answer.status_code == 200, answer.text
        ring.wait_ready(name)


def test_it_speaks_tls_with_a_certificate_of_its_own(make_ring, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem",
                    "-out", "cert.pem"], cwd=tmp_path, check=True, capture_output=True)
    ring = make_ring(settings={"admin.tls_certificate": tmp_path / "cert.pem",
                               "admin.tls_key": tmp_path / "key.pem"}).up()
    ring.ctl("user", "create", "tls@example.org")
    token = ring.management_token("tls@example.org")
    me = ring.get(f"https://127.0.0.1:{ring.admin_port}/api/v2/me", verify=str(tmp_path / "cert.pem"),
                  headers={"Authorization": f"Bearer {token}"})
    assert me.json()["email"] == "tls@example.org"
    assert ring.get(ring.url("/api/v2/token")).status_code == 401  # the public one has none
    with pytest.raises(requests.ConnectionError):
        ring.admin("GET", "/me", token)


def test_without_an_address_there_is_none(make_ring):
    ring = make_ring(settings={"admin.listen": ""}).up()
    with pytest.raises(requests.ConnectionError):
        ring.admin("GET", "/me")
    assert ring.get(ring.url("/api/v2/me")).status_code == 404


def test_senders_waiting_do_not_lock_the_operator_out(make_ring):
    """While authd is stopped, senders fill the gateway's queue, and an admin request waits as well."""
    ring = make_ring(settings={"queue.messages": 16}).up()
    ada = ring.user("busy")
    ring.ctl("user", "edit", ada.email, "--role", "owner")
    token = ring.management_token(ada)
    ring.channel("busy", ada)
    ring.pause("authd-0")
    try:
        posts = []
        for _ in range(24):
            connection = Connection(ring.port)
            connection.send(post(f"/api/v2/channelsbyname/busy/message?zapikey={ada.token}", b'{"text":"x"}'))
            posts.append(connection)
        waiting = Connection(ring.admin_port)
        waiting.send(post("/api/v2/me", method="GET", headers=[f"Authorization: Bearer {token}"]))
    finally:
        ring.resume("authd-0")
    assert waiting.answer().status == 200
    for connection in [*posts, waiting]:
        connection.__exit__(None, None, None)
