"""./dev instructions: what one message costs each process of the ring, in machine instructions of its own
(callgrind) and in system calls (strace), where time on a shared machine tells little.

One process at a time runs under the tool and is thereby the slowest of the ring, so that its batches
are as long as the connections allow, run after run. A figure is the difference of a long run and a short
one, divided by the messages between. --accept writes the figures to instructions.json, which the test
reads."""

import argparse
import json
import pathlib
import re
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
SECONDS = {"instructions": (1, 4), "syscalls": (1, 3)}
COUNTS = 3  # others' load makes batches shorter, never longer
MOST = 1.1  # times what is accepted
# valgrind has an address space of its own; heartbeats and ticks are a small part of either run.
SETTINGS = {"authd.rate": 0, "log.level": "warn", "authd.map_bytes": 1 << 28,
            "worker.map_bytes": 1 << 30}
BINARIES = postern.ROOT / "build" / "release" / "bin"


def callgrind(out):
    return ["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}"]


def instructions(out):
    return int(re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.MULTILINE)[1])


def strace(out):
    return ["strace", "-D", "-f", "-c", "-U", "calls,name", "-o", str(out)]


def syscalls(out):
    """strace (-D) outlives the process by a moment."""
    said = postern.wait(lambda: re.search(r"^ *(\d+) total$", out.read_text(), re.MULTILINE),
                        what="strace's counts")
    return int(said[1])


TOOLS = {"instructions": (callgrind, instructions), "syscalls": (strace, syscalls)}


def count(process, tool, seconds):
    """What PROCESS did in a life with so many seconds of load: (messages, count)."""
    wrap, read = TOOLS[tool]
    with tempfile.TemporaryDirectory() as scratch:
        out = pathlib.Path(scratch) / "out"
        with postern.Ring(settings=SETTINGS, preset_settings=False, binaries=BINARIES) as ring:
            for name in ring.names:
                kind, index = name.rsplit("-", 1)
                ring.spawn(kind, index, wrap=wrap(out) if kind == process else (), wait_ready=False)
            ring.wait_ready(*ring.names, seconds=60)
            pairs = loader.fill(f"ipc://{ring.sockets}/control", 20, 10)
            tokens = ring.dir / "tokens"
            tokens.write_text("".join(f"{token} {channel}\n" for token, channel in pairs))
            result = bench.wrk(ring.base, tokens, CONNECTIONS, seconds)
        return result["requests"], read(out)


def measure(process, tool):
    """Instructions or system calls of PROCESS a message."""
    (few, less), (many, more) = (count(process, tool, seconds) for seconds in SECONDS[tool])
    return (more - less) / (many - few)


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
