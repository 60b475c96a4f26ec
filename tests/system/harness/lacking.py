"""What a test needs of its machine, and a container with its engine's defaults may lack.

docs/TESTING.md (Skipped tests) says how each is given."""

import pytest

GIVEN_BY = {
    "mount": "CAP_SYS_ADMIN and loop devices",
    "ptrace": "CAP_SYS_PTRACE",
    "network namespaces": "CAP_SYS_ADMIN and CAP_NET_ADMIN",
    "IPv6": "an address on the loopback",
}


def skip(what, why=""):
    """WHAT: one of the above, or a program."""
    given = f" ({GIVEN_BY[what]})" if what in GIVEN_BY else ""
    pytest.skip(f"needs {what}{given}; docs/TESTING.md, Skipped tests" + (f": {why}" if why else ""))
