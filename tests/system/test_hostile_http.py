"""Bad input over HTTP: bodies, queries, credentials, names. Every refusal says what was wrong."""

import base64
import json
import uuid

import pytest

from harness.connection import Connection, chunked, post

LIMIT = 262144  # gateway.body_bytes
EVENT = 1048576  # gateway.incoming_body_bytes


@pytest.fixture
def ada(ring, name):
    return ring.user(name)


@pytest.fixture
def bot(ring, name, ada):
    ring.bot(name, ada)
    return name


def channel_path(name, token):
    return f"/api/v2/channelsbyname/{name}/message?zapikey={token}"


def bot_path(name, token):
    return f"/api/v2/bots/{name}/incoming?zapikey={token}"


# --- Bodies

@pytest.mark.parametrize("body", [
    b'{"text":', b'{"text":"x"', b'{"text":"x"}}', b"{'text':'x'}", b'{"text":"x",}',
    b'{"text":"a\xff"}', b'{"text":"\xed\xa0\x80"}', b'{"text":"\xc0\xaf"}', b'{"text":"\\ud800"}',
    b'{"text":"a\x00b"}', b'\x00{"text":"x"}', b'{"text":"a\nb"}', b'{"text":NaN}',
    b'{"text":"x"}\x00', b"[" * 5000, b'{"a":' * 5000, b'{"text":"x","n":0' + b"9" * 400 + b"}",
], ids=range(17))
def test_malformed_json_is_400_and_not_stored(ring, raw, ada, channel, body):
    answer = raw.post(channel_path(channel, ada.token), body, ["Content-Type: application/json"])
    assert (answer.status, answer.code) == (400, "invalid_json"), answer
    assert raw.post(channel_path(channel, ada.token), b'{"text":"next"}').status == 204
    assert ring.texts(channel, ada.token) == ["next"]


@pytest.mark.parametrize("body", ["[]", '["text"]', '"text"', "1", "null", "true"])
def test_json_that_is_no_object_is_400(raw, ada, channel, body):
    answer = raw.post(channel_path(channel, ada.token), body.encode(),
                      ["Content-Type: application/json"])
    assert answer.status == 400 and answer.code in ("invalid_json", "invalid_message"), answer


