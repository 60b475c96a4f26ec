"""Editors as witnesses: senders that edit and delete what they posted, by key and by id, beside plain
posts; desk.py has what they know. At the end everything is read back, each revision by itself, too,
and a backup is made, in whose files nothing of what they have deleted must be."""

import collections
import http.client
import random
import shutil
import threading
import time
import urllib.parse

import desk
import writers


class Editor(writers.Writer):
    """Carries one step of a desk out after another, each until it is answered."""

    def __init__(self, number, seed, url, stop, pace):
        super().__init__(number, seed, url, stop, pace)
        self.desk = desk.Desk(f"{seed}.{number}", random.Random(f"{seed} editor {number}"))
        parts = urllib.parse.urlsplit(url)
        self.base, self.query = parts.path.rpartition("/")[0], parts.query

    def one(self, n):
        began, step, repeated = time.monotonic(), self.desk.next(), False
        while True:
            status, body = self.ask(step)
            self.codes[self.code(status, body)] += 1
            took = time.monotonic() - began
            self.slowest_s = max(self.slowest_s, took)
            if self.desk.answered(step, status, body, repeated):
                self.acknowledged.append(n)
                return
            if 400 <= status < 500 and status != 408:
                self.refused.append((step.what, step.name, status, body[:200]))
                return self.desk.lost(step)
            if took > writers.GIVE_UP_S:
                self.given_up.append(n)
                return self.desk.lost(step)
            time.sleep(0.1)
            step, repeated = self.desk.again(step), True

    def ask(self, step):
        """The status and the answer; 0 when the connection broke."""
        path, more, body, headers = self.desk.request(step)
        named = dict(header.split(": ") for header in headers)
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection(self.address, timeout=writers.TIMEOUT_S)
            self.connection.request(step.method, f"{self.base}/{path}?{self.query}{more}", body, named)
            answer = self.connection.getresponse()
            said = answer.read()
            if answer.getheader("Connection", "").lower() == "close":
                self.close()
            return answer.status, said
        except (OSError, http.client.HTTPException) as error:
            self.close()
            return 0, repr(error)


class Editors:
    """Two to each of two channels."""

    settings = {}
    first = 200  # of their numbers

    def __init__(self, ring, seed, pace):
        self.ring, self.over = ring, threading.Event()
        self.writers, self.read_back, self.counts = [], [], collections.Counter()
        for i in range(2):
            name = f"edited_{i}"
            owner = ring.user(name)
            ring.channel(name, owner)
            mine = [Editor(self.first + 2 * i + k, seed, ring.channel_url(name, owner.token), self.over, pace)
                    for k in range(2)]
            self.writers += mine
            self.read_back.append((mine, lambda name=name, owner=owner, **how: ring.messages(
                "channelsbyname", name, owner.token, **how)))

    start, rest = writers.Writers.start, writers.Writers.rest

    def check(self):
        found = collections.defaultdict(list)
        found["waits for an answer"] = [w.number for w in self.writers if w.is_alive()]
        found["refused"] = [one for w in self.writers for one in w.refused]
        for mine, read_back in self.read_back:
            desks = [w.desk for w in mine]
            for what, examples in desk.compare(desks, read_back(), read_back(revisions=1)).items():
                found[what] += examples
        found["deleted, and in a backup"] = self.left()
        self._count(found)
        return {f"edits: {what}": examples for what, examples in found.items() if examples}

    def left(self):
        place = self.ring.dir / "backup-of-edits"
        self.ring.ctl("backup", place)
        try:
            return desk.left_in(place, desk.erased([w.desk for w in self.writers]))
        finally:
            shutil.rmtree(place)

    def _count(self, found):
        messages = [m for w in self.writers for m in w.desk.messages]
        self.counts.update({
            "steps": sum(w.n for w in self.writers), "acknowledged": sum(len(w.acknowledged) for w in self.writers),
            "given up": sum(len(w.given_up) for w in self.writers), "messages": len(messages),
            "revisions": sum(len(m.acknowledged) - 1 for m in messages if m.acknowledged),
            "deleted": sum(m.deleted for m in messages), "wrong": sum(map(len, found.values()))})
