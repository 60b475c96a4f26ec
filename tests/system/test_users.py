"""A user a kind of process: what each of them can reach, tried by a child with its user and groups, is its own
and nothing else. The users are some that every Debian has, named by the configuration."""

import contextlib
import grp
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import threading
import time
import uuid

import pytest
import requests
import zmq

from harness import lacking, postern
from harness.rogue import AUTHD, GATEWAY, HEARTBEAT, REPLIES, WORKER, Refused, Rogue, principal, request

pytestmark = lacking.root

REFUSED = 78
USERS = {"gateway": "games", "authd": "man", "router": "lp", "channel": "mail", "bot": "news", "extension": "uucp"}
WORKERS = "proxy"
SETTINGS = {**{f"{kind}.user": user for kind, user in USERS.items()}, "worker.group": WORKERS}
OLD = "nobody"

# Which sockets a process's user may connect to, but for those that it binds itself.
REACHES = {"gateway": {"authd", "authd-admin", "router-replies"}, "authd": {"router-requests"}, "router": set(),
           "channel": {"router-workers"}, "bot": {"router-workers"}, "extension": {"router-workers"}}
BINDS = {"authd": {"authd", "authd-admin", "control"}, "router": {"router-requests", "router-workers", "router-replies"}}
# Whose names in data.directory and data.known these are, by their beginning.
OWNS = {"authd": ("directory", "master.key", "first-owner"), "channel": ("channel-",), "bot": ("bot-", "bot."),
        "extension": ("extension-", "extension.")}


def ids(kind):
    """User, group and groups of a kind of process."""
    entry = pwd.getpwnam(USERS[kind])
    workers = [grp.getgrnam(WORKERS).gr_gid] if kind in ("channel", "bot", "extension") else []
    return entry.pw_uid, entry.pw_gid, [entry.pw_gid, *workers]


def as_kind(kind, action):
    """What ACTION returns in a process with the user and groups of KIND."""
    read, write = os.pipe()
    user, group, groups = ids(kind)
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            os.setgroups(groups)
            os.setresgid(group, group, group)
            os.setresuid(user, user, user)
            os.write(write, repr(action()).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as said:
        text = said.read()
    os.waitpid(child, 0)
    return eval(text)  # our own child's


def tried(call, *words):
    """True, or the name of the error."""
    try:
        call(*words)
    except OSError as error:
        return type(error).__name__
    return True


def openly(ring):
    """A directory that other users may pass to data and sanitizer reports."""
    ring.dir.chmod(0o711)
    ring.reports.chmod(0o777)
    return ring


@pytest.fixture(scope="module")
def apart():
    with postern.Ring(settings=SETTINGS) as ring:
        yield openly(ring).up()


@pytest.fixture(scope="module")
def ada(apart):
    ada = apart.user("ada")
    apart.channel("general", ada)
    apart.bot("helper", ada)
    return ada


def passes(ring, user, text):
    assert ring.post(ring.channel_url("general", user.token), {"text": text}).status_code == 204
    assert text in ring.texts("general", user.token)


def status(pid):
    return dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())


def test_each_process_has_its_user_and_a_message_passes(apart, ada):
    for name in apart.names:
        user, group, groups = ids(name.split("-")[0])
        said = status(apart.pid(name))
        assert said["Uid"].split() == [str(user)] * 4, name
        assert said["Gid"].split() == [str(group)] * 4, name
        assert set(map(int, said["Groups"].split())) >= set(groups), name
        assert 0 not in map(int, said["Groups"].split()), name
        assert said["CapEff"] == said["CapPrm"] == "0" * 16, name
    passes(apart, ada, "hello")
    assert apart.post(apart.bot_url("helper", ada.token), {"event": 1}).status_code == 200


