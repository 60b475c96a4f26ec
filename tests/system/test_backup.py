"""Drills: a backup under load and its restore; a reshard, also one that is killed."""

import json
import os
import re
import shutil
import subprocess
import threading
import time

import pytest

from harness.postern import BIN, CtlError, free_ports, in_time
from reading_streams import Reader, Several


def writer(ring, url, acknowledged, stop):
    """Posts unique texts one after another, noting what was answered 2xx."""
    number = 0
    while not stop.is_set():
        text = f"m{number}"
        if ring.post(url, {"text": text}).ok:
            acknowledged.append(text)
        number += 1


def test_a_backup_under_load_brings_back_what_was_acknowledged_before_it(make_ring):
    ring = make_ring(shards={"channel": 2}).up()
    ada = ring.user("ada")
    ring.channel("news", ada)
    acknowledged, stop = [], threading.Event()
    thread = threading.Thread(target=writer, args=(ring, ring.channel_url("news", ada.token),
                                                   acknowledged, stop))
    thread.start()
    try:
        ring.wait(lambda: len(acknowledged) > 50, what="some messages")
        before = list(acknowledged)
        backup = ring.dir / "backup"
        done = ring.ctl_run("backup", backup)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "The master key is NOT in it" in done.stdout
        ring.wait(lambda: len(acknowledged) > len(before) + 20, what="more messages")
    finally:
        stop.set()
        thread.join()
    with pytest.raises(CtlError, match="held by a running process"):
        ring.ctl("restore", backup)
    ring.stop()
    with pytest.raises(CtlError, match="holds .* already"):
        ring.ctl("restore", backup)
    reply = ring.ctl("restore", backup, "--replace")
    assert os.path.isdir(os.path.join(reply["kept"], "channel-0"))
    ring.up()
    found = ring.texts("news", ada.token)
    assert len(found) == len(set(found))
    assert set(before) <= set(found) and found == acknowledged[:len(found)]
    assert ring.post(ring.channel_url("news", ada.token), {"text": "after"}).status_code == 204


def test_readers_are_told_of_the_history_that_a_restore_has_brought(make_ring):
    """One whose position is behind its end, and one that comes when another message stands there."""
    ring = make_ring().up()
    ada = ring.user("ada")
    ring.channel("news", ada)
    url, one = ring.channel_url("news", ada.token), "/api/v2/channelsbyname/news/stream"

    def send(first, last):
        for i in range(first, last + 1):
            assert ring.post(url, {"text": str(i)}).status_code == 204
    send(1, 3)
    assert ring.ctl_run("backup", ring.dir / "backup").returncode == 0
    send(4, 6)
    readers = [Reader(ring.port, one, ada.token, since="all"), Several(ring.port, "/api/v2/streams?targets=channel:news", ada.token, since="all")]
    ring.wait(lambda: all(len(reader.got) == 6 for reader in readers), what="readers that have all")
    places = [reader.position for reader in readers]
    ring.stop()
    ring.ctl("restore", ring.dir / "backup", "--replace")
    ring.up()

    def resets(reader):
        return [(data["reason"], data["from"]) for event, data in reader.others if event == "reset"]
    ring.wait(lambda: all(len(reader.got) == 9 for reader in readers), 20, what="readers that have come back")
    assert [(resets(reader), reader.texts) for reader in readers] == [([("replaced", 1)], list("123456123"))] * 2
    send(7, 10)
    late = [type(reader)(reader.port, reader.path, ada.token, lines=True, position=place) for reader, place in zip(readers, places)]
    ring.wait(lambda: all(len(reader.got) == 7 for reader in late), 20, what="readers that come later")
    assert [(resets(reader), reader.texts) for reader in late] == [([("replaced", 1)], ["1", "2", "3", "7", "8", "9", "10"])] * 2
    ring.wait(lambda: all(reader.texts[9:] == ["7", "8", "9", "10"] for reader in readers))
    for reader in readers + late:
        reader.stop()


