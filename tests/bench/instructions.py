"""./dev instructions: what one message costs each process of the ring, in machine instructions of its own
(callgrind) and in system calls (strace), where time on a shared machine tells little.

The processes run in turns (turns.py), so what is counted depends neither on how fast they are nor on what else
runs. What is counted lies behind a load that has warmed them. --accept writes the figures to instructions.json, which the
test reads."""

import argparse
import json
import pathlib
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

import bench  # noqa: E402
import loader  # noqa: E402
import turns  # noqa: E402
from harness import postern  # noqa: E402

KNOWN = HERE / "instructions.json"
PROCESSES = turns.ORDER
CONNECTIONS = {"instructions": 160, "syscalls": 256}  # each has a message in a round
WARM_UP, ROUNDS = 3, {"instructions": 9, "syscalls": 24}
TRIED = 10  # rounds for each that is counted
RESEND_S = 1  # RESEND_FIRST_MS of gateway/ring/inflight.h: in a longer round the gateway sends again
COUNTS = 3  # what a machine that is very busy does adds to them
MOST = 1.1  # times what is accepted
# How often a process's own threads meet differs: ten calls of a round. A call more a message is 1.
BESIDE = {"instructions": 0, "syscalls": 0.04}
# valgrind has an address space of its own.
SETTINGS = {"authd.rate": 0, "gateway.deadline_ms": 60000, "log.level": "warn", "authd.map_bytes": 1 << 28,
            "worker.map_bytes": 1 << 30}
FILLED = (4, 4, 1)  # users, channels, tokens of each: authd writes a row a second for each that is used
BINARIES = postern.ROOT / "build" / "release" / "bin"


class Load:
    """A ring with each process of PROCESSES below the words WRAP (its name), and senders for it."""

    def __init__(self, connections, wrap=lambda process: ()):
        self.ring = postern.Ring(settings=SETTINGS, preset_settings=False, binaries=BINARIES)
        try:
            for name in self.ring.names:
                kind, index = name.rsplit("-", 1)
                self.ring.spawn(kind, index, wrap=wrap(kind) if kind in PROCESSES else (), wait_ready=False)
            self.ring.wait_ready(*self.ring.names, seconds=60)
            pairs = loader.fill(f"ipc://{self.ring.sockets}/control", *FILLED)
            self.turns = turns.Turns(self.ring, [self._request(*pairs[i % len(pairs)]) for i in range(connections)])
        except BaseException:
            self.ring.close()
            raise

    @staticmethod
    def _request(token, channel):
        return (f"POST /api/v2/channelsbyname/{channel}/message?zapikey={token} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(bench.BODY)}\r\n\r\n{bench.BODY}").encode()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.turns.close()
        self.ring.close()

    def run(self, rounds):
        """When each round began, and the last one ended."""
        times = [time.time()]
        for _ in range(rounds):
            self.turns.round()
            times.append(time.time())
        return times

    def dump(self):
        """What callgrind has counted since the last time goes to a file of its own."""
        self.turns.go_on()
        asking = [subprocess.Popen(["vgdb", f"--pid={self.ring.pid(f'{process}-0')}", "dump"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                  for process in PROCESSES]
        assert [one.wait(60) for one in asking] == [0] * len(asking)
        self.turns.stand_still()


def instructions(scratch):
    """Of each process a message: the median of the rounds, as in some of them a second begins."""
    with Load(CONNECTIONS["instructions"], lambda process: ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={scratch}/{process}"]) as load:
        load.run(WARM_UP)
        load.dump()
        kept = []
        for number in range(2, 2 + TRIED * ROUNDS["instructions"]):
            begun, ended = load.run(1)
            load.dump()
            if ended - begun < RESEND_S:
                kept.append(number)
            if len(kept) == ROUNDS["instructions"]:
                break
        assert kept, "each round took so long that the gateway sent again"
    return {process: statistics.median(_summed(scratch / f"{process}.{number}") for number in kept) / CONNECTIONS["instructions"] for process in PROCESSES}


def _summed(dump):
    return int(re.search(r"^(?:summary|totals): (\d+)", dump.read_text(), re.MULTILINE)[1])


# A wait that a stop has ended is begun anew: it is no call of the program's own.
CALL = re.compile(r"^\d+ +([\d.]+) (?!.*(?:EINTR|ERESTART|restart_syscall)).*\) += ", re.MULTILINE)


def syscalls(scratch):
    """Of each process a message: of the rounds the tenth of which that has fewest, as heartbeats and threads that meet add to them."""
    with Load(CONNECTIONS["syscalls"]) as load:
        load.run(WARM_UP)
        watching = []
        for process in PROCESSES:
            watching.append(subprocess.Popen(["strace", "-f", "-ttt", "-o", scratch / process, "-p", str(load.ring.pid(f"{process}-0"))],
                                             stderr=subprocess.PIPE, text=True))
            assert "attached" in watching[-1].stderr.readline()
        times = load.run(ROUNDS["syscalls"])
        for strace in watching:
            strace.send_signal(signal.SIGINT)
            strace.communicate(timeout=60)
    found = {}
    for process in PROCESSES:
        calls = [float(at) for at in CALL.findall((scratch / process).read_text())]
        rounds = [sum(begin <= at < end for at in calls) for begin, end in zip(times, times[1:])]
        found[process] = statistics.quantiles(rounds, n=10)[0] / CONNECTIONS["syscalls"]
    return found


TOOLS = {"instructions": instructions, "syscalls": syscalls}


def measure(tool):
    with tempfile.TemporaryDirectory() as scratch:
        return TOOLS[tool](pathlib.Path(scratch))


def least(tool, most):
    """The least of COUNTS measures; the first in which no process has more than MOST ends them."""
    found = measure(tool)
    for _ in range(COUNTS - 1):
        if all(found[process] <= most[process] for process in PROCESSES):
            break
        found = {process: min(value, found[process]) for process, value in measure(tool).items()}
    return found


def main():
    parser = argparse.ArgumentParser(prog="./dev instructions", description=__doc__.split("\n\n")[0])
    parser.add_argument("--accept", action="store_true", help="the figures become what is accepted")
    parser.add_argument("--check", action="store_true", help="fail where a figure is past MOST and BESIDE")
    parser.add_argument("process", nargs="*", help=f"of {', '.join(PROCESSES)}; default: all")
    args = parser.parse_args()
    known = json.loads(KNOWN.read_text())
    most = {tool: {process: MOST * known[process][tool] + BESIDE[tool] for process in PROCESSES} for tool in TOOLS}
    found = {tool: least(tool, most[tool]) if args.check else measure(tool) for tool in TOOLS}
    past = 0
    for process in args.process or PROCESSES:
        for tool in TOOLS:
            accepted, value = known[process][tool], found[tool][process]
            past += value > most[tool][process]
            print(f"{process:8} {tool:12} {value:10.2f} a message, {value / accepted:.3f} times what is "
                  "accepted", flush=True)
            if args.accept:
                known[process][tool] = round(value, 3)
    if args.accept:
        KNOWN.write_text(json.dumps(known, indent=1) + "\n")
    elif args.check and past:
        sys.exit(f"{past} of the figures are more than {MOST} times what is accepted: find out why "
                 "(callgrind_annotate), or say why in a commit with ./dev instructions --accept")


if __name__ == "__main__":
    main()
