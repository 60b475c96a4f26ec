"""posternctl send: a text, a file, what a command writes, an event of a format, under a key."""

import json
import subprocess

import pytest


@pytest.fixture
def sender(ring, name):
    """(rows, send): the messages of a channel, and posternctl send to it."""
    ada = ring.user(name)
    ring.channel(name, ada)

    def rows():
        return ring.get(ring.url(f"/api/v2/channelsbyname/{name}/messages", ada.token)).json()["messages"]

    def send(*words, kind="channel", text=""):
        ring.environment["POSTERN_TOKEN"] = ada.token
        try:
            return ring.ctl_run("send", kind, name, *map(str, words), input=text)
        finally:
            del ring.environment["POSTERN_TOKEN"]
    return rows, send


def test_texts_come_from_anywhere(sender, tmp_path):
    rows, send = sender
    file = tmp_path / "log"
    file.write_text("a line\nanother \"one\"\n")
    for done in (send("said"), send("--file", file), send(text="by stdin\n\n"), send("-", text="a dash")):
        assert (done.returncode, done.stdout) == (0, "204: stored\n"), done
    assert [row["message"]["text"] for row in rows()] == ["said", 'a line\nanother "one"', "by stdin", "a dash"]


def test_an_event_becomes_a_message_by_its_format(sender, tmp_path):
    rows, send = sender
    event = {"title": "Disk full", "text": "on host seven"}
    done = send("--format", "generic", text=json.dumps(event))
    assert done.returncode == 0, done
    file = tmp_path / "event.json"
    file.write_text(json.dumps(event))
    assert send("--format", "generic", "--body", file).returncode == 0
    first, second = rows()
    assert "Disk full" in json.dumps(first["message"]) and first["message"] == second["message"]


@pytest.mark.parametrize("words,text,status,said", [
    (("--file", "/proc/absent"), "", 1, "cannot read /proc/absent: No such file"),
    (("--file", "-"), "", 2, "the text by stdin"), ((), "", 2, "the text by stdin"),
    (("x" * 5001,), "", 1, "400 invalid_message"), (("--format", "no-such"), "{}", 1, "unknown_format"),
    (("hi", "--key", "k" * 129), "", 1, "message_key")])
def test_what_cannot_be_sent_says_why(sender, words, text, status, said):
    rows, send = sender
    done = send(*words, text=text)
    assert done.returncode == status and said in done.stderr and not done.stdout, done
    assert rows() == []


def test_what_is_sent_under_a_key_again_edits_its_message(sender):
    rows, send = sender
    said = [send("--key", "build-42", "--json", text=f"build 42: {state}") for state in
            ("queued", "running", "testing", "packing", "passed")]
    assert all(done.returncode == 0 and not done.stderr for done in said), said
    bodies = [json.loads(done.stdout)["body"] for done in said]
    assert len({body["message_id"] for body in bodies}) == 1
    assert [body["revision"] for body in bodies] == [0, 1, 2, 3, 4]
    send("another")
    assert [row["message"]["text"] for row in rows()] == ["build 42: passed", "another"]


def test_an_idempotency_key_is_not_a_message_key(sender):
    rows, send = sender
    for _ in range(2):
        assert send("once", "--idempotency-key", "k-1").returncode == 0
    done = send("twice", "--idempotency-key", "k-1")
    assert done.returncode == 1 and "key_reused" in done.stderr
    assert [row["message"]["text"] for row in rows()] == ["once"]


def test_tail_says_what_was_edited_and_deleted(ring, name):
    ada = ring.user(name)
    ring.channel(name, ada)
    for text in ("running", "passed"):
        assert ring.post(ring.channel_url(name, ada.token), {"text": text, "message_key": "build"}).status_code == 204
    [row] = ring.history("channelsbyname", name, ada.token)["messages"]

    def tail(*more):
        words = [str(ring.binaries / "posternctl"), "tail", "channel", name, "--since", "all", "--url",
                 f"http://127.0.0.1:{ring.port}", "--token-file", "-", *more]
        made = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ring.environment)
        made.stdin.write(ada.token)
        made.stdin.close()
        return made
    assert ring.request("DELETE", ring.url(f"/api/v2/channelsbyname/{name}/messages/{row['id']}", ada.token)).ok
    people, programs = tail(), tail("--json")
    try:
        lines = [[made.stdout.readline() for _ in range(3)] for made in (people, programs)]
    finally:
        people.kill(), programs.kill()
        people.wait(), programs.wait()
    assert [line.split(f"{name.capitalize()}  ")[1].strip() for line in lines[0]] == ["erased", "edited: erased", f"deleted {row['id']}"]
    assert [json.loads(line).get("change") for line in lines[1]] == [None, "edit", "delete"]
