"""What one sender posts, edits and deletes, and what may be there after it.

    desk = Desk("0.3", dice)
    step = desk.next()                      one request: step.method, desk.request(step)
    desk.answered(step, status, answer)     or desk.again(step) and a further one, or desk.lost(step)
    compare([desk], shown, records)         {what is wrong: [examples]}

Each body is a name's, of its own (writers.body_of), also that of a repeated PUT: as PUT takes no key
of its sender's, a repeat may be one more revision. So of each body it is known whether it was
acknowledged, and whatever comes late is told from what comes twice.
"""

import collections
import json
from typing import NamedTuple

from writers import body_of

LIVE = 4        # messages that a sender changes at a time
WHOLE = 50      # revisions that all keep their content (JOURNAL_REVISIONS)
KEPT = 9        # of more, the last that surely do: one of JOURNAL_WHOLE - 1 may be of a lost request


class Message:
    def __init__(self, first, key):
        self.first, self.key, self.id = first, key, None
        self.texts = {}          # name: whether it was acknowledged
        self.acknowledged = []   # in the order of the answers
        self.asked = self.deleted = False

    def required(self):
        """Names that must be there."""
        if self.asked:
            return []
        if len(self.texts) > WHOLE:
            return self.acknowledged[:1] + self.acknowledged[1:][-KEPT:]
        return self.acknowledged

    def may_show(self):
        """Names that may be its last revision's: a request without an answer may have come late."""
        return set(self.acknowledged[-1:]) | {name for name, known in self.texts.items() if not known}


class Step(NamedTuple):
    what: str  # "plain", "first", "keyed", "edit", "delete"
    message: Message
    name: str

    @property
    def method(self):
        return {"edit": "PUT", "delete": "DELETE"}.get(self.what, "POST")


class Desk:
    def __init__(self, prefix, dice):
        self.prefix, self.dice, self.n = prefix, dice, 0
        self.messages, self.live, self.wrong = [], [], []
        self.codes = collections.Counter()

    def _name(self):
        self.n += 1
        return f"{self.prefix}.{self.n - 1}"

    def next(self):
        """Half of the steps begin a message; the first one with a key is edited on and on."""
        draw = self.dice.random()
        live = [m for m in self.live if draw < 0.9 or m is not self.live[0]]
        if draw < 0.3 or not live:
            what = "plain" if self.dice.random() < 0.5 and self.live else "first"
            return self._begin(what)
        message = live[0] if draw < 0.5 else self.dice.choice(live)
        what = "delete" if draw >= 0.9 else "keyed" if message.key and draw < 0.75 else "edit"
        return self._send(Step(what, message, self._name()))

    def _begin(self, what):
        name = self._name()
        message = Message(name, f"key {name}" if what == "first" and self.n % 3 else None)
        self.messages.append(message)
        if what == "first" and len(self.live) < LIVE:
            self.live.append(message)
        return self._send(Step(what, message, name))

    @staticmethod
    def _send(step):
        if step.what == "delete":
            step.message.asked = True
        else:
            step.message.texts.setdefault(step.name, False)
        return step

    def again(self, step):
        """The step to repeat STEP by, which was not answered."""
        return self._send(step._replace(name=self._name()) if step.what == "edit" else step)

    @staticmethod
    def request(step):
        """(path behind the target's, parameters, body, headers)"""
        if step.what == "delete":
            return f"messages/{step.message.id}", "", b"", []
        body = {"text": body_of(step.name)}
        if step.what == "edit":
            return f"messages/{step.message.id}", "", json.dumps(body).encode(), ["Content-Type: application/json"]
        if step.message.key:
            body["message_key"] = step.message.key
        return ("message", "" if step.what == "plain" else "&sync_message=true", json.dumps(body).encode(),
                ["Content-Type: application/json", f"Idempotency-Key: {step.name}"])

    def answered(self, step, status, answer, repeated=False):
        """Whether that ends the step: what is known after it."""
        message, gone = step.message, step.what == "delete" and status == 404 and repeated
        if not (200 <= status < 300 or gone):
            return False
        if step.what == "delete":
            message.deleted = True
            self._drop(message)
            return True
        if step.what != "plain":
            self._read(step, json.loads(answer))
        message.texts[step.name] = True
        message.acknowledged.append(step.name)
        return True

    def _read(self, step, answer):
        message, number = step.message, answer.get("revision", 0)
        if step.what != "first" and answer["message_id"] != message.id:
            self.wrong.append(f"{step.what} {step.name}: {answer}, and not {message.id}")
        if not len(message.acknowledged) <= number < len(message.texts):
            self.wrong.append(f"{step.what} {step.name}: {answer}, behind {message.texts}")
        message.id = answer["message_id"]

    def _drop(self, message):
        self.live = [m for m in self.live if m is not message]

    def lost(self, step):
        """It stays open what became of the step: its message is left alone."""
        self._drop(step.message)


def compare(desks, shown, records):
    """SHOWN: the target's messages; RECORDS: with revisions=1."""
    found = collections.defaultdict(list)
    for desk in desks:
        found["wrong answers"] += desk.wrong
    messages = [m for desk in desks for m in desk.messages]
    known = {name: m for m in messages for name in m.texts}
    there = collections.Counter()
    for row in records:
        if row["message"]:
            text = row["message"]["text"]
            name = text.split(" ")[0]
            there[name] += 1
            if text != body_of(name):
                found["damaged"].append(text[:100])
            elif name not in known:
                found["never sent"].append(name)
            elif known[name].deleted:
                found["deleted, and there"].append(name)
    found["doubled"] += [name for name, count in there.items() if count > 1]
    found["lost"] += [name for m in messages for name in m.required() if name not in there]
    for message in messages:
        _compare_one(message, [row for row in shown if row["id"] == message.id],
                     [row for row in records if row["id"] == message.id], found)
    return {what: examples for what, examples in found.items() if examples}


def _compare_one(message, shown, records, found):
    if message.id is None:
        return
    numbers = [row.get("revision", 0) for row in records]
    if numbers != list(range(len(records))):
        found["revisions"].append(f"{message.first}: {numbers}")
    if message.deleted and shown:
        found["deleted, and shown"].append(message.first)
    if message.asked:
        return
    if len(shown) != 1:
        found["shown"].append(f"{message.first}: {len(shown)} times")
        return
    name = shown[0]["message"]["text"].split(" ")[0]
    if name not in message.may_show():
        found["not the last one"].append(f"{message.first}: {name}, and not of {message.may_show()}")
    if shown[0].get("revision", 0) != len(records) - 1:
        found["revisions"].append(f"{message.first}: {shown[0].get('revision')} of {len(records)}")
    if not len(message.acknowledged) <= len(records) <= len(message.texts):
        found["revisions"].append(f"{message.first}: {len(records)} records of {len(message.texts)}")


def erased(desks):
    """Texts that a delete which was acknowledged has removed, as far as they can be looked for."""
    return [text for desk in desks for m in desk.messages if m.deleted
            for text in map(body_of, m.texts) if len(text) > 40]


def left_in(directory, texts):
    """Those of the texts that are somewhere in the files below DIRECTORY."""
    files = [path.read_bytes() for path in directory.rglob("*") if path.is_file()]
    return [text for text in texts if any(text.encode() in data for data in files)]