@pytest.mark.parametrize("kind", postern.KINDS)
def test_the_sockets_that_a_kind_reaches(apart, kind):
    def connects(path):
        with socket.socket(socket.AF_UNIX) as one:
            one.connect(str(path))
    run = apart.dir / "data/run"
    names = [path.name.removesuffix(".d") for path in run.glob("*.d")]
    assert set(names) == set.union(*BINDS.values())
    found = as_kind(kind, lambda: {name: tried(connects, run / f"{name}.d" / "s") for name in names})
    mine = REACHES[kind] | BINDS.get(kind, set())
    assert {name for name, said in found.items() if said is True} == mine
    assert {said for name, said in found.items() if name not in mine} <= {"PermissionError"}


@pytest.mark.parametrize("kind", postern.KINDS)
def test_the_files_that_a_kind_reads_and_writes(apart, ada, kind):
    """Every file of the installation: those of the kind open for it, and no other."""
    passes(apart, ada, f"a row for {kind}")
    data, known = apart.dir / "data", apart.dir / "data-known"
    files = [path for root in (data, known) for path in root.rglob("*")
             if path.is_file() and "run" not in path.parts]
    assert {"data.mdb", "master.key", "bot.key", "wal"} <= {path.name for path in files}

    def mine(path):
        top = path.relative_to(known if known in path.parents else data).parts[0]
        return top.startswith(OWNS.get(kind, ("/",)))

    for flags in (os.O_RDONLY, os.O_WRONLY):
        found = as_kind(kind, lambda: {str(path): tried(os.open, path, flags) for path in files})
        assert {name for name, said in found.items() if said is True} == {str(path) for path in files if mine(path)}
        assert {said for said in found.values() if said is not True} <= {"PermissionError"}
    for path in files:
        assert path.stat().st_mode & 0o077 == 0, path


@pytest.mark.parametrize("kind", postern.KINDS)
def test_the_names_that_a_kind_makes_and_removes(apart, kind):
    """No name of another's can be made, removed, exchanged or bound."""
    run, data = apart.dir / "data/run", apart.dir / "data"
    own = {run / f"{name}.d" for name in BINDS.get(kind, ())} \
        | {path for path in data.iterdir() if path.is_dir() and path.name.startswith(OWNS.get(kind, ("/",)))}
    places = [path for root in (apart.dir, apart.dir / "data-known") for path in (root, *root.rglob("*"))
              if path.is_dir() and apart.reports not in (path, *path.parents)]

    def makes(path):
        os.chdir(path)  # a socket's path is short
        with socket.socket(socket.AF_UNIX) as one:
            one.bind("made")
        os.unlink("made")
    found = as_kind(kind, lambda: {str(path): tried(makes, path) for path in places})
    assert {path for path, said in found.items() if said is True} == {str(path) for path in own}

    others = [path for path in (*run.rglob("*"), *data.iterdir()) if path.parent not in own]
    kept = as_kind(kind, lambda: [tried(os.unlink, path) for path in others]
                   + [tried(os.rename, path, str(path) + "-") for path in others]
                   + [tried(os.symlink, "/etc/passwd", data / name) for name in ("switch.json", "first-owner")])
    assert True not in kept and all(path.exists() or path.is_symlink() for path in others)


def test_a_gateway_neither_signals_others_nor_asks_the_supervisor(apart):
    run = apart.dir / "data/run"
    pids = [apart.pid(name) for name in apart.names if not name.startswith("gateway")] + [apart.supervisor.pid]

    def asks():
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as bell:
            bell.connect(str(run / "up.sock"))
    assert set(as_kind("gateway", lambda: [tried(os.kill, pid, signal.SIGTERM) for pid in pids])) == {"PermissionError"}
    assert as_kind("gateway", lambda: tried(asks)) == "PermissionError"
    assert as_kind("gateway", lambda: tried(os.open, run / "up.json", os.O_RDONLY)) == "PermissionError"


ROLE_REFUSED = 5


@pytest.mark.parametrize("name, number", [("channel-0", 0), ("bot-7", 0), ("channel-0", 1)],
                         ids=["as a channel worker", "its kind alone", "its name alone"])
