"""The writers of the campaign, and what they know: which message was answered 2xx, in which order.

A witness is what watches the ring from outside while things go wrong: start (), rest () (nothing new
is begun, what is open is ended), check () -> {what is wrong: [examples]}. Writers are the first,
Handlers (handlers.py) the second, Editors (editors.py) the third; chaos.py's WITNESSES has them.
"""

import collections
import datetime
import hashlib
import http.client
import json
import threading
import time
import urllib.parse

import kill_campaign

GIVE_UP_S = 60  # how long one message is repeated
TIMEOUT_S = 15  # of a request: past the gateway's deadline


def body_of(name):
    """The text of a message: its name and what follows from that, so that damage shows."""
    seed = hashlib.blake2b(name.encode(), digest_size=8).hexdigest()
    return name + " " + seed * (int(seed[:4], 16) % 120)


class Writer(kill_campaign.Writer):
    """Posts one message after another to one target, each until it is answered 2xx."""

    def __init__(self, number, seed, url, stop, pace):
        super().__init__(number, url, None, stop, True)
        self.seed, self.pace, self.n = seed, pace, 0
        self.codes = collections.Counter()
        self.acknowledged, self.given_up, self.refused = [], [], []
        self.slowest_s = 0.0

    def name(self, n):
        return f"{self.seed}.{self.number}.{n}"

    def run(self):
        while not self.stop.is_set():
            self.one(self.n)
            self.n += 1
            self.stop.wait(self.pace)

    def one(self, n):
        began = time.monotonic()
        while True:
            status, body = self.attempt(self.name(n))
            self.codes[self.code(status, body)] += 1
            took = time.monotonic() - began
            self.slowest_s = max(self.slowest_s, took)
            if 200 <= status < 300:
                self.acknowledged.append(n)
                return
            if 400 <= status < 500 and status != 408:
                self.refused.append((self.name(n), status, body[:200]))
                return
            if took > GIVE_UP_S:
                self.given_up.append(n)
                return
            time.sleep(0.1)

    @staticmethod
    def code(status, body):
        if status == 0:
            return "cut"
        if status < 300:
            return "2xx"
        try:
            return json.loads(body)["code"]
        except (ValueError, KeyError):
            return str(status)

    def attempt(self, text):
        """The status and the answer; 0 when the connection broke."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": text}
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection(self.address, timeout=TIMEOUT_S)
            self.connection.request("POST", self.path, json.dumps({"text": body_of(text)}), headers)
            answer = self.connection.getresponse()
            body = answer.read()
            if answer.getheader("Connection", "").lower() == "close":
                self.close()
            return answer.status, body
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return 0, repr(error)


def text_of(message):
    """What was posted, of a message or an event."""
    if "message" in message:
        return message["message"]["text"]
    return json.loads(message["event"]["body"])["text"]


def date_of(message):
    return datetime.datetime.fromisoformat(message["time"].replace("Z", "+00:00"))


def jumps(dates, seconds=60):
    """How often a message's date lies so far from the date of the one before it."""
    return sum(abs((b - a).total_seconds()) > seconds for a, b in zip(dates, dates[1:]))


class Writers:
    """Two to each target, of every kind."""

    settings = {}  # of the ring in which they write
    places = ("channel", "channel", "channel", "channel", "bot", "bot", "bot", "extension", "extension",
              "extension")
    prefix, first = "", 0  # of the names of targets, of the writers' numbers

    def __init__(self, ring, seed, pace):
        self.over = threading.Event()
        self.writers, self.read_back = [], []
        for i, kind in enumerate(self.places):
            name = f"{self.prefix}{kind}_{i}"
            url, read_back = kill_campaign.place(ring, kind, name)
            self.equip(ring, kind, name)
            mine = [Writer(self.first + 2 * i + k, seed, url, self.over, pace) for k in range(2)]
            self.writers += mine
            self.read_back.append((mine, read_back))
        self.counts = collections.Counter()

    def equip(self, ring, kind, name):
        """What else a new target needs."""

    def start(self):
        for writer in self.writers:
            writer.start()

    def rest(self):
        """Ends what is open; what has no answer after that is a mistake of the ring's."""
        self.over.set()
        for writer in self.writers:
            writer.join(GIVE_UP_S + 2 * TIMEOUT_S)

    @property
    def acknowledged(self):
        return sum(len(writer.acknowledged) for writer in self.writers)

    @property
    def codes(self):
        return sum((writer.codes for writer in self.writers), collections.Counter())

    def check(self):
        found = {"waits for an answer": [w.number for w in self.writers if w.is_alive()],
                 "refused": [one for w in self.writers for one in w.refused]}
        self.counts["requests"] = sum(w.n for w in self.writers)
        self.counts["acknowledged"] = self.acknowledged
        self.counts["given up"] = sum(len(w.given_up) for w in self.writers)
        for mine, read_back in self.read_back:
            messages = read_back()
            self.compare(mine, [text_of(m) for m in messages], found)
            self.counts["clock jumps in dates"] += jumps([date_of(m) for m in messages])
        for what in ("lost", "doubled", "out of order", "damaged", "never sent"):
            self.counts[what] = len(found.setdefault(what, []))
        return {what: examples for what, examples in found.items() if examples}

    def compare(self, mine, texts, found):
        """Compares what the writers of one target know with what is stored there."""
        stored = {writer.number: [] for writer in mine}
        for text in texts:
            name = text.split(" ")[0]
            seed, number, n = name.split(".")
            if text != body_of(name):
                found.setdefault("damaged", []).append(text[:100])
            if seed != str(mine[0].seed) or int(number) not in stored:
                found.setdefault("never sent", []).append(name)
                continue
            stored[int(number)].append(int(n))
        for writer in mine:
            self._compare_one(writer, stored[writer.number], found)
        self.counts["stored"] += len(texts)

    def _compare_one(self, writer, stored, found):
        times, acknowledged = collections.Counter(stored), set(writer.acknowledged)
        lost = [writer.name(n) for n in writer.acknowledged if n not in times]
        doubled = [writer.name(n) for n, count in times.items() if count > 1]
        # One that was given up may be stored late; the order of the others is promised.
        order = [n for n in stored if n in acknowledged]
        swapped = [writer.name(b) for a, b in zip(order, order[1:]) if b < a]
        never = [writer.name(n) for n in times if n >= writer.n]
        self.counts["stored, not confirmed"] += len(times.keys() - acknowledged)
        for what, examples in (("lost", lost), ("doubled", doubled), ("out of order", swapped),
                               ("never sent", never)):
            found.setdefault(what, []).extend(examples)
