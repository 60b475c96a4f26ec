"""Disks that are full or fail: never 2xx without a record, and it goes on when there is room."""

import contextlib
import json
import pathlib
import re
import shutil
import subprocess
import threading
import time
import uuid

import pytest

from harness import lacking, postern
from harness.connection import Closed, Connection, post
from harness.disk import RESERVE, Unavailable, fill, ring_on_small_disk, small_disk


@pytest.fixture
def disk(make_ring):
    """A ring whose data lies on a small disk: (ring, place, user)."""
    with ring_on_small_disk(make_ring, 224) as (own, place):
        own.up()
        ada = own.user("ada")
        own.channel("full", ada)
        own.bot("full", ada)
        yield own, place, ada


def post_one(ring, ada, text, **headers):
    return ring.post(ring.channel_url("full", ada.token), {"text": text}, headers=headers)


def wait_red(ring, name, red):
    ring.wait(lambda: ring.ready(name) and (ring.ready(name)["status"] == 503) == red,
              what=f"{name} to be {'red' if red else 'well'}")


@pytest.mark.parametrize("leave", [RESERVE // 2, 0], ids=["below the reserve", "nothing left"])
def test_a_full_disk_is_503_and_heals(disk, leave):
    ring, place, ada = disk
    key = {"Idempotency-Key": str(uuid.uuid4())}
    assert post_one(ring, ada, "before", **key).status_code == 204
    ballast = fill(place, leave)
    ring.wait(lambda: post_one(ring, ada, "refused").status_code == 503, what="a refusal")
    stored = ring.texts("full", ada.token)
    for _ in range(20):
        answer = post_one(ring, ada, "never")
        assert answer.status_code == 503 and answer.json()["code"] == "storage_full", answer.text
        assert int(answer.headers["Retry-After"]) >= 1
    wait_red(ring, "channel-0", True)
    assert "full" in json.dumps(ring.ready("channel-0"))
    # What is stored can be read, and a repeat gets its answer.
    assert ring.texts("full", ada.token) == stored and "never" not in stored
    again = post_one(ring, ada, "before", **key)
    assert (again.status_code, again.headers.get("Idempotency-Replayed")) == (204, "true")
    ballast.unlink()
    ring.wait(lambda: post_one(ring, ada, "after").status_code == 204, what="it to go on")
    wait_red(ring, "channel-0", False)
    texts = ring.texts("full", ada.token)
    assert texts[0] == "before" and texts[-1] == "after" and "never" not in texts


def test_a_disk_that_fills_under_load_loses_nothing(disk):
    """Large events, until nothing is left; then room again; every 2xx is stored, once."""
    ring, place, ada = disk
    acknowledged, refused, stop = set(), set(), threading.Event()

    def write(number):
        path = f"/api/v2/bots/full/incoming?zapikey={ada.token}"
        n = 0
        with contextlib.suppress(Closed), Connection(ring.port) as connection:
            while not stop.is_set():
                n += 1
                name = f"{number}.{n}."
                connection.send(post(path, name.encode() + b"x" * 100000))
                answer = connection.answer()
                if answer.status == 200:
                    acknowledged.add(name)
                else:
                    refused.add(answer.code)
                    time.sleep(0.02)
    writers = [threading.Thread(target=write, args=(i,)) for i in range(4)]
    for writer in writers:
        writer.start()
    ballast = fill(place, RESERVE + (8 << 20))
    ring.wait(lambda: refused, 30, what="a refusal")
    fill(place, 0)
    time.sleep(2)
    full = len(acknowledged)
    ballast.unlink()
    ring.wait(lambda: len(acknowledged) > full + 10, 30, what="it to go on")
    stop.set()
    for writer in writers:
        writer.join(30 * postern.SLOW)
    assert refused == {"storage_full"}
    found = [m["event"]["body"].split("x")[0] for m in ring.messages("bots", "full", ada.token)]
    assert len(found) == len(set(found)) and acknowledged <= set(found)
    assert set(found) == acknowledged  # what was refused for lack of room is not there


def test_management_on_a_full_disk_is_refused_with_words(disk):
    ring, place, ada = disk
    ballast = fill(place, 0)
    with pytest.raises(postern.CtlError) as refused:
        for number in range(50):
            ring.ctl("user", "create", f"user{number}@example.org")
    assert refused.value.code == "storage_full", refused.value
    assert ring.get(ring.url("/api/v2/channelsbyname/full/messages", ada.token)).status_code == 200
    ballast.unlink()

    def goes_on():
        try:
            return ring.manage("user_create", email="late@example.org")
        except postern.CtlError:
            return None
    ring.wait(goes_on, what="it to go on")


def test_authd_tells_soon_of_a_full_disk_and_of_room(disk):
    ring, place, _ = disk

    def tells(room):
        return ring.ready("authd-0")["degraded"] != room
    ballast = fill(place, 0)
    ring.wait(lambda: tells(False), 2, what="authd to tell of the full disk")
    ballast.unlink()
    ring.wait(lambda: tells(True), 2, what="authd to tell of the room")


# --- Failing calls, by strace

@pytest.fixture
def traced(make_ring, needs):
    """Makes a ring whose channel worker runs under strace with an injected fault, without a
    supervisor: traced(inject) -> (ring, user, worker)."""
    needs("strace")

    def make(inject):
        own = make_ring()
        own.environment["ASAN_OPTIONS"] += ":detect_leaks=0"  # not under ptrace
        own.spawn_all()
        ada = own.user("ada")
        own.channel("full", ada)
        assert post_one(own, ada, "before").status_code == 204
        own.spawned.pop("channel-0").kill()
        # Without a filter every call stops for strace; with one no signal is delivered. -D: the worker is our child.
        filtered = [] if "signal=" in inject else ["--seccomp-bpf"]
        worker = own.spawn("channel", wrap=["strace", "-D", "-f", "-qq", *filtered, "-o", "/dev/null", "-e",
                                            f"trace={inject.split(':')[0]}", "-e", f"inject={inject}"])
        return own, ada, worker
    return make


def load(ring, ada, answers, enough):
    """Posts one after the other, each with a key, until ENOUGH (): {text: status} in ANSWERS."""
    while not enough():
        text = str(len(answers))
        answers[text] = post_one(ring, ada, text, **{"Idempotency-Key": f"key {text}"}).status_code


def check(ring, ada, answers, doubtful=()):
    stored = ring.texts("full", ada.token)
    assert len(stored) == len(set(stored)), stored
    acknowledged = {text for text, status in answers.items() if status == 204}
    assert acknowledged <= set(stored)
    assert "before" in stored
    return stored


@contextlib.contextmanager
def failing(worker, calls, error):
    """CALLS of all threads of the worker fail, until the block ends."""
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e",
                               f"inject={calls}:error={error}", "-p", str(worker.pid)])

    def taken():
        tasks = pathlib.Path(f"/proc/{worker.pid}/task").glob("*/status")
        return all("TracerPid:\t0\n" not in task.read_text() for task in tasks)
    try:
        postern.wait(taken, 10, what="the tracer to have all threads")
        yield
    finally:
        tracer.terminate()
        tracer.wait(10 * postern.SLOW)