def test_a_worker_is_no_worker_of_another_kind(apart, ada, name, number):
    """A bot's worker shares the socket with those of channels, and would get their messages."""
    def says():
        with Rogue(apart, "router-workers", name) as peer:
            return peer.refusal(WORKER, kind=number, shards=1)
    assert as_kind("bot", says) == ROLE_REFUSED
    apart.wait(lambda: apart.ready("router-0"))
    passes(apart, ada, f"past {name} {number}")


def overheard(ring, name, seconds):
    """All that ZeroMQ sends to a connection that asks for a route and says nothing."""
    with zmq.Context().socket(zmq.DEALER) as silent:
        silent.routing_id, silent.linger = name.encode(), 0
        silent.connect(f"ipc://{ring.socket('router-workers')}")
        end, got = time.monotonic() + seconds, b""
        while (left := end - time.monotonic()) > 0:
            got += silent.recv() if silent.poll(left * 1000) else b""
    return got


@pytest.mark.parametrize("name", ["channel-0", "extension-0"])
def test_a_silent_connection_of_another_name_hears_nothing(apart, ada, name):
    """A bot's user would have what people post to channels, and the secrets of extensions' handlers."""
    url = apart.channel_url("general", ada.token)
    if name == "extension-0":
        url = apart.extension_url(apart.extension("shop", ada)["sandbox"], ada.token)
        apart.ctl("extension", "handler", "set", "shop", "https://hooks.example.org/x")
    stop, codes = threading.Event(), []

    def sends():
        while not stop.wait(0.1):
            codes.append(apart.post(url, {"text": f"for {name}"}).status_code)
    sender = threading.Thread(target=sends)
    sender.start()
    try:
        got = as_kind("bot", lambda: overheard(apart, name, 2))
    finally:
        stop.set()
        sender.join()
    assert f"for {name}".encode() not in got and b"whsec_" not in got
    assert set(codes) <= {200, 204} and len(codes) > 1


def impersonated(ring, instance, seconds):
    """The bodies of the replies that a gateway gets whose HELLO has another process's instance."""
    with Rogue(ring, "router-replies", "gateway-9") as peer:
        peer.instance = instance
        peer.greet(GATEWAY)
        end, got = time.monotonic() + seconds, b""
        while time.monotonic() < end:
            answer = peer.receive(REPLIES, seconds=0.2)
            got += b"".join(answer[2]) if answer else b""
        return got


def test_a_gateway_is_not_answered_in_the_place_of_authd(apart, ada):
    """It would read what the operator reads, who would have no answer."""
    passes(apart, ada, "for the operator alone")

    def poses():
        with Rogue(apart, "authd", "gateway-9") as peer:
            instance = peer.greet(GATEWAY)
        return impersonated(apart, instance, 3)
    heard = []
    rogue = threading.Thread(target=lambda: heard.append(as_kind("gateway", poses)))
    rogue.start()
    try:
        apart.wait(lambda: any("postern-router" in line and "event=link.up peer=gateway-9" in line
                               for line in apart.logs().splitlines()))
        said = apart.ctl("history", "channel", "general")
    finally:
        rogue.join()
    assert "for the operator alone" in str(said) and heard == [b""]


def test_an_authds_instance_is_no_gateways(apart):
    """Also where a gateway has learned by what instance a router knows an authd."""
    with Rogue(apart, "router-requests", "authd-9") as authd, Rogue(apart, "router-replies", "gateway-9") as gateway:
        gateway.instance = authd.instance
        authd.greet(AUTHD)
        gateway.greet(GATEWAY)
        authd.send(authd.requests(request(op=255, principal=principal())))
        assert authd.receive(REPLIES) and gateway.receive(REPLIES, seconds=0.5) is None


ROOM = 1024  # peers that a bound socket has room for


def crowd(ring, journal, seconds):
    """How many connections the router takes as the one worker of JOURNAL; they beat for a while."""
    zmq.Context.instance().max_sockets = 2 * ROOM
    peers = []
    with contextlib.suppress(Refused):
        while len(peers) < ROOM:
            peers.append(Rogue(ring, "router-workers", f"bot-0.{len(peers):016x}"))
            peers[-1].greet(WORKER, kind=1, shards=1, journal=journal)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for peer in peers:
            peer.send(peer.header(HEARTBEAT))
        time.sleep(0.5)
    return len(peers)


