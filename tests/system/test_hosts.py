"""Many hosts: three gateways, an authd, two routers and four workers, each on a host of its own
(a network namespace), over CURVE. docs/HOSTS.md describes the same by hand."""

import shutil
import threading
import time

import pytest
import requests

from harness import lacking, postern
from harness.hosts import Hosts, Unavailable

GATEWAYS = ["gateway-0", "gateway-1", "gateway-2"]
ROUTERS = ["router-0", "router-1"]
WORKERS = ["channel-0", "channel-1", "bot-0", "extension-0"]
PROCESSES = GATEWAYS + ["authd-0"] + ROUTERS + WORKERS
ROGUES = ["rogue-0", "rogue-1", "rogue-2"]

# Which process connects to which: client -> servers. The allow lists follow from it.
SERVERS = {**{name: ["authd-0", *ROUTERS] for name in GATEWAYS}, "authd-0": ROUTERS,
           **{name: ROUTERS for name in WORKERS}}


class Estate:
    """A ring over hosts. Each has a directory with keys/, allowed/ and servers/."""

    def __init__(self, ring, hosts):
        self.ring, self.hosts = ring, hosts
        for name in PROCESSES:
            self.make_key(name, name, name.split("-")[0])
        for client, servers in SERVERS.items():
            for server in servers:
                self.copy(self.pub(client), self.dir(server) / "allowed")
                self.copy(self.pub(server), self.dir(client) / "servers")
        for name in ("authd-0", *ROUTERS, *WORKERS, *GATEWAYS):
            self.spawn(name)
        with hosts.inside("sender"):
            ring.wait_ready(*PROCESSES)

    # --- keys

    def dir(self, name):
        return self.ring.dir / "hosts" / name

    def secret(self, name):
        return self.dir(name) / "keys" / f"{name}.secret"

    def pub(self, name, host=None):
        return self.dir(host or name) / "keys" / f"{name}.pub"

    @staticmethod
    def copy(file, directory):
        directory.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, directory)

    def keys(self, host, *words):
        """posternctl keys on a host; the parsed reply."""
        place = self.dir(host)
        return self.ring.ctl("keys", *words, "-s", f"curve.allowed={place}/allowed",
                             "-s", f"curve.servers={place}/servers")

    def make_key(self, host, name, role):
        return self.keys(host, "new", name, "--role", role, "--dir", self.dir(host) / "keys")

    # --- processes

    def endpoints(self, port, *servers):
        return " ".join(f"tcp://{self.hosts.address(s)}:{port}@{s}" for s in servers)

    def settings(self, kind, host, secret):
        at, place = self.hosts.address(host), self.dir(host)
        return {
            "curve.secret": secret, "curve.allowed": place / "allowed",
            "curve.servers": place / "servers", f"{kind}.monitor": f"{at}:9100",
            "gateway.listen": f"{at}:8080",
            # Sanitizers slow ten processes and their handshakes down on two cores.
            "gateway.deadline_ms": 10000 * min(postern.SLOW, 2),
            "gateway.authd": self.endpoints(7001, "authd-0"),
            "gateway.routers": self.endpoints(7004, *ROUTERS),
            "authd.listen": f"tcp://{at}:7001", "authd.routers": self.endpoints(7002, *ROUTERS),
            "router.requests": f"tcp://{at}:7002", "router.workers": f"tcp://{at}:7003",
            "router.replies": f"tcp://{at}:7004",
            "worker.routers": self.endpoints(7003, *ROUTERS),
        }

    def spawn(self, name, host=None, secret=None, **settings):
        host = host or name
        kind, index = name.split("-")
        more = {**self.settings(kind, host, secret or self.secret(name)), **settings}
        self.ring.monitors[name] = f"http://{self.hosts.address(host)}:{9100 + int(index)}"
        return self.ring.spawn(kind, int(index), more, wait_ready=False,
                               wrap=self.hosts.wrap(host))

    def end(self, name):
        process = self.ring.spawned.pop(name)
        process.terminate()
        process.wait(20 * postern.SLOW)

    # --- watching

    def url(self, gateway, channel, token):
        return (f"http://{self.hosts.address(gateway)}:8080/api/v2/channelsbyname/{channel}/message"
                f"?zapikey={token}")

    def post(self, gateway, channel, token, text):
        with self.hosts.inside("sender"):
            return self.ring.post(self.url(gateway, channel, token), {"text": text})

    def texts(self, gateway, channel, token):
        with self.hosts.inside("sender"):
            self.ring.base = f"http://{self.hosts.address(gateway)}:8080"
            return self.ring.texts(channel, token)

    def metric(self, name, metric):
        with self.hosts.inside("sender"):
            return self.ring.metric(name, metric)

    def logged(self, *words, seconds=10):
        """Waits for a line of the log that has all WORDS; returns all such lines."""
        def lines():
            return [line for line in self.ring.logs().splitlines()
                    if all(str(word) in line for word in words)]
        return postern.wait(lines, seconds, what=f"a line with {words}")


