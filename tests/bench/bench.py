"""./dev bench: the ring next to nchan (publish to memory), webdis with Redis (append, synced), and PostgreSQL (one
durable INSERT each).

Peers take turns, round after round, on the same disk and the same two cores; each figure is the
median of its rounds. docs/BENCHMARKS.md says how to read it. --short: one round of a second each, few
tokens: shows that the benchmark works, not how fast anything is."""

import argparse
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
os.environ.setdefault("POSTERN_PRESET", "release")
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

import loader  # noqa: E402
import peers  # noqa: E402
from harness import postern  # noqa: E402

BODY = json.dumps({"text": "x" * 229}, separators=(",", ":"))
assert len(BODY) == 240
CONNECTIONS = (1, 64, 256, 1024)
PG_CLIENTS = 64
STARTED_S = 3  # what the start alone needed has been given back (common/base/shed.h)


class Plan:
    def __init__(self, short, rounds=None):
        self.short = short
        self.rounds, self.seconds, self.warmup = (1, 1, 0) if short else (3, 5, 1)
        self.rounds = rounds or self.rounds
        self.connections = (1, 256) if short else CONNECTIONS
        self.users, self.channels = (200, 10) if short else (20000, 100)
        self.syncs = 100 if short else 1000


def say(text):
    print(text, flush=True)


class RingPeer:
    """The whole ring, release build, durable, each request with one of many tokens."""

    def __init__(self, plan):
        self.ring = self.start()
        time.sleep(0 if plan.short else STARTED_S)
        self.idle = self.memory()
        say(f"fill the directory: {plan.users * 5} tokens of {plan.users} users, "
            f"{plan.channels} channels")
        pairs = loader.fill(f"ipc://{self.ring.sockets}/control", plan.users, plan.channels)
        self.base, self.dir = self.ring.base, self.ring.dir
        self.tokens = self.dir / "tokens"
        self.tokens.write_text("".join(f"{token} {channel}\n" for token, channel in pairs))

    def start(self):
        return postern.Ring(settings={"authd.rate": 0, "log.level": "warn"}, preset_settings=False).up()

    def processes(self):
        return {name.rsplit("-", 1)[0]: [self.ring.pid(name)] for name in self.ring.names}

    def memory(self):
        """(proportional, resident, own) MB of all processes: what several of them map is counted once, or by each;
        or without files, whose pages are the kernel's cache."""
        sums = {"Pss": 0, "Rss": 0, "Anonymous": 0}
        for pids in self.processes().values():
            for line in pathlib.Path(f"/proc/{pids[0]}/smaps_rollup").read_text().splitlines():
                name, *value = line.split()
                if name[:-1] in sums:
                    sums[name[:-1]] += int(value[0])
        return tuple(kib / 1024 for kib in sums.values())

    def stored(self):
        return int(self.ring.metric("channel-0", "stored_total"))

    def commits(self):
        return int(self.ring.metric("channel-0", "commits_total"))

    def close(self):
        self.ring.close()


def cpu_ticks(pids):
    """utime + stime of the processes and of their children that were waited for."""
    total = 0
    for pid in pids:
        try:
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            total += sum(map(int, fields[11:15]))
        except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
            pass
    return total


TICK_US = 1e6 / os.sysconf("SC_CLK_TCK")


def wrk(base, tokens, connections, seconds, path="/api/v2/channelsbyname/%s/message", credentials=()):
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "--latency",
             "-s", HERE / "load.lua", base, "--", tokens, BODY, path, *credentials]
    return wrk_result(subprocess.run(words, capture_output=True, text=True, timeout=seconds + 60), f"{base}, {connections} connections")


def wrk_event(base, tokens, body, connections, seconds, fresh, path="/api/v2/channelsbyname/%s/message", *headers):
    """BODY: a file. FRESH: the name of a header that has another value in each request."""
    words = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s", "--latency", "-s", HERE / "event.lua", base,
             "--", tokens, body, path, fresh, *headers]
    return wrk_result(subprocess.run(words, capture_output=True, text=True, timeout=seconds + 60), f"{base}{path}")


def wrk_result(done, where):
    """What wrk's script has printed at its end; an answer that is no success ends the benchmark."""
    found = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not found:
        how = f"by {signal.Signals(-done.returncode).name}" if done.returncode < 0 else f"with {done.returncode}"
        sys.exit(f"wrk at {where} ended {how}: {done.stdout}{done.stderr or 'it has said nothing'}")
    result = json.loads(found[-1])
    if result["bad"] or result["broken"]:
        sys.exit(f"wrk at {where}: {result}")
    return result


def measure(peer, run, plan):
    """Warm-up, then one measured run: requests a second, p50, p99 (ms), CPU µs per process."""
    if plan.warmup:
        run(plan.warmup)
    commits = getattr(peer, "commits", lambda: 0)
    before, begun = {name: cpu_ticks(pids) for name, pids in peer.processes().items()}, commits()
    result = run(plan.seconds)
    after, done = {name: cpu_ticks(pids) for name, pids in peer.processes().items()}, commits()
    n = max(result["requests"], 1)
    return {"rate": n / result["us"] * 1e6, "p50": result["p50"] / 1e3, "p99": result["p99"] / 1e3, "batch": n / max(done - begun, 1),
            "cpu": {name: (after[name] - before[name]) * TICK_US / n for name in after}}


def median(results):
    keys = results[0]["cpu"]
    return {**{k: statistics.median(r[k] for r in results) for k in ("rate", "p50", "p99")},
            "cpu": {k: statistics.median(r["cpu"][k] for r in results) for k in keys}}


