"""posternctl migrate: what senders, readers and handlers know is the same with the journals in PostgreSQL, and back in files."""

import contextlib
import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess

import pytest

from answering import Answering, deliveries, replies, settled
from harness import database, leftovers
from reading_streams import Raw, Sse
from test_changes import Place

ENGINES = {"channel": "worker", "bot": "delivery", "extension": "delivery"}


class Moody(Answering):
    """410 to what is to be dead, 503 while it FAILS, else a message in reply."""

    def __init__(self):
        self.fails = False
        super().__init__(self._say)

    def _say(self, event, count):
        if event["body"] == '"dead"':
            return 410, {}
        return (503, {}) if self.fails else (200, {"text": f"answer to {event['body']}"})


@pytest.fixture(scope="module")
def server():
    with database.server_running() as made:
        yield made


def keyed(ring, url, body):
    answer = ring.post(url, body, headers={"Idempotency-Key": "key-1"})
    return answer.status_code, answer.text, answer.headers.get("Idempotency-Replayed")


def fill(ring, place):
    """What a channel can hold."""
    place.post({"text": "queued", "message_key": "build"})
    place.post({"text": "passed", "message_key": "build"})
    root = place.post({"text": "deploy failed"})["message_id"]
    place.post({"text": "looking", "thread_message_id": root}, user=place.bob)
    gone = place.post({"text": "gone"})["message_id"]
    assert place.change("DELETE", gone).status_code == 204
    place.post({"text": "for Bob", "userids": [place.bob.id]})
    assert keyed(ring, place.url("message", sync_message="true"), {"text": "once"})[0] == 200
    return root


def seen(ring, place, bot):
    pages = [place.page(revisions="1"), place.page()]
    rows = deliveries(ring, "bots", bot, place.ada.token)
    ended = {row["id"]: (row["state"], row["number"], row["attempts"]) for row in rows if row["state"] != "pending"}
    return pages, ring.messages("bots", bot, place.ada.token), ended


def streamed(ring, place, path, count, *headers):
    """The positions of so many events of a stream."""
    raw = Raw(ring.port, path, [f"Authorization: Bearer {place.ada.token}", *headers])
    try:
        events = list(itertools.islice(Sse(raw.chunks()), count))
        assert all(kind != "reset" for kind, _, _ in events), events
        return [position for _, _, position in events]
    finally:
        raw.close()


def positions(ring, place, name):
    """What follows the first event of a stream, by its position: of one target, and of those that may be several."""
    paths = (f"/api/v2/channelsbyname/{name}/stream", f"/api/v2/streams?targets=channel:{name}")
    return {path: streamed(ring, place, path + ("&" if "?" in path else "?") + "last=3", 2) for path in paths}


def assert_they_hold(ring, place, before):
    for path, (first, second) in before.items():
        assert streamed(ring, place, path, 1, f"Last-Event-ID: {first}") == [second], path


def set_engines(ring, engine):
    for section in set(ENGINES.values()):
        ring.settings[f"{section}.engine"] = engine


def refuses_to_start(ring, kind, engine, **settings):
    program = f"postern-{kind}" + ("-postgres" if engine == "postgres" else "")
    done = subprocess.run([ring.binaries / program, "-i", "0", "-c", ring.conf, *ring._overrides({f"{ENGINES[kind]}.engine": engine, **settings})],
                          capture_output=True, text=True, timeout=30, env=ring.environment)
    assert done.returncode, done
    return done.stderr


@contextlib.contextmanager
def at(ring, table, when, does):
    """What comes to a row of TABLE that WHEN says of NEW meets what DOES says, in PL/pgSQL."""
    ring.server.sql(f"CREATE FUNCTION public.met() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN {does}; RETURN NEW; END$$; CREATE TRIGGER met "
                    f"BEFORE INSERT OR UPDATE ON postern.{table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION public.met()", ring.database)
    try:
        yield
    finally:
        ring.server.sql("DROP FUNCTION public.met CASCADE", ring.database)


