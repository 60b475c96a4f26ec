"""The chat of two users: the same for both, and there for nobody else."""

import pytest

from harness.postern import CtlError, SLOW
from reading_streams import Reader


class Chat:
    def __init__(self, ring, name):
        self.ring = ring
        self.ada, self.bob, self.cy = (ring.user(f"{name}-{who}") for who in ("ada", "bob", "cy"))

    def url(self, user, other, *more, **query):
        return self.ring.url("/".join(["/api/v2/direct", other if isinstance(other, str) else other.email, *more]), user.token, **query)

    def post(self, user, other, body, **query):
        answer = self.ring.post(self.url(user, other, "message", sync_message="true", **query), body)
        assert answer.status_code == 200, answer.text
        return answer.json()["message_id"]

    def texts(self, user, other, **query):
        answer = self.ring.get(self.url(user, other, "messages", **query))
        assert answer.status_code == 200, answer.text
        return [row["message"]["text"] for row in answer.json()["messages"]]


@pytest.fixture
def chat(ring, name):
    return Chat(ring, name)


def refused(answer, status, code):
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def test_both_post_read_and_stream_it_and_nobody_else(chat):
    ring, ada, bob, cy = chat.ring, chat.ada, chat.bob, chat.cy
    readers = [Reader(ring.port, f"/api/v2/direct/{other.email}/stream", user.token, lines=True)
               for user, other in ((ada, bob), (bob, ada), (cy, ada), (cy, bob))]
    assert all(reader.ready.wait(20 * SLOW) for reader in readers)
    chat.post(ada, bob, {"text": "hello"})
    first = chat.post(bob, ada.id, {"text": "hello, Ada"})
    chat.post(ada, bob.email.upper(), {"text": "how are you?", "thread_message_id": first, "userids": cy.email})
    said = ["hello", "hello, Ada", "how are you?"]
    for user, other in ((ada, bob), (bob, ada), (ada, bob.id), (bob, ada.id)):
        assert chat.texts(user, other) == said and chat.texts(user, other, q="ada") == ["hello, Ada"]
    for other in (ada, bob, cy):
        assert chat.texts(cy, other) == []
    assert chat.texts(ada, ada) == []
    ring.wait(lambda: [reader.texts for reader in readers] == [said, said, [], []], 20)
    for reader in readers:
        reader.stop()
    refused(ring.get(chat.url(cy, ada, "messages", first)), 404, "unknown_message")
    assert ring.get(chat.url(ada, bob, "messages", first)).json()["message"] == {"text": "hello, Ada"}
    refused(ring.request("PUT", chat.url(ada, bob, "messages", first), {"text": "mine"}), 403, "not_allowed")
    refused(ring.request("DELETE", chat.url(cy, bob, "messages", first)), 404, "unknown_message")
    assert ring.request("PUT", chat.url(bob, ada, "messages", first), {"text": "edited"}).status_code == 200
    assert ring.request("DELETE", chat.url(bob, ada, "messages", first)).status_code == 204
    assert chat.texts(ada, bob) == ["hello", "how are you?"]


def test_who_is_not_there_and_who_may_not(chat):
    ring, ada, bob = chat.ring, chat.ada, chat.bob
    refused(ring.post(chat.url(ada, "nobody@example.org", "message"), {"text": "x"}), 404, "unknown_user")
    for op in ("direct_history", "direct_message_show"):
        with pytest.raises(CtlError) as error:
            ring.manage(op, bob.email)
        assert error.value.code == "unknown_chat"
    bound = ring.manage("token_create", ada.email, name="bound", channels=[ring.channel(ada.email.split("@")[0].replace("-", "_"), ada)["id"]])
    answer = ring.get(ring.url(f"/api/v2/direct/{bob.email}/messages", bound["token"]))
    refused(answer, 403, "out_of_scope")
    chat.post(ada, bob, {"text": "before"})
    ring.manage("user_delete", bob.email, confirm=True)
    refused(ring.post(chat.url(ada, bob.id, "message"), {"text": "after"}), 404, "unknown_user")
    refused(ring.get(chat.url(ada, bob, "messages")), 404, "unknown_user")
    assert chat.texts(ada, bob.id) == ["before"]
