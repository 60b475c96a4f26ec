"""Hints in the stream of all by a session: what changed, which token was used, how the ring fares."""

import json
import time

import pytest

from reading_streams import Raw
from test_signed_in import Reader, Stream


class Hints(Stream):
    """The events of a stream, of all where no PATH is given: (event, data)."""

    def __init__(self, ring, reader, events, path="/streams?"):
        super().__init__(ring, f"{path}events={events}", f"Cookie: postern={reader.browser.session}")
        self.seen = []

    def until(self, event, fits=lambda data: True):
        for name, data, _ in self.events:
            self.seen.append((name, json.loads(data)))
            if name == event and fits(self.seen[-1][1]):
                return self.seen[-1][1]
        raise AssertionError(f"the stream has ended: {self.seen}")

    def of(self, event):
        return [data for name, data in self.seen if name == event]


@pytest.fixture
def ada(ring, name):
    return Reader(ring, f"a_{name}")


@pytest.fixture
def eve(ring, name):
    return Reader(ring, f"e_{name}", "admin")


def test_a_change_is_told_to_whoever_may_see_it(ring, name, ada, eve):
    with Hints(ring, ada, "message,directory") as page, Hints(ring, eve, "directory") as admins:
        others = ring.channel(f"{name[:50]}_o", eve.user, [eve.user])
        made = ada.by_cookie("POST", "/channels", {"name": name, "owner": ada.user.email, "members": [ada.user.email]}).json()
        ring.manage("channel_edit", made["id"], description="changed by somebody else")
        page.until("directory", lambda data: data == {"op": "channel_edit", "id": made["id"]})
        assert {"op": "channel_create", "id": made["id"]} in page.of("directory")
        assert others["id"] not in json.dumps(page.seen)
        admins.until("directory", lambda data: data["id"] == made["id"] and data["op"] == "channel_edit")
        assert {"op": "channel_create", "id": others["id"]} in admins.of("directory")
        ring.manage("channel_member_add", others["id"], user=ada.user.id)
        page.until("directory", lambda data: data == {"op": "channel_member_add", "id": others["id"]})
        ada.by_cookie("POST", f"/channels/{name}/messages", {"text": "hello"})
        assert page.until("message")["message"]["text"] == "hello"
        assert not admins.of("message")
        ada.by_cookie("POST", "/logout")
        assert page.until("end")["code"] == "invalid_session"


def test_the_use_of_a_token_is_told_once_in_a_while(ring, name, ada, eve):
    ring.channel(name, ada.user, [ada.user])
    url = ring.channel_url(name, ada.user.token)
    with Hints(ring, ada, "token_used,directory") as page, Hints(ring, eve, "token_used,directory") as admins:
        for n in range(5):
            assert ring.post(url, {"text": str(n)}).status_code == 204
        token, = ring.manage("token_list", ada.user.email)["tokens"]
        told = page.until("token_used", lambda data: data["last_target"] == name)
        assert told["id"] == token["id"] and told["last_address"] == "127.0.0.1"
        assert ring.post(url, {"text": "again"}).status_code == 204
        time.sleep(1.5)  # until that is written and asked for
        ring.manage("channel_edit", name, description="over")
        page.until("directory", lambda data: data["op"] == "channel_edit")
        admins.until("directory", lambda data: data["op"] == "channel_edit")
        assert len(page.of("token_used")) == 1 and not admins.of("token_used")


def test_that_the_ring_fares_otherwise_is_told_to_admins(ring, name, ada, eve):
    with Hints(ring, ada, "health,directory") as page, Hints(ring, eve, "health") as admins:
        assert "ready" in admins.until("health")["sentence"]  # as it is
        ring.kill("bot-0")
        assert admins.until("health")["sentence"]
        ring.wait_ready("bot-0")
        ring.manage("user_edit", ada.user.id, name="Ada")
        page.until("directory")
        assert not page.of("health")


def test_what_cannot_be_meant_is_refused(ring, name, ada):
    cookie = f"Cookie: postern={ada.browser.session}"
    ring.channel(name, ada.user, [ada.user])
    for query, said in (("events=", "events must be"), ("events=message,all", "events must be"), ("events=health,", "events must be"),
                        (f"events=health&targets=channel:{name}", "without targets")):
        refused = Raw(ring.admin_port, f"/api/v2/streams?{query}", (cookie,))
        body = json.loads(refused.body())
        assert (refused.status, body["code"]) == (400, "invalid_param") and said in body["message"], body
    by_token = ring.get(ring.url("/api/v2/streams", ada.user.token, events="directory"))
    assert by_token.status_code == 400 and "session" in by_token.json()["message"]
    one = Raw(ring.admin_port, f"/api/v2/channels/{name}/stream?events=health", (cookie,))
    assert one.status == 400
    with Stream(ring, "/streams?events=message", cookie) as page:
        ada.by_cookie("POST", f"/channels/{name}/messages", {"text": "plain"})
        assert page.message() == "plain"
