"""What a process that was taken over could ask of the kernel: each runs with no_new_privs and a filter of
system calls, in every thread."""

import os
import pathlib

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


def test_the_supervisor_gains_no_rights_either(ring):
    assert status(pathlib.Path(f"/proc/{ring.supervisor.pid}"))["NoNewPrivs"] == "1"


def test_nothing_was_said_of_a_kernel_without(ring):
    assert "event=life.confine" not in ring.logs()


def test_a_process_alone_is_confined_too(make_ring):
    ring = make_ring()
    process = ring.spawn("router", wait_ready=False)
    ring.wait(lambda: filters(process.pid) > filters(os.getpid()), what="a filter of its own")
