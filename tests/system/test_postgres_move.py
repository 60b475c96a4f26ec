"""Shards that move between two clusters of PostgreSQL while they serve: posternctl shard move."""

import re
import signal
import subprocess
import threading

import pytest

import kill_campaign
from harness import database, postern
from reading_streams import Reader

PHASES = ("copied log_c0_", "closed channel/0", "all tables are the same", "opened channel/0", "dropped what")


@pytest.fixture(scope="module")
def servers():
    with database.server_running() as one, database.server_running() as other:
        yield one, other


@pytest.fixture(scope="module")
def ring(servers):
    """Its second cluster is b; the first has an empty database besides."""
    with postern.Ring(shards={"channel": 1}, settings={"gateway.deadline_ms": 20000}) as made:
        database.settled(made, servers[0])
        servers[1].sql("CREATE DATABASE b")
        made.settings["postgres.clusters"] = f"b={made.dir}/b.connection"
        made.admin_b = database.secret(made.dir / "admin-b.connection", servers[1].connection(database="b"))
        made.said_b = made.ctl_run("db", "init", made.admin_b, "--cluster", "b", check=True).stdout
        yield made.up()


def move(ring, to, shard="channel/0"):
    return ring.ctl_run("shard", "move", shard, to)


def move_until(ring, to, phase):
    """Killed at the line that begins with PHASE: what it said, whether it came that far."""
    words = [ring.binaries / "posternctl", "-c", ring.conf, *ring._overrides(), "shard", "move", "channel/0", to]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.startswith(phase):
            process.send_signal(signal.SIGKILL)
            break
    return process.wait(30) == -signal.SIGKILL


def place(server, name):
    return server.sql("SELECT epoch, coalesce(cluster, 'here') FROM postern.shard WHERE kind = 0 AND shard = 0", name)


def numbered(server, name):
    return server.sql("SELECT count(*) FROM pg_tables WHERE schemaname = 'postern' AND tablename ~ '_c0_[0-9]+$'", name)


def test_clusters_are_made_and_named(ring, servers):
    assert "made schema postern" in ring.said_b and "made the file of the cluster" in ring.said_b and "made journal" not in ring.said_b
    checked = ring.ctl_run("db", "check")
    assert checked.returncode == 0 and "cluster b\n" in checked.stdout and "cluster main\n" in checked.stdout, checked
    assert "made" not in ring.ctl_run("db", "init", ring.admin_b, "--cluster", "b", check=True).stdout
    shown = ring.ctl_run("shard", "list", check=True).stdout
    assert re.search(r"channel/0 +cluster main +epoch 1 ", shown), shown

    def refused(*words, clusters=ring.settings["postgres.clusters"]):
        ring.settings["postgres.clusters"], kept = clusters, ring.settings["postgres.clusters"]
        done = ring.ctl_run(*words)
        ring.settings["postgres.clusters"] = kept
        assert done.returncode == 1, done
        return done.stderr
    assert "no cluster is called c" in refused("shard", "move", "channel/0", "c")
    assert "channel/1: is no shard" in refused("shard", "move", "channel/1", "b")
    servers[1].sql("CREATE DATABASE empty")
    password = ring.dir.joinpath("b.connection").read_text().split("password='")[1].split("'")[0]
    empty = database.secret(ring.dir / "empty", servers[1].connection("postern_journal", password, "empty"))
    assert "cluster b: the database has no installation" in refused("shard", "move", "channel/0", "b", clusters=f"b={empty}")
    assert "is the cluster b, and the configuration calls it c" in refused("shard", "move", "channel/0", "c",
                                                                            clusters=f"c={ring.dir}/b.connection")
    admin = database.secret(ring.dir / "admin-empty", servers[1].connection(database="empty"))
    other = postern.scratch("o-")
    database.secret(other / "main", servers[1].connection("postern_journal", password, "empty"))
    ring.settings["postgres.connection"], kept = other / "main", ring.settings["postgres.connection"]
    ring.ctl_run("db", "init", admin, check=True)  # another installation's main cluster
    assert "another installation" in ring.ctl_run("db", "check").stderr
    assert "another installation" in ring.ctl_run("shard", "move", "channel/0", "b").stderr
    ring.settings["postgres.connection"] = kept
    assert place(servers[0], ring.database) == "1|here" and place(servers[1], "b") == ""


def test_a_shard_moves_there_and_back_under_load(ring, servers, name):
    """Also where the mover is killed at each of its steps and run again: none lost, none twice, no request fails, a stream's
    reader has each once and in order."""
    tally, stop = kill_campaign.Tally("channel", 1), threading.Event()
    url, read_back = kill_campaign.place(ring, "channel", name)
    token = url.split("zapikey=")[1].split("&")[0]
    reader = Reader(ring.port, f"/api/v2/channelsbyname/{name}/stream", token)
    assert reader.ready.wait(20)
    writers = [kill_campaign.Writer(i, url, tally, stop, False) for i in range(4)]
    for writer in writers:
        writer.start()
    ring.wait(lambda: len(tally.acknowledged) > 50, 20, what="some messages")
    pauses = []
    for i, phase in enumerate(PHASES):
        to = ("b", "main")[i % 2]
        assert move_until(ring, to, phase), phase
        done = move(ring, to)
        assert done.returncode == 0, done
        pauses += re.findall(r"lived nowhere for ([0-9.]+) s", done.stdout)
        here, there = (servers, (ring.database, "b")) if i % 2 == 0 else (servers[::-1], ("b", ring.database))
        assert place(here[0], there[0]).endswith(f"|{to}") and place(here[1], there[1]).endswith("|here")
        assert numbered(here[0], there[0]) == "0" and numbered(here[1], there[1]) != "0"
        before = len(tally.acknowledged)
        ring.wait(lambda before=before: len(tally.acknowledged) > before + 20, 20, what="messages after the move")
    assert pauses and max(map(float, pauses)) < 5 * postern.SLOW, pauses
    stop.set()
    for writer in writers:
        writer.join(60)
    kill_campaign.check(tally, read_back())
    print(tally, pauses)
    assert tally.clean and tally.slowest_s < 20, tally
    sequences = [message["sequence"] for message in ring.messages("channelsbyname", name, token)]
    assert sequences == list(range(1, len(sequences) + 1))
    ring.wait(lambda: len(reader.got) == len(sequences), 20, what="the reader to have all")
    assert reader.got == sequences
    reader.stop()


def test_a_former_owner_that_wakes_stores_nothing(ring, servers, name):
    """It stood still during the move, and a spare has the shard where it is now."""
    ring.channel(name, ring.user(name))
    where, to = ("b", "main") if place(servers[1], "b").endswith("here") else ("main", "b")
    pid = ring.pid("channel-0")
    subprocess.run(["kill", "-STOP", str(pid)], check=True)
    try:
        done = move(ring, to)
    finally:
        subprocess.run(["kill", "-CONT", str(pid)], check=True)
    assert done.returncode == 0, done
    ring.wait_ready("channel-0")
    ring.wait(lambda: ring.pid("channel-0") != pid, 20, what="the former owner to end")
    ring.wait_ready("channel-0")
    left, at = (servers[1], "b") if where == "b" else (servers[0], ring.database)
    assert numbered(left, at) == "0" and place(left, at).endswith(f"|{to}")
    back = move(ring, where)
    assert back.returncode == 0 and "is there" not in back.stdout, back
    again = move(ring, where)
    assert again.returncode == 0 and f"channel/0 lives in cluster {where}" in again.stdout