def test_a_worker_keeps_none_of_another_kind_out(apart, ada):
    journal = uuid.UUID((apart.dir / "data-known/bot-0").read_text().strip()).bytes
    counts = []
    rogue = threading.Thread(target=lambda: counts.append(as_kind("bot", lambda: crowd(apart, journal, 4))))
    rogue.start()
    try:
        apart.wait(lambda: apart.metric("router-0", "link_peers") >= ROOM, seconds=30)
        apart.kill("channel-0", signal.SIGKILL)
        passes(apart, ada, "past a crowd")
    finally:
        rogue.join()
    assert counts[0] > ROOM - 10
    assert not any("link.refused" in line and 'peer="channel-0"' in line for line in apart.logs().splitlines()
                   if "as many peers as there may be" in line)
    apart.kill("bot-0", signal.SIGKILL)
    apart.wait_ready(*apart.names)


def test_root_manages_restarts_and_copies(apart, ada, tmp_path):
    apart.ctl("restart")
    apart.wait_ready(*apart.names)
    passes(apart, ada, "after the restart")
    for name in ("authd-0", "router-0", "channel-0", "gateway-0"):
        apart.kill(name, signal.SIGKILL)
        apart.wait_ready(*apart.names)
    passes(apart, ada, "after the kills")
    assert apart.ctl("user", "list") and apart.ctl_run("health").returncode == 0
    assert apart.ctl("check")["stores"]
    apart.ctl("backup", "--with-key", tmp_path / "copy")
    assert (tmp_path / "copy/manifest.json").exists()


def test_a_restore_and_a_reshard_are_given_to_their_users(tmp_path):
    with postern.Ring(settings=SETTINGS) as ring:
        openly(ring).up()
        ada = ring.user("ada")
        ring.channel("general", ada)
        passes(ring, ada, "kept")
        ring.stop()
        ring.ctl("backup", "--with-key", tmp_path / "copy")  # while nothing runs: root opens the stores
        ring.up()
        ring.stop()
        (ring.dir / "data/master.key").unlink()
        ring.ctl("restore", "--replace", tmp_path / "copy")
        ring.up()
        assert ring.texts("general", ada.token) == ["kept"]
        ring.stop()
        ring.ctl("reshard", "channel", 2)
        ring.shards["channel"] = 2
        base = postern.free_ports(2)
        ring.settings["channel.monitor"] = f"127.0.0.1:{base}"
        ring.monitors |= {f"channel-{i}": f"http://127.0.0.1:{base + i}" for i in range(2)}
        ring.up()
        assert ring.texts("general", ada.token) == ["kept"]
        for shard in range(2):
            owner = (ring.dir / f"data/channel-{shard}/data.mdb").stat().st_uid
            assert owner == pwd.getpwnam(USERS["channel"]).pw_uid


NOBODY = {**{f"{kind}.user": "nobody-like-this" for kind in USERS}, "worker.group": WORKERS}


def test_where_no_kind_has_a_user_there_is_one_for_all(make_ring):
    ring = make_ring(settings=NOBODY).up()
    assert status(ring.pid("gateway-0"))["Uid"].split()[0] == "0"
    assert "event=up.users" in ring.logs() and "setting=gateway.user" in ring.logs()
    assert not list((ring.dir / "data/run").glob("*.d"))


