"""What well-known senders of webhooks say in headers and URLs reaches the handler, byte for byte."""

import hashlib
import hmac
import json

import pytest

from harness import postern
from harness.handler import Handler

SETTINGS = {"delivery.allow": "127.0.0.0/8", "delivery.time_scale": 20}
STRIPE = b"whsec_of_stripe"

SENT = {  # what each sender tells, by its documents
    "Stripe-Signature": "t=1764000000,v1=" + hmac.new(STRIPE, b"1764000000.{}", hashlib.sha256).hexdigest(),
    "X-Event-Key": "repo:push", "svix-id": "msg_1", "svix-signature": "v1,YWJj  v1,ZGVm",
    "Linear-Event": "Issue", "Sentry-Hook-Resource": "issue", "Sentry-Hook-Signature": "0a",
    "Circleci-Event-Type": "workflow-completed", "Twitch-Eventsub-Message-Type": "notification",
    "PayPal-Transmission-Sig": "a+/=", "Paddle-Signature": "ts=1;h1=ab", "Typeform-Signature": "sha256=a/+=",
    "aeg-event-type": "SubscriptionValidation", "Signature": 'sig1=:YWJj:', "Signature-Input": 'sig1=("@method")',
    "Content-Digest": "sha-256=:YWJj=:", "webhook-id": "msg_2", "webhook-timestamp": "1764000000",
    "webhook-signature": "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=", "X-Request-Id": "mp-1"}
KEPT_BACK = {
    "X-Gitlab-Token": "gitlab-credential", "Cookie": "a=cookie-credential", "X-Api-Key": "key-credential",
    "Proxy-Authorization": "Basic proxy-credential", "X-Telegram-Bot-Api-Secret-Token": "telegram-credential",
    "X-Real-IP": "198.51.100.7", "Forwarded": "for=198.51.100.7", "Via": "1.1 proxy", "Keep-Alive": "timeout=5",
    "Connection": "keep-alive, X-Of-This-Hop", "X-Of-This-Hop": "1"}


class Calls(Handler):
    def __init__(self):
        self.bodies = []
        super().__init__(0)

    def called(self, path, headers, body):
        self.bodies.append(json.loads(body))
        return 200, {}, b""

    def next(self):
        postern.wait(lambda: self.bodies, 20, what="a call of the handler")
        return self.bodies.pop(0)


@pytest.fixture(scope="module")
def calling():
    with postern.Ring(settings=SETTINGS) as made:
        yield made.up()


@pytest.fixture
def handler():
    with Calls() as made:
        yield made


ASKS = {"WebHook-Request-Origin": "eventgrid.azure.net", "WebHook-Request-Rate": "120"}


def test_the_handshake_of_cloudevents(calling, name):
    """Granted to whoever asks, so that it tells nothing of tokens and bots; it makes no event."""
    ada = calling.user(name)
    calling.bot(name, ada)
    app = calling.extension(name, ada)["sandbox"]

    def ask(url, **headers):
        answer = calling.http.request("OPTIONS", url, headers=headers)
        answer.headers.pop("X-Request-Id"), answer.headers.pop("Date", None)
        return answer.status_code, answer.content, dict(answer.headers)

    status, body, headers = granted = ask(calling.bot_url(name, ada.token), **ASKS)
    assert (status, body, headers["Content-Length"]) == (200, b"", "0")
    assert headers["WebHook-Allowed-Origin"] == headers["WebHook-Allowed-Rate"] == "*"
    assert "POST" in headers["Allow"].split(", ")
    for url in (calling.bot_url(name, "x" * 40), calling.bot_url(name), calling.bot_url("nobody", ada.token),
                calling.extension_url(app, ada.token), calling.url("/api/v2/applications/1/incoming")):
        assert ask(url, **ASKS) == granted
    assert ask(calling.bot_url(name, ada.token))[0] == 405
    assert ask(calling.bot_url(name, ada.token), **{"WebHook-Request-Origin": ""})[0] == 405
    assert ask(calling.url(f"/api/v2/bots/{name}/message", ada.token), **ASKS)[0] == 405
    assert ask(calling.url("/nowhere"), **ASKS)[0] == 404
    assert calling.messages("bots", name, ada.token) == []
    assert calling.post(calling.bot_url(name, ada.token), b"{}", headers=ASKS).status_code == 200


@pytest.mark.parametrize("kind", ["bot", "extension"])
def test_link_previews_make_no_event_where_the_methods_say_so(calling, name, kind):
    ada = calling.user(name)
    if kind == "bot":
        calling.bot(name, ada)
        url, where = calling.bot_url(name, ada.token), ("bots", name)
    else:
        app = calling.extension(name, ada)["marketplace"]
        url, where = calling.extension_url(app, ada.token), ("applications", app.app_id)
    methods = ["GET", "HEAD", "POST", "PUT", "DELETE"]
    assert calling.ctl(kind, "show", name)["methods"] == methods
    for method in methods:
        assert calling.request(method, url, b"").status_code == 200
    assert calling.ctl(kind, "edit", name, "--methods", "PUT,POST")["methods"] == ["POST", "PUT"]
    for method in methods:
        answer = calling.request(method, url, b"")
        assert answer.status_code == (200 if method in ("POST", "PUT") else 405), method
        if answer.status_code == 405:
            assert answer.headers["Allow"] == "POST, PUT"
        if method == "GET":
            assert answer.json()["code"] == "method_not_allowed" and "methods" in answer.json()["message"]
    events = [m["event"]["method"] for m in calling.messages(*where, ada.token)]
    assert events == methods + ["POST", "PUT"]
    # an edit of something else leaves them, and they can be taken back
    assert calling.ctl(kind, "edit", name, "--owner", ada.email)["methods"] == ["POST", "PUT"]
    assert calling.ctl(kind, "edit", name, "--methods", "all")["methods"] == methods
    assert calling.request("GET", url, b"").status_code == 200
    for wrong in ("PATCH", "get"):
        with pytest.raises(postern.CtlError) as refused:
            calling.ctl(kind, "edit", name, "--methods", f"POST,{wrong}")
        assert refused.value.code == "invalid_param" and "methods[1]" in str(refused.value)
    made = calling.ctl(kind, "create", f"{name[:40]}_post", "--owner", ada.email, "--methods", "POST")
    assert made["methods"] == ["POST"]


def test_headers_of_senders_reach_the_handler(calling, name, handler):
    ada = calling.user(name)
    calling.bot(name, ada)
    calling.ctl("bot", "handler", "set", name, handler.url)
    answer = calling.post(calling.bot_url(name, ada.token), b"{}", headers={**SENT, **KEPT_BACK})
    assert answer.status_code == 200
    told = handler.next()
    stored, = calling.messages("bots", name, ada.token)
    for headers in (told["headers"], stored["event"]["headers"]):
        assert {name.lower(): value for name, value in SENT.items()}.items() <= headers.items()
        assert not {name.lower() for name in KEPT_BACK} & headers.keys()
    when, mac = (part.split("=")[1] for part in told["headers"]["stripe-signature"].split(","))
    signed = f"{when}.{told['body']}".encode()
    assert hmac.compare_digest(hmac.new(STRIPE, signed, hashlib.sha256).hexdigest(), mac)
    for secret in ("gitlab", "cookie", "key", "proxy", "telegram"):
        assert f"{secret}-credential" not in json.dumps([told, stored])
