"""Channels whose journal lies in PostgreSQL: a ring with worker.engine = postgres, on a server of the tests' own."""

import collections
import concurrent.futures
import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import threading
import time

import pytest

import kill_campaign
import promotion_campaign
import revoke_campaign
import strain_campaign
import takeover_campaign
import test_users
from harness import lacking, postern
from harness.between import Between
from harness.database import secret, server_running, settled
from reading_streams import Reader, Several


@pytest.fixture(scope="module")
def server():
    with strain_campaign.slowed() as made:
        yield made


@pytest.fixture(scope="module")
def on_postgres(server):
    with postern.Ring(shards={"channel": 2}, settings=strain_campaign.LIMITS) as made:
        yield settled(made, server).up()


def test_what_was_made_is_said_and_checked(on_postgres, server):
    ring = on_postgres
    for words in ("made the file of postgres.connection", "made role", "made schema postern", "made table segment",
                  "made installation of 2 channel shards", "made journal channel-1"):
        assert words in ring.made
    password = (server.dir / "worker.password").read_text()
    checked = ring.ctl_run("db", "check")
    assert checked.returncode == 0 and "ok      fsync: on" in checked.stdout, checked
    told = json.loads(ring.ctl_run("db", "check", "--json").stdout)
    assert any(step.startswith("ok      schema: 1") for step in told["steps"])
    assert {"cluster": "main", "state": "ok", "what": "schema", "is": "1", "todo": None} in told["checks"]
    shards = json.loads(ring.ctl_run("shard", "list", "--json").stdout)["shards"]
    assert [(row["kind"], row["index"], row["cluster"], row["state"], row["epoch"]) for row in shards] == [
        (kind, index, "main", "lives", kind == "channel") for kind, index in (("channel", 0), ("channel", 1), ("bot", 0), ("extension", 0))], shards
    assert all((row["holder"] is None) == (row["kind"] != "channel") and row["to"] is None for row in shards)
    again = ring.ctl_run("db", "init", ring.dir / "admin.connection", check=True)
    assert "made" not in again.stdout and "there is schema postern" in again.stdout
    shown = subprocess.run([ring.binaries / "postern-channel", "-c", ring.conf, "-t", *ring._overrides()],
                           capture_output=True, text=True, check=True)
    for text in (ring.made, checked.stdout, again.stdout, shown.stdout, ring.logs(), (server.dir / "log").read_text()):
        assert password not in text and server.password not in text


