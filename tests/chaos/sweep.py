"""The sweep: the first, second, third … call that writes or syncs fails, until a run meets no fault.

    ./dev sweep                     every call and error, of a worker and of authd
    ./dev sweep --only authd --calls fdatasync

For each n the process is started anew under `posternctl up` with strace, which lets the n-th such
call on its store's files fail once, from the opening on. Meanwhile messages are posted with keys, edited
and deleted (desk.py), and users made. After each: what was answered 2xx is there, once, as it was edited at
last, or not, as it was deleted; what was not 2xx has been repeated until it was; and the process serves, the
same one or a new one that the supervisor started. At the end nothing that was deleted is in a backup.
"""

import argparse
import collections
import os
import pathlib
import random
import shutil
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

import desk  # noqa: E402
from harness import postern  # noqa: E402
from nemeses import ALIKE  # noqa: E402

# What strace is to meet for a name: the calls that would do the same work.
CALLS = {**ALIKE, "fallocate": "fallocate", "ftruncate": "ftruncate", "write": "write,writev"}
ERRORS = ("ENOSPC", "EIO")
KINDS = ("channel", "authd")
MESSAGES, STEPS = 2, 4
PATIENCE_S = 30
WRAPPER = """#!/bin/sh
if mv {place}/{kind}.next {place}/{kind}.used 2>/dev/null; then
    exec $(cat {place}/{kind}.used) {program} "$@"
fi
exec {program} "$@"
"""


