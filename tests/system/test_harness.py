"""What the harness itself promises: nothing runs on after a test, whatever fails."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from harness import postern

HERE = pathlib.Path(__file__).parent

CASE = '''
import pathlib, subprocess
import pytest
from harness import postern

NOTES = pathlib.Path(__file__).with_name("pids")

def note(pid):
    with NOTES.open("a") as file:
        print(pid, file=file)

@pytest.fixture
def kept():
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.terminate()
    process.wait()

@pytest.fixture
def broken(request):
    kept = request.getfixturevalue("kept")
    ring = postern.Ring()
    NOTES.with_name("ring").write_text(str(ring.dir))
    ring.up()
    note(ring.supervisor.pid)
    for name in ring.names:
        note(ring.pid(name))
    note(ring.spawn("router", 1, wait_ready=False).pid)
    note(subprocess.Popen(["sh", "-c", "trap : TERM; sleep 600 & wait; wait"]).pid)
    assert kept.poll() is None
    raise RuntimeError("it fails after all that")

def test_it(broken):
    pass

def test_what_others_started_is_theirs(kept):
    assert kept.poll() is None

def test_that_leaves_one():
    note(subprocess.Popen(["sleep", "600"]).pid)
'''


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@pytest.mark.slow
def test_a_fixture_that_fails_in_its_set_up_leaves_nothing_running(tmp_path):
    case = tmp_path / "test_case.py"
    case.write_text(CASE)
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_CURRENT_TEST", "PYTEST_ADDOPTS"):
        environment.pop(name, None)
    done = subprocess.run([sys.executable, "-B", "-m", "pytest", "-q", "-p", "conftest", "-p", "no:cacheprovider",
                           "--rootdir", str(tmp_path), str(case)], env=environment, cwd=tmp_path, text=True,
                          capture_output=True, timeout=120 * postern.SLOW)
    pids = [int(line) for line in (tmp_path / "pids").read_text().split()]
    try:
        assert "it fails after all that" in done.stdout and "2 passed, 1 error" in done.stdout, done.stdout
        assert len(pids) == 10
        assert [pid for pid in pids if is_alive(pid)] == []
    finally:
        for pid in filter(is_alive, pids):
            os.kill(pid, 9)
        shutil.rmtree((tmp_path / "ring").read_text(), ignore_errors=True)
