"""Wrong at the start: second instances, databases and configurations. Refused, with the reason."""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest

from harness import postern

REFUSED = 78  # exit status: an operator must change something


@pytest.fixture(scope="module")
def ring():
    """A ring of its own: second instances come near it."""
    made = postern.Ring(shards={"channel": 2}).up()
    made.ada = made.user("ada")
    made.channel("calm", made.ada)
    made.pids = {name: made.pid(name) for name in made.names}
    yield made
    made.close()


def undisturbed(ring):
    answer = ring.post(ring.channel_url("calm", ring.ada.token), {"text": "still here"})
    assert answer.status_code == 204, answer.text
    assert {name: ring.pid(name) for name in ring.names} == ring.pids


def refused(ring, kind, index=0, arguments=(), settings=None, environment=None):
    """Starts a process that must refuse; returns what it said."""
    args = [str(postern.BIN / f"postern-{kind}"), "-i", str(index), "-c", str(ring.conf),
            *ring._overrides(settings), *arguments]
    done = subprocess.run(args, env={**ring.environment, **(environment or {})}, text=True,
                          capture_output=True, timeout=20)
    assert done.returncode == REFUSED, (done.returncode, done.stderr)
    return done.stderr


# --- A second instance

@pytest.mark.parametrize("kind", ["gateway", "authd", "router"])
def test_a_second_instance_is_refused_and_names_the_first(ring, kind):
    elsewhere = {f"{kind}.monitor": f"127.0.0.1:{postern.free_ports(1)}"}
    said = refused(ring, kind, settings=elsewhere)
    assert "lock" in said and str(ring.pid(f"{kind}-0")) in said, said
    undisturbed(ring)


def test_a_second_worker_waits_for_the_journal_and_takes_over(make_ring):
    own = make_ring()
    first = own.spawn("channel", wait_ready=False)
    own.wait(lambda: "journal" in own.logs() or own.ready("channel-0"), what="the first")
    own.spawned["first"] = own.spawned.pop("channel-0")
    own.monitors["first"] = own.monitors["channel-0"]
    elsewhere = f"127.0.0.1:{postern.free_ports(1)}"
    own.monitors["channel-0"] = f"http://{elsewhere}"
    second = own.spawn("channel", settings={"channel.monitor": elsewhere}, wait_ready=False)
    own.wait(lambda: "life.waiting" in own.logs(), what="the second to wait")
    for kind in ("router", "authd", "gateway", "bot", "extension"):
        own.spawn(kind, wait_ready=False)
    own.wait_ready("router-0", "authd-0", "gateway-0")
    ada = own.user("ada")
    own.channel("calm", ada)
    url = own.channel_url("calm", ada.token)
    assert own.post(url, {"text": "by the first"}).status_code == 204
    assert own.metric("first", "stored_total") == 1
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert own.post(url, {"text": "by the second"}).status_code == 204
    assert own.texts("calm", ada.token) == ["by the first", "by the second"]
    assert second.poll() is None


def test_a_waiting_worker_ends_on_sigterm(ring):
    second = ring.spawn("channel", settings={"channel.monitor":
                                             f"127.0.0.1:{postern.free_ports(1)}"},
                        wait_ready=False)
    ring.wait(lambda: "life.waiting" in ring.logs(), what="it to wait")
    del ring.spawned["channel-0"]
    second.terminate()
    assert second.wait(10 * postern.SLOW) == 0
    undisturbed(ring)


# --- Databases

KINDS = [("authd", "directory"), ("channel", "channel-0"), ("bot", "bot-0")]


@pytest.fixture(scope="module")
def ran():
    """A ring that ran, holds a message, and is stopped."""
    made = postern.Ring().up()
    made.ada = made.user("ada")
    made.channel("kept", made.ada)
    assert made.post(made.channel_url("kept", made.ada.token), {"text": "kept"}).status_code == 204
    made.stop()
    yield made
    made.close()


@pytest.fixture
def down(ran):
    """The ring that ran, with its data as they were."""
    data, kept = ran.dir / "data", ran.dir / "kept"
    if kept.exists():
        shutil.rmtree(data)
    else:
        data.rename(kept)
    subprocess.run(["cp", "-a", kept, data], check=True)
    yield ran
    ran.stop()
    ran.check_reports()


def data_of(ring, store):
    path = ring.dir / "data" / store / "data.mdb"
    assert path.exists(), list((ring.dir / "data").iterdir())
    return path


