"""Shards that move between clusters of PostgreSQL while they serve: posternctl shard move. The clusters are databases of one
server; tests follow each other, and the channel's shard is in main where each begins."""

import contextlib
import json
import os
import random
import re
import signal
import time

import pytest

import move_campaign
from answering import Answering, deliveries, settled
from harness import database, postern
from harness.between import Between
from move_campaign import Mover, finish, move, settle
from takeover_campaign import Host


@pytest.fixture(scope="module")
def ring():
    """Its segments are of 512 KiB."""
    settings = {"delivery.allow": "127.0.0.0/8", "delivery.time_scale": 1000, "gateway.deadline_ms": 20000, "worker.retention_bytes": 8 << 20}
    with database.server_running() as server, postern.Ring(settings=settings) as made:
        database.settled(made, server, delivers=True)
        made.said = list(move_campaign.clustered(made, [server, server]))
        yield made.up()


def epoch(ring, name):
    server, place = ring.clusters[name]
    return server.sql("SELECT epoch, coalesce(cluster, 'here') FROM postern.shard WHERE kind = 0 AND shard = 0", place)


def test_clusters_are_made_and_named(ring):
    for said in ring.said:
        assert "made schema postern" in said and "made journal" not in said
    checked = ring.ctl_run("db", "check")
    assert checked.returncode == 0 and "cluster b\n" in checked.stdout and "cluster main\n" in checked.stdout, checked
    assert "made" not in ring.ctl_run("db", "init", ring.dir / "admin-b.connection", "--cluster", "b", check=True).stdout
    shown = ring.ctl_run("shard", "list", check=True).stdout
    assert re.search(r"channel/0 +cluster main +epoch 1 ", shown), shown

    def refused(*words, **settings):
        kept = dict(ring.settings)
        ring.settings.update({name.replace("__", "."): value for name, value in settings.items()})
        done = ring.ctl_run(*words)
        ring.settings = kept
        assert done.returncode == 1, done
        return done.stderr
    assert "no cluster is called d" in refused("shard", "move", "channel/0", "d")
    assert "channel/1: is no shard" in refused("shard", "move", "channel/1", "b")
    server = ring.server
    server.sql("CREATE DATABASE empty")
    password = (server.dir / "worker.password").read_text()
    empty = database.secret(ring.dir / "empty", server.connection("postern_journal", password, "empty"))
    assert "cluster b: the database has no installation" in refused("shard", "move", "channel/0", "b", postgres__clusters=f"b={empty}")
    assert "is the cluster b, and the configuration calls it d" in refused("shard", "move", "channel/0", "d",
                                                                            postgres__clusters=f"d={ring.dir}/b.connection")
    admin = database.secret(ring.dir / "admin-empty", server.connection(database="empty"))
    assert "data.directory is that of the installation" in refused("db", "init", admin, postgres__connection=empty)
    assert server.sql("SELECT count(*) FROM pg_namespace WHERE nspname = 'postern'", "empty") == "0"
    kept = dict(ring.settings)
    ring.settings.update({"postgres.connection": empty, "data.directory": server.dir})
    ring.ctl_run("db", "init", admin, check=True)  # another installation's main cluster
    ring.settings = kept
    assert "another installation" in refused("db", "check", postgres__connection=empty)
    assert "another installation" in refused("shard", "move", "channel/0", "b", postgres__connection=empty)
    assert epoch(ring, "main") == "1|here" and epoch(ring, "b") == ""
    other = ring.clusters["b"][1]
    server.sql("REVOKE UPDATE ON postern.lease FROM postern_journal", other)
    assert "cluster b: the role of the connection lacks rights on lease" in refused("shard", "move", "channel/0", "b")
    server.sql("GRANT UPDATE ON postern.lease TO postern_journal", other)
    assert epoch(ring, "main") == "1|here"