def killed_at(ring, kind, engine, table, when, whom="posternctl"):
    """A migration that is killed when it comes to that row, or its other process; what it says."""
    with at(ring, table, when, "PERFORM pg_sleep(600)"):
        going = subprocess.Popen([ring.binaries / "posternctl", "migrate", kind, engine, "-c", ring.conf, *ring._overrides()],
                                 stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ring.environment)
        sleeps = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
        ring.wait(lambda: ring.server.sql(sleeps, ring.database), 20, what="the migration's wait")
        if whom == "posternctl":
            going.kill()
        else:  # whom it has started
            for child, _ in leftovers.children(going.pid):
                if pathlib.Path(f"/proc/{child}/exe").resolve().name == whom:
                    os.kill(child, signal.SIGKILL)
        ring.server.sql(f"SELECT pg_terminate_backend(pid) FROM ({sleeps}) s", ring.database)
        return going.communicate(timeout=20)[0]


def refused(ring, kind, engine, *words, wrap=(), **settings):
    """What a migration says that does nothing."""
    done = subprocess.run([*wrap, ring.binaries / "posternctl", "migrate", kind, engine, "-c", ring.conf, *ring._overrides(settings)],
                          capture_output=True, text=True, timeout=60, env=ring.environment)
    assert done.returncode == 1 and all(word in done.stderr for word in words), done
    return done.stderr


def migrated(ring, engine):
    """Carries all over; what a run says."""
    said = {kind: ring.ctl("migrate", kind, engine)["migrate"] for kind in ENGINES}
    other = "lmdb" if engine == "postgres" else "postgres"
    assert "already" in ring.ctl_run("migrate", "channel", engine, check=True).stdout
    for kind in ("channel", "bot"):
        assert f"posternctl migrate {kind} {other}" in refuses_to_start(ring, kind, other)
    set_engines(ring, engine)
    if engine == "postgres":
        done = ring.ctl_run("reshard", "channel", "3")
        assert done.returncode == 1 and "are in PostgreSQL, whose count is fixed" in done.stderr, done
    return said


NOTE = "postgres.installation"


def of_another(ring, path, engine):
    """A data directory that the database does not belong to."""
    refused(ring, "channel", engine, "nothing in", "posternctl db init", **{"data.directory": path})
    (path / NOTE).write_text("01234567-89ab-7def-8123-456789abcdef\n")
    refused(ring, "channel", engine, "the journals of another installation", **{"data.directory": path})


def no_way_there(ring, tmp_path):
    """Faults at the database: nothing has changed after each."""
    password = database.worker_password(ring)
    wrong = database.secret(tmp_path / "wrong", ring.server.connection("postern_journal", "not-" + password, ring.database))
    said = refused(ring, "channel", "postgres", "password authentication failed", **{"postgres.connection": wrong})
    assert password not in said
    none = database.secret(tmp_path / "none", ring.server.connection("postern_journal", password))
    refused(ring, "channel", "postgres", "no installation of Postern", **{"postgres.connection": none})
    refused(ring, "channel", "postgres", "shards", "reshard", **{"shards.channel": 1})
    refused(ring, "channel", "mysql", "no engine 'mysql'")
    other = tmp_path / "other"
    for journal in ("channel-0", "channel-1"):
        shutil.copytree(ring.dir / "data" / journal, other / journal)
    of_another(ring, other, "postgres")
    with at(ring, "segment", "true", "RAISE EXCEPTION 'No space left on device' USING ERRCODE = '53100'"):
        refused(ring, "channel", "postgres", "No space left on device", "Nothing is lost")
    assert "has ended" in killed_at(ring, "channel", "postgres", "segment", "true", "postern-database")


def no_way_back(ring, tmp_path):
    """Faults at the files, and of a database that others have written to."""
    kept, = (ring.dir / "data").glob("replaced-*/channel-0")
    of_another(ring, tmp_path, "lmdb")
    for place in (tmp_path, kept.parent):
        shutil.copy(ring.dir / "data" / NOTE, place)
    refused(ring, "channel", "postgres", "has a journal of channel/", "already", **{"data.directory": kept.parent})
    small = ["unshare", "--mount", "sh", "-c", 'mkdir -m 700 "$0" && mount -t tmpfs -o size=200k none "$0" && exec "$@"',
             ring.dir / "data" / "migrate-channel"]
    refused(ring, "channel", "lmdb", "No space left on device", "Nothing is lost", wrap=small)


