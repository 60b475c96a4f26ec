"""What a message costs each process, counted: a regression is seen where time on a shared machine shows
none."""

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("process", ("gateway", "authd", "router", "channel"))
def test_a_message_costs_no_more_than_is_accepted(process, needs):
    needs("wrk", "valgrind", "strace")
    if not (ROOT / "build/release/bin/fdatasync").exists():
        pytest.skip("needs the release build (./dev test makes it)")
    environment = {k: v for k, v in os.environ.items() if k != "POSTERN_BIN"}
    done = subprocess.run([sys.executable, "-B", ROOT / "tests/bench/instructions.py", "--check", process],
                          capture_output=True, text=True, timeout=600,
                          env={**environment, "POSTERN_PRESET": "release"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count(" times what is accepted") == 2
