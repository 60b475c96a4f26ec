"""The campaign of live streams: what was stored stands at every reader, once and in order, whatever dies.

    ./dev streams                          120 s
    ./dev streams --seconds 600 --seed 7

Writers post to one channel, and editors post, edit and delete in another one, of two shards, while eight
kinds of reader follow each, and three both: by name, all that one may see, and by a read-only URL. For the first half workers, routers and authd are killed with SIGKILL or
stopped for a while: no reader has to come back. In the second half the gateway, too, whose end cuts its
streams. At the end each reader's sequences are compared with what is stored.
"""

import argparse
import collections
import json
import pathlib
import random
import sys
import threading
import time
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

from harness import postern  # noqa: E402
from harness.connection import Closed  # noqa: E402
from desk import compare  # noqa: E402
from editors import Editor  # noqa: E402
from reading_streams import Raw, Reader, Several  # noqa: E402
from writers import Writer, Writers  # noqa: E402

PACE_S = 0.02      # a writer's pause between two messages
SENDERS = 3        # to each channel
SLOW_S = 0.015     # a slow reader's pause after each event
CATCH_UP_S = 60    # how long a reader may take to have all, after the last message
LONGEST_STOP_S = 20
INNER = ("channel-0", "channel-1", "router-0", "authd-0")


class Waiter(threading.Thread):
    """Reads by wait=, with what a Reader has: got, rows, opened, stop ()."""

    def __init__(self, port, path, token):
        super().__init__(daemon=True)
        self.port, self.path, self.token = port, path.replace("/stream", "/messages"), token
        self.got, self.rows, self.opened, self.next = [], [], 1, 1
        self.ended, self.others, self.failure = threading.Event(), [], None
        self.start()

    def run(self):
        while not self.ended.is_set():
            try:
                self._page()
            except (Closed, OSError, ValueError) as error:
                self.others.append(("gone", str(error)))
                self.ended.wait(0.2)

    def _page(self):
        path = f"{self.path}?from={self.next}&wait=2&revisions=1"
        raw = Raw(self.port, path, [f"Authorization: Bearer {self.token}"])
        try:
            body = raw.body()
        finally:
            raw.close()
        if raw.status != 200:
            raise Closed(f"{raw.status} {body[:200]}")
        for row in json.loads(body)["messages"]:
            self.rows.append(row)
            self.got.append(row["sequence"])
            self.next = row["sequence"] + 1

    def stop(self):
        """Its request is held for some seconds more: nobody waits for that."""
        self.ended.set()


class Share:
    """What a reader of several targets has got of one."""

    def __init__(self, reader, name):
        self.reader, self.name = reader, name

    @property
    def got(self):
        return self.reader.by_name.get(self.name, [])

    @property
    def rows(self):
        return [row for row in list(self.reader.rows) if row["target"]["name"] == self.name]

    @property
    def opened(self):
        return self.reader.opened

    @property
    def failure(self):
        return self.reader.failure

    def stop(self):
        self.reader.stop()


class Place:
    """A channel with who sends to it and who reads it."""

    def __init__(self, ring, name, sender, seed, first, over):
        self.ring, self.name, self.owner = ring, name, ring.user(name)
        ring.channel(name, self.owner)
        self.path = f"/api/v2/channelsbyname/{name}/stream"
        url = ring.channel_url(name, self.owner.token)
        self.senders = [sender(first + i, seed, url, over, PACE_S) for i in range(SENDERS)]
        self.readers = {
            "sse": self.reader(), "sse from the start": self.reader(since="all"),
            "lines": self.reader(lines=True), "lines from the start": self.reader(lines=True, since="all"),
            "slow": self.reader(slow_s=SLOW_S), "hopping": self.reader(lines=True),
            "wait": Waiter(ring.port, self.path, self.owner.token)}
        for reader in self.readers.values():
            assert not isinstance(reader, Reader) or reader.ready.wait(20 * postern.SLOW), "a stream does not open"

    def follow(self, readers):
        """Those that read other targets, too."""
        self.readers |= {what: Share(reader, self.name) for what, reader in readers.items()}

    def reader(self, **how):
        return Reader(self.ring.port, self.path, self.owner.token, **how)

    def join(self):
        """One that comes while messages do."""
        self.readers["late"] = self.reader(since="all")

    def hop(self):
        self.readers["hopping"].raw.cut()

    def opened(self):
        """How often each had to come back that does not do so by itself."""
        return {what: reader.opened - 1 for what, reader in self.readers.items() if what != "hopping"}

    def records(self):
        return self.ring.messages("channelsbyname", self.name, self.owner.token, revisions=1)


