"""What a worker can have put into its store gives it nothing of root's when root looks at the stores."""

import fcntl
import json
import os
import pathlib
import pwd
import subprocess
import threading

import pytest

from harness import lacking, postern
from test_users import OLD, SETTINGS, as_kind, ids, openly, passes

pytestmark = lacking.root

STORES = {"authd": "directory", "channel": "channel-0", "bot": "bot-0"}
SALVAGED = ("channel", "bot")


@pytest.fixture
def apart(make_ring):
    ring = openly(make_ring(settings=SETTINGS)).up()
    ada = ring.user("ada")
    ring.channel("general", ada)
    ring.bot("helper", ada)
    passes(ring, ada, "kept")
    return ring


def targets(ring):
    """Root's directory, a name in it that is free, a file, another user's store."""
    place = ring.dir / "roots"
    place.mkdir()
    (place / "file").write_text("precious\n" * 9)
    return {"directory": place, "missing": place / "missing", "file": place / "file",
            "store": ring.dir / "data/directory/data.mdb"}


def seen(path):
    """Of a file, as much of its head as its own process never writes again: authd's commits change the rest of a meta page."""
    is_ = path.stat() if path.exists() else None
    return is_ and (is_.st_uid, is_.st_gid, is_.st_mode, path.read_bytes()[:32] if path.is_file() else sorted(os.listdir(path)))


def plant(ring, kind, name, target):
    path = ring.dir / "data" / STORES[kind] / name
    assert as_kind(kind, lambda: (path.unlink(missing_ok=True), os.symlink(target, path)))


@pytest.mark.parametrize("verb", ["check", "backup", "salvage"])
@pytest.mark.parametrize("name", ["lock.mdb", "data.mdb.new", "wal"])
def test_a_link_in_a_store_gives_nothing_of_roots(apart, verb, name):
    kinds = SALVAGED if verb == "salvage" or name == "wal" else STORES
    if verb == "salvage":
        apart.stop()
    for what, target in targets(apart).items():
        for kind in kinds:
            if what == "store" and kind == "authd":
                continue
            before = seen(target)
            plant(apart, kind, name, target)
            done = {"check": lambda: apart.ctl_run("check"),
                    "backup": lambda: apart.ctl_run("backup", apart.dir / f"copy-{kind}-{what}"),
                    "salvage": lambda: apart.ctl_run("salvage", STORES[kind])}[verb]()
            assert seen(target) == before, (kind, what, done.stdout + done.stderr)
            if name == "lock.mdb":
                assert "lock.mdb: a symbolic link" in done.stdout + done.stderr and done.returncode == 1
            as_kind(kind, lambda: (apart.dir / "data" / STORES[kind] / name).unlink())


def test_a_store_that_cannot_be_copied_keeps_no_other_from_it(apart):
    plant(apart, "bot", "lock.mdb", "/nowhere")
    copy = apart.dir / "copy"
    done = apart.ctl_run("backup", copy)
    assert done.returncode == 1 and "PARTIAL" in done.stderr and "bot-0/lock.mdb: a symbolic link" in done.stderr
    assert {path.name for path in copy.iterdir()} == {"directory", "channel-0", "extension-0", "manifest.json"}
    for path in (copy, *copy.rglob("*")):
        assert path.stat().st_uid == 0 and path.stat().st_mode & 0o077 == 0, path
    apart.stop()
    done = apart.ctl("restore", "--replace", copy)
    assert [entry["name"] for entry in done["failed"]] == ["bot-0"]
    apart.up()
    assert not list((apart.dir / "data").glob("bot-0/lock.mdb")) or not (apart.dir / "data/bot-0/lock.mdb").is_symlink()


def test_all_that_opens_stores_leaves_them_to_their_users(apart):
    """Restored and resharded stores, too, before their processes start."""
    copy = apart.dir / "copy"
    apart.ctl("backup", copy)
    apart.stop()
    apart.ctl("restore", "--replace", copy)
    apart.ctl("reshard", "channel", 2)
    apart.ctl("check", "-s", "shards.channel=2")
    for kind, store in {**STORES, "extension": "extension-0"}.items():
        place = apart.dir / "data" / store
        for path in (place, *place.iterdir()):
            assert path.stat().st_uid == ids(kind)[0], path
    assert not (apart.dir / "data/switch.new").exists()


def backup_of_the_unit(ring, copy, *wrap):
    """posternctl backup with the rights that the unit's has, and no more."""
    text = (postern.ROOT / "deploy/systemd/postern-backup.service.d/rights.conf").read_text()
    line, = [line for line in text.splitlines() if line.startswith("CapabilityBoundingSet=")]
    names = [name.removeprefix("CAP_").lower() for name in line.partition("=")[2].split()]
    assert "dac_override" not in names
    rights = ",".join(["-all", *(f"+{name}" for name in names)])
    return subprocess.run(["setpriv", "--no-new-privs", f"--inh-caps={rights}", f"--bounding-set={rights}", *wrap,
                           str(postern.BIN / "posternctl"), "backup", "-c", str(ring.conf), *ring._overrides(),
                           str(copy)], env=ring.environment, capture_output=True, text=True)