def sync_times(directory, count, size=4096):
    """Median and p99 in ms of a write and an fdatasync."""
    program = ROOT / "build" / os.environ["POSTERN_PRESET"] / "bin" / "fdatasync"
    told = subprocess.run([program, directory / "sync", str(count), str(size)], capture_output=True, text=True, check=True).stdout
    return tuple(float(word) / 1e3 for word in told.split())


def fdatasync(directory, count, size=4096):
    return sync_times(directory, count, size)[0]


def run_all(plan, ring, nchan, webdis, postgres):
    """{(peer, connections): [result, …]} and the fdatasync medians in ms, one a round."""
    runs = {"ring": (ring, {}), "nchan": (nchan, {}), "webdis": (webdis, webdis.REQUEST)}
    results, syncs = {}, []
    for round_ in range(plan.rounds):
        say(f"round {round_ + 1} of {plan.rounds}")
        syncs.append(fdatasync(ring.dir, plan.syncs))
        for connections in plan.connections:
            for name, (peer, request) in runs.items():
                result = measure(
                    peer, lambda s, p=peer, c=connections, r=request: wrk(p.base, ring.tokens, c, s, **r), plan)
                results.setdefault((name, connections), []).append(result)
        result = measure(postgres, postgres.run, plan)
        results.setdefault(("PostgreSQL", PG_CLIENTS), []).append(result)
    return results, syncs


def say_ratio(name, values, bound, width=42):
    """Each ratio is made within a round, where both sides had the same minutes; then the median."""
    each = "  ".join(f"{value:.2f}" for value in values)
    say(f"{name:<{width}}{statistics.median(values):>6.2f}   ({bound}; rounds: {each})")


def table(results):
    results = {key: median(found) for key, found in results.items()}
    say(f"\n{'peer':<11}{'conns':>6}{'msg/s':>9}{'p50 ms':>9}{'p99 ms':>9}   CPU µs a message")
    for (name, connections), r in sorted(results.items(), key=lambda row: (row[0][1], row[0][0])):
        cpu = "  ".join(f"{process} {us:.1f}" for process, us in r["cpu"].items() if us >= 0.05)
        say(f"{name:<11}{connections:>6}{r['rate']:>9.0f}{r['p50']:>9.2f}{r['p99']:>9.2f}   {cpu}")


def ratios(results, syncs):
    def rates(*key):
        return [result["rate"] for result in results[key]]

    def to(peer, connections):
        return [a / b for a, b in zip(rates("ring", connections), rates(peer, connections))]

    def costs(peer):
        return [sum(result["cpu"].values()) for result in results[peer, 256]]

    found = {
        **{f"ring / webdis with Redis, {connections}": (to("webdis", connections), f"goal {goal}")
           for connections, goal in zip(CONNECTIONS, (0.9, 1.25, 1.5, 1.6)) if ("webdis", connections) in results},
        **{f"ring / nchan, {connections} connections": (to("nchan", connections), f"goal {goal}")
           for connections, goal in ((256, 0.75), (1024, 0.85)) if ("nchan", connections) in results},
        "ring's CPU a message / nginx's, 256": ([a / b for a, b in zip(costs("ring"), costs("nchan"))], "goal at most 1.6"),
        "ring (256) / PostgreSQL (64)":
            ([a / b for a, b in zip(rates("ring", 256), rates("PostgreSQL", PG_CLIENTS))],
             "at least 2.50"),
        "ring's median at 1 connection / fdatasync":
            ([a["p50"] / b for a, b in zip(results["ring", 1], syncs)], "goal at most 2.2"),
    }
    say(f"\nfdatasync of this disk: median {statistics.median(syncs):.3f} ms\n")
    for name, (values, bound) in found.items():
        say_ratio(name, values, bound)
    for name, values in {"ring's CPU µs a message, 256": costs("ring"), "nginx's CPU µs a message, 256": costs("nchan"),
                         "messages a commit of the ring, 256": [result["batch"] for result in results["ring", 256]]}.items():
        say_ratio(name, values, "for information")


def machine_ticks():
    """Of all cores: (idle, also for the disk; taken by the host; in all)."""
    times = [int(word) for word in open("/proc/stat").readline().split()[1:9]]
    return times[3] + times[4], times[7], sum(times)


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                  if line.startswith("model name")), "unknown")
    say(f"{os.cpu_count()} cores ({model}), Linux {os.uname().release}")


def main():
    parser = argparse.ArgumentParser(prog="./dev bench")
    parser.add_argument("--short", action="store_true", help="a few seconds; proves nothing")
    parser.add_argument("--rounds", type=int, help="5 in the table of all")
    args = parser.parse_args()
    plan = Plan(args.short, args.rounds)
    machine()
    opened = []
    try:
        for make in (RingPeer, peers.Nchan, peers.Webdis, peers.Postgres):
            say(f"start {make.__name__.removesuffix('Peer').lower()}")
            opened.append(make(plan))
        ring = opened[0]
        before, (_, stolen_before, all_before) = ring.stored(), machine_ticks()
        results, syncs = run_all(plan, *opened)
        _, stolen_after, all_after = machine_ticks()
        table(results)
        ratios(results, syncs)
        share = (stolen_after - stolen_before) / (all_after - all_before)
        say_ratio("MB of the ring after the load, no files", [ring.memory()[2]], "goal at most 256")
        for what, (proportional, resident, _) in (("idle", ring.idle), ("after the load, with the pages of its files", ring.memory())):
            say(f"memory of the ring, {what}: {proportional:.0f} MB, shared pages counted once (RSS {resident:.0f} MB)")
        say(f"time that the host took from this machine: {share:.1%}")
        say(f"stored by the ring in all: {ring.stored() - before}")
    finally:
        for peer in reversed(opened):
            peer.close()


if __name__ == "__main__":
    main()
