"""What a message costs each process, counted: a regression is seen where time on a shared machine shows
none."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(script, *args):
    if not (ROOT / "build/release/bin/fdatasync").exists():
        pytest.skip("needs the release build (./dev test makes it)")
    environment = {k: v for k, v in os.environ.items() if k != "POSTERN_BIN"}
    return subprocess.run([sys.executable, "-B", ROOT / "tests/bench" / script, *args], capture_output=True, text=True, timeout=600,
                          env={**environment, "POSTERN_PRESET": "release"})


def test_a_message_costs_no_more_than_is_accepted(needs):
    needs("valgrind", "strace")
    done = run("instructions.py", "--check")
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" times what is accepted") == 8


def test_an_idle_ring_is_small():
    done = run("parts.py", "memory")
    assert float(re.search(r"Rss of all +([\d.]+)", done.stdout)[1]) <= 50, done.stdout + done.stderr