@lacking.read_search
def test_the_rights_of_the_units_backup_are_enough(apart):
    """And too few to write a file of others."""
    done = backup_of_the_unit(apart, apart.dir / "copy")
    assert done.returncode == 0, done.stderr


@lacking.read_search
def test_a_copy_that_was_begun_is_removed(apart):
    """It is the store's owner's until it is whole."""
    copy = apart.dir / "copy"
    done = backup_of_the_unit(apart, copy, "prlimit", "--fsize=20000")
    assert done.returncode == 1 and "nothing could be copied" in done.stderr, done.stderr
    assert list(copy.iterdir()) == []


def test_with_one_user_for_all_it_is_that_user(make_ring):
    """Copied, checked, restored and resharded by root."""
    ring = openly(make_ring(settings={"process.user": OLD})).up()
    ada = ring.user("ada")
    ring.channel("general", ada)
    passes(ring, ada, "kept")
    copy = ring.dir / "copy"
    ring.ctl("backup", copy)
    assert ring.ctl("check")["stores"]
    ring.stop()
    lock = ring.dir / "data/channel-0/lock.mdb"
    lock.unlink(missing_ok=True)
    lock.symlink_to("/etc")
    os.lchown(lock, pwd.getpwnam(OLD).pw_uid, -1)
    done = ring.ctl_run("check")
    assert done.returncode == 1 and "lock.mdb: a symbolic link" in done.stdout, done.stdout + done.stderr
    ring.ctl("restore", "--replace", copy)
    ring.ctl("reshard", "channel", 2)
    ring.shards["channel"] = 2
    owner = pwd.getpwnam(OLD).pw_uid
    for path in (ring.dir / "data").rglob("*"):
        assert path.lstat().st_uid in (owner, 0) and (path.lstat().st_uid == owner or "run" in path.parts), path
    assert pathlib.Path("/etc").stat().st_uid == 0


PLANS = {"a tree to be given": {"aside": "../roots"},
         "a file to be taken": {"moves": [["../roots/file", "taken"]]},
         "a file to be put": {"moves": [["mine", "../roots/put"]]}}


@pytest.mark.parametrize("plan", PLANS.values(), ids=PLANS.keys())
@pytest.mark.parametrize("owner", ["the processes' user", "root"])
def test_a_plan_that_root_did_not_write_is_not_carried_out(make_ring, plan, owner):
    """Who takes over a process where one user has all stores waits for root's next reshard."""
    ring = openly(make_ring(settings={"process.user": OLD})).up()
    ring.stop()
    user, roots, data = pwd.getpwnam(OLD).pw_uid, targets(ring)["directory"], ring.dir / "data"
    (data / "mine").write_text("mine")
    (data / "switch.json").write_text(json.dumps(
        {"title": "restore of /backup", "aside": "replaced-now-1", "moves": [], "shards": {}, "conf": {}, **plan}))
    os.chown(data / "mine", user, -1)
    os.chown(data / "switch.json", user if owner != "root" else 0, -1)
    before = seen(roots), seen(roots / "file")
    done = ring.ctl_run("reshard", "channel", 2)
    assert (seen(roots), seen(roots / "file")) == before and (data / "mine").exists(), done.stdout + done.stderr
    assert done.returncode == 1 and "data/switch.json" in done.stderr and "remove it" in done.stderr, done.stderr
    (data / "switch.json").unlink()
    ring.ctl("reshard", "channel", 2)


def test_what_a_worker_wrote_is_plain_text_to_root(apart):
    """A terminal would do what it says; and a text that is no UTF-8 would leave no JSON."""
    apart.stop()
    lock = apart.dir / "data/channel-0.lock"

    def writes():
        with lock.open("wb") as held:
            held.write(b"\x1b[2J\xc2\x9b1m\xff\n")
            held.flush()
            fcntl.flock(held, fcntl.LOCK_EX)
            os.write(ready[1], b"!")
            os.read(over[0], 1)
    ready, over = os.pipe(), os.pipe()
    holder = threading.Thread(target=lambda: as_kind("channel", writes))
    holder.start()
    try:
        os.read(ready[0], 1)
        said = apart.ctl_run("salvage", "channel-0")
        told = apart.ctl_run("salvage", "channel-0", "--json")
    finally:
        os.write(over[1], b"!")
        holder.join()
    assert "held by a running process, pid ?[2J??1m?: stop it first" in said.stderr, ascii(said.stderr)
    assert "held by a running process" in json.loads(told.stdout)["message"], told.stdout
