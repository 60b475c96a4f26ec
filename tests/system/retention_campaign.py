"""The campaign of retention: whole tables of what is stored in PostgreSQL are dropped by their size, beside senders.

    ./dev cluster retentions [SECONDS]                          each part so long, at least 130 (150)
    python3 tests/system/retention_campaign.py --rounds 150 --seed 7 --only held

First nothing is old enough to go, then a table goes every few seconds: p99 of the second by that of the first is printed. Then the
worker and the server are killed between and in the middle of drops. Last, events of a bot whose handler fails keep all tables, and
free them when it is mended. Checked: each table that a row says is there, and no other one; the log has no hole; what goes gives its
room back.
"""

import argparse
import collections
import random
import sys
import time

import kill_campaign
from harness import postern
from harness.beside import again_and_again
from harness.database import holes, server_running, settled
from harness.handler import Handler
from strain_campaign import p99, send

MIB = 1 << 20
LIMIT = 128 * MIB
YOUNG_S = 120  # what is not as old is kept, whatever its size
SENDERS, FILL, FIRST = 8, 4000, b"the first event"
HELD_FILL = 40000  # of a bot's event: more than the limit in a part
RATIO_MOST = 2


def count(ring, kind, what="count(*)"):
    """The segments that there are."""
    return int(ring.server.sql(f"SELECT {what} FROM postern.segment WHERE kind = {('channel', 'bot').index(kind)}", ring.database))


THERE = "SELECT tablename::text FROM pg_tables WHERE schemaname = 'postern' AND tablename ~ '^(log|keys|ended|attempt)_[cbe][0-9]+_[0-9]+$'"
SAID = """SELECT what || '_' || substr('cbe', kind + 1, 1) || shard || '_' || n FROM postern.segment, (VALUES ('log'), ('ended'), ('attempt')) k (what)
          WHERE kind > 0 OR what = 'log'
          UNION SELECT 'keys_' || substr('cbe', kind + 1, 1) || shard || '_' || n FROM postern.keys"""


def differ(ring):
    """Tables of messages and of keys that a row lacks, and rows that lack their table, at one moment."""
    return ring.server.sql(f"({THERE} EXCEPT ({SAID})) UNION ALL (({SAID}) EXCEPT {THERE})", ring.database).split()


def size(ring):
    return int(ring.server.sql("SELECT pg_database_size(current_database())", ring.database))


def beside(ring, path, seconds):
    """p99 beside what happens for so long."""
    seen = send(ring, path, SENDERS, seconds, FILL)
    assert not seen.others and not seen.refused, seen
    return seen


def deaths(ring, path, seconds, dice):
    """The worker and the server die while tables go; how often."""
    died = collections.Counter()

    def die(over):
        if over.wait(dice.uniform(1, 4)):
            return
        if dice.random() < 0.7:
            ring.kill("channel-0")
            died["worker"] += 1
        else:
            ring.server.kill()
            ring.server.start()
            died["server"] += 1
        # What several workers die with is refused.
        postern.wait(lambda: (ring.ready("channel-0") or {}).get("status") == 200, 60, what="the worker")
    with again_and_again(die):
        seen = send(ring, path, SENDERS, seconds, FILL)
    assert not seen.others and not seen.refused, seen
    return died


class Failing(Handler):
    """Fails for the first event alone, while it is not MENDED."""

    mended = False

    def called(self, path, headers, body):
        return 204 if self.mended or FIRST not in body else 503, {}, b""


