"""The main job: a webhook call is authenticated, stored, answered, and can be read back."""

import re
import uuid

import pytest

pytestmark = pytest.mark.tsan


@pytest.fixture
def ada(ring, name):
    return ring.user(name)


@pytest.fixture
def bot(ring, name, ada):
    ring.bot(name, ada)
    return name


@pytest.fixture
def apps(ring, name, ada):
    return ring.extension(name, ada)


def code_of(answer):
    """The error code; asserts that the answer has the form that every error has."""
    body = answer.json()
    assert set(body) - {"details"} == {"code", "message", "request_id"}, body
    assert body["message"] and body["request_id"] == answer.headers["X-Request-Id"]
    assert answer.headers["Content-Type"].startswith("application/json")
    return body["code"]


# --- Channels

def test_channel_message_is_204_and_read_back(ring, ada, channel):
    answer = ring.post(ring.channel_url(channel, ada.token), {"text": "hello"})
    assert (answer.status_code, answer.content) == (204, b"")
    assert "Content-Length" not in answer.headers and "Transfer-Encoding" not in answer.headers
    assert uuid.UUID(answer.headers["X-Request-Id"])
    message, = ring.messages("channelsbyname", channel, ada.token)
    assert message["message"] == {"text": "hello"}
    assert message["sequence"] == 1
    assert message["sender"]["id"] == ada.id
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", message["time"])


def test_sync_message_returns_the_id_that_history_shows(ring, ada, channel):
    for params, extra in (({"sync_message": "true"}, {}), ({}, {"sync_message": True})):
        url = ring.channel_url(channel, ada.token, **params)
        answer = ring.post(url, {"text": "hello", **extra})
        assert answer.status_code == 200
        message_id = answer.json()["message_id"]
        assert re.fullmatch(r"\d{13}_\d+", message_id)
        assert ring.messages("channelsbyname", channel, ada.token)[-1]["id"] == message_id


def test_body_field_overrides_the_parameter_of_its_name(ring, ada, channel):
    url = ring.channel_url(channel, ada.token, sync_message="true")
    assert ring.post(url, {"text": "hello", "sync_message": False}).status_code == 204


@pytest.mark.parametrize("path", [
    "/api/v2/channelsbyname/{}/message",
    "/api/v3/channelsbyname/{}/messages",
    "/api/v2/channelsbyname/{}/messages",
    "/company/60001234/api/v2/channelsbyname/{}/message",
    "/company/60001234/api/v3/channelsbyname/{}/messages",
    "/network/my-network/api/v2/channelsbyname/{}/message",
    "//api/v2/channelsbyname/{}/message/",
    "/api/v2//channelsbyname/{}/message//",
])
def test_forms_of_the_channel_url(ring, ada, channel, path):
    assert ring.post(ring.url(path.format(channel), ada.token), {"text": path}).status_code == 204
    assert ring.texts(channel, ada.token) == [path]


@pytest.mark.parametrize("kind", ["channels", "chats"])
def test_channel_by_id(ring, ada, channel, kind):
    channel_id = ring.ctl("channel", "show", channel)["id"]
    url = ring.url(f"/api/v2/{kind}/{channel_id}/message", ada.token)
    assert ring.post(url, {"text": kind}).status_code == 204
    assert ring.texts(channel, ada.token) == [kind]
    assert len(ring.messages(kind, channel_id, ada.token)) == 1


def test_buddy_message_reaches_the_buddy_only(ring, ada, name):
    bob = ring.user(name + "_bob")
    for to in (bob.email, bob.id):
        url = ring.url(f"/api/v2/buddies/{to}/message", ada.token)
        assert ring.post(url, {"text": to}).status_code == 204
    found = ring.messages("buddies", bob.email, bob.token)
    assert [m["message"]["text"] for m in found] == [bob.email, bob.id]
    assert found[0]["sender"]["id"] == ada.id
    url = ring.url(f"/api/v2/buddies/{bob.email}/messages", ada.token)
    assert ring.get(url).status_code == 403


@pytest.mark.parametrize("content_type", [
    "application/json", "application/x-www-form-urlencoded", "text/plain", None])
def test_json_is_taken_whatever_its_content_type(ring, ada, channel, content_type):
    headers = {"Content-Type": content_type}
    answer = ring.post(ring.channel_url(channel, ada.token), '{"text": "ünï ✓"}', headers=headers)
    assert answer.status_code == 204
    assert ring.texts(channel, ada.token) == ["ünï ✓"]


