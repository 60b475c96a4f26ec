"""posternctl up as a supervisor, with small scripts in place of the processes: who dies when is theirs
to say, so that each rule of supervision is seen alone."""

import datetime
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
import subprocess
import time

import pytest

from harness import postern

SCRIPT = """#!/bin/bash
# The name of this script and -i INDEX tell which process it stands for.
me=$(basename "$0" | sed s/postern-//)-$2
dir=$(dirname "$0")
echo "$me $$ start $(date +%s%N)" >> "$dir/events"
echo "$@" > "$dir/$me.arguments"
env > "$dir/$me.environment"
[ -e "$dir/$me.early" ] && exit "$(cat "$dir/$me.early")"
trap 'echo "$me $$ term $(date +%s%N)" >> "$dir/events"; [ -e "$dir/$me.deaf" ] || exit 0' TERM INT
eval "echo >&$POSTERN_READY_FD"
eval "exec $POSTERN_READY_FD>&-"
exec 3>&- # the passed socket: a sleep would keep it for a moment beyond our end
while :; do sleep 1 & wait $!; done
"""


class Fleet:
    """A directory with posternctl and six scripts beside it."""

    def __init__(self):
        self.dir = postern.scratch("s-")
        self.bin = self.dir / "bin"
        self.bin.mkdir()
        shutil.copy(postern.BIN / "posternctl", self.bin)
        for kind in postern.KINDS:
            path = self.bin / f"postern-{kind}"
            path.write_text(SCRIPT)
            path.chmod(0o755)
        self.port = postern.free_ports(20)
        self.log = self.dir / "log"
        self.process = None
        self.run("init", str(self.dir), check=True)

    def run(self, *words, **more):
        return subprocess.run([str(self.bin / "posternctl"), *map(str, words)], text=True,
                              capture_output=True, timeout=60, **more)

    def up(self, *words, ready=True, environment=None):
        """Starts; READY: waits for --ready-fd's byte."""
        ours, theirs = os.pipe()
        with open(self.log, "ab") as out:
            self.process = subprocess.Popen(
                [str(self.bin / "posternctl"), "-c", str(self.dir / "postern.conf"), "up", "--port",
                 str(self.port), "--ready-fd", str(theirs), *words],
                stdout=out, stderr=out, pass_fds=[theirs], env={**os.environ, **(environment or {})})
        os.close(theirs)
        if ready:
            assert os.read(ours, 1) == b"1", self.log.read_text()
        os.close(ours)
        return self

    def events(self, kind=None):
        """[(process, pid, "start" or "term", seconds)] in order."""
        found = []
        path = self.bin / "events"
        for line in path.read_text().splitlines() if path.exists() else []:
            name, pid, what, at = line.split()
            if kind in (None, what):
                found.append((name, int(pid), what, int(at) / 1e9))
        return found

    def starts(self, name):
        return [event for event in self.events("start") if event[0] == name]

    def pid(self, name):
        starts = self.starts(name)
        return starts[-1][1] if starts else None

    def mark(self, name, what, text=""):
        (self.bin / f"{name}.{what}").write_text(str(text))

    def stop(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)
        return self.process.wait(30)

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


@pytest.fixture
def fleet():
    made = Fleet()
    yield made
    made.close()


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    return state != "Z"


def test_starts_every_process_and_ends_with_0(fleet):
    fleet.up("--gateways", "2")
    assert sorted(name for name, *_ in fleet.events("start")) == [
        "authd-0", "bot-0", "channel-0", "extension-0", "gateway-0", "gateway-1", "router-0"]
    table = fleet.log.read_text()
    for at, name in enumerate(["gateway-0", "gateway-1", "authd-0", "router-0", "channel-0",
                               "bot-0", "extension-0"]):
        monitor = f"http://127.0.0.1:{fleet.port + 10 + at}"
        assert re.search(rf"^{name} +{fleet.pid(name)} .*{monitor}$", table, re.M), table
    words = (fleet.bin / "channel-0.arguments").read_text()
    assert f"-s gateway.listen=127.0.0.1:{fleet.port}" in words
    assert f"-s public.url=http://127.0.0.1:{fleet.port}" in words
    assert fleet.stop() == 0
    assert not any(alive(pid) for _, pid, *_ in fleet.events("start"))


