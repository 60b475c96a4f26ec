"""The campaign of promotions by Patroni: three servers under it, of which it names one the primary and one the synchronous standby.
The primary's machine dies under load, that is its PostgreSQL and its Patroni, again and again, and comes back when another writes.

    ./dev cluster patroni [N]                                   N times (20)
    python3 tests/system/patroni_campaign.py --rounds 3 --seed 7

As docs/CLUSTER.md wants it: strict, ttl 8, and etcd. What is checked and printed is that of promotion_campaign.py.
"""

import argparse
import contextlib
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

import requests

import kill_campaign
import promotion_campaign
from harness import postern
from harness.database import postgres_server, settled

NODES = 3
SECONDS = 120  # that a member has to come, or to come back
BOOTSTRAP = """
bootstrap:
  dcs: {{ttl: 8, loop_wait: 2, retry_timeout: 3, synchronous_mode: true, synchronous_mode_strict: true,
        postgresql: {{use_pg_rewind: true, parameters: {{max_connections: 60, wal_retrieve_retry_interval: 500ms}}}}}}
  initdb: [{{encoding: UTF8}}, {{locale: C}}, data-checksums]
  pg_hba: [host all all 127.0.0.1/32 scram-sha-256, host replication replicator 127.0.0.1/32 scram-sha-256]
"""
MEMBER = """
scope: postern
name: {name}
restapi: {{listen: "127.0.0.1:{api}", connect_address: "127.0.0.1:{api}"}}
etcd3: {{hosts: "127.0.0.1:{etcd}"}}
postgresql:
  listen: 127.0.0.1:{port}
  connect_address: 127.0.0.1:{port}
  data_dir: {dir}/data
  bin_dir: {bin}
  pgpass: {dir}/pgpass
  authentication: {{superuser: {{username: postgres, password: {password}}}, replication: {{username: replicator, password: {password}}}}}
  parameters: {{unix_socket_directories: "", password_encryption: scram-sha-256, shared_buffers: 64MB}}
"""


def _demoted(words, directory):
    """A process of the user postgres, in a session of its own."""
    with open(directory / "log", "ab") as log:
        return subprocess.Popen(words, stdout=log, stderr=log, cwd=directory, start_new_session=True,
                                preexec_fn=postgres_server._demote if os.getuid() == 0 else None)


def _place(directory):
    directory.mkdir(exist_ok=True)
    if os.getuid() == 0:
        shutil.chown(directory, "postgres")
    return directory


class Member:
    """A machine: Patroni, and the PostgreSQL that it starts."""

    def __init__(self, directory, name, etcd, password):
        self.dir, self.name = _place(directory), name
        self.port, self.api = postgres_server.free_port(), postgres_server.free_port()
        (self.dir / "patroni.yml").write_text((BOOTSTRAP + MEMBER).format(
            name=name, api=self.api, etcd=etcd, port=self.port, dir=self.dir, bin=postgres_server.BIN, password=password))
        self.start()

    def start(self):
        self.process = _demoted(["patroni", self.dir / "patroni.yml"], self.dir)

    def says(self, what):
        """Whether it is that: "primary", "sync" (the synchronous standby) or "health"."""
        try:
            return requests.get(f"http://127.0.0.1:{self.api}/{what}", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def knows(self, database, password):
        where = f"host=127.0.0.1 port={self.port} user={postgres_server.SUPERUSER} password='{password}' dbname={database}"
        return subprocess.run(["psql", "-X", "-q", "-c", "SELECT 1", "-d", where], capture_output=True).returncode == 0

    def kill(self):
        """As a power cut of the machine."""
        self.process.kill()
        self.process.wait(30)
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            postmaster = int((self.dir / "data" / "postmaster.pid").read_text().split()[0])
            children = pathlib.Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
            for pid in (postmaster, *map(int, children)):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


class Cluster:
    """What a test may ask of a server (tests/postgres_server.py), of the one that writes."""

    def __init__(self, directory):
        self.dir, self.password = _place(directory), "super secret"
        ports = [postgres_server.free_port() for _ in range(2)]
        self.etcd = _demoted(["etcd", "--name", "one", "--data-dir", self.dir / "etcd", "--unsafe-no-fsync",
                              "--listen-client-urls", f"http://127.0.0.1:{ports[0]}", "--advertise-client-urls", f"http://127.0.0.1:{ports[0]}",
                              "--listen-peer-urls", f"http://127.0.0.1:{ports[1]}", "--initial-advertise-peer-urls", f"http://127.0.0.1:{ports[1]}",
                              "--initial-cluster", f"one=http://127.0.0.1:{ports[1]}"], self.dir)
        self.members = [Member(self.dir / f"node{i}", f"node{i}", ports[0], self.password) for i in range(NODES)]
        self.settle()

    def primary(self, but=None):
        return next((one for one in self.members if one is not but and one.says("primary")), None)

    def settle(self):
        """Until all are there, and one of them is the synchronous standby."""
        postern.wait(lambda: self.primary() and any(one.says("sync") for one in self.members) and all(one.says("health") for one in self.members),
                     SECONDS, what="a cluster with a synchronous standby")

    def connection(self, user=postgres_server.SUPERUSER, password=None, database="postgres"):
        return (f"host={','.join(['127.0.0.1'] * NODES)} port={','.join(str(one.port) for one in self.members)} user={user} dbname={database} "
                f"password='{self.password if password is None else password}' target_session_attrs=read-write")

    def sql(self, text, database="postgres"):
        rows = postgres_server.Server.sql(self, text, database)
        if text.startswith("CREATE DATABASE"):  # who meets a standby without it goes to no other
            postern.wait(lambda: all(one.knows(text.split()[-1], self.password) for one in self.members), SECONDS, what=text)
        return rows

    def stop(self):
        for one in self.members:
            one.kill()
        self.etcd.kill()
        self.etcd.wait(30)
        shutil.rmtree(self.dir, ignore_errors=True)


def promote(servers, tally):
    """The machine of the one that writes dies, and is a standby again when another one writes."""
    cluster, = servers
    dead = cluster.primary()
    before, began = len(tally.acknowledged), time.monotonic()
    dead.kill()
    postern.wait(lambda: cluster.primary(dead), SECONDS, what="another primary")
    tally.promoted.append(time.monotonic() - began)
    postern.wait(lambda: len(tally.acknowledged) > before + kill_campaign.WRITERS, 30, what="messages")
    tally.served.append(time.monotonic() - began)
    dead.start()
    cluster.settle()
    tally.kills += 1


def main():
    words = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    words.add_argument("--rounds", type=int, default=20)
    words.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    chosen = words.parse_args()
    cluster = Cluster(pathlib.Path(postern.scratch("patroni-")))
    try:
        with postern.Ring(settings={"gateway.deadline_ms": 20000}) as ring:
            settled(ring, cluster, copies=2)
            tally = promotion_campaign.campaign(ring.up(), [cluster], chosen.rounds, chosen.seed, "patroni", promote)
            ring.keep = not kill_campaign.told(tally)
    finally:
        cluster.stop()
    sys.exit(ring.keep)


if __name__ == "__main__":
    main()
