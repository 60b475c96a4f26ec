"""Calls of the C library that have a trap, and what stands in their place."""

import re

import tree

IN_THEIR_PLACE = {r"\bstrchr\(\s*\"": "is_one_of: strchr finds a NUL in each set"}


def test_no_call_has_a_trap():
    found = [f"{path}: {mend}" for path in tree.sources("common", "gateway", "authd", "router", "workers", "ctl") for call, mend in IN_THEIR_PLACE.items() if re.search(call, (tree.ROOT / path).read_text())]
    assert found == []
