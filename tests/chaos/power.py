"""The power-loss test: what is on the disk when the power goes, at each sync and between them?

    ./dev power                          2,000 cuts
    ./dev power --cuts 20000 --seed 7
    ./dev power --break 20               20 times a sync counts as none: that must be found

A real channel worker and a real authd run under a recorder (record.c) while messages are posted and
users and channels made; each kills itself on the way, so that an opening after a crash is recorded
too. Then the directory is built again as a cut at a sync boundary would leave it: what was synced is
there, of the rest nothing, all, or some, also single sectors, sizes and names. The real code opens
it; what was acknowledged before the cut must be there once, whole, and new things must be taken.
"""

import argparse
import collections
import contextlib
import functools
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

from harness import postern  # noqa: E402
from harness.connection import Closed, Connection, post  # noqa: E402
from desk import KEPT, WHOLE, Desk  # noqa: E402
from recording import (DURABLE_WRITE, MAPPED, MARK, SYNC, SYNC_DIR, WRITE, Disk,  # noqa: E402
                       Recording, mark)
from stage import sanitizer_runtime  # noqa: E402
from writers import body_of  # noqa: E402

WRITERS, CHANNELS = 6, 3
SYNCS = (SYNC, SYNC_DIR, DURABLE_WRITE)
MEMORY = pathlib.Path("/dev/shm")  # where the cuts are laid out, thousands of them, if it has the room
MEMORY_LEAST = 1 << 30             # a container has 64 MiB of it, and a store wants some to spare