class Writers:
    """Post to a channel through some gateways until they are told to end; nothing is tried twice."""

    def __init__(self, estate, gateways, channel, token):
        self.stop, self.good, self.bad, self.lock = threading.Event(), [], [], threading.Lock()
        self.threads = [threading.Thread(target=self._run, args=(estate, gateway, channel, token),
                                         daemon=True) for gateway in gateways for _ in range(2)]
        for thread in self.threads:
            thread.start()

    def _run(self, estate, gateway, channel, token):
        with estate.hosts.inside("sender"), requests.Session() as http:
            http.trust_env = False
            count = 0
            while not self.stop.is_set():
                text = f"{gateway} {threading.get_ident()} {count}"
                answer = http.post(estate.url(gateway, channel, token), json={"text": text},
                                   timeout=60)
                with self.lock:
                    (self.good if answer.status_code == 204 else self.bad).append(
                        text if answer.status_code == 204 else (text, answer.text))
                count += 1
                time.sleep(0.01)

    def end(self):
        self.stop.set()
        for thread in self.threads:
            thread.join(60)
        return self


@pytest.fixture(scope="module")
def estate(needs_ip):
    try:
        hosts = Hosts(*PROCESSES, *ROGUES, "sender")
    except (Unavailable, OSError) as error:
        lacking.skip("network namespaces", error)
    ring = None
    try:
        ring = postern.Ring(shards={"channel": 2})
        yield Estate(ring, hosts)
    finally:
        if ring:
            ring.close()
        hosts.close()


@pytest.fixture(scope="module")
def needs_ip():
    for program in ("ip", "nsenter"):
        if not shutil.which(program):
            lacking.skip(program)


@pytest.fixture(scope="module")
def ada(estate):
    return estate.ring.user("ada")


def test_messages_go_through_each_gateway_and_are_read_back_through_another(estate, ada):
    def stored():
        return [estate.metric(name, "stored_total") for name in ("channel-0", "channel-1")]

    channels = []
    while not all(stored()):  # until both shards have one
        channels.append(f"c{len(channels)}")
        assert len(channels) < 64
        estate.ring.channel(channels[-1], ada)
        assert estate.post("gateway-0", channels[-1], ada.token, "first").status_code == 204
    for i, gateway in enumerate(GATEWAYS):
        for channel in channels:
            answer = estate.post(gateway, channel, ada.token, f"by {gateway}")
            assert answer.status_code == 204, answer.text
        other = GATEWAYS[(i + 1) % len(GATEWAYS)]
        for channel in channels:
            assert estate.texts(other, channel, ada.token)[-1] == f"by {gateway}"


