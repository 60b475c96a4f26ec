"""Each preset by requests: signed right, wrong, too old, not at all, and with the former secret while it is good.

The signatures are made here as the senders' pages say, not from the table of presets."""

import base64
import datetime
import hashlib
import hmac
import json
import pathlib
import sys
import secrets
import time

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from test_sources import Channel

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "lint"))
import tables  # noqa: E402

ALL = [row[0].strip('"') for row in tables.rows("common/source/presets.def", "PRESET")]
SHOWN = {"microsoft-graph", "gitlab", "telegram"}  # the secret itself comes along: nothing of the body is proved


def digest(secret, text, how="hex"):
    mac = hmac.new(secret if isinstance(secret, bytes) else secret.encode(), text, hashlib.sha256)
    return mac.hexdigest() if how == "hex" else base64.b64encode(mac.digest()).decode()


def simple(header, beginning="", how="hex"):
    """Senders that sign the body alone."""
    return lambda secret, at, body: {header: beginning + digest(secret, body, how)}


def standard(name):
    def sign(secret, at, body):
        key = base64.b64decode(secret.removeprefix("whsec_"))
        text = digest(key, b"msg_1.%d." % at + body, "base64")
        return {f"{name}-Id": "msg_1", f"{name}-Timestamp": str(at), f"{name}-Signature": f"v1,{text}"}
    return sign


def with_time(header, ts_header, before, between, beginning="", how="hex"):
    return lambda secret, at, body: {ts_header: str(at), header: beginning + digest(secret, before + str(at).encode() + between + body, how)}


def paired(header, ts, signature, separator, between, scale=1):
    return lambda secret, at, body: {
        header: f"{ts}{at * scale}{separator}{signature}" + digest(secret, b"%d" % (at * scale) + between + body)}


def zendesk(secret, at, body):
    when = datetime.datetime.fromtimestamp(at, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"X-Zendesk-Webhook-Signature-Timestamp": when, "X-Zendesk-Webhook-Signature": digest(secret, when.encode() + body, "base64")}


def discord(secret, at, body):
    return {"X-Signature-Timestamp": str(at), "X-Signature-Ed25519": secret.sign(str(at).encode() + body).hex()}


def sendgrid(secret, at, body):
    signature = secret.sign(str(at).encode() + body, ec.ECDSA(hashes.SHA256()))
    return {"X-Twilio-Email-Event-Webhook-Timestamp": str(at),
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode()}


def url_signing(header, how, *parts, scale=None, ts_header=None):
    """Senders that sign the URL, too, which is the source's own address."""
    def sign(secret, at, body, url):
        ts = str(at * 1000).encode()
        text = b"".join({"url": url.encode(), "body": body, "method": b"POST", "ts": ts}[part] for part in parts)
        value = base64.b64encode(hmac.new(secret.encode(), text, how).digest()).decode()
        return {header: value, **({ts_header: ts.decode()} if ts_header else {})}
    return sign


# Who signs the URL, and for how many seconds.
ADDRESSED = {
    "trello": (url_signing("X-Trello-Webhook", hashlib.sha1, "body", "url"), None),
    "square": (url_signing("X-Square-HmacSha256-Signature", hashlib.sha256, "url", "body"), None),
    "hubspot": (url_signing("X-HubSpot-Signature-v3", hashlib.sha256, "method", "url", "body", "ts",
                            ts_header="X-HubSpot-Request-Timestamp"), 300),
    "twilio": (url_signing("X-Twilio-Signature", hashlib.sha1, "url"), None),  # and bodySHA256 in it
}


# How each signs, and for how many seconds a signature is good; None: it has no time.
SENDERS = {
    "github": (simple("X-Hub-Signature-256", "sha256="), None),
    "gitlab-signed": (standard("webhook"), 300),
    "gitea": (simple("X-Gitea-Signature"), None),
    "forgejo": (simple("X-Forgejo-Signature"), None),
    "bitbucket": (simple("X-Hub-Signature", "sha256="), None),
    "jira": (simple("X-Hub-Signature", "sha256="), None),
    "grafana": (simple("X-Grafana-Alerting-Signature"), None),
    "grafana-timed": (with_time("X-Grafana-Alerting-Signature", "X-Grafana-Alerting-Timestamp", b"", b":"), 300),
    "sentry": (simple("Sentry-Hook-Signature"), None),
    "pagerduty": (simple("X-PagerDuty-Signature", "v1="), None),
    "circleci": (simple("circleci-signature", "v1="), None),
    "linear": (simple("Linear-Signature"), 60),
    "stripe": (paired("Stripe-Signature", "t=", "v1=", ",", b"."), 300),
    "shopify": (simple("X-Shopify-Hmac-Sha256", how="base64"), None),
    "woocommerce": (simple("X-WC-Webhook-Signature", how="base64"), None),
    "zendesk": (zendesk, 300),
    "standard-webhooks": (standard("webhook"), 300),
    "svix": (standard("svix"), 300),
    "slack": (with_time("X-Slack-Signature", "X-Slack-Request-Timestamp", b"v0:", b":", "v0="), 300),
    "sendgrid": (sendgrid, None),
    "discord": (discord, 900),
    "meta": (simple("X-Hub-Signature-256", "sha256="), None),
    "websub": (simple("X-Hub-Signature", "sha256="), None),
    "zoom": (with_time("x-zm-signature", "x-zm-request-timestamp", b"v0:", b":", "v0="), 300),
    "x": (simple("x-twitter-webhooks-signature", "sha256=", "base64"), None),
    "notion": (simple("X-Notion-Signature", "sha256="), None),
    "dropbox": (simple("X-Dropbox-Signature"), None),
    "nylas": (simple("X-Nylas-Signature"), None),
    "asana": (simple("X-Hook-Signature"), None),
    "microsoft-graph": (lambda secret, at, body: {}, None),  # in the body
    "gitlab": (lambda secret, at, body: {"X-Gitlab-Token": secret}, None),
    "telegram": (lambda secret, at, body: {"X-Telegram-Bot-Api-Secret-Token": secret}, None),
    "paddle": (paired("Paddle-Signature", "ts=", "h1=", ";", b":"), 300),
    "workos": (paired("WorkOS-Signature", "t=", "v1=", ", ", b".", 1000), 300),
}


