"""Data directories that the versions with journals of schema 5 and 6 left after SIGKILL of all of their
processes: data/schema-N.tar.xz, with two channel shards. Three channels have 330 messages with
idempotency keys, the last 30 only in the write-ahead files; a bot has five events, all pending. In that
of schema 6, which had no edits, a channel "alerts" has three messages that a format made of events.
data/schema-7.tar.xz, of one shard of each kind, has a bot "deploy" with three events, each of which was tried, and
whose attempts say nothing of what was sent. data/schema-8.tar.xz, of one shard of each kind, has two channels with 105 messages each, the last
5 only in the write-ahead file, each fourth before them with a key; no target keeps less than the others. data/backup-N.tar.xz is the backup that the same version made of it."""

import pathlib
import shutil
import subprocess
import tarfile

import pytest

from harness import postern
from harness.postern import free_ports

DATA = pathlib.Path(__file__).parent / "data"
NAMES = ["news", "builds", "ops"]
SENT = {name: [f"{name} {i}" for i in range(330) if NAMES[i % 3] == name] for name in NAMES}


def unpacked(name, place):
    with tarfile.open(DATA / f"{name}.tar.xz") as packed:
        packed.extractall(place)
    return place / name


@pytest.fixture(params=[5, 6])
def schema(request):
    return request.param


@pytest.fixture
def older(make_ring, schema, tmp_path):
    """(ring, token), not started yet."""
    ring = make_ring(settings={"delivery.allow": "127.0.0.0/8", "worker.map_bytes": 64 << 20},
                     shards={"channel": 2})
    shutil.rmtree(ring.dir / "data")
    shutil.copytree(unpacked(f"schema-{schema}", tmp_path), ring.dir / "data")
    return ring, (ring.dir / "data" / "token").read_text()


def holds_all(ring, token):
    for name in NAMES:
        assert ring.texts(name, token) == SENT[name]
    assert len(ring.messages("bots", "deploy", token)) == 5
    answer = ring.get(ring.url("/api/v2/bots/deploy/deliveries", token, state="pending"))
    assert len(answer.json()["deliveries"]) == 5, answer.text


def knows_its_keys(ring, token):
    """Those of the tables, and those of the write-ahead file."""
    for i in (0, 1, 2, 327, 328, 329):
        name = NAMES[i % 3]
        url, key = ring.channel_url(name, token), {"Idempotency-Key": f"key-{i}"}
        assert ring.post(url, {"text": f"{name} {i}"}, headers=key).status_code == 204
        assert ring.post(url, {"text": "another"}, headers=key).status_code == 422
    holds_all(ring, token)


def reshard(ring, kind, count):
    ring.ctl("reshard", kind, count)
    ring.shards[kind] = count
    base = free_ports(count)
    ring.settings[f"{kind}.monitor"] = f"127.0.0.1:{base}"
    ring.monitors.update({f"{kind}-{i}": f"http://127.0.0.1:{base + i}" for i in range(count)})


def test_it_starts_and_is_backed_up_restored_and_resharded(older):
    ring, token = older
    ring.up()
    holds_all(ring, token)
    knows_its_keys(ring, token)
    assert ring.ctl_run("check").returncode == 0
    ring.ctl("backup", ring.dir / "backup")
    ring.stop()
    ring.up()
    holds_all(ring, token)
    assert ring.post(ring.channel_url("news", token), {"text": "after"}).status_code == 204
    ring.stop()
    ring.ctl("restore", ring.dir / "backup", "--replace")
    ring.up()
    knows_its_keys(ring, token)
    ring.stop()
    reshard(ring, "channel", 3)
    ring.up()
    knows_its_keys(ring, token)


def test_a_backup_that_was_made_of_it_is_restored(older, schema, tmp_path):
    ring, token = older
    ring.ctl("restore", unpacked(f"backup-{schema}", tmp_path), "--replace")
    ring.up()
    knows_its_keys(ring, token)
    assert ring.ctl_run("check").returncode == 0


def secrets(ring):
    """Those of the shards, as the version before had them, and those of all workers of a kind."""
    return {path.name: path.read_text() for path in (ring.dir / "data").glob("*.key") if path.name != "master.key"}


def change(ring, token, method, channel, message, body=None):
    url = ring.url(f"/api/v2/channelsbyname/{channel}/messages/{message}", token)
    return ring.request(method, url, body).status_code