def test_an_installation_that_begins_on_postgres(tmp_path):
    """Its role is the server's: another installation is told to name its own."""
    with server_running() as server:
        admin = secret(tmp_path / "admin", server.connection())

        def init():
            place = postern.scratch("i-")
            done = subprocess.run([postern.BIN / "posternctl", "init", place, "--shards", "channel=3", "--postgres", admin],
                                  capture_output=True, text=True)
            return place, done

        first, done = init()
        assert done.returncode == 0 and "made journal channel-2" in done.stdout, done
        words = [postern.BIN / "posternctl", "-c", first / "postern.conf"]
        checked = subprocess.run([*words, "db", "check"], capture_output=True, text=True)
        assert checked.returncode == 1 and "lacking synchronous_standby_names" in checked.stdout, checked
        checked = subprocess.run([*words, "-s", "postgres.copies=1", "db", "check"], capture_output=True, text=True)
        assert checked.returncode == 0, checked
        if os.geteuid() == 0:
            apart = [word for name, value in test_users.SETTINGS.items() for word in ("-s", f"{name}={value}")]
            for made in (2, 0):
                done = subprocess.run([*words, *apart, "db", "init", admin], capture_output=True, text=True)
                assert done.returncode == 0 and done.stdout.count("made the same file for") == made, done
            file = first / "data" / "postgres.connection"
            for kind in ("bot", "extension"):
                copy = file.with_name(f"{file.name}.{kind}")
                assert copy.read_text().strip() == file.read_text().strip() and copy.owner() == test_users.USERS[kind] and copy.stat().st_mode & 0o777 == 0o600
        server.sql("CREATE DATABASE other")
        admin = secret(tmp_path / "admin", server.connection(database="other"))
        second, done = init()
        assert done.returncode == 1 and "there already" in done.stderr and f"copy it to {second}/data/postgres.connection" in done.stderr, done
        assert not (second / "data/postgres.connection").exists()
        done = subprocess.run([*words, "db", "init", first / "data/postgres.connection"], capture_output=True, text=True)
        assert done.returncode == 1 and "the user postern_journal may not make roles and schemas" in done.stderr, done
        with contextlib.closing(Between(server.port)) as way:  # a standby does not have the database yet, and is asked first
            text = server.connection(database="later").replace("host=127.0.0.1", "host=127.0.0.1,127.0.0.1")
            text = text.replace(f"port={server.port}", f"port={way.port},{way.port}")
            later = [*words, "-s", f"data.directory={tmp_path}", "db", "init", secret(tmp_path / "later", text)]
            made = subprocess.Popen(later, stdout=subprocess.PIPE, text=True)
            assert way.came.wait(30)
            server.sql("CREATE DATABASE later")
            assert "made schema postern" in made.communicate(timeout=60)[0] and made.returncode == 0
        journal = first / "data/channel-2"
        journal.mkdir()
        (journal / "data.mdb").touch()
        for verb in (("config", "check"), ("db", "check")):
            done = subprocess.run([*words, "-s", "postgres.copies=1", *verb], capture_output=True, text=True)
            assert done.returncode and f"{journal}/data.mdb: is a journal of worker.engine = lmdb" in done.stderr, done
        for place in (first, second):
            shutil.rmtree(place)


def test_only_this_worker_has_the_library(on_postgres):
    def maps(name):
        return pathlib.Path(f"/proc/{on_postgres.pid(name)}/maps").read_text()
    assert "libpq" in maps("channel-0") and "postern-channel-postgres" in maps("channel-0")
    assert all("libpq" not in maps(name) for name in on_postgres.names if not name.startswith("channel"))


def test_messages_are_stored_once_and_read_back(on_postgres, name):
    ring = on_postgres
    ada = ring.user(f"ada-{name}")
    ring.channel(name, ada)
    url = ring.channel_url(name, ada.token)
    for i in range(60):
        assert ring.post(url, {"text": f"m{i}"}).status_code == 204
    first = ring.post(url, {"text": "keyed"}, headers={"Idempotency-Key": name})
    again = ring.post(url, {"text": "keyed"}, headers={"Idempotency-Key": name})
    assert first.status_code == again.status_code == 204
    assert ring.post(url, {"text": "other"}, headers={"Idempotency-Key": name}).status_code == 422
    wanted = [f"m{i}" for i in range(60)] + ["keyed"]
    assert ring.texts(name, ada.token) == wanted
    for process in ("channel-0", "channel-1"):
        ring.kill(process)
    ring.wait_ready("channel-0", "channel-1")
    assert ring.texts(name, ada.token) == wanted
    assert ring.post(url, {"text": "keyed"}, headers={"Idempotency-Key": name}).status_code == 204
    assert ring.texts(name, ada.token) == wanted


def test_who_cannot_read_says_that_nobody_answers(on_postgres, server, name):
    """And not that what is stored is damaged: the server takes no more connections, and nobody has read by one before."""
    ring = on_postgres
    ada = ring.user(f"ada-{name}")
    ring.channel(name, ada)
    damaged = ring.metric("channel-0", "damaged_reads_total") + ring.metric("channel-1", "damaged_reads_total")
    for worker in ("channel-0", "channel-1"):
        ring.kill(worker)
        ring.wait_ready(worker)
    assert ring.post(ring.channel_url(name, ada.token), {"text": "one"}).status_code == 204
    server.sql(f"ALTER DATABASE {ring.database} CONNECTION LIMIT 0")
    try:
        answer = ring.get(ring.url(f"/api/v2/channelsbyname/{name}/messages", ada.token))
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), answer.text
        assert int(answer.headers["Retry-After"]) > 0 and "gave no answer" in answer.text
    finally:
        server.sql(f"ALTER DATABASE {ring.database} CONNECTION LIMIT -1")
    assert ring.texts(name, ada.token) == ["one"]
    assert ring.metric("channel-0", "damaged_reads_total") + ring.metric("channel-1", "damaged_reads_total") == damaged == 0


