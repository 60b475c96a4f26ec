"""A source's own address: a URL without a token, where the source's signature is the credential."""

import base64
import hashlib
import hmac
import json
import urllib.parse

import pytest
from harness import postern
from harness.connection import Connection, post
from harness.postern import CtlError
from test_handlers import Calls
from test_source_events import Target
from test_sources import BODY, SECRET, Channel, sign


class Addressed(Channel):
    """A channel with a source for one token, and the source's address."""

    def __init__(self, ring, name, scheme="github", **fields):
        super().__init__(ring, name)
        self.token = ring.manage("token_create", self.user.email, **{"rate": 0, **fields})
        self.made = self.source(scheme=scheme, secret=SECRET, for_token=self.token["id"])
        self.address = self.made["address"]

    def call(self, headers=None, body=BODY, url=None, method="POST"):
        return self.post(headers, body, method, url or self.address)


@pytest.fixture(scope="module")
def ring():
    with postern.Ring(settings={"delivery.allow": "127.0.0.0/8"}) as made:
        yield made.up()


@pytest.fixture
def channel(ring, name):
    return Addressed(ring, name)


def code(answer):
    return answer.status_code, answer.json()["code"]


def trello(url, body=BODY, secret=SECRET):
    return {"X-Trello-Webhook": base64.b64encode(hmac.new(secret.encode(), body + url.encode(), hashlib.sha1).digest()).decode()}


def test_what_is_signed_needs_no_token(channel):
    assert channel.address == channel.ring.url(f"/api/v2/sources/{channel.made['id']}/incoming")
    assert channel.call(sign()).status_code == 204
    assert code(channel.call()) == (401, "invalid_signature")
    assert code(channel.call(sign(secret="another"))) == (401, "invalid_signature")
    assert channel.texts() == ["Version 2 is out"]
    row, = channel.ring.messages("channelsbyname", channel.name, channel.user.token)
    assert row["message"]["text"] == "Version 2 is out" and ":url" not in json.dumps(row)
    def used():
        return next(row["count"] for row in channel.ring.manage("token_list", channel.user.id)["tokens"] if row["id"] == channel.token["id"])
    channel.ring.wait(lambda: used() == 3, what="three uses of the token")


SHOWN = {"alg": "equal", "header": "authorization", "item": "Bearer "}


@pytest.mark.parametrize("scheme, header, value", [
    ("gitlab", "X-Gitlab-Token", "{}"), (json.dumps(SHOWN), "Authorization", "Bearer {}"),
    (json.dumps({"alg": "equal", "header": "x-auth-of-ours"}), "X-Auth-Of-Ours", "{}")], ids=("gitlab", "authorization", "other"))
def test_a_header_that_is_the_secret(ring, name, scheme, header, value):
    channel = Addressed(ring, name, scheme)
    assert channel.call({header: value.format(SECRET)}).status_code == 204
    for wrong in ({header: value.format("another")}, {header: SECRET[:-1]}, {header: value.format(SECRET + ", " + SECRET)}, {}):
        assert code(channel.call(wrong)) == (401, "invalid_signature")
    assert channel.texts() == ["Version 2 is out"]


def test_a_secret_stands_in_a_header_that_is_not_kept(ring, name):
    channel = Channel(ring, name)
    with pytest.raises(CtlError, match="header x-hook would be kept with the message"):
        channel.source(scheme=json.dumps({"alg": "equal", "header": "x-hook"}), secret=SECRET)
    with pytest.raises(CtlError, match="for_token: is needed"):
        channel.source(scheme=json.dumps(SHOWN), secret=SECRET)


def test_of_two_that_show_a_secret_both_must(ring, name):
    channel = Channel(ring, name)
    channel.source(scheme="gitlab", secret=SECRET)
    path = channel.url.removeprefix(ring.base)
    for second, status in (("another", 401), (SECRET, 204)):
        with Connection(ring.port) as connection:
            connection.send(post(path, BODY, [f"X-Gitlab-Token: {SECRET}", f"X-Gitlab-Token: {second}"]))
            assert connection.answer().status == status


def test_a_repeat_is_stored_once(channel):
    for _ in range(2):
        assert channel.call({**sign(), "Idempotency-Key": "one"}).status_code == 204
    assert len(channel.texts()) == 1


def test_an_address_that_is_none(channel):
    ring = channel.ring
    for bad in ("/api/v2/sources/0192f3c4-5f0e-7d31-9c52-0a8f5e3b7d10/incoming", "/api/v2/sources/x/incoming"):
        assert code(channel.call(sign(), url=ring.url(bad))) == (404, "unknown_source")
    any_token = channel.source(scheme="github", secret=SECRET)
    assert any_token["address"] is None
    assert code(channel.call(sign(), url=channel.address.replace(channel.made["id"], any_token["id"]))) == (404, "unknown_source")
    assert ring.manage("source_edit", channel.made["id"], required=False)["address"] is None
    assert code(channel.call(sign())) == (404, "unknown_source")
    assert ring.manage("source_edit", channel.made["id"], required=True)["address"] == channel.address
    assert channel.call(sign()).status_code == 204
    assert code(channel.call(sign(), method="DELETE")) == (405, "method_not_allowed")
    ring.manage("source_delete", channel.made["id"])
    assert code(channel.call(sign())) == (404, "unknown_source")


