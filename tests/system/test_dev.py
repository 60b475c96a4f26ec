"""./dev itself: what a person meets who types a wrong option, presses Ctrl-C, or ends what has ended."""

import os
import shutil
import signal
import subprocess
import time

import pytest

from harness.postern import ROOT, in_time

CTL = """#!/bin/sh
[ "$1" = init ] && mkdir -p run && : >run/postern.conf && exit 0
echo "the reason of this run" >&2
exit 78
"""


@pytest.fixture
def tree(tmp_path):
    """A checkout of ./dev alone: whatever it installs and builds is there already."""
    for name in ("dev", "deploy/packages.sh", "tests/gates.sh", "tests/campaigns.sh", "console/steps.sh"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    program(tmp_path, "dpkg-query", "#!/bin/sh\necho installed\n")
    for name in ("cmake", "ninja"):
        program(tmp_path, name, "#!/bin/sh\n")
    program(tmp_path, "make.sh", "#!/bin/sh\n", tmp_path / "console")
    program(tmp_path, "posternctl", CTL, tmp_path / "build/release/bin")
    return tmp_path


def program(tree, name, text, place=None):
    place = place or tree / "path"
    place.mkdir(parents=True, exist_ok=True)
    (place / name).write_text(text)
    (place / name).chmod(0o755)


def start(tree, *words):
    return subprocess.Popen([tree / "dev", *words], text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, start_new_session=True,
                            env={**os.environ, "PATH": f"{tree}/path:{os.environ['PATH']}"})


def dev(tree, *words):
    done = start(tree, *words)
    said, _ = done.communicate(timeout=30)
    return done.returncode, said


def test_a_port_without_its_number_is_told(tree):
    status, said = dev(tree, "run", "--port")
    assert status == 1 and "--port takes the port" in said


def test_a_port_is_kept(tree):
    program(tree, "posternctl", '#!/bin/sh\nmkdir -p run; echo "$@"\n', tree / "build/release/bin")
    for words in (("--port", "18080"), ()):
        status, said = dev(tree, "run", *words)
        assert status == 0 and "--port 18080" in said, said


@pytest.mark.parametrize("port", ["abc", "0", "65001", "080"])
def test_a_port_that_is_none_is_told_and_not_kept(tree, port):
    (tree / "run").mkdir()
    status, said = dev(tree, "run", "--port", port)
    assert (status, said) == (1, f"./dev: --port takes a number from 1 to 65000, not '{port}'\n")
    assert not (tree / "run/port").exists()


def test_a_verb_that_there_is_not_is_told(tree):
    status, said = dev(tree, "runn")
    assert status == 2 and said.startswith("./dev: there is no verb 'runn', but: run stop test "), said


@pytest.mark.parametrize("words", [("test", "--help"), ("bench", "-h"), ("build", "--help")])
def test_help_installs_nothing(tree, words):
    program(tree, "dpkg-query", "#!/bin/sh\n")
    program(tree, "apt-get", f"#!/bin/sh\necho asked >>{tree}/asked\n")
    status, said = dev(tree, *words)
    assert status == 0 and said.startswith("usage: ./dev VERB\n"), said
    assert not (tree / "asked").exists()


def test_what_the_console_lacks_is_asked_for_with_the_rest(tree):
    program(tree, "dpkg-query", "#!/bin/sh\ncase $* in *libzmq3* | *npm*) ;; *) echo installed ;; esac\n")
    program(tree, "apt-get", f'#!/bin/sh\necho "$@" >>{tree}/asked\n! case $* in *install*) ;; *) false ;; esac\n')
    listed = tree / "deploy/packages.sh"
    listed.write_text(listed.read_text().replace("npm:npm", "npm"))  # whatever this machine has
    dev(tree, "run")
    assert "install --no-install-recommends libzmq3-dev npm\n" in (tree / "asked").read_text()


@pytest.fixture
def running(tree):
    """Writes run/pid for what TREE's program posternctl is; it is gone after the test."""
    held = []

    def start_it():
        held.append(subprocess.Popen([tree / "posternctl", "60"]))
        (tree / "run").mkdir()
        (tree / "run/pid").write_text(f"{held[0].pid}\n")
        return held[0]

    yield start_it
    for one in held:
        one.kill()
        one.wait()


def test_a_second_run_is_refused_before_anything_is_built(tree, running):
    shutil.copy(shutil.which("sleep"), tree / "posternctl")
    pid = running().pid
    for words in (["run"], ["run", "--detach"]):
        status, said = dev(tree, *words)
        assert (status, said) == (1, f"./dev: it is running already (pid {pid}), its link and lines are in run/demo.txt; end it with ./dev stop\n")


def test_stop_asks_for_no_notice(tree, running):
    """SIGINT, as Ctrl-C: a gateway that gets SIGTERM waits seconds for a load balancer."""
    program(tree, "posternctl", "#!/bin/bash\nprintf posternctl >/proc/$$/comm\ntrap 'exit 7' INT\ntrap '' TERM\n"
            f": >{tree}/ready\nwhile sleep 0.1; do :; done\n", tree)
    held = running()
    while not (tree / "ready").exists():
        time.sleep(0.01)
    stopping = start(tree, "stop")
    assert held.wait(10) == 7
    assert stopping.wait(10) == 0, stopping.communicate()[0]


def test_stop_does_not_wait_for_what_nobody_reaps(tree):
    """PID 1 of a bare container waits for no stranger's child."""
    (tree / "run").mkdir()
    shutil.copy(shutil.which("sleep"), tree / "posternctl")
    held = subprocess.Popen([tree / "posternctl", "60"])
    (tree / "run/pid").write_text(f"{held.pid}\n")
    begun = time.monotonic()
    status, said = dev(tree, "stop")  # the test does not wait for it either
    assert status == 0, said
    in_time(time.monotonic() - begun, 10)
    assert not (tree / "run/pid").exists()
    (tree / "run/pid").write_text(f"{held.pid}\n")
    assert "nothing that ./dev run --detach started is running" in dev(tree, "stop")[1]
    held.wait()


def test_stop_ends_no_stranger_that_has_the_number(tree):
    (tree / "run").mkdir()
    with subprocess.Popen(["sleep", "60"]) as stranger:
        (tree / "run/pid").write_text(f"{stranger.pid}\n")
        status, _ = dev(tree, "stop")
        assert (status, stranger.poll()) == (0, None)
        stranger.kill()


def test_a_start_that_fails_shows_its_own_log(tree):
    (tree / "run").mkdir()
    (tree / "run/up.log").write_text("the reason of an older run\n")
    status, said = dev(tree, "run", "--detach")
    assert status == 1 and "the reason of this run" in said and "older" not in said


def test_ctrl_c_while_packages_are_installed_ends_it(tree):
    """dpkg goes on to its end when it is interrupted, and apt with it."""
    program(tree, "dpkg-query", "#!/bin/sh\n")
    program(tree, "apt-get", "#!/bin/sh\ntrap : INT\n: >asked\nsleep 1\nexit 0\n")
    running = start(tree, "run")
    while not (tree / "asked").exists():
        assert running.poll() is None
        time.sleep(0.01)
    os.killpg(running.pid, signal.SIGINT)
    said, _ = running.communicate(timeout=30)
    assert running.returncode == 130 and "build release" not in said
