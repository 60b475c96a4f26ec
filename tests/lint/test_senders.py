"""The gateway and docs/API.md know the headers by which the formats that are built in detect their senders."""

import json
import re

from tree import ROOT

import tables


def detected():
    """The headers of each "detect": one object, or several of which any holds."""
    for path in ROOT.glob("formats/*/format.json"):
        detect = json.loads(path.read_text()).get("detect", [])
        yield from (one["header"] for one in (detect if isinstance(detect, list) else [detect]) if "header" in one)


def test_the_headers_that_name_a_sender():
    known = [name.strip('"') for name, in tables.rows("gateway/read/senders.def", "SENDER")]
    assert known == sorted(set(detected()))
    told = re.search(r"By a header a sender is known there where it is one of\s(.*?);", (ROOT / "docs/API.md").read_text(), re.S)[1]
    assert re.findall(r"`([^`]+)`", told) == known
