"""The campaign of fills: a host that is new takes a large directory from PostgreSQL, while another one changes it and senders post.

    ./dev cluster fills [USERS]                                 of so many users, with five tokens each (1000000)
    python3 tests/system/fill_campaign.py --rounds 20000

Checked: the two hosts' tables have the same rows, the fill takes 5 minutes at most. Printed as well: how long the first host took to give
the database what it had, and the senders' rate while the other one fills, by that of before; all of it shares one machine's cores.
"""

import argparse
import contextlib
import subprocess
import sys
import time

from harness import postern
from harness.beside import again_and_again
from harness.database import server_running, settled
from revoke_campaign import Host
from strain_campaign import p99, send

CHANNELS, SAMPLE, TOKENS_EACH = 100, 1000, 5
MOST_S, PART_S = 300, 5
SETTINGS = {"authd.map_bytes": 16 << 30, "authd.rate": 0, "log.level": "info"}


class Changes:
    """Users and tokens that RING's host makes, one after the other, and some that it deletes; how many of these took too long."""

    def __init__(self, ring):
        self.ring, self.made, self.unanswered = ring, 0, 0

    def one(self, over):
        self.made += 1
        try:
            user = self.ring.user(f"change-{self.made}", token=False)
            token = self.ring.token(user)
            if self.made % 3 == 0:
                self.ring.manage("token_delete", token["id"], confirm=True)
        except postern.CtlError:
            self.unanswered += 1


def sums(ring):
    """{table: (rows, sum)} of RING's directory, which nobody has open."""
    told = subprocess.run([postern.BIN / "directory_sums", ring.dir / "data" / "directory", ring.settings["authd.master_key"]],
                          check=True, capture_output=True, text=True).stdout
    return {table: (int(rows), told) for table, rows, told in (line.split() for line in told.splitlines())}


def join(host, seconds):
    """How long HOST's authd takes to be ready."""
    began = time.monotonic()
    host.ring.spawn("authd", host.index, wait_ready=False)
    host.ring.wait_ready(f"authd-{host.index}", seconds=seconds)
    return time.monotonic() - began


def filled(hosts, path):
    """HOSTS[1] joins beside senders and changes: its seconds, changes, and messages a second before and meanwhile."""
    before = send(hosts[0].ring, path, 8, PART_S)
    changes, meanwhile = Changes(hosts[0].ring), []
    began = time.monotonic()
    with again_and_again(changes.one):
        joining = hosts[1].ring.spawn("authd", hosts[1].index, wait_ready=False)
        while (hosts[1].ring.ready("authd-1") or {}).get("status") != 200 or not meanwhile:
            assert joining.poll() is None, hosts[1].ring.logs()[-2000:]
            meanwhile.append(send(hosts[0].ring, path, 8, 1))
        took = time.monotonic() - began
    for seen in (before, *meanwhile):
        assert not seen.others and not seen.refused, seen
    rate = sum(len(seen.took) for seen in meanwhile) / len(meanwhile)
    print(f"changes without an answer: {changes.unanswered}; p99 before {p99(before.took) * 1000:.0f} ms, meanwhile {p99([s for seen in meanwhile for s in seen.took]) * 1000:.0f} ms", flush=True)
    return took, changes.made, len(before.took) / PART_S, rate


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
        given = join(hosts[0], 3600)
        first.wait_ready("channel-0", "gateway-0")
        path = first.channel_url(name, token).removeprefix(first.base)
        took, changes, before, meanwhile = filled(hosts, path)
        postern.wait(lambda: all(host.told("copies_joined") == 2 and host.told("copies_lag") == 0 for host in hosts), 60, what="both to have all")
        for ring in (first, second):
            ring.stop(60)
        one, other = sums(first), sums(second)
        rows = sum(rows for rows, _ in one.values())
        print(f"fills: {users} users, {users * TOKENS_EACH} tokens, {rows} rows: given in {given:.1f} s, filled in {took:.1f} s beside {changes} changes; "
              f"messages a second {before:.0f} before, {meanwhile:.0f} meanwhile: {meanwhile / before:.2f}; tables that differ: "
              f"{[table for table in one if one[table] != other[table]]}", flush=True)
        assert one["tokens"][0] >= users * TOKENS_EACH, one
        return one == other and took <= MOST_S


def main():
    words = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    words.add_argument("--rounds", type=int, default=1000000, help="users")
    sys.exit(not campaign(words.parse_args().rounds))


if __name__ == "__main__":
    main()
