"""What senders ask for by the other door: messages, events and streams on the admin listener, by a session in a
cookie or as Bearer, or by a management token."""

import json
import pathlib
import sys
import time
import uuid

import pytest

from harness import postern
from reading_streams import Raw, Sse
from test_admin_cookie import Browser
from test_logins import GOOD, denied, person

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lint"))

import tables  # noqa: E402

DOOR = [op for op in tables.ops() if op.credentials == "PERSON"]


class Reader:
    """Somebody with a browser, a session and a management token."""

    def __init__(self, ring, name, role="member"):
        self.user = person(ring, name)
        if role != "member":
            ring.manage("user_edit", self.user.email, role=role)
        self.user.token = ring.token(self.user)["token"]
        self.browser = Browser(ring)
        self.browser.enter(self.user.email)
        self.management = ring.management_token(self.user)
        self.ring = ring

    def by_cookie(self, method, path, body=None, **more):
        return self.browser.call(method, path, body, **more)

    def by_session(self, method, path, body=None):
        return self.ring.admin(method, path, self.browser.session, body)

    def by_token(self, method, path, body=None):
        return self.ring.admin(method, path, self.management, body)

    @property
    def doors(self):
        return self.by_cookie, self.by_session, self.by_token


@pytest.fixture
def ada(ring, name):
    return Reader(ring, f"a_{name}")


@pytest.fixture
def bea(ring, name):
    return Reader(ring, f"b_{name}")


def texts(answer):
    assert answer.status_code == 200, answer.text
    return [row["message"]["text"] for row in answer.json()["messages"]]


def test_a_channel_is_read_and_posted_to(ring, name, ada):
    made = ring.channel(name, ada.user, [ada.user])
    for number, door in enumerate(ada.doors):
        posted = door("POST", f"/channels/{name if number else made['id']}/messages", {"text": f"m{number}"})
        assert posted.status_code == 200 and posted.json()["message_id"], posted.text
    for door in ada.doors:
        assert texts(door("GET", f"/channels/{name}/messages")) == ["m0", "m1", "m2"]
        assert texts(door("GET", f"/channels/{made['id']}/messages?last=1")) == ["m2"]
        assert texts(door("GET", f"/channels/{name}/messages?q=m1&sender={ada.user.id}")) == ["m1"]
    page = ada.by_cookie("GET", f"/channels/{name}/messages?last=2").json()
    row = page["messages"][0]
    assert row["sender"]["id"] == ada.user.id
    older = ada.by_cookie("GET", f"/channels/{name}/messages?before={row['sequence']}")
    assert texts(older) == ["m0"]
    shown = ada.by_cookie("GET", f"/channels/{name}/messages/{row['id']}")
    assert shown.json()["message"]["text"] == "m1"
    # A webhook token reads the same.
    assert ring.texts(name, ada.user.token) == ["m0", "m1", "m2"]
    for wrong in ("?last=x", "?from=-1", "?before=x", "?nothing=1", "?from=99999999999999999999"):
        denied(ada.by_cookie("GET", f"/channels/{name}/messages{wrong}"), "invalid_param", 400)
    began = time.monotonic()
    last = ada.by_cookie("GET", f"/channels/{name}/messages").json()
    ada.by_cookie("GET", f"/channels/{name}/messages?from={last['messages'][-1]['sequence'] + 1}&wait=1")
    assert time.monotonic() - began >= 0.9


def test_a_key_counts_at_both_doors(ring, name, ada):
    made = ring.channel(name, ada.user, [ada.user])
    key = {"Idempotency-Key": uuid.uuid4().hex}
    by_door = ring.admin("POST", f"/channels/{name}/messages", ada.management, {"text": "once"}, headers=key)
    again = ada.browser.call("POST", f"/channels/{made['id']}/messages", {"text": "once"}, Idempotency_Key=key["Idempotency-Key"])
    url = ring.url(f"/api/v2/channels/{made['id']}/message", ada.user.token, sync_message="true")
    public = ring.post(url, {"text": "once"}, headers=key)
    for answer in (again, public):
        assert answer.headers["Idempotency-Replayed"] == "true" and answer.json() == by_door.json()
    assert texts(ada.by_cookie("GET", f"/channels/{name}/messages")) == ["once"]
    other = ada.by_token("POST", f"/channels/{name}/messages", {"text": "two"})
    assert other.status_code == 200
    denied(ring.admin("POST", f"/channels/{name}/messages", ada.management, {"text": "other"}, headers=key), "key_reused", 422)


