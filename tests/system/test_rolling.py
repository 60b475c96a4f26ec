"""Draining and rolling restarts: nobody who sends notices that a process is restarted."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

import rolling
from harness import postern
from harness.connection import Connection, post
from harness.haproxy import CONFIGURATION, PROGRAM, HAProxy

NOTICE_MS = 1000


def make_place(ring, name):
    """A channel of one's own; returns the path to post to."""
    owner = ring.user(name)
    ring.channel(name, owner)
    return ring.channel_url(name, owner.token).removeprefix(ring.base)


def message(path, text):
    return post(path, json.dumps({"text": text}).encode(), ["Content-Type: application/json"])


@pytest.fixture
def listener():
    """A listening socket of the test's own, to be passed to gateways."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as made:
        yield made


SHIM = """import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=sys.argv[2])
os.execv(sys.argv[3], sys.argv[3:])
"""


def spawn_gateway(ring, descriptor, count="1", **more):
    """A gateway alone that gets DESCRIPTOR as sd_listen_fds(3) wants it. Returns its Popen."""
    return ring.spawn("gateway", wrap=[sys.executable, "-c", SHIM, str(descriptor), count],
                      pass_fds=[descriptor], **more)


def keyed_twice(ring, proxy, name):
    path = make_place(ring, name)
    headers = ["Content-Type: application/json", "Idempotency-Key: one"]
    with Connection(proxy.port) as connection:
        answers = [connection.post(path, b'{"text":"once"}', headers) for _ in range(2)]
    assert [answer.status for answer in answers] == [204, 204]
    return answers[1].headers.get("idempotency-replayed")


def address_is_not_forged(ring, proxy, name):
    """What a sender says about its own address does not get through HAProxy."""
    owner = ring.user(name)
    ring.bot(name, owner)
    path = ring.bot_url(name, owner.token).removeprefix(ring.base)
    with Connection(proxy.port) as connection:
        told = ["X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 7.7.7.7"]
        assert connection.post(path, b"{}", told).status == 200
    def seen():
        row, = ring.ctl("token", "list", owner.email)["tokens"]
        return "127.0.0.1" in row.values()
    ring.wait(seen, what="127.0.0.1 as the token's last address")


def test_rolling_restart_behind_haproxy_fails_nothing(make_ring, name, needs):
    needs(PROGRAM, "h2load")
    ring = make_ring(settings={"gateway.drain_notice_ms": 600,
                               "gateway.trusted_proxies": "127.0.0.1/32"}, gateways=2).up()
    with HAProxy(ring) as proxy:
        result = rolling.campaign(ring, proxy, 3000, name, seconds=2)
        replayed = keyed_twice(ring, proxy, f"{name}x")
        address_is_not_forged(ring, proxy, f"{name}y")
    print(result)
    assert replayed == "true"
    assert result.clean, f"{result}\n{result.failures[:5]}\n{ring.logs()[-3000:]}"


@pytest.fixture
def behind(make_ring, name):
    """A ring without its gateway, and the path of a channel in it."""
    ring = make_ring(settings={"gateway.drain_notice_ms": NOTICE_MS})
    for kind in ("authd", "router", "channel", "bot", "extension"):
        ring.spawn(kind, wait_ready=False)
    ring.wait_ready("authd-0", "router-0", "channel-0")
    return ring, make_place(ring, name)


def stopped(pid):
    """Whether every thread stands still; until then one may still accept."""
    return all(path.read_text().rsplit(")", 1)[1].split()[0] == "T"
               for path in pathlib.Path(f"/proc/{pid}/task").glob("*/stat"))


def test_a_successor_answers_what_waits_in_the_passed_socket(behind, listener):
    ring, path = behind
    port = listener.getsockname()[1]
    old = spawn_gateway(ring, listener.fileno())
    kept = Connection(port)
    assert kept.post(path, b'{"text":"kept"}').status == 204
    idle = Connection(port)
    assert idle.post(path, b'{"text":"idle"}').status == 204
    # It can accept no more, so these wait in the kernel's queue.
    os.kill(old.pid, signal.SIGSTOP)
    postern.wait(lambda: stopped(old.pid), what="the stop of all threads")
    waiting = [Connection(port) for _ in range(50)]
    for i, connection in enumerate(waiting):
        connection.send(message(path, f"waits {i}"))
    new = spawn_gateway(ring, listener.fileno(), wait_ready=False)
    assert [c.answer().status for c in waiting] == [204] * 50, "the successor serves the queue"
    os.kill(old.pid, signal.SIGCONT)
    old.terminate()
    # What the old one has is answered, and that it is the last time is said.
    postern.wait(lambda: "successor=1" in ring.logs(), what="the drain")
    began = time.monotonic()
    answer = kept.post(path, b'{"text":"last"}')
    assert (answer.status, answer.headers["connection"]) == (204, "close")
    assert idle.closed() and time.monotonic() - began > NOTICE_MS / 2000
    assert old.wait(20 * postern.SLOW) == 0 and new.poll() is None
    # The address of the monitor is the successor's.
    ring.wait_ready("gateway-0")
    assert Connection(port).post(path, b'{"text":"new"}').status == 204


def test_readyz_is_red_before_accepting_ends(behind):
    ring, path = behind
    gateway = ring.spawn("gateway")
    idle = Connection(ring.port)
    assert idle.post(path, b'{"text":"idle"}').status == 204
    half = Connection(ring.port)
    half.send(message(path, "half")[:-3])
    began = time.monotonic()
    gateway.terminate()
    state = postern.wait(lambda: (s := ring.ready("gateway-0"))["status"] == 503 and s, what="red")
    assert {"name": "draining", "state": "failed", "reason": "draining"} in state["checks"]
    answer = Connection(ring.port).post(path, b'{"text":"late"}')
    assert (answer.status, answer.headers["connection"]) == (204, "close")
    postern.in_time(time.monotonic() - began, NOTICE_MS / 1000)
    gateway.terminate()  # once more does not hurry it
    assert idle.closed()
    assert time.monotonic() - began >= NOTICE_MS / 1000 - 0.1
    # What has begun is still answered when nobody can come any more.
    with pytest.raises(ConnectionRefusedError):
        Connection(ring.port)
    assert gateway.poll() is None
    half.send(message(path, "half")[-3:])
    assert half.answer().status == 204
    assert gateway.wait(20 * postern.SLOW) == 0


def test_sigint_skips_the_notice(behind):
    ring, path = behind
    gateway = ring.spawn("gateway")
    kept = Connection(ring.port)
    assert kept.post(path, b'{"text":"kept"}').status == 204
    gateway.terminate()
    postern.wait(lambda: "event=gateway.drain " in ring.logs(), what="the drain")
    began = time.monotonic()
    gateway.send_signal(signal.SIGINT)
    assert gateway.wait(20) == 0
    assert kept.closed()
    postern.in_time(time.monotonic() - began, NOTICE_MS / 1000)


def test_an_open_request_ends_with_the_drain_time(behind):
    """A sender that never finishes its request does not keep the process."""
    ring, path = behind
    gateway = ring.spawn("gateway", settings={"process.drain_ms": 1600})
    half = Connection(ring.port)
    half.send(message(path, "half")[:-3])
    # Read by the gateway, which is then told.
    assert Connection(ring.port).post(path, b'{"text":"other"}').status == 204
    began = time.monotonic()
    gateway.terminate()
    assert gateway.wait(20) == 0
    took = time.monotonic() - began
    assert took > 1.5
    postern.in_time(took, 1.6 + 2 * postern.SLOW)
    assert "used_ms=800" in ring.logs(), "a notice longer than half of the drain is cut, and told"


@pytest.mark.parametrize("count, wanted", [("2", "LISTEN_FDS is \\\"2\\\", not 1"),
                                           ("x", "LISTEN_FDS is \\\"x\\\", not 1")])
def test_another_number_of_sockets_is_refused(make_ring, listener, count, wanted):
    ring = make_ring()
    gateway = spawn_gateway(ring, listener.fileno(), count, wait_ready=False)
    assert gateway.wait(20 * postern.SLOW) == 78
    assert wanted in ring.logs() and "ListenStream" in ring.logs()


def unbound():
    return socket.socket()


def datagrams():
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)


def local():
    return socket.socket(socket.AF_UNIX)


def no_socket():
    return open("/dev/null", "rb")


@pytest.mark.parametrize("make, wanted", [
    (unbound, "the passed socket does not listen"),
    (datagrams, "the passed socket is not a TCP socket"),
    (local, "the passed socket is not a TCP socket"),
    (no_socket, "descriptor 3 is no socket")])
def test_what_is_no_listening_tcp_socket_is_refused(make_ring, make, wanted):
    ring = make_ring()
    with make() as wrong:
        gateway = spawn_gateway(ring, wrong.fileno(), wait_ready=False)
        assert gateway.wait(20 * postern.SLOW) == 78
    assert wanted in ring.logs()


def test_variables_for_another_process_are_left_alone(make_ring):
    ring = make_ring()
    ring.spawn("gateway", environment={"LISTEN_FDS": "1", "LISTEN_PID": "1"}, wait_ready=False)
    postern.wait(lambda: "passed=0" in ring.logs(), what="the gateway's own listener")


def test_restart_says_what_is_wrong(make_ring):
    ring = make_ring()
    with pytest.raises(postern.CtlError, match="no posternctl up runs"):
        ring.ctl("restart")


def test_restart_of_some_and_of_unknown_ones(make_ring, name):
    ring = make_ring(shards={"channel": 2}, gateways=2).up()
    path = make_place(ring, name)
    pids = {one: ring.pid(one) for one in ring.names}
    for wanted, chosen in (("channel", ["channel-0", "channel-1"]), ("gateway-1", ["gateway-1"])):
        rows = ring.ctl("restart", wanted)["restarted"]
        assert [row["process"] for row in rows] == chosen
        for row in rows:
            assert row["pid"] != pids[row["process"]]
            pids[row["process"]] = row["pid"]
    assert all(os.path.exists(f"/proc/{pid}") for pid in pids.values()), "the others were left alone"
    with pytest.raises(postern.CtlError, match='no process or kind "gatway"'):
        ring.ctl("restart", "gatway")
    # Two at once: one of them is told.
    seen = []

    def restart():
        try:
            seen.append(ring.ctl("restart")["restarted"])
        except postern.CtlError as error:
            seen.append(error.code)

    both = [threading.Thread(target=restart) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert "conflict" in seen and [len(rows) for rows in seen if rows != "conflict"] == [8]
    assert Connection(ring.port).post(path, b'{"text":"after"}').status == 204


def test_a_successor_that_does_not_start_leaves_the_old_gateway(make_ring, name):
    ring = make_ring().up()
    path = make_place(ring, name)
    pid = ring.pid("gateway-0")
    text = ring.conf.read_text()
    good = ring.dir / "good.conf"
    good.write_text(text)
    ring.conf.write_text(text + "\nnonsense\n    key = 1\n")
    done = ring._run(["restart", "-c", good, *ring._overrides()])
    assert done.returncode == 1
    assert "gateway-0: the successor ended before it was ready" in done.stderr
    assert "event=child.restart name=authd-0" not in ring.logs(), "nobody else had a turn"
    assert os.path.exists(f"/proc/{pid}")
    assert Connection(ring.port).post(path, b'{"text":"old"}').status == 204
    ring.conf.write_text(text)
    assert len(ring.ctl("restart")["restarted"]) == len(ring.names)
    assert Connection(ring.port).post(path, b'{"text":"new"}').status == 204


@pytest.mark.parametrize("certificate", [False, True])
def test_haproxy_takes_the_configuration(tmp_path, needs, certificate):
    needs(PROGRAM, "openssl")
    text = CONFIGURATION.read_text()
    environment = dict(os.environ)
    if certificate:
        text = text.replace("    #bind ", "    bind ")
        key, chain, both = (tmp_path / name for name in ("key", "chain", "both.pem"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=localhost",
                        "-keyout", key, "-out", chain], check=True, capture_output=True)
        both.write_bytes(chain.read_bytes() + key.read_bytes())
        environment["POSTERN_CERT"] = str(both)
    path = tmp_path / "haproxy.cfg"
    path.write_text(text)
    done = subprocess.run([PROGRAM, "-c", "-f", path], env=environment, capture_output=True,
                          text=True)
    assert done.returncode == 0 and "warning" not in done.stdout.lower() + done.stderr.lower(), \
        done.stdout + done.stderr
