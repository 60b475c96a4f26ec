"""Mixed versions: an installation of the version before becomes one of this version, a process at a time, under load.

    ./dev mixed [ROUNDS]                                builds the version before; 10 rounds
    python3 tests/system/mixed.py --rounds 10 --seed 7

A round is an installation with two gateways that the version before has made and runs. In an order of chance each
process is ended and started anew by this version's program, as a rolling restart does; what has no store (gateways,
the router) goes back and forth on the way. In each mix messages for a channel, an extension and a bot whose handler
is called have to be answered 2xx, a user is made, and what is stored is read. At the end everything that was
answered 2xx is stored once, and the handler was called for each event under one id. From the moment on that authd is new there are sources: what their sender
has not signed, or shows another secret for, is let in by no mix; what it has, by this version whole. A writer repeats what a gateway's
end cut off, with its Idempotency-Key. The seed is printed.
"""

import argparse
import collections
import hashlib
import hmac
import json
import pathlib
import random
import signal
import sys
import threading
import urllib.parse

import answering
import kill_campaign
from harness import postern

BEFORE = postern.ROOT / "build" / "before" / "bin"
SETTINGS = {"delivery.allow": "127.0.0.0/8"}
KINDS = ("channel", "bot", "extension")
WRITERS = 1  # to each
PAUSE_S = 0.02  # after each message: how many there are does not depend on the machine


class Writer(kill_campaign.Writer):
    pause_s = PAUSE_S


class Place:
    """What messages of a kind go to, and who posts them."""

    def __init__(self, ring, kind, name, seed, stop):
        self.tally = kill_campaign.Tally(kind, seed)
        self.url, self.read_back = kill_campaign.place(ring, kind, name)
        self.writers = [Writer(f"{kind}{i}", self.url, self.tally, stop, True) for i in range(WRITERS)]

    def start(self):
        for writer in self.writers:
            writer.start()

    def goes_on(self):
        """Waits until some more are answered 2xx."""
        before = len(self.tally.acknowledged)
        postern.wait(lambda: len(self.tally.acknowledged) >= before + 5 or self.tally.failed, 20,
                     what=f"messages for the {self.tally.kind} to be answered")
        assert not self.tally.failed, self.tally.failed[:3]


