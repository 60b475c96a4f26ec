"""Journals of channels in two clusters of PostgreSQL next to one, without a ring: a process a shard stores batches of 64 messages. Two
shards are in each cluster. Each cluster with what stores in it is held to a core of its own, so that two of them have twice what one
has: on two cores that all share, one cluster takes both."""

import contextlib
import os
import pathlib
import shutil
import statistics
import subprocess
import sys

import bench

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import postgres_server  # noqa: E402
from harness import postern  # noqa: E402

BATCH = 64
SHARDS = {"main": (0, 2), "b": (1, 3)}
APPEND = bench.ROOT / "build" / "release" / "bin" / "append"
SETTINGS = {"shared_buffers": "256MB", "max_wal_size": "4GB"}


@contextlib.contextmanager
def held(core):
    """What is started meanwhile runs on CORE alone; None: where it likes."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores if core is None else {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


class Pair:
    """Two servers, and the shards of one installation in them."""

    def __init__(self):
        cores = sorted(os.sched_getaffinity(0))
        self.cores = dict(zip(SHARDS, cores)) if len(cores) > 1 else dict.fromkeys(SHARDS)
        self.servers = {}
        self.ring = postern.Ring(shards={"channel": 4}, preset_settings=False)
        for name, core in self.cores.items():
            with held(core):
                self.servers[name] = postgres_server.Server(postern.scratch("pg-"), SETTINGS).start()
        self.files = {name: self.ring.dir / f"{name}.connection" for name in SHARDS}
        self.ring.settings.update({"worker.engine": "postgres", "postgres.copies": 1, "postgres.connection": self.files["main"],
                                   "postgres.clusters": f"b={self.files['b']}"})
        for name, server in self.servers.items():
            admin = self.ring.dir / f"admin-{name}"
            admin.write_text(server.connection() + "\n")
            admin.chmod(0o600)
            self.ring.ctl_run("db", "init", admin, "--cluster", name, check=True)
        for shard in SHARDS["b"]:
            self.ring.ctl_run("shard", "move", f"channel/{shard}", "b", check=True)

    def run(self, names, seconds):
        """Messages a second, stored in the clusters of these names."""
        processes = []
        for name in names:
            with held(self.cores[name]):
                processes += [subprocess.Popen([APPEND, str(shard), "4", str(seconds), str(BATCH), *(f"{n}={f}" for n, f in self.files.items())],
                                               stdout=subprocess.PIPE, text=True) for shard in SHARDS[name]]
        said = [process.communicate(timeout=seconds + 60)[0].split() for process in processes]
        if any(process.returncode for process in processes):
            sys.exit("append failed")
        return sum(int(stored) / int(us) * 1e6 for stored, us in said)

    def close(self):
        for server in self.servers.values():
            server.stop()
            shutil.rmtree(server.dir, ignore_errors=True)
        self.ring.close()


def measure(plan):
    pair, found = Pair(), []
    try:
        for _ in range(plan.rounds):
            one, other, two = (pair.run(names, plan.seconds) for names in (("main",), ("b",), ("main", "b")))
            bench.say(f"messages a second: main {one:.0f}, b {other:.0f}, both {two:.0f}")
            found.append(two / statistics.mean((one, other)))
    finally:
        pair.close()
    bench.say_ratio("two clusters, journals only / one", found, "goal 1.7")