def test_what_a_cluster_that_was_put_back_has_is_not_dropped(ring, name):
    """It was put back to a time within the move to it: nothing of it is left where the shard was."""
    ada = ring.user(name)
    ring.bot(name, ada)
    assert ring.post(ring.bot_url(name, ada.token), '"one"').status_code == 200
    assert move(ring, "b", "bot/0").returncode == 0
    ring.wait_ready("bot-0")
    server, place = ring.clusters["b"]

    def put(values):
        return server.sql(f"UPDATE postern.shard SET {values} WHERE kind = 1 AND shard = 0", place)
    put("epoch = 9223372036854775807, cluster = 'main', holder = gen_random_uuid()")
    for to in ("b", "main"):
        done = move(ring, to, "bot/0")
        assert done.returncode == 1, done
    assert "what cluster main had of bot/0 is dropped" in move(ring, "b", "bot/0").stderr
    put("shard = 77")
    assert "bot/0 lives nowhere: it left cluster main for cluster b, which has nothing of it" in ring.ctl_run("shard", "list").stdout
    server.sql("UPDATE postern.shard SET shard = 0 WHERE shard = 77", place)
    put("epoch = 100, cluster = NULL, holder = NULL")
    ring.wait_ready("bot-0")
    assert len(ring.messages("bots", name, ada.token)) == 1
    assert move(ring, "main", "bot/0").returncode == 0
    ring.wait_ready("bot-0")


def test_a_shard_moves_under_load(ring, name):
    """What moves it is killed once and run again, and stands still once while the shard goes where it was to go, and on to a third one."""
    tally = move_campaign.Campaign(ring, random.randrange(1 << 31), name, writers=2).run([("kill", "closed channel/0"), ("late", None)])
    print(tally)
    assert tally.clean, f"{tally}\n{tally.failed[:5]}"
    assert "journal.lost" in ring.logs() and "worker.died_with" not in ring.logs()  # the loop says goodbye first
    finish(ring, "main")


@contextlib.contextmanager
def through(ring):
    """What lies between those that are started here and cluster b."""
    kept = ring.settings["postgres.clusters"]
    with contextlib.closing(Between(ring.server.port)) as way:
        slow = (ring.dir / "b.connection").read_text().replace(f"port={ring.server.port}", f"port={way.port}")
        slow = database.secret(ring.dir / "slow.connection", slow)
        ring.settings["postgres.clusters"] = kept.replace(f"b={ring.dir}/b.connection", f"b={slow}")
        try:
            yield way
        finally:
            ring.settings["postgres.clusters"] = kept


def until_closed(ring, then):
    """A mover of the channel's shard to b that has come to THEN, a function of it, between the close and the opening."""
    for _ in range(5):
        mover = Mover(ring, "b")
        for line in mover.process.stdout:
            mover.said += line
            if "closed channel/0" in line:
                then(mover)
                break
        if mover.end() != 0:
            return mover
        assert move(ring, "main").returncode == 0  # it was quicker
    raise AssertionError(mover.said)


SHUT = """CREATE FUNCTION public.shut() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'not now'; END$$;
    CREATE TRIGGER shut BEFORE UPDATE ON postern.lease EXECUTE FUNCTION public.shut()"""


