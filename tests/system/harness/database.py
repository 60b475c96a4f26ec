"""Rings whose journals lie in PostgreSQL, on servers of the tests' own (tests/postgres_server.py)."""

import pathlib
import random
import sys

from . import postern

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import postgres_server  # noqa: E402


def server_running(directory=None, **more):
    return postgres_server.running(directory or postern.scratch("pg-"), **more)


def secret(path, text):
    path.write_text(text + "\n")
    path.chmod(0o600)
    return path


def worker_password(ring):
    """Of the role with which RING's workers connect, from the file that has it."""
    return ring.connection.read_text().split("password='")[1].split("'")[0]


def _logs(server, database, kind):
    """All of them, at one moment; None where a table was dropped since its name was read."""
    names = server.sql(f"SELECT tablename FROM pg_tables WHERE schemaname = 'postern' AND tablename LIKE 'log\\_{kind[0]}0\\_%'", database).split()
    try:
        return [int(log) for log in server.sql(" UNION ALL ".join(f"SELECT log FROM postern.{name}" for name in names), database).split()]
    except RuntimeError as error:
        if "does not exist" not in str(error):
            raise
    return None


def holes(server, database, kind="channel"):
    """Numbers of the log of shard 0 of KIND that are missing, and those that are there again."""
    logs = postern.wait(lambda: _logs(server, database, kind), what="tables that stay")
    return (max(logs) - min(logs) + 1 - len(set(logs))) + (len(logs) - len(set(logs)))


def settled(ring, server, copies=1, delivers=False):
    """RING, with a database of its own on SERVER that posternctl has made. DELIVERS: bots and extensions lie there, too."""
    database = f"ring{random.randrange(1 << 30)}"
    server.sql(f"CREATE DATABASE {database}")
    ring.server, ring.database = server, database
    ring.connection = ring.dir / "postgres.connection"
    ring.settings.update({"worker.engine": "postgres", "postgres.copies": copies, "postgres.connection": ring.connection})
    if delivers:
        ring.settings["delivery.engine"] = "postgres"
    admin = secret(ring.dir / "admin.connection", server.connection(database=database))
    shared = server.dir / "worker.password"
    if shared.exists():  # the role is the server's, and there already
        secret(ring.connection, server.connection("postern_journal", shared.read_text(), database))
    ring.made = ring.ctl_run("db", "init", admin, check=True).stdout
    if not shared.exists():
        shared.write_text(worker_password(ring))
    return ring
