"""Files and functions stay short enough to read. Exceptions stand here by name, with their reason."""

import re

from tree import ROOT, sources

FILE_LINES = 600
FUNCTION_LINES = 60
MAIN_LINES = 120
HEADER_LINES = 260

# "file: function": the reason
LONGER_FUNCTIONS = {}


def functions(path):
    """(name, lines) of each function body: braces in the first column, as .clang-format makes them."""
    name, start = None, None
    previous = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if line.startswith("{"):
            head = " ".join(previous)
            match = re.search(r"(\w+)\s*\([^{]*$", head)
            name, start = (match[1] if match else "?"), number
        elif line.startswith("}") and start:
            yield name, number - start - 1
            start = None
        if line.strip() in ("", "}") or line.startswith(("/*", " *", "#")):
            previous = []
        elif not start:
            previous.append(line)


def test_the_counter_counts(tmp_path):
    source = tmp_path / "a.c"
    source.write_text("static int s_one(int a,\n                 int b)\n{\n" + "    a++;\n" * 70 + "}\n")
    assert list(functions(source)) == [("s_one", 70)]


def test_files():
    long = [f"{p}: {n} lines" for p in sources()
            if (n := len((ROOT / p).read_text().splitlines())) >
            (MAIN_LINES if p.name == "main.c" else FILE_LINES)]
    assert not long


def test_headers():
    long = [f"{p}: {n} lines" for p in sources() if p.suffix == ".h"
            if (n := len((ROOT / p).read_text().splitlines())) > HEADER_LINES]
    assert not long


def test_functions():
    found = [f"{p}: {name} has {n} lines" for p in sources() if p.suffix != ".h"
             for name, n in functions(ROOT / p)
             if n > FUNCTION_LINES and f"{p}: {name}" not in LONGER_FUNCTIONS]
    assert not found, "\n".join(found)


def test_dev_is_one_readable_script():
    assert len((ROOT / "dev").read_text().splitlines()) <= 400