def comes_back(ring):
    ring.up()
    assert ring.texts("kept", ring.ada.token) == ["kept"]


@pytest.mark.parametrize("kind, store", KINDS)
def test_a_database_of_garbage_is_refused_and_left_alone(down, kind, store):
    path = data_of(down, store)
    good = path.read_bytes()
    path.write_bytes(os.urandom(65536))
    garbage = path.read_bytes()
    said = refused(down, kind)
    assert store in said and "backup" in said, said
    assert path.read_bytes() == garbage
    path.write_bytes(good)
    comes_back(down)


@pytest.mark.parametrize("kind, store", KINDS)
def test_an_unreadable_database_is_refused(down, kind, store):
    path = data_of(down, store)
    aside = path.rename(path.with_suffix(".aside"))
    path.mkdir()
    assert store in refused(down, kind)
    path.rmdir()
    aside.rename(path)
    comes_back(down)


@pytest.mark.parametrize("kind, store", KINDS)
def test_a_newer_schema_is_refused(down, kind, store):
    path = data_of(down, store)
    good = path.read_bytes()
    # A node of LMDB: the value's length, flags, the key's length, key and value, padded to an even length.
    node = re.compile(rb"[\x01\x02]\x00(\x00\x00\x00\x00\x06\x00schema)\d.", re.DOTALL)
    newer, count = node.subn(lambda found: b"\x02\x00" + found[1] + b"99", good)
    assert count
    path.write_bytes(newer)
    said = refused(down, kind)
    assert store in said and "newer" in said and "upgrade" in said, said
    path.write_bytes(good)
    comes_back(down)


@pytest.mark.parametrize("what", ["kind", "shard"])
def test_anothers_journal_is_refused(down, what):
    """A directory moved to another shard's or kind's place would mix up messages."""
    source = down.dir / "data" / ("bot-0" if what == "kind" else "channel-0")
    place = down.dir / "data" / ("channel-0" if what == "kind" else "channel-1")
    if what == "kind":
        place.rename(place.with_name("aside"))
    shutil.copytree(source, place)
    said = refused(down, "channel", 0 if what == "kind" else 1, settings={"shards.channel": 2}
                   if what == "shard" else None)
    assert place.name in said, said
    if what == "kind":
        shutil.rmtree(place)
        place.with_name("aside").rename(place)
        comes_back(down)


def test_another_shard_count_is_refused(down):
    said = refused(down, "channel", settings={"shards.channel": 2})
    assert "channel-0" in said and "1" in said and "2" in said, said
    comes_back(down)


@pytest.mark.parametrize("length", [0, 100, 4096, 8191])
def test_a_truncated_journal_never_serves_as_if_whole(down, length):
    path = data_of(down, "channel-0")
    good = path.read_bytes()
    path.write_bytes(good[:length])
    if length == 0:  # nothing is left that could tell it from a new one
        return
    said = refused(down, "channel")
    assert "channel-0" in said and "backup" in said, said
    path.write_bytes(good)
    comes_back(down)


@pytest.mark.parametrize("damage", ["missing", "short", "other"])
def test_a_wrong_master_key_is_said(down, damage):
    down.up()
    apps = down.extension("shop", down.ada)
    down.stop()
    key = down.dir / "data" / "master.key"
    good = key.read_bytes()
    if damage == "missing":
        key.unlink()
    else:
        key.write_bytes(b"00" if damage == "short" else good.translate(
            bytes.maketrans(b"0123456789abcdef", b"123456789abcdef0")))
    said = refused(down, "authd")
    assert "master" in said, said
    assert good.decode().strip() not in said
    key.write_bytes(good)
    key.chmod(0o600)
    down.up()
    assert down.apps("shop")["sandbox"].appkey == apps["sandbox"].appkey


# --- Configuration