def test_a_token_in_the_url_is_refused_and_one_in_a_header_ignored(channel):
    answer = channel.call(sign(), url=f"{channel.address}?zapikey={channel.user.token}")
    assert code(answer) == (400, "invalid_param") and "takes no token" in answer.text
    assert channel.call({**sign(), "Authorization": "Bearer nothing-of-ours"}).status_code == 204
    assert code(channel.call(sign(), url=f"{channel.address}?a={'x' * 2048}")) == (414, "uri_too_long")


def test_it_is_judged_as_the_token(ring, name):
    narrow = Addressed(ring, name, rate=1, burst=2)
    answers = [narrow.call(sign()).status_code for _ in range(4)]
    assert answers[:2] == [204, 204] and 429 in answers[2:]
    ring.manage("token_delete", narrow.token["id"], confirm=True)
    assert code(narrow.call(sign())) == (401, "invalid_token")
    ring.manage("channel_delete", narrow.name)


def test_terms_of_the_token_hold(ring, name):
    other = Channel(ring, name + "-o")
    bound = Addressed(ring, name, channels=[other.name])
    assert code(bound.call(sign())) == (403, "out_of_scope")
    small = Addressed(ring, name + "-s", body_bytes=10)
    assert code(small.call(sign())) == (413, "body_too_large")
    assert bound.texts() == small.texts() == []


def test_the_url_is_signed_as_it_was_called(ring, name):
    channel = Addressed(ring, name, scheme="trello")
    url = f"{channel.address}?b=%2F&a=%C3%A9+x"
    assert channel.call(method="HEAD", body=None).status_code == 200
    assert channel.call(trello(url), url=url).status_code == 204
    assert code(channel.call(trello(url), url=url + "&c=1")) == (401, "invalid_signature")
    assert code(channel.call(trello(url.replace("%2F", "/")), url=url)) == (401, "invalid_signature")
    by_token = ring.url(f"/api/v2/channelsbyname/{channel.name}/incoming", channel.token["token"])
    answer = channel.call(trello(by_token), url=by_token)
    assert code(answer) == (401, "invalid_signature") and "own address" in answer.text
    assert len(channel.texts()) == 1


def test_a_scheme_that_signs_the_url_needs_an_address(channel):
    with pytest.raises(CtlError, match="for_token: is needed"):
        channel.source(scheme="trello", secret=SECRET)
    with pytest.raises(CtlError, match="required: must be true"):
        channel.source(scheme="trello", secret=SECRET, for_token=channel.token["id"], required=False)
    made = channel.source(scheme='{"alg": "hmac-sha256", "header": "x-mine", "signed": "{url}{body}"}', secret="k",
                          for_token=channel.token["id"])
    with pytest.raises(CtlError, match="for_token: is needed"):
        channel.ring.manage("source_edit", made["id"], for_token="")
    mine = hmac.new(b"k", made["address"].encode() + BODY, hashlib.sha256).hexdigest()
    assert channel.call({"X-Mine": mine}, url=made["address"]).status_code == 204


def test_twilios_form(ring, name):
    channel = Addressed(ring, name, scheme="twilio")
    form = {"From": "+12349013030", "Body": "It works", "MessageSid": "SM1", "AccountSid": "AC1"}
    text = channel.address + "".join(key + form[key] for key in sorted(form))
    headers = {"Content-Type": "application/x-www-form-urlencoded",
               "X-Twilio-Signature": base64.b64encode(hmac.new(SECRET.encode(), text.encode(), hashlib.sha1).digest()).decode()}
    body = urllib.parse.urlencode(form).encode()
    assert channel.call(headers, body).status_code in (200, 204)
    assert code(channel.call(headers, body + b"&To=1")) == (401, "invalid_signature")
    assert len(channel.texts()) == 1


@pytest.mark.parametrize("kind", ["bot", "extension"])
def test_bots_and_extensions_have_addresses_too(ring, name, kind):
    with Calls() as handler:
        target = Target(ring, name, kind, handler)
        token = ring.token(target.user)["id"]
        url = target.source(scheme="trello", secret=SECRET, for_token=token, **target.which)["address"] + "?x=1"
        assert ring.request("POST", url, BODY, headers=trello(url)).status_code == 200
        assert code(ring.request("POST", url, BODY, headers=trello(url, secret="no"))) == (401, "invalid_signature")
        (headers, body), = handler.wait(1)
        assert json.loads(body)
        assert not [name for name in headers if "url" in name.lower()], headers
        row, = target.rows()
        assert ":url" not in json.dumps(row) and "sources" not in json.dumps(row), row