@pytest.mark.parametrize("form", [{"text": "a b&c=d"}, {"payload": '{"text": "a b&c=d"}'}])
def test_forms(ring, ada, channel, form):
    answer = ring.request("POST", ring.channel_url(channel, ada.token), None, data=form)
    assert answer.status_code == 204
    assert ring.texts(channel, ada.token) == ["a b&c=d"]


def test_another_body_is_415(ring, ada, channel):
    answer = ring.post(ring.channel_url(channel, ada.token), b"hello there",
                       headers={"Content-Type": "text/plain"})
    assert (answer.status_code, code_of(answer)) == (415, "unsupported_media")


@pytest.mark.parametrize("body, path", [
    ({}, ""),
    ({"text": ""}, "text"),
    ({"text": 5}, "text"),
    ({"text": "x", "slides": [{"type": "text", "data": "a"},
                              {"type": "table", "data": {"headers": ["a"], "rows": 1}}]},
     "slides[1].data.rows"),
    ({"text": "x", "buttons": [{"label": "x" * 21}]}, "buttons[0].label"),
    ({"attachments": []}, "text"),
])
def test_a_wrong_message_is_400_with_the_path_of_the_field(ring, ada, channel, body, path):
    answer = ring.post(ring.channel_url(channel, ada.token), body)
    assert (answer.status_code, code_of(answer)) == (400, "invalid_message")
    assert path in answer.json()["message"]
    assert ring.texts(channel, ada.token) == []


# --- Credentials

@pytest.mark.parametrize("headers", [
    {"Authorization": "Bearer {}"},
    {"Authorization": "bearer {}"},
    {"Authorization": "Zoho-oauthtoken {}"},
    {"X-Webhook-Token": "{}"},
])
def test_token_in_a_header(ring, ada, channel, headers):
    filled = {key: value.format(ada.token) for key, value in headers.items()}
    answer = ring.post(ring.channel_url(channel), {"text": "hello"}, headers=filled)
    assert answer.status_code == 204


def test_the_same_token_twice_is_fine_and_two_are_refused(ring, ada, channel):
    other = ring.token(ada)["token"]
    url = ring.channel_url(channel, ada.token)
    same = {"Authorization": f"Bearer {ada.token}"}
    assert ring.post(f"{url}&zapikey={ada.token}", {"text": "a"}, headers=same).status_code == 204
    answers = [ring.post(f"{url}&zapikey={other}", {"text": "b"}),
               ring.post(url, {"text": "b"}, headers={"Authorization": f"Bearer {other}"}),
               ring.post(url, {"text": "b"}, headers={"X-Webhook-Token": other})]
    assert [a.status_code for a in answers] == [400] * 3
    assert ring.texts(channel, ada.token) == ["a"]


def test_every_bad_token_gets_the_same_answer(ring, ada, channel):
    deleted = ring.token(ada)
    ring.ctl("token", "delete", deleted["id"], "--yes")
    wrong = ada.token[:-1] + ("A" if ada.token[-1] != "A" else "B")
    bad = [None, "", "x", wrong, deleted["token"], "psm_" + ada.token[4:],
           "1001." + "a" * 32 + "." + "b" * 32, "ä" * 20]
    answers = [ring.post(ring.channel_url(channel, token), {"text": "x"}) for token in bad]
    assert {(a.status_code, code_of(a)) for a in answers} == {(401, "invalid_token")}
    assert len({a.json()["message"] for a in answers}) == 1


def test_revocation_is_immediate(ring, ada, channel):
    for _ in range(5):
        token = ring.token(ada)
        url = ring.channel_url(channel, token["token"])
        assert ring.post(url, {"text": "hello"}).status_code == 204
        ring.ctl("token", "delete", token["id"], "--yes")
        assert ring.post(url, {"text": "hello"}).status_code == 401


def test_imported_token_works(ring, ada, channel):
    old = "1001." + uuid.uuid4().hex + "." + uuid.uuid4().hex
    ring.ctl("token", "import", ada.email, input=old + "\n")
    assert ring.post(ring.channel_url(channel, old), {"text": "hello"}).status_code == 204


