"""./dev bench --short: every peer is measured and every ratio printed. How fast is not asked here."""

import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(script, program, *args):
    """SCRIPT with --short; it needs PROGRAM of the release build."""
    if not (ROOT / "build/release/bin" / program).exists():
        pytest.skip("needs the release build (./dev test makes it)")
    environment = {k: v for k, v in os.environ.items() if k != "POSTERN_BIN"}
    return subprocess.run([sys.executable, "-B", ROOT / "tests/bench" / script, *args, "--short"],
                          capture_output=True, text=True, timeout=300,
                          env={**environment, "POSTERN_PRESET": "release"})


def short(script, program, *args):
    done = run(script, program, *args)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_short_benchmark(needs):
    needs("wrk", "curl", "/usr/sbin/nginx", "webdis", "redis-server", "/usr/lib/postgresql/15/bin/postgres")
    printed = short("bench.py", "fdatasync")
    rows = re.findall(r"^(ring|nchan|webdis|PostgreSQL) +(\d+) +(\d+) ", printed, re.M)
    assert {(name, int(n)) for name, n, _ in rows} == {
        *((name, n) for name in ("ring", "nchan", "webdis") for n in (1, 256)), ("PostgreSQL", 64)}
    assert all(int(rate) > 0 for *_, rate in rows)
    assert len(re.findall(r"\(at least 2\.50; ", printed)) == 1 and len(re.findall(r"\(goal ", printed)) == 6
    ring = "".join(re.findall(r"^ring +\d+ .*", printed, re.M))  # in a second of a busy machine one may have less than a tick
    assert all(process in ring for process in ("gateway", "authd", "router", "channel"))
    assert int(re.search(r"stored by the ring in all: (\d+)", printed)[1]) > 0


def test_short_benchmark_of_directories(needs):
    needs("wrk")
    printed = short("directory.py", "populate")
    assert len(re.findall(r"tokens: \d+ MiB on disk, authd ready again [\d.]+ s", printed)) == 2
    assert re.search(r"large / small +[\d.]+ ", printed)


def test_short_benchmark_of_shapes(needs):
    needs("wrk")
    printed = short("shapes.py", "fdatasync")
    assert len(re.findall(r"^(?:keyed / plain|200 channels / 1|\d+ bytes, .*) +\d+\.\d\d +\(goal 0", printed, re.M)) == 3, printed


def test_short_benchmark_of_parts(needs):
    needs("wrk", "/usr/sbin/nginx")
    assert re.search(r"^20000 keys remembered / none +\d+\.\d\d ", short("parts.py", "fill", "seen"), re.M)
    assert re.search(r"^p99 / p50 at half of the maximum, open loop +\d+\.\d\d ", short("parts.py", "paced", "paced"), re.M)


def test_short_benchmark_of_scheduling(needs):
    needs("wrk", "/usr/sbin/nginx")
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    except PermissionError:
        done = run("scheduling.py", "fdatasync")
        assert (done.returncode, done.stderr) == (1, "needs the right to SCHED_RR (CAP_SYS_NICE)\n")
        return
    printed = short("scheduling.py", "fdatasync")
    for policy in ("default", "round robin"):
        for name in ("ring", "nchan"):
            assert re.search(rf"^{name} +{policy} +[1-9]\d* msg/s +cores idle \d+%$", printed, re.M)
        assert re.search(rf"^ring / nchan, {policy} +[\d.]+ ", printed, re.M)


def test_short_benchmark_of_formats(needs):
    needs("wrk")
    printed = short("formats.py", "fdatasync")
    assert set(re.findall(r"^(plain|push) +256 +[1-9]\d* ", printed, re.M)) == {"plain", "push"}
    size, formatted, stored = map(int, re.search(r"has (\d+) bytes; messages made of pushes: (\d+), stored in all: (\d+)", printed).groups())
    assert 10240 <= size < 11264 and 0 < formatted < stored
    assert re.search(r"^signed push / plain message, msg/s +[\d.]+ ", printed, re.M)
    assert len(re.findall(r"^(?:CPU µs of the worker, a push|the same, a plain message) +[\d.]+ ", printed, re.M)) == 2


def test_short_benchmark_of_streams(needs):
    needs("wrk", "/usr/sbin/nginx", "/usr/sbin/haproxy")
    printed = short("stream.py", "follow", "idle", "fan", "proxy", "joins", "stopped")
    for name in ("ring", "nchan"):
        for what in (r"50 readers, 50 msg/s: p50 \(ms\)", r"50 readers, 50 msg/s: p99 \(ms\)",
                     "burst, deliveries a second"):
            assert re.search(rf"^{name}: {what} +[\d.]+ ", printed, re.M), printed
    assert re.search(r"^200 idle readers: bytes of the gateway each +-?[\d.]+ ", printed, re.M)
    assert re.search(r"^20 joins beside \d+ posts/s: wrong 0, resyncs 0 ", printed, re.M)
    assert "that go on: 10 of 10 have each message once; when they were cut, 10 of 10" in printed
    assert len(re.findall(r"\((?:at (?:least|most)|below) ", printed)) == 6


def test_short_benchmark_of_calls(needs):
    needs("/usr/sbin/nginx")
    printed = short("deliver.py", "call_load")
    assert len(re.findall(r"^\d+ +\d+ +[\d.]+ +\d+ +[\d.]+ +[\d.]+$", printed, re.M)) == 4
    assert re.search(r"p99 beside the dead / alone: [\d.]+", printed)
    assert re.search(r"deliveries / curl, 64 at once: [\d.]+", printed)
    assert re.search(r"due at once beside the dead / alone: [\d.]+", printed)
    assert re.search(r"accepting while deliveries wait / without: [\d.]+", printed)
