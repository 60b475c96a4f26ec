"""Sources of a channel: what is signed comes in, what is not is refused, and handshakes are answered."""

import hashlib
import hmac
import json
import time

import pytest

SECRET = "a secret that both sides know"
BODY = b'{"text": "Version 2 is out"}'


def sign(body=BODY, secret=SECRET):
    return {"X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def stripe(at, body=BODY, secret=SECRET):
    text = hmac.new(secret.encode(), b"%d.%s" % (at, body), hashlib.sha256).hexdigest()
    return {"Stripe-Signature": f"t={at},v1={text}"}


class Channel:
    def __init__(self, ring, name):
        self.ring, self.user = ring, ring.user(name)
        self.name = name.replace("-", "_")
        ring.channel(self.name, self.user)
        self.url = ring.url(f"/api/v2/channelsbyname/{self.name}/incoming", self.user.token)

    def source(self, **fields):
        return self.ring.manage("source_create", kind="channel", to=self.name, **fields)

    def post(self, headers=None, body=BODY, method="POST", url=None):
        return self.ring.request(method, url or self.url, body, headers=headers or {})

    def refused(self, reason, *args, **more):
        answer = self.post(*args, **more)
        error = answer.json()
        assert (answer.status_code, error["code"]) == (401, "invalid_signature"), answer.text
        assert reason in error["message"], error

    def texts(self):
        return self.ring.texts(self.name, self.user.token)


@pytest.fixture
def channel(ring, name):
    return Channel(ring, name)


def test_only_what_is_signed_comes_in(channel):
    assert channel.post().status_code == 204
    made = channel.source(scheme="github", secret=SECRET)
    channel.refused(f"The source {made['id']} of this target (github) refuses it: header x-hub-signature-256 is missing.")
    channel.refused("no signature matches", sign(secret="another"))
    channel.refused("no signature matches", sign(), BODY + b" ")
    channel.refused("is not hexadecimal digits", {"X-Hub-Signature-256": "sha256=12"})
    assert channel.post(sign()).status_code == 204
    assert channel.texts() == ["Version 2 is out"] * 2
    assert SECRET not in channel.ring.logs()


def test_it_holds_for_incoming_alone(channel):
    channel.source(scheme="github", secret=SECRET)
    assert channel.ring.post(channel.ring.channel_url(channel.name, channel.user.token), BODY).status_code == 204


def test_an_old_one_is_refused(channel):
    channel.source(scheme="stripe", secret=SECRET)
    now = int(time.time())
    assert channel.post(stripe(now)).status_code == 204
    channel.refused("s old, more than 300", stripe(now - 400))
    channel.refused("s ahead, more than 300", stripe(now + 400))


def test_rotation(channel):
    made = channel.source(scheme="github", secret=SECRET)
    channel.ring.manage("source_rotate", made["id"], secret="the next one")
    assert channel.post(sign()).status_code == 204
    assert channel.post(sign(secret="the next one")).status_code == 204
    last = channel.ring.manage("source_rotate", made["id"], overlap=0)["secret"]
    channel.refused("no signature matches", sign())
    assert channel.post(sign(secret=last)).status_code == 204
    channel.ring.manage("source_delete", made["id"])
    assert channel.post().status_code == 204


def test_what_is_not_required_may_come_unsigned_and_never_wrongly_signed(channel):
    channel.source(scheme="github", secret=SECRET, required=False)
    assert channel.post().status_code == 204
    assert channel.post(sign()).status_code == 204
    channel.refused("no signature matches", sign(secret="another"))


def test_several_sources_and_one_for_a_token(channel):
    channel.source(scheme="github", secret=SECRET)
    channel.source(scheme="stripe", secret="whsec_x")
    now = int(time.time())
    assert channel.post(sign()).status_code == 204
    assert channel.post(stripe(now, secret="whsec_x")).status_code == 204
    channel.refused("is missing")
    token = channel.ring.token(channel.user)
    channel.source(scheme='{"alg": "hmac-sha1", "header": "x-mine", "item": "v1=", "signed": "{method}:{body}"}', secret="k",
                   for_token=token["id"])
    url = channel.ring.url(f"/api/v2/channelsbyname/{channel.name}/incoming", token["token"])
    mine = hmac.new(b"k", b"POST:" + BODY, hashlib.sha1).hexdigest()
    assert channel.post({"X-Mine": "v1=" + mine}, url=url).status_code == 204
    channel.refused("header x-mine is missing", sign(), url=url)


def test_a_verdict_holds_after_a_restart_of_the_worker(channel):
    channel.source(scheme="github", secret=SECRET)
    channel.ring.kill("channel-0")
    channel.ring.wait_ready("channel-0")
    channel.refused("is missing")
    assert channel.post(sign()).status_code == 204


def plain(answer, text):
    assert (answer.status_code, answer.text) == (200, text), answer.text
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_open_handshakes_need_no_source_and_store_nothing(channel):
    body = json.dumps({"type": "url_verification", "challenge": "3eZbrw1aBm2r"}).encode()
    plain(channel.post(body=body), "3eZbrw1aBm2r")
    channel.source(scheme="slack", secret=SECRET)
    plain(channel.post(body=body), "3eZbrw1aBm2r")
    plain(channel.post(body=b"", url=channel.url + "&validationToken=abc%20d"), "abc d")
    plain(channel.post(body=None, method="GET", url=channel.url + "&challenge=xyz"), "xyz")
    assert channel.post(body=None, method="HEAD").status_code == 200
    answer = channel.post(body=None, method="GET", url=channel.url + "&challenge=%3Cb%3E")
    assert answer.status_code == 400 and "<b>" not in answer.text
    assert channel.texts() == []


def test_the_token_that_notion_tells_is_a_message_until_there_is_its_source(channel):
    body = json.dumps({"verification_token": "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"}).encode()
    assert channel.post(body=body).status_code == 204
    row, = channel.ring.messages("channelsbyname", channel.name, channel.user.token)
    token = row["message"]["slides"][0]["data"][0]["value"]
    channel.source(scheme="notion", secret=token)
    channel.refused("missing", body=body)
    text = hmac.new(token.encode(), BODY, hashlib.sha256).hexdigest()
    assert channel.post({"X-Notion-Signature": "sha256=" + text}).status_code == 204


def test_handshakes_of_a_source(channel):
    hub = channel.url + "&hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="
    channel.source(scheme="meta", secret=SECRET, verify_token="meatyhamhock")
    plain(channel.post(body=None, method="GET", url=hub + "meatyhamhock"), "1158201444")
    assert channel.post(body=None, method="GET", url=hub + "other").status_code == 403
    channel.source(scheme="x", secret=SECRET)
    answer = channel.post(body=None, method="GET", url=channel.url + "&crc_token=abc")
    assert answer.json()["response_token"].startswith("sha256=")
    channel.source(scheme="zoom", secret=SECRET)
    body = json.dumps({"event": "endpoint.url_validation", "payload": {"plainToken": "qgg8vlvZ"}}).encode()
    channel.refused("missing", body=body)
    now = int(time.time())
    text = hmac.new(SECRET.encode(), b"v0:%d:%s" % (now, body), hashlib.sha256).hexdigest()
    answer = channel.post({"X-Zm-Request-Timestamp": str(now), "X-Zm-Signature": f"v0={text}"}, body)
    assert answer.json() == {"plainToken": "qgg8vlvZ", "encryptedToken": hmac.new(SECRET.encode(), b"qgg8vlvZ", hashlib.sha256).hexdigest()}
    assert channel.texts() == []
