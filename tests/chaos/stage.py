"""Where the campaign plays: a Ring under `posternctl up` with two shards of each kind, two gateways
and two routers, on a disk of its own, with clocks of its own and proxies on its links, as far as the
chosen nemeses need them.

    stage = Stage({"kill", "disk"}, seconds=60)
    stage.up()
    stage.names   stage.pid("router-1")   stage.close()
"""

import contextlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading

from harness import disk, postern

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
# A link: the socket behind the proxy. The second router's sockets end with -1.
LINKS = ("authd", "router-requests", "router-requests-1", "router-workers", "router-workers-1",
         "router-replies", "router-replies-1")
ROUTER_1 = {f"router.{what}": f"ipc://router-{what}-1" for what in ("requests", "workers", "replies")}
CONNECTS = {"gateway.authd": ("authd",),
            "gateway.routers": ("router-replies", "router-replies-1"),
            "authd.routers": ("router-requests", "router-requests-1"),
            "worker.routers": ("router-workers", "router-workers-1")}
WRAPPER = """#!/bin/sh
LD_PRELOAD={preload} FAKETIME_TIMESTAMP_FILE={clocks}/{kind}-$2
export LD_PRELOAD FAKETIME_TIMESTAMP_FILE
export FAKETIME_DONT_FAKE_MONOTONIC=1 FAKETIME_CACHE_DURATION=1
exec {program} "$@"
"""


class Unavailable(Exception):
    """This machine cannot do it. args[0]: what is needed."""


def sanitizer_runtime(program):
    """The libasan that PROGRAM is linked with, which has to come first of what is preloaded."""
    linked = subprocess.run(["ldd", str(program)], capture_output=True, text=True).stdout
    return re.findall(r"=> (\S*lib[at]san\.so\S*)", linked)


def remove_faketime_leftovers():
    """libfaketime leaves shared memory behind for each process that was killed."""
    for path in pathlib.Path("/dev/shm").glob("*faketime_s*_[0-9]*"):
        if not os.path.exists(f"/proc/{path.name.rsplit('_', 1)[1]}"):
            path.unlink(missing_ok=True)