def test_a_strange_key_and_a_key_of_another_role_are_refused_and_logged(estate):
    """A gateway whose key nobody allows, a gateway with a worker's key, and a worker with a key of
    another kind. All three have the right certificates of the servers."""
    strange = estate.make_key("rogue-0", "strange", "gateway")["public_key"]
    extension = estate.keys("extension-0", "list", "--dir", estate.dir("extension-0") / "keys")
    extension = extension["keys"][0]["public_key"]
    for host in ROGUES:
        shutil.copytree(estate.dir("gateway-0") / "servers", estate.dir(host) / "servers")
    rogue = estate.spawn("gateway-7", "rogue-0", estate.dir("rogue-0") / "keys" / "strange.secret")
    estate.spawn("gateway-8", "rogue-1", estate.secret("extension-0"))
    bot = estate.spawn("bot-7", "rogue-2", estate.secret("extension-0"),
                       **{"data.directory": estate.dir("rogue-2") / "data", "shards.bot": 8})
    at = estate.hosts.address
    for process in ("postern-authd", "postern-router"):
        for address, key in ((at("rogue-0"), strange), (at("rogue-1"), extension)):
            estate.logged(process, "link.key_refused", address, key)
    said = estate.logged("postern-router", "link.refused", "bot-7", at("rogue-2"), extension)
    assert len(said) <= len(ROUTERS), said
    assert "posternctl keys allow" in estate.logged(f"[{rogue.pid}]", "link.handshake_failed")[0]
    estate.logged(f"[{bot.pid}]", "link.goodbye", "the key is not allowed")
    assert estate.metric("authd-0", "link_refused_total") > 0
    assert estate.metric("gateway-7", "link_refused_total") > 0
    with estate.hosts.inside("sender"):
        postern.wait(lambda: estate.ring.ready("bot-7")["status"] == 503, what="a red /readyz")
    for name in ("gateway-7", "gateway-8", "bot-7"):
        estate.end(name)


def test_a_wrong_key_of_the_server_is_not_believed(estate):
    """Somebody else sits at the server's address, as far as the client can tell."""
    shutil.copy(estate.pub("router-0"), estate.dir("rogue-0") / "servers" / "authd-0.pub")
    estate.copy(estate.pub("strange", "rogue-0"), estate.dir("authd-0") / "allowed")
    rogue = estate.spawn("gateway-7", "rogue-0", estate.dir("rogue-0") / "keys" / "strange.secret")
    assert "curve.servers" in estate.logged(
        f"[{rogue.pid}]", "link.handshake_failed", "@authd-0", "another key")[0]
    estate.logged("postern-authd", "link.handshake_failed", "curve.servers")
    # Put right while it runs.
    shutil.copy(estate.pub("authd-0"), estate.dir("rogue-0") / "servers" / "authd-0.pub")
    estate.logged(f"[{rogue.pid}]", "link.up", "authd-0")
    estate.end("gateway-7")
    estate.keys("authd-0", "revoke", "strange")


def test_a_revoked_key_is_cut_at_once_and_comes_back_when_it_is_allowed_again(estate, ada):
    assert estate.post("gateway-2", "c0", ada.token, "before").status_code == 204
    began = time.monotonic()
    for server in ("authd-0", *ROUTERS):
        estate.keys(server, "revoke", "gateway-2")
    cut = estate.logged("postern-authd", "link.revoked", "gateway-2")
    postern.in_time(time.monotonic() - began, 3 * postern.SLOW)
    estate.logged("postern-authd", "link.key_refused", estate.hosts.address("gateway-2"))
    assert estate.post("gateway-0", "c0", ada.token, "others go on").status_code == 204
    assert len(cut) == 1, cut  # it does not come back by itself
    for server in ("authd-0", *ROUTERS):
        estate.keys(server, "allow", estate.pub("gateway-2"))
    with estate.hosts.inside("sender"):
        estate.ring.wait_ready("gateway-2")
    assert estate.post("gateway-2", "c0", ada.token, "after").status_code == 204


