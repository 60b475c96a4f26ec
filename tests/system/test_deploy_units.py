"""The systemd units: they verify, they give up what no process needs, and the processes speak
systemd's protocol."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

from harness import postern

UNITS = postern.ROOT / "deploy" / "systemd"
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A file system with the units and the programs where a package puts them."""
    made = tmp_path_factory.mktemp("root")
    units = made / "usr/lib/systemd/system"
    shutil.copytree(UNITS, units)
    (made / "usr/bin").mkdir()
    for program in postern.BIN.glob("postern*"):
        (made / "usr/bin" / program.name).symlink_to(program)
    return made


def one(unit):
    """A template's first instance."""
    return unit.replace("@.", "@0.")


def analyze(*words, **environment):
    return subprocess.run(["systemd-analyze", *map(str, words)], capture_output=True, text=True,
                          env={**os.environ, "SYSTEMD_LOG_LEVEL": "warning", **environment})


def test_there_is_a_unit_for_each_kind_of_process():
    kinds = {re.match(r"postern-([a-z]+)", name)[1] for name in SERVICES}
    assert kinds == {*postern.KINDS, "backup"}


def test_the_units_verify(needs, root, tmp_path):
    needs("systemd-analyze")
    for path in (root / "usr/lib/systemd/system").glob("*.*"):
        if path.is_file():
            text = path.read_text().replace("/usr/bin/postern", f"{root}/usr/bin/postern")
            (tmp_path / path.name).write_text(text)
    for changes in UNITS.glob("*.service.d"):
        shutil.copytree(changes, tmp_path / changes.name)
    done = analyze("verify", "--man=no", *[one(unit) for unit in SERVICES], "postern.target", "postern-ring.target",
                   "postern-gateway.socket", "postern-backup.timer",
                   SYSTEMD_UNIT_PATH=f"{tmp_path}:/usr/lib/systemd/system")
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.mark.parametrize("unit", SERVICES)
def test_a_unit_is_exposed_little(needs, root, unit):
    """2.0 of 10 at most, as systemd-analyze counts."""
    needs("systemd-analyze")
    done = analyze("security", "--offline=yes", "--threshold=20", f"--root={root}", one(unit))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "OK" in done.stdout.splitlines()[-1]


class Manager:
    """The socket that systemd gives a service with Type=notify."""

    def __init__(self, directory):
        self.path = directory / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.socket.settimeout(0.05)

    def said(self, seconds):
        """What came within SECONDS."""
        end, found = time.monotonic() + seconds, []
        while time.monotonic() < end:
            try:
                found.append(self.socket.recv(1024).decode())
            except TimeoutError:
                pass
        return found

    def until(self, word):
        found = []
        postern.wait(lambda: word in found or found.extend(self.said(0.1)), 10, what=word)
        return found


@pytest.mark.parametrize("kind", ["authd", "gateway"])
def test_a_process_tells_systemd_how_it_is(make_ring, kind):
    """Ready, signs of life until its main loop is stopped, and that it stops."""
    ring = make_ring()
    manager = Manager(ring.dir)
    ring.spawn("router", wait_ready=False)
    if kind == "gateway":
        ring.spawn("authd", wait_ready=False)
    process = ring.spawn(kind, wait_ready=False, environment={
        "NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "400000"})
    assert "READY=1" in manager.until("READY=1")
    assert "WATCHDOG=1" in manager.until("WATCHDOG=1")
    os.kill(process.pid, signal.SIGSTOP)
    manager.said(0.5)
    assert manager.said(1) == []
    os.kill(process.pid, signal.SIGCONT)
    manager.until("WATCHDOG=1")
    process.terminate()
    manager.until("STOPPING=1")
    assert process.wait(20 * postern.SLOW) == 0


def test_the_units_start_what_is_there_with_the_options_that_it_knows():
    for unit in set(SERVICES) - {"postern-backup.service"}:
        line = re.search(r"^ExecStart=(.*)$", (UNITS / unit).read_text(), re.M)[1]
        words = line.replace("%i", "0").split()
        program = postern.BIN / pathlib.Path(words[0]).name
        assert words[1:3] == ["-c", "/etc/postern/postern.conf"]
        done = subprocess.run([program, "-t", *words[3:]], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def test_the_backups_unit_copies_and_forgets(make_ring, tmp_path):
    """Its lines as they stand, with this ring's configuration."""
    ring = make_ring().up()
    text = (UNITS / "postern-backup.service").read_text()
    copies = tmp_path / "copies"
    copies.mkdir()
    for name, days in (("old", 15), ("recent", 13)):
        (copies / name).mkdir()
        os.utime(copies / name, (time.time() - days * 86400 - 3600,) * 2)

    def run(key):
        line = re.search(rf"^{key}=(.*)$", text, re.M)[1].replace("%%", "%")
        line = line.replace("/usr/bin/posternctl", f"{postern.BIN}/posternctl")
        line = line.replace("/etc/postern/postern.conf", f"{ring.dir}/postern.conf")
        line = re.sub(r"\{\} \+$", "'{}' +", line)
        return subprocess.run(["sh", "-c", line], text=True, capture_output=True, timeout=60,
                              env={**ring.environment, "COPIES": str(copies), "DAYS": "14"})

    done = run("ExecStart")
    assert done.returncode == 0, done.stdout + done.stderr
    assert run("ExecStartPost").returncode == 0
    left = {path.name for path in copies.iterdir()}
    made, = left - {"recent"}
    assert "recent" in left and (copies / made / "manifest.json").exists()