class Recorded:
    """Makes the recording: .recording, .targets (the channels' ids)."""

    def __init__(self, seconds, seed):
        self.dice, self.over = random.Random(f"{seed} recording"), threading.Event()
        self.desks = [Desk(f"0.{i}", random.Random(f"{seed} writer {i}")) for i in range(WRITERS)]
        self.ring = postern.Ring({"log.level": "info", "authd.rate": 0})
        self.data, self.log_path = self.ring.dir / "recorded", self.ring.dir / "recording"
        self.data.mkdir()
        self.ring.settings["data.directory"] = self.data
        self.ring.settings["authd.master_key"] = self.data / "master.key"
        self.ring.environment["ASAN_OPTIONS"] += ":detect_leaks=0"  # of processes that kill themselves
        self.deaths, self.keepers, self.failed = 0, [], None
        try:
            with open(self.log_path, "ab", buffering=0) as self.log:
                self._run(seconds)
            self.recording = Recording(self.log_path)
            self.compare()
        finally:
            self.over.set()
            self.ring.close()

    def _run(self, seconds):
        for kind in ("router", "gateway"):
            self.ring.spawn(kind, wait_ready=False)
        for kind, least in (("authd", 100), ("channel", 300)):
            keeper = threading.Thread(target=self._keep, args=(kind, least), daemon=True)
            keeper.start()
            self.keepers.append(keeper)
        for name in ("router-0", "authd-0", "channel-0"):
            postern.wait(lambda name=name: self._serves(name), 20, what=name)
        self._load(seconds)
        self.over.set()
        self.ring.stop()
        for keeper in self.keepers:
            keeper.join(20)
        assert not self.failed, self.failed

    def _serves(self, name):
        assert not self.failed, self.failed
        return (self.ring.ready(name) or {}).get("status") == 200

    def _keep(self, kind, least):
        """Runs a process under the recorder; the first two kill themselves."""
        lives = 0
        program = postern.BIN / f"postern-{kind}"
        preload = [*sanitizer_runtime(program), str(postern.BIN / "postern_record.so")]
        while not self.over.is_set():
            more = {"LD_PRELOAD": ":".join(preload), "POSTERN_RECORD_ROOT": str(self.data),
                    "POSTERN_RECORD_LOG": str(self.log_path)}
            if lives < 2:
                more["POSTERN_RECORD_KILL"] = str(self.dice.randint(least, 2 * least))
            status = self.ring.spawn(kind, wait_ready=False, environment=more).wait()
            lives += 1
            self.deaths += status == -9
            if not self.over.is_set() and status != -9:
                self.failed = f"{kind} ended with {status}:\n{self.ring.logs()[-3000:]}"
                return

    def _load(self, seconds):
        owner = self._insist(lambda attempt: self.ring.user(f"owner{attempt}"))
        mark(self.log, f"D {owner.email}")
        self.targets, paths = [], []
        for i in range(CHANNELS):
            shown = self._insist(lambda attempt, i=i: self.ring.channel(f"c{i}_{attempt}", owner))
            mark(self.log, f"D #{shown['name']}")
            self.targets.append(shown["id"])
            paths.append(self.ring.channel_url(shown["name"], owner.token)
                         .removeprefix(self.ring.base))
        until = time.monotonic() + seconds
        threads = [threading.Thread(target=self._write, args=(i, paths[i % CHANNELS], until))
                   for i in range(WRITERS)]
        for thread in threads:
            thread.start()
        self._manage(until)
        for thread in threads:
            thread.join()

    @staticmethod
    def _insist(make):
        """Management that authd's end cuts is tried again, under another name: what had no answer
        may be made."""
        end, attempt = time.monotonic() + 20 * postern.SLOW, 0
        while True:
            attempt += 1
            try:
                return make(attempt)
            except postern.CtlError as error:
                assert time.monotonic() < end, f"management does not work: {error}"
                time.sleep(0.1)

    def _goes_on(self, until):
        """On a busy machine longer: until a process has ended between two records of its own."""
        now = time.monotonic()
        return now < until or (not self.deaths and now < until + 20)

    def _manage(self, until):
        n = 0
        while self._goes_on(until):
            n += 1
            with contextlib.suppress(postern.CtlError):
                self.ring.user(f"u{n}", token=n % 2 == 0)
                mark(self.log, f"D u{n}@example.org")

    def _write(self, number, path, until):
        """What has no answer is not repeated: its message is left alone."""
        desk, connection = self.desks[number], None
        base, _, query = path.rpartition("/message?")
        while self._goes_on(until):
            step = desk.next()
            path, more, body, headers = desk.request(step)
            if step.what == "delete":
                mark(self.log, f"J -{step.message.first}")
            try:
                connection = connection or Connection(self.ring.port)
                connection.send(post(f"{base}/{path}?{query}{more}", body, headers, step.method))
                answer = connection.answer()
            except (Closed, OSError):
                connection = None
                desk.lost(step)
                continue
            if not desk.answered(step, answer.status, answer.body):
                desk.lost(step)
            elif step.what == "delete":
                mark(self.log, f"J !{step.message.first}")
            else:
                mark(self.log, f"J {step.name}")

    @property
    def messages(self):
        """{name: the message that it is a text of}"""
        return {name: m for desk in self.desks for m in desk.messages for name in m.texts}

    def compare(self):
        """What the log makes of the files is what they are: nothing went past the recorder."""
        disk = Disk()
        for entry in self.recording.entries:
            disk.apply(entry)
        made = disk.current()
        real = {str(p.relative_to(self.data)): p.read_bytes() for p in self.data.rglob("*")
                if p.is_file()}
        assert made.keys() == real.keys(), (made.keys(), real.keys())
        for name in real:
            if not name.endswith(MAPPED):
                assert made[name] == real[name], f"{name} differs from what was recorded"
        self.compared = len(real), sum(map(len, real.values()))


class Checker:
    """A program that opens what a cut left. look (directory) -> (records, what is wrong)."""

    def __init__(self, program, errors, *words):
        self.process = subprocess.Popen([postern.BIN / program, *words], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=errors, text=True,
                                        errors="replace")

    def look(self, path):
        self.process.stdin.write(f"{path}\n")
        self.process.stdin.flush()
        records, wrong = [], []
        for line in self.process.stdout:
            word, _, rest = line.rstrip("\n").partition(" ")
            if word == "END":
                return records, wrong or ([] if rest == "OK" else ["the process died"])
            if word == "R":
                records.append(rest.partition(" ")[2])
            elif word:
                wrong.append(line.strip())
        raise AssertionError("the checker itself has ended")


@functools.lru_cache(None)
def name_in(record):
    """What a record is the record of; its body has to be whole."""
    if not record.startswith("{"):
        return record
    text = json.loads(record)["text"]
    name = text.split(" ")[0]
    return name if text == body_of(name) else f"damaged {record[:80]}"