def test_a_worker_that_is_never_idle_is_backed_up(make_ring):
    """Its write-ahead file always has messages that its tables lack: only those of now are waited
    for."""
    ring = make_ring().up()
    ada = ring.user("ada")
    ring.channel("news", ada)
    acknowledged, stop, url = [], threading.Event(), ring.channel_url("news", ada.token)
    threads = [threading.Thread(target=writer, args=(ring, url, acknowledged, stop))
               for _ in range(6)]
    for thread in threads:
        thread.start()
    try:
        ring.wait(lambda: len(acknowledged) > 50, what="some messages")
        for number in range(3):
            began = time.monotonic()
            ring.ctl("backup", ring.dir / f"backup-{number}")
            spent = time.monotonic() - began
            in_time(spent, 10, "(as long as a worker may take that cannot commit)")
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("tool", ["backup", "reshard"])
def test_what_a_killed_worker_left_in_its_write_ahead_file_is_not_forgotten(make_ring, tool):
    """Nobody has started it again: the tool takes over what was answered and not yet committed."""
    ring = make_ring()
    ring.spawn_all()
    ada = ring.user("ada")
    ring.channel("news", ada)
    url = ring.channel_url("news", ada.token)
    texts = [str(n) for n in range(20)]
    for text in texts:
        assert ring.post(url, {"text": text}).status_code == 204
    ring.spawned.pop("channel-0").kill()
    ring.stop()
    if tool == "backup":
        backup = ring.dir / "backup"
        ring.ctl("backup", backup)
        ring.ctl("restore", backup, "--replace")
    else:
        reshard(ring, 2)
        monitors(ring, 2)
    ring.up()
    assert ring.texts("news", ada.token) == texts