def held(ring, seconds, name):
    """Of a bot whose handler fails for the first event: segments and MiB that are kept although they are too many and too old, and when
    nothing waits any more."""
    def stored():
        return int(ring.server.sql("SELECT coalesce(sum(bytes), 0)::bigint FROM postern.segment WHERE kind = 1", ring.database))
    with Failing() as handler:
        url, _ = kill_campaign.place(ring, "bot", name)
        ring.ctl("bot", "handler", "set", name, handler.url, "--concurrency", 64)
        path = url.removeprefix(ring.base)
        assert ring.post(url, {"text": FIRST.decode()}).status_code == 200
        end = time.monotonic() + seconds
        while time.monotonic() < end or stored() < 2 * LIMIT:
            send(ring, path, SENDERS, 10, HELD_FILL, wanted=200)
        time.sleep(YOUNG_S + 10)
        kept, bytes_kept, size_kept = count(ring, "bot"), stored(), size(ring)
        assert count(ring, "bot", "min(n)") == 1 and bytes_kept > 2 * LIMIT
        handler.mended = True
        ring.ctl("bot", "handler", "set", name, handler.url, "--concurrency", 64)
        postern.wait(lambda: ring.server.sql("SELECT count(*) FROM postern.pending", ring.database) == "0", 300, 0.5, "the deliveries")
        postern.wait(lambda: stored() <= LIMIT, 120, 0.5, "the segments to go")
        return kept, bytes_kept / MIB, size_kept / MIB, count(ring, "bot"), stored() / MIB, size(ring) / MIB


def part_young(ring, path, chosen):
    """What stays although it is too much, because it is not old enough; what senders see of it, and then of drops."""
    before = beside(ring, path, YOUNG_S - 10)
    most, segments = size(ring), count(ring, "channel")
    assert "event=journal.dropped" not in ring.logs()
    time.sleep(15)
    beside_drops = beside(ring, path, chosen.rounds)
    dropped = ring.logs().count("event=journal.dropped")
    ratio = p99(beside_drops.took) / p99(before.took)
    print(f"{len(before.took)} messages without, p99 {p99(before.took) * 1000:.0f} ms; {len(beside_drops.took)} beside {dropped} drops, "
          f"p99 {p99(beside_drops.took) * 1000:.0f} ms: {ratio:.2f}; {segments} segments in {most / MIB:.0f} MiB before the first went", flush=True)
    return ratio <= RATIO_MOST and dropped > 0


def part_deaths(ring, path, chosen):
    died = deaths(ring, path, chosen.rounds, random.Random(chosen.seed))
    postern.wait(lambda: count(ring, "channel") <= 18, YOUNG_S + 120, 0.5, "the segments to go")
    left, wrong, gaps = size(ring), differ(ring), holes(ring.server, ring.database)
    print(f"died: {dict(died)}; {count(ring, 'channel')} segments in {left / MIB:.0f} MiB in the end; tables that differ: {wrong}; holes: {gaps}", flush=True)
    return not wrong and not gaps and left <= 3 * LIMIT


def part_held(ring, _path, chosen):
    kept, kept_mib, size_kept, free, free_mib, size_free = held(ring, chosen.rounds, "retention_bot")
    wrong = differ(ring)
    print(f"of a bot with an event that waits: {kept} segments, {kept_mib:.0f} MiB kept (limit {LIMIT / MIB:.0f}), the database {size_kept:.0f} MiB; when none does: "
          f"{free}, {free_mib:.0f} MiB, the database {size_free:.0f} MiB; tables that differ: {wrong}", flush=True)
    return not wrong and size_free < size_kept - (kept_mib - free_mib) / 2


PARTS = {"young": part_young, "deaths": part_deaths, "held": part_held}


def main():
    words = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    words.add_argument("--rounds", type=int, default=150, help="seconds")
    words.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    words.add_argument("--only", choices=PARTS)
    chosen = words.parse_args()
    print(f"seed={chosen.seed}", flush=True)
    settings = {"worker.retention_bytes": LIMIT, "gateway.deadline_ms": 20000, "delivery.allow": "127.0.0.0/8", "delivery.time_scale": 100}
    with server_running() as server, postern.Ring(settings=settings) as ring:
        settled(ring, server, delivers=True).up()
        url, _ = kill_campaign.place(ring, "channel", "retention")
        path = url.removeprefix(ring.base)
        well = [part(ring, path, chosen) for name, part in PARTS.items() if chosen.only in (None, name)]
        ring.keep = not all(well)
    sys.exit(ring.keep)


if __name__ == "__main__":
    main()
