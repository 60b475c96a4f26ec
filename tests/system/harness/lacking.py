"""What a test needs of its machine, and a container with its engine's defaults may lack.

docs/TESTING.md (Skipped tests) says how each is given."""

import os

import pytest

GIVEN_BY = {
    "root": "files of a second user",
    "mount": "CAP_SYS_ADMIN and loop devices",
    "ptrace": "CAP_SYS_PTRACE",
    "network namespaces": "CAP_SYS_ADMIN and CAP_NET_ADMIN",
    "IPv6": "an address on the loopback",
    "CAP_DAC_READ_SEARCH": "--cap-add DAC_READ_SEARCH",
}
CAP_DAC_READ_SEARCH = 2  # its bit, <linux/capability.h>


def _reason(what):
    given = f" ({GIVEN_BY[what]})" if what in GIVEN_BY else ""
    return f"needs {what}{given}; docs/TESTING.md, Skipped tests"


def skip(what, why=""):
    """WHAT: one of the above, or a program."""
    pytest.skip(_reason(what) + (f": {why}" if why else ""))


# A mark of a test, or of a file.
root = pytest.mark.skipif(os.geteuid() != 0, reason=_reason("root"))


def _may_have(capability):
    """Whether a process can be given CAPABILITY, a bit: its engine leaves it in the bounding set."""
    with open("/proc/self/status") as lines:
        bound = next(line.split()[1] for line in lines if line.startswith("CapBnd:"))
    return int(bound, 16) >> capability & 1


read_search = pytest.mark.skipif(not _may_have(CAP_DAC_READ_SEARCH), reason=_reason("CAP_DAC_READ_SEARCH"))