def test_one_that_was_ready_restarts_at_once_again_and_again(fleet):
    fleet.up()
    for _ in range(5):
        old = fleet.pid("router-0")
        os.kill(old, signal.SIGKILL)
        postern.wait(lambda: fleet.pid("router-0") != old, what="the restart")
        # Ready before it is killed again: one that is not has to wait.
        postern.wait(lambda: fleet.log.read_text().count("event=child.ready name=router-0")
                     == len(fleet.starts("router-0")), what="readiness")
    log = fleet.log.read_text()
    assert len(re.findall(r"event=child.died name=router-0 pid=\d+ signal=SIGKILL ready=yes", log)) == 5
    times = [datetime.datetime.fromisoformat(at) for at in re.findall(r"^(\S+)Z .*event=child\.(?:start|died) name=router-0 ", log, re.M)]
    waits = [(start - died).total_seconds() for died, start in zip(times[1::2], times[2::2])]
    assert len(waits) == 5, waits
    postern.in_time(min(waits), 0.25, "what is postponed waits for 0.25 s at least")
    assert len(fleet.events("start")) == 6 + 5, "the others were left alone"
    assert fleet.stop() == 0


def test_one_that_dies_before_it_is_ready_waits_longer_each_time(fleet):
    fleet.mark("bot-0", "early", 3)
    fleet.up(ready=False)
    postern.wait(lambda: len(fleet.starts("bot-0")) >= 4, what="four starts")
    times = [event[3] for event in fleet.starts("bot-0")[:4]]
    gaps = [b - a for a, b in zip(times, times[1:])]
    for gap, wanted in zip(gaps, (0.25, 0.5, 1.0)):
        assert gap >= wanted, gaps
        postern.in_time(gap, wanted + 2)
    assert "event=child.died name=bot-0" in fleet.log.read_text()
    # What is mended starts by itself, and then all are ready.
    (fleet.bin / "bot-0.early").unlink()
    postern.wait(lambda: "Postern is up" in fleet.log.read_text(), what="the table")
    assert fleet.stop() == 0


def test_a_refused_configuration_ends_the_start_with_78(fleet):
    fleet.mark("authd-0", "early", 78)
    fleet.up(ready=False)
    assert fleet.process.wait(20) == 78
    assert len(fleet.starts("authd-0")) == 2
    assert not any(alive(pid) for _, pid, *_ in fleet.events("start"))


def test_gateways_end_first_and_the_others_after_them(fleet):
    fleet.up("--gateways", "2")
    assert fleet.stop(signal.SIGINT) == 0
    order = [name for name, *_ in fleet.events("term")]
    assert sorted(order[:2]) == ["gateway-0", "gateway-1"]
    assert sorted(order[2:]) == ["authd-0", "bot-0", "channel-0", "extension-0", "router-0"]


def test_one_that_does_not_end_is_killed_after_drain_and_2_s(fleet):
    fleet.mark("channel-0", "deaf")
    fleet.up("-s", "process.drain_ms=500")
    began = time.monotonic()
    assert fleet.stop() == 1
    took = time.monotonic() - began
    assert took >= 2.5
    postern.in_time(took, 10, "(with the setting's default it would be 12)")
    assert "event=supervise.kill" in fleet.log.read_text()
    assert not alive(fleet.pid("channel-0"))


def test_a_second_signal_kills_at_once(fleet):
    fleet.mark("gateway-0", "deaf")
    fleet.up()
    fleet.process.terminate()
    postern.wait(lambda: fleet.events("term"), what="the first signal")
    began = time.monotonic()
    fleet.process.terminate()
    assert fleet.process.wait(20) == 1
    postern.in_time(time.monotonic() - began, 10, "(drain and 2 s are 12)")


def test_no_orphan_outlives_a_killed_supervisor(fleet):
    fleet.up()
    pids = [pid for _, pid, *_ in fleet.events("start")]
    fleet.process.kill()
    fleet.process.wait()
    postern.wait(lambda: not any(map(alive, pids)), what="the children's end")
    # And the next one may start.
    fleet.up()
    assert fleet.stop() == 0


