"""docs/API.md has the fields of the message object that the validator's tables have, with their limits."""

import re

from tree import ROOT

SOURCE = (ROOT / "workers/message/message.cpp").read_text()
HEADER = (ROOT / "workers/message/message.h").read_text()
API = (ROOT / "docs/API.md").read_text()

# The validator's table, and the heading of the documents' one.
OBJECTS = {"message": "A message", "bot": "`bot`", "card": "`card`", "slide": "A slide",
           "slide_style": "`styles` of a slide", "slide_type": "`data` of a slide, by its `type`",
           "table": "`data` of a `table`", "value": "An item of a `percentage_chart`, or of a graph's `values`",
           "graph": "An item of a `graph`", "button": "A button", "action": "`action` of a button",
           "action_type": "`data` of an action, by its `type`", "confirm": "`confirm` of an action",
           "style": "`styles` of a message"}
# The fields of an action's data stand in the meaning of its type.
WITHIN = dict(re.findall(r'OBJECT\("([a-z.]+)", &(open|function|api|preview|copy)_table\)', SOURCE))

KINDS = {"TEXT": "text", "check_text": "text", "BOOL": "boolean", "check_sync": "boolean",
         "ANY": "anything", "check_any": "anything", "check_attached": "anything", "check_scalar": "text or number",
         "OBJECT": "object", "check_object": "object", "check_action": "object",
         "check_references": "object", "OBJECTS": "objects", "check_slides": "objects",
         "check_texts": "texts", "check_urls": "https URLs", "check_userids": "ids",
         "check_key": "text", "check_thread": "message id", "check_in_parent": "boolean",
         "check_broadcast": "boolean"}


def number(text):
    if not text or text.isdigit():
        return int(text or 0)
    return int(re.search(rf"\b{text} = (\d+)", HEADER)[1])


def choices(name):
    listed = re.search(rf"constexpr const char \*{name}\[\] = \{{(.*?)nullptr", SOURCE, re.S)[1]
    return ", ".join(f"`{one}`" for one in re.findall(r'"([^"]+)"', listed))


def value(kind, most):
    limit = number(most)
    unit = "characters" if KINDS[kind] == "text" else "items"
    return KINDS[kind] + (f", at most {limit:,} {unit}" if limit else "")


def row(name, macro, arguments):
    if macro == "CUSTOM":
        return name, value(*arguments)
    if macro:
        return name, value(macro, arguments[0] if macro in ("TEXT", "OBJECTS") else "")
    kind, most, _, names = arguments[:4]
    return name, f"one of {choices(names)}" if kind == "check_one_of" else value(kind, most)


def validated():
    """{table: {field: value}} of message.cpp."""
    found = {}
    for name, body in re.findall(r"^TABLE\((\w+), (.*?)\);$", SOURCE, re.M | re.S):
        rows = re.findall(r'(?:(\w+)\(|\{)"([^"]+)"((?:, ?[^,(){}]+)*)[)}]', " ".join(body.split()))
        found[name] = dict(row(field, macro, [word.strip() for word in rest.split(",")[1:]])
                           for macro, field, rest in rows)
    return found


def documented():
    found = {}
    section = re.search(r"^### The message object\n(.*?)^### ", API, re.M | re.S)[1]
    for title, body in re.findall(r"^\*\*(.+?)\*\*.*?\n\n(\|.*?)\n\n", section, re.M | re.S):
        cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in body.splitlines()[2:]]
        found[title] = {cell[0].strip(" `"): cell[1:] for cell in cells}
    return found


def test_the_tables_are_read():
    assert validated()["button"]["label"] == "text, at most 20 characters"
    assert validated()["message"]["slides"] == "objects, at most 20 items"


def test_the_document_has_the_fields():
    fields, written = validated(), documented()
    assert fields.keys() == OBJECTS.keys() | set(WITHIN.values())
    assert {title: {name: cells[0] for name, cells in rows.items()} for title, rows in written.items()} == {
        title: fields[name] for name, title in OBJECTS.items()}
    for kind, name in WITHIN.items():
        meaning = written[OBJECTS["action_type"]][kind][1]
        assert [field for field in fields[name] if f"`{field}`" not in meaning] == []
