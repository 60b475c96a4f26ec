"""The tables of the documents, made from the .def files.

python3 tests/lint/tables.py   writes each table between its two marks:
                               <!-- table: settings --> … <!-- end of table -->
"""

import collections
import re
import subprocess
import sys

from tree import ROOT

BLOCKS = {  # name: (document, .def file, macro)
    "settings": ("REFERENCE.md", "common/conf/settings.def", "SETTING"),
    "metrics": ("REFERENCE.md", "common/monitor/metrics.def", "METRIC"),
    "processes": ("REFERENCE.md", "common/monitor/metrics.def", "PROCESS_METRIC"),
    "errors": ("API.md", "common/errors.def", "ERROR"),
    "reasons": ("API.md", "common/reasons.def", "REASON"),
    "operations": ("API.md", "common/ops.def", None),
    "rights": ("API.md", "common/ops.def", None),
    "headers": ("API.md", "common/headers.def", "HEADER"),
    "presets": ("SECURITY.md", "common/source/presets.def", "PRESET"),
    "handshakes": ("SECURITY.md", "common/source/handshakes.def", "HANDSHAKE"),
}
KINDS = {"UINT": "number", "TEXT": "text", "URL": "URL", "NETWORKS": "networks", "ENDPOINT": "endpoints", "ADDRESS": "address:port",
         "PATH": "path", "SECRET": "path of a secret file"}


# A row of common/ops.def; object, member and admin: of a MANAGE, else None.
Op = collections.namedtuple("Op", "number name methods path credentials owner object member admin", defaults=(None,) * 3)
OPS = {"SEND": lambda credentials, owner, *_: (credentials, owner),
       "TELL": lambda owner, *_: ("INTERNAL", owner),
       "MANAGE": lambda *rights: ("ADMIN", "AUTHD", *rights),
       "OPEN": lambda: ("OPEN", "AUTHD"),
       "PERSON": lambda _, owner, *__: ("PERSON", owner)}


