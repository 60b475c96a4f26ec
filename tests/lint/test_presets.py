"""The console's table of signatures is that of the workers."""

import re

from tree import ROOT

NAMES = "name sender alg header separator item encoding key signed id ts ts_form tolerance".split()


def declared():
    rows = re.findall(r"^PRESET\((.*)\)$", (ROOT / "common/source/presets.def").read_text(), re.M)
    return [{name: text for name, text in zip(NAMES, re.findall(r'"([^"]*)"', row)) if text} for row in rows]


def shown():
    text = (ROOT / "console/src/sources/presets.ts").read_text().partition("PRESETS: Preset[] = [")[2]
    return [dict(re.findall(r'(\w+): "([^"]*)"', row)) for row in re.findall(r"\{(.*?)\n? *\},\n", text, re.S)]


def test_the_console_checks_signatures_as_the_workers_do():
    assert len(declared()) > 30
    assert shown() == declared()