def test_root_does_not_take_the_place_of_a_user_that_is_gone(make_ring):
    """It would open what the other kinds' users have."""
    ring = openly(make_ring(settings=SETTINGS)).up()
    ring.stop()
    for settings, word in (({"router.user": "nobody-like-this"}, "router.user: there is no 'nobody-like-this'"),
                           ({"worker.group": "nobody-like-this"}, "worker.group: there is no 'nobody-like-this'"),
                           (NOBODY, "belongs to user")):
        ring.settings.update({**SETTINGS, **settings})
        done = ring.ctl_run("up")
        assert done.returncode == REFUSED and word in done.stderr and "process.user" in done.stderr, done.stderr
        alone = subprocess.run([postern.BIN / "postern-channel", "-c", ring.conf, *ring._overrides()], text=True,
                               env=ring.environment, capture_output=True, timeout=10 * postern.SLOW)
        assert alone.returncode == REFUSED and word in alone.stderr, alone.stderr
    ring.settings.update(SETTINGS)
    ring.up()


def test_what_another_user_had_is_not_taken(make_ring):
    ring = openly(make_ring(settings={"process.user": OLD})).up()
    ada = ring.user("ada")
    ring.channel("general", ada)
    passes(ring, ada, "before")
    ring.stop()
    ring.settings.update(SETTINGS)
    del ring.settings["process.user"]
    done = ring.ctl_run("up")
    assert done.returncode == REFUSED and "chown -R root it" in done.stderr, done.stderr
    for path in (ring.dir / "data", ring.dir / "data-known", *(ring.dir / "data").rglob("*"),
                 *(ring.dir / "data-known").rglob("*")):
        os.chown(path, 0, 0)
    ring.up()
    passes(ring, ada, "after")
    assert ring.texts("general", ada.token) == ["before", "after"]


def test_what_a_former_user_has_in_a_sockets_directory_is_gone(make_ring):
    """It would be where everybody looks for authd, in a directory that is authd's."""
    ring = openly(make_ring(settings=SETTINGS))
    own, old = ring.dir / "data/run/authd.d", pwd.getpwnam(OLD)
    own.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as rogue:
        rogue.bind(str(own / "s"))
        (own / "below").mkdir()
        (own / "below/more").symlink_to("/")
        for path in (own.parent.parent, own.parent, own, *own.rglob("*")):
            os.chown(path, old.pw_uid, old.pw_gid, follow_symlinks=False)
        subprocess.run([postern.BIN / "postern-authd", "-c", ring.conf, *ring._overrides(), "-P", OLD],
                       env=ring.environment, capture_output=True, timeout=10 * postern.SLOW, check=True)
    assert own.stat().st_uid == ids("authd")[0] and list(own.iterdir()) == []


@pytest.mark.parametrize("make", [os.symlink, os.link], ids=["symbolic", "hard"])
@pytest.mark.parametrize("name", ["master.key", "channel-0.lock", "channel-0/planted", "run/authd.d"])
def test_what_a_former_user_planted_is_not_given(make_ring, name, make):
    ring = openly(make_ring(settings=SETTINGS))
    old, data = pwd.getpwnam(OLD), ring.dir / "data"
    precious = ring.dir / "precious"
    precious.write_text("precious")
    for path in (data / "run", data / "channel-0"):
        path.mkdir()
    (data / name).unlink(missing_ok=True)
    make(precious, data / name)
    for path in (data, *data.rglob("*")):
        os.chown(path, old.pw_uid, old.pw_gid, follow_symlinks=False)
    os.chown(precious, 0, 0)
    for kind in ("authd", "channel"):
        subprocess.run([postern.BIN / f"postern-{kind}", "-c", ring.conf, *ring._overrides(), "-P", OLD],
                       env=ring.environment, capture_output=True, timeout=10 * postern.SLOW)
    assert precious.stat().st_uid == 0 and precious.stat().st_mode & 0o777 == 0o644


def test_certificates_that_root_installs_are_read_by_processes(make_ring):
    ring = openly(make_ring(settings=SETTINGS))
    ring.ctl("keys", "new", "router-0", "--role", "router")
    ring.ctl("keys", "allow", ring.dir / "keys/router-0.pub")
    ring.ctl("keys", "trust", ring.dir / "keys/router-0.pub")
    keys = ring.dir / "keys"
    public = [keys / "allowed/router-0.pub", keys / "servers/router-0.pub"]
    assert as_kind("router", lambda: [tried(os.listdir, path.parent) for path in public]
                   + [tried(os.open, path, os.O_RDONLY) for path in public]) == [True] * 4
    assert as_kind("router", lambda: tried(os.open, keys / "router-0.secret", os.O_RDONLY)) == "PermissionError"


