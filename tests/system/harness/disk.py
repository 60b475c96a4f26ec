"""A small disk of a test's own, to be filled and freed.

    with small_disk(224) as place:              # Unavailable where nothing can be mounted
        ballast = fill(place, leave=1 << 20)    # takes all but a mebibyte
        ballast.unlink()                        # gives it back
"""

import contextlib
import os
import subprocess

from . import lacking, postern

RESERVE = 64 << 20  # what the store keeps free


class Unavailable(Exception):
    """This machine lets us mount nothing. args[0]: why."""


def _run(*words):
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        raise Unavailable(f"{' '.join(words)}: {done.stderr.strip()}")


@contextlib.contextmanager
def small_disk(mebibytes):
    """A new ext4 of that size, mounted. Its image is sparse."""
    place = postern.scratch("m-")
    image = place.with_suffix(".img")
    with open(image, "wb") as file:
        file.truncate(mebibytes << 20)
    try:
        try:
            _run("mkfs.ext4", "-q", "-m", "0", str(image))
            _run("mount", "-o", "loop", str(image), str(place))
            yield place
        finally:
            subprocess.run(["umount", "-l", str(place)], capture_output=True)
    finally:
        image.unlink()
        place.rmdir()


@contextlib.contextmanager
def ring_on_small_disk(make_ring, mebibytes):
    """A ring that is yet to be started, whose data lies on a small disk: (ring, place). It is stopped before
    the disk is taken away; the test is skipped where nothing can be mounted."""
    with contextlib.ExitStack() as stack:
        try:
            place = stack.enter_context(small_disk(mebibytes))
        except Unavailable:
            lacking.skip("mount")
        data = place / "data"
        own = make_ring(settings={"data.directory": data})
        subprocess.run(["cp", "-a", own.dir / "data", data], check=True)
        own.settings["authd.master_key"] = data / "master.key"
        try:
            yield own, place
        finally:
            own.stop()


def free(place):
    stat = os.statvfs(place)
    return stat.f_bavail * stat.f_frsize


def fill(place, leave):
    """Takes all but LEAVE bytes of the disk; returns the file to remove."""
    ballast = place / "ballast"
    with open(ballast, "ab") as file:
        while (more := free(place) - leave) > 0:
            try:
                os.posix_fallocate(file.fileno(), file.seek(0, 2), max(4096, more // 2))
            except OSError:
                if more < 1 << 20:
                    break
    return ballast
