"""A shard whose worker is away: its requests wait or are refused, the other shard's do not notice.

The sanitized builds take a short form; POSTERN_PRESET=release has the shard away for 20 s."""

import os
import statistics
import threading
import time

import kill_campaign
from harness import postern

AWAY_S = 20 if postern.PRESET == "release" else 8


def p99(times):
    return statistics.quantiles(times, n=100)[98]


class Prober(threading.Thread):
    """Posts to one channel, a message after another, and keeps the time that each took."""

    def __init__(self, url, seed):
        super().__init__(daemon=True)
        self.times, self.statuses, self.stop = [], [], threading.Event()
        self.writer = kill_campaign.Writer(0, url, kill_campaign.Tally("none", seed), self.stop,
                                           False)

    def run(self):
        while not self.stop.is_set():
            began = time.monotonic()
            status, _ = self.writer.attempt(f"{self.writer.tally.seed}.{len(self.times)}")
            self.times.append(time.monotonic() - began)
            self.statuses.append(status)
            time.sleep(0.002)

    def end(self):
        self.stop.set()
        self.join(60)
        return self


def probe(url, seed, seconds):
    prober = Prober(url, seed)
    prober.start()
    time.sleep(seconds)
    return prober.end()


def channels_of_both_shards(ring, owner, name):
    """A channel on each of the two shards, found by where a message of it is stored."""
    found = {}
    for i in range(64):
        channel = f"{name}_{i}"
        before = [ring.metric(f"channel-{n}", "stored_total") for n in range(2)]
        ring.channel(channel, owner)
        assert ring.post(ring.channel_url(channel, owner.token), {"text": "x"}).status_code == 204
        after = [ring.metric(f"channel-{n}", "stored_total") for n in range(2)]
        found.setdefault(0 if after[0] > before[0] else 1, channel)
        if len(found) == 2:
            return found[0], found[1]
    raise AssertionError("64 channels on one shard of two")


def test_an_absent_shard_leaves_the_other_alone(make_ring, name):
    ring = make_ring(shards={"channel": 2}).up()
    owner = ring.user(name)
    away, here = channels_of_both_shards(ring, owner, name)
    here_url, away_url = (ring.channel_url(c, owner.token) for c in (here, away))
    before = probe(here_url, "before", 5)

    ring.pause("channel-0")
    waiting = Prober(away_url, "away")
    waiting.start()
    meanwhile = probe(here_url, "meanwhile", AWAY_S)
    state = ring.ready("gateway-0")
    assert state["status"] == 200, "an absent shard must not take the gateway out of service"
    ring.resume("channel-0")
    ring.wait_ready("channel-0")
    ring.wait(lambda: ring.post(away_url, {"text": "back"}).status_code == 204, 5)
    waiting.end()

    ratio = p99(meanwhile.times) / p99(before.times)
    print(f"p99 before={p99(before.times) * 1e3:.1f} ms meanwhile={p99(meanwhile.times) * 1e3:.1f} ms "
          f"ratio={ratio:.2f}; the absent shard answered {sorted(set(waiting.statuses))}, cores "
          f"{os.cpu_count()}")
    assert set(before.statuses + meanwhile.statuses) == {204}
    assert set(waiting.statuses) <= {204, 503}
    # Far above any noise, far below the 10 s that a request to the absent shard waits.
    postern.in_time(p99(meanwhile.times), 3 * p99(before.times) + 0.05)
