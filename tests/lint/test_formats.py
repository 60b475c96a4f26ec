"""docs/FORMATS.md has the filters of workers/format/filter.c, and the fields and limits of the parser's tables."""

import json
import re

from tree import ROOT

DOCUMENT = (ROOT / "docs/FORMATS.md").read_text()
FILTERS = (ROOT / "workers/format/filter.c").read_text()
PARSER = (ROOT / "workers/format/parse.c").read_text()
HEADERS = "".join((ROOT / "workers/format" / name).read_text() for name in ("format.h", "rules.h", "syntax.h", "room.h"))
STRING = r'"((?:[^"\\]|\\.)*)"'


def number(name):
    """The value of an enumerator of the headers."""
    if name.isdigit():
        return int(name)
    return eval(re.search(rf"\b{name} = ([0-9 <]+)", HEADERS)[1])  # pylint: disable=eval-used


def filters():
    """(name, arguments, what it gives) of each row."""
    table = FILTERS[FILTERS.index("s_rows[] = {"):FILTERS.index("enum { ROWS")]
    rows = re.findall(rf'\{{"(\w+)",\s*\w+,\s*(\d+),\s*(\w+),\s*\w+,\s*((?:{STRING}\s*)+)\}}', table)
    assert len(rows) == len(re.findall(r'\{"', table)), "a row of another form"
    for name, least, most, what, _ in rows:
        arguments = least if number(most) == int(least) else f"{least} to {number(most)}"
        yield name, arguments, json.loads('"' + "".join(re.findall(STRING, what)) + '"')


def test_the_filters():
    section = DOCUMENT[DOCUMENT.index("## Filters"):]
    documented = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*) \|$", section, re.M)
    assert documented == [(name, arguments, what.replace("|", "\\|")) for name, arguments, what in filters()]
    assert documented == sorted(documented)


def test_the_fields_of_a_format():
    rows = PARSER[PARSER.index("static int s_format("):]
    fields = re.findall(r'\{"(\w+)", s_\w+', rows)
    section = DOCUMENT[DOCUMENT.index("## format.json"):DOCUMENT.index("## Templates")]
    assert sorted(re.findall(r"^\| `(\w+)` \|", section, re.M)) == sorted(fields)


def test_the_limits():
    for text, name in (("at most {} KiB; NAME", "FORMAT_BYTES"), ("at most {} bytes", "FORMAT_EVENT"),
                       ("at most {} |\n| `rules`", "SYNTAX_PARTS"), ("at most {}; needed", "FORMAT_RULES"),
                       ("another, at most {}.", "SYNTAX_FILTERS"), ("object, at most {};", "SYNTAX_MOST"),
                       ("nested at most {} deep", "SYNTAX_NESTING"), ("{} KiB to write", "ROOM_TEXT"),
                       ("has {:,} steps", "ROOM_STEPS")):
        limit = number(name)
        assert text.format(limit // 1024 if "KiB" in text else limit) in DOCUMENT, name