def test_there_and_back_with_deliveries_pending(server, make_ring, name, tmp_path):
    ring = make_ring(shards={"channel": 2}, settings={"delivery.allow": "127.0.0.0/8", "delivery.time_scale": 400, "process.drain_ms": 1000})
    database.settled(ring, server, delivers=True)
    set_engines(ring, "lmdb")
    ring.up()
    ada, bob = ring.user(name), ring.user(name + "-bob")
    ring.channel(name, ada, [ada, bob])
    ring.bot(name, ada)
    place = Place(ring, "channelsbyname", name, ada, bob)
    with Moody() as handler:
        ring.ctl("bot", "handler", "set", name, handler.url)
        ring.manage("channel_edit", name, retention={"messages": 50})
        root = fill(ring, place)
        for text, state in (("one", "delivered"), ("dead", "dead")):
            assert ring.post(ring.bot_url(name, ada.token), json.dumps(text)).status_code == 200
            ring.wait(lambda state=state: deliveries(ring, "bots", name, ada.token, state=state), 20, what=state)
        ring.ctl("bot", "handler", "set", name, handler.url)
        handler.fails = True
        waits = ring.post(ring.bot_url(name, ada.token), json.dumps("two"))
        assert waits.status_code == 200
        ring.wait(lambda: any(row["made"] for row in deliveries(ring, "bots", name, ada.token, state="pending")), 20)
        first = keyed(ring, place.url("message", sync_message="true"), {"text": "once"})
        assert first[2] == "true"
        busy = ring.ctl_run("migrate", "channel", "postgres")
        assert busy.returncode == 1 and "is held by a running process" in busy.stderr
        before, places = seen(ring, place, name), positions(ring, place, name)
        ring.stop()
        no_way_there(ring, tmp_path)
        killed_at(ring, "channel", "postgres", "shard", "NEW.kind = 0 AND NEW.shard = 1")
        assert "posternctl migrate channel postgres" in refuses_to_start(ring, "channel", "postgres")
        elsewhere = refuses_to_start(ring, "channel", "postgres", **{"data.directory": tmp_path})
        assert "not all journals of channel are in the database yet" in elsewhere
        killed_at(ring, "extension", "postgres", "installation", "NEW.extension = 1")  # the files lie aside by then
        assert "not all journals" in refuses_to_start(ring, "extension", "postgres")
        moved = migrated(ring, "postgres")
        assert ring.server.sql("SELECT messages FROM postern.retained", ring.database) == "50"
        assert (moved["channel"]["messages"], moved["channel"]["keys"], moved["bot"]["deliveries"]) == (8, 1, 3), moved
        assert moved["channel"]["there"] == 1, moved
        ring.up()
        assert seen(ring, place, name) == before
        assert_they_hold(ring, place, places)
        assert keyed(ring, place.url("message", sync_message="true"), {"text": "once"}) == first
        waiting, = [row for row in deliveries(ring, "bots", name, ada.token) if row["state"] == "pending"]
        assert waiting["attempts"][0]["status"] == 503
        assert place.change("PUT", root, {"text": "deployed"}).ok
        place.post({"text": "passed again", "message_key": "build"})
        assert place.page(thread=root)[0]["message"]["text"] == "deployed"
        before = seen(ring, place, name)
        ring.stop()
        no_way_back(ring, tmp_path)
        killed_at(ring, "channel", "lmdb", "shard", "NEW.kind = 0 AND NEW.shard = 1")
        killed_at(ring, "bot", "lmdb", "installation", "NEW.bot > 1")
        moved = migrated(ring, "lmdb")
        assert moved["channel"]["there"] == 1 and moved["bot"]["there"] == 1, moved
        refused(ring, "channel", "lmdb", "went from this database to lmdb", **{"data.directory": tmp_path})
        assert (moved["channel"]["messages"], moved["channel"]["keys"]) == (10, 1), moved
        ring.up()
        assert seen(ring, place, name) == before
        assert_they_hold(ring, place, places)
        assert keyed(ring, place.url("message", sync_message="true"), {"text": "once"}) == first
        handler.fails = False
        settled(ring, "bots", name, ada.token)
        assert [reply["message"]["text"] for reply in replies(ring, "bots", name, ada.token)] == ['answer to "one"', 'answer to "two"']
        assert {row["state"] for row in deliveries(ring, "bots", name, ada.token)} == {"dead", "delivered"}
    ring.stop()
