"""Deliveries of ./dev bench --engine postgres: a bot's events wait for a handler that stands still, until it goes on: how
fast they are delivered, where the bots' journals lie in PostgreSQL and where they lie on this host."""

import os
import signal
import time

import bench
import peers
from deliver import Nginx
from harness import postern

PATH = "/api/v2/bots/%s/incoming"
CALLS = 64
DONE = 0.95  # of what waits: the last ones had been called while the handler stood still


class Deliveries:
    """RING, with a bot whose handler is nginx."""

    def __init__(self, ring, rate):
        self.ring, self.least, self.nginx = ring, rate, Nginx(0)
        self.tokens = ring.dir / "delivered"
        owner = ring.user("deliveries")
        ring.bot("delivered", owner)
        self.tokens.write_text(f"{owner.token} delivered\n")
        ring.ctl("bot", "handler", "set", "delivered", self.nginx.urls[0], "--concurrency", CALLS)

    def _hold(self, how):
        for pid in (self.nginx.process.pid, *map(int, peers.children(str(self.nginx.process.pid)))):
            os.kill(pid, how)

    def _delivered(self):
        return self.ring.metric("bot-0", "delivered_total")

    def run(self):
        """Deliveries a second."""
        self._hold(signal.SIGSTOP)
        stored = 0
        while stored < self.least:
            stored += bench.wrk(self.ring.base, self.tokens, 16, 1, PATH)["requests"]
        before, began = self._delivered(), time.monotonic()
        self._hold(signal.SIGCONT)
        postern.wait(lambda: self._delivered() - before >= DONE * stored, 120, 0.02, "the deliveries")
        return (self._delivered() - before) / (time.monotonic() - began)

    def close(self):
        self._hold(signal.SIGCONT)
        self.nginx.close()


def compare(plan, rings):
    """RINGS by their names; the rates of each, round by round."""
    least = 200 if plan.short else 20000
    each = {name: Deliveries(ring, least) for name, ring in rings.items()}
    rates = {name: [] for name in rings}
    try:
        for _ in range(plan.rounds):
            for name, one in each.items():
                rates[name].append(one.run())
        for name, values in rates.items():
            bench.say(f"deliveries, {name}: " + "  ".join(f"{value:.0f}/s" for value in values))
    finally:
        for one in each.values():
            one.close()
    return rates
