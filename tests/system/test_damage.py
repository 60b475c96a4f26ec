"""What an operator and a reader see of a journal or a directory that is damaged."""

import hashlib
import re

import pytest

from harness.postern import CtlError


@pytest.fixture
def stored(make_ring):
    """(ring, user): two channels with messages, not running; news's are in data.mdb."""
    ring = make_ring(settings={"worker.map_bytes": 64 << 20})
    ring.spawn_all()
    ada = ring.user("ada")
    for name in ("news", "other"):
        ring.channel(name, ada)
        for i in range(20):
            assert ring.post(ring.channel_url(name, ada.token), {"text": f"{name} {i}"}).ok
    ring.stop()
    return ring, ada


def spoil(ring, file, pattern, every=True, store="channel-0", offset=0):
    path = ring.dir / "data" / store / file
    data = bytearray(path.read_bytes())
    places = [found.start() for found in re.finditer(re.escape(pattern), data)]
    assert places
    for at in places if every else places[:1]:
        data[at + offset] ^= 1
    path.write_bytes(data)


def test_a_read_of_what_is_damaged_is_500_and_its_worker_lives(stored):
    ring, ada = stored
    spoil(ring, "data.mdb", b"news 7\"")
    ring.spawn_all()
    worker = ring.pid("channel-0")
    for _ in range(3):
        answer = ring.get(ring.url("/api/v2/channelsbyname/news/messages", ada.token))
        assert answer.status_code == 500 and answer.json()["code"] == "internal", answer.text
        assert "damaged" in answer.json()["message"]
    assert re.search(r"event=journal.damaged path=\S*channel-0\S* table=log key=[0-9a-f]{16} ",
                     ring.logs())
    assert ring.texts("other", ada.token) == [f"other {i}" for i in range(20)]
    assert ring.post(ring.channel_url("news", ada.token), {"text": "after"}).status_code == 204
    assert ring.pid("channel-0") == worker
    assert ring.metric("channel-0", "damaged_reads_total") == 3
    done = ring.ctl_run("check")
    assert done.returncode == 1 and re.search(r"channel-0 .*data\.mdb|channel-0 .*tables", done.stdout)
    assert re.search(r"directory +is whole", done.stdout)


def test_a_damaged_write_ahead_file_is_refused_until_it_is_salvaged(stored):
    ring, ada = stored
    ring.spawn_all()
    for i in range(20, 30):
        assert ring.post(ring.channel_url("news", ada.token), {"text": f"news {i}"}).ok
    for process in ring.spawned.values():
        process.kill()
        process.wait()
    ring.spawned = {}
    spoil(ring, "wal", b"news 23\"", every=False)
    assert ring.spawn("channel", wait_ready=False).wait(20) == 78
    assert re.search(r"event=journal.open .*frame \d+ of generation \d+, at byte \d+, is damaged, and "
                     r"[1-9]\d* whole frames with [1-9]", ring.logs())
    ring.spawned = {}
    with pytest.raises(CtlError, match="is damaged"):
        ring.ctl("backup", ring.dir / "backup")
    assert ring.ctl_run("check").returncode == 1
    reply = ring.ctl("salvage", "channel-0")
    assert b"news 2" in open(reply["kept"], "rb").read()
    ring.spawn_all()
    assert ring.texts("news", ada.token) == [f"news {i}" for i in range(30) if i != 23]
    assert ring.ctl_run("check").returncode == 0


def the_row_of(token):
    """Bytes that only the row of this token's has: its key and the first of its record."""
    return hashlib.blake2b(token.encode(), digest_size=32).digest() + b"\x8b"


def test_a_damaged_token_is_500_and_not_unknown(stored):
    ring, ada = stored
    ring.spawn_all()
    bob = ring.user("bob")
    ring.stop()
    spoil(ring, "data.mdb", the_row_of(ada.token), store="directory", offset=60)
    ring.spawn_all()
    authd = ring.pid("authd-0")
    url = ring.channel_url("news", ada.token)
    for _ in range(3):
        answer = ring.post(url, {"text": "kept back"})
        assert answer.status_code == 500 and answer.json()["code"] == "internal", answer.text
        assert "damaged" in answer.json()["message"]
    assert ring.post(ring.channel_url("news", "x" * 40), {"text": "a"}).status_code in (401, 500)
    said = re.findall(r"event=directory.damaged path=\S*/directory\S* table=tokens key=(\S+) ", ring.logs())
    assert len(said) == 1 and re.fullmatch("hash:[0-9a-f]{16}", said[0]), ring.logs()
    assert ring.metric("authd-0", "damaged_reads_total") >= 4  # one at the start
    # What does not need it goes on, usage and changes among it.
    assert ring.get(ring.url("/api/v2/token", bob.token)).status_code == 200
    ring.channel("made_after", bob)
    with pytest.raises(CtlError, match="damaged"):
        ring.manage("token_list", ada.email)
    with pytest.raises(CtlError, match="damaged"):
        ring.manage("token_delete", ada.token_id, confirm=True)
    assert ring.pid("authd-0") == authd
    done = ring.ctl_run("check")
    assert done.returncode == 1 and re.search(r"directory .*'tokens' is damaged", done.stdout), done.stdout
    assert re.search(r"channel-0 +is whole", done.stdout)
    with pytest.raises(CtlError, match="'tokens' is damaged"):
        ring.ctl("backup", ring.dir / "backup")


def test_a_directory_whose_tables_do_not_fit_together_is_not_opened(stored):
    """A key by which an address is found becomes another's."""
    ring, _ada = stored
    ring.spawn_all()
    for name in ("dab", "dac"):
        ring.user(name)
    ring.stop()
    spoil(ring, "data.mdb", b"dac@example.org\x81", store="directory", offset=2)
    assert ring.spawn("authd", wait_ready=False).wait(20) == 78
    assert re.search(r"event=directory.open .*directory/data.mdb: its table 'users_by_email' is damaged",
                     ring.logs())
    ring.spawned = {}
