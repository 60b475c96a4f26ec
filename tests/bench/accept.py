"""Accepting while deliveries wait, for ./dev bench --deliver: two rings, in turns; in the bot worker of
one WAITING events are due for a handler that takes connections and never answers. wrk posts to another
bot, which has no handler."""

import pathlib
import socket
import statistics

import bench
from harness import postern

PATH = "/api/v2/bots/%s/incoming"
CONNECTIONS = 64


class Peer:
    def __init__(self, waiting):
        self.ring = postern.Ring(settings={"authd.rate": 0, "log.level": "warn",
                                           "delivery.allow": "127.0.0.0/8"}, preset_settings=False).up()
        self.base, self.dir = self.ring.base, pathlib.Path(self.ring.dir)
        owner = self.ring.user("owner")
        for name in ("calm", "held"):
            self.ring.bot(name, owner)
            (self.dir / name).write_text(f"{owner.token} {name}\n")
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=512)
        if waiting:
            url = "http://{}:{}/".format(*self.sock.getsockname())
            self.ring.ctl("bot", "handler", "set", "held", url)
            while self.waiting() < waiting:
                bench.wrk(self.base, self.dir / "held", 8, 1, PATH)

    def waiting(self):
        return sum(self.ring.metric("bot-0", f"deliveries_{what}") for what in ("due", "delayed"))

    def processes(self):
        return {"bot": [self.ring.pid("bot-0")]}

    def rate(self, plan):
        return bench.measure(
            self, lambda s: bench.wrk(self.base, self.dir / "calm", CONNECTIONS, s, PATH), plan)["rate"]

    def close(self):
        self.ring.close()
        self.sock.close()


def accepting(waiting, plan):
    peers, ratios = [Peer(0)], []
    try:
        peers.append(Peer(waiting))
        for _ in range(plan.rounds):
            alone, beside = (peer.rate(plan) for peer in peers)
            ratios.append(beside / alone)
            print(f"accepted: {alone:.0f}/s; while {peers[1].waiting():.0f} deliveries wait: {beside:.0f}/s",
                  flush=True)
    finally:
        for peer in peers:
            peer.close()
    print(f"accepting while deliveries wait / without: {statistics.median(ratios):.2f}   (at least 0.85)")