def calls(path, macro):
    """(macro, arguments) of each MACRO (…) in a .def file; MACRO: one or several, by |."""
    text = re.sub(r"/\*.*?\*/", "", (ROOT / path).read_text(), flags=re.S)
    if '"common/kinds.def"' in text:  # rows that follow from other rows, and texts in parts
        text = subprocess.run(["gcc", "-E", "-P", "-xc", f"-I{ROOT}", ROOT / path], capture_output=True, text=True, check=True).stdout
        text = re.sub(r'"\s+"', "", re.sub(rf"\) ({macro})\(", r")\n\1(", text))
    found = re.findall(rf"^ *({macro})\(\s*(.*?)\)\s*$", text, re.M | re.S)
    assert found, f"no {macro} in {path}"
    return [(name, [cell.strip() for cell in re.findall(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+', row)])
            for name, row in found]


def rows(path, macro):
    """The arguments of MACRO (…) in a .def file, one list a row."""
    return [cells for _, cells in calls(path, macro)]


def ops():
    """The rows of common/ops.def in their order."""
    return [Op(*cells[:4], *OPS[macro](*cells[4:])) for macro, cells in calls("common/ops.def", "|".join(OPS))]


def kinds():
    """The kinds of processes in their order."""
    return [cells[0] if macro == "KIND" else cells[1] for macro, cells in calls("common/kinds.def", "KIND|WORKER")]


def workers():
    """The rows of the workers: constant, name, port, handlers, what."""
    return rows("common/kinds.def", "WORKER")


def plain(cell):
    return cell.strip('"').replace("|", "\\|")


def settings(section, key, kind, default, least, most, text):
    limits = "" if kind in ("ADDRESS", "PATH", "SECRET", "TEXT", "ENDPOINT", "URL", "NETWORKS") \
        else f", {least} to {most}"
    return [f"`{section}.{key}`", f"`{plain(default)}`" if plain(default) else "",
            KINDS[kind] + limits, plain(text)]


TYPES = {"COUNTER": "counter", "GAUGE": "gauge", "AGE": "gauge", "HISTOGRAM": "histogram",
         "SIZES": "histogram"}


def where(at):
    return "all" if at == "AT_ALL" else at.replace("AT_", "").replace(" |", ",").lower()


def metrics(name, kind, label, at, text, action):
    return [f'<a id="{name}"></a>`postern_{name}`', TYPES[kind],
            "" if label == "NONE" else label.lower(), where(at), plain(text), plain(action)]


def processes(name, kind, label, text, action):
    return [f"`{name}`", TYPES[kind], "" if label == "NONE" else label.lower(), plain(text),
            plain(action)]


def errors(_, name, status, retry, text):
    return [status, f"`{name}`", "" if retry == "0" else retry + " s", plain(text)]


def reasons(name, code, meaning):
    return [f"`{name}`", f"`{code}`", plain(meaning)]


def verbs_of(methods):
    """The methods of a row of ops.def: HEAD goes where GET does."""
    sets = {"OP_ANY": ["GET", "HEAD", "POST", "PUT", "DELETE"], "OP_EVENT": ["GET", "HEAD", "POST", "PUT"]}
    if methods in sets:
        return sets[methods]
    verbs = methods.replace("OP_", "").split(" | ")
    return [*verbs, "HEAD"] if "GET" in verbs else verbs


def operations(op):
    verbs = "any" if op.methods == "OP_ANY" else ", ".join(verbs_of(op.methods))
    needs = {"TOKEN": "token", "APPKEY": "token, appkey", "SIGNATURE": "signature", "ADMIN": "management token or session", "PERSON": "management token or session, of who has the right itself",
             "INTERNAL": "between processes", "OPEN": "what the body holds"}
    return [f"`{op.name}`", verbs, f"`{plain(op.path)}`", needs[op.credentials], op.owner.lower()]


def rights(op):
    return [f"`{op.name}`", op.object.lower(), op.member.lower(), op.admin.lower(), "any"]


WHYS = {"TRAVELS": "reaches the handler", "CREDENTIAL": "a credential", "SECRET": "a credential that a source may ask for", "HOP": "of the connection",
        "PROXY": "of a proxy"}


def headers(match, name, why):
    shape = {"IS": "{}", "BEGINS": "{}…", "ENDS": "…{}"}[match]
    return [f"`{shape.format(plain(name))}`", WHYS[why]]


def presets(*cells):
    name, sender, alg, header, _, item, encoding, _, signed, _, ts, _, tolerance, handshake, vector = map(plain, cells)
    how = "the secret itself" if alg == "equal" else f"{alg}, {encoding}"
    time = f"`{ts}`, " + (f"{tolerance} s" if tolerance != "0" else "not looked at") if ts else ""
    return [f"`{name}`", sender, f"`{header}`" + (f": `{item}`…" if item else ""), how, f"`{signed}`" if signed else "", time,
            "" if handshake == "none" else handshake, vector]


NEEDS = {"OPEN": "anybody", "SOURCE": "a source", "SIGNED": "a source, when it is signed",
         "TOLD": "a source that waits for it, at its own address"}


def handshakes(name, needs, request, answer):
    return [name, plain(request), plain(answer), NEEDS[needs]]


HEADS = {"settings": ["setting", "default", "value", "meaning"],
         "metrics": ["metric", "type", "label", "at", "meaning", "when it moves"],
         "processes": ["metric", "type", "label", "meaning", "when it moves"],
         "errors": ["status", "code", "Retry-After", "message where there is nothing more exact"],
         "reasons": ["reason", "with", "meaning"],
         "operations": ["operation", "methods", "path", "credentials", "owner"],
         "rights": ["operation", "about", "member", "admin", "owner"],
         "headers": ["header", "why"],
         "presets": ["preset", "sender", "header", "algorithm", "signed", "time", "handshake", "test vector"],
         "handshakes": ["handshake", "request", "answer", "who gets it"]}
ROWS = {"settings": settings, "metrics": metrics, "processes": processes,
        "errors": errors, "reasons": reasons, "operations": operations, "rights": rights,
        "headers": headers, "presets": presets, "handshakes": handshakes}


def table(name):
    _, path, macro = BLOCKS[name]
    if macro:
        made = [ROWS[name](*row) for row in rows(path, macro)]
    else:
        made = [ROWS[name](op) for op in ops() if name == "operations" or op.object]
    lines = [HEADS[name], ["---"] * len(HEADS[name]), *made]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def document(name):
    return ROOT / "docs" / BLOCKS[name][0]


def written(text, name):
    """TEXT with the table in its place; AssertionError when its marks are not there once."""
    pattern = rf"(<!-- table: {name} -->\n).*?(\n?<!-- end of table -->)"
    assert len(re.findall(pattern, text, re.S)) == 1, f"the marks of the table {name} are missing"
    return re.sub(pattern, lambda m: f"{m[1]}\n{table(name)}\n\n<!-- end of table -->", text,
                  flags=re.S)


if __name__ == "__main__":
    for block in BLOCKS:
        path = document(block)
        if not path.exists():
            sys.exit(f"{path} is missing")
        path.write_text(written(path.read_text(), block))
