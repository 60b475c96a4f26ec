"""./dev bench --part NAME: one row of the table of ratios by itself, at 256 connections.

    keyed, spread, large   of --shapes
    aged     beside a journal that is empty: one of 50 million messages (20 GB of disk, three minutes to fill)
    seen     the same with 10 million keys that are remembered, every request with a new one
    paced    at half of the maximum, a request due whether the one before is answered or not: p99 / p50, where a latency
             begins when the request was due; behind a second of warm-up at the same pace, which is told apart; nchan the same,
             at half of its own maximum
    handlers events that are due all at once, 100 for each of 1,000 handlers beside as many for one: deliveries a second
    memory   of all processes, 3 s behind their start
    clusters journals alone in two clusters of PostgreSQL, two shards in each, beside two shards in one; each cluster and what
             stores in it has one core, where there are two

--short: some seconds, little data; proves nothing."""

import argparse
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import bench  # noqa: E402
import deliver  # noqa: E402
import engine_clusters  # noqa: E402
import peers  # noqa: E402
import shapes  # noqa: E402
from harness import postern  # noqa: E402

CONNECTIONS = 256
SYNCED = 16384  # about what the ring makes durable at once at half of its maximum
ROOM, KEYS = 64 << 30, 20_000_000
BIN = bench.ROOT / "build" / "release" / "bin"


class Kept(bench.RingPeer):
    """A ring whose channel worker has had MESSAGES, the last KEYED of them with keys."""

    def __init__(self, plan, messages=0, keyed=0):
        self.filled = (messages, keyed)
        super().__init__(plan)
        (self.dir / "body").write_bytes(bench.BODY.encode())

    def start(self):
        ring = postern.Ring(settings={"authd.rate": 0, "log.level": "warn", "worker.map_bytes": ROOM, "worker.keys": KEYS},
                            preset_settings=False)
        if self.filled[0]:
            bench.say(f"fill a journal: {self.filled[0]} messages, {self.filled[1]} keys")
            data = ring.dir / "data"
            subprocess.run([BIN / "fill", data, ring.settings.get("data.known", data / "known"), *map(str, self.filled), str(ROOM), str(KEYS)],
                           check=True)
        return ring.up()

    def run(self, fresh):
        return lambda seconds: bench.wrk_event(self.base, self.tokens, self.dir / "body", CONNECTIONS, seconds, fresh)


def beside_empty(plan, name, messages, keyed, fresh, goal):
    """Messages a second of a ring that has much, by those of one that has nothing, in turns."""
    rates, peers = ([], []), []
    try:
        for filled in ((messages, keyed), (0, 0)):
            peers.append(Kept(plan, *filled))
        for _ in range(plan.rounds):
            for found, peer in zip(rates, peers):
                found.append(bench.measure(peer, peer.run(fresh), plan)["rate"])
    finally:
        for peer in peers:
            peer.close()
    bench.say_ratio(name, [a / b for a, b in zip(*rates)], goal)


def aged(plan):
    count = 20_000 if plan.short else 50_000_000
    beside_empty(plan, f"journal of {count} messages / empty", count, 0, "X-Not-Looked-At", "goal 0.85")


def seen(plan):
    count = 20_000 if plan.short else 10_000_000
    beside_empty(plan, f"{count} keys remembered / none", count, count, "Idempotency-Key", "goal 0.8")


def paced_run(base, tokens, rate, seconds, warmup):
    port = base.rsplit(":", 1)[1]
    with open(tokens) as lines:
        done = subprocess.run([BIN / "paced", port, str(4 * CONNECTIONS), f"{rate:.0f}", str(warmup), str(seconds), bench.BODY],
                              stdin=lines, capture_output=True, text=True, timeout=warmup + seconds + 60)
    return bench.wrk_result(done, f"{base}, {rate:.0f} a second")