class Cutter:
    """Goes through a recording once and looks at the chosen cuts."""

    def __init__(self, recorded, seed):
        self.recording, self.dice = recorded.recording, random.Random(f"{seed} cuts")
        self.messages = recorded.messages
        roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MEMORY_LEAST
        self.place = (pathlib.Path(tempfile.mkdtemp(prefix="postern-power-", dir=MEMORY)) if roomy
                      else postern.scratch("power-"))
        self.errors = open(self.place / "errors", "w")
        self.stores = {
            "J": Checker("check_journal", self.errors, "channel", "0", "1", *recorded.targets),
            "D": Checker("check_directory", self.errors)}
        self.cuts, self.violations, self.late = 0, [], 0

    def close(self):
        for checker in self.stores.values():
            checker.process.kill()
            checker.process.wait()
        self.errors.close()
        shutil.rmtree(self.place)

    def store_of(self, entry):
        path = entry.path or self.recording.names.get(entry.inode, "")
        return "J" if path.startswith("channel-0") else "D" if path else self.dice.choice("JD")

    def boundaries(self, first=0, last=None):
        entries = self.recording.entries
        last = len(entries) if last is None else last
        return [i for i in range(first, last) if entries[i].op in SYNCS]

    def run(self, chosen, dropped=None):
        """Cuts before or after each entry CHOSEN; the sync at DROPPED counts as none."""
        times = {}
        for index in chosen:
            times[index] = times.get(index, 0) + 1
        disk, acknowledged, last = Disk(), {"J": [], "D": []}, max(times)
        for index, entry in enumerate(self.recording.entries[:last + 1]):
            if entry.op == MARK:
                store, _, name = entry.data.decode().partition(" ")
                acknowledged[store].append(name)
            elif index == dropped:
                if entry.op == DURABLE_WRITE:
                    disk.apply(entry._replace(op=WRITE))
            else:
                self.around(disk, index, entry, acknowledged, times.get(index, 0))

    def around(self, disk, index, entry, acknowledged, times):
        """Half of the cuts at a sync come before it is done, and find it half done."""
        before = sum(self.dice.random() < 0.5 for _ in range(times))
        if before and entry.op == DURABLE_WRITE:
            waiting = disk.files[entry.inode].pending
            waiting.append(entry._replace(op=WRITE))
            self.look(disk, index, entry, acknowledged, before)
            waiting.pop()
        else:
            self.look(disk, index, entry, acknowledged, before)
        disk.apply(entry)
        self.look(disk, index, entry, acknowledged, times - before)

    def look(self, disk, index, entry, acknowledged, times):
        for _ in range(times):
            store = self.store_of(entry)
            place = self.place / "cut"
            place.mkdir()
            directories, files = disk.crash(self.dice)
            for name in directories:
                (place / name).mkdir(mode=0o700)
            for name, data in files.items():
                if name.startswith("channel-0/") != (store == "J"):
                    continue  # the other store's
                (place / name).write_bytes(data)
                (place / name).chmod(0o600)
            records, wrong = self.stores[store].look(place / "channel-0" if store == "J" else place)
            self.cuts += 1
            wrong = wrong or self.compare(records, acknowledged[store])
            self.violations += [f"cut {self.cuts} at {index} ({store}): {one}" for one in wrong]
            shutil.rmtree(place)

    def compare(self, records, acknowledged):
        names = [name_in(record) for record in records if record]
        there = set(names)
        wrong = [f"lost {name}" for name in self.required(acknowledged) if name not in there]
        wrong += [name for name in there if name.startswith("damaged")]
        gone = {name[1:] for name in acknowledged if name[0] == "!"}
        wrong += [f"deleted, and there: {name}" for name in there
                  if name in self.messages and self.messages[name].first in gone]
        if len(there) != len(names):
            wrong.append("something is there twice")
        self.late += len(there - set(acknowledged))
        return wrong[:5]

    def required(self, acknowledged):
        """Names that must be there. Of a message for whose deletion somebody has asked none; of one
        with many revisions the last, and one may have come behind them."""
        asked = {name[1:] for name in acknowledged if name[0] == "-"}
        found = collections.defaultdict(list)
        for name in acknowledged:
            if name[0] not in "-!":
                message = self.messages.get(name)
                found[message.first if message else name].append(name)
        for first, names in found.items():
            if first not in asked:
                yield from names if len(names) <= WHOLE - 1 else names[:1] + names[1:][-KEPT:]