class Sender:
    url = None

    def __init__(self, channel, preset, sign, **fields):
        self.channel, self.preset, self.sign = channel, preset, sign
        self.secret, typed = self.key()
        made = channel.source(scheme=preset, **typed, **fields)
        self.id, self.secret = made["id"], self.secret or made["secret"]

    def key(self):
        """What the sender signs with, and what is typed in of it; most take the secret that authd makes."""
        if self.preset == "discord":
            key = ed25519.Ed25519PrivateKey.generate()
            public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            return key, {"secret": public.hex()}
        if self.preset == "sendgrid":
            key = ec.generate_private_key(ec.SECP256R1())
            public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
            return key, {"secret": base64.b64encode(public).decode()}
        if self.preset in ("notion", "asana"):  # a source without one waits for it to be told: test_source_address.py
            return (told := secrets.token_hex(16)), {"secret": told}
        return None, {}

    def body(self, secret, at, text):
        state = secret if self.preset == "microsoft-graph" else None
        return json.dumps({"text": text, "webhookTimestamp": at * 1000, "value": [{"clientState": state}]}).encode()

    def post(self, text, secret=None, ago=0, header=True, altered=b""):
        at = int(time.time()) - ago
        secret = secret or self.secret
        body = self.body(secret if header else None, at, text)
        headers = self.sign(secret, at, body) if header else {}
        return self.channel.post({"Content-Type": "application/json", **headers}, body + altered)

    def passes(self, *args, **more):
        answer = self.post(*args, **more)
        assert answer.status_code in (200, 204), answer.text

    def refused(self, reason, *args, **more):
        answer = self.post(*args, **more)
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_signature"), answer.text
        assert reason in answer.json()["message"], answer.text

    def seen(self):
        answer = self.channel.ring.get(self.channel.ring.url(f"/api/v2/channelsbyname/{self.channel.name}/sources", self.channel.user.token))
        return next(row for row in answer.json()["sources"] if row["id"] == self.id)


class Addressed(Sender):
    """One that posts to the source's own address."""

    def __init__(self, channel, preset, sign):
        token = channel.ring.token(channel.user)["id"]
        super().__init__(channel, preset, sign, for_token=token)
        self.url = channel.ring.manage("source_show", self.id)["address"]

    def called(self, body):
        return f"{self.url}?bodySHA256={hashlib.sha256(body).hexdigest()}" if self.preset == "twilio" else f"{self.url}?of=it"

    def post(self, text, secret=None, ago=0, header=True, altered=b"", url=None):
        at = int(time.time()) - ago
        body = self.body(None, at, text)
        url = url or self.called(body)
        headers = self.sign(secret or self.secret, at, body, url) if header else {}
        if altered and self.preset == "twilio":
            url = self.called(body + altered)
        return self.channel.post({"Content-Type": "application/json", **headers}, body + altered, url=url)


@pytest.fixture
def channel(ring, name):
    return Channel(ring, name)


def test_none_is_forgotten():
    assert sorted([*SENDERS, *ADDRESSED]) == sorted(ALL)


@pytest.mark.parametrize("preset", [*SENDERS, *ADDRESSED])
def test_a_sender(channel, preset):
    sign, tolerance = {**SENDERS, **ADDRESSED}[preset]
    sender = (Addressed if preset in ADDRESSED else Sender)(channel, preset, sign)
    sender.passes("right")
    sender.refused("is missing", "missing", header=False)
    if preset not in SHOWN:
        sender.refused("no signature matches", "altered", altered=b" ")
    if tolerance:
        sender.refused("s old, more than", "old", ago=tolerance + 30)
        sender.refused("s ahead, more than", "ahead", ago=-tolerance - 30)
        sender.passes("late", ago=tolerance - 30)
    former, typed = sender.secret, sender.key()
    sender.secret = typed[0] or None
    turned = channel.ring.manage("source_rotate", sender.id, **typed[1])
    sender.secret = sender.secret or turned["secret"]
    wrong = "is not the secret" if preset in SHOWN else "no signature matches"
    sender.passes("new")
    sender.passes("former", former)
    last, typed = sender.key()
    turned = channel.ring.manage("source_rotate", sender.id, overlap=0, **typed)
    sender.refused(wrong, "wrong", former)
    sender.secret = last or turned["secret"]
    sender.passes("last")
    seen = sender.seen()
    assert seen["accepted"] == (5 if tolerance else 4)
    assert seen["refused"] == len(seen["refusals"]) == (5 if tolerance else 2 if preset in SHOWN else 3)
    assert len(channel.ring.messages("channelsbyname", channel.name, channel.user.token)) == seen["accepted"]
