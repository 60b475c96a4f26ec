"""The fault campaign: writers post through the whole ring while everything goes wrong at once.

    ./dev chaos                                     60 s, every nemesis
    ./dev chaos --hour --seed 7 --only kill,stop

The seed is printed first; it fixes what each nemesis does, not when the processes get to run. At the
end the faults are taken back, the processes have to get ready by themselves, the writers go on for a
while and rest, and everything is read back. docs/TESTING.md says what the figures mean.
"""

import argparse
import pathlib
import random
import shutil
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))

from harness import postern  # noqa: E402
from editors import Editors  # noqa: E402
from handlers import Handlers  # noqa: E402
from nemeses import NEMESES, lasting  # noqa: E402
from stage import Stage, Unavailable  # noqa: E402
from writers import Writers  # noqa: E402

WITNESSES = (Writers, Handlers, Editors)
PACE_S = 0.02  # a writer's pause between two messages
MORE_KIB, MORE_DESCRIPTORS = 32 << 10, 32  # what a process may have more at the end
WAITED_S = 5  # the most that a message may have waited for a process when all is well again

# How a process may end beside the SIGKILL of a nemesis and an orderly end.
FORGIVEN = {"wave": {"signal=SIGTERM", "signal=SIG15"},  # told to go before it listens to that
            "call": {"status=1", "status=78"}, "disk": {"status=1", "status=78"}}


class Campaign:
    def __init__(self, faults, seconds, seed, pace=PACE_S):
        self.faults, self.seconds, self.seed = faults, seconds, seed
        self.calm = min(30, max(2, seconds / 20))
        self.wrong = {}
        self.stage = Stage(faults, seconds)
        for one in WITNESSES:
            self.stage.ring.settings.update(one.settings)
        self.stage.up()
        try:
            self.witnesses = [one(self.stage.ring, seed, pace) for one in WITNESSES]
            self._play()
            self._judge()
        finally:
            self.stage.close(keep=bool(self.wrong) or sys.exc_info()[0] is not None)

    @property
    def writers(self):
        return self.witnesses[0]

    def _play(self):
        for witness in self.witnesses:
            witness.start()
        time.sleep(self.calm)
        self.before = self.stage.weigh()
        over = threading.Event()
        self.nemeses = [NEMESES[fault](self.stage, random.Random(f"{self.seed} {fault}"), over,
                                       self.seconds) for fault in self.faults]
        for nemesis in self.nemeses:
            nemesis.start()
        time.sleep(self.seconds)
        over.set()
        for nemesis in self.nemeses:
            nemesis.join(120 * postern.SLOW)
        began = time.monotonic()
        try:
            self.stage.wait_ready()
        except AssertionError as error:
            self.wrong["not healthy"] = [str(error)]
            return
        self.recovered_s = time.monotonic() - began
        time.sleep(max(self.calm, 2 * WAITED_S if "outage" in self.faults else 0))
        self.after = self.stage.weigh()
        self._note("stuck", [f"{name}: {waited:.1f} s" for name, waited in self.stage.oldest().items()
                             if waited > WAITED_S])

    def _judge(self):
        for witness in self.witnesses:
            witness.rest()
            if "not healthy" not in self.wrong:
                for what, examples in witness.check().items():
                    self._note(what, examples)
        self.deaths = self.stage.deaths()
        forgiven = {"signal=SIGKILL", "status=0"}.union(*(FORGIVEN.get(f, ()) for f in self.faults))
        # A mistake of libzmq 4.3.4: it aborts when a connection breaks at a bad moment.
        aborts = ("signal=SIGABRT", "signal=SIG6")
        self.libzmq = self.stage.ring.logs().count("!_io_error (src/stream_engine_base.cpp")
        if sum(n for (_, how), n in self.deaths.items() if how in aborts) <= self.libzmq:
            forgiven |= set(aborts)
        self._note("died", [f"{kind} {how}: {n}" for (kind, how), n in self.deaths.items()
                            if how not in forgiven])
        self._note("nemesis", [f"{n.kind}: {n.broken or 'does not end'}" for n in self.nemeses
                               if n.broken or n.is_alive()])
        if self.stage.ring.supervisor.poll() is not None:
            self._note("supervisor", [f"ended with {self.stage.ring.supervisor.returncode}"])
        if set(self.faults) == {"kill"}:  # then a request is never refused, only cut
            self._note("failed", [f"{code}: {n}" for code, n in self.writers.codes.items()
                                  if code not in ("2xx", "cut")])
        clock = [n for n in self.nemeses if n.kind == "clock" and n.counts["forward"] > 5]
        if clock and not self.writers.counts["clock jumps in dates"]:
            self._note("nemesis", ["clock: no jump shows in any message's date"])
        if "not healthy" not in self.wrong:
            self._note("grew", list(self._grown()))

    def _note(self, what, examples):
        if examples:
            self.wrong.setdefault(what, []).extend(examples)

    def _grown(self):
        for name, (kib, descriptors) in self.after.items():
            was_kib, were = self.before[name]
            if kib > 1.5 * was_kib + MORE_KIB or descriptors > were + MORE_DESCRIPTORS:
                yield f"{name}: {was_kib} -> {kib} KiB, {were} -> {descriptors} descriptors"

    def report(self):
        for witness in self.witnesses:
            yield f"{type(witness).__name__.lower()}: " + \
                "  ".join(f"{what}={n}" for what, n in witness.counts.items())
        yield "answers: " + "  ".join(f"{code}={n}" for code, n in self.writers.codes.most_common())
        yield f"slowest message: {max(w.slowest_s for one in self.witnesses for w in one.writers):.1f} s"
        for nemesis in self.nemeses:
            yield f"{nemesis.kind}: {sum(nemesis.counts.values())}  (" + \
                "  ".join(f"{what}={n}" for what, n in sorted(nemesis.counts.items())) + ")"
        yield "deaths: " + "  ".join(f"{kind} {how}={n}" for (kind, how), n in
                                     sorted(self.deaths.items()))
        if self.libzmq:
            yield f"KNOWN: libzmq aborted {self.libzmq} times with !_io_error (docs/TESTING.md)"
        if hasattr(self, "after"):
            yield f"ready again after {self.recovered_s:.1f} s"
            yield "memory (KiB), descriptors: " + "  ".join(
                f"{name} {self.before[name][0]}->{kib}, {self.before[name][1]}->{fds}"
                for name, (kib, fds) in self.after.items())
        for what, examples in self.wrong.items():
            yield f"VIOLATION {what}: {len(examples)}, as {examples[:5]}"


