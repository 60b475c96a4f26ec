"""What a process that was taken over could ask of the kernel: each runs with no_new_privs and a filter of
system calls, in every thread."""

import os
import pathlib
import pty
import subprocess
import threading

from harness import lacking


def status(task):
    return dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line)


def filters(pid, task=None):
    """How many filters of system calls it has: one that a container gave is its parent's, too."""
    said = status(pathlib.Path(f"/proc/{pid}/task/{task or pid}"))
    if "Seccomp_filters" not in said:
        lacking.skip("Seccomp_filters in /proc/PID/status (Linux 5.9)")
    return int(said["Seccomp_filters"])


def test_every_thread_of_every_process_is_confined(ring):
    for name in ring.names:
        pid = ring.pid(name)
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            said = status(task)
            assert said["NoNewPrivs"] == "1", (name, said["Name"])
            assert said["Seccomp"] == "2", (name, said["Name"])
            assert filters(pid, task.name) > filters(ring.supervisor.pid), (name, said["Name"])


def test_only_gateways_may_listen_further(ring):
    """Who takes over another process cannot take a gateway's port in the moment in which that restarts."""
    others = {filters(ring.pid(name)) for name in ring.names if not name.startswith("gateway")}
    assert others == {filters(ring.pid("gateway-0")) + 1}


def test_the_supervisor_gains_no_rights_either(ring):
    assert status(pathlib.Path(f"/proc/{ring.supervisor.pid}"))["NoNewPrivs"] == "1"


def test_nothing_was_said_of_a_kernel_without(ring):
    assert "event=life.confine" not in ring.logs()


def test_a_process_alone_is_confined_too(make_ring):
    ring = make_ring()
    process = ring.spawn("router", wait_ready=False)
    ring.wait(lambda: filters(process.pid) > filters(os.getpid()), what="a filter of its own")


def drain(terminal):
    try:
        while os.read(terminal, 4096):
            pass
    except OSError:
        pass


def test_a_terminal_is_written_and_not_read(make_ring):
    """Who types at the terminal in which posternctl up runs types for nobody else."""
    ring = make_ring()
    mine, terminal = pty.openpty()
    threading.Thread(target=drain, args=[mine], daemon=True).start()
    ring.supervisor = subprocess.Popen(
        [ring.binaries / "posternctl", "up", "-c", ring.conf, "--gateways", str(ring.gateways), *ring._overrides()],
        stdin=terminal, stdout=terminal, stderr=terminal, env=ring.environment, start_new_session=True)
    name = os.ttyname(terminal)
    os.close(terminal)
    ring.wait_ready(*ring.names)
    for process in ring.names:
        proc = pathlib.Path(f"/proc/{ring.pid(process)}")
        held = {fd.name: os.readlink(fd) for fd in (proc / "fd").iterdir()}
        assert held["0"] == "/dev/null", process
        for fd in (on := {fd for fd, what in held.items() if what == name}):
            flags = dict(line.split(":\t") for line in (proc / "fdinfo" / fd).read_text().splitlines() if ":\t" in line)
            assert int(flags["flags"], 8) & os.O_ACCMODE == os.O_WRONLY, (process, fd)
        assert "2" in on, held