def droppable(recording):
    """(sync, the next one of the same file) with an acknowledgement of the journal between them."""
    last, found = {}, []
    acknowledged = 0
    for index, entry in enumerate(recording.entries):
        if entry.op == MARK:
            acknowledged += entry.data.startswith(b"J") and not entry.data.startswith(b"J -")
        elif entry.op in (SYNC, DURABLE_WRITE):
            before = last.get(entry.inode)
            path = recording.names.get(entry.inode, "")
            if before and acknowledged > before[1] and path.startswith("channel-0/"):
                found.append((before[0], index))
            if entry.op == SYNC or not before:
                last[entry.inode] = (index, acknowledged)
    return found


def power(recorded, cuts, seed, say=print, making=False):
    """Returns the violations of so many cuts; MAKING: all of them before anything is acknowledged,
    when the stores are made."""
    cutter = Cutter(recorded, seed)
    try:
        marks = [i for i, e in enumerate(cutter.recording.entries) if e.op == MARK]
        boundaries = cutter.boundaries(0, marks[0]) if making else cutter.boundaries(marks[0])
        times, rest = divmod(cuts, len(boundaries))
        cutter.run(boundaries * times + cutter.dice.sample(boundaries, rest))
        say(f"power: sync boundaries={len(boundaries)} cuts={cutter.cuts} "
            f"violations={len(cutter.violations)} found though not acknowledged={cutter.late}")
        for violation in cutter.violations[:10]:
            say(f"  VIOLATION {violation}")
        if cutter.violations:
            cutter.errors.flush()
            say((cutter.place / "errors").read_text()[-3000:])
        return cutter.violations
    finally:
        cutter.close()


def broken(recorded, drops, seed, say=print, cuts=12):
    """How many of so many dropped syncs were noticed."""
    cutter = Cutter(recorded, seed)
    noticed = 0
    try:
        places = droppable(cutter.recording)
        for first, following in cutter.dice.sample(places, min(drops, len(places))):
            window = [i for i in range(first + 1, following + 1)
                      if cutter.recording.entries[i].op in (*SYNCS, MARK)]
            before = len(cutter.violations)
            cutter.run([window[-1]] * (cuts // 2) + cutter.dice.choices(window, k=cuts // 2), first)
            noticed += len(cutter.violations) > before
        say(f"power: dropped syncs={drops} noticed={noticed} cuts={cutter.cuts} "
            f"violations={len(cutter.violations)}, as {cutter.violations[:2]}")
        return noticed
    finally:
        cutter.close()


def record(seconds, seed, say=print):
    recorded = Recorded(seconds, seed)
    files, size = recorded.compared
    marks = [e.data[:3] for e in recorded.recording.entries if e.op == MARK]
    say(f"power: seed={seed} recorded={len(recorded.recording.entries)} "
        f"acknowledged posts and edits={marks.count(b'J 0')} deletes={marks.count(b'J !')} "
        f"objects={sum(one.startswith(b'D') for one in marks)} "
        f"killed on the way={recorded.deaths}; {files} files, {size} bytes as recorded")
    return recorded


def main():
    words = argparse.ArgumentParser(prog="./dev power", description=__doc__.split("\n")[0])
    words.add_argument("--cuts", type=int, default=2000)
    words.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    words.add_argument("--seconds", type=float, default=5, help="how long the load is recorded")
    words.add_argument("--break", type=int, default=0, dest="drops", metavar="N",
                       help="drop a sync of the recording, N times: each should be noticed")
    chosen = words.parse_args()
    recorded = record(chosen.seconds, chosen.seed)
    if chosen.drops:
        sys.exit(0 if broken(recorded, chosen.drops, chosen.seed) else 1)
    sys.exit(1 if power(recorded, chosen.cuts, chosen.seed) else 0)


if __name__ == "__main__":
    main()
