"""./dev instructions: what one message costs each process of the ring, in machine instructions of its own
(callgrind) and in system calls (strace), where time on a shared machine tells little.

One process at a time is watched by the tool and is thereby the slowest of the ring, so that its batches
are as long as the connections allow, run after run. What is counted lies between two marks in its life, behind a
load that has warmed it. --accept writes the figures to instructions.json, which the test reads."""

import argparse
import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

import bench  # noqa: E402
import loader  # noqa: E402
from harness import postern  # noqa: E402

KNOWN = HERE / "instructions.json"
PROCESSES = ("gateway", "authd", "router", "channel")
CONNECTIONS = 64
WARM_UP, SECONDS = 1, 2
COUNTS = 3  # others' load makes batches shorter, never longer
MOST = 1.1  # times what is accepted
# valgrind has an address space of its own; heartbeats and ticks are a small part of either run.
SETTINGS = {"authd.rate": 0, "log.level": "warn", "authd.map_bytes": 1 << 28,
            "worker.map_bytes": 1 << 30}
BINARIES = postern.ROOT / "build" / "release" / "bin"


class Load:
    """A ring with PROCESS below the words WRAP, and senders for it."""

    def __init__(self, process=None, wrap=()):
        self.ring = postern.Ring(settings=SETTINGS, preset_settings=False, binaries=BINARIES)
        for name in self.ring.names:
            kind, index = name.rsplit("-", 1)
            self.ring.spawn(kind, index, wrap=wrap if kind == process else (), wait_ready=False)
        self.ring.wait_ready(*self.ring.names, seconds=60)
        pairs = loader.fill(f"ipc://{self.ring.sockets}/control", 20, 10)
        self.tokens = self.ring.dir / "tokens"
        self.tokens.write_text("".join(f"{token} {channel}\n" for token, channel in pairs))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.ring.close()

    def run(self, seconds):
        """How many messages were answered."""
        return bench.wrk(self.ring.base, self.tokens, CONNECTIONS, seconds)["requests"]


def instructions(process, out):
    """Of PROCESS a message."""
    with Load(process, ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}"]) as load:
        mark = ["vgdb", f"--pid={load.ring.spawned[f'{process}-0'].pid}", "dump"]
        load.run(WARM_UP)
        subprocess.run(mark, check=True, capture_output=True, timeout=60)
        messages = load.run(SECONDS)
        subprocess.run(mark, check=True, capture_output=True, timeout=60)
    between = pathlib.Path(f"{out}.2").read_text()
    return int(re.search(r"^(?:summary|totals): (\d+)", between, re.MULTILINE)[1]) / messages


def syscalls(process, out):
    """Of PROCESS a message."""
    with Load() as load:
        load.run(WARM_UP)
        pid = load.ring.spawned[f"{process}-0"].pid
        strace = subprocess.Popen(["strace", "-f", "-c", "-U", "calls,name", "-o", out, "-p", str(pid)], stderr=subprocess.PIPE, text=True)
        assert "attached" in strace.stderr.readline()
        messages = load.run(SECONDS)
        strace.send_signal(signal.SIGINT)
        strace.communicate(timeout=60)
    return int(re.search(r"^ *(\d+) total$", out.read_text(), re.MULTILINE)[1]) / messages


TOOLS = {"instructions": instructions, "syscalls": syscalls}


def measure(process, tool):
    with tempfile.TemporaryDirectory() as scratch:
        return TOOLS[tool](process, pathlib.Path(scratch) / "out")


def least(process, tool, enough):
    """The least of COUNTS measures; the first that is ENOUGH or less ends them."""
    found = measure(process, tool)
    for _ in range(COUNTS - 1):
        if found <= enough:
            break
        found = min(found, measure(process, tool))
    return found


def main():
    parser = argparse.ArgumentParser(prog="./dev instructions", description=__doc__.split("\n\n")[0])
    parser.add_argument("--accept", action="store_true", help="the figures become what is accepted")
    parser.add_argument("--check", action="store_true", help="fail where a figure is past MOST")
    parser.add_argument("process", nargs="*", help=f"of {', '.join(PROCESSES)}; default: all")
    args = parser.parse_args()
    known = json.loads(KNOWN.read_text())
    past = 0
    for process in args.process or PROCESSES:
        for tool in TOOLS:
            accepted = known[process][tool]
            value = least(process, tool, MOST * accepted if args.check else 0)
            past += value > MOST * accepted
            print(f"{process:8} {tool:12} {value:10.2f} a message, {value / accepted:.3f} times what is "
                  "accepted", flush=True)
            if args.accept:
                known[process][tool] = round(value, 2)
    if args.accept:
        KNOWN.write_text(json.dumps(known, indent=1) + "\n")
    elif args.check and past:
        sys.exit(f"{past} of the figures are more than {MOST} times what is accepted: find out why "
                 "(callgrind_annotate), or say why in a commit with ./dev instructions --accept")


if __name__ == "__main__":
    main()
