"""Started as root with process.user: what root touches in directories that the user may write. Links and
files are planted as that user could have, and what they lead to must stay as it is."""

import os
import pathlib
import pwd
import shutil
import signal
import subprocess

import pytest

from harness import lacking, postern

REFUSED = 78
USER = "nobody"
UID, GID = pwd.getpwnam(USER)[2:4]

pytestmark = lacking.root


@pytest.fixture
def owned(make_ring):
    """A ring whose data belong to USER, as after a first start, and which does not run."""
    ring = make_ring(settings={"process.user": USER})
    ring.dir.chmod(0o711)
    ring.reports.chmod(0o777)
    return ring


def plant(ring):
    """USER has the data; beside them lies what is root's."""
    data = ring.dir / "data"
    (data / "run").mkdir(mode=0o700, exist_ok=True)
    for path in (data, *data.rglob("*")):
        os.chown(path, UID, GID)
    target = ring.dir / "roots"
    target.mkdir(mode=0o755)
    (target / "precious").write_text("precious")
    return data, target


def unharmed(target):
    assert [(path.name, path.stat().st_uid) for path in target.iterdir()] == [("precious", 0)]
    assert target.stat().st_uid == 0 and (target / "precious").read_text() == "precious"


def start(ring, kind):
    args = [str(postern.BIN / f"postern-{kind}"), "-c", str(ring.conf), *ring._overrides()]
    return subprocess.run(args, env=ring.environment, capture_output=True, text=True,
                          timeout=5 * postern.SLOW)


def refused(ring, kind, *words):
    done = start(ring, kind)
    assert done.returncode == REFUSED, done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


@pytest.mark.parametrize("kind", postern.KINDS)
def test_a_link_in_place_of_the_sockets(owned, kind):
    data, target = plant(owned)
    shutil.rmtree(data / "run")
    (data / "run").symlink_to(target)
    refused(owned, kind, f"{data}/run", "symbolic link", "remove it")
    unharmed(target)


@pytest.mark.parametrize("make", [os.symlink, os.link], ids=["symbolic", "hard"])
def test_a_link_in_place_of_the_master_key(owned, make):
    data, target = plant(owned)
    (data / "master.key").unlink()
    make(target / "precious", data / "master.key")
    refused(owned, "authd", "master.key")
    unharmed(target)


def test_a_link_above_the_data(owned):
    data, target = plant(owned)
    theirs = owned.dir / "theirs"
    theirs.mkdir()
    (theirs / "data").symlink_to(target)
    os.chown(theirs, UID, GID)
    owned.settings["data.directory"] = str(theirs / "data")
    refused(owned, "channel", "at data: a symbolic link that another user could have made")
    unharmed(target)


@pytest.mark.parametrize("make", [os.symlink, os.link], ids=["symbolic", "hard"])
def test_a_link_in_place_of_a_lock(owned, make):
    data, target = plant(owned)
    make(target / "precious", data / "run" / "gateway-0.lock")
    refused(owned, "gateway", "gateway-0.lock", "remove it")
    unharmed(target)


@pytest.mark.parametrize("name", ["up.json", "run"])
def test_a_link_for_the_supervisor(owned, name):
    data, target = plant(owned)
    if name == "run":
        shutil.rmtree(data / "run")
        (data / "run").symlink_to(target)
    else:
        (data / "run" / name).symlink_to(target / "precious")
    done = owned.ctl_run("up")
    assert done.returncode != 0 and "symbolic link" in done.stderr, done.stderr
    unharmed(target)


def test_links_in_the_way_of_a_restore(owned, tmp_path):
    data, target = plant(owned)
    owned.up()
    owned.stop()
    copy = tmp_path / "copy"
    owned.ctl("backup", copy)
    for name in ("store.lock", "channel-0.lock"):
        (data / name).unlink(missing_ok=True)
        (data / name).symlink_to(target / "precious")
        done = owned.ctl_run("restore", "--replace", copy)
        assert done.returncode != 0 and name in done.stderr, done.stderr
        (data / name).unlink()
        unharmed(target)
    owned.ctl("restore", "--replace", copy)
    made = [path for path in data.rglob("*") if data / "run" not in path.parents]
    assert {path.stat().st_uid for path in made} == {UID}
    owned.up()


def test_a_backup_goes_into_nobody_elses_directory(owned, tmp_path):
    plant(owned)
    owned.up()
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    os.chown(theirs, UID, GID)
    done = owned.ctl_run("backup", theirs)
    assert done.returncode != 0 and "not a directory of yours" in done.stderr
    assert not list(theirs.iterdir())


def test_init_takes_nobody_elses_directory(tmp_path):
    theirs = tmp_path / "data"
    theirs.mkdir(mode=0o755)
    os.chown(theirs, UID, GID)
    done = subprocess.run([postern.BIN / "posternctl", "init", tmp_path], capture_output=True, text=True)
    assert done.returncode != 0 and "another user's" in done.stderr
    assert theirs.stat().st_mode & 0o777 == 0o755


def test_from_init_to_a_restart(owned):
    """What init made as root is the user's after the first start, and stays so."""
    owned.up()
    data = owned.dir / "data"
    for path in (data, data / "run", data / "master.key", data / "directory"):
        assert path.stat().st_uid == UID, path
    for name in owned.names:
        status = pathlib.Path(f"/proc/{owned.pid(name)}/status").read_text()
        assert f"Uid:\t{UID}\t{UID}\t{UID}\t{UID}" in status, name
    owned.kill("authd-0", signal.SIGKILL)
    owned.wait_ready(*owned.names)
    ada = owned.user("ada")
    owned.channel("general", ada)
    assert owned.post(owned.channel_url("general", ada.token), {"text": "hi"}).status_code == 204
    owned.stop()
    owned.up()


def test_where_all_of_it_is_the_users(owned):
    """What root makes beside the data, in the user's directory, is the user's, too."""
    data, target = plant(owned)
    os.chown(owned.dir, UID, GID)
    owned.up()
    assert (owned.dir / "data-known").stat().st_uid == UID
    assert sorted(path.name for path in (owned.dir / "data-known").iterdir()) \
        == ["bot-0", "channel-0", "directory", "extension-0"]
    unharmed(target)


def test_a_link_on_the_way_to_what_is_known(owned):
    data, target = plant(owned)
    (data / "theirs").symlink_to(target)
    owned.settings["data.known"] = str(data / "theirs" / "known")
    refused(owned, "authd", "at theirs: a symbolic link that another user could have made")
    unharmed(target)
