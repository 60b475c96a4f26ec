"""A handler for tests, and what the journal tells of its deliveries."""

import json

from harness.handler import Handler


class Answering(Handler):
    """answer (event, count) says with which status and JSON; count: how often this event came."""

    def __init__(self, answer):
        self.answer, self.events = answer, []
        super().__init__()

    def called(self, path, headers, body):
        event = json.loads(body)
        with self.lock:
            self.events.append(event)
            count = sum(one["id"] == event["id"] for one in self.events)
        status, answer = self.answer(event, count)
        return (status, {"Content-Type": "application/json"},
                answer if isinstance(answer, bytes) else json.dumps(answer).encode())


def deliveries(ring, kind, name, token, **params):
    answer = ring.get(ring.url(f"/api/v2/{kind}/{name}/deliveries", token, **params))
    assert answer.status_code == 200, answer.text
    return answer.json()["deliveries"]


def settled(ring, kind, name, token):
    """Waits until nothing is pending."""
    ring.wait(lambda: not deliveries(ring, kind, name, token, state="pending"), 20,
              what="the deliveries")


def replies(ring, kind, name, token):
    return [m for m in ring.messages(kind, name, token) if "reply_to" in m]