def test_a_damaged_backup_is_refused_and_nothing_changes(make_ring):
    ring = make_ring().up()
    ada = ring.user("ada")
    ring.channel("news", ada)
    ring.post(ring.channel_url("news", ada.token), {"text": "one"})
    good = ring.dir / "backup"
    ring.ctl("backup", good)
    with pytest.raises(CtlError, match="not empty"):
        ring.ctl("backup", good)
    ring.stop()

    def refused(change, why):
        bad = ring.dir / "bad"
        shutil.copytree(good, bad)
        change(bad)
        with pytest.raises(CtlError, match=why):
            ring.ctl("restore", bad, "--replace")
        shutil.rmtree(bad)

    def flip(bad):
        data = bytearray((bad / "channel-0/data.mdb").read_bytes())
        data[len(data) // 2] ^= 1
        (bad / "channel-0/data.mdb").write_bytes(data)

    def claim(bad):
        path = bad / "manifest.json"
        path.write_text(re.sub(r'"rows": 1\b', '"rows": 2', path.read_text()))

    refused(lambda bad: (bad / "manifest.json").unlink(), "interrupted")
    refused(lambda bad: os.truncate(bad / "channel-0/data.mdb", 8192), "damaged")
    refused(flip, "damaged")
    refused(claim, "does not hold the rows")
    ring.up()
    assert ring.texts("news", ada.token) == ["one"]


def keyed(ring, user, channel, key, text):
    answer = ring.post(ring.channel_url(channel, user.token, sync_message="true"), {"text": text},
                       headers={"Idempotency-Key": key})
    return answer.status_code, answer.text, answer.headers.get("Idempotency-Replayed")


def state(ring, user, channels):
    return {c: ring.messages("channelsbyname", c, user.token, limit=7) for c in channels}


def reshard(ring, count):
    ring.stop()
    reply = ring.ctl("reshard", "channel", count)
    assert re.search(rf"channel = {count}\b", ring.conf.read_text())
    ring.shards["channel"] = count
    return reply


def monitors(ring, count):
    """The monitors of that many channel workers, on ports that are free."""
    base = free_ports(count)
    ring.settings["channel.monitor"] = f"127.0.0.1:{base}"
    ring.monitors.update({f"channel-{i}": f"http://127.0.0.1:{base + i}" for i in range(count)})


def test_a_reshard_keeps_sequences_pages_ids_and_keys(make_ring):
    ring = make_ring().up()
    ada = ring.user("ada")
    channels = [f"c{i}" for i in range(6)]
    first = {}
    for n, channel in enumerate(channels):
        ring.channel(channel, ada)
        for i in range(n * 15 + 1):
            ring.post(ring.channel_url(channel, ada.token), {"text": f"{channel} {i}"})
        first[channel] = keyed(ring, ada, channel, f"key-{channel}", "keyed")
    before = state(ring, ada, channels)
    for count in (3, 2):
        reply = reshard(ring, count)
        assert reply["reshard"]["messages"] == sum(map(len, before.values()))
        assert {path.name for path in (ring.dir / "data").glob("channel-*.lock")} == {
            f"channel-{shard}.lock" for shard in range(3)}
        monitors(ring, count)
        ring.up()
        assert state(ring, ada, channels) == before
        for channel in channels:
            again = keyed(ring, ada, channel, f"key-{channel}", "keyed")
            assert again == (*first[channel][:2], "true")
            assert keyed(ring, ada, channel, f"key-{channel}", "other")[0] == 422
            assert keyed(ring, ada, channel, f"new-{channel}-{count}", "new")[0] == 200
        before = state(ring, ada, channels)
        for messages in before.values():
            assert [m["sequence"] for m in messages] == list(range(1, len(messages) + 1))
        ids = [m["id"] for messages in before.values() for m in messages]
        assert len(ids) == len(set(ids))


@pytest.mark.parametrize("call", ["fdatasync", "rename", "poll"])
def test_a_killed_reshard_is_finished_or_undone(make_ring, needs, call):
    needs("strace")
    ring = make_ring().up()
    ada = ring.user("ada")
    channels = [f"c{i}" for i in range(4)]
    for channel in channels:
        ring.channel(channel, ada)
        ring.post(ring.channel_url(channel, ada.token), {"text": channel})
    before = state(ring, ada, channels)
    ring.stop()
    # A child makes the journals, and each has a count of its own: "-f" kills the child at what it does first, and
    # postern-store waits for it with poll. rename: the plan is the first, the later ones are its steps, of which the last
    # run, which goes on, makes all.
    for child, nth, status, planned in {
            "rename": ((True, 1, 1, False), (True, 2, 1, False), (False, 1, -9, False), (False, 2, -9, True),
                       (False, 3, -9, True)),
            "fdatasync": ((True, 2, 1, False), (True, 5, 1, False)),
            "poll": ((False, 1, -9, False), (False, 2, -9, False))}[call]:
        environment = {**ring.environment, "ASAN_OPTIONS": "detect_leaks=0"}
        done = subprocess.run(["strace", *["-f"] * child, "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                        f"inject={call}:signal=KILL:when={nth}", str(BIN / "postern-store"), "-c",
                        str(ring.conf), "reshard", "channel", "2"], env=environment, capture_output=True, text=True)
        assert done.returncode == status, done.stderr
        assert status == -9 or "nothing was changed" in done.stderr
        assert (ring.dir / "data/switch.json").exists() == planned
        if planned:
            worker = ring.ctl_run("backup", ring.dir / "no")
            assert worker.returncode == 1 and "interrupted" in worker.stderr
    ring.ctl("reshard", "channel", 2)
    assert json.loads((ring.dir / "data/channel.shards").read_text()) == 2
    assert not (ring.dir / "data/switch.json").exists()
    ring.shards["channel"] = 2
    monitors(ring, 2)
    ring.up()
    assert state(ring, ada, channels) == before


def test_a_reshard_of_bots_and_extensions_keeps_their_events(make_ring):
    ring = make_ring(shards={"bot": 1, "extension": 2}).up()
    ada = ring.user("ada")
    bots, apps = [f"b{i}" for i in range(4)], {}
    for number, bot in enumerate(bots):
        ring.bot(bot, ada)
        apps[bot] = ring.extension(f"e{number}", ada)["sandbox"]
        for i in range(3 + number):
            assert ring.post(ring.bot_url(bot, ada.token), {"event": f"{bot} {i}"}).ok
            assert ring.post(ring.extension_url(apps[bot], ada.token), {"order": i}).ok

    def events():
        return {bot: (ring.messages("bots", bot, ada.token, limit=2),
                      ring.messages("applications", apps[bot].app_id, ada.token, limit=2))
                for bot in bots}

    before = events()
    ring.stop()
    base = free_ports(5)
    for kind, count, at in (("bot", 3, base), ("extension", 1, base + 3)):
        reply = ring.ctl("reshard", kind, count)
        assert reply["reshard"]["messages"] == sum(3 + n for n in range(4))
        assert re.search(rf"{kind} = {count}\b", ring.conf.read_text())
        ring.shards[kind] = count
        ring.settings[f"{kind}.monitor"] = f"127.0.0.1:{at}"
        ring.monitors.update({f"{kind}-{i}": f"http://127.0.0.1:{at + i}" for i in range(count)})
    ring.up()
    assert events() == before
    for bot in bots:
        assert ring.post(ring.bot_url(bot, ada.token), {"event": "after"}).ok
        assert ring.post(ring.extension_url(apps[bot], ada.token), {"order": "after"}).ok
    for old, new in zip(before.values(), events().values()):
        for was, now in zip(old, new):
            assert now[:-1] == was and now[-1]["sequence"] == was[-1]["sequence"] + 1


def test_a_backup_with_the_key_brings_appkeys_back_to_an_empty_host(make_ring):
    """Without it the appkeys of a restored directory cannot be read: authd says so."""
    ring = make_ring().up()
    ada = ring.user("ada")
    shop = ring.extension("shop", ada)["sandbox"]
    without, whole = ring.dir / "without", ring.dir / "whole"
    assert not list((ring.ctl("backup", without) and without).glob("**/*.key"))
    ring.ctl("backup", whole, "--with-key")
    key = next(whole.glob("**/master.key"))
    assert key.stat().st_mode & 0o077 == 0
    names = ("master.key", "bot.key", "extension.key")
    keys = {name: (ring.dir / "data" / name).read_bytes() for name in names}
    assert {path.name: path.read_bytes() for path in whole.glob("**/*.key")} == keys
    ring.stop()
    shutil.rmtree(ring.dir / "data")
    assert ring.ctl("restore", whole)
    for name in names:
        path = ring.dir / "data" / name
        assert path.stat().st_mode & 0o077 == 0 and path.read_bytes() == keys[name]
    ring.up()
    assert ring.apps("shop")["sandbox"].appkey == shop.appkey
    assert ring.post(ring.extension_url(shop, ada.token), {"order": 1}).ok


@pytest.mark.parametrize("call", ["fsync", "rename"])
def test_a_killed_restore_is_finished_or_undone(make_ring, needs, call):
    needs("strace")
    ring = make_ring().up()
    ada = ring.user("ada")
    ring.channel("news", ada)
    ring.post(ring.channel_url("news", ada.token), {"text": "in the backup"})
    backup = ring.dir / "backup"
    ring.ctl("backup", backup)
    ring.post(ring.channel_url("news", ada.token), {"text": "after it"})
    ring.stop()
    undone = finished = 0
    for nth in (1, 2, 3, 5) if call == "rename" else (1, 3):
        environment = {**ring.environment, "ASAN_OPTIONS": "detect_leaks=0"}
        done = subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                               f"inject={call}:signal=KILL:when={nth}", str(BIN / "postern-store"),
                               "-c", str(ring.conf), "restore", "-r", str(backup)],
                              env=environment)
        if done.returncode == 0:
            break
        assert done.returncode == -9
        if (ring.dir / "data/switch.json").exists():
            finished += 1
            # Half of it is there: no store is opened, whoever asks.
            refused = ring.ctl_run("backup", ring.dir / "no")
            assert refused.returncode == 1 and "interrupted" in refused.stderr
        else:
            undone += 1
            # Nothing has happened yet: all that was acknowledged is there.
            ring.up()
            assert ring.texts("news", ada.token) == ["in the backup", "after it"]
            ring.stop()
    assert finished if call == "rename" else undone
    ring.ctl("restore", backup, "--replace")
    assert not (ring.dir / "data/switch.json").exists()
    ring.up()
    assert ring.texts("news", ada.token) == ["in the backup"]
