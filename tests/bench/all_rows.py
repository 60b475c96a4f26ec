"""./dev bench --table: each figure that has a goal, one after the other, then all of them with their goals.

The journal of 50 million messages and the 10 million keys come last, with --aged alone: 25 GB of disk, and
many minutes to fill. --short: a minute, little data; proves nothing."""

import argparse
import pathlib
import re
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import bench  # noqa: E402

ROW = re.compile(r"^(\S.*?) +(\d+\.\d\d)   \(goal (at most )?([\d.]+); rounds: (.*)\)$", re.MULTILINE)
PARTS = ("paced", "keyed", "spread", "large", "handlers", "clusters", "memory")
AGED = ("aged", "seen")


def printed(script, *args):
    """What SCRIPT prints, which is passed on."""
    began, lines = time.monotonic(), []
    with subprocess.Popen([sys.executable, "-B", HERE / script, *args], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            bench.say(line.rstrip("\n"))
            lines.append(line)
    bench.say(f"{script} {' '.join(args)}: {time.monotonic() - began:.0f} s, exit {process.returncode}\n")
    return "".join(lines)


def rows(text):
    """Lines of the table: figure, median, goal, whether it is reached, rounds."""
    for name, value, most, goal, rounds in ROW.findall(text):
        reached = float(value) <= float(goal) if most else float(value) >= float(goal)
        yield f"{name:<50}{value:>8}  goal {most:<8}{goal:<5} {'reached' if reached else 'NOT REACHED':<12} {rounds}"


def main():
    parser = argparse.ArgumentParser(prog="./dev bench --table")
    parser.add_argument("--aged", action="store_true", help="with what needs 25 GB of disk")
    parser.add_argument("--short", action="store_true", help="proves nothing")
    args = parser.parse_args()
    more = ["--short"] if args.short else ["--rounds", "5"]
    text = printed("bench.py", *more)
    for name in PARTS + (AGED if args.aged else ()):
        text += printed("parts.py", name, *more)
    for row in rows(text):
        bench.say(row)


if __name__ == "__main__":
    main()
