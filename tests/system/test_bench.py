"""./dev bench --short: every peer is measured and every ratio printed. How fast is not asked here."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_short_benchmark(needs):
    needs("wrk", "curl", "/usr/sbin/nginx", "/usr/lib/postgresql/15/bin/postgres")
    if not (ROOT / "build/release/bin/fdatasync").exists():
        pytest.skip("needs the release build (./dev test makes it)")
    environment = {k: v for k, v in os.environ.items() if k != "POSTERN_BIN"}
    done = subprocess.run([sys.executable, "-B", ROOT / "tests/bench/bench.py", "--short"],
                          capture_output=True, text=True, timeout=300,
                          env={**environment, "POSTERN_PRESET": "release"})
    assert done.returncode == 0, done.stdout + done.stderr
    rows = re.findall(r"^(ring|nchan|PostgreSQL) +(\d+) +(\d+) ", done.stdout, re.M)
    assert {(name, int(n)) for name, n, _ in rows} == {
        *(("ring", n) for n in (1, 64, 256, 1024)), *(("nchan", n) for n in (1, 64, 256, 1024)),
        ("PostgreSQL", 64)}
    assert all(int(rate) > 0 for *_, rate in rows)
    assert len(re.findall(r"\(at (?:least|most) ", done.stdout)) == 3
    ring = re.search(r"^ring +64 .*", done.stdout, re.M)[0]
    assert all(process in ring for process in ("gateway", "authd", "router", "channel"))
    assert int(re.search(r"stored by the ring in all: (\d+)", done.stdout)[1]) > 0


def test_short_benchmark_of_directories(needs):
    needs("wrk")
    if not (ROOT / "build/release/bin/populate").exists():
        pytest.skip("needs the release build (./dev test makes it)")
    done = subprocess.run([sys.executable, "-B", ROOT / "tests/bench/directory.py", "--short"],
                          capture_output=True, text=True, timeout=300,
                          env={**os.environ, "POSTERN_PRESET": "release"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"tokens: \d+ MiB on disk, authd ready again [\d.]+ s", done.stdout)) == 2
    assert re.search(r"large / small +[\d.]+ ", done.stdout)


def test_short_benchmark_of_calls(needs):
    needs("/usr/sbin/nginx")
    if not (ROOT / "build/release/bin/call_load").exists():
        pytest.skip("needs the release build (./dev test makes it)")
    done = subprocess.run([sys.executable, "-B", ROOT / "tests/bench/deliver.py", "--short"],
                          capture_output=True, text=True, timeout=300,
                          env={**os.environ, "POSTERN_PRESET": "release"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(re.findall(r"^\d+ +\d+ +[\d.]+ +\d+ +[\d.]+ +[\d.]+$", done.stdout, re.M)) == 4
    assert re.search(r"p99 beside the dead / alone: [\d.]+", done.stdout)
    assert re.search(r"deliveries / curl, 64 at once: [\d.]+", done.stdout)
    assert re.search(r"due at once beside the dead / alone: [\d.]+", done.stdout)
    assert re.search(r"accepting while deliveries wait / without: [\d.]+", done.stdout)
