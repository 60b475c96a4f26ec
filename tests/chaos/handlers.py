"""Handlers as witnesses: bots and an extension with a handler each, writers that post to them, and a
real HTTP server that is called. Every message that was answered 2xx must come to it at least once,
each under a webhook-id of its own that no repeat changes."""

import collections
import json
import time

import writers
from harness.handler import Handler

LATEST_S = 120  # after the end of everything: failed calls are repeated after 5 s, on a clock SCALE fast
SCALE = 20


class Server(Handler):
    """Remembers under which ids the messages came."""

    def __init__(self):
        self.calls = collections.defaultdict(collections.Counter)
        super().__init__()

    def called(self, path, headers, body):
        name = json.loads(json.loads(body)["body"])["text"].split(" ")[0]
        with self.lock:
            self.calls[name][headers["webhook-id"]] += 1
        return 204, {}, b""


class Handlers(writers.Writers):
    settings = {"delivery.allow": "127.0.0.0/8", "delivery.time_scale": SCALE}
    places = ("bot", "bot", "extension")
    prefix, first = "called_", 100

    def __init__(self, ring, seed, pace):
        self.server = Server()
        super().__init__(ring, seed, pace)

    def equip(self, ring, kind, name):
        words = ["--environment", "sandbox"] if kind == "extension" else []
        ring.ctl(kind, "handler", "set", name, self.server.url, *words)

    def check(self):
        found = super().check()
        names = {w.name(n) for w in self.writers for n in w.acknowledged}
        end = time.monotonic() + LATEST_S
        while names - self.server.calls.keys() and time.monotonic() < end:
            time.sleep(0.2)
        self.server.close()
        calls = self.server.calls
        self.counts["called"] = len(names & calls.keys())
        self.counts["called again"] = sum(sum(ids.values()) - 1 for ids in calls.values())
        owners = collections.Counter(id for ids in calls.values() for id in ids)
        wrong = {"not called": sorted(names - calls.keys()),
                 "called under two ids": [name for name, ids in calls.items() if len(ids) > 1],
                 "called with another's id": [id for id, count in owners.items() if count > 1]}
        return found | {what: examples for what, examples in wrong.items() if examples}