def missing(faults):
    return [program for fault in faults for program in NEMESES[fault].needs
            if not shutil.which(program)]


def campaign(faults, seconds, seed, say=print, pace=PACE_S):
    """Runs it; returns a Campaign, whose .wrong is empty when all is well. Raises Unavailable."""
    say(f"seed={seed} seconds={seconds} nemeses={','.join(faults)} build={postern.PRESET}")
    if missing(faults):
        raise Unavailable(" ".join(missing(faults)))
    done = Campaign(faults, seconds, seed, pace)
    for line in done.report():
        say(line)
    say("violations: " + str(sum(map(len, done.wrong.values()))))
    return done


def main():
    words = argparse.ArgumentParser(prog="./dev chaos", description=__doc__.split("\n")[0])
    words.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    words.add_argument("--seconds", type=int, default=60)
    words.add_argument("--hour", action="store_const", dest="seconds", const=3600)
    words.add_argument("--only", metavar="NEMESIS,…", help=", ".join(NEMESES))
    chosen = words.parse_args()
    faults = chosen.only.split(",") if chosen.only else lasting(chosen.seconds)
    if unknown := set(faults) - NEMESES.keys():
        words.error(f"there is no nemesis {', '.join(unknown)}: choose of {', '.join(NEMESES)}")
    if short := set(faults) - set(lasting(chosen.seconds)):
        least = max(NEMESES[fault].least for fault in short)
        words.error(f"{', '.join(sorted(short))} needs --seconds {least} or more")
    try:
        done = campaign(faults, chosen.seconds, chosen.seed,
                        lambda line: print(line, flush=True))
    except Unavailable as error:
        sys.exit(f"./dev chaos needs {error}; leave nemeses out with --only")
    sys.exit(1 if done.wrong else 0)


if __name__ == "__main__":
    main()