def test_ones_own_message_is_changed_and_deleted(ring, name, ada, bea):
    ring.channel(name, ada.user, [ada.user, bea.user])
    posted = bea.by_cookie("POST", f"/channels/{name}/messages", {"text": "first"}).json()["message_id"]
    path = f"/channels/{name}/messages/{posted}"
    assert bea.by_cookie("PUT", path, {"text": "second"}).status_code == 200
    assert texts(ada.by_cookie("GET", f"/channels/{name}/messages")) == ["second"]
    own = ada.by_cookie("POST", f"/channels/{name}/messages", {"text": "ada's"}).json()["message_id"]
    for method in ("PUT", "DELETE"):
        denied(bea.by_cookie(method, f"/channels/{name}/messages/{own}", {"text": "x"} if method == "PUT" else None),
               "not_allowed", 403)
    assert ada.by_cookie("DELETE", path).status_code == 204  # the channel's owner
    assert bea.by_token("DELETE", path).status_code in (204, 404)
    denied(bea.by_cookie("PUT", path, {"text": "third"}), "unknown_message", 404)
    denied(bea.by_cookie("GET", f"/channels/{name}/messages/no"), "unknown_message", 404)


def test_bots_extensions_and_oneself(ring, name, ada, bea):
    ring.bot(name, ada.user, [bea.user])
    extension = ring.extension(name, ada.user)
    for path in (f"/bots/{name}", f"/extensions/{extension['sandbox'].app_id}", "/users/me"):
        posts = "" if "extensions" in path else "messages"
        event = "" if "users" in path else "events"
        if posts:
            assert ada.by_cookie("POST", f"{path}/{posts}", {"text": "hello"}).status_code == 200
        if event:
            answer = ada.by_cookie("POST", f"{path}/{event}?n=1", {"any": "thing"})
            assert answer.status_code in (200, 202, 204), answer.text
        found = ada.by_cookie("GET", f"{path}/messages").json()["messages"]
        assert len(found) == bool(posts) + bool(event), found
        if event:
            got = found[-1]["event"]
            assert json.dumps(got).find(ada.browser.session) < 0 and ada.browser.csrf not in json.dumps(got)
            assert not {"cookie", "origin", "x-csrf-token", "authorization"} & {header.lower() for header in got["headers"]}
    for ask in ("", "?environment=nowhere"):
        denied(ada.by_cookie("GET", f"/extensions/{name}/messages{ask}"), "invalid_param", 400)
    assert len(ada.by_cookie("GET", f"/extensions/{name}/messages?environment=sandbox").json()["messages"]) == 1
    assert ada.by_cookie("GET", f"/extensions/{name}/messages?environment=marketplace").json()["messages"] == []
    assert ada.by_cookie("POST", f"/extensions/{name}/events?environment=marketplace&x=1", {"a": 1}).status_code in (200, 204)
    event = ada.by_cookie("GET", f"/extensions/{name}/messages?environment=marketplace").json()["messages"][0]["event"]
    assert event["environment"] == "marketplace" and event["parameters"] == {"x": "1"}, event
    # To a colleague, who alone reads it.
    assert bea.by_cookie("POST", f"/users/{ada.user.email}/messages", {"text": "psst"}).status_code == 200
    assert texts(ada.by_cookie("GET", f"/users/{ada.user.id}/messages")) == ["hello", "psst"]
    denied(bea.by_cookie("GET", f"/users/{ada.user.id}/messages"), "not_allowed", 403)
    ring.channel(name, ada.user, [ada.user])
    assert ada.by_cookie("POST", f"/channels/{name}/events", {"text": "event"}).status_code in (200, 204)


def paths(name, extension, outlet):
    """Each operation of the door on the objects of this name: (operation, method, path)."""
    target = {"channels": name, "bots": name, "extensions": extension["sandbox"].app_id, "users": "{user}", "outlets": outlet}
    for op in DOOR:
        if op.name in ("person_streams", "person_deliveries"):  # of whatever its reader may read: below, and test_delivery_lists.py
            continue
        path = op.path.strip('"')
        yield op, op.methods.removeprefix("OP_"), path.replace("{target}", target[path.split("/")[1]]) \
            .replace("{message}", "1700000000000_1").replace("{number}", "1")


