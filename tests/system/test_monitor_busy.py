"""Monitors, and the admin listener, whose addresses other processes have as their own start: what a process serves
does not depend on them."""

import contextlib
import http.server
import json
import socket
import threading

import pytest
import test_confined

from harness import postern


def ports(ring):
    return {name: int(ring.monitors[name].rsplit(":", 1)[1]) for name in ring.names}


@contextlib.contextmanager
def holding(ring, *held_ports):
    """Somebody who listens at these ports, or at that of each monitor."""
    with contextlib.ExitStack() as stack:
        for port in held_ports or ports(ring).values():
            held = stack.enter_context(socket.socket())
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            held.bind(("127.0.0.1", port))
            held.listen()
        yield


def sends(ring, token):
    with contextlib.suppress(OSError):
        return ring.post(ring.channel_url("general", token), {"text": "hi"}).status_code == 204


@pytest.fixture
def general(make_ring):
    ring = make_ring()
    ring.spawn_all()
    ada = ring.user("ada")
    ring.channel("general", ada)
    ring.stop()
    ring.spawned.clear()
    return ring, ada.token


def test_all_serve_without_their_monitors_and_have_them_as_soon_as_they_can(general):
    ring, token = general
    with holding(ring):
        for name in ring.names:
            ring.spawn(*name.rsplit("-", 1), wait_ready=False)
        ring.wait(lambda: ring.logs().count("event=monitor.busy") == len(ring.names), 20, "all to have started")
        ring.wait(lambda: sends(ring, token), 20, "a message to be taken")
        log = ring.logs()
        for name, port in ports(ring).items():
            assert f"event=monitor.busy process=postern-{name} address=127.0.0.1:{port}" in log.replace('"', ""), log
        # To listen later it must be allowed to.
        assert {test_confined.filters(ring.pid(name)) for name in ring.names} == {
            test_confined.filters(ring.pid("gateway-0"))}
        before = {name: ring.pid(name) for name in ring.names}
    ring.wait_ready(*ring.names)
    assert {name: ring.pid(name) for name in ring.names} == before
    assert sends(ring, token)
    ring.wait(lambda: {test_confined.filters(ring.pid(name)) for name in ring.names if name != "gateway-0"} == {
        test_confined.filters(ring.pid("gateway-0")) + 1}, what="nobody but gateways to listen further")
    assert ring.logs().count("event=monitor.busy") == len(ring.names)
    assert ring.logs().count("event=monitor.listening") == len(ring.names)


def test_the_supervisor_starts_them_all_the_same(general):
    ring, token = general
    with holding(ring):
        with contextlib.suppress(AssertionError):
            ring.up(seconds=0)
        ring.wait(lambda: ring.logs().count("event=monitor.busy") == len(ring.names), 20, "all to have started")
    ring.wait_ready(*ring.names)
    assert sends(ring, token)


def test_senders_are_served_without_the_admin_listener(general):
    ring, token = general
    with holding(ring, ring.admin_port):
        with contextlib.suppress(AssertionError):
            ring.up(seconds=0)
        ring.wait(lambda: sends(ring, token), 20, "a message to be taken")
        state = ring.wait(lambda: ring.ready("gateway-0"))
        check = {row["name"]: row for row in state["checks"]}["admin"]
        assert state["status"] == 200 and state["degraded"] and check["state"] == "degraded", state
        assert f"waits for 127.0.0.1:{ring.admin_port}" in check["reason"], check
        before = ring.pid("gateway-0")
    ring.wait_ready(*ring.names)
    assert ring.admin("GET", "/users").status_code == 401
    assert ring.pid("gateway-0") == before and sends(ring, token)
    assert ring.logs().count("tried each second: end what has it, or set admin.listen") == 1


class Stranger(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"hi")

    def log_message(self, *_):
        pass


def test_what_is_no_monitor_is_not_taken_for_a_process(make_ring):
    ring = make_ring()
    port = ports(ring)["gateway-0"]
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), Stranger) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        health = ring.ctl_run("health", "gateway-0", "--json")
        top = ring.ctl_run("top", "--json", "--interval", "1")
        server.shutdown()
    shown = json.loads(health.stdout)["processes"][0]
    assert health.returncode == 1
    assert shown["state"] == "foreign" and "monitor.busy" in shown["reasons"], shown
    rows = {row["process"]: row["state"] for row in json.loads(top.stdout)["processes"]}
    assert rows["gateway-0"] == "foreign" and rows["authd-0"] == "absent", rows


def test_what_takes_connections_and_says_nothing(make_ring):
    ring = make_ring()
    with holding(ring):
        health = ring.ctl_run("health", "router-0", "--json")
    shown = json.loads(health.stdout)["processes"][0]
    assert shown["state"] == "stopped" and "monitor.busy" in shown["reasons"], shown


def test_an_address_that_is_none_is_a_configuration_to_repair(make_ring):
    ring = make_ring()
    process = ring.spawn("router", settings={"router.monitor": "nowhere.invalid:9"}, wait_ready=False)
    assert process.wait(20 * postern.SLOW) == 78
