"""posternctl top: what it says is what happened, and it leaves the terminal as it was."""

import json
import os
import pty
import signal
import subprocess
import threading

import pytest

from harness import postern


@pytest.fixture
def loaded(ring, name):
    """The ring, with one sender all the time."""
    owner = ring.user(name)
    ring.channel(name, owner)
    url, over, sent = ring.channel_url(name, owner.token), threading.Event(), []

    def send():
        while not over.is_set():
            sent.append(ring.post(url, {"text": "x"}).status_code)

    thread = threading.Thread(target=send)
    thread.start()
    ring.wait(lambda: sent, what="a first answer")
    yield ring
    over.set()
    thread.join()
    assert set(sent) == {204}


def test_rates_queues_and_times_under_load(loaded):
    reply = loaded.ctl("top", "--interval", "2")
    rows = {row["process"]: row for row in reply["processes"]}
    assert list(rows) == loaded.names and reply["seconds"] >= 2
    postern.in_time(reply["seconds"], 2 + 2 * postern.SLOW)
    for row in rows.values():
        assert row["state"] == "ready" and row["rss_bytes"] > 1 << 20, row
    for name in ("gateway-0", "authd-0", "router-0", "channel-0"):
        row = rows[name]
        assert row["in_per_s"] > 0 and row["out_per_s"] > 0 and row["batches_per_s"] > 0, row
        assert row["batch_entries"] >= 1 and 0 < row["p50_s"] <= row["p99_s"] < 10, row
        assert 0 < row["cpu"] < 4, row
    # One sender waits for each answer: what goes in at one end goes through all.
    rate = rows["gateway-0"]["in_per_s"]
    for name in ("authd-0", "router-0", "channel-0"):
        apart = rows[name]["in_per_s"] / rate
        postern.in_time(max(apart, 1 / apart), 2, f"times what comes to the gateway ({name}: {rows})")
    assert rows["gateway-0"]["queue_entries"] is not None
    assert rows["router-0"]["queue_oldest_s"] is not None
    assert rows["channel-0"]["commits_per_s"] > 0 and rows["channel-0"]["commit_s"] > 0
    assert rows["gateway-0"]["commits_per_s"] is None
    # The ring is one for many tests: a bot may still be told of another's handler.
    assert rows["bot-0"]["in_per_s"] < rate / 10


def test_one_table_where_there_is_no_terminal(loaded):
    for words in (["--once"], []):
        done = loaded.ctl_run("top", "--interval", "1", *words)
        lines = done.stdout.splitlines()
        assert done.returncode == 0 and "\033" not in done.stdout
        assert lines[0].split() == ["PROCESS", "STATE", "IN/S", "OUT/S", "BATCHES/S", "SIZE", "QUEUE",
                                    "OLDEST", "P50", "P99", "COMMITS/S", "COMMIT", "CPU", "RSS"]
        assert [line.split()[0] for line in lines[1:]] == loaded.names


def test_what_does_not_answer_is_a_line_too(make_ring):
    ring = make_ring().up()
    ring.pause("router-0")
    try:
        rows = {row["process"]: row for row in ring.ctl("top", "--interval", "1")["processes"]}
    finally:
        ring.resume("router-0")
    assert rows["router-0"] == {"process": "router-0", "state": "stopped"}
    ring.stop()
    rows = ring.ctl("top", "--interval", "1")["processes"]
    assert {row["state"] for row in rows} == {"absent"}


def test_what_others_do_is_not_shown_as_ones_own(make_ring):
    """Default ports, twice; and the wrong process at a port."""
    alive, dead = make_ring().up(), make_ring()
    for kind in postern.KINDS:
        dead.settings[f"{kind}.monitor"] = alive.settings[f"{kind}.monitor"]
    rows = dead.ctl("top", "--interval", "1")["processes"]
    assert rows == [{"process": name, "state": "foreign"} for name in dead.names]
    alive.settings["router.monitor"] = alive.settings["authd.monitor"]
    rows = {row["process"]: row for row in alive.ctl("top", "--interval", "1")["processes"]}
    assert rows["router-0"] == {"process": "router-0", "state": "foreign"}
    assert rows["authd-0"]["state"] == "ready" and rows["authd-0"]["in_per_s"] is not None


def read_until(master, mark, seen=b""):
    while mark not in seen:
        seen += os.read(master, 65536)
    return seen


@pytest.mark.parametrize("told", [b"\x03", signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_terminal_is_repainted_and_left_as_it_was(ring, told):
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [str(postern.BIN / "posternctl"), "top", "--interval", "1", "-c", str(ring.conf),
         *ring._overrides()], stdin=slave, stdout=slave, stderr=slave, env=ring.environment,
        start_new_session=True, preexec_fn=lambda: __import__("fcntl").ioctl(0, 0x540E, 0))
    os.close(slave)
    seen = read_until(master, b"Ctrl-C ends")
    assert seen.startswith(b"\033[?1049h\033[?25l")  # another screen, no cursor
    seen = read_until(master, b"Ctrl-C ends", seen.split(b"Ctrl-C ends", 1)[1])
    assert b"gateway-0" in seen and b"\033[H" in seen
    if told == b"\x03":
        os.write(master, told)
    else:
        process.send_signal(told)
    rest = read_until(master, b"\033[?1049l", seen.split(b"Ctrl-C ends", 1)[1])
    assert rest.endswith(b"\033[?7h\033[?25h\033[?1049l")
    assert process.wait(20 * postern.SLOW) == 0
    os.close(master)
