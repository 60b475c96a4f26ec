"""Stores that are not where this installation has them: refused, never made anew without a word."""

import json
import shutil
import subprocess

import pytest

from harness import postern

REFUSED = 78  # exit status: an operator must change something
OWNERS = {"directory": "authd", "channel-0": "channel", "bot-0": "bot"}


@pytest.fixture
def ring(make_ring):
    """A ring that ran, holds a message, and is stopped."""
    made = make_ring().up()
    made.ada = made.user("ada")
    made.channel("kept", made.ada)
    post(made, "before")
    made.stop()
    return made


def post(ring, text):
    answer = ring.post(ring.channel_url("kept", ring.ada.token), {"text": text})
    assert answer.status_code == 204, answer.text


def refused(ring, kind):
    """Starts a process that must refuse; returns what it said."""
    args = [str(postern.BIN / f"postern-{kind}"), "-c", str(ring.conf), *ring._overrides()]
    done = subprocess.run(args, env=ring.environment, text=True, capture_output=True, timeout=20 * postern.SLOW)
    assert done.returncode == REFUSED, (done.returncode, done.stderr)
    return done.stderr


def known(ring, store):
    return (ring.dir / "data-known" / store).read_text()


def test_a_disk_that_is_not_mounted_is_missed(ring):
    """Not one store is made, and with the disk all goes on."""
    data, kept = ring.dir / "data", ring.dir / "kept"
    data.rename(kept)
    data.mkdir(0o700)
    for store, kind in OWNERS.items():
        said = refused(ring, kind)
        for word in (str(data / store), "mount", "restore", f"posternctl forget {store}"):
            assert word in said, said
        assert not (data / store / "data.mdb").exists()
    assert not (data / "master.key").exists()
    shutil.rmtree(data)
    kept.rename(data)
    ring.up()
    assert ring.texts("kept", ring.ada.token) == ["before"]


def test_a_lost_journal_is_given_up_by_a_verb(ring):
    place = ring.dir / "data" / "channel-0"
    shutil.rmtree(place)
    assert "channel-0" in refused(ring, "channel")
    old = known(ring, "channel-0")
    done = ring.ctl_run("forget", "channel-0", check=True)
    assert "empty" in done.stdout, done.stdout
    ring.up()
    assert ring.texts("kept", ring.ada.token) == []
    assert known(ring, "channel-0") not in ("", old)
    post(ring, "after")


def test_what_there_is_no_store_of_is_not_forgotten(ring):
    for store in ("channel-7", "chanel-0", "../data/master.key", ""):
        done = ring.ctl_run("forget", store)
        assert done.returncode == 1 and store in done.stderr, (store, done)
    assert sorted(path.name for path in (ring.dir / "data-known").iterdir()) == [
        "bot-0", "channel-0", "directory", "extension-0"]


def test_another_journal_is_not_taken_for_it(ring, make_ring):
    other = make_ring().up()
    other.stop()
    place = ring.dir / "data" / "channel-0"
    place.rename(ring.dir / "aside")
    shutil.copytree(other.dir / "data" / "channel-0", place)
    said = refused(ring, "channel")
    assert str(place) in said and "another" in said and "forget channel-0" in said, said
    assert "takes" in ring.ctl_run("forget", "channel-0", check=True).stdout
    ring.up()
    assert known(ring, "channel-0") == known(other, "channel-0")


def test_an_installation_of_the_version_before_is_noted(ring):
    """It has no second place, which is made with the first start."""
    place = ring.dir / "data-known"
    had = {store: known(ring, store) for store in OWNERS}
    shutil.rmtree(place)
    ring.up()
    assert {store: known(ring, store) for store in OWNERS} == had
    assert ring.texts("kept", ring.ada.token) == ["before"]


def test_it_serves_without_a_second_place_and_says_so(ring):
    place = ring.dir / "data-known"
    shutil.rmtree(place)
    place.write_text("in the way")
    ring.up()
    assert "event=store.unknown" in ring.logs()
    post(ring, "after")


def test_a_restore_brings_what_is_right_from_then_on(ring):
    """Of a directory and journals that are all gone; one that the backup lacks is still missed."""
    backup = ring.dir / "backup"
    ring.ctl_run("backup", backup, "--with-key", check=True)
    shutil.rmtree(ring.dir / "data")
    ring.ctl_run("restore", backup, check=True)
    ring.up()
    assert ring.texts("kept", ring.ada.token) == ["before"]


def test_a_backup_says_which_store_is_missing(ring):
    backup, place = ring.dir / "backup", ring.dir / "data" / "channel-0"
    place.rename(ring.dir / "aside")
    done = ring.ctl_run("backup", ring.dir / "partial")
    assert done.returncode == 1 and "PARTIAL" in done.stderr and "channel-0" in done.stderr and "mount" in done.stderr, done
    failed, = json.loads((ring.dir / "partial/manifest.json").read_text())["failed"]
    assert failed["name"] == "channel-0"
    ring.ctl_run("forget", "channel-0", check=True)  # as after it was moved to another host
    done = ring.ctl_run("backup", backup, check=True)
    assert "not on this host" in done.stdout, done.stdout


def test_a_reshard_makes_other_journals(ring):
    old = known(ring, "channel-0")
    ring.ctl_run("reshard", "channel", 2, check=True)
    ring.shards["channel"] = 2
    ring.settings.pop("shards.channel", None)
    for shard in range(2):
        ring.spawn("channel", shard, wait_ready=False)
    place = ring.dir / "data-known"
    ring.wait(lambda: (place / "channel-0").exists() and (place / "channel-1").exists(),
              what="the new journals to be known")
    assert known(ring, "channel-0") != old


@pytest.mark.parametrize("what", ["moved", "removed", "wal"])
def test_files_that_go_away_while_they_are_used(ring, what):
    """Nothing more is acknowledged into what has no name, the reason is said, and it goes on when
    they are back."""
    ring.up()
    data, aside = ring.dir / "data", ring.dir / "aside"
    if what == "moved":
        data.rename(aside)
        data.mkdir(0o700)
    elif what == "removed":
        (data / "channel-0").rename(aside)
    else:
        (data / "channel-0" / "wal").rename(aside)
    ring.wait(lambda: not ring.ready("channel-0")["ready"], what="the worker to notice")
    reason = next(check["reason"] for check in ring.ready("channel-0")["checks"] if check["name"] == "journal")
    assert "moved" in reason and "full" not in reason, reason
    answer = ring.post(ring.channel_url("kept", ring.ada.token), {"text": "not now"})
    assert answer.status_code == 503 and answer.json()["code"] != "storage_full", answer.text
    if what == "moved":
        ring.wait(lambda: "directory.gone" in ring.logs(), what="authd to notice")
        data.rmdir() if not list(data.iterdir()) else shutil.rmtree(data)
        aside.rename(data)
    else:
        aside.rename(data / "channel-0" / "wal" if what == "wal" else data / "channel-0")
    ring.wait(lambda: ring.ready("channel-0")["ready"], what="the worker to go on")
    post(ring, "after")
    assert ring.texts("kept", ring.ada.token) == ["before", "after"]


def test_what_a_running_up_was_told_of_is_forgotten(make_ring, tmp_path):
    place = tmp_path / "known"
    made = make_ring(settings={"data.known": str(place)}).up()
    done = subprocess.run([postern.BIN / "posternctl", "forget", "channel-0", "-c", made.conf],
                          env=made.environment, text=True, capture_output=True, timeout=60)
    assert done.returncode == 0 and not (place / "channel-0").exists(), done.stderr
