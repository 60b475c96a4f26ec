"""The campaign of revocations: tokens are made and deleted by any of several hosts, each with a copy of the directory, while all
their gateways are asked with them without a pause, and one host after the other is killed, stood still, started anew, or cut from
the database, also in the middle of a commit.

    ./dev cluster revoke [N]                                     N deletes, by three hosts (1000)
    python3 tests/system/revoke_campaign.py --rounds 10000 --hosts 3 --seed 7

Checked: a token is accepted by no gateway that is asked after the deletion was answered; what was answered is so at every host; a
change is made once, however its commit ended; all hosts say the same at the end. The seed and the counts are printed.
"""

import argparse
import collections
import contextlib
import dataclasses
import random
import signal
import statistics
import sys
import threading
import time

import requests

from harness import postern
from harness.between import Between
from harness.database import secret, server_running, settled

WAYS = ("kill", "stop", "anew", "partition", "before", "after")
LEASE_S = 3
WORKERS = 4


class Host:
    """An authd and a gateway, INDEX-th of all, with RING's directory; FIRST has the router and the worker. BETWEEN: what lies before
    its database."""

    def __init__(self, ring, index, first, between=None):
        self.ring, self.index, self.first, self.between = ring, index, first, between
        sockets = f"ipc://{first.sockets}"
        host, port = ring.settings["authd.monitor"].split(":")
        ring.monitors[f"authd-{index}"] = f"http://{host}:{int(port) + index}"
        connection = first.connection
        if between:
            connection = secret(ring.dir / "between.connection",
                                first.connection.read_text().strip().replace(str(first.server.port), str(between.port)))
        ring.settings.update({
            "directory.engine": "postgres", "directory.lease_s": LEASE_S, "gateway.deadline_ms": 30000,
            "postgres.connection": connection, "authd.master_key": first.dir / "data" / "master.key",
            "authd.routers": f"{sockets}/router-requests", "gateway.routers": f"{sockets}/router-replies"})

    def start(self):
        self.ring.spawn("authd", self.index)
        self.ring.spawn("gateway", self.index)
        return self

    @property
    def authd(self):
        return self.ring.spawned[f"authd-{self.index}"]

    def again(self):
        if self.authd.poll() is not None:
            self.ring.spawn("authd", self.index, wait_ready=False)

    def uses(self, token):
        """Records of the token's use on the server."""
        return self.first.server.sql(f"SELECT count(*) FROM postern.directory_use WHERE token = '{token}'", self.first.database)

    def told(self, metric):
        return self.ring.metric(f"authd-{self.index}", metric)

    def post(self, name, token):
        return self.ring.post(self.ring.channel_url(name, token), {"text": "x"}, timeout=60).status_code


@dataclasses.dataclass
class Tally:
    seed: int
    deletes: int = 0
    accepted: int = 0     # by a gateway, while the token was there
    late: int = 0         # asked after the answer, and accepted all the same
    unanswered: int = 0   # changes of which the caller knows nothing, or that were refused for a fault
    twice: int = 0        # made twice
    cut: int = 0          # commits
    differ: int = 0       # hosts whose copy is another
    took: list = dataclasses.field(default_factory=list)
    faults: dict = dataclasses.field(default_factory=lambda: dict.fromkeys(WAYS, 0))

    def __str__(self):
        took = sorted(self.took) or [0]
        ways = " ".join(f"{way}={count}" for way, count in self.faults.items())
        return (f"revocations: seed={self.seed} deletes={self.deletes} accepted={self.accepted} late={self.late} twice={self.twice} "
                f"differ={self.differ} unanswered={self.unanswered} commits cut={self.cut} {ways} "
                f"answered after: median={statistics.median(took) * 1000:.0f}ms p99={took[int(len(took) * 0.99)] * 1000:.0f}ms most={took[-1]:.2f}s")

    @property
    def clean(self):
        return self.deletes and self.accepted and not self.late and not self.twice and not self.differ


