"""The fault campaign, the campaign of live streams, the power-loss test, the damage campaign and the sweep of failing
calls, in short. ./dev chaos, streams, power, damage and sweep are the long forms; docs/TESTING.md tells what the figures mean."""

import collections
import os
import pathlib
import random
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "chaos"))

import chaos  # noqa: E402
import damage  # noqa: E402
import desk  # noqa: E402
import kill_campaign  # noqa: E402
import power  # noqa: E402
import recording  # noqa: E402
import streams  # noqa: E402
import sweep  # noqa: E402
import writers  # noqa: E402
from harness import disk, lacking, postern  # noqa: E402
from nemeses import lasting  # noqa: E402
from stage import Unavailable  # noqa: E402

SEED = int(os.environ.get("POSTERN_SEED", random.randrange(1 << 31)))
SECONDS = 14  # of the fault campaign: there is time for what its nemeses do
PACE_S = 0.1  # of its writers, beside other tests


def may_trace():
    return subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True).returncode == 0


def test_nothing_is_lost_whatever_goes_wrong(needs):
    """Every nemesis at once that there is time for."""
    needs("strace")
    if not may_trace():
        lacking.skip("ptrace")
    try:
        done = chaos.campaign(lasting(SECONDS), SECONDS, SEED, pace=PACE_S)
    except Unavailable as error:
        lacking.skip(error.args[0])
    assert not done.wrong, "\n".join(done.report())
    struck = {nemesis.kind for nemesis in done.nemeses if sum(nemesis.counts.values())}
    assert struck == set(lasting(SECONDS))
    postern.in_time(500, done.writers.acknowledged, "messages that were acknowledged")


def test_every_reader_of_a_stream_has_all_once_and_in_order(make_ring):
    done = streams.campaign(make_ring(settings=streams.SETTINGS, shards=streams.SHARDS).up(), SEED, 4)
    assert not done.wrong, "\n".join(done.report())
    assert done.counts["events"] == 11 * done.counts["records"] > 500


@pytest.mark.parametrize("wrong, got", [
    (set(), [1, 2, 3]), ({"missing"}, [1, 3]), ({"doubled"}, [1, 2, 2, 3]), ({"out of order"}, [2, 1, 3]),
    ({"never stored"}, [1, 2, 3, 4]), ({"another message"}, [1, 3, 2])])
def test_the_checker_of_streams_finds_what_is_wrong(wrong, got):
    judge = object.__new__(streams.Campaign)
    judge.counts, judge.wrong = collections.Counter(), collections.defaultdict(list)
    records = {n: row("1_1", n, 0) for n in (1, 2, 3)}
    rows = [{**row("1_1", at + 1 if wrong == {"another message"} else n, 0), "sequence": n}
            for at, n in enumerate(got)]
    judge._judge_reader("one", sorted(got) if wrong == {"another message"} else got, rows, records)
    assert {what for what in judge.counts if judge.counts[what] and what != "events"} == wrong


class Known:
    """What a writer knows that sent six and had four of them acknowledged."""
    seed, number, n, acknowledged = 7, 3, 6, [0, 1, 2, 3]

    @staticmethod
    def name(n):
        return f"7.3.{n}"


def test_the_checker_finds_what_is_wrong():
    stored = [writers.body_of(f"7.3.{n}") for n in (0, 2, 1, 1, 9)] + [writers.body_of("7.3.4") + "x"]
    witness, found = object.__new__(writers.Writers), {}
    witness.counts = collections.Counter()
    witness.compare([Known], stored, found)
    assert found["lost"] == ["7.3.3"] and found["doubled"] == ["7.3.1"]
    assert found["out of order"] == ["7.3.1"] and found["never sent"] == ["7.3.9"]
    assert len(found["damaged"]) == 1


def edited_message():
    """A desk that posted 7.1.0, edited it twice and has no answer to a third edit, and deleted 7.1.4."""
    one, message, gone = desk.Desk("7.1", random.Random(1)), desk.Message("7.1.0", None), desk.Message("7.1.4", None)
    message.texts = {"7.1.0": True, "7.1.1": True, "7.1.2": True, "7.1.3": False}
    message.acknowledged, message.id = ["7.1.0", "7.1.1", "7.1.2"], "1_1"
    gone.texts, gone.acknowledged, gone.id, gone.asked, gone.deleted = {"7.1.4": True}, ["7.1.4"], "2_2", True, True
    one.messages = [message, gone]
    return one


def row(id, n, revision, **more):
    return {"id": id, "message": {"text": writers.body_of(f"7.1.{n}")}, "revision": revision, **more}