def erase_all(ring, token, name, rows):
    """Deletes the first, one of the middle and the last row, and edits the second and the last but one."""
    for at in (0, len(rows) // 2, -1):
        assert change(ring, token, "DELETE", name, rows[at]["id"]) == 204
    for at in (1, -2):
        assert change(ring, token, "PUT", name, rows[at]["id"], {"text": f"edited {at}"}) == 200


@pytest.mark.parametrize("schema", [6])
def test_what_was_stored_before_there_were_edits_is_edited_and_deleted(older):
    ring, token = older
    ring.up()
    rows = {name: ring.messages("channelsbyname", name, token) for name in [*NAMES, "alerts"]}
    texts = {name: [row["message"]["text"] for row in rows[name]] for name in rows}
    assert texts["alerts"] == [f"*disk {i}*\nfull" for i in range(3)]
    for name in NAMES:
        erase_all(ring, token, name, rows[name])
        left = texts[name]
        left[1], left[-2] = "edited 1", "edited -2"
        for at in (len(left) - 1, len(left) // 2, 0):
            del left[at]
    assert change(ring, token, "DELETE", "alerts", rows["alerts"][0]["id"]) == 204
    for i, text in enumerate(("one", "two")):
        url = ring.channel_url("alerts", token, sync_message="true", message_key="board")
        assert ring.post(url, {"text": text}).json()["revision"] == i
    texts["alerts"] = [*texts["alerts"][1:], "two"]
    for _ in range(2):
        for name, left in texts.items():
            assert ring.texts(name, token) == left
        ring.stop()
        assert ring.ctl_run("check").returncode == 0
        ring.up()


@pytest.mark.parametrize("schema", [5])
def test_a_shard_s_key_becomes_that_of_its_kind(older):
    """What the workers know of handlers they read before authd is there."""
    ring, token = older
    before = secrets(ring)
    assert set(before) == {"bot-0.key", "extension-0.key"}
    ring.up()
    holds_all(ring, token)
    ring.stop()
    after = secrets(ring)
    assert after["bot.key"] == before["bot-0.key"] and after["extension.key"] == before["extension-0.key"]
    ring.up()
    holds_all(ring, token)
    ring.stop()
    assert set(secrets(ring)) == {"bot.key", "extension.key"}
    ring.up()
    holds_all(ring, token)
    assert "event=handlers.load" not in ring.logs()


def test_attempts_of_before_stand_beside_those_that_say_what_was_sent(make_ring, tmp_path):
    ring = make_ring(settings={"delivery.allow": "127.0.0.0/8", "worker.map_bytes": 64 << 20})
    shutil.rmtree(ring.dir / "data")
    shutil.copytree(unpacked("schema-7", tmp_path), ring.dir / "data")
    token = (ring.dir / "data" / "token").read_text()
    ring.up()
    log = "/api/v2/bots/deploy/deliveries"
    rows = ring.get(ring.url(log, token)).json()["deliveries"]
    assert [len(row["attempts"]) for row in rows] == [1, 1, 1]
    assert {row["attempts"][0]["outcome"] for row in rows} == {"connect"}
    number = rows[0]["number"]
    assert ring.get(ring.url(f"{log}/{number}", token)).json()["delivery"]["attempts"][0]["call"] is None
    assert ring.request("POST", ring.url(f"{log}/retry", token, id=number)).status_code == 200

    def tried():
        shown = ring.get(ring.url(f"{log}/{number}", token)).json()["delivery"]["attempts"]
        return shown if len(shown) == 2 else None

    before, after = ring.wait(tried)
    assert before["call"] is None and after["call"]["url"].endswith("/hook?key=***")
    ring.stop()
    assert ring.ctl_run("check").returncode == 0
    reshard(ring, "bot", 2)
    ring.up()
    rows = ring.get(ring.url(log, token)).json()["deliveries"]
    shown = ring.get(ring.url(f"{log}/{rows[0]['number']}", token)).json()["delivery"]["attempts"]
    assert [one["call"] for one in shown] == [None, after["call"]]


def test_a_channel_of_before_keeps_what_it_is_told(make_ring, tmp_path):
    ring = make_ring(settings={"worker.map_bytes": 64 << 20, "authd.rate": 0})
    shutil.rmtree(ring.dir / "data")
    shutil.copytree(unpacked("schema-8", tmp_path), ring.dir / "data")
    token = (ring.dir / "data" / "token").read_text()
    ring.up()
    sent = {name: [f"{name} {i}" for i in range(210) if ("news", "ops")[i % 2] == name] for name in ("news", "ops")}
    assert {name: ring.texts(name, token) for name in sent} == sent
    assert ring.manage("channel_show", "news")["retention"] is None
    ring.manage("channel_edit", "news", retention={"messages": 7})
    ring.stop()
    subprocess.run([postern.BIN / "age_journal", ring.dir / "data" / "channel-0", "180000"], check=True)
    ring.up()
    ring.wait(lambda: ring.texts("news", token) == sent["news"][-7:])
    assert ring.texts("ops", token) == sent["ops"]
    key = {"Idempotency-Key": "key-0"}
    assert ring.post(ring.channel_url("news", token), {"text": "news 0"}, headers=key).status_code == 204
    assert len(ring.texts("news", token)) == 7
    ring.stop()
    assert ring.ctl_run("check").returncode == 0
    ring.ctl("backup", ring.dir / "backup")
    reshard(ring, "channel", 2)
    ring.up()
    assert ring.texts("news", token) == sent["news"][-7:] and ring.texts("ops", token) == sent["ops"]