@pytest.mark.parametrize("role", ("member", "admin", "owner"))
def test_a_role_opens_no_content(ring, name, ada, role):
    """The walk of the door: with foreign objects nothing is done, and who sees no such object learns nothing."""
    eve = Reader(ring, f"e_{name}", role)
    ring.channel(name, ada.user, [ada.user])
    ring.bot(name, ada.user, [ada.user])
    extension = ring.extension(name, ada.user)
    outlet = ring.manage("outlet_create", name, kind="generic", url="http://192.0.2.1:9/")["id"]
    ada.by_cookie("POST", f"/channels/{name}/messages", {"text": "secret"})
    seen = {"person_bot_deliveries", "person_extension_deliveries", "person_outlet_deliveries"}  # without bodies
    open_to_all = {"person_bot_event", "person_user_message", "person_user_edit", "person_user_delete"}
    for op, method, path in paths(name, extension, outlet):
        path = path.replace("{user}", ada.user.id)
        body = {"text": "x"} if method in ("POST", "PUT") else None
        for door in eve.doors:
            answer = door(method, path, body)
            if role != "member" and op.name in seen:
                assert answer.status_code == 200 and "secret" not in answer.text, (op.name, answer.text)
                continue
            if op.name in open_to_all:
                assert answer.status_code in (200, 204, 404), (op.name, answer.text)
                continue
            denied(answer, "not_allowed", 403)
            assert answer.json()["details"]["reason"] == "not_among", op.name
            assert "secret" not in answer.text and name not in answer.json()["message"]
        if role == "member" and op.name not in open_to_all and "users" not in path:
            nowhere = eve.by_token(method, path.replace(name, "door_nowhere").replace(extension["sandbox"].app_id, "77")
                                  .replace(outlet, ada.user.id), body)
            assert (nowhere.status_code, nowhere.json()["message"]) == (403, answer.json()["message"]), op.name
    assert texts(ada.by_cookie("GET", f"/channels/{name}/messages")) == ["secret"]
    if role == "member":
        return
    before = ring.manage("audit_list", last=1)["rows"][-1]["number"]
    added = eve.by_cookie("POST", f"/channels/{name}/members", {"user": eve.user.email})
    assert added.status_code == 200
    assert texts(eve.by_cookie("GET", f"/channels/{name}/messages")) == ["secret"]
    row = ring.manage("audit_list", last=1)["rows"][-1]
    assert row["number"] == before + 1 and row["op"] == "channel_member_add"


def test_each_credential_opens_its_own_door(ring, name, ada):
    made = ring.channel(name, ada.user, [ada.user])
    for token in (None, ada.user.token, ada.management[:-1] + ("y" if ada.management.endswith("x") else "x"), "pss_" + "x" * 64, "x" * 40):
        for method, path, body in (("GET", "messages", None), ("POST", "messages", {"text": "x"}), ("POST", "events", {})):
            answer = ring.admin(method, f"/channels/{name}/{path}", token, body)
            assert answer.status_code == 401 and answer.json()["code"] in ("invalid_session", "invalid_token"), answer.text
            assert "webhook token is missing" not in answer.text
    for token in (ada.management, ada.browser.session):
        url = ring.url(f"/api/v2/channels/{made['id']}/messages", token)
        assert ring.get(url).status_code == 401
        assert ring.admin("GET", f"/channels/{name}/messages?zapikey={token}").status_code == 400
    assert ring.admin("GET", f"/channelsbyname/{name}/messages", ada.management).status_code == 404
    ada.by_cookie("POST", "/logout")
    denied(ring.admin("GET", f"/channels/{name}/messages", ada.browser.http.cookies.get("postern") or "pss_" + "y" * 64),
           "invalid_session")


def test_another_page_and_another_session_post_nothing(ring, name, ada, bea):
    """Two people in one browser: the page of the one that was signed in before has the other's csrf."""
    ring.channel(name, ada.user, [ada.user, bea.user])
    path, body = f"/channels/{name}/messages", {"text": "x"}
    former = ada.browser.csrf
    ada.browser.enter(bea.user.email)  # in another tab
    answer = ada.browser.call("POST", path, body, X_CSRF_Token=former)
    denied(answer, "csrf_refused", 403)
    assert answer.json()["details"] == {"reason": "other_session", "user": bea.user.id}
    for csrf in (None, "", former[:-1], bea.browser.csrf):
        denied(ada.browser.call("POST", path, body, X_CSRF_Token=csrf), "csrf_refused", 403)
    for origin in (None, "null", "https://evil.example", ring.base):
        answer = ada.browser.call("POST", path, body, Origin=origin)
        denied(answer, "csrf_refused", 403)
        assert answer.json()["details"]["reason"] == "foreign_origin"
    denied(ada.browser.call("GET", path, Origin="https://evil.example"), "csrf_refused", 403)
    assert texts(bea.by_cookie("GET", path)) == []
    assert ada.browser.call("POST", path, body).status_code == 200
    assert [row["sender"]["id"] for row in bea.by_cookie("GET", path).json()["messages"]] == [bea.user.id]