@pytest.mark.parametrize("wrong, shown, records", [
    (set(), [2], [0, 1, 2]),
    (set(), [3], [0, 1, 2, 3]),
    ({"lost", "revisions"}, [2], [0, 2]),
    ({"not the last one"}, [1], [0, 1, 2]),
    ({"shown"}, [2, 2], [0, 1, 2]),
    ({"doubled", "revisions"}, [2], [0, 1, 1, 2, 3]),
    ({"never sent", "revisions"}, [2], [0, 1, 2, 9, 3]),
    ({"deleted, and there", "deleted, and shown"}, [2, 4], [0, 1, 2, 4])])
def test_the_checker_of_edits_finds_what_is_wrong(wrong, shown, records):
    def rows(numbers):
        mine = [n for n in numbers if n != 4]
        return [row("1_1", n, i if numbers is records else len(records) - 1 - (4 in records))
                for i, n in enumerate(mine)] + [row("2_2", 4, 0) for n in numbers if n == 4]
    assert set(desk.compare([edited_message()], rows(shown), rows(records))) == wrong


def test_the_recording_tells_files_apart_that_had_one_inode(tmp_path):
    """One after the other: the first was mapped, and may be; the second must not be."""
    def entry(op, path=""):
        name = path.encode()
        return recording.HEAD.pack(recording.MAGIC, op, len(name), 0, 7, 0, 0) + name

    log = tmp_path / "log"
    log.write_bytes(entry(recording.MAKE, "lock.mdb") + entry(recording.MAP) +
                    entry(recording.UNLINK, "lock.mdb") + entry(recording.MAKE, "directory.lock"))
    first, *_, second = recording.Recording(log).entries
    assert first.inode != second.inode
    log.write_bytes(log.read_bytes() + entry(recording.MAP))
    with pytest.raises(AssertionError, match="directory.lock"):
        recording.Recording(log)


@pytest.fixture(scope="module")
def recorded():
    return power.record(1.5, SEED)


def test_a_power_cut_at_any_sync_loses_nothing(recorded):
    assert recorded.deaths > 0, "no opening after a crash was recorded"
    assert not power.power(recorded, 60, SEED)


def test_a_power_cut_while_a_store_is_made_does_no_harm(recorded):
    assert not power.power(recorded, 60, SEED, making=True)


def test_a_sync_that_is_left_out_is_noticed(recorded):
    """The test can fail: some of the syncs that count as none must show: most do."""
    assert power.broken(recorded, 8, SEED, cuts=8) >= 2


@pytest.fixture(scope="module")
def killed():
    stores = damage.Killed(2)
    yield stores
    stores.close()


def test_damage_is_never_taken_for_what_was_stored(killed):
    assert len(killed.acknowledged) > 100
    assert not damage.damage(killed, 80, SEED)


def test_damage_of_the_directory_is_never_taken_for_what_was_stored(killed):
    assert not damage.damage_of_directory(killed, 80, SEED)


def test_calls_that_fail_lose_nothing(needs):
    """Some n of the sweep: while opening, and later."""
    needs("strace")
    if not may_trace():
        lacking.skip("ptrace")
    made = sweep.Sweep(SEED)
    try:
        for kind, call, error, nth in (("channel", "pwrite64", "ENOSPC", 4),
                                       ("channel", "fdatasync", "EIO", 3),
                                       ("authd", "pwrite64", "EIO", 2),
                                       ("authd", "fdatasync", "ENOSPC", 2)):
            assert made.one(kind, call, error, nth), f"{kind} makes no {call} number {nth}"
        made.check_backup()
    finally:
        made.close()
    assert not made.wrong, made.wrong


def test_processes_that_start_on_a_full_disk_come_back(make_ring):
    """Killed while nothing is left: whether they can open or not, nothing is taken; when there is
    room they serve, by themselves."""
    try:
        with disk.small_disk(224) as place:
            comes_back(make_ring, place)
    except disk.Unavailable:
        lacking.skip("mount")


def comes_back(make_ring, place):
    data = place / "data"
    ring = make_ring(settings={"data.directory": data, "gateway.deadline_ms": 2000})
    subprocess.run(["cp", "-a", ring.dir / "data", data], check=True)
    ring.settings["authd.master_key"] = data / "master.key"
    ring.up()
    try:
        url, read_back = kill_campaign.place(ring, "channel", "full")
        assert ring.post(url, {"text": "before"}).status_code == 204
        ballast = disk.fill(place, 0)
        for name in ("authd-0", "channel-0"):
            ring.kill(name)
        assert ring.post(url, {"text": "refused"}).status_code == 503
        assert ring.supervisor.poll() is None, "the supervisor gave up"
        ballast.unlink()
        ring.wait(lambda: ring.post(url, {"text": "after"}, headers={"Idempotency-Key": "after"})
                  .status_code == 204, 20, what="it to go on")
        texts = [kill_campaign.text_of(m) for m in read_back()]
        assert texts[0] == "before" and texts[-1] == "after" and len(set(texts)) == len(texts)
    finally:
        ring.stop()