def test_a_shard_is_taken_back(ring, name):
    """From a target that may have opened it, which the next mover knows better; from one that stands still behind the close, and is given
    up then; and from one whose mover was killed there."""
    ada = ring.user(name)
    ring.channel(name, ada)
    sent = []

    def post(text):
        sent.append(text)
        assert ring.post(ring.channel_url(name, ada.token), {"text": text}).status_code == 204

    def back(*words):
        done = ring.ctl_run("shard", "move", "channel/0", "main", *words)
        return done.returncode, done.stdout + done.stderr
    post("one")
    server, place = ring.clusters["b"]
    server.sql(SHUT, place)
    done = move(ring, "b")
    assert done.returncode == 1 and "not now" in done.stderr, done
    server.sql("DROP FUNCTION public.shut CASCADE", place)
    with through(ring) as way:
        way.close()
        assert "cluster b may have opened channel/0" in back("--lost", "b")[1]
        done, said = back("--lost", "b", "--lose-messages")
        assert done == 0 and "opened channel/0 in cluster main again" in said, said
        post("given up")
    with through(ring) as way:
        said = until_closed(ring, lambda mover: setattr(way, "still", True)).said
        assert "cluster b: it stands still" in said and "taken back by posternctl shard move channel/0 main" in said, said
        way.close()
        refused, said = back()
        assert refused == 1 and "cluster b: " in said, said
        done, said = back("--lost", "b")
        assert done == 0 and "opened channel/0 in cluster main again" in said, said
        post("two")
    assert "cluster b answers" in back("--lost", "b")[1] and back()[0] == 0
    settle(ring, "main")

    until_closed(ring, lambda mover: mover.process.kill())
    for limit in (0, -1):  # too many connections is an answer
        server.sql(f"ALTER DATABASE {place} CONNECTION LIMIT {limit}")
        assert "cluster b answers" in back("--lost", "b", "--lose-messages")[1]
    done, said = back()
    assert done == 0 and "opened channel/0 in cluster main again" in said, said
    settle(ring, "main")
    post("three")
    assert ring.texts(name, ada.token) == sent


def test_a_worker_that_starts_during_a_move_looks_again(ring):
    """It sees the shard in main before the move, and in b behind it."""
    mover = Mover(ring, "b")
    assert mover.until("rows are copied", signal.SIGSTOP), mover.said
    with through(ring) as way:
        way.still = True
        spare = Host(ring, 4)
        assert way.came.wait(30), "nobody has looked"
        mover.process.send_signal(signal.SIGCONT)
        assert mover.end() == 0, mover.said
        way.still = False
        ring.wait(lambda: spare.stands() or spare.process.poll() is not None, 20, what="the worker to find the shard")
        assert spare.stands(), spare.process.poll()
        spare.end(signal.SIGTERM)
    assert move(ring, "main").returncode == 0


def test_one_that_ends_late_drops_nothing_of_another(ring, name):
    """It has opened the shard and waits for the worker; another one is about to move it back, and has segments there already."""
    ada = ring.user(name)
    ring.bot(name, ada)
    for _ in range(8):
        assert ring.post(ring.bot_url(name, ada.token), json.dumps("x" * 250000)).status_code == 200
    pid, first = ring.pause("bot-0"), Mover(ring, "b", "bot/0")
    assert first.until("opened bot/0", signal.SIGCONT), first.said
    second = Mover(ring, "main", "bot/0")
    assert second.until("0 rows are copied", signal.SIGSTOP), second.said
    stands = time.monotonic()
    os.kill(pid, signal.SIGCONT)
    assert first.end() == 0, first.said
    stood, status = time.monotonic() - stands, second.end()
    if "server closed the connection" in second.said:
        postern.in_time(stood, 4, "(a transaction that stands still for 5 s is ended by the server)")
    assert status == 0, second.said
    ring.wait_ready("bot-0")
    settle(ring, "main", 1)
    assert sorted(message["sequence"] for message in ring.messages("bots", name, ada.token)) == list(range(1, 9))