def test_the_rate_of_a_session_and_its_use(make_ring, name):
    ring = make_ring(settings={"authd.session_idle_s": "4", "authd.rate": "2", "authd.burst": "5"}).up()
    ada = Reader(ring, name)
    ring.channel(name, ada.user, [ada.user])
    for _ in range(10):
        time.sleep(0.5)
        assert ada.by_cookie("GET", f"/channels/{name}/messages").status_code == 200
    assert ada.by_token("GET", f"/channels/{name}/messages").status_code == 200

    def used():
        rows = ring.manage("management_token_list", ada.user.email)["tokens"]
        return rows[0].get("last_used")
    postern.wait(used, what="the use of the management token")

    # The rate is that of a token; another credential of the same user has its own, and management none.
    codes = [ada.by_cookie("GET", f"/channels/{name}/messages").status_code for _ in range(30)]
    assert 429 in codes
    answer = [a for a in (ada.by_cookie("GET", f"/channels/{name}/messages") for _ in range(30)) if a.status_code == 429][0]
    assert "authd.rate" in answer.json()["message"] and answer.headers["Retry-After"]
    assert ada.by_token("GET", f"/channels/{name}/messages").status_code == 200
    assert ada.by_cookie("GET", "/me").status_code == 200


class Stream:
    """A stream of the admin listener."""

    def __init__(self, ring, path, *headers):
        self.raw = Raw(ring.admin_port, f"/api/v2{path}", headers)

    def __enter__(self):
        assert self.raw.status == 200, self.raw.body()
        self.events = iter(Sse(self.raw.chunks()))
        return self

    def __exit__(self, *_):
        self.raw.close()

    def message(self):
        for event, data, _ in self.events:
            if event == "message":
                return json.loads(data)["message"]["text"]
        raise AssertionError("the stream has ended")

    def end(self):
        """(code, seconds until it came)"""
        began = time.monotonic()
        for event, data, _ in self.events:
            if event == "end":
                return json.loads(data)["code"], time.monotonic() - began
        raise AssertionError("no end")


def test_a_stream_lives_as_long_as_its_session_and_its_right(ring, name, ada, bea):
    made = ring.channel(name, ada.user, [ada.user, bea.user])
    extension = ring.extension(name, ada.user)["sandbox"]
    ring.bot(name, ada.user, [ada.user])
    cookie = f"Cookie: postern={ada.browser.session}"
    ours, bearer = f"Origin: {ada.browser.origin}", f"Authorization: Bearer {ada.management}"
    path = f"/channels/{name}/stream"
    for wrong in ("Origin: https://evil.example", "Origin: null"):
        refused = Raw(ring.admin_port, f"/api/v2{path}", (cookie, wrong))
        assert refused.status == 403 and json.loads(refused.body())["code"] == "csrf_refused"
    refused = Raw(ring.admin_port, f"/api/v2{path}")
    assert refused.status == 401
    with Stream(ring, path, cookie, ours) as page, Stream(ring, f"/channels/{made['id']}/stream", bearer) as program, \
            Stream(ring, f"/extensions/{name}/stream?environment=sandbox", cookie) as events, \
            Stream(ring, f"/extensions/{extension.app_id}/stream", cookie) as by_app, \
            Stream(ring, f"/bots/{name}/stream", cookie), Stream(ring, "/users/me/stream", cookie) as own, \
            Stream(ring, path, f"Cookie: postern={bea.browser.session}") as other:
        bea.by_cookie("POST", f"/channels/{name}/messages", {"text": "one"})
        assert {reader.message() for reader in (page, program, other)} == {"one"}
        bea.by_cookie("POST", f"/users/{ada.user.id}/messages", {"text": "psst"})
        assert own.message() == "psst"
        ring.admin("POST", f"/extensions/{extension.app_id}/events", ada.management, {"n": 1})
        assert next(iter(event for event, *_ in events.events if event == "message"))
        ada.by_cookie("DELETE", f"/channels/{name}/members?user={bea.user.id}")
        code, took = other.end()
        assert code == "not_allowed"
        postern.in_time(took, 2 * postern.SLOW)
        ada.by_cookie("POST", "/logout")
        for reader in (page, events, by_app, own):
            code, took = reader.end()
            assert code == "invalid_session"
            postern.in_time(took, 2 * postern.SLOW)
        ring.manage("management_token_delete", ring.manage("management_token_list", ada.user.email)["tokens"][0]["id"])
        code, took = program.end()
        assert code in ("invalid_token", "invalid_session")
        postern.in_time(took, 2 * postern.SLOW)