def test_streams_of_what_lies_there(on_postgres, name):
    """Each record once and in order: new ones, an edit, a deletion, and those beside which the workers die."""
    ring, names = on_postgres, [name, name + "_2"]
    ada = ring.user(f"ada-{name}")
    for each in names:
        ring.channel(each, ada)
    path = f"/api/v2/channelsbyname/{name}/stream"
    one = [Reader(ring.port, path, ada.token), Reader(ring.port, path, ada.token, lines=True, since="all")]
    both = [Several(ring.port, path, ada.token, lines=lines) for path, lines in (
        (f"/api/v2/streams?targets=channel:{name},channel:{name}_2", False), ("/api/v2/streams", True))]
    assert all(reader.ready.wait(20) for reader in (*one, *both)), [reader.others for reader in (*one, *both)]

    def send(**message):
        for each in names:
            answer = ring.post(ring.channel_url(each, ada.token, sync_message="true"), message)
            assert answer.status_code == 200, answer.text
        return answer.json()["message_id"]
    for i in range(10):
        send(text=f"m{i}")
    send(text="edited", message_key="k")
    send(text="anew", message_key="k")
    for each, message in ((each, ring.messages("channelsbyname", each, ada.token)[0]["id"]) for each in names):
        answer = ring.request("DELETE", ring.url(f"/api/v2/channelsbyname/{each}/messages/{message}", ada.token))
        assert answer.status_code == 204, answer.text
    for process in ("channel-0", "channel-1"):
        ring.kill(process)
    ring.wait_ready("channel-0", "channel-1")
    send(text="last")
    every = list(range(1, 15))
    postern.wait(lambda: all(reader.got == every for reader in one) and
                 all(reader.by_name == {each: every for each in names} for reader in both), 20, what="all readers to have all")
    for reader in (*one, *both):
        reader.stop()
        assert reader.opened == 1 and reader.failure is None
        assert collections.Counter(reader.events) == {what: count * (2 if reader in both else 1)
                                                      for what, count in (("message", 12), ("edit", 1), ("delete", 1))}


def test_a_killed_worker_loses_and_doubles_nothing(on_postgres, name):
    tally = kill_campaign.campaign(on_postgres, "channel", 3, random.randrange(1 << 31), name)
    print(tally)
    assert tally.clean, f"{tally}\n{tally.failed[:5]}"


def green(ring):
    return all((ring.ready(f"channel-{i}") or {}).get("status") == 200 for i in range(2))


