"""./dev bench --shapes: messages of other shapes next to plain ones, at 256 connections.

    keyed     each with an Idempotency-Key of its own, beside each with a header of the same length that means nothing
    spread    to 100,000 channels in turn, beside one channel, with the same number of tokens
    large     of 32 KiB: bytes a second beside what the disk takes by write and fdatasync in steps of 1 MiB

Each pair takes turns, round after round. --short: a second each, 200 channels; proves nothing."""

import argparse
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import bench  # noqa: E402

CONNECTIONS, LARGE, STEP = 256, 32768, 1 << 20


class Ring(bench.RingPeer):
    """A channel of its own for each user, with one token; and the same tokens' own channel that all are members of."""

    def __init__(self, plan):
        plan.users = plan.channels = 200 if plan.short else 100000
        super().__init__(plan)
        lines = self.tokens.read_text().splitlines()[:plan.channels]
        (self.dir / "spread").write_text("\n".join(lines) + "\n")
        owner = next(line.split()[0] for line in lines if line.endswith(" load_0"))
        (self.dir / "one").write_text(f"{owner} load_0\n" * len(lines))
        for name, size in (("small", 240), ("large", LARGE)):
            (self.dir / name).write_bytes(bench.BODY.encode() if size == 240 else body(size))

    def run(self, tokens, name, fresh):
        return lambda seconds: bench.wrk_event(self.base, self.dir / tokens, self.dir / name, CONNECTIONS, seconds, fresh)


def body(size):
    """A message object of SIZE bytes: slides hold what a text cannot."""
    message = {"text": "x" * 4000, "slides": [{"type": "text", "title": "Log", "data": ""} for _ in range(8)]}
    each = (size - len(json.dumps(message))) // 8
    for slide in message["slides"]:
        slide["data"] = "x" * each
    return json.dumps(message).encode()


SHAPES = {"keyed": ("spread", "small", "Idempotency-Key"), "plain": ("spread", "small", "X-Not-Looked-At"),
          "one": ("one", "small", "X-Not-Looked-At"), "large": ("spread", "large", "X-Not-Looked-At")}


# What each ratio is made of, and its goal.
RATIOS = {"keyed": (("keyed", "plain"), "goal 0.8"), "spread": (("plain", "one"), "goal 0.7"), "large": (("large",), "goal 0.5")}


def say_all(plan, names, results, disk, size):
    rates = {name: [result["rate"] for result in found] for (name, _), found in results.items()}
    words = {"keyed": "keyed / plain", "spread": f"{plan.channels} channels / 1",
             "large": f"{size} bytes, bytes/s / disk's in steps of 1 MiB"}
    for name in names:
        over, *under = RATIOS[name][0]
        bases = rates[under[0]] if under else [rate / size for rate in disk]
        if not under:
            for what, found in (("the ring", rates[over]), ("the disk", bases)):
                bench.say_ratio(f"MB of messages a second, {what}", [rate * size / 1e6 for rate in found], "for information", width=48)
        bench.say_ratio(words[name], [a / b for a, b in zip(rates[over], bases)], RATIOS[name][1], width=48)


def measure(plan, names):
    """The ratios NAMES, in turns."""
    shapes = [shape for shape in SHAPES if any(shape in RATIOS[name][0] for name in names)]
    peer = Ring(plan)
    results, disk = {(name, CONNECTIONS): [] for name in shapes}, []
    try:
        for _ in range(plan.rounds):
            for name in shapes:
                results[name, CONNECTIONS].append(bench.measure(peer, peer.run(*SHAPES[name]), plan))
            if "large" in names:
                disk.append(STEP / bench.fdatasync(peer.dir, plan.syncs // 10, STEP) * 1e3)
        bench.table(results)
        bench.say("")
        say_all(plan, names, results, disk, (peer.dir / "large").stat().st_size)
    finally:
        peer.close()


def main():
    parser = argparse.ArgumentParser(prog="./dev bench --shapes")
    parser.add_argument("--short", action="store_true", help="a few seconds; proves nothing")
    plan = bench.Plan(parser.parse_args().short)
    bench.machine()
    measure(plan, list(RATIOS))


if __name__ == "__main__":
    main()
