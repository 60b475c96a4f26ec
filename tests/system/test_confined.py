"""What a process that was taken over could ask of the kernel: each runs with no_new_privs and a filter of
system calls, in every thread."""

import pathlib


def status(task):
    return dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line)


def test_every_thread_of_every_process_is_confined(ring):
    for name in ring.names:
        for task in pathlib.Path(f"/proc/{ring.pid(name)}/task").iterdir():
            said = status(task)
            assert said["NoNewPrivs"] == "1", (name, said["Name"])
            assert said["Seccomp"] == "2", (name, said["Name"])


def test_the_supervisor_gains_no_rights_either(ring):
    assert status(pathlib.Path(f"/proc/{ring.supervisor.pid}"))["NoNewPrivs"] == "1"


def test_nothing_was_said_of_a_kernel_without(ring):
    assert "event=life.confine" not in ring.logs()


def test_a_process_alone_is_confined_too(make_ring):
    ring = make_ring()
    process = ring.spawn("router", wait_ready=False)
    ring.wait(lambda: status(pathlib.Path(f"/proc/{process.pid}"))["Seccomp"] == "2")
