"""Who can make names in the directory of the sockets, or exchange one above it, can be the peer of every
process: such a directory is refused, by processes and by posternctl."""

import json
import os
import pwd
import shutil
import subprocess

import pytest

from harness import lacking, postern

REFUSED = 78
NOBODY = pwd.getpwnam("nobody")[2]


@pytest.fixture
def place():
    """A directory that is not above the configuration, as /run is not."""
    made = postern.scratch("d-")
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def down(make_ring, place):
    """A ring that does not run, with its sockets in PLACE/above/run."""
    run = place / "above" / "run"
    run.mkdir(parents=True, mode=0o700)
    (place / "above").chmod(0o755)
    return make_ring(settings={"data.sockets": str(run)})


def start(ring, kind):
    args = [str(postern.BIN / f"postern-{kind}"), "-c", str(ring.conf), *ring._overrides()]
    return subprocess.run(args, env=ring.environment, capture_output=True, text=True,
                          timeout=5 * postern.SLOW)


def refused(ring, *words):
    """By each process, at its start, and by posternctl."""
    for kind in ("authd", "router", "gateway", "channel"):
        done = start(ring, kind)
        assert done.returncode == REFUSED, f"{kind}: {done.stderr}"
        for word in words:
            assert word in done.stderr, done.stderr
    for command in (["up"], ["user", "list"], ["restart"]):
        done = ring.ctl_run(*command)
        assert done.returncode not in (0, None), command
        for word in words:
            assert word in done.stderr, done.stderr


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777], ids=oct)
def test_a_directory_that_others_can_write(down, place, mode):
    (place / "above" / "run").chmod(mode)
    refused(down, str(place / "above" / "run"), "others can", "chmod go-w")
    (place / "above" / "run").chmod(0o700)
    down.up()
    assert down.ctl("user", "list")


def test_a_directory_above_that_others_can_write(down, place):
    (place / "above").chmod(0o777)
    refused(down, "at above: others can write", "chmod go-w")
    (place / "above").chmod(0o1777)  # as /tmp: what is in it cannot be exchanged
    down.up()


@lacking.root
@pytest.mark.parametrize("name", ["above", "above/run"])
def test_a_directory_of_somebody_else(down, place, name):
    os.chown(place / name, NOBODY, -1)
    refused(down, f"belongs to user {NOBODY}", "chown")


@lacking.root
def test_the_users_own_directory(down, place):
    """Root's posternctl reaches the sockets of the user that the processes run as."""
    for name in ("above", "above/run"):
        os.chown(place / name, NOBODY, -1)
    down.dir.chmod(0o711)
    down.reports.chmod(0o777)
    down.settings["process.user"] = "nobody"
    down.up()
    assert down.ctl("user", "list")
    del down.settings["process.user"]  # as under systemd: the data tell
    assert down.ctl("user", "list")


def test_a_strangers_notice_leads_nowhere(down, place):
    """up.json has settings that hold for the commands, as another control socket."""
    run = place / "above" / "run"
    (run / "up.json").write_text(json.dumps({"pid": 1, "set": ["authd.control=ipc:///nowhere/control"]}))
    run.chmod(0o777)
    with open(run / "up.json") as held:
        import fcntl
        fcntl.flock(held, fcntl.LOCK_EX)
        done = down.ctl_run("user", "list")
    assert "/nowhere" not in done.stderr and "others can" in done.stderr, done.stderr