class Sweep:
    """A ring whose worker and authd can be started with a fault."""

    def __init__(self, seed, **ring):
        self.dice = random.Random(seed)
        self.place = postern.scratch("s-")
        for name in os.listdir(postern.BIN):
            if name.startswith("postern"):
                self._lay(name)
        self.ring = postern.Ring({"log.level": "info"}, binaries=self.place, **ring)
        self.ring.environment["ASAN_OPTIONS"] += ":detect_leaks=0"  # not under ptrace
        self.ring.up()
        self.user = self.ring.user("ada")
        for name in ("swept", "edited"):
            self.ring.channel(name, self.user)
        self.url = self.ring.channel_url("swept", self.user.token)
        self.base, _, self.query = self.ring.channel_url("edited", self.user.token).rpartition("/message?")
        self.desk = desk.Desk(f"{seed}.0", self.dice)
        self.acknowledged, self.users, self.number = [], ["ada@example.org"], 0
        self.counts = collections.Counter()
        self.wrong = []

    def close(self):
        try:
            self.ring.close(keep=bool(self.wrong))
        finally:
            shutil.rmtree(self.place)

    def _lay(self, name):
        kind = name.removeprefix("postern-")
        if kind not in KINDS:
            shutil.copy(postern.BIN / name, self.place)
            return
        wrapper = self.place / name
        wrapper.write_text(WRAPPER.format(place=self.place, kind=kind, program=postern.BIN / name))
        wrapper.chmod(0o755)

    def _prepare(self, kind, call, error, nth):
        """The next start of KIND meets the fault; returns strace's log."""
        store = self.ring.dir / "data" / ("directory" if kind == "authd" else f"{kind}-0")
        log = self.place / "strace"
        log.unlink(missing_ok=True)
        files = [word for path in store.iterdir() for word in ("-P", str(path))]
        words = ["strace", "-D", "-f", "-qq", "-o", log, *files, "-e", f"trace={CALLS[call]}", "-e",
                 f"inject={CALLS[call]}:error={error}:when={nth}"]
        new = self.place / f".{kind}"
        new.write_text(" ".join(map(str, words)))
        new.rename(self.place / f"{kind}.next")
        return log

    def one(self, kind, call, error, nth):
        """One run; returns whether the fault was met."""
        log = self._prepare(kind, call, error, nth)
        before = self.ring.logs().count("event=child.died")
        self.ring.kill(f"{kind}-0", signal.SIGINT)  # which does not wait for the gateways to go
        postern.wait(lambda: not (self.place / f"{kind}.next").exists(), 20,
                     what=f"{kind} to be started with a fault")
        self.number += 1
        where = f"{kind} {call} {error} {nth}"
        for i in range(MESSAGES):
            self.post(f"{self.number}.{i}", where)
        for _ in range(STEPS):
            self.change(where)
        if kind == "authd":
            self.make_user(where)
        self.ring.wait_ready(*self.ring.names, seconds=PATIENCE_S)
        met = log.exists() and "INJECTED" in log.read_text(errors="replace")
        died = self.ring.logs().count("event=child.died") - before
        self.counts["runs"] += 1
        self.counts["faults met"] += met
        self.counts["ended and came back" if died > 1 else "went on"] += met  # one was our SIGINT
        self.check(where)
        return met

    def post(self, text, where):
        """Repeated with its key until it is 2xx, as a sender would."""
        until = time.monotonic() + PATIENCE_S * postern.SLOW
        while time.monotonic() < until:
            answer = self.ring.post(self.url, {"text": text}, headers={"Idempotency-Key": text})
            self.counts[answer.status_code] += 1
            if answer.status_code == 204:
                self.acknowledged.append(text)
                return
            if answer.status_code != 503:
                self.wrong.append(f"{where}: {answer.status_code} {answer.text}")
                return
            time.sleep(0.1)
        self.wrong.append(f"{where}: {text} was not taken in {PATIENCE_S} s")

    def change(self, where):
        """A step of the desk, repeated likewise."""
        until = time.monotonic() + PATIENCE_S * postern.SLOW
        step, repeated = self.desk.next(), False
        while time.monotonic() < until:
            path, more, body, headers = self.desk.request(step)
            answer = self.ring.request(step.method, f"{self.base}/{path}?{self.query}{more}", body,
                                       headers=dict(header.split(": ") for header in headers))
            self.counts[answer.status_code] += 1
            if self.desk.answered(step, answer.status_code, answer.content, repeated):
                return
            if answer.status_code != 503:
                break
            time.sleep(0.1)
            step, repeated = self.desk.again(step), True
        self.wrong.append(f"{where}: {step.what} {step.name}: {answer.status_code} {answer.text}")
        self.desk.lost(step)

    def make_user(self, where):
        email = f"u{self.number}@example.org"
        until = time.monotonic() + PATIENCE_S * postern.SLOW
        while time.monotonic() < until:
            done = self.ring.ctl_run("user", "create", email)
            if done.returncode == 0 or "already" in done.stdout + done.stderr:
                self.users.append(email)
                return
            time.sleep(0.2)
        self.wrong.append(f"{where}: no user could be made: {done.stderr}")

    def read(self, channel, **how):
        """Read again where the process ended while it had the reading: that is answered 500."""
        until = time.monotonic() + PATIENCE_S * postern.SLOW
        while True:
            try:
                return self.ring.messages("channelsbyname", channel, self.user.token, **how)
            except AssertionError:
                if time.monotonic() > until:
                    raise
            time.sleep(0.2)

    def check(self, where):
        stored = collections.Counter(row["message"]["text"] for row in self.read("swept"))
        lost = [text for text in self.acknowledged if text not in stored]
        doubled = [text for text, count in stored.items() if count > 1]
        there = [row["email"] for row in self.ring.ctl("user", "list")["users"]]
        lost += [email for email in self.users if email not in there]
        doubled += [email for email in set(there) if there.count(email) > 1]
        self.wrong += [f"{where}: lost {one}" for one in lost]
        self.wrong += [f"{where}: stored twice {one}" for one in doubled]
        edited = desk.compare([self.desk], self.read("edited"), self.read("edited", revisions=1))
        self.wrong += [f"{where}: edits: {what} {examples}" for what, examples in edited.items()]

    def check_backup(self):
        place = self.place / "backup"
        self.ring.ctl("backup", place)
        self.wrong += [f"deleted, and in a backup: {text[:60]}"
                       for text in desk.left_in(place, desk.erased([self.desk]))]

    def series(self, kind, call, error, numbers):
        """Runs with these n, or until one meets no fault; returns how many met one."""
        met = 0
        for nth in numbers:
            if not self.one(kind, call, error, nth):
                break
            met += 1
        return met

    def report(self):
        return ("sweep: " + "  ".join(f"{what}={n}" for what, n in self.counts.items() if
                                      isinstance(what, str)) +
                "  answers: " + " ".join(f"{what}={n}" for what, n in self.counts.items() if
                                         isinstance(what, int)) +
                f"  acknowledged={len(self.acknowledged)}"
                f"  steps of edits={self.desk.n}  violations={len(self.wrong)}")


def sweep(seed, kinds=KINDS, calls=CALLS, errors=ERRORS, most=1000, say=print):
    """The whole of it; returns the Sweep, closed."""
    made = Sweep(seed)
    try:
        for kind in kinds:
            for call in calls:
                for error in errors:
                    met = made.series(kind, call, error, range(1, most + 1))
                    say(f"{kind} {call} {error}: n = 1 to {met} failed" if met else
                        f"{kind} {call} {error}: no such call")
        made.check_backup()
    finally:
        made.close()
    say(made.report())
    for wrong in made.wrong[:20]:
        say(f"  VIOLATION {wrong}")
    return made


def main():
    words = argparse.ArgumentParser(prog="./dev sweep", description=__doc__.split("\n")[0])
    words.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    words.add_argument("--only", choices=KINDS)
    words.add_argument("--calls", default=",".join(CALLS))
    words.add_argument("--most", type=int, default=1000, help="the largest n")
    chosen = words.parse_args()
    if not shutil.which("strace"):
        sys.exit("./dev sweep needs strace")
    done = sweep(chosen.seed, [chosen.only] if chosen.only else KINDS, chosen.calls.split(","),
                 most=chosen.most, say=lambda line: print(line, flush=True))
    sys.exit(1 if done.wrong else 0)


if __name__ == "__main__":
    main()
