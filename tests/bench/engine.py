"""./dev bench --engine postgres: the ring with its channels in PostgreSQL, on one server and with a
synchronous standby, next to the ring that keeps them on this host and next to PostgreSQL itself.

All of it shares the machine's cores and its disk; peers take turns, and each ratio is made within a
round. --short: one round of a second each."""

import argparse
import pathlib
import shutil
import sys

import bench
import engine_clusters
import engine_deliver
import peers
from bench import say

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import postgres_server  # noqa: E402
from harness import postern  # noqa: E402

CONNECTIONS = (1, 64, 256)


class Database:
    """A server of PostgreSQL as initdb makes it, with more memory, and perhaps its synchronous standby."""

    def __init__(self, copies):
        self.copies, self.standby = copies, None
        self.server = postgres_server.Server(postern.scratch("pg-"), {"shared_buffers": "512MB", "max_wal_size": "4GB"}).start()
        if copies == 2:
            self.standby = self.server.standby(postern.scratch("pg-"))

    def processes(self):
        return [pid for one in (self.server, self.standby) if one
                for pid in [str(one.process.pid), *peers.children(one.process.pid)]]

    def close(self):
        for one in (self.server, self.standby):
            if one:
                one.stop()
                shutil.rmtree(one.dir, ignore_errors=True)


class Ring(bench.RingPeer):
    """database: None, or where its channels are stored."""

    def __init__(self, plan, database=None):
        self.database = database
        super().__init__(plan)

    def start(self):
        settings = {"authd.rate": 0, "log.level": "warn", "delivery.allow": "127.0.0.0/8"}
        ring = postern.Ring(settings=settings, preset_settings=False)
        if self.database:
            admin = ring.dir / "admin.connection"
            admin.write_text(self.database.server.connection() + "\n")
            admin.chmod(0o600)
            ring.settings.update({"worker.engine": "postgres", "delivery.engine": "postgres", "postgres.copies": self.database.copies,
                                  "postgres.connection": ring.dir / "postgres.connection"})
            ring.ctl_run("db", "init", admin, check=True)
        return ring.up()

    def processes(self):
        found = super().processes()
        return {**found, "postgres": self.database.processes()} if self.database else found


def run_all(plan, rings, postgres):
    results = {}
    for round_ in range(plan.rounds):
        say(f"round {round_ + 1} of {plan.rounds}")
        for connections in CONNECTIONS:
            for name, ring in rings.items():
                result = bench.measure(ring, lambda s, p=ring, c=connections: bench.wrk(p.base, p.tokens, c, s), plan)
                results.setdefault((name, connections), []).append(result)
        for clients in (1, bench.PG_CLIENTS):
            result = bench.measure(postgres, lambda s, n=clients: postgres.run(s, n), plan)
            results.setdefault(("PostgreSQL", clients), []).append(result)
    return results


def ratios(results):
    def each(key, over, field="rate"):
        return [a[field] / b[field] for a, b in zip(results[key], results[over])]

    for name, values, bound in (
            ("one copy / this host, 256 connections", each(("one copy", 256), ("this host", 256)), "at least 0.70"),
            ("two copies / this host, 256 connections", each(("two copies", 256), ("this host", 256)), "at least 0.50"),
            ("one copy (256) / PostgreSQL (64)", each(("one copy", 256), ("PostgreSQL", 64)), "at least 1.50"),
            ("one copy's median at 1 / PostgreSQL's", each(("one copy", 1), ("PostgreSQL", 1), "p50"), "at most 3.00")):
        bench.say_ratio(name, values, bound)


def main():
    parser = argparse.ArgumentParser(prog="./dev bench --engine postgres")
    parser.add_argument("--short", action="store_true", help="a few seconds; proves nothing")
    plan = bench.Plan(parser.parse_args().short)
    bench.machine()
    opened, rings = [], {}
    try:
        for name, copies in (("this host", 0), ("one copy", 1), ("two copies", 2)):
            say(f"start the ring: {name}")
            database = Database(copies) if copies else None
            if database:
                opened.append(database)
            rings[name] = Ring(plan, database)
            opened.append(rings[name])
        postgres = peers.Postgres(plan, tcp=True)
        opened.append(postgres)
        results = run_all(plan, rings, postgres)
        bench.table(results)
        say("")
        ratios(results)
        rates = engine_deliver.compare(plan, {name: one.ring for name, one in rings.items()})
        for name in ("one copy", "two copies"):
            bench.say_ratio(f"deliveries, {name} / this host", [a / b for a, b in zip(rates[name], rates["this host"])], "no bound")
        say("stored: " + "  ".join(f"{name} {ring.stored()}" for name, ring in rings.items()))
    finally:
        for peer in reversed(opened):
            peer.close()
    engine_clusters.measure(plan)


if __name__ == "__main__":
    main()