class Sources:
    """A channel and a bot, whose sources the version before does not know."""
    SECRET = "a secret of mixed versions"

    def __init__(self, ring, owner):
        self.ring, token = ring, ring.manage("token_create", owner, rate=0)
        ring.manage("channel_create", name="mixed_sources", owner=owner)
        ring.manage("bot_create", name="mixed_sources", owner=owner)
        self.urls = []
        for kind, path, scheme, header in (("channel", "channelsbyname", "github", self.sign), ("channel", "channelsbyname", "gitlab", self.show),
                                           ("bot", "bots", "gitlab", self.show)):
            name = "mixed_sources"
            made = ring.manage("source_create", kind=kind, to=name, scheme=scheme, secret=self.SECRET, for_token=token["id"])
            self.urls += [(ring.url(f"/api/v2/{path}/{name}/incoming", token["token"]), header), (made["address"], header)]

    def sign(self, secret, body):
        return {"X-Hub-Signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}

    def show(self, secret, body):
        return {"X-Gitlab-Token": secret}

    def post(self, whole, steps):
        """WHOLE: each process is of this version."""
        body = b'{"text": "signed"}'
        for url, header in self.urls:
            for secret in (self.SECRET, "another", None):
                headers = {"Content-Type": "application/json", **(header(secret, body) if secret else {})}
                try:
                    status = self.ring.request("POST", url, body, headers=headers).status_code
                except postern.requests.ConnectionError:
                    continue  # as of post_news
                good = secret == self.SECRET
                assert status // 100 == 2 if whole and good else good or status in (401, 404, 503), (status, secret, url, steps)


class Round:
    def __init__(self, ring, before, seed):
        self.sources = None
        self.ring, self.before, self.dice = ring, before, random.Random(seed)
        self.names, self.users, self.steps = [], 0, []
        self.new = dict.fromkeys(ring.names, False)
        self.stop = threading.Event()
        self.places = [Place(ring, kind, f"mixed_{kind}", seed, self.stop) for kind in KINDS]

    def replace(self, name, new):
        """Ends a process as posternctl restart does, and starts the other version's program."""
        process = self.ring.spawned.pop(name)
        kind, index = name.rsplit("-", 1)
        process.send_signal(signal.SIGTERM if kind == "gateway" else signal.SIGINT)
        assert process.wait(20 * postern.SLOW) == 0, name
        self.ring.binaries = postern.BIN if new else self.before
        self.ring.spawn(kind, index)
        self.new[name] = new
        self.steps.append(f"{name} {'is new' if new else 'is old again'}")

    def look(self):
        """The installation, as it is now, does what it is there for."""
        self.ring.wait_ready(*self.ring.names)
        for place in self.places:
            place.goes_on()
        for kind, path in (("channel", "channelsbyname"), ("bot", "bots")):
            assert self.ring.history(path, f"mixed_{kind}", self.token(kind), limit=5)["messages"]
        self.users += 1
        self.ring.manage("user_create", email=f"mixed{self.users}@example.org", name="Mixed")
        self.ring.binaries = postern.BIN if self.dice.random() < 0.5 else self.before
        assert len(self.ring.ctl("user", "list", "--limit", 500)["users"]) == len(KINDS) + self.users
        self.post_news()
        if self.new["authd-0"]:
            self.ring.binaries = postern.BIN
            self.sources = self.sources or Sources(self.ring, "mixed1@example.org")
            self.sources.post(all(self.new.values()), self.steps)

    def post_news(self):
        """What the version before has not: a clean answer, and a 2xx where each process knows it."""
        url = self.places[KINDS.index("channel")].url.replace("/message?", "/incoming?")
        try:
            status = self.ring.post(url, {"text": f"news {self.users}"}).status_code
        except postern.requests.ConnectionError:
            return  # kept by the session, and ended with its gateway
        assert status // 100 == 2 or (status in (404, 503) and not all(self.new.values())), (status, self.steps)

    def run(self):
        order = self.dice.sample(self.ring.names, len(self.ring.names))
        stateless = [name for name in order if name.startswith(("gateway", "router"))]
        self.look()
        for name in order:
            if not self.new[name]:
                self.replace(name, True)
                self.look()
            if self.dice.random() < 0.3:
                other = self.dice.choice(stateless)
                self.replace(other, not self.new[other])
                self.look()
        for name in stateless:
            if not self.new[name]:
                self.replace(name, True)
        self.look()

    def token(self, kind):
        query = urllib.parse.urlsplit(self.places[KINDS.index(kind)].url).query
        return urllib.parse.parse_qs(query)["zapikey"][0]

    def check(self, called):
        """What is wrong, in words."""
        wrong = []
        for place in self.places:
            tally = kill_campaign.check(place.tally, place.read_back())
            wrong += [] if tally.clean else [str(tally)]
        ids = collections.defaultdict(set)
        for event in called:
            ids[text_of(event)].add(event["id"])
        events = self.places[KINDS.index("bot")].tally.acknowledged
        return wrong + [f"{text}: called under {len(ids[text])} ids" for text in events if len(ids[text]) != 1]


def text_of(event):
    body = event["body"]
    return (json.loads(body) if isinstance(body, str) else body)["text"]


def settle(ring, token, handler):
    """Waits until nothing is pending, as long as calls go on to come."""
    calls = -1
    while answering.deliveries(ring, "bots", "mixed_bot", token, state="pending"):
        assert len(handler.events) > calls, "events wait, and their handler is not called"
        calls = len(handler.events)
        postern.wait(lambda: len(handler.events) > calls or
                     not answering.deliveries(ring, "bots", "mixed_bot", token, state="pending"), 20,
                     what="the handler to be called")


def play(before, seed):
    """One round. Returns what is wrong and a line of counts."""
    with answering.Answering(lambda event, count: (200, {})) as handler, \
            postern.Ring(settings=SETTINGS, gateways=2, binaries=before) as ring:
        played = Round(ring.spawn_all(), before, seed)
        ring.ctl("bot", "handler", "set", "mixed_bot", handler.url)
        for place in played.places:
            place.start()
        try:
            played.run()
        except BaseException:
            print(f"seed {seed}:", ", then ".join(played.steps), flush=True)
            raise
        finally:
            played.stop.set()
            for place in played.places:
                for writer in place.writers:
                    writer.join(60)
        settle(ring, played.token("bot"), handler)
        wrong = played.check(handler.events)
        ring.keep = bool(wrong)
        sent = sum(len(place.tally.acknowledged) for place in played.places)
        return wrong, (f"mixed versions: seed={seed} steps={len(played.steps)} acknowledged={sent} "
                       f"calls={len(handler.events)} wrong={len(wrong)}")


def main():
    words = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    words.add_argument("--before", type=pathlib.Path, default=BEFORE)
    words.add_argument("--rounds", type=int, default=10)
    words.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    chosen = words.parse_args()
    bad = False
    for seed in range(chosen.seed, chosen.seed + chosen.rounds):
        wrong, line = play(chosen.before, seed)
        print(line, *wrong[:10], sep="\n  ", flush=True)
        bad = bad or bool(wrong)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