def half_of_maximum(plan, name, base, tokens):
    most = bench.wrk(base, tokens, CONNECTIONS, plan.seconds)
    got = paced_run(base, tokens, max(most["requests"] / most["us"] * 1e6 / 2, 1), plan.seconds, plan.warmup)
    bench.say(f"{name}: maximum {most['requests'] / most['us'] * 1e6:.0f}/s; at {got['requests'] / got['us'] * 1e6:.0f}/s "
              f"p50 {got['p50'] / 1e3:.2f} ms, p99 {got['p99'] / 1e3:.2f} ms")
    return got


def paced(plan):
    """nchan beside the ring is one process that waits for no disk: its tail is the machine's."""
    peer, nchan, found, opening, machine, disk = bench.RingPeer(plan), peers.Nchan(plan), [], [], [], []
    try:
        for _ in range(plan.rounds):
            median, p99 = bench.sync_times(peer.dir, plan.syncs, SYNCED)
            disk.append(p99 / median)
            got, other = (half_of_maximum(plan, name, base, peer.tokens) for name, base in (("ring", peer.base), ("nchan", nchan.base)))
            found.append(got["p99"] / got["p50"])
            machine.append(other["p99"] / max(other["p50"], 1))
            opening.append(got["warm_p99"] / max(got["warm_p50"], 1))
    finally:
        peer.close()
        nchan.close()
    bench.say_ratio(f"p99 / p50 of fdatasync alone, {SYNCED} bytes", disk, "for information", width=48)
    bench.say_ratio("p99 / p50 of nchan at half of its own maximum", machine, "for information", width=48)
    if plan.warmup:
        bench.say_ratio("p99 / p50 of the warm-up, connections new", opening, "for information", width=48)
    bench.say_ratio("p99 / p50 at half of the maximum, open loop", found, "goal at most 4", width=48)


class Idle(bench.RingPeer):
    def __init__(self):
        self.ring = self.start()


def memory(_plan):
    peer = Idle()
    try:
        time.sleep(bench.STARTED_S)
        proportional, resident, own = peer.memory()
        bench.say_ratio("MB of an idle ring, Rss of all", [resident], "goal at most 50", width=48)
        bench.say(f"shared pages counted once: {proportional:.1f} MB; without files: {own:.1f} MB")
    finally:
        peer.close()


def deliveries(nginx, urls, each, concurrency):
    """Deliveries a second, until 99 of 100 are made: the last ones wait for an address of their own."""
    engine = deliver.Engine(urls, each, concurrency)
    left = len(urls) * each - len(nginx.calls())
    took = engine.run(nginx, left)[int(left * 0.99) - 1]
    nginx.log.write_text("")
    return left * 0.99 / took


def handlers(plan):
    count, each = (20, 25) if plan.short else (1000, 100)
    nginx, found = deliver.Nginx(count, logs=True), []
    try:
        for _ in range(plan.rounds):
            spread = deliveries(nginx, nginx.urls[1:], each, 8)
            one = deliveries(nginx, nginx.urls[:1], count * each, deliver.ENGINE_CALLS)
            bench.say(f"{count} handlers {spread:.0f}/s, one handler {one:.0f}/s")
            found.append(spread / one)
    finally:
        nginx.close()
    bench.say_ratio(f"{count * each} events of {count} handlers / of one", found, "goal 0.7", width=48)


PARTS = {"aged": aged, "seen": seen, "paced": paced, "handlers": handlers, "memory": memory, "clusters": engine_clusters.measure, **{name: None for name in shapes.RATIOS}}


def main():
    parser = argparse.ArgumentParser(prog="./dev bench --part")
    parser.add_argument("name", choices=PARTS)
    parser.add_argument("--rounds", type=int, help="5 in the table of all")
    parser.add_argument("--short", action="store_true", help="a few seconds; proves nothing")
    args = parser.parse_args()
    plan = bench.Plan(args.short, args.rounds)
    bench.machine()
    if PARTS[args.name]:
        PARTS[args.name](plan)
    else:
        shapes.measure(plan, [args.name])


if __name__ == "__main__":
    main()