def rotate_client(estate, name, servers):
    """A new key, allowed beside the old one; then the process takes it without a restart."""
    role = name.split("-")[0]
    estate.make_key(name, f"{name}-b", role)
    for server in servers:
        estate.keys(server, "allow", estate.pub(f"{name}-b", name))
    new = estate.dir(name) / "keys" / f"{name}-b.secret"
    new.replace(estate.secret(name))
    for server in servers:
        estate.keys(server, "revoke", name)


def rotate_router(estate, name):
    """Those who connect get the new public key first; then the router starts with its new one."""
    estate.make_key(name, f"{name}-b", "router")
    for client in SERVERS:
        if name in SERVERS[client]:
            estate.copy(estate.pub(f"{name}-b", name), estate.dir(client) / "new")
            (estate.dir(client) / "new" / f"{name}-b.pub").replace(
                estate.dir(client) / "servers" / f"{name}.pub")
    estate.end(name)
    estate.spawn(name, secret=estate.dir(name) / "keys" / f"{name}-b.secret")


def rotate_authd(estate):
    """A server of gateways and a client of routers: both of the above for one key."""
    estate.make_key("authd-0", "authd-0b", "authd")
    new = estate.pub("authd-0b", "authd-0")
    for router in ROUTERS:
        estate.keys(router, "allow", new)
    for gateway in GATEWAYS:
        estate.copy(new, estate.dir(gateway) / "new")
        (estate.dir(gateway) / "new" / "authd-0b.pub").replace(
            estate.dir(gateway) / "servers" / "authd-0.pub")
    estate.end("authd-0")
    estate.spawn("authd-0", secret=estate.dir("authd-0") / "keys" / "authd-0b.secret")
    for router in ROUTERS:
        estate.keys(router, "revoke", "authd-0")


def test_the_key_of_authd_rotates_under_load_without_a_failed_request(estate, ada):
    estate.ring.channel("rotated", ada)
    writers = Writers(estate, GATEWAYS[:2], "rotated", ada.token)
    postern.wait(lambda: len(writers.good) > 10, what="requests going on")
    rotate_authd(estate)
    with estate.hosts.inside("sender"):
        estate.ring.wait_ready(*PROCESSES)
    after = len(writers.good)
    postern.wait(lambda: len(writers.good) > after + 10, what="requests going on")
    writers.end()
    assert not writers.bad, writers.bad[:5]
    assert sorted(estate.texts("gateway-2", "rotated", ada.token)) == sorted(writers.good)


def test_keys_rotate_and_a_router_s_host_goes_under_load_without_a_failed_request(estate, ada):
    estate.ring.channel("load", ada)
    writers = Writers(estate, GATEWAYS[:2], "load", ada.token)
    time.sleep(0.5)
    rotate_client(estate, "channel-0", ROUTERS)
    rotate_client(estate, "gateway-1", ("authd-0", *ROUTERS))
    estate.logged("postern-router", "link.revoked", "channel-0")
    estate.logged("postern-authd", "link.revoked", "gateway-1")
    with estate.hosts.inside("sender"):
        estate.ring.wait_ready("channel-0", "gateway-1")
    rotate_router(estate, "router-1")
    with estate.hosts.inside("sender"):
        estate.ring.wait_ready(*PROCESSES)
    # The other router's host loses its network.
    before = len(writers.good)
    estate.hosts.link("router-0", "down")
    estate.logged("postern-authd", "link.down", "router-0", "silent")
    postern.wait(lambda: len(writers.good) > before + 100, what="requests going on")
    estate.hosts.link("router-0", "up")
    with estate.hosts.inside("sender"):
        estate.ring.wait_ready(*PROCESSES)
    writers.end()
    assert not writers.bad, writers.bad[:5]
    stored = estate.texts("gateway-2", "load", ada.token)
    assert sorted(stored) == sorted(writers.good)
