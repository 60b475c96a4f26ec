"""docs/INTEGRATIONS.md, made from the folders of formats/.

python3 tests/lint/integrations.py   writes the table between its marks, and the sections behind it
"""

import json
import re

import tables
from tree import ROOT

FOLDER = ROOT / "formats"
DOCUMENT = ROOT / "docs" / "INTEGRATIONS.md"
TABLE = ("<!-- table: senders -->\n", "<!-- end of table -->\n")
OTHERS = ("<!-- table: signers -->\n", "<!-- end of signers -->\n")
# Where a format's presets have other names than it.
HANDSHAKES = {"cloudevents": "OPTIONS, which the gateway answers"}  # that belong to no preset
PRESETS = {"gitea": ["gitea", "forgejo"], "slack": [""], "slack-events": ["slack"], "standard-webhooks": ["standard-webhooks", "svix"]}
OUTLETS = ("<!-- outlets: made from the README of each kind -->\n", "<!-- end of outlets -->\n")
SECTIONS = "<!-- sections: made from the README of each format -->\n"


def senders():
    """By their headings; what is for any sender stands last."""
    names = [path.parent.name for path in FOLDER.glob("*/format.json")]
    return sorted(names, key=lambda name: (name == "generic", readme(name)[0].lower()))


def format_of(sender):
    return json.loads((FOLDER / sender / "format.json").read_text())


def cases(sender):
    """The names of a format's golden cases."""
    return sorted(path.name.removesuffix(".expected.json") for path in (FOLDER / sender / "cases").glob("*.expected.json"))


def readme(sender):
    """The heading and the text of a format's README."""
    heading, text = (FOLDER / sender / "README.md").read_text().split("\n", 1)
    return heading.removeprefix("# "), text.strip()


def anchor(heading):
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def way(rule):
    """One way of detecting a sender, in words."""
    words = [f"header `{rule['header']}`"] if "header" in rule else []
    if "without" in rule:
        words.append("without " + ", ".join(f"`{name}`" for name in rule["without"]))
    words += [f"agent `{rule['agent']}`"] if "agent" in rule else []
    words += ["body with " + ", ".join(f"`{name}`" for name in rule["body"])] if "body" in rule else []
    return " ".join(words)


def detection(sender):
    rules = format_of(sender).get("detect", [])
    return "; ".join(way(rule) for rule in (rules if isinstance(rules, list) else [rules])) or "by its name alone"


def presets():
    """The rows of common/source/presets.def by name: whose it is, the handshake, and where the test vector is from."""
    rows = [[cell.strip().strip('"') for cell in row] for row in tables.rows("common/source/presets.def", "PRESET")]
    return {row[0]: {"sender": row[1], "handshake": row[-2], "vector": row[-1]} for row in rows}


def signatures(sender):
    """The presets that verify what a format reads."""
    names = presets()
    wanted = PRESETS.get(sender) or [name for name in names if name == sender or name.startswith(f"{sender}-")]
    assert sender not in PRESETS or set(wanted) <= {*names, ""}
    return [name for name in wanted if name]


def verified(names):
    """The cells of presets: names, where the test vectors are from, and the handshakes."""
    rows = [presets()[name] for name in names]
    vectors = dict.fromkeys(row["vector"] for row in rows)
    shakes = dict.fromkeys(row["handshake"] for row in rows if row["handshake"] != "none")
    return [", ".join(f"`{name}`" for name in names), "; ".join(vectors), ", ".join(f"`{name}`" for name in shakes)]


def lines(rows):
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def table():
    rows = [["sender", "format", "cases", "detected by", "signature preset", "test vector", "handshake"], ["---"] * 7]
    for name in senders():
        cells = verified(signatures(name))
        cells[-1] = HANDSHAKES.get(name, cells[-1])
        rows.append([f"[{readme(name)[0]}](#{anchor(readme(name)[0])})", f"`{name}`", str(len(cases(name))), detection(name), *cells])
    return lines(rows)


def others():
    """The senders that have a preset and no format."""
    taken = {preset for name in senders() for preset in signatures(name)}
    rows = [["sender", "signature preset", "test vector", "handshake"], ["---"] * 4]
    rows += [[row["sender"], *verified([name])] for name, row in presets().items() if name not in taken]
    return lines(rows)


def sections():
    return "\n\n".join(f"### {heading}\n\n{text}" for heading, text in map(readme, senders()))


def outlets():
    """What each kind of outlets says of itself."""
    folders = sorted((ROOT / "outlets").glob("*/README.md"), key=lambda path: path.parent.name)
    parts = [path.read_text().split("\n", 1) for path in folders]
    return "\n\n".join(f"#### To {heading.removeprefix('# ')}\n\n{text.strip()}" for heading, text in parts)


def written(text):
    """TEXT with the table and the sections in their places."""
    head, rest = text.split(TABLE[0])
    middle = rest.split(TABLE[1])[1].split(SECTIONS)[0]
    before, after = middle.split(OTHERS[0])
    middle = f"{before}{OTHERS[0]}\n{others()}\n\n{OTHERS[1]}{after.split(OTHERS[1])[1]}"
    before, after = middle.split(OUTLETS[0])
    middle = f"{before}{OUTLETS[0]}\n{outlets()}\n\n{OUTLETS[1]}{after.split(OUTLETS[1])[1]}"
    return f"{head}{TABLE[0]}\n{table()}\n\n{TABLE[1]}{middle}{SECTIONS}\n{sections()}\n"


if __name__ == "__main__":
    DOCUMENT.write_text(written(DOCUMENT.read_text()))