def test_who_may_not_post(ring, channel, bot, name):
    eve = ring.user(name + "_eve")
    for url in (ring.channel_url(channel, eve.token),
                ring.url(f"/api/v2/bots/{bot}/message", eve.token)):
        answer = ring.post(url, {"text": "hello"})
        assert (answer.status_code, code_of(answer)) == (403, "not_allowed")
    assert ring.get(ring.url(f"/api/v2/channelsbyname/{channel}/messages", eve.token)) \
        .status_code == 403
    ring.ctl("channel", "member", "add", channel, eve.email)
    assert ring.post(ring.channel_url(channel, eve.token), {"text": "hello"}).status_code == 204
    ring.ctl("channel", "member", "remove", channel, eve.email)
    assert ring.post(ring.channel_url(channel, eve.token), {"text": "hello"}).status_code == 403


# --- Targets and methods

@pytest.mark.parametrize("path, code", [
    ("/api/v2/channelsbyname/no_such/message", "unknown_channel"),
    ("/api/v2/channels/0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10/message", "unknown_channel"),
    ("/api/v2/channels/no-id/message", "unknown_channel"),
    ("/api/v2/bots/no_such/incoming", "unknown_bot"),
    ("/api/v2/bots/no_such/message", "unknown_bot"),
    ("/api/v2/applications/4711/incoming", "unknown_app"),
    ("/api/v2/buddies/no_such@example.org/message", "unknown_user"),
])
def test_unknown_targets(ring, ada, path, code):
    answer = ring.post(ring.url(path, ada.token, appkey="x"), {"text": "hello"})
    assert (answer.status_code, code_of(answer)) == (404, code)


@pytest.mark.parametrize("path", ["/", "/api/v2", "/api/v1/channelsbyname/x/message",
                                  "/api/v2/channelsbyname/x/messagess", "/company//api/v2/bots"])
def test_unknown_paths(ring, path):
    answer = ring.post(ring.url(path), {"text": "hello"})
    assert (answer.status_code, code_of(answer)) == (404, "not_found")


def test_wrong_method_is_405_and_names_the_right_ones(ring, ada, channel):
    answer = ring.request("PUT", ring.channel_url(channel, ada.token), {"text": "x"})
    assert (answer.status_code, code_of(answer)) == (405, "method_not_allowed")
    assert "POST" in answer.headers["Allow"]


def test_archived_channel_is_410(ring, ada, channel):
    ring.ctl("channel", "delete", channel)
    answer = ring.post(ring.channel_url(channel, ada.token), {"text": "hello"})
    assert (answer.status_code, code_of(answer)) == (410, "archived")


def test_too_large_a_body_is_413(ring, ada, bot):
    """An event may have more bytes than a message."""
    event, message = ring.bot_url(bot, ada.token), ring.url(f"/api/v2/bots/{bot}/message", ada.token)
    for url, most in ((message, 262144), (event, 1048576)):
        answer = ring.post(url, b"x" * (most + 1))
        assert (answer.status_code, code_of(answer)) == (413, "body_too_large")
        assert f"larger than the {most} bytes" in answer.json()["message"]
    assert ring.post(event, b"x" * 1048576).status_code == 200
    assert len(ring.messages("bots", bot, ada.token)) == 1


# --- Bots and extensions

@pytest.mark.parametrize("method", ["POST", "GET", "HEAD", "PUT", "DELETE"])
def test_bot_keeps_the_whole_event(ring, ada, bot, method):
    body = b"a=1\xc3\xa4" if method in ("POST", "PUT") else None
    url = ring.bot_url(bot, ada.token, build="42", q="a b")
    headers = {"X-Event": "push", "Content-Type": "text/x-own"}
    answer = ring.request(method, url, body, headers=headers)
    assert (answer.status_code, answer.text) == (200, "" if method == "HEAD" else "{}")
    found, = ring.messages("bots", bot, ada.token)
    event = found["event"]
    assert event["method"] == method
    assert event["parameters"] == {"build": "42", "q": "a b"}
    assert event["body"] == (body or b"").decode()
    assert event["headers"]["x-event"] == "push"
    assert event["headers"]["content-type"] == "text/x-own"
    assert event["user"]["id"] == ada.id and event["access"] == bot
    assert found["message"] is None
    assert ada.token not in str(found)


def test_bot_body_that_is_a_message_is_posted_as_it_is(ring, ada, bot):
    assert ring.post(ring.bot_url(bot, ada.token), {"text": "build passed"}).json() == {}
    assert ring.post(ring.url(f"/api/v2/bots/{bot}/message", ada.token),
                     {"text": "said"}).status_code == 204
    found = ring.messages("bots", bot, ada.token)
    assert [m["message"]["text"] for m in found] == ["build passed", "said"]