def own_start(ring, kind, user=None):
    """As a unit of systemd does it: with a user from the start; prepared where it is the kind's own."""
    number, group, groups = (*pwd.getpwnam(user)[2:4], [pwd.getpwnam(user)[3]]) if user else ids(kind)
    if not user:
        subprocess.run([postern.BIN / f"postern-{kind}", "-c", ring.conf, *ring._overrides(), "-P", OLD],
                       env=ring.environment, check=True, timeout=10 * postern.SLOW)
    return ring.spawn(kind, wait_ready=False, wrap=[
        "setpriv", f"--reuid={number}", f"--regid={group}", f"--groups={','.join(map(str, groups))}"])


def own_stop(ring, kind):
    process = ring.spawned.pop(f"{kind}-0")
    process.send_signal(signal.SIGINT if kind in ("authd", "router") else signal.SIGTERM)  # as their units do
    assert process.wait(20 * postern.SLOW) == 0


def test_a_rolling_restart_from_one_user_to_one_a_kind(make_ring, tmp_path):
    """Those who connect first. Nothing that was sent meanwhile is refused or lost."""
    ring = openly(make_ring(settings=SETTINGS))
    os.chown(ring.dir / "data", pwd.getpwnam(OLD).pw_uid, -1)
    for path in (ring.dir / "data").rglob("*"):
        os.chown(path, pwd.getpwnam(OLD).pw_uid, -1)
    (ring.dir / "data-known").mkdir(mode=0o700, exist_ok=True)
    os.chown(ring.dir / "data-known", pwd.getpwnam(OLD).pw_uid, -1)
    for kind in postern.KINDS:
        own_start(ring, kind, OLD)
    ring.wait_ready(*ring.names)
    ada = ring.user("ada")
    ring.channel("general", ada)
    sent, stop, faults = [], threading.Event(), []

    def send():
        with requests.Session() as http:
            while not stop.wait(0.05):
                text, code = f"m{len(sent)}", None
                while code is None:
                    with contextlib.suppress(requests.ConnectionError):
                        code = http.post(ring.channel_url("general", ada.token), json={"text": text},
                                         headers={"Idempotency-Key": text}, timeout=60).status_code
                faults.extend([(text, code)] if code != 204 else [])
                sent.append(text)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        for kind in ("channel", "bot", "extension", "gateway", "authd", "router"):
            before = len(sent)
            own_stop(ring, kind)
            own_start(ring, kind)
            ring.wait_ready(*ring.names)
            ring.wait(lambda count=before + 3: len(sent) >= count)
    finally:
        stop.set()
        sender.join()
    assert faults == []
    assert ring.texts("general", ada.token) == sent
    for kind in postern.KINDS:
        assert status(ring.spawned[f"{kind}-0"].pid)["Uid"].split()[0] == str(ids(kind)[0])
    assert ring.ctl("user", "list")


def test_a_socket_in_a_directory_of_the_wrong_user_is_refused(make_ring):
    """A taken-over router that had authd's place would get every sender's token."""
    ring = openly(make_ring(settings=SETTINGS))
    own_start(ring, "gateway").kill()
    ring.spawned.pop("gateway-0").wait()
    os.chown(ring.dir / "data/run/authd.d", ids("router")[0], -1)
    user, group, groups = ids("gateway")
    process = ring.spawn("gateway", wait_ready=False, wrap=[
        "setpriv", f"--reuid={user}", f"--regid={group}", f"--groups={group}"])
    assert process.wait(10 * postern.SLOW) == REFUSED
    assert f"belongs to user {ids('router')[0]}" in ring.logs()
    shutil.rmtree(ring.dir / "data/run")