def test_who_signs_wrongly_too_often_waits(ring, name):
    channel = Addressed(ring, name)
    statuses = [channel.call(sign(secret="another")).status_code for _ in range(60)]
    assert statuses[:20] == [401] * 20 and 429 in statuses, statuses
    answer = channel.call(sign(secret="another"))
    if answer.status_code == 429:
        assert int(answer.headers["Retry-After"]) >= 1 and answer.json()["code"] == "rate_limited"
        assert "not signed right" in answer.json()["message"]
    other = Addressed(ring, name + "-o")
    assert other.call(sign()).status_code == 204
    ring.wait(lambda: channel.call(sign()).status_code == 204, what="the sender is let in again")
    assert channel.texts() == ["Version 2 is out"]


NOTION = "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl"
ASANA = "b537207f20cbfa02357cf448134da559e8bd39d61597dcd5631b8012eae53e81"


def notion(token=NOTION):
    return {}, json.dumps({"verification_token": token}).encode()


def asana(secret=ASANA):
    return {"X-Hook-Secret": secret}, b"{}"


class Telling(Addressed):
    """A channel with a source that waits for the secret which its sender tells."""

    signed = {"notion": ("X-Notion-Signature", "sha256="), "asana": ("X-Hook-Signature", "")}

    def __init__(self, ring, name, scheme):
        Channel.__init__(self, ring, name)
        self.scheme, self.token = scheme, ring.manage("token_create", self.user.email)
        self.made = self.source(scheme=scheme, for_token=self.token["id"])
        self.address = self.made["address"]

    def tell(self, *secret):
        headers, body = {"notion": notion, "asana": asana}[self.scheme](*secret)
        return self.call(headers, body)

    def event(self, secret):
        name, begins = self.signed[self.scheme]
        return self.call({name: begins + hmac.new(secret.encode(), BODY, hashlib.sha256).hexdigest()})

    def show(self):
        return self.ring.manage("source_show", self.made["id"])


@pytest.mark.parametrize("scheme, secret", [("notion", NOTION), ("asana", ASANA)])
def test_a_source_takes_the_secret_that_its_sender_tells(ring, name, scheme, secret):
    channel = Telling(ring, name, scheme)
    other = secret[:-3] + "abc"
    assert channel.made["waits_until"] and not channel.made["secrets"] and "secret" not in channel.made
    assert code(channel.event(secret)) == (401, "invalid_signature")
    for _ in range(2):
        answer = channel.tell()
        assert (answer.status_code, answer.content) == (200, b""), answer.text
        assert answer.headers.get("X-Hook-Secret") == (secret if scheme == "asana" else None)
    shown = channel.show()
    assert shown["waits_until"] is None and len(shown["secrets"]) == 1
    assert shown.get("secret") == (secret if scheme == "notion" else None)
    assert shown["version"] > channel.made["version"]
    answer = channel.tell(other)
    assert code(answer) == (401, "invalid_signature") and "X-Hook-Secret" not in answer.headers
    assert channel.event(secret).status_code == 204 and code(channel.event(other)) == (401, "invalid_signature")
    assert channel.texts() == ["Version 2 is out"]
    row, *_ = ring.manage("audit_list", order="desc", limit=5, object=channel.made["id"])["rows"]
    assert (row["op"], row["who"], row["from"]) == ("source_incoming", "nobody", "127.0.0.1"), row
    assert secret not in ring.logs() and other not in ring.logs()
    if scheme == "asana":
        assert ring.manage("source_rotate", channel.made["id"], overlap=60)["waits_until"]
        assert channel.event(secret).status_code == 204
        assert channel.tell(other).status_code == 200
        assert channel.event(secret).status_code == channel.event(other).status_code == 204


def test_only_a_source_that_waits_takes_what_is_told(ring, name):
    channel = Channel(ring, name)
    with pytest.raises(CtlError, match="for_token: is needed: this sender"):
        channel.source(scheme="notion")
    waiting = Telling(ring, name + "-w", "asana")
    with pytest.raises(CtlError, match="for_token: is needed"):
        ring.manage("source_edit", waiting.made["id"], for_token="")
    for headers, body in (asana("a b"), asana("x" * 257), asana(""), notion()):
        answer = waiting.call(headers, body)
        assert code(answer) == (401, "invalid_signature") and "X-Hook-Secret" not in answer.headers
    ring.manage("source_rotate", waiting.made["id"], secret="typed in")
    assert code(waiting.tell()) == (401, "invalid_signature") and waiting.event("typed in").status_code == 204
    github = Addressed(ring, name + "-g")
    assert code(github.call(*asana())) == code(github.call(*notion())) == (401, "invalid_signature")
