"""Health stays true under faults: a process whose main thread alone stands still says so itself, one
that is stopped as a whole is seen from outside."""

import contextlib
import ctypes
import json
import os
import re
import signal
import subprocess
import time

import pytest
import requests

from harness import lacking, postern

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000


class Held:
    """Stops one thread of a process, and no other, by ptrace."""

    def __init__(self, tid):
        self.tid, self.libc = tid, ctypes.CDLL(None, use_errno=True)
        self.libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p,
                                     ctypes.c_void_p]

    def __enter__(self):
        if self.libc.ptrace(PTRACE_SEIZE, self.tid, None, None) != 0:
            lacking.skip("ptrace")
        assert self.libc.ptrace(PTRACE_INTERRUPT, self.tid, None, None) == 0
        os.waitpid(self.tid, WALL)
        return self

    def __exit__(self, *_):
        self.libc.ptrace(PTRACE_DETACH, self.tid, None, None)


@pytest.fixture
def one(make_ring):
    return make_ring().up()


def test_a_main_thread_that_stands_still_turns_healthz_red(ring):
    """Of one process of each kind at once, each seen by its own monitor."""
    names = ["gateway-0", "authd-0", "router-0", "channel-0"]
    with contextlib.ExitStack() as held:
        for name in names:
            held.enter_context(Held(ring.pid(name)))
        began = time.monotonic()
        for name in names:
            url = ring.monitors[name] + "/healthz"
            while (answer := requests.get(url, timeout=2 * postern.SLOW)).status_code == 200:
                postern.in_time(time.monotonic() - began, 3 * postern.SLOW, f"({name}: healthz stays green)")
                time.sleep(0.05)
            assert answer.status_code == 503 and "silent for" in answer.text
            assert ring.metric(name, "main_loop_silent_seconds") > 2.4
    ring.wait_ready(*ring.names)
    for name in names:
        assert requests.get(ring.monitors[name] + "/healthz", timeout=2).status_code == 200


def test_the_supervisor_says_who_stands_still_and_who_goes_on(one):
    """SIGSTOP at once by the signal, then by the silence of the monitor; a main thread that alone
    stands still by its red /healthz."""
    pid = one.pause("router-0")
    try:
        for event in ("child.stopped", "child.silent"):
            one.wait(lambda: re.search(rf"event={event} name=router-0 pid={pid} ", one.logs()),
                     what=event)
    finally:
        one.resume("router-0")
    for event in ("child.continued", "child.answers"):
        one.wait(lambda: re.search(rf"event={event} name=router-0 pid={pid}\b", one.logs()),
                 what=event)
    pid = one.pid("channel-0")
    with Held(pid):
        one.wait(lambda: f"event=child.hangs name=channel-0 pid={pid} " in one.logs(),
                 what="child.hangs")
    one.wait(lambda: f"event=child.answers name=channel-0 pid={pid} " in one.logs(),
             what="child.answers")
    assert "child.silent name=channel-0" not in one.logs()


def test_health_waits_once_however_many_are_stopped(one):
    names = one.names
    for name in names:
        one.pause(name)
    try:
        began = time.monotonic()
        done = one.ctl_run("health", "--json")
        took = time.monotonic() - began
    finally:
        for name in names:
            one.resume(name)
    rows = json.loads(done.stdout)["processes"]
    assert [row["state"] for row in rows] == ["stopped"] * len(names)
    assert took >= 2
    postern.in_time(took, 2 * 6, "(one after another, twice each, they would take 24)")
    one.wait_ready(*names)


def test_a_stopped_process_is_named_and_watch_ends_with_the_last_look(one):
    one.pause("channel-0")
    try:
        done = one.ctl_run("health", "--json")
        row = {r["process"]: r for r in json.loads(done.stdout)["processes"]}["channel-0"]
        assert done.returncode == 1
        assert one.ctl_run("health", "channel-0").returncode == 1
        assert one.ctl_run("health", "router-0").returncode == 0
        unknown = one.ctl_run("health", "channel-7")
        assert unknown.returncode == 1 and "no process of this configuration" in unknown.stderr
        assert (row["alive"], row["ready"], row["state"]) == (False, False, "stopped")
        assert "no answer" in row["reasons"]
        # Behind it the gateway stays in service; the router says what is missing.
        one.wait(lambda: one.ready("router-0")["degraded"], what="the router to miss the shard")
        assert one.ready("gateway-0")["status"] == one.ready("router-0")["status"] == 200
    finally:
        one.resume("channel-0")
    one.wait_ready(*one.names)
    watch = subprocess.Popen([str(postern.BIN / "posternctl"), "health", "--watch", "--interval",
                              "1", "-c", str(one.conf), *one._overrides()], text=True,
                             stdout=subprocess.PIPE, env=one.environment)
    heads = 0
    for line in watch.stdout:
        heads += line.startswith("PROCESS")
        if heads == 2:
            break
    watch.send_signal(signal.SIGINT)
    watch.communicate(timeout=20 * postern.SLOW)
    assert watch.returncode == 0


def test_another_installation_at_its_ports_is_not_taken_for_its_own(make_ring):
    """Default ports, twice: the one that does not run is not healthy because the other one is."""
    alive, dead = make_ring().up(), make_ring()
    for kind in postern.KINDS:
        dead.settings[f"{kind}.monitor"] = alive.settings[f"{kind}.monitor"]
    assert alive.ctl("health")["ready"]
    done = dead.ctl_run("health", "--json")
    reply = json.loads(done.stdout)
    assert done.returncode == 1 and not reply["ready"]
    for row in reply["processes"]:
        assert row["state"] == "foreign" and not row["alive"] and not row["ready"], row
        assert "of another installation" in row["reasons"]


def test_another_process_at_its_port_is_not_taken_for_it(one):
    one.settings["router.monitor"] = one.settings["authd.monitor"]
    done = one.ctl_run("health", "router-0", "--json")
    row = json.loads(done.stdout)["processes"][0]
    assert done.returncode == 1 and row["state"] == "foreign" and "authd-0 answers" in row["reasons"]


def test_a_peer_that_is_there_is_not_missed_until_the_next_second(one):
    """The first look at a ring whose links have all just come up finds it ready. Counted in looks: how long one takes
    is the machine's."""
    workers = ("channel-0", "bot-0", "extension-0")

    def ups():
        """How often each link of the router has come up, as either end says."""
        lines = [line for line in one.logs().splitlines() if "event=link.up" in line]
        return [sum(end in line and f"peer={peer} " in line for line in lines) for name in workers
                for end, peer in (("postern-router[", name), (f"postern-{name[:-2]}[", "router-0"))]
    late = []
    for _ in range(5):
        before = ups()
        one.kill("router-0")
        one.wait(lambda: all(now > then for now, then in zip(ups(), before)), what="the workers to be there")
        late.append(0)
        while not all((state := one.ready(name)) and state["status"] == 200 and not state["degraded"]
                      for name in ("router-0", *workers)):
            late[-1] += 1
    postern.in_time(sorted(late)[2], 6, "looks")
