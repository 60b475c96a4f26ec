"""./dev bench --formats: pushes of GitHub of 10 KiB, signed and made messages of, next to plain messages of the same size.

Each channel has a source with GitHub's scheme: the push's signature is checked, its delivery is a key of its own, and the format
github makes a message of it. The plain message takes the same way with the same headers, but for the signature; it is stored as it
comes. They take turns, round after round, on the same disk and the same two cores. --short: a second each; proves nothing."""

import argparse
import hashlib
import hmac
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import bench  # noqa: E402

CONNECTIONS, BYTES = 256, 10240
CASE = bench.ROOT / "formats/github/cases/push.json"
SECRET = "a secret of the benchmark, at least as long as it should be"
KINDS = {"plain": "/api/v2/channelsbyname/%s/message", "push": "/api/v2/channelsbyname/%s/incoming/github"}


def push():
    """GitHub's push with as many commits as make it BYTES."""
    event = json.loads(CASE.read_text())
    event["commits"] = []
    while len(json.dumps(event)) < BYTES:
        number = len(event["commits"])
        event["commits"].append({**event["head_commit"], "id": hashlib.sha1(bytes([number])).hexdigest(), "message": f"Change {number}"})
    return json.dumps(event, separators=(", ", ": ")).encode()


def plain(size):
    """A message object of SIZE bytes."""
    message = {"text": "x" * 4000, "slides": [{"type": "text", "title": "Log", "data": ""}]}
    message["slides"][0]["data"] = "x" * (size - len(json.dumps(message)))
    return json.dumps(message).encode()


class Ring(bench.RingPeer):
    def __init__(self, plan):
        plan.users, plan.channels = (200, 10) if plan.short else (2000, 20)
        super().__init__(plan)
        for number in range(plan.channels):
            self.ring.manage("source_create", kind="channel", to=f"load_{number}", scheme="github", format="github", secret=SECRET)
        bodies = {"push": push()}
        bodies["plain"] = plain(len(bodies["push"]))
        for kind, body in bodies.items():
            (self.dir / kind).write_bytes(body)
        self.size = len(bodies["push"])
        mac = hmac.new(SECRET.encode(), bodies["push"], hashlib.sha256).hexdigest()
        self.headers = {"plain": [], "push": [f"X-Hub-Signature-256: sha256={mac}"]}

    def formatted(self):
        return int(self.ring.metric("channel-0", "format_total", format="github", result="message") or 0)

    def wrk(self, kind, seconds):
        return bench.wrk_event(self.base, self.tokens, self.dir / kind, CONNECTIONS, seconds, "X-GitHub-Delivery", KINDS[kind],
                               "X-GitHub-Event: push", "User-Agent: GitHub-Hookshot/bench", *self.headers[kind])


def main():
    parser = argparse.ArgumentParser(prog="./dev bench --formats")
    parser.add_argument("--short", action="store_true", help="a few seconds; proves nothing")
    plan = bench.Plan(parser.parse_args().short)
    plan.rounds = 1 if plan.short else 5
    bench.machine()
    peer = Ring(plan)
    results = {(kind, CONNECTIONS): [] for kind in KINDS}
    try:
        before, formatted = peer.stored(), peer.formatted()
        for _ in range(plan.rounds):
            for (kind, _), found in results.items():
                found.append(bench.measure(peer, lambda s, k=kind: peer.wrk(k, s), plan))
        bench.table(results)
        plains, pushes = results.values()
        bench.say(f"\na push has {peer.size} bytes; messages made of pushes: {peer.formatted() - formatted}, stored in all: "
                  f"{peer.stored() - before}\n")
        bench.say_ratio("signed push / plain message, msg/s", [a["rate"] / b["rate"] for a, b in zip(pushes, plains)], "at least 0.50")
        bench.say_ratio("CPU µs of the worker, a push", [result["cpu"]["channel"] for result in pushes], "below 25")
        bench.say_ratio("the same, a plain message", [result["cpu"]["channel"] for result in plains], "for information")
    finally:
        peer.close()


if __name__ == "__main__":
    main()