@pytest.mark.parametrize("text, words", [
    ("gateway\n    lisen = \"127.0.0.1:1\"\n", ["gateway.lisen", "no such setting"]),
    ("gatewy\n    listen = \"127.0.0.1:1\"\n", ["gatewy"]),
    ("gateway\n    threads = 0\n", ["gateway.threads", "1 to 64"]),
    ("gateway\n    threads = 65\n", ["gateway.threads", "1 to 64"]),
    ("gateway\n    threads = \"many\"\n", ["gateway.threads", "number"]),
    ("gateway\n    threads = -1\n", ["gateway.threads"]),
    ("gateway\n    threads = 99999999999999999999999\n", ["gateway.threads"]),
    ("gateway\n    listen = \"nowhere\"\n", ["gateway.listen", "address"]),
    ("gateway\n    trusted_proxies = \"10.0.0.0/99\"\n", ["10.0.0.0/99"]),
    ("log\n    level = \"loud\"\n", ["log.level", "debug"]),
    ("router\n    workers = \"tcp://192.0.2.1:7000\"\n", ["router.workers", "tcp", "curve"]),
    ("router\n    workers = \"tcp://*:7000\"\n", ["router.workers"]),
    ("router\n    workers = \"tcp://0.0.0.0:7000\"\n", ["router.workers", "curve"]),
    ("router\n    workers = \"inproc://x\"\n", ["router.workers"]),
    ("authd\n    control = \"tcp://127.0.0.1:7000\"\n", ["authd.control", "ipc"]),
    ("data\n    sockets = \"" + "x" * 90 + "\"\n", ["data.sockets"]),
    ("gateway\n    proxy_protocol = \"10.0.0.0/8, here\"\n", ["gateway.proxy_protocol", "'here'"]),
    ("bot\ndelivery\n    allow = \"10.0.0.0/99\"\n", ["delivery.allow", "10.0.0.0/99"]),
    ("gateway\npublic\n    url = \"hooks.example.org\"\n", ["public.url", "https://"]),
    ("gateway\npublic\n    url = \"https://hooks.example.org?a=b\"\n", ["public.url", "query"]),
    ("gateway\nadmin\n    url = \"ftp://hooks.example.org\"\n", ["admin.url", "https://"]),
], ids=range(21))
def test_a_wrong_setting_is_refused_with_file_key_and_reason(ring, text, words):
    place = postern.scratch("c-")
    bad = place / "bad.conf"
    bad.write_text(text)
    kind = "gateway" if text.startswith(("gat", "log", "data")) else text.split("\n")[0]
    for arguments in ([], ["-t"]):
        args = [str(postern.BIN / f"postern-{kind}"), "-c", str(bad), *arguments,
                "-s", f"{kind}.monitor=127.0.0.1:{postern.free_ports(1)}"]
        done = subprocess.run(args, env=ring.environment, capture_output=True, text=True,
                              timeout=10 * postern.SLOW)
        assert done.returncode == REFUSED, done.stderr
        for word in words:
            assert word in done.stderr, done.stderr
    shutil.rmtree(place)


def test_a_missing_configuration_is_refused(ring):
    done = subprocess.run([postern.BIN / "postern-router", "-c", "/no/such.conf"],
                          capture_output=True, text=True, env=ring.environment)
    assert done.returncode == REFUSED and "/no/such.conf" in done.stderr


@pytest.mark.parametrize("override", ["nothing", "a.b", "router.nothing=1", "gateway.threads=x"])
def test_a_wrong_override_is_refused(ring, override):
    said = refused(ring, "router", arguments=["-s", override])
    assert override.split("=")[0] in said or "section.key=value" in said, said
    undisturbed(ring)


def test_a_wrong_environment_variable_is_refused(ring):
    said = refused(ring, "router", environment={"POSTERN_QUEUE_MESSAGES": "few"})
    assert "queue.messages" in said.lower() or "POSTERN_QUEUE_MESSAGES" in said, said
    undisturbed(ring)


def test_sockets_are_for_their_owner_only(ring):
    run = pathlib.Path(ring.dir / "data" / "run")
    assert run.stat().st_mode & 0o777 == 0o700
    modes = {path.name: path.stat().st_mode & 0o777 for path in run.iterdir()}
    assert set(modes.values()) == {0o600}, modes
    assert {"authd", "control", "router-requests", "router-workers", "router-replies"} <= set(modes)
    assert (ring.dir / "data" / "master.key").stat().st_mode & 0o777 == 0o600
    for store in ("directory", "channel-0", "bot-0"):
        assert data_of(ring, store).stat().st_mode & 0o777 == 0o600


# --- Stopped, not dead

@pytest.mark.parametrize("kind", ["authd", "router", "channel", "gateway"])
def test_a_process_that_was_stopped_for_a_while_comes_back(ring, kind):
    """4 s: longer than its peers wait. What waits in its sockets is stale."""
    ring.pause(f"{kind}-0")
    time.sleep(4)
    ring.resume(f"{kind}-0")
    ring.wait_ready(*ring.names)
    undisturbed(ring)
