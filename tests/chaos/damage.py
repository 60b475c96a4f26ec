"""The damage campaign: what is read of stores whose files were damaged after everything was killed?

    ./dev damage                         2,000 cases of a journal, and as many of the directory
    ./dev damage --cases 200 --seed 7

A real ring stores messages and is killed with SIGKILL, all of it at once. Then one of the two files of
the channel worker's journal, `wal` or data.mdb, is changed: a bit, a block of zeros or of noise, its
end cut off, all of it zeroed, or an older one put back that was taken while messages were stored. The
real code opens what that leaves. Either all messages that were acknowledged are read, or the start or
the read is refused with the place named. One that is missing or changed, without a word, is a
violation. The same for the rows of the directory's data.mdb (damage_directory.py).
"""

import argparse
import collections
import concurrent.futures
import os
import pathlib
import random
import shutil
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

import damage_directory  # noqa: E402
from harness import postern  # noqa: E402
from power import MEMORY, MEMORY_LEAST, Checker, name_in  # noqa: E402
from writers import body_of  # noqa: E402

WRITERS, CHANNELS = 4, 3
BLOCK = 4096
FILES = ("wal", "data.mdb")
NAMED = ("data.mdb", "not an LMDB database", "/wal", "event=journal.damaged", "event=store.page",
         "event=store.fault", "event=directory.damaged", "/directory")