class Prober(threading.Thread):
    """Asks HOST's gateway with every token that is there, or was a moment ago."""

    def __init__(self, campaign, host):
        super().__init__(daemon=True)
        self.campaign, self.host = campaign, host

    def run(self):
        while not self.campaign.over.is_set():
            tokens = list(self.campaign.tokens.values())
            for token in tokens:
                began = time.monotonic()
                with contextlib.suppress(requests.RequestException):
                    status = self.host.post(self.campaign.name, token["token"])
                    token["said"][self.host.index] = status
                    if status == 204:
                        self.campaign.heard(token, began)
            if not tokens:
                self.campaign.over.wait(0.002)


class Campaign:
    def __init__(self, hosts, seed, deletes, name, fault_s=(0.3, 1.5)):
        self.hosts, self.name, self.left, self.fault_s = hosts, name, deletes, fault_s
        self.dice, self.tally = random.Random(seed), Tally(seed)
        self.lock, self.over = threading.Lock(), threading.Event()
        self.tokens, self.refused = {}, collections.Counter()  # by id; by code
        ring = hosts[0].ring
        self.owners = [ring.user(f"{name}-{i}", token=False) for i in range(WORKERS)]
        ring.manage("user_create", email=f"{name}@example.org", name="Manager", role="owner")
        self.manager = ring.management_token(f"{name}@example.org")
        ring.channel(name, self.owners[0], members=self.owners[1:])

    def heard(self, token, began):
        with self.lock:
            self.tally.accepted += 1
            self.tally.late += began > token.get("answered", float("inf"))

    def ask(self, method, path, body=None, **more):
        """By the gateway of any host; None where nothing is known, or a fault refused it."""
        host = self.dice.choice(self.hosts)
        with contextlib.suppress(requests.RequestException):
            told = host.ring.admin(method, path, self.manager, body, timeout=60, **more)
            if told.status_code < 300:
                return told.json()
            self.refused[told.json()["code"]] += 1
        self.tally.unanswered += 1
        return None

    def make(self, worker, number):
        name = f"{self.name}-{worker}-{number}"
        headers = {"Idempotency-Key": name}
        for _ in range(20):
            told = self.ask("POST", f"/users/{self.owners[worker].id}/tokens", {"name": name, "rate": 0}, headers=headers)
            if told:
                return {"said": {}, "token": told["token"], "id": told["id"]}
            with contextlib.suppress(postern.CtlError):
                mine = [row for row in self.list(self.hosts[0], worker) if row["name"] == name]
                if mine:  # made, and its answer is lost: it cannot be used
                    self.delete(worker, {"id": mine[0]["id"]})
                    return None
        return None

    def list(self, host, worker):
        return host.ring.manage("token_list", self.owners[worker].email)["tokens"]

    def delete(self, worker, token):
        for _ in range(40):
            began = time.monotonic()
            if self.ask("DELETE", f"/tokens/{token['id']}?confirm=true"):
                token["answered"] = time.monotonic()
                self.tally.took.append(token["answered"] - began)
                return True
            with contextlib.suppress(postern.CtlError):
                if all(row["id"] != token["id"] for row in self.list(self.hosts[0], worker)):
                    return False  # it is gone; when it was answered nobody knows
        raise AssertionError("a token cannot be deleted")

    def work(self, worker):
        number = 0
        while True:
            with self.lock:
                if self.left == 0:
                    return
                self.left -= 1
            number += 1
            token = self.make(worker, number)
            if not token:
                continue
            self.tokens[token["id"]] = token
            postern.wait(lambda: 204 in token["said"].values(), 60, what="a gateway to take it")
            answered = self.delete(worker, token)
            postern.wait(lambda: list(token["said"].values()).count(401) == len(self.hosts), 60, what="all gateways to refuse it")
            with self.lock:
                self.tally.deletes += answered
            del self.tokens[token["id"]]

    def fault(self, host, way):
        self.tally.faults[way] += 1
        if way in ("before", "after"):
            host.between.commit = way
            self.over.wait(0.5)
            host.between.commit = None
        elif way == "partition":
            host.between.still = True
            self.over.wait(self.dice.uniform(*self.fault_s) * LEASE_S)
            host.between.still = False
        elif way == "stop":
            host.authd.send_signal(signal.SIGSTOP)
            self.over.wait(self.dice.uniform(*self.fault_s) * LEASE_S)
            host.authd.send_signal(signal.SIGCONT)
        else:
            host.authd.send_signal(signal.SIGKILL if way == "kill" else signal.SIGTERM)
            with contextlib.suppress(Exception):
                host.authd.wait(20)
        self.over.wait(0.1)
        host.again()

    def faults(self, ways):
        """One after the other, on any host but the first, which is asked how things are by its control socket."""
        while not self.over.is_set():
            self.over.wait(self.dice.uniform(0.2, 1))
            way = self.dice.choice(ways)
            self.fault(self.dice.choice(self.hosts if way in ("before", "after") else self.hosts[1:]), way)
            for host in self.hosts:
                host.again()

    def check(self):
        said = [[[row["id"] for row in self.list(host, worker)] for worker in range(WORKERS)] + [host.ring.manage("audit_list", last=1)["rows"]]
                for host in self.hosts]
        self.tally.differ = sum(one != said[0] for one in said)
        self.tally.cut = sum(host.between.cut for host in self.hosts if host.between)
        self.tally.twice = self.doubled()

    def doubled(self):
        """Rows of the audit of the same change: a token's name is made once, a token deleted once."""
        seen, twice, after = set(), 0, None
        while True:
            told = self.hosts[0].ring.manage("audit_list", limit=1000, after=after)
            for row in told["rows"]:
                if row["op"] == "token_delete" or (row["op"] == "token_create" and row["object_name"].startswith(f"{self.name}-")):
                    change = row["op"], row["object_name"] if row["op"] == "token_create" else row["object_id"]
                    twice += change in seen
                    seen.add(change)
            after = told["next"]
            if not after:
                return twice

    def run(self, ways=WAYS):
        probers = [Prober(self, host) for host in self.hosts]
        workers = [threading.Thread(target=self.work, args=(i,)) for i in range(WORKERS)]
        breaker = threading.Thread(target=self.faults, args=(ways,))
        for thread in (*probers, *workers, *([breaker] if ways else [])):
            thread.start()
        for thread in workers:
            thread.join()
        self.over.set()
        for thread in (*probers, *([breaker] if ways else [])):
            thread.join()
        for host in self.hosts:
            host.again()
            host.ring.wait_ready(f"authd-{host.index}", seconds=60)
        self.check()
        return self.tally


def main():
    words = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    words.add_argument("--rounds", type=int, default=1000)
    words.add_argument("--hosts", type=int, default=3)
    words.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    chosen = words.parse_args()
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(server_running())
        rings = [stack.enter_context(postern.Ring(gateways=i + 1)) for i in range(chosen.hosts)]
        first = rings[0]
        first.settings["directory.engine"] = "postgres"
        settled(first, server)
        first.connection = first.dir / "postgres.connection.directory"
        first.settings["worker.engine"] = "lmdb"
        betweens = [Between(server.port) for _ in rings]
        hosts = [Host(ring, i, first, betweens[i]) for i, ring in enumerate(rings)]
        for kind in ("router", "channel"):
            first.spawn(kind, wait_ready=False)
        for host in hosts:
            host.start()
        first.wait_ready("channel-0")
        campaign = Campaign(hosts, chosen.seed, chosen.rounds, "revoke")
        tally = campaign.run()
        print(tally)
        print("refused:", dict(campaign.refused))
        for ring in rings:
            ring.keep = not tally.clean
        for between in betweens:
            between.close()
    sys.exit(not tally.clean)


if __name__ == "__main__":
    main()