@contextlib.contextmanager
def senders(ring, name):
    """Eight that send texts of their own, each again with the same key until it is answered 2xx. What was."""
    ada = ring.user(f"ada-{name}")
    ring.channel(name, ada)
    url = ring.channel_url(name, ada.token)
    stop, sent = threading.Event(), []

    def send(number):
        for i in range(100000):
            if stop.is_set():
                return
            text = f"{number}-{i}"
            while ring.post(url, {"text": text}, headers={"Idempotency-Key": text}, timeout=60).status_code != 204:
                time.sleep(0.05)
            sent.append(text)
            time.sleep(kill_campaign.Writer.pause_s)

    threads = [threading.Thread(target=send, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    try:
        yield sent
        more(sent)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert sorted(ring.texts(name, ada.token)) == sorted(sent)
    print(f"{len(sent)} messages, none lost, none twice")


def more(sent):
    before = len(sent)
    postern.wait(lambda: len(sent) > before + 100, 20, what="messages")


def test_a_killed_server_loses_and_doubles_nothing(on_postgres, server, name):
    """Killed once and stopped once under load."""
    with senders(on_postgres, name) as sent:
        for how in (server.kill, server.stop):
            more(sent)
            how()
            postern.wait(lambda: not green(on_postgres), 20, what="a red check")
            server.start()
            postern.wait(lambda: green(on_postgres), 20, what="green checks")


def test_a_server_under_strain_keeps_nobody_waiting(on_postgres, server, name):
    """Its syncs take long, it has half of its CPU, it makes checkpoints: what cannot be taken is refused at once."""
    strain_campaign.strained(on_postgres, server, name, 0.1 * postern.SLOW, syncs_ms=(200,))


def waiting(server, session, query="%"):
    """How many of SESSION's wait on SERVER for its standby, with what they have committed; the last of it was a QUERY."""
    return int(server.sql(f"SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name LIKE '{session}' "
                          f"AND query LIKE '{query}'"))


class Keyed:
    """A message to RING with an Idempotency-Key, asked for again and again, each time on a thread of POOL."""

    def __init__(self, ring, pool, name):
        self.ring, self.pool, self.name, self.asked = ring, pool, name, []
        self.owner = ring.user(f"keyed-{name}")
        ring.channel(name, self.owner)
        assert self.post("first").status_code == 204  # now there is a table of keys

    def post(self, text):
        return self.ring.post(self.ring.channel_url(self.name, self.owner.token), {"text": text}, headers={"Idempotency-Key": f"{self.name}-{text}"}, timeout=60)

    def ask(self):
        self.asked.append(self.pool.submit(self.post, "lost"))

    def there(self, server):
        """In how many records it can be read on SERVER."""
        log, = server.sql("SELECT 'log_c0_' || max(n) FROM postern.segment WHERE kind = 0", self.ring.database).split()
        return int(server.sql(f"SELECT count(*) FROM postern.{log} WHERE position('lost'::bytea IN record) > 0", self.ring.database))

    def answered(self):
        return [one.result().status_code for one in self.asked if one.done()]


def changed_while_a_server_dies(hosts, servers, name):
    """Of two HOSTS with a copy of the directory each. A token's deletion that waits for the standby is answered when that is back, and
    is one at both hosts then. One that is made, which only a primary has that dies, is at no host, not even while it can be read; and
    a message that is such, asked for again with its key, is stored by no answer, until the next primary has it, once."""
    one, other = hosts
    primary, standby = servers
    ada = one.user(f"ada-{name}", token=False)
    manager, token = one.management_token(ada), one.token(ada)

    def taken(token):
        return [host.post(host.channel_url("nowhere", token["token"]), {"text": "x"}).status_code for host in hosts]

    def tokens(of=hosts):
        return [[row["name"] for row in host.manage("token_list", ada.email)["tokens"]] for host in of]

    def noted():
        """A use of the management token is a change, too: of a minute, one."""
        return one.ctl("management", "token", "list", ada.email)["tokens"][0]["last_used"]
    assert taken(token) == [404, 404] and one.admin("GET", "/me", manager).status_code == 200
    postern.wait(noted, what="the management token's use")
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        keyed = Keyed(one, pool, f"{name}_keyed")
        standby.kill()
        deleted = pool.submit(one.admin, "DELETE", f"/tokens/{token['id']}?confirm=true", manager, timeout=60)
        postern.wait(lambda: waiting(primary, "postern directory"), what="a deletion that waits for the standby")
        assert not deleted.done() and taken(token) == [404, 404]
        standby.start()
        assert deleted.result().status_code == 200 and taken(token) == [401, 401]

        standby.kill()
        made = pool.submit(one.admin, "POST", f"/users/{ada.id}/tokens", manager, {"name": "lost"}, timeout=60)
        keyed.ask()
        postern.wait(lambda: waiting(primary, "postern directory") and waiting(primary, "postern channel/0 %", "%_c0_%"), what="what waits for the standby")
        primary.kill()
        primary.start()  # and now all can read what its standby does not have
        keyed.ask()
        postern.wait(lambda: waiting(primary, "postern directory follower") and waiting(primary, "postern channel/0 %"), what="hosts to have read it")
        assert tokens([other]) == [[]]
        assert keyed.there(primary) == 1 and keyed.answered() == []
        primary.kill()
        standby.start()
        standby.sql("ALTER SYSTEM SET synchronous_standby_names = ''")
        standby.sql("SELECT pg_reload_conf()")
        standby.sql("SELECT pg_promote()")
        assert made.result().status_code == 503, made.result().text
        keyed.ask()
        assert keyed.asked[-1].result().status_code == 204 and keyed.there(standby) == 1
        assert one.texts(keyed.name, keyed.owner.token) == ["first", "lost"]
    assert tokens() == [[], []]
    primary.start()  # which still believes that it writes
    assert taken(one.token(ada, name="kept")) == [404, 404] and tokens() == [["kept"], ["kept"]]
    kept = [server.sql("SELECT count(*) FROM postern.directory_row WHERE position('kept'::bytea IN value) > 0", one.database)
            for server in (standby, primary)]
    assert int(kept[0]) > 0 and kept[1] == "0", kept


def test_a_dead_primary_takes_nothing_along(make_ring, name):
    """One of its standbys is promoted, which the connection string names, too: of messages, and of changes of the directory."""
    with server_running() as first, postern.Ring(gateways=2) as second:
        ring = make_ring(settings={"directory.engine": "postgres", "directory.lease_s": 60})
        with promotion_campaign.several(ring, first) as servers:
            assert ring.ctl_run("db", "check").returncode == 0
            tally = promotion_campaign.campaign(ring.up(), servers, 1, random.randrange(1 << 31), name)
            print(tally)
            assert tally.clean, f"{tally}\n{tally.failed[:5]}"
            assert "event=journal.retaken" in ring.logs()
            other = revoke_campaign.Host(second, 1, ring)
            second.settings["directory.lease_s"] = 60
            other.start()
            changed_while_a_server_dies([ring, second], servers[:2], f"{name}_2")
            ring.stop()


def test_a_shard_goes_from_host_to_host(server, make_ring, name):
    """Its worker is stood still and goes on, ends, is killed, or is killed and starts again on its host: nobody waits longer
    than the lease and what 5 s have beside it, and a worker that ends in order keeps nobody waiting for the lease."""
    estate = takeover_campaign.Estate(settled(make_ring(settings={"gateway.deadline_ms": 20000}), server), 2)
    spare = estate.hosts[1]
    assert estate.ring.metric(spare.name, "journal_spare") == 1
    tally = takeover_campaign.campaign(estate, ("stop", "leave", "again"), random.randrange(1 << 31), name)
    print(tally)
    assert tally.clean and tally.epochs == 3, f"{tally}\n{tally.failed[:5]}"
    lease = takeover_campaign.LEASE_S * postern.SLOW
    postern.in_time(max(tally.seconds["stop"]), lease * 5 / 3, f"{tally}")
    postern.in_time(max(tally.seconds["leave"] + tally.seconds["again"]), lease, f"{tally}")


def test_one_spare_of_a_host_takes_any_shard(server, make_ring, name):
    """Three hosts have one worker of any shard each, and there are two shards: who ends in order, is killed or is stood still is
    followed by the one that waits, and waits itself when it is back."""
    ring = settled(make_ring(shards={"channel": 2}, settings={"gateway.deadline_ms": 20000}), server)
    takeover_campaign.spawn_others(ring)
    hosts = [takeover_campaign.Host(ring, i, "any") for i in range(3)]

    def standing(how, but=None):
        return [host for host in hosts if host is not but and host.stands() == how]

    def shards():
        return sorted(ring.ready(host.name)["index"] for host in standing("serves"))

    def settle():
        postern.wait(lambda: len(standing("serves")) == 2 and len(standing("spare")) == 1, 20, what="two that serve, and a spare")
        assert shards() == [0, 1]
    settle()
    spare, = standing("spare")
    assert ring.ready(spare.name)["index"] == 2 and ring.metric(spare.name, "journal_spare") == 1
    assert "of any shard" in ring.ready(spare.name)["checks"][0]["reason"]
    taken = {}
    with senders(ring, name) as sent:
        for how in (signal.SIGTERM, signal.SIGKILL, signal.SIGSTOP):
            more(sent)
            spare, gone = standing("spare")[0], standing("serves")[0]
            shard, began = ring.ready(gone.name)["index"], time.monotonic()
            if how == signal.SIGSTOP:
                gone.process.send_signal(how)
            else:
                assert gone.end(how) == (0 if how == signal.SIGTERM else -signal.SIGKILL)
            spare.wait("serves")
            taken[how] = time.monotonic() - began
            assert ring.ready(spare.name)["index"] == shard
            if how == signal.SIGSTOP:
                gone.process.send_signal(signal.SIGCONT)
                assert gone.process.wait(20 * postern.SLOW) == 1, "it has lost the shard, and ends"
            gone.start()
            settle()
    postern.in_time(taken[signal.SIGTERM], max(takeover_campaign.LEASE_S * postern.SLOW, *taken.values()), f"handed over, not waited for: {taken}")
    assert "event=journal.picked" in ring.logs()


def test_a_worker_of_any_shard_comes_back_to_its_own(server, make_ring):
    """One that is killed and starts again at once takes what it had; one that begins leaves a shard to a worker of that shard alone
    that begins with it."""
    ring = settled(make_ring(), server)
    takeover_campaign.spawn_others(ring)
    any_shard = takeover_campaign.Host(ring, 0, "any")
    own = takeover_campaign.Host(ring, 1)
    own.wait("serves")
    any_shard.wait("spare")
    assert own.end(signal.SIGTERM) == 0
    any_shard.wait("serves")
    assert any_shard.end(signal.SIGKILL) == -signal.SIGKILL
    began = time.monotonic()
    any_shard.start()
    any_shard.wait("serves")
    postern.in_time(time.monotonic() - began, takeover_campaign.LEASE_S * postern.SLOW, "(it waited for its own beat)")


@lacking.root
def test_where_each_kind_has_a_user(server, make_ring, name):
    """The channel worker may make nothing in data.directory, which is root's: it is given its file with the host's id."""
    with postern.Ring(settings=test_users.SETTINGS) as ring:
        test_users.openly(settled(ring, server))
        ring.up()
        ada = ring.user(f"ada-{name}")
        ring.channel(name, ada)
        assert ring.post(ring.channel_url(name, ada.token), {"text": "kept"}).status_code == 204
        host = ring.dir / "data" / "channel.host"
        assert host.owner() == test_users.USERS["channel"] and len(host.read_text()) == 36


def test_a_start_that_cannot_be(server, make_ring):
    ring = settled(make_ring(), server)

    def refused(**settings):
        settings = {key.replace("__", "."): value for key, value in settings.items()}
        process = ring.spawn("channel", wait_ready=False, settings=settings)
        assert process.wait(30) == 78
        return ring.logs().splitlines()[-1]
    assert "needs a connection string" in refused(postgres__connection="")
    assert "synchronous_standby_names" in refused(postgres__copies=2)
    assert "channel shards" in refused(shards__channel=2)
    assert "is lmdb or postgres" in refused(worker__engine="mysql")
    for kind, index, words in (("channel", "any", "is of worker.engine = postgres"), ("gateway", "any", "takes a number")):
        process = ring.spawn(kind, index, wait_ready=False, settings={"worker.engine": "lmdb"})
        assert process.wait(30) == 78 and words in ring.logs().splitlines()[-1]
    wrong = secret(ring.dir / "wrong", server.connection("postern_journal", "no such word", ring.database))
    assert "password authentication failed" in refused(postgres__connection=wrong)
    assert "no such word" not in ring.logs()
    lmdb = ring.spawn("channel", wait_ready=False, settings={"worker.engine": "lmdb"})
    postern.wait(lambda: "worker.start" in ring.logs(), what="a worker with a journal of its own")
    lmdb.terminate()
    assert lmdb.wait(30) == 0
    assert "is a journal of worker.engine = lmdb" in refused()
