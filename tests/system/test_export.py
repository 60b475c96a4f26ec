"""A target's messages as JSON lines, and into another channel or installation."""

import json

import pytest

from harness.connection import Connection
from reading_streams import Reader, Several

COUNT = 1100  # more than a page


@pytest.fixture(scope="module")
def full(ring):
    """(ring, ada, bob, path): a channel in which two people have said the same a few times."""
    ada, bob = ring.user("exporter"), ring.user("other-exporter")
    ring.channel("exported", ada, members=[bob])
    with Connection(ring.port) as connection:
        for i in range(COUNT):
            who = bob if i % 3 == 0 else ada
            text = '{"text":"same again"}' if i % 10 == 0 else '{"text":"n\\u00famero %d\\n","b":[1.50,%d]}' % (i, i)
            answer = connection.post(f"/api/v2/channelsbyname/exported/message?zapikey={who.token}", text.encode())
            assert answer.status == 204, answer
    return ring, ada, bob, "/api/v2/channelsbyname/exported/messages"


def run(ring, user, *words):
    return ring.ctl_run(*words, "--token-file", "-", input=user.token)


def export(ring, user, *words):
    done = run(ring, user, "export", "channel", *words)
    assert done.returncode == 0, done
    return [json.loads(line) for line in done.stdout.splitlines()]


def history(ring, user, channel):
    rows, cursor = [], 1
    while cursor:
        query = {"from": cursor} if cursor > 1 else {}
        body = ring.get(ring.url(f"/api/v2/channelsbyname/{channel}/messages", user.token, limit=1000, **query)).json()
        rows, cursor = rows + body["messages"], body["next"]
    return rows


def test_all_messages_are_written(full):
    ring, ada, bob, _ = full
    rows = export(ring, ada, "exported")
    assert rows == history(ring, ada, "exported") and len(rows) == COUNT
    assert {row["sender"]["id"] for row in rows} == {ada.id, bob.id}
    assert export(ring, ada, "exported", "--from", "1098") == rows[1097:]
    assert export(ring, ada, "exported", "--since", rows[1000]["time"]) \
        == [row for row in rows if row["time"] >= rows[1000]["time"]]
    assert export(ring, ada, "exported", "--until", "1h") == []
    local = ring.ctl_run("export", "channel", "exported")  # by the control socket
    assert [json.loads(line) for line in local.stdout.splitlines()] == rows


def test_a_file_is_gone_on_with(full, tmp_path):
    ring, ada, _, _ = full
    file = tmp_path / "all.jsonl"

    def write():
        done = run(ring, ada, "export", "channel", "exported", "--to", str(file))
        return done.returncode, done.stderr

    assert write() == (0, f"{COUNT} messages were written to {file}\n")
    whole = file.read_bytes()
    assert write() == (0, f"0 messages were written to {file}\n")
    for cut in (0, 1, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:cut])
        assert write()[0] == 0
        assert file.read_bytes() == whole
    file.write_bytes(b"[1]\n" + whole)
    status, said = write()
    assert status == 1 and "is no export" in said and file.read_bytes() == b"[1]\n" + whole


@pytest.fixture(scope="module")
def exported(full, tmp_path_factory):
    ring, ada, _, _ = full
    file = tmp_path_factory.mktemp("export") / "all.jsonl"
    assert run(ring, ada, "export", "channel", "exported", "--to", str(file)).returncode == 0
    return file


def told(row):
    return row["time"], row["sender"]["name"], row["message"]


def take(ring, user, channel, file):
    return ring.ctl("import", "channel", channel, str(file), "--token-file", "-", input=user.token)