def test_a_terminals_signal_reaches_the_supervisor_only(fleet):
    """Ctrl-C goes to the foreground process group: the children are not in it."""
    fleet.up()
    for _, pid, *_ in fleet.events("start"):
        assert os.getpgid(pid) == pid
    assert fleet.stop() == 0


@pytest.mark.parametrize("offset, name", [(0, "gateway.listen"), (11, "authd.monitor")])
def test_ports_in_use_are_said_by_name(fleet, offset, name):
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", fleet.port + offset))
        sock.listen()
        done = fleet.run("-c", fleet.dir / "postern.conf", "up", "--port", fleet.port)
    assert done.returncode == 1
    assert f"{name} 127.0.0.1:{fleet.port + offset}" in done.stderr
    assert "is in use; choose another with --port" in done.stderr
    assert not (fleet.bin / "events").exists()


def test_a_gateway_of_somebody_else_is_seen_although_it_shares_its_port(fleet):
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(("127.0.0.1", fleet.port))
        sock.listen()
        done = fleet.run("-c", fleet.dir / "postern.conf", "up", "--port", fleet.port)
    assert done.returncode == 1 and "gateway.listen" in done.stderr


def test_monitors_that_run_into_each_other_are_said_by_name(fleet):
    done = fleet.run("-c", fleet.dir / "postern.conf", "up", "-s", "shards.channel=12",
                     "-s", "channel.monitor=127.0.0.1:20040", "-s", "bot.monitor=127.0.0.1:20050")
    assert done.returncode == 1
    assert re.search(r"bot-0's monitor would be at 127.0.0.1:20050, where channel-10 listens",
                     done.stderr), done.stderr


def test_a_second_up_of_one_configuration_is_refused(fleet):
    fleet.up()
    done = fleet.run("-c", fleet.dir / "postern.conf", "up", "--port", fleet.port + 40)
    assert done.returncode == 1
    assert f"(pid {fleet.process.pid})" in done.stderr
    assert len(fleet.events("start")) == 6
    assert fleet.stop() == 0


def test_other_commands_learn_the_ports_of_a_running_up(fleet):
    fleet.up("--gateways", "2")
    done = fleet.run("-c", fleet.dir / "postern.conf", "health", "--json")
    monitors = {row["process"]: row["monitor"] for row in json.loads(done.stdout)["processes"]}
    assert monitors["gateway-1"] == f"127.0.0.1:{fleet.port + 11}"
    fleet.stop()
    done = fleet.run("-c", fleet.dir / "postern.conf", "health", "--json")
    assert "gateway-1" not in done.stdout and "127.0.0.1:9100" in done.stdout
    assert done.returncode == 1


def test_the_urls_of_listeners_move_with_their_ports(fleet):
    """admin.url is in invitations' links, and the Origin that is believed."""
    fleet.up()
    given = (fleet.bin / "authd-0.arguments").read_text().split()
    assert f"public.url=http://127.0.0.1:{fleet.port}" in given
    assert f"admin.url=http://127.0.0.1:{fleet.port + 1}" in given
    assert fleet.stop() == 0
    fleet.up("-s", "admin.url=https://admin.example.org")
    given = (fleet.bin / "authd-0.arguments").read_text().split()
    assert [word for word in given if word.startswith("admin.url=")] == [
        "admin.url=https://admin.example.org"]
    assert fleet.stop() == 0


def test_a_missing_binary_is_named(fleet):
    (fleet.bin / "postern-router").unlink()
    done = fleet.run("-c", fleet.dir / "postern.conf", "up", "--port", fleet.port)
    assert done.returncode == 1 and "postern-router: No such file" in done.stderr
    assert not (fleet.bin / "events").exists()


def test_the_operators_credentials_do_not_reach_the_processes(fleet):
    fleet.up(environment={"POSTERN_TOKEN": "canary-token", "POSTERN_APPKEY": "canary-appkey",
                          "POSTERN_MANAGEMENT_TOKEN": "canary-management", "POSTERN_SESSION": "canary-session",
                          "AWS_SECRET_ACCESS_KEY": "canary-cloud", "SSH_AUTH_SOCK": "/tmp/canary-agent",
                          "TZ": "Europe/Rome", "POSTERN_QUEUE_MESSAGES": "4711"})
    given = (fleet.bin / "gateway-0.environment").read_text()
    assert "canary" not in given
    assert {"TZ=Europe/Rome", "POSTERN_QUEUE_MESSAGES=4711"} <= set(given.splitlines())
    assert fleet.stop() == 0