def test_writes_that_fail_for_lack_of_room(make_ring, needs):
    """ENOSPC aborts the batch and the worker goes on as soon as there is room."""
    needs("strace")
    ring = make_ring()
    ring.spawn_all()
    ada = ring.user("ada")
    ring.channel("full", ada)
    assert post_one(ring, ada, "before").status_code == 204
    worker, answers = ring.spawned["channel-0"], {}
    for error in ("ENOSPC", "EDQUOT"):
        start = len(answers)
        load(ring, ada, answers, lambda start=start: len(answers) == start + 20)
        with failing(worker, "pwrite64,pwritev,writev", error):
            refused = len(answers)
            load(ring, ada, answers, lambda refused=refused: len(answers) == refused + 5)
            assert ring.texts("full", ada.token)[-1] == str(refused - 1)
        room = f"room after {error}"
        ring.wait(lambda text=room: post_one(ring, ada, text).status_code == 204, 5, what="room")
        load(ring, ada, answers, lambda refused=refused: len(answers) == refused + 35)
        of_it = list(answers.values())[start:]
        assert of_it == [204] * 20 + [503] * 5 + [204] * 30
        assert room in check(ring, ada, answers)
    assert re.search("event=wal.write .*event=wal.write ", ring.logs(), re.DOTALL)
    assert worker.poll() is None


# A thread's calls are counted; three are made before it is ready, then there is one a checkpoint.
@pytest.mark.parametrize("inject", ["fdatasync:error=EIO:when=5", "fdatasync:error=EIO:when=7+",
                                    "fdatasync:signal=KILL:when=6", "pwrite64:error=EIO:when=60",
                                    "pwrite64:signal=KILL:when=30"])
def test_a_failed_sync_is_answered_by_nobody(traced, inject):
    """The worker exits, the next one looks what is durable, and the requests survive it."""
    ring, ada, worker = traced(inject)
    answers, over = {}, threading.Event()
    writer = threading.Thread(target=load, args=(ring, ada, answers, over.is_set))
    writer.start()
    ring.wait(lambda: worker.poll() is not None, 60, what="the worker to end")
    assert worker.returncode in (1, -9, 137), worker.returncode
    ring.spawned.pop("channel-0")
    ring.spawn("channel")
    met = len(answers)
    ring.wait(lambda: len(answers) > met + 10, 60, what="the writer to go on")
    over.set()
    writer.join(60 * postern.SLOW)
    assert set(answers.values()) == {204}
    assert len(check(ring, ada, answers)) == len(answers) + 1


@pytest.mark.parametrize("kib", [0, 8, 16, 24, 40])
def test_a_first_start_without_room_is_refused_with_words(make_ring, kib):
    """Nothing is written through memory that the disk has no block for."""
    with contextlib.ExitStack() as stack:
        try:
            place = stack.enter_context(small_disk(32))
        except Unavailable:
            lacking.skip("mount")
        data = place / "data"
        own = make_ring(settings={"data.directory": data, "authd.master_key": data / "master.key"})
        shutil.copytree(own.dir / "data", data)
        (data / "run").mkdir(exist_ok=True)
        fill(place, 0)
        with open(place / "ballast", "r+b") as ballast:
            ballast.truncate(ballast.seek(0, 2) - (kib << 10))
        for kind in ("authd", "channel"):
            done = subprocess.run([str(postern.BIN / f"postern-{kind}"), "-c", str(own.conf),
                                   *own._overrides()], env=own.environment, text=True,
                                  capture_output=True, timeout=30 * postern.SLOW)
            assert done.returncode == 78, (kind, done.returncode, done.stderr)
            assert "full" in done.stderr or "No space left" in done.stderr, done.stderr
            assert "cut off" not in done.stderr, done.stderr
