"""What goes wrong during the campaign: one class a kind of fault, all in the table NEMESES.

A nemesis strikes again and again on a thread of its own, with pauses drawn from its own dice, so that
several faults are under way at once and a seed gives each the same plan. It counts what it did, and
leaves nothing broken behind: strike () ends with everything as it was, also when told to stop.
"""

import collections
import os
import signal
import subprocess
import threading
import traceback

from harness import disk, postern

KINDS = postern.KINDS
ALIKE = {"fdatasync": "fdatasync,fsync,sync_file_range", "ftruncate": "ftruncate,fallocate",
         "pwrite64": "pwrite64,pwritev,pwritev2,write,writev"}


class Nemesis(threading.Thread):
    pause = (1, 2)  # seconds between two strikes
    needs = ()      # programs
    least = 0       # seconds that a campaign has to last for it

    def __init__(self, stage, dice, over, seconds):
        super().__init__(name=self.kind, daemon=True)
        self.stage, self.dice, self.over, self.seconds = stage, dice, over, seconds
        self.counts = collections.Counter()
        self.broken = None

    def run(self):
        try:
            while not self.over.wait(self.dice.uniform(*self.pause)):
                self.strike()
        except Exception:  # the campaign must tell, not a thread that nobody hears
            self.broken = traceback.format_exc()

    def strike(self):
        raise NotImplementedError

    def anyone(self, *kinds):
        """The name of a process: each kind has the same chance."""
        kind = self.dice.choice(kinds or KINDS)
        return self.dice.choice([n for n in self.stage.names if n.startswith(f"{kind}-")])

    def signal(self, pid, which):
        """False when it has gone meanwhile."""
        try:
            os.kill(pid, which)
            return True
        except ProcessLookupError:
            return False

    def count(self, name):
        self.counts[name.split("-")[0]] += 1


class Kill(Nemesis):
    """SIGKILL of a random process."""
    kind, pause = "kill", (0.4, 2)

    def strike(self):
        name = self.anyone()
        pid = self.stage.pid(name)
        if pid and self.signal(pid, signal.SIGKILL):
            self.count(name)


class Stop(Nemesis):
    """SIGSTOP, 1 to 20 s, SIGCONT."""
    kind, pause = "stop", (1, 5)

    def strike(self):
        name = self.anyone()
        pid = self.stage.pid(name)
        if not pid or not self.signal(pid, signal.SIGSTOP):
            return
        try:
            self.over.wait(self.dice.uniform(1, min(20, max(2, self.seconds / 5))))
        finally:
            if self.stage.pid(name) == pid:  # not killed meanwhile, its number not another's
                self.signal(pid, signal.SIGCONT)
        self.count(name)


class Wave(Nemesis):
    """Restarts: of everything or of a kind by posternctl, or SIGTERM to several at once."""
    kind, pause = "wave", (3, 8)

    def strike(self):
        which = self.dice.choice(["all", "kind", "several"])
        if which == "several":
            for name in {self.anyone() for _ in range(self.dice.randint(2, 5))}:
                pid = self.stage.pid(name)
                if pid and self.signal(pid, signal.SIGTERM):
                    self.counts["SIGTERM"] += 1
            return
        word = "all" if which == "all" else self.dice.choice(KINDS)
        try:
            done = self.stage.ring.ctl_run("restart", word)
            self.counts["restart" if done.returncode == 0 else "restart refused"] += 1
        except subprocess.TimeoutExpired:
            self.counts["restart unfinished"] += 1


class Clock(Nemesis):
    """A process's wall clock jumps by up to an hour, or back."""
    kind, pause = "clock", (0.5, 2)
    jumps = (3600, -3600, 0)

    def strike(self):
        name = self.anyone()
        jump = self.dice.choice([*self.jumps, self.dice.randint(-3600, 3600)])
        self.stage.set_clock(name, jump)
        self.counts["forward" if jump > 0 else "back" if jump < 0 else "right"] += 1

    def run(self):
        super().run()
        for name in self.stage.names:
            self.stage.set_clock(name, 0)


class Disk(Nemesis):
    """The disk is filled, to below the store's reserve or to its last byte, and freed."""
    kind, pause = "disk", (4, 10)

    def strike(self):
        leave = self.dice.choice([0, disk.RESERVE // 2])
        ballast = disk.fill(self.stage.place, leave)
        try:
            self.over.wait(self.dice.uniform(1, 5))
        finally:
            ballast.unlink()
        self.counts["filled" if leave == 0 else "nearly filled"] += 1


class Call(Nemesis):
    """The n-th call that writes, syncs or cuts a file of a worker's or authd's fails, by strace."""
    kind, pause, needs = "call", (1, 4), ("strace",)
    calls = ("fdatasync", "pwrite64", "ftruncate")
    errors = ("EIO", "ENOSPC")

    def strike(self):
        name = self.anyone("authd", "channel", "bot", "extension")
        pid = self.stage.pid(name)
        if not pid:
            return
        call, error = self.dice.choice(self.calls), self.dice.choice(self.errors)
        nth = self.dice.randint(1, 6)
        log = self.stage.scratch / "strace"
        log.unlink(missing_ok=True)
        files = [word for path in self.stage.store(name).iterdir() for word in ("-P", str(path))]
        strace = subprocess.Popen(
            ["strace", "-f", "-qq", "-p", str(pid), "-o", log, *files, "-e", f"trace={ALIKE[call]}",
             "-e", f"inject={ALIKE[call]}:error={error}:when={nth}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.over.wait(self.dice.uniform(0.5, 2))
        self._release(strace)
        hit = log.exists() and "INJECTED" in log.read_text(errors="replace")
        self.counts[f"{call} {error}" if hit else f"{call} not met"] += 1


    @staticmethod
    def _release(strace):
        """It lets go of what it traced. Where that is killed meanwhile, the one waits for the end of a
        process whose last threads wait for the other."""
        strace.terminate()
        try:
            strace.wait(5)
        except subprocess.TimeoutExpired:
            strace.kill()
            strace.wait(30)


class Link(Nemesis):
    """What connects two processes is delayed, cut, half closed, stalled, or dripping."""
    kind, pause = "link", (0.5, 3)
    modes = ("delay", "trickle", "stall", "cut", "half")

    def strike(self):
        from stage import LINKS
        free = [link for link in LINKS if link not in self.stage.cut_off]
        link, mode = self.dice.choice(free), self.dice.choice(self.modes)
        self.stage.order(link, mode, self.dice.randint(20, 400))
        try:
            self.over.wait(self.dice.uniform(0.3, 6))
        finally:
            self.stage.order(link, "pass")
        self.counts[mode] += 1


class Outage(Nemesis):
    """The network between two processes is away for longer than a bound side remembers its peers."""
    kind, pause, least = "outage", (1, 5), 130
    modes = ("cut", "stall")

    def strike(self):
        from stage import LINKS
        link, mode = self.dice.choice(LINKS), self.dice.choice(self.modes)
        self.stage.cut_off.add(link)
        self.stage.order(link, mode)
        try:
            whole = not self.over.wait(self.dice.uniform(65, 120))
        finally:
            self.stage.order(link, "pass")
            self.stage.cut_off.remove(link)
        self.counts[mode if whole else f"{mode}, ended early"] += 1


NEMESES = {one.kind: one for one in (Kill, Stop, Wave, Clock, Disk, Call, Link, Outage)}


def lasting(seconds):
    """The nemeses that a campaign of so many SECONDS has time for."""
    return [kind for kind, one in NEMESES.items() if one.least <= seconds]