def test_the_notice_is_private(fleet):
    fleet.up()
    notice = fleet.dir / "data/run/up.json"
    assert stat.S_IMODE(notice.stat().st_mode) == 0o600
    assert stat.S_IMODE(notice.parent.stat().st_mode) == 0o700
    assert fleet.stop() == 0


def test_the_data_are_private_where_the_supervisor_makes_their_directory(fleet):
    """The sockets lie in it, and it is not to get the mode of a parent."""
    shutil.rmtree(fleet.dir / "data")
    fleet.up()
    assert stat.S_IMODE((fleet.dir / "data").stat().st_mode) == 0o700
    assert fleet.stop() == 0


def test_one_that_refuses_its_configuration_is_left_alone(fleet):
    """Later on, when the rest serves: a few attempts, then a word, and nothing until it is asked for."""
    fleet.up()
    before = len(fleet.starts("bot-0"))
    fleet.mark("bot-0", "early", 78)
    os.kill(fleet.pid("bot-0"), signal.SIGKILL)
    postern.wait(lambda: "event=child.refused name=bot-0" in fleet.log.read_text(), 20)
    attempts = len(fleet.starts("bot-0")) - before
    assert attempts == 5
    time.sleep(3)  # the next wait would have been as long
    assert len(fleet.starts("bot-0")) - before == attempts
    assert alive(fleet.process.pid) and alive(fleet.pid("channel-0"))
    done = fleet.run("-c", fleet.dir / "postern.conf", "restart", "bot-0")
    assert done.returncode == 1 and "refuses its configuration" in done.stderr, done.stderr
    *_, fourth, fifth = (event[3] for event in fleet.starts("bot-0"))
    assert len(fleet.starts("bot-0")) - before == 2 * attempts
    postern.in_time(fifth - fourth, 8, "the waits begin anew: they had grown to 10 s")
    (fleet.bin / "bot-0.early").unlink()
    done = fleet.run("-c", fleet.dir / "postern.conf", "restart", "bot-0")
    assert done.returncode == 0, done.stderr
    assert alive(fleet.pid("bot-0"))


@pytest.mark.parametrize("settings, words", [
    ({"gateway.tls_certificate": "/no/cert.pem", "gateway.tls_key": "/no/key.pem"},
     ["gateway.tls_certificate", "/no/cert.pem", "No such file"]),
    ({"gateway.tls_certificate": "/etc/hostname"}, ["gateway.tls_key", "is missing"]),
    ({"admin.tls_key": "/etc/hostname"}, ["admin.tls_certificate", "is missing"]),
    ({"delivery.authorities": "/no/such.pem"}, ["delivery.authorities", "/no/such.pem"]),
    ({"delivery.allow": "10.0.0.0/99"}, ["delivery.allow", "10.0.0.0/99"]),
    ({"public.url": "hooks.example.org"}, ["public.url", "https://"]),
], ids=range(6))
def test_what_a_process_would_refuse_is_said_before_any_starts(fleet, settings, words):
    overrides = [word for item in settings.items() for word in ("-s", "=".join(item))]
    done = fleet.run("-c", fleet.dir / "postern.conf", "up", "--port", fleet.port, *overrides)
    assert done.returncode == 78, (done.returncode, done.stderr)
    for word in words:
        assert word in done.stderr, done.stderr
    assert not fleet.events()


@pytest.mark.parametrize("kind, setting", [("gateway", "gateway.tls_certificate"), ("bot", "delivery.authorities")])
def test_a_check_looks_for_the_files(fleet, kind, setting):
    for checked, wanted in ((kind, 78), ("channel", 0)):
        more = ["-s", "gateway.tls_key=/no/key"] if kind == "gateway" else []
        done = subprocess.run([postern.BIN / f"postern-{checked}", "-c", fleet.dir / "postern.conf", "-t", "-s",
                               f"{setting}=/no/such.pem", *more], capture_output=True, text=True)
        assert done.returncode == wanted, done.stderr
        assert wanted == 0 or setting in done.stderr