def test_bot_keeps_bytes_that_are_not_utf8(ring, ada, bot):
    assert ring.post(ring.bot_url(bot, ada.token), b"\xff\x00\xfe").status_code == 200
    found, = ring.messages("bots", bot, ada.token)
    assert found["event"]["body"] == {"base64": "/wD+"}


@pytest.mark.parametrize("environment", ["sandbox", "marketplace"])
def test_extension_needs_its_appkey(ring, ada, apps, environment):
    app = apps[environment]
    url = f"/api/v2/applications/{app.app_id}/incoming"
    assert ring.post(ring.extension_url(app, ada.token), {"order": 7}).status_code == 200
    # An appkey's "=" may come as it is.
    raw = ring.url(url, ada.token) + "&appkey=" + app.appkey
    assert ring.post(raw, {"order": 8}).text == "{}"
    missing = ring.post(ring.url(url, ada.token), {"order": 9})
    assert (missing.status_code, code_of(missing)) == (401, "appkey_required")
    other = apps["marketplace" if environment == "sandbox" else "sandbox"].appkey
    wrong = ring.post(ring.url(url, ada.token, appkey=other), {"order": 9})
    assert (wrong.status_code, code_of(wrong)) == (401, "invalid_appkey")
    found = ring.messages("applications", app.app_id, ada.token)
    assert [m["event"]["body"] for m in found] == ['{"order": 7}', '{"order": 8}']
    assert {m["event"]["environment"] for m in found} == {environment}
    assert app.appkey not in str(found)


def test_shown_extension_url_works_when_completed(ring, ada, apps):
    for app in apps.values():
        answer = ring.post(app.url.replace("TOKEN", ada.token), {"order": 1})
        assert answer.status_code == 200


# --- History

def test_history_pages(ring, ada, channel):
    url = ring.channel_url(channel, ada.token)
    for i in range(7):
        assert ring.post(url, {"text": str(i)}).status_code == 204
    first = ring.history("channelsbyname", channel, ada.token, limit=3)
    assert [m["message"]["text"] for m in first["messages"]] == ["0", "1", "2"]
    assert first["next"] == 4
    second = ring.history("channelsbyname", channel, ada.token, **{"from": 4, "limit": 4})
    assert [m["sequence"] for m in second["messages"]] == [4, 5, 6, 7]
    assert second["next"] is None
    past = ring.history("channelsbyname", channel, ada.token, **{"from": 100})
    assert (past["messages"], past["next"]) == ([], None)


def test_history_page_ends_at_a_mebibyte(ring, ada, bot):
    for _ in range(8):
        assert ring.post(ring.bot_url(bot, ada.token), b"x" * 200000).status_code == 200
    page = ring.history("bots", bot, ada.token, limit=100)
    assert 1 <= len(page["messages"]) < 8 and page["next"]
    assert len(ring.messages("bots", bot, ada.token)) == 8


@pytest.mark.parametrize("params", [{"limit": "0"}, {"limit": "x"}, {"from": "-1"},
                                    {"from": "99999999999999999999"}])
def test_history_refuses_wrong_parameters(ring, ada, channel, params):
    answer = ring.get(ring.url(f"/api/v2/channelsbyname/{channel}/messages", ada.token, **params))
    assert (answer.status_code, code_of(answer)) == (400, "invalid_param")


def test_message_is_read_back_as_posted(ring, ada, channel):
    posted = '{ "text":"a", "own_field": {"b": [1, 2.50, null]}, "card": {"title": "", "theme": "x"} }'
    assert ring.post(ring.channel_url(channel, ada.token), posted).status_code == 204
    url = ring.url(f"/api/v2/channelsbyname/{channel}/messages", ada.token)
    assert posted in ring.get(url).text


# --- Idempotency and limits

def test_idempotency_key(ring, ada, channel):
    url = ring.channel_url(channel, ada.token, sync_message="true")
    key = {"Idempotency-Key": f"key-{uuid.uuid4()}"}
    first, again = (ring.post(url, {"text": "once"}, headers=key) for _ in range(2))
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    assert "Idempotency-Replayed" not in first.headers
    assert again.headers["Idempotency-Replayed"] == "true"
    other = ring.post(url, {"text": "other"}, headers=key)
    assert (other.status_code, code_of(other)) == (422, "key_reused")
    assert ring.texts(channel, ada.token) == ["once"]


