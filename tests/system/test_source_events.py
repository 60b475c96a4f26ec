"""Sources of bots and extensions: what is signed comes to the handler, what is filtered does not."""

import json
import time

import pytest
from harness import postern
from test_handlers import Calls
from test_source_filters import ISSUE, PUSH, dropped, event
from test_sources import SECRET, plain, sign, stripe

EXPECTED = json.loads((postern.ROOT / "formats/github/cases/push.expected.json").read_text())


@pytest.fixture(scope="module")
def ring():
    with postern.Ring(settings={"delivery.allow": "127.0.0.0/8"}) as made:
        yield made.up()


class Target:
    """A bot, or an extension's app, with a handler."""

    def __init__(self, ring, name, kind, handler):
        self.ring, self.user, self.kind, self.handler = ring, ring.user(name), kind, handler
        self.name = name.replace("-", "_")
        if kind == "bot":
            ring.bot(self.name, self.user)
            self.url, self.read = ring.bot_url(self.name, self.user.token), ("bots", self.name)
        else:
            app = ring.extension(self.name, self.user)["sandbox"]
            self.url, self.read = ring.extension_url(app, self.user.token), ("applications", app.app_id)
        self.which = {"environment": "sandbox"} if kind == "extension" else {}
        ring.manage(f"{kind}_handler_set", self.name, url=handler.url, **self.which)

    def source(self, **fields):
        return self.ring.manage("source_create", kind=self.kind, to=self.name, **fields)

    def post(self, case, path="", query="", method="POST", **more):
        body, headers = case
        return self.ring.request(method, self.url.replace("/incoming", "/incoming" + path) + query, body, headers={**headers, **more})

    def rows(self):
        return self.ring.messages(*self.read, self.user.token)

    def called(self, count):
        """What came to the handler, which is COUNT events and no more."""
        self.handler.wait(count)
        assert len(self.rows()) == count
        return [json.loads(body) for _, body in self.handler.wait(count)]


@pytest.fixture
def handler():
    with Calls() as made:
        yield made


@pytest.fixture(params=["bot", "extension"])
def target(ring, name, handler, request):
    return Target(ring, name, request.param, handler)


def taken(answer):
    assert (answer.status_code, answer.json()) == (200, {}), answer.text


def refused(answer, reason):
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_signature"), answer.text
    assert reason in answer.json()["message"]


def test_only_what_is_signed_comes_to_the_handler(target):
    taken(target.post(PUSH))
    target.source(scheme="github", secret=SECRET)
    refused(target.post(PUSH), "header x-hub-signature-256 is missing")
    refused(target.post(PUSH, "/github", **sign(secret="another")), "no signature matches")
    taken(target.post(PUSH, **sign(PUSH[0])))
    assert len(target.called(2)) == 2
    target.ring.kill(f"{target.kind}-0")
    target.ring.wait_ready(f"{target.kind}-0")
    refused(target.post(PUSH), "missing")
    assert SECRET not in target.ring.logs()


def test_its_handler_goes_on_as_it_is_set(target):
    """The record of the handler travels in the same place as the sources."""
    target.source(scheme="github", secret=SECRET)
    taken(target.post(PUSH, **sign(PUSH[0])))
    target.called(1)
    with Calls() as other:
        target.ring.manage(f"{target.kind}_handler_set", target.name, url=other.url, **target.which)
        taken(target.post(ISSUE, **sign(ISSUE[0])))
        other.wait(1)
    target.ring.manage(f"{target.kind}_handler_clear", target.name, **target.which)
    taken(target.post(ISSUE, **sign(ISSUE[0])))
    time.sleep(0.3)
    assert len(target.handler.calls) == 1 and len(target.rows()) == 3


def test_what_is_filtered_is_not_stored_and_not_called(target):
    made = target.source(only=["push"])
    dropped(target.post(ISSUE))
    taken(target.post(PUSH))
    dropped(target.post((b'{"a": 1}', {})))
    target.ring.manage("source_edit", made["id"], only=[], branch=["main"])
    dropped(target.post(PUSH))
    taken(target.post(ISSUE))
    events = target.called(2)
    assert all("message" not in event or event["message"] is None for event in events)


def test_a_sender_of_invoices(target):
    target.source(scheme="stripe", secret=SECRET, only=["invoice", "charge.failed"])
    paid, other = event("stripe", "invoice_paid"), event("stripe", "payout_failed")
    now = int(time.time())
    taken(target.post(paid, **{**paid[1], **stripe(now, paid[0])}))
    dropped(target.post(other, **{**other[1], **stripe(now, other[0])}))
    target.called(1)


def test_its_format_puts_a_message_beside(target):
    target.source(format="github", on_unknown="drop")
    taken(target.post(PUSH))
    dropped(target.post((b"{}", {"X-GitHub-Event": "unheard"})))
    taken(target.post(ISSUE, "/generic"))
    assert [event["message"] == EXPECTED for event in target.called(2)].count(True) == 1


def test_parameters_filter_where_the_path_names_a_format(target):
    dropped(target.post(PUSH, "/github", "&only=issues"))
    taken(target.post(PUSH, "/github", "&branch=master"))
    taken(target.post(PUSH, "", "&only=issues"))  # a parameter of the caller's own
    answer = target.post(PUSH, "/github", "&only=a,,b")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_param")
    target.called(2)


def test_handshakes_are_those_of_its_sources(target):
    body = json.dumps({"type": "url_verification", "challenge": "3eZbrw1aBm2r"}).encode()
    taken(target.post((body, {})))  # its handler's
    target.source(scheme="slack", secret=SECRET)
    plain(target.post((body, {})), "3eZbrw1aBm2r")
    refused(target.post((b"", {}), query="&challenge=xyz", method="GET"), "missing")
    target.called(1)