class Killed:
    """A ring's stores after SIGKILL of everything: .path (of the journal), .targets, .acknowledged
    (names), .older (file -> what it was at some moments), .ring."""

    def __init__(self, seconds):
        self.ring = postern.Ring({"authd.rate": 0, "worker.map_bytes": 64 << 20})
        self.path = self.ring.dir / "data" / "channel-0"
        self.acknowledged, self.older = [], {name: [] for name in FILES}
        self.over = threading.Event()
        try:
            self.ring.spawn_all()
            self._load(seconds)
        finally:
            self.over.set()
            for process in self.ring.spawned.values():
                process.kill()
            for process in self.ring.spawned.values():
                process.wait()
            self.ring.spawned = {}

    def close(self):
        self.ring.close()

    def _load(self, seconds):
        damage_directory.fill(self.ring)
        owner = self.ring.user("owner")
        shown = [self.ring.channel(f"c{i}", owner) for i in range(CHANNELS)]
        self.targets = [one["id"] for one in shown]
        urls = [self.ring.channel_url(one["name"], owner.token) for one in shown]
        threads = [threading.Thread(target=self._write, args=(i, urls[i % CHANNELS]))
                   for i in range(WRITERS)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            time.sleep(seconds / 4)
            for name in FILES:
                self.older[name].append((self.path / name).read_bytes())
        time.sleep(seconds / 4 + 2)  # the older ones lie before a checkpoint
        for process in self.ring.spawned.values():
            process.kill()
        self.over.set()
        for thread in threads:
            thread.join()

    def _write(self, number, url):
        n = 0
        while not self.over.is_set():
            name, n = f"0.{number}.{n}", n + 1
            try:
                done = self.ring.post(url, {"text": body_of(name)})
            except OSError:
                return
            if done.status_code == 204:
                self.acknowledged.append(name)


def a_bit(data, dice, _older):
    data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def a_block(data, dice, _older, noise=False):
    size = dice.choice([512, BLOCK, 4 * BLOCK])
    at = dice.randrange(max(1, len(data) // size)) * size
    data[at:at + size] = dice.randbytes(size) if noise else bytes(size)
    del data[max(len(data), at + size):]


def noise(data, dice, older):
    a_block(data, dice, older, True)


def a_cut(data, dice, _older):
    del data[dice.choice([dice.randrange(len(data)), len(data) - BLOCK, len(data) - 1]):]


def zeros(data, _dice, _older):
    data[:] = bytes(len(data))


def an_older_file(data, dice, older):
    data[:] = dice.choice(older)


def no_file(data, _dice, _older):
    data[:] = b""


KINDS = {a_bit: 12, a_block: 4, noise: 4, a_cut: 3, zeros: 1, an_older_file: 1, no_file: 1}


def read_name(record):
    try:
        return name_in(record)
    except (ValueError, KeyError):
        return f"damaged {record[:80]}"


class Journal:
    """What is damaged, opened and judged: the channel worker's journal."""
    files, kinds = FILES, KINDS

    def __init__(self, killed):
        self.killed, self.older = killed, killed.older
        self.good = {name: (killed.path / name).read_bytes() for name in FILES}
        self.program = ("check_journal", "channel", "0", "1", *killed.targets)

    @staticmethod
    def lay(place, files):
        """Returns what the program is to open."""
        place = place / "channel-0"
        place.mkdir(parents=True)
        for name, data in files.items():
            (place / name).write_bytes(data)
            (place / name).chmod(0o600)
        return place

    def silent(self, records, wrong):
        """What is wrong without a word; None when nothing is."""
        records = [record for record in records if record.startswith("{")]
        if wrong and records and not records[-1].endswith("}"):
            records.pop()  # the process ended while it printed
        names = [read_name(record) for record in records]
        there = set(names)
        lost = [name for name in self.killed.acknowledged if name not in there]
        changed = [name for name in names if name.startswith("damaged")]
        if changed or len(there) != len(names):
            return f"read what was not stored: {changed[:2]}"
        if not wrong and lost:
            return f"{len(lost)} missing in silence, as {lost[:2]}"
        return None


class Campaign:
    def __init__(self, subject, seed):
        self.subject, self.seed = subject, seed
        roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MEMORY_LEAST
        self.place = (pathlib.Path(tempfile.mkdtemp(prefix="postern-damage-", dir=MEMORY)) if roomy
                      else postern.scratch("damage-"))
        self.counts, self.violations = collections.Counter(), []

    def close(self):
        shutil.rmtree(self.place)

    def run(self, cases, lanes):
        self._lane(0, [0])  # without damage
        with concurrent.futures.ThreadPoolExecutor(lanes) as pool:
            list(pool.map(self._lane, range(lanes),
                          [range(i + 1, cases, lanes) for i in range(lanes)]))

    def _lane(self, lane, numbers):
        said = self.place / f"said-{lane}"
        with open(said, "w") as errors:
            checker = Checker(self.subject.program[0], errors, *self.subject.program[1:])
            try:
                for number in numbers:
                    self._case(checker, lane, number, said)
            finally:
                checker.process.kill()
                checker.process.wait()

    def _case(self, checker, lane, number, said):
        dice = random.Random(f"{self.seed} {number}")
        subject = self.subject
        file = subject.files[number % len(subject.files)]
        kind = dice.choices(list(subject.kinds), subject.kinds.values())[0]
        files = {name: bytearray(data) for name, data in subject.good.items()}
        if number:
            kind(files[file], dice, subject.older[file])
        place = self.place / f"{lane}"
        path = subject.lay(place, files)
        before = said.stat().st_size
        records, wrong = checker.look(path)
        shutil.rmtree(place)
        with open(said) as errors:
            errors.seek(before)
            text = errors.read() + "\n".join(wrong)
        self._judge(number, file, kind.__name__, records, wrong, text)

    def _judge(self, number, file, kind, records, wrong, text):
        case = f"case {number} ({file}, {kind})"
        silent = self.subject.silent(records, wrong)
        if silent:
            self.violations.append(f"{case}: {silent}")
        elif wrong and not any(place in text for place in NAMED):
            self.violations.append(f"{case}: no place named: {text[-300:]!r}")
        elif wrong and number == 0:
            self.violations.append(f"undamaged, and refused: {text[-300:]!r}")
        result = "refused" if wrong else "whole"
        self.counts[f"{file} {result}"] += 1


def run(subject, cases, seed, say=print, lanes=os.cpu_count()):
    """Returns the violations of so many cases."""
    campaign = Campaign(subject, seed)
    try:
        campaign.run(cases, lanes)
    finally:
        campaign.close()
    counts = " ".join(f"{name}={count}" for name, count in sorted(campaign.counts.items()))
    say(f"damage: {subject.program[0]} seed={seed} cases={cases} {counts} "
        f"violations={len(campaign.violations)}")
    for violation in campaign.violations[:20]:
        say(f"  VIOLATION {violation}")
    return campaign.violations


def damage(killed, cases, seed):
    """Of a journal."""
    return run(Journal(killed), cases, seed)


def damage_of_directory(killed, cases, seed):
    kinds = {kind: weight for kind, weight in KINDS.items() if kind is not an_older_file}
    return run(damage_directory.Directory(killed, kinds), cases, seed)


def main():
    words = argparse.ArgumentParser(prog="./dev damage", description=__doc__.split("\n")[0])
    words.add_argument("--cases", type=int, default=2000)
    words.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    words.add_argument("--seconds", type=float, default=4, help="how long messages are stored")
    chosen = words.parse_args()
    killed = Killed(chosen.seconds)
    try:
        wrong = damage(killed, chosen.cases, chosen.seed)
        wrong += damage_of_directory(killed, chosen.cases, chosen.seed)
        sys.exit(1 if wrong else 0)
    finally:
        killed.close()


if __name__ == "__main__":
    main()
