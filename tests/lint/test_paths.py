"""The documents name files and functions that are there."""

import re

import pytest

from tree import ROOMS, ROOT, sources

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ROOTS = (*ROOMS, "deploy", "docs")


def named(text):
    """What stands in a pair of backticks and begins like a path of this tree, without what a shell or a reader puts in."""
    for path in re.findall(r"`((?:\.\./)?[\w.+-]+/[\w./+-]+)`", text):
        path = path.removeprefix("../")
        if path.split("/")[0] in ROOTS and not re.search(r"-N\b|-0\b|NOUN|KIND", path):
            yield path


def linked(text):
    return [target for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text) if "://" not in target and "$" not in target]


def anchors(text):
    """What a link may name behind #: the headings, written as the web pages of repositories do, and <a id>s."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    heads = re.findall(r"^#+ (.+)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads} | set(re.findall(r'<a id="([^"]+)"', text))


def test_anchors_are_found():
    assert anchors('# A b, and `c`\n## D-e\n```sh\n# f\n```\n<a id="g"></a>') == {"a-b-and-c", "d-e", "g"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_documents_link_headings_that_are_there(document):
    targets = re.findall(r"\]\(([^)#\s:]*)#([^)\s]+)\)", document.read_text())
    assert not [f"{path}#{anchor}" for path, anchor in targets
                if anchor not in anchors((document.parent / path if path else document).read_text())]


def test_paths_are_found():
    assert list(named("`common/ops.def`, `../tests/lint/tree.py`, `a/b`, `postern.conf`")) == ["common/ops.def", "tests/lint/tree.py"]
    assert linked("[a](b/c.md#d), [e](https://f.example/)") == ["b/c.md"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_documents_name_files_that_are_there(document):
    text = re.sub(r"^```.*?^```", "", document.read_text(), flags=re.M | re.S)
    missing = [path for path in named(text) if not (ROOT / path).exists()]
    missing += [target for target in linked(text) if not (document.parent / target).exists()]
    assert not missing


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_documents_name_functions_that_are_there(document):
    """The static ones, which nothing but the file that they stand in holds in place."""
    code = "\n".join((ROOT / path).read_text() for path in sources())
    named = set(re.findall(r"`(s_\w+)`", document.read_text()))
    assert not named - set(re.findall(r"\bs_\w+", code))