def test_an_import_keeps_time_sender_and_order(full, exported, make_ring):
    ring, ada, _, _ = full
    rows = history(ring, ada, "exported")
    other = make_ring()
    other.spawn_all()
    eve = other.user("eve")
    other.channel("copy", eve)
    lines = exported.read_text().splitlines(keepends=True)
    part = exported.with_name("part.jsonl")
    part.write_text("".join(lines[:COUNT // 2]))
    assert take(other, eve, "copy", part) == {"imported": COUNT // 2, "known": 0, "without_message": 0}
    # What comes meanwhile is not mixed up with it.
    assert other.post(other.channel_url("copy", eve.token), '{"text":"same again"}').status_code == 204
    assert take(other, eve, "copy", exported) == {"imported": COUNT - COUNT // 2, "known": COUNT // 2,
                                                  "without_message": 0}
    assert take(other, eve, "copy", exported) == {"imported": 0, "known": COUNT, "without_message": 0}
    copied = history(other, eve, "copy")
    mine = copied.pop(COUNT // 2)
    assert mine["sender"]["name"] == "Eve"
    assert [told(row) for row in copied] == [told(row) for row in rows]
    assert {row["sender"]["id"] for row in copied} == {eve.id}
    positions_are_of_another_history(full, other, eve)


def positions_are_of_another_history(full, other, eve):
    """Whoever comes to the copy with a position of where it was exported is told so once, and given the copy."""
    ring, ada, _, path = full
    path, streams = path.replace("messages", "stream"), "/api/v2/streams?targets=channel:"
    before = [Reader(ring.port, path, ada.token, since="1000"), Several(ring.port, streams + "exported", ada.token, since="1h")]
    ring.wait(lambda: [len(reader.got) for reader in before] == [100, COUNT], 20)
    after = [Reader(other.port, path.replace("exported", "copy"), eve.token, position=before[0].position),
             Several(other.port, streams + "copy", eve.token, position=before[1].position)]
    other.wait(lambda: [reader.numbers() for reader in after] == [list(range(1, COUNT + 2))] * 2, 20)
    assert [[data["reason"] for event, data in reader.others if event == "reset"] for reader in after] == [["replaced"]] * 2
    for reader, url in zip(before, (path.replace("exported", "copy") + "?", streams + "copy&")):
        answer = other.get(f"{other.base}{url}since={reader.position}&zapikey={eve.token}")
        assert (answer.status_code, answer.json()["code"]) == (410, "cursor_expired")
    for reader in before + after:
        reader.stop()


def test_a_line_that_is_none_says_so(full, exported, name, tmp_path):
    ring, ada, _, _ = full
    ring.channel(name, ada)
    lines = exported.read_text().splitlines(keepends=True)
    empty = json.dumps({"time": "2026-01-02T03:04:05.000Z", "sender": {"name": "x"}, "message": None}) + "\n"
    ahead = lines[0].replace('"time":"2', '"time":"9')
    for bad, said in [("{\n", "no JSON"), ("[]\n", "no JSON"), ("{}\n", "no time, sender and message"),
                      (ahead, "time must be"), (lines[0].replace('"text":', '"tex":'), "line 3")]:
        file = tmp_path / "bad.jsonl"
        file.write_text(lines[0] + empty + bad + lines[1])
        done = run(ring, ada, "import", "channel", name, str(file))
        assert done.returncode == 1 and said in done.stderr and "line 3" in done.stderr, done
        assert [told(row) for row in history(ring, ada, name)] == [told(json.loads(lines[0]))]
    file.write_text(lines[0] + empty + lines[1])
    assert take(ring, ada, name, file) == {"imported": 1, "known": 1, "without_message": 1}


def test_only_the_owner_imports(full, exported, name):
    ring, ada, bob, _ = full
    ring.channel(name, ada, members=[bob])
    done = run(ring, bob, "import", "channel", name, str(exported))
    assert done.returncode == 1 and "403" in done.stderr, done


@pytest.mark.parametrize("query,body,code", [
    ({"sender": "x"}, '{"text":"x"}', "invalid_param"), ({"time": "1h"}, '{"text":"x"}', "invalid_param"),
    ({"time": "soon", "sender": "x"}, '{"text":"x"}', "invalid_param"),
    ({"time": "2100-01-01", "sender": "x"}, '{"text":"x"}', "invalid_param"),
    ({"time": "1h", "sender": ""}, '{"text":"x"}', "invalid_param"),
    ({"time": "1h", "sender": "x" * 257}, '{"text":"x"}', "invalid_param"),
    ({"time": "1h", "sender": "x", "form": "y"}, '{"text":"x"}', "invalid_param"),
    ({"time": "1h", "sender": "x"}, "text=x", "invalid_json"), ({"time": "1h", "sender": "x"}, "{}", "invalid_message")])
def test_what_is_no_message_of_another_time_is_refused(full, query, body, code):
    ring, ada, _, _ = full
    answer = ring.post(ring.url("/api/v2/channelsbyname/exported/import", ada.token, **query), body)
    assert (answer.status_code, answer.json()["code"]) == (400, code), answer.text