def test_idempotency_key_with_the_parameters_in_another_order(ring, ada, bot):
    key = {"Idempotency-Key": f"key-{uuid.uuid4()}"}

    def answer(query):
        return ring.post(f"{ring.base}/api/v2/bots/{bot}/incoming?{query}", b"x", headers=key)

    assert answer(f"a=1&b=2&b=3&zapikey={ada.token}").status_code == 200
    again = answer(f"b=2&zapikey={ada.token}&b=3&a=1")
    assert (again.status_code, again.headers.get("Idempotency-Replayed")) == (200, "true")
    other = answer(f"b=3&b=2&a=1&zapikey={ada.token}")
    assert (other.status_code, code_of(other)) == (422, "key_reused")
    assert len(ring.messages("bots", bot, ada.token)) == 1


def test_idempotency_key_belongs_to_its_user_and_target(ring, ada, channel, name):
    bob = ring.user(name + "_bob")
    ring.ctl("channel", "member", "add", channel, bob.email)
    ring.channel(name + "_2", ada)
    key = {"Idempotency-Key": f"key-{uuid.uuid4()}"}
    urls = [ring.channel_url(channel, ada.token), ring.channel_url(channel, bob.token),
            ring.channel_url(name + "_2", ada.token)]
    answers = [ring.post(url, {"text": "x"}, headers=key) for url in urls]
    assert [a.status_code for a in answers] == [204] * 3
    assert not any("Idempotency-Replayed" in a.headers for a in answers)


def test_rate_limit(ring, ada, channel):
    token = ring.token(ada, rate=1, burst=3)["token"]
    answers = [ring.post(ring.channel_url(channel, token), {"text": "x"}) for _ in range(6)]
    assert [a.status_code for a in answers[:3]] == [204] * 3
    refused = answers[-1]
    assert (refused.status_code, code_of(refused)) == (429, "rate_limited")
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.headers["RateLimit-Limit"] == "1"
    assert refused.headers["RateLimit-Remaining"] == "0"
    assert int(refused.headers["RateLimit-Reset"]) >= 1


def test_sixth_token_is_refused(ring, ada):
    for _ in range(4):
        ring.token(ada)
    done = ring.ctl_run("token", "create", ada.email, "--json")
    assert done.returncode == 1 and '"token_limit"' in done.stdout and "5" in done.stderr


def test_twenty_token_creations_in_parallel_leave_five(ring, name):
    import concurrent.futures
    bob = ring.user(name, token=False)
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        done = list(pool.map(lambda _: ring.ctl_run("token", "create", bob.email, "--json"),
                             range(20)))
    assert sorted(d.returncode for d in done) == [0] * 5 + [1] * 15
    assert len(ring.ctl("token", "list", bob.email)["tokens"]) == 5


# --- Order

def test_order_of_one_sender(ring, ada, channel):
    url = ring.channel_url(channel, ada.token)
    sent = [str(i) for i in range(50)]
    assert {ring.post(url, {"text": text}).status_code for text in sent} == {204}
    assert ring.texts(channel, ada.token) == sent


# --- deliveries

def test_the_owner_reads_the_delivery_log(ring, ada, bot):
    answer = ring.get(ring.url(f"/api/v2/bots/{bot}/deliveries", ada.token))
    assert answer.status_code == 200
    assert answer.json() == {"disabled": None, "waits": None, "turn": None, "deliveries": [], "next": None, "scanned": 0}
    answer = ring.post(ring.url(f"/api/v2/bots/{bot}/deliveries/retry", ada.token, id="1"))
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    answer = ring.post(ring.url(f"/api/v2/bots/{bot}/deliveries/replay", ada.token))
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")  # it has no handler
    answer = ring.get(ring.url(f"/api/v2/bots/{bot}/deliveries", ada.token, state="ill"))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_param")


def test_nobody_else_reads_it(ring, ada, name):
    eve = ring.user(name + "_eve")
    ring.bot(name, ada, subscribers=[eve])
    app = ring.extension(name, ada)["sandbox"]
    assert ring.get(ring.url(f"/api/v2/bots/{name}/messages", eve.token)).status_code == 200
    for place in (f"bots/{name}", f"applications/{app.app_id}"):
        for call, what in ((ring.get, ""), (ring.post, "/retry"), (ring.post, "/replay")):
            url = f"/api/v2/{place}/deliveries{what}"
            assert call(ring.url(url, eve.token, id="1")).status_code == 403
            assert call(ring.url(url, ada.token, id="1")).status_code != 403