@pytest.mark.parametrize("message, path", [
    ({"text": "x" * 5001}, "text"),
    ({"text": ["x"]}, "text"),
    ({"text": {"a": 1}}, "text"),
    ({"text": None}, "text"),
    ({"text": "x", "bot": "name"}, "bot"),
    ({"text": "x", "bot": {"name": 1}}, "bot.name"),
    ({"text": "x", "card": []}, "card"),
    ({"text": "x", "card": {"title": "t" * 201}}, "card.title"),
    ({"text": "x", "slides": {}}, "slides"),
    ({"text": "x", "slides": [{"type": "text", "data": "a"}] * 21}, "slides"),
    ({"text": "x", "slides": ["a"]}, "slides[0]"),
    ({"text": "x", "slides": [{"type": "list", "data": [1]}]}, "slides[0].data[0]"),
    ({"text": "x", "buttons": [{"label": "a"}] * 6}, "buttons"),
    ({"text": "x", "buttons": [{"label": "a", "hint": "h" * 101}]}, "buttons[0].hint"),
    ({"text": "x", "buttons": [{"label": "a", "type": "*"}]}, "buttons[0].type"),
    ({"text": "x", "references": []}, "references"),
    ({"text": "x", "styles": 1}, "styles"),
    ({"text": "x", "userids": ["u"] * 101}, "userids"),
    ({"text": "x", "sync_message": 7}, "sync_message"),
    ({"text": "x", "reply_to": {}}, "reply_to"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_wrong_shapes_are_400_with_the_path(ring, raw, ada, channel, message, path):
    answer = raw.post(channel_path(channel, ada.token), json.dumps(message).encode())
    assert (answer.status, answer.code) == (400, "invalid_message"), answer
    assert path in answer.json()["message"], answer
    assert ring.texts(channel, ada.token) == []


@pytest.mark.parametrize("message", [
    {"text": "x", "bot": {"name": "", "image": " "}},
    {"text": "x", "card": {"title": " ", "theme": 42, "thumbnail": ""}},
    {"text": "x", "card": {"theme": "no-such-theme"}},
    {"text": "x", "broadcast": "true"},
    {"text": "x", "slides": [{"type": "text", "data": "a"}]},
    {"text": "x", "unknown": {"deep": [1, {"x": None}]}},
    {"text": "x", "buttons": [{"label": "b", "action": {
        "type": "open.url", "data": {"web": "myapp://x", "extra": 1}}}]},
    {"text": "ä" * 5000},
    {"text": "😀" * 5000},
], ids=range(9))
def test_what_real_senders_send_is_not_refused(raw, ada, channel, message):
    body = json.dumps(message, ensure_ascii=False).encode()
    answer = raw.post(channel_path(channel, ada.token), body)
    assert answer.status == 204, answer


def test_a_hostile_field_name_in_an_error_is_valid_json(raw, ada, channel):
    body = json.dumps({"text": "x", "references": {'"},\n\x01\u2028é' * 60: 1}}).encode()
    answer = raw.post(channel_path(channel, ada.token), body)
    assert (answer.status, answer.code) == (400, "invalid_message")


@pytest.mark.parametrize("headers, status", [
    (["Content-Encoding: Identity"], 204), (["Content-Encoding: IDENTITY "], 204),
    (["Content-Encoding:"], 204), (["Content-Encoding: gzip"], 415),
    (["Content-Encoding: identity, gzip"], 415),
    (["Content-Type: application/x-www-form-urlencoded\t; charset=utf-8"], 204),
    (["Content-Type: Application/X-WWW-Form-Urlencoded"], 204),
    (["Content-Type: text/x"], 415)])
def test_words_of_types_and_encodings(raw, ada, channel, headers, status):
    """Of either case, with white space before the parameters."""
    if not any(line.startswith("Content-Type") for line in headers):
        headers = [*headers, "Content-Type: application/x-www-form-urlencoded"]
    answer = raw.post(channel_path(channel, ada.token), b"text=a", headers)
    assert answer.status == status, answer


# --- The size of a body

def framed(path, body, framing):
    return post(path, body) if framing == "length" else \
        chunked(path, body, 4096 if framing == "chunks" else len(body))


FRAMINGS = pytest.mark.parametrize("framing", ["length", "chunks", "one chunk"])


@pytest.mark.parametrize("size, status", [(LIMIT + 1, 200), (EVENT, 200), (EVENT + 1, 413)])
@FRAMINGS
def test_body_of_an_event_at_the_limit(ring, raw, ada, bot, size, status, framing):
    raw.send(framed(bot_path(bot, ada.token), b"x" * size, framing))
    answer = raw.answer()
    assert answer.status == status, answer
    if status == 413:
        assert answer.code == "body_too_large"
    assert len(ring.messages("bots", bot, ada.token)) == (status == 200)


@pytest.mark.parametrize("size, status", [(LIMIT, 204), (LIMIT + 1, 413)])
@FRAMINGS
def test_body_of_a_message_at_the_limit(ring, raw, ada, channel, size, status, framing):
    body = b'{"text":"t","bot":{"name":"' + b"x" * (size - 30) + b'"}}'
    raw.send(framed(channel_path(channel, ada.token), body, framing))
    answer = raw.answer()
    assert answer.status == status, answer
    if status == 413:
        assert answer.code == "body_too_large"
    assert ring.texts(channel, ada.token) == ["t"] * (status == 204)


@pytest.mark.parametrize("line", ["POST http://h{}", "POST ///company/1{}", "PUT {}", "POST {}/"])
def test_an_event_is_known_however_its_address_is_written(raw, ada, bot, line):
    target = line.format(f"/api/v2/bots/{bot}/incoming")
    raw.send(f"{target}?zapikey={ada.token} HTTP/1.1\r\nHost: h\r\n"
             f"Content-Length: {EVENT}\r\n\r\n".encode() + b"x" * EVENT)
    assert raw.answer().status == 200


def test_a_large_message_is_refused_before_it_is_sent(raw, ada, channel):
    """What may be longer is an event, not what is as long."""
    raw.send(f"POST {channel_path(channel, ada.token)} HTTP/1.1\r\nHost: h\r\n"
             f"X: /incoming\r\nContent-Length: {LIMIT + 1}\r\n\r\n".encode())
    answer = raw.answer()
    assert (answer.status, answer.code) == (413, "body_too_large")


def test_a_huge_announced_body_is_refused_before_it_is_sent(raw, ada, bot):
    raw.send(f"POST {bot_path(bot, ada.token)} HTTP/1.1\r\nHost: h\r\n"
             "Content-Length: 99999999999\r\n\r\n".encode())
    answer = raw.answer()
    assert (answer.status, answer.code) == (413, "body_too_large")


# --- Queries

def test_fifty_parameters_pass_and_one_more_does_not(ring, raw, ada, bot):
    fifty = "".join(f"&p{i}={i}" for i in range(50))
    assert raw.post(bot_path(bot, ada.token) + fifty).status == 200
    answer = raw.post(bot_path(bot, ada.token) + fifty + "&one=more")
    assert (answer.status, answer.code) == (414, "uri_too_long")
    event, = ring.messages("bots", bot, ada.token)
    assert event["event"]["parameters"] == {f"p{i}": str(i) for i in range(50)}


def test_ten_thousand_parameters_are_414(ring, ada, bot, raw):
    answer = raw.post(bot_path(bot, ada.token) + "&a=1" * 10000)
    assert (answer.status, answer.code) == (414, "uri_too_long")
    assert ring.messages("bots", bot, ada.token) == []


@pytest.mark.parametrize("value, status", [("x" * 10000, 200), ("x" * 10001, 414),
                                           ("%C3%A4" * 10000, 200), ("%C3%A4" * 10001, 414)],
                         ids=["most", "over", "most-wide", "over-wide"])
def test_longest_parameter(raw, ada, bot, value, status):
    answer = raw.post(bot_path(bot, ada.token) + f"&q={value}")
    assert answer.status == status, answer


def test_url_of_64_kib(raw, ada, bot):
    base = bot_path(bot, ada.token)
    fill = "".join(f"&p{i}=" + "x" * 9000 for i in range(7))
    longest = base + fill + "&q=" + "y" * (65536 - len(base + fill) - 3)
    assert raw.post(longest).status == 200
    answer = raw.post(longest + "y")
    assert (answer.status, answer.code) == (414, "uri_too_long")


@pytest.mark.parametrize("query", ["a=%", "a=%4", "a=%zz", "%ff=1", "a=%ff", "a=%00", "a=%ed%a0%80"])
def test_broken_escapes_are_400_and_an_event_is_kept(ring, raw, ada, channel, bot, query):
    answer = raw.post(channel_path(channel, ada.token) + "&" + query, b'{"text":"x"}')
    assert (answer.status, answer.code) == (400, "invalid_param"), answer
    assert ring.texts(channel, ada.token) == []
    assert raw.post(bot_path(bot, ada.token) + f"&d=50%&{query}&e=%C3%A4", b"x").status == 200
    event, = ring.messages("bots", bot, ada.token)
    assert event["event"]["parameters"] == {"d": "50%", **dict([query.split("=")]), "e": "\u00e4"}


@pytest.mark.parametrize("method, path, query", [
    ("POST", "/channelsbyname/{}/message", "sync_message=true&sync_message=false"),
    ("GET", "/channelsbyname/{}/messages", "limit=1&limit=2"),
    ("GET", "/channelsbyname/{}/messages", "from=1&limit=1&from=2"),
    ("GET", "/bots/{}/deliveries", "state=dead&state=pending"),
    ("GET", "/bots/{}/deliveries", "from=2026-01-02T03:04:05Z&from=2026-01-02T03:04:06Z"),
    ("GET", "/bots/{}/deliveries", "id=1&id=2"),
    ("GET", "/bots/{}/deliveries", "after=1&after=2"),
    ("POST", "/bots/{}/deliveries/retry", "id=1&id=2"),
    ("POST", "/bots/{}/deliveries/replay", "rate=1&rate=2")])
def test_a_parameter_twice_with_two_values_is_400(ring, raw, ada, channel, bot, method, path, query):
    url = f"/api/v2{path.format(channel)}?zapikey={ada.token}&{query}"
    raw.send(post(url, b'{"text":"x"}' if "message" in path and method == "POST" else b"", method=method))
    answer = raw.answer()
    assert (answer.status, answer.code) == (400, "invalid_param"), answer
    assert "twice" in answer.json()["message"]
    assert ring.messages("channelsbyname", channel, ada.token) == []


def test_a_parameter_twice_with_one_value_is_taken(raw, ada, channel):
    answer = raw.post(channel_path(channel, ada.token) + "&sync_message=true" * 2, b'{"text":"x"}')
    assert answer.status == 200


def test_odd_queries_reach_the_handler(ring, raw, ada, bot):
    assert raw.post(bot_path(bot, ada.token) + "&&&a&b=&=c&d=e=f&g=%26%3d&h=a+b").status == 200
    event, = ring.messages("bots", bot, ada.token)
    assert event["event"]["parameters"] == {"a": "", "b": "", "": "c", "d": "e=f", "g": "&=",
                                            "h": "a b"}


def test_target_with_broken_or_hostile_characters(raw, ada):
    for target in ("%", "%zz", "%00", "%ff", "..%2f..%2fetc", "a" * 200, "%0d%0aX-Evil:%201", "A"):
        answer = raw.post(channel_path(target, ada.token), b'{"text":"x"}')
        assert answer.status in (400, 404), (target, answer)
        assert answer.code in ("invalid_request", "unknown_channel", "not_found"), (target, answer)
        assert "x-evil" not in answer.headers


# --- Credentials

def bearer(token):
    return f"Authorization: Bearer {token}"


def basic(token, user="anybody"):
    return "Authorization: Basic " + base64.b64encode(f"{user}:{token}".encode()).decode()


def test_one_token_in_every_place_at_once(raw, ada, channel):
    path = channel_path(channel, ada.token) + f"&zapikey={ada.token}&zapikey="
    answer = raw.post(path, b'{"text":"x"}', [bearer(ada.token), basic(ada.token), f"X-Webhook-Token: {ada.token}"])
    assert answer.status == 204


@pytest.mark.parametrize("query, header", [
    ("zapikey={}%20", ""), ("zapikey={}%0A", ""), ("zapikey=%0D%0A{}", ""), ("zapikey=", "Authorization: Bearer {}"),
    ("zapikey={}", "X-Webhook-Token:"), ("", "Authorization: Bearer {} \t"), ("", "basic"), ("zapikey={}", "basic")])
def test_a_token_as_it_is_copied(ring, raw, ada, name, query, header):
    """White space around it is cut, an empty one is none, and Basic brings it as the password."""
    app = ring.extension(name, ada)["sandbox"]
    header = basic(ada.token) if header == "basic" else header.format(ada.token)
    answer = raw.post(f"/api/v2/applications/{app.app_id}/incoming?appkey={app.appkey}%0A&appkey=&{query.format(ada.token)}",
                      b"{}", [header] if header else [])
    assert answer.status == 200, answer


@pytest.mark.parametrize("value", ["dTpw=", "dTpwYXNz!", "%", "bm9jb2xvbg=="])
def test_basic_credentials_that_are_none_are_named(raw, ada, channel, value):
    answer = raw.post(channel_path(channel, ada.token), b'{"text":"x"}', [f"Authorization: Basic {value}"])
    assert (answer.status, answer.code) == (400, "invalid_param") and "Basic" in answer.json()["message"]


@pytest.mark.parametrize("places", [
    ("query", "query"), ("query", "bearer"), ("query", "webhook"), ("bearer", "webhook"),
    ("bearer", "bearer"), ("webhook", "webhook"), ("query", "basic"), ("bearer", "basic")], ids=" ".join)
def test_two_tokens_that_differ_are_refused(ring, raw, ada, channel, places):
    """Both are valid: neither may win."""
    query, headers = "", []
    for place, token in zip(places, (ada.token, ring.token(ada)["token"])):
        if place == "query":
            query += f"zapikey={token}&"
        else:
            headers.append({"bearer": bearer, "basic": basic, "webhook": "X-Webhook-Token: {}".format}[place](token))
    answer = raw.post(f"/api/v2/channelsbyname/{channel}/message?{query}", b'{"text":"x"}', headers)
    assert (answer.status, answer.code) == (400, "invalid_param"), answer
    assert ring.texts(channel, ada.token) == []


def test_two_appkeys_that_differ_are_refused(ring, raw, ada, name):
    apps = ring.extension(name, ada)
    app, other = apps["sandbox"], apps["marketplace"]
    path = f"/api/v2/applications/{app.app_id}/incoming?zapikey={ada.token}"
    assert raw.post(f"{path}&appkey={app.appkey}&appkey={app.appkey}").status == 200
    answer = raw.post(f"{path}&appkey={app.appkey}&appkey={other.appkey}")
    assert (answer.status, answer.code) == (400, "invalid_param")


@pytest.mark.parametrize("credential", ["zapikey", "appkey"])
def test_an_oversized_credential_harms_nobody_else(ring, raw, ada, channel, credential):
    """Its trace must not stay with the gateway's thread."""
    assert raw.post(f"/api/v2/bots/x/incoming?{credential}={'k' * 5000}").status == 401
    path = f"/api/v2/channelsbyname/{channel}/message"
    for _ in range(3):
        answer = raw.post(path, b'{"text":"x"}', [bearer(ada.token)])
        assert answer.status == 204, answer


def test_refusals_of_a_token_are_byte_identical(ring, raw, ada, channel):
    deleted = ring.token(ada)
    ring.ctl("token", "delete", deleted["id"], "--yes")
    crc = ada.token[:-1] + ("A" if ada.token[-1] != "A" else "B")
    bad = ["", "x", crc, deleted["token"], "psm_" + ada.token[4:], "k" * 5000, "%00" * 40,
           "1001." + "a" * 32 + "." + "b" * 32]
    seen = set()
    for token in bad:
        raw.send(post(channel_path(channel, token), b'{"text":"x"}'))
        answer = raw.answer()
        assert (answer.status, answer.code) == (401, "invalid_token"), (token[:50], answer)
        request_id = answer.headers.pop("x-request-id")
        answer.headers.pop("date", None)
        seen.add((str(sorted(answer.headers.items())),
                  answer.body.replace(request_id.encode(), b"ID")))
    assert len(seen) == 1, seen


def test_management_tokens_are_refused_before_authd(ring, raw, channel):
    before = ring.metric("authd-0", "verdicts_total")
    for _ in range(5):
        assert raw.post(channel_path(channel, "psm_" + "a" * 36), b'{"text":"x"}').status == 401
    assert ring.metric("authd-0", "verdicts_total") == before


@pytest.mark.parametrize("value", ["Basic dTpw", "Bearer", "Bearer ", "Token x", ""])
def test_authorization_without_a_token_is_401(raw, channel, value):
    answer = raw.post(f"/api/v2/channelsbyname/{channel}/message", b'{"text":"x"}',
                      [f"Authorization: {value}"])
    assert (answer.status, answer.code) == (401, "invalid_token")


# --- Keys, ids, proxies

@pytest.mark.parametrize("key", ["", "a" * 256, "ü", "a\tb"], ids=["empty", "long", "wide", "tab"])
def test_a_bad_idempotency_key_is_400(ring, raw, ada, channel, key):
    answer = raw.post(channel_path(channel, ada.token), b'{"text":"x"}', [f"Idempotency-Key: {key}"])
    assert (answer.status, answer.code) == (400, "invalid_param"), answer
    assert ring.texts(channel, ada.token) == []


def test_the_senders_request_id_is_not_echoed(raw):
    answer = raw.post("/nowhere", b"", ["X-Request-Id: mine"])
    assert answer.status == 404 and uuid.UUID(answer.headers["x-request-id"])
    assert b"mine" not in answer.body


def test_request_ids_are_unique(raw):
    ids = {raw.post("/nowhere").headers["x-request-id"] for _ in range(50)}
    assert len(ids) == 50


def test_forwarded_addresses_count_only_from_trusted_proxies(make_ring):
    """The rightmost untrusted address of a trusted proxy's header is the client's."""
    trusting = make_ring(settings={"gateway.trusted_proxies": "127.0.0.1/32 10.0.0.0/8"}).up()
    eve = trusting.user("eve")
    trusting.bot("eyes", eve)

    told = ["X-Forwarded-For: 6.6.6.6, 203.0.113.9", "X-Forwarded-For: 10.1.1.1"]

    def last_client(source, expected):
        with Connection(trusting.port, source=source) as connection:
            assert connection.post(bot_path("eyes", eve.token), b"{}", told).status == 200

        def shown():
            row, = trusting.ctl("token", "list", eve.email)["tokens"]
            return expected in row.values()
        return trusting.wait(shown, what=f"{expected} as the token's last address")

    last_client("127.0.0.1", "203.0.113.9")
    last_client("127.0.0.2", "127.0.0.2")
    for event in trusting.messages("bots", "eyes", eve.token):
        assert not [name for name in event["event"]["headers"] if name.startswith("x-forwarded")]


def test_a_bound_token_is_of_use_only_from_the_address_that_the_proxy_saw(make_ring):
    """Whatever a sender claims to the left of it, in how many lines, and where the proxy knows none."""
    trusting = make_ring(settings={"gateway.trusted_proxies": "127.0.0.1/32"}).up()
    eve = trusting.user("eve")
    trusting.bot("eyes", eve)
    bound = trusting.ctl("token", "create", eve.email, "--name", "bound", "--from", "203.0.113.0/24,127.0.0.0/8")["token"]

    def status(*values):
        with Connection(trusting.port) as connection:
            return connection.post(bot_path("eyes", bound), b"{}",
                                   [f"X-Forwarded-For: {value}" for value in values]).status

    assert status("6.6.6.6, 203.0.113.5") == status("203.0.113.5,") == status() == 200
    assert status("203.0.113.5, 6.6.6.6") == 403
    assert status("203.0.113.5, unknown") == 403
    assert status(*["203.0.113.5"] * 15, "6.6.6.6") == 403
    assert status(*["203.0.113.5"] * 16, "6.6.6.6") == 400
