"""posternctl up --hosts: two hosts of one installation on this machine, whose journals lie in PostgreSQL. Each has its part, and its
workers of any shard take what the other one leaves behind; the first one, which a directory of one host would stop with, is lost."""

import json
import signal
import subprocess

from harness import postern
from harness.database import server_running, settled

SHARDS = 4
PROCESSES = ({"gateway-0", "authd-0", "router-0", "channel-0", "channel-2", "channel-any", "channel-any1", "bot-0", "bot-any",
              "extension-0", "extension-any"},
             {"gateway-1", "authd-1", "router-1", "channel-1", "channel-3", "channel-any", "channel-any1", "bot-any", "extension-any"})


class Host:
    """The NUMBER-th of two, from 1 on, with RING's directory, ports of its own and the endpoints of FIRST's."""

    def __init__(self, ring, number, first):
        self.ring, self.part = ring, f"{number}/2"
        self.port = postern.free_ports(32)
        sockets = f"ipc://{first.sockets}"
        both = {kind: f"{sockets}/1-{kind} {sockets}/2-{kind}" for kind in ("requests", "workers", "replies")}
        ring.settings.update({key: first.settings[key] for key in ("worker.engine", "delivery.engine", "postgres.copies", "postgres.connection", "directory.engine",
                                                                        "authd.master_key")})
        ring.settings.update({
            "gateway.authd": f"{sockets}/1-authd {sockets}/2-authd", "gateway.admin": f"{sockets}/1-admin {sockets}/2-admin",
            "authd.listen": f"{sockets}/{number}-authd", "authd.admin": f"{sockets}/{number}-admin", "gateway.deadline_ms": 20000,
            "process.drain_ms": 1000,  # authd ends then: the other host's gateway stays connected
            **{f"router.{kind}": f"{sockets}/{number}-{kind}" for kind in both},
            "authd.routers": both["requests"], "worker.routers": both["workers"], "gateway.routers": both["replies"]})
        with open(ring.log_path, "ab") as log:
            words = [ring.binaries / "posternctl", "up", "-c", ring.conf, "--hosts", self.part, "--port", str(self.port)]
            ring.supervisor = subprocess.Popen([*words, *ring._overrides()], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                                               env=ring.environment)
        ring.base = f"http://127.0.0.1:{self.port}"

    def health(self):
        """Without overrides: what up was told holds."""
        told = subprocess.run([self.ring.binaries / "posternctl", "-c", self.ring.conf, "health", "--json"], capture_output=True, text=True)
        return json.loads(told.stdout)

    def ready(self):
        assert self.ring.supervisor.poll() is None, self.ring.logs()[-4000:]
        return self.health()["ready"]


def journals(hosts):
    """What each worker of channels says of its journal: nothing where it has a shard."""
    checks = [row["checks"][0] for host in hosts for row in host.health()["processes"] if row["process"].startswith("channel")]
    assert all(check["name"] == "journal" for check in checks), checks
    return [check["reason"] for check in checks]


def test_two_hosts_and_one_that_is_left(make_ring, name):
    with server_running() as server:
        rings = [make_ring(shards={"channel": SHARDS}) for _ in range(2)]
        rings[0].settings.update({"directory.engine": "postgres", "authd.master_key": rings[0].dir / "data" / "master.key"})
        settled(rings[0], server, delivers=True)
        hosts = [Host(ring, i + 1, rings[0]) for i, ring in enumerate(rings)]
        for host in hosts:
            postern.wait(host.ready, 30, what=f"all of host {host.part}")
        for host, wanted in zip(hosts, PROCESSES, strict=True):
            assert {row["process"] for row in host.health()["processes"]} == wanted
        postern.wait(lambda: journals(hosts).count("") == SHARDS, 30, what="a worker of each shard")
        # On a busy machine one of any shard may have been before the shard's own.
        assert any(f"of any shard, and each of {SHARDS} has a worker" in reason for reason in journals(hosts)), journals(hosts)
        first, second = rings
        ada = first.user(f"ada-{name}")
        for i in range(8):
            first.channel(f"{name}{i}", ada)

        def posts(ring, text):
            for i in range(8):
                url = ring.channel_url(f"{name}{i}", ada.token)
                assert ring.post(url, {"text": text}, timeout=60).status_code == 204
        posts(first, "by the first")
        first.supervisor.send_signal(signal.SIGTERM)
        posts(second, "while it ends")
        status = first.supervisor.wait(30 * postern.SLOW)
        if "event=supervise.kill" in first.logs():
            raise postern.TooSlow("a process of the first host did not end in the 2 s beyond its second")
        assert status == 0
        posts(second, "without it")
        for i in range(8):
            assert second.texts(f"{name}{i}", ada.token) == ["by the first", "while it ends", "without it"]
        second.channel(f"{name}8", ada)
        taken = [row for row in hosts[1].health()["processes"] if row["process"].startswith("channel-any")]
        assert len(taken) == 2 and all(row["ready"] and not row["checks"][0]["reason"] for row in taken), taken
        second.stop()


def test_parts_that_cannot_be(make_ring):
    ring = make_ring()
    for part, words in (("0/2", "takes I/N"), ("3/2", "takes I/N"), ("1", "takes I/N"), ("1/300", "256"), ("1/2x", "takes I/N")):
        told = ring.ctl_run("up", "--hosts", part)
        assert told.returncode == 2 and words in told.stderr, told
    told = ring.ctl_run("up", "--hosts", "1/2")
    assert told.returncode == 78 and "worker.engine = postgres" in told.stderr