class Stage:
    def __init__(self, faults, seconds, log_level="info"):
        self.faults, self.stack = faults, contextlib.ExitStack()
        self.ending, self.ends = threading.Event(), []
        self.place = self.proxy = self.keeper = None
        self.cut_off = set()  # links that a nemesis keeps cut
        self.lock = threading.Lock()
        try:
            self._build(seconds, log_level)
        except BaseException:
            self.stack.close()
            raise

    def _build(self, seconds, log_level):
        self.scratch = postern.scratch("c-")
        self.stack.callback(shutil.rmtree, self.scratch, ignore_errors=True)
        binaries = self._wrappers() if "clock" in self.faults else postern.BIN
        self.ring = postern.Ring({"log.level": log_level, "authd.rate": 0,
                                  "worker.map_bytes": 1 << (36 if postern.SLOW == 1 else 31)},
                                 {"channel": 2, "bot": 2, "extension": 2}, 2, binaries=binaries)
        # Leaks cannot be looked for under ptrace; a small quarantine lets memory be compared.
        self.ring.environment["ASAN_OPTIONS"] += ":detect_leaks=0:quarantine_size_mb=8"
        if "disk" in self.faults:
            self._small_disk(512 + 4 * seconds)
        for setting, sockets in CONNECTS.items():
            self.ring.settings[setting] = " ".join(self._endpoint(s) for s in sockets)

    # --- what the chosen nemeses need

    def _wrappers(self):
        if not os.path.exists(FAKETIME):
            raise Unavailable("faketime")
        place, self.clocks = self.scratch / "bin", self.scratch / "clocks"
        place.mkdir()
        self.clocks.mkdir()
        for kind in postern.KINDS:
            program = postern.BIN / f"postern-{kind}"
            preload = ":".join([*sanitizer_runtime(program), FAKETIME])
            wrapper = place / program.name
            wrapper.write_text(WRAPPER.format(preload=preload, clocks=self.clocks, kind=kind,
                                              program=program))
            wrapper.chmod(0o755)
            for index in range(2):
                self.set_clock(f"{kind}-{index}", 0)
        for name in ("posternctl", "postern-store"):
            shutil.copy(postern.BIN / name, place)
        return place

    def set_clock(self, name, seconds):
        """The wall clock of a process stands so far from ours within a second or so."""
        new = self.clocks / f".{name}"
        new.write_text(f"{seconds:+d}\n")
        new.replace(self.clocks / name)  # never seen half written

    def _small_disk(self, mebibytes):
        try:
            self.place = self.stack.enter_context(disk.small_disk(mebibytes))
        except disk.Unavailable:
            raise Unavailable("mount") from None
        data = self.place / "data"
        subprocess.run(["cp", "-a", self.ring.dir / "data", data], check=True)
        self.ring.settings["data.directory"] = data
        self.ring.settings["authd.master_key"] = data / "master.key"

    def _endpoint(self, socket):
        return f"ipc://{self.scratch}/{socket}" if self._proxied() else f"ipc://{socket}"

    def _proxied(self):
        return not {"link", "outage"}.isdisjoint(self.faults)

    def _start_proxy(self):
        run = self.ring.dir / "data" / "run"
        words = [f"{link}={self.scratch / link},{run / link}" for link in LINKS]
        self.proxy = subprocess.Popen([sys.executable, pathlib.Path(__file__).parent / "proxy.py",
                                       *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      text=True)
        assert self.proxy.stdout.readline() == "ready\n", "the proxy did not start"

    def order(self, link, mode, number=0):
        """An order to the proxy; returns how many connections it met."""
        with self.lock:
            self.proxy.stdin.write(f"{link} {mode} {number}\n")
            self.proxy.stdin.flush()
            return int(self.proxy.stdout.readline())

    # --- processes

    @property
    def names(self):
        return [*self.ring.names, "router-1"]

    def up(self):
        if self._proxied():
            self._start_proxy()
        self.keeper = threading.Thread(target=self._keep, daemon=True)
        self.keeper.start()
        self.ring.up(40)
        self.wait_ready()
        self.supervisor_pid = self.ring.supervisor.pid
        return self

    def _keep(self):
        """The second router, which `up` knows nothing of: started again whenever it ends."""
        while not self.ending.is_set():
            process = self.ring.spawn("router", 1, ROUTER_1, wait_ready=False)
            status = process.wait()
            if not self.ending.is_set():
                self.ends.append(f"signal=SIG{-status}" if status < 0 else f"status={status}")

    def pid(self, name):
        return self.ring.pid(name)

    def store(self, name):
        """The directory of a worker's journal, or authd's directory."""
        data = self.place / "data" if self.place else self.ring.dir / "data"
        return data / ("directory" if name.startswith("authd") else name)

    def wait_ready(self, seconds=60):
        for name in self.names:
            def good(name=name):
                state = self.ring.ready(name)
                return state and state["status"] == 200 and not state.get("degraded")
            try:
                postern.wait(good, seconds, what=f"{name} to be ready")
            except AssertionError as error:
                raise AssertionError(f"{error}; {self.ring.ready(name)}") from None

    def deaths(self):
        """How processes died: {("channel", "status=1"): count}, of all that nobody asked to go."""
        found = {}
        for kind, how in re.findall(r"event=child\.died name=(\w+)-\d+ pid=\d+ (\S+)",
                                    self.ring.logs()):
            found[kind, how] = found.get((kind, how), 0) + 1
        for how in self.ends:
            how = {"signal=SIG9": "signal=SIGKILL"}.get(how, how)
            found["router", how] = found.get(("router", how), 0) + 1
        return found

    def oldest(self):
        """{name: seconds}: how long the oldest message has waited for the next process."""
        return {name: self.ring.metric(name, "forward_oldest_seconds" if name[0] != "r" else
                                       "queue_oldest_seconds")
                for name in self.names if name.split("-")[0] in ("gateway", "authd", "router")}

    def weigh(self):
        """{name: (KiB of memory of its own, open descriptors)}, with the supervisor."""
        pids = {name: self.pid(name) for name in self.names}
        pids["posternctl"] = self.ring.supervisor.pid
        found = {}
        for name, pid in pids.items():
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            kib = int(re.search(r"RssAnon:\s+(\d+)", status)[1])
            found[name] = kib, len(os.listdir(f"/proc/{pid}/fd"))
        return found

    def close(self, keep=False):
        self.ending.set()
        try:
            self.ring.close(keep)
        finally:
            if self.proxy:
                self.proxy.kill()
                self.proxy.wait()
            self.stack.close()
            if "clock" in self.faults:
                remove_faketime_leftovers()
