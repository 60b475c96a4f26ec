"""./dev bench --directory: what a directory of a million users and five million tokens costs.

Two rings that differ in the size of their directory alone, in turns: 200 users with 1,000 tokens, and
1,000,000 users with 5,000,000. Senders use as many tokens of each, of the large one every 5,000th. Then
the large one with 200,000 of its tokens in use, whose usage authd has to write. --short: few of all."""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import bench  # noqa: E402
from bench import say  # noqa: E402
from harness import postern  # noqa: E402

CHANNELS = 100
USED, USED_WIDELY = 1000, 200000  # tokens
CONNECTIONS = 256
POPULATE = bench.ROOT / "build" / os.environ["POSTERN_PRESET"] / "bin" / "populate"


class Plan:
    def __init__(self, short):
        self.users = (200, 2000) if short else (200, 1000000)
        self.widely = 5000 if short else USED_WIDELY
        self.rounds, self.seconds, self.warmup = (1, 1, 0) if short else (5, 4, 1)


class RingOf(bench.RingPeer):
    def __init__(self, users, samples):
        self.users = users
        self.ring = postern.Ring(settings={"authd.rate": 0, "log.level": "warn",
                                           "authd.map_bytes": 16 << 30}, preset_settings=False)
        data, self.dir = self.ring.dir / "data", self.ring.dir
        began = time.monotonic()
        text = subprocess.run([POPULATE, data / "directory", data / "master.key", str(users),
                               str(CHANNELS), str(max(samples))], check=True, capture_output=True,
                              text=True).stdout.splitlines(keepends=True)
        say(f"{users} users, {5 * users} tokens: filled in {time.monotonic() - began:.1f} s")
        self.tokens = {}
        for sample in samples:
            self.tokens[sample] = self.dir / f"tokens-{sample}"
            self.tokens[sample].write_text("".join(text[::len(text) // sample]))
        self.ring.up(60)
        self.base = self.ring.base

    def disk_bytes(self):
        return (self.dir / "data/directory/data.mdb").stat().st_blocks * 512

    def start_s(self):
        """From the end of an authd to the readiness of the next."""
        old = self.ring.pid("authd-0")
        self.ring.kill("authd-0")
        began = time.monotonic()
        postern.wait(lambda: self.ring.pid("authd-0") != old and
                     (self.ring.ready("authd-0") or {}).get("status") == 200, 60, 0.002)
        return time.monotonic() - began

    def run(self, used, plan):
        return bench.measure(
            self, lambda s: bench.wrk(self.base, self.tokens[used], CONNECTIONS, s), plan)


def main():
    parser = argparse.ArgumentParser(prog="./dev bench --directory")
    parser.add_argument("--short", action="store_true", help="a few seconds; proves nothing")
    plan = Plan(parser.parse_args().short)
    bench.machine()
    rings = []
    try:
        rings.append(RingOf(plan.users[0], [USED]))
        rings.append(RingOf(plan.users[1], [USED, plan.widely]))
        small, large = rings
        results = {"small": [], "large": [], "widely": []}
        for _ in range(plan.rounds):
            results["small"].append(small.run(USED, plan))
            results["large"].append(large.run(USED, plan))
            results["widely"].append(large.run(plan.widely, plan))
        for ring in rings:
            say(f"{5 * ring.users} tokens: {ring.disk_bytes() / (1 << 20):.0f} MiB on disk, authd "
                f"ready again {statistics.median(ring.start_s() for _ in range(3)):.2f} s after its death")
        for name, what in (("small", f"{5 * small.users} tokens, {USED} in use"),
                           ("large", f"{5 * large.users} tokens, {USED} in use"),
                           ("widely", f"{5 * large.users} tokens, {plan.widely} in use")):
            middle = bench.median(results[name])
            say(f"{what:<36}{middle['rate']:>8.0f} msg/s   authd {middle['cpu']['authd']:.1f} µs a message")
        for name, bound in (("large", "at least 0.90"), ("widely", "for information")):
            values = [a["rate"] / b["rate"] for a, b in zip(results[name], results["small"])]
            bench.say_ratio(name + " / small", values, bound, width=38)
    finally:
        for ring in reversed(rings):
            ring.close()


if __name__ == "__main__":
    main()