def test_deliveries_move_along(ring, name):
    """Bots and extensions with events that wait, and attempts that have failed."""
    ada = ring.user(name)
    ring.bot(name, ada)
    app = ring.extension(name, ada)["sandbox"]
    targets = {"bots": name, "applications": app.app_id}
    urls, fails = [ring.bot_url(name, ada.token), ring.extension_url(app, ada.token)], [True]

    def send(text):
        for url in urls:
            assert ring.post(url, json.dumps(text)).status_code == 200
    with Answering(lambda event, count: (503, {}) if fails[0] else (200, {"text": f"answer to {event['body']}"})) as handler:
        ring.ctl("bot", "handler", "set", name, handler.url)
        ring.ctl("extension", "handler", "set", name, handler.url, "--environment", "sandbox")
        send("one")
        send("two")
        for kind, target in targets.items():
            ring.wait(lambda kind=kind, target=target: any(row["made"] for row in deliveries(ring, kind, target, ada.token, state="pending")),
                      20, what="an attempt that failed")
        movers = [Mover(ring, "b", shard) for shard in ("bot/0", "extension/0")]
        for mover in movers:
            assert mover.end() == 0, mover.said
        fails[0] = False
        send("three")
        for kind, target in targets.items():
            settled(ring, kind, target, ada.token)
            rows = deliveries(ring, kind, target, ada.token)
            assert len(rows) == 3 and {row["state"] for row in rows} == {"delivered"}
            assert {attempt["status"] for row in rows for attempt in row["attempts"]} == {200, 503}
    settle(ring, "b", 1)


def test_a_spare_of_any_shard_follows_it(ring, name):
    """The worker stood still meanwhile, and stores nothing when it goes on; no release could take the shard where it was. A cluster
    that is away keeps what lives elsewhere from nobody, and is named to who waits for it."""
    ada = ring.user(name)
    ring.channel(name, ada)
    spare = Host(ring, 1, "any")
    spare.wait("spare")
    pid = ring.pause("channel-0")
    done = move(ring, "b")
    assert done.returncode == 0 and "a worker has it again" in done.stdout, done
    spare.wait("serves")
    assert ring.post(ring.channel_url(name, ada.token), {"text": "one"}).status_code == 204
    os.kill(pid, signal.SIGCONT)
    ring.wait(lambda: ring.pid("channel-0") not in (pid, None), 20, what="the former owner to end")
    assert epoch(ring, "main").endswith("|b")
    with pytest.raises(RuntimeError, match="bigint out of range"):  # as a release takes a shard that knows one cluster
        ring.server.sql("UPDATE postern.shard SET epoch = epoch + 1 WHERE kind = 0 AND shard = 0", ring.database)

    away = f"127.0.0.1 port={postern.free_ports(1)}"
    broken = database.secret(ring.dir / "broken", f"host={away} user=postern_journal dbname=x")
    kept = ring.settings["postgres.clusters"]
    ring.settings["postgres.clusters"] = f"b={broken}"
    own, second = Host(ring, 2), Host(ring, 3, "any")
    for host in (own, second):
        ring.wait(lambda host=host: "cluster b: " in str(ring.ready(host.name)), 20, what="what is away")
    ring.settings["postgres.clusters"] = kept
    assert finish(ring, "main")
    for host in (own, second):
        ring.wait(lambda host=host: host.stands(), 20, what="the shard to be seen")
    assert ring.texts(name, ada.token) == ["one"]


def test_a_migration_finds_each_shard_where_it_lives(ring, name):
    """Bots are in the other cluster: they go to files from there, and back to there."""
    ada = ring.user(name)
    ring.bot(name, ada)
    assert ring.post(ring.bot_url(name, ada.token), json.dumps("one")).status_code == 200
    move(ring, "b", "bot/0")  # where a test before this one has left it, perhaps
    ring.stop()

    def counted(where):
        server, place = ring.clusters[where]
        logs = server.sql("SELECT tablename FROM pg_tables WHERE tablename LIKE 'log\\_b0\\_%'", place).split()
        rows = sum(int(server.sql(f"SELECT count(*) FROM postern.{log}", place)) for log in logs)
        return rows, server.sql("SELECT bot >= 131072 FROM postern.installation", place)
    count, _ = counted("b")
    assert count > 0 and counted("main") == (0, "f")
    assert ring.ctl("migrate", "bot", "lmdb")["migrate"]["messages"] == count
    assert counted("b")[1] == counted("main")[1] == "t"
    assert ring.ctl("migrate", "bot", "postgres")["migrate"]["messages"] == count
    assert counted("b") == (count, "f") and counted("main") == (0, "f")