class Campaign:
    def __init__(self, ring, seed, seconds):
        self.ring, self.seconds, self.dice = ring, seconds, random.Random(f"{seed} streams")
        self.over, self.counts, self.wrong = threading.Event(), collections.Counter(), collections.defaultdict(list)
        self.last = 0, "all at once"  # seconds after the end, and the reader that had not all by then
        self.places = [Place(ring, f"followed_{kind.__name__.lower()}", kind, seed, 100 * i, self.over)
                       for i, kind in enumerate((Writer, Editor))]
        self.follow([place.name for place in self.places])
        self.senders = [sender for place in self.places for sender in place.senders]
        try:
            self._play()
            self._judge()
        finally:
            self.over.set()
            for reader in self.readers():
                reader.stop()

    def follow(self, names):
        """By one who is of all places, and by whoever has the URL."""
        user = self.ring.user("follower")
        for name in names:
            self.ring.ctl("channel", "member", "add", name, user.email)
        named = f"/api/v2/streams?targets={','.join(f'channel:{name}' for name in names)}"
        made = self.ring.post(self.ring.base + named, headers={"Authorization": f"Bearer {user.token}"})
        assert made.status_code == 200, made.text
        url = urllib.parse.urlsplit(made.json()["url"])
        readers = {"several": Several(self.ring.port, named, user.token),
                   "all": Several(self.ring.port, "/api/v2/streams", user.token, lines=True),
                   "by a url": Several(self.ring.port, f"{url.path}?{url.query}", None)}
        for reader in readers.values():
            assert reader.ready.wait(20 * postern.SLOW), f"a stream does not open: {reader.others}"
        for place in self.places:
            place.follow(readers)

    def readers(self):
        return [reader for place in self.places for reader in place.readers.values()]

    # --- what goes wrong

    def _play(self):
        for sender in self.senders:
            sender.start()
        self._strike(INNER, self.seconds / 2)
        for place in self.places:
            self.wrong["came back, though no gateway died"] += [
                f"{place.name}, {what}: {count}" for what, count in place.opened().items() if count]
            place.join()
        self._strike((*INNER, "gateway-0"), self.seconds / 2)
        self.over.set()
        for sender in self.senders:
            sender.join(120)
        self.ring.wait_ready(*self.ring.names, seconds=60)

    def _strike(self, names, seconds):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            name = self.dice.choice(names)
            if self.dice.random() < 0.8:
                self._kill(name)
            else:
                self._stop(name, min(LONGEST_STOP_S, seconds / 4))
            self.dice.choice(self.places).hop()
            time.sleep(self.dice.uniform(0.2, 1.5))
            self.ring.wait_ready(name, seconds=60)

    def _kill(self, name):
        self.ring.kill(name)
        self.counts[f"{name.split('-')[0]} killed"] += 1

    def _stop(self, name, longest):
        self.ring.pause(name)
        time.sleep(self.dice.uniform(longest / 20, longest))
        self.ring.resume(name)
        self.counts[f"{name.split('-')[0]} stopped"] += 1

    # --- what came

    def _judge(self):
        self.counts["acknowledged"] = sum(len(sender.acknowledged) for sender in self.senders)
        self.wrong["refused"] += [one for sender in self.senders for one in sender.refused]
        self.wrong["sender does not end"] += [sender.number for sender in self.senders if sender.is_alive()]
        for place in self.places:
            self._judge_place(place)
        for reader in self.readers():
            self.wrong["failed"] += [reader.failure] if reader.failure else []
        written, edited = self.places
        found = {}
        judge = object.__new__(Writers)
        judge.counts = collections.Counter()
        judge.compare(written.senders, [row["message"]["text"] for row in written.records()], found)
        shown = self.ring.messages("channelsbyname", edited.name, edited.owner.token)
        found |= compare([sender.desk for sender in edited.senders], shown, edited.records())
        for what, examples in found.items():
            self.wrong[f"stored: {what}"] += examples
        self.counts["resyncs"] = int(self.ring.metric("gateway-0", "stream_resyncs_total"))
        self.wrong = {what: examples for what, examples in self.wrong.items() if examples}

    def _judge_place(self, place):
        records = {row["sequence"]: row for row in place.records()}
        self.counts["records"] += len(records)
        began = time.monotonic()
        for what, reader in place.readers.items():
            while len(set(reader.got)) < len(records) and time.monotonic() < began + CATCH_UP_S * postern.SLOW:
                self.last = time.monotonic() - began, f"{place.name}, {what}"
                time.sleep(0.05)
        for what, reader in place.readers.items():
            self._judge_reader(f"{place.name}, {what}", list(reader.got), list(reader.rows), records)
        for what, count in place.opened().items():
            self.counts["came back"] += count
            if count > self.counts["gateway killed"]:
                self.wrong["came back too often"].append(f"{place.name}, {what}: {count}")

    def _judge_reader(self, who, got, rows, records):
        self.counts["events"] += len(got)
        times = collections.Counter(got)
        found = {"missing": [n for n in records if n not in times],
                 "doubled": [n for n, count in times.items() if count > 1],
                 "out of order": [b for a, b in zip(got, got[1:]) if b < a],
                 "never stored": [n for n in times if n not in records],
                 "another message": [row["sequence"] for row in rows if row["sequence"] in records and
                                     not self._is_same(row, records[row["sequence"]])]}
        for what, examples in found.items():
            self.counts[what] += len(examples)
            self.wrong[what] += [f"{who}: {examples[:5]}"] if examples else []

    @staticmethod
    def _is_same(row, record):
        """What was deleted since has no content any more."""
        texts = [(one["message"] or {}).get("text") for one in (row, record)]
        return row["id"] == record["id"] and (texts[0] == texts[1] or None in texts)

    def report(self):
        yield "streams: " + "  ".join(f"{what}={self.counts[what]}" for what in (
            "acknowledged", "records", "events", "missing", "doubled", "out of order", "never stored",
            "another message", "came back", "resyncs"))
        yield (f"last to have all: {self.last[1]}, after {self.last[0]:.1f} s  "
               f"slowest request: {max(sender.slowest_s for sender in self.senders):.1f} s")
        yield "faults: " + "  ".join(f"{what}={n}" for what, n in sorted(self.counts.items())
                                     if what.endswith(("killed", "stopped")))
        for what, examples in self.wrong.items():
            yield f"VIOLATION {what}: {len(examples)}, as {examples[:5]}"


SHARDS = {"channel": 2}
SETTINGS = {"log.level": "info", "authd.rate": 0}


def campaign(ring, seed, seconds, say=print):
    """Runs it in a Ring with SHARDS and SETTINGS; returns a Campaign, whose .wrong is empty when all is well."""
    say(f"seed={seed} seconds={seconds} build={postern.PRESET}")
    done = Campaign(ring, seed, seconds)
    for line in done.report():
        say(line)
    return done


def main():
    words = argparse.ArgumentParser(prog="./dev streams", description=__doc__.split("\n")[0])
    words.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    words.add_argument("--seconds", type=float, default=120)
    chosen = words.parse_args()
    with postern.Ring(SETTINGS, SHARDS) as ring:
        ring.up()
        done = campaign(ring, chosen.seed, chosen.seconds, lambda line: print(line, flush=True))
        ring.keep = bool(done.wrong)
    sys.exit(1 if done.wrong else 0)


if __name__ == "__main__":
    main()