def test_one_stream_of_all_that_one_may_read(ring, name, ada, bea):
    """/streams by a cookie: what comes to be readable is in it, what is not any more leaves it, and it ends with the session."""
    made = ring.channel(name, ada.user, [ada.user])
    cookie = f"Cookie: postern={bea.browser.session}"
    for foreign in (f"channel:{name}", "channel:door_nowhere", f"bot:{name}", "extension:77"):
        refused = Raw(ring.admin_port, f"/api/v2/streams?targets={foreign}", (cookie,))
        answer = json.loads(refused.body())
        assert (refused.status, answer["code"]) == (403, "not_allowed"), answer
    assert Raw(ring.admin_port, "/api/v2/streams", (cookie, "Origin: https://evil.example")).status == 403
    ring.channel(f"{name[:60]}_b", bea.user, [bea.user])
    with Stream(ring, "/streams", cookie) as page, Stream(ring, f"/streams?targets=channel:{name}", f"Cookie: postern={ada.browser.session}") as named:
        bea.by_cookie("POST", f"/channels/{name[:60]}_b/messages", {"text": "own"})
        assert page.message() == "own"
        ada.by_cookie("POST", f"/channels/{made['id']}/members", {"user": bea.user.id})
        time.sleep(2)
        ada.by_cookie("POST", f"/channels/{name}/messages", {"text": "both"})
        assert page.message() == named.message() == "both"
        bea.by_cookie("POST", "/logout")
        while True:
            code, took = page.end()
            if code == "invalid_session":
                break
        postern.in_time(took, 2 * postern.SLOW)


def test_deliveries_of_ones_own(ring, name, ada, bea):
    ring.bot(name, ada.user, [bea.user])
    ring.manage("bot_handler_set", name, url="http://192.0.2.1:9/")
    assert bea.by_cookie("POST", f"/bots/{name}/events", {"n": 1}).status_code == 200
    path = f"/bots/{name}/deliveries"
    row, = ring.wait(lambda: ada.by_cookie("GET", path).json()["deliveries"])
    for method, more in (("GET", ""), ("GET", f"/{row['number']}"), ("POST", f"/retry?id={row['id']}"), ("POST", "/replay")):
        denied(bea.by_cookie(method, path + more), "not_allowed", 403)  # a subscriber is no owner
        if method == "POST":
            denied(ada.browser.call(method, path + more, X_CSRF_Token=bea.browser.csrf), "csrf_refused", 403)
        answer = ada.by_cookie(method, path + more)
        assert answer.status_code == 200, answer.text
    denied(ada.by_cookie("GET", path + "?from=x"), "invalid_param", 400)


def test_an_outlet_of_ones_channel(ring, name, ada, bea):
    ring.channel(name, ada.user, [ada.user, bea.user])
    outlet = ring.manage("outlet_create", name, kind="generic", url="http://192.0.2.1:9/")["id"]
    assert ada.by_cookie("POST", f"/channels/{name}/messages", {"text": "one"}).status_code == 200
    path = f"/outlets/{outlet}"
    row, = ring.wait(lambda: ada.by_cookie("GET", f"{path}/deliveries").json()["deliveries"])
    for method, more in (("GET", "/deliveries"), ("GET", f"/deliveries/{row['number']}"), ("POST", f"/deliveries/retry?id={row['id']}"),
                         ("POST", "/deliveries/replay?dry_run=true"), ("GET", "/deliveries/replay"), ("DELETE", "/deliveries/replay"),
                         ("POST", "/test")):
        denied(bea.by_cookie(method, path + more), "not_allowed", 403)  # a member is no owner
        for door in ada.doors:
            answer = door(method, path + more)
            assert answer.status_code == 200, (method, more, answer.text)


def test_an_import_by_the_owner_alone(ring, name, ada, bea):
    ring.channel(name, ada.user, [ada.user, bea.user])
    path = f"/channels/{name}/import?time=2026-01-02T03:04:05Z&sender=Eve"
    denied(bea.by_cookie("POST", path, {"text": "x"}), "not_allowed", 403)
    made = [door("POST", path, {"text": "old"}) for door in ada.doors]
    assert [answer.status_code for answer in made] == [200, 200, 200], made[0].text
    rows = ada.by_cookie("GET", f"/channels/{name}/messages").json()["messages"]
    assert [(row["id"], row["time"], row["sender"]["name"]) for row in rows] == \
        [(answer.json()["message_id"], "2026-01-02T03:04:05.000Z", "Eve") for answer in made]
