"""The campaign of fills: a host that is new takes a large directory from PostgreSQL, while another one changes it and senders post.

    ./dev cluster fills [USERS]                                 of so many users, with five tokens each (1000000)
    python3 tests/system/fill_campaign.py --rounds 20000

The first host stands still for some seconds while it gives the database what it has, which is not begun anew for that.

Checked: the two hosts' tables have the same rows, the fill takes 5 minutes at most. Printed as well: how long the give took, and the
senders' rate while the other one fills, by that beside the changes alone before and after it; all of it shares one machine's cores.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time

from harness import postern
from harness.beside import again_and_again
from harness.database import server_running, settled
from revoke_campaign import Host
from strain_campaign import p99, send

CHANNELS, SAMPLE, TOKENS_EACH = 100, 1000, 5
MOST_S, PART_S, STILL_S = 300, 10, 8
PACE_S = 0.1  # of changes: without one there would be the more of them the less is done beside
WRITES = "SELECT count(*) FROM pg_locks WHERE relation = 'postern.directory_row'::regclass AND mode = 'RowExclusiveLock' AND granted"
SETTINGS = {"authd.map_bytes": 16 << 30, "authd.rate": 0, "log.level": "info"}


class Changes:
    """Users and tokens that RING's host makes, one after the other, and some that it deletes; how many of these took too long."""

    def __init__(self, ring):
        self.ring, self.made, self.unanswered = ring, 0, 0

    def one(self, over):
        self.made += 1
        due = time.monotonic() + PACE_S
        try:
            user = self.ring.user(f"change-{self.made}", token=False)
            token = self.ring.token(user)
            if self.made % 3 == 0:
                self.ring.manage("token_delete", token["id"], confirm=True)
        except postern.CtlError:
            self.unanswered += 1
        over.wait(due - time.monotonic())


def sums(ring):
    """{table: (rows, sum)} of RING's directory, which nobody has open."""
    told = subprocess.run([postern.BIN / "directory_sums", ring.dir / "data" / "directory", ring.settings["authd.master_key"]],
                          check=True, capture_output=True, text=True).stdout
    return {table: (int(rows), told) for table, rows, told in (line.split() for line in told.splitlines())}


def given(host):
    """How long HOST's authd takes to give what it has and to be ready; it stands still on the way, for longer than a session may be idle."""
    began = time.monotonic()
    giving = host.ring.spawn("authd", host.index, wait_ready=False)
    postern.wait(lambda: host.ring.server.sql(WRITES, host.ring.database) != "0", 60, 0.02, "the first rows")
    giving.send_signal(signal.SIGSTOP)
    time.sleep(STILL_S)
    giving.send_signal(signal.SIGCONT)
    host.ring.wait_ready(f"authd-{host.index}", seconds=3600)
    assert "event=directory.waits" not in host.ring.logs(), host.ring.logs()[-2000:]
    return time.monotonic() - began


def filled(hosts, path):
    """HOSTS[1] joins beside senders and changes: its seconds, changes, and messages a second before and after, and meanwhile."""
    quiet = send(hosts[0].ring, path, 8, PART_S)
    changes, meanwhile = Changes(hosts[0].ring), []
    with again_and_again(changes.one):
        beside = [send(hosts[0].ring, path, 8, 1) for _ in range(PART_S)]
        began = time.monotonic()
        joining = hosts[1].ring.spawn("authd", hosts[1].index, wait_ready=False)
        while (hosts[1].ring.ready("authd-1") or {}).get("status") != 200 or not meanwhile:
            assert joining.poll() is None, hosts[1].ring.logs()[-2000:]
            meanwhile.append(send(hosts[0].ring, path, 8, 1))
        took = time.monotonic() - began
        beside += [send(hosts[0].ring, path, 8, 1) for _ in range(PART_S)]
    for seen in (quiet, *beside, *meanwhile):
        assert not seen.others and not seen.refused, seen
    rates = [sum(len(seen.took) for seen in part) / len(part) for part in (beside, meanwhile)]
    slowest = [p99([s for seen in part for s in seen.took]) * 1000 for part in ([quiet], beside, meanwhile)]
    print(f"changes without an answer: {changes.unanswered}; messages a second without changes {len(quiet.took) / PART_S:.0f}; p99 without changes "
          f"{slowest[0]:.0f} ms, before and after the fill {slowest[1]:.0f} ms, meanwhile {slowest[2]:.0f} ms; in turn "
          + " ".join(str(len(seen.took)) for seen in (*beside[:PART_S], *meanwhile, *beside[PART_S:])), flush=True)
    return took, changes.made, *rates


def campaign(users):
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(server_running(settings={"shared_buffers": "512MB", "max_wal_size": "4GB"}))
        first, second = (stack.enter_context(postern.Ring(settings=SETTINGS, gateways=i + 1)) for i in range(2))
        data = first.dir / "data"
        token, name = subprocess.run([postern.BIN / "populate", data / "directory", data / "master.key", str(users), str(CHANNELS), str(SAMPLE)],
                                     check=True, capture_output=True, text=True).stdout.split()[:2]
        settled(first, server)
        first.settings["worker.engine"] = "lmdb"
        hosts = [Host(ring, i, first) for i, ring in enumerate((first, second))]
        for host in hosts:
            host.ring.settings["directory.lease_s"] = 15
        for kind in ("router", "channel", "gateway"):
            first.spawn(kind, wait_ready=False)
        gave = given(hosts[0])
        server.sql("CHECKPOINT")  # what was given goes to the disk now and not beside who takes it
        os.sync()
        first.wait_ready("channel-0", "gateway-0")
        path = first.channel_url(name, token).removeprefix(first.base)
        took, changes, beside, meanwhile = filled(hosts, path)
        postern.wait(lambda: all(host.told("copies_joined") == 2 and host.told("copies_lag") == 0 for host in hosts), 60, what="both to have all")
        for ring in (first, second):
            ring.stop(60)
        one, other = sums(first), sums(second)
        rows = sum(rows for rows, _ in one.values())
        print(f"fills: {users} users, {users * TOKENS_EACH} tokens, {rows} rows: given in {gave:.1f} s, filled in {took:.1f} s beside {changes} changes; "
              f"messages a second {beside:.0f} before and after, {meanwhile:.0f} meanwhile: {meanwhile / beside:.2f}; tables that differ: "
              f"{[table for table in one if one[table] != other[table]]}", flush=True)
        assert one["tokens"][0] >= users * TOKENS_EACH, one
        return one == other and took <= MOST_S


def main():
    words = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    words.add_argument("--rounds", type=int, default=1000000, help="users")
    sys.exit(not campaign(words.parse_args().rounds))


if __name__ == "__main__":
    main()
