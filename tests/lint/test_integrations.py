"""The folders of formats/ are whole, and docs/INTEGRATIONS.md is made from them."""

import json

import pytest

import integrations

SENDERS = integrations.senders()
LINES = 8  # of a README: a heading, and where the URL is pasted


def test_the_document_is_made_from_the_folders():
    """When it fails: python3 tests/lint/integrations.py writes it."""
    text = integrations.DOCUMENT.read_text()
    assert integrations.written(text) == text


def test_a_way_of_detection_is_told_in_words():
    assert integrations.way({"header": "a", "without": ["b"]}) == "header `a` without `b`"
    assert integrations.way({"agent": "a/*"}) == "agent `a/*`"
    assert integrations.way({"body": ["a", "b=1"]}) == "body with `a`, `b=1`"


@pytest.mark.parametrize("sender", SENDERS)
def test_a_folder_is_whole(sender):
    form = integrations.format_of(sender)
    assert form["sender"] == sender and form["title"] and form["version"] >= 1
    assert len(integrations.cases(sender)) >= 3
    heading, text = integrations.readme(sender)
    assert heading and "/incoming" in text
    assert len(text.splitlines()) <= LINES


@pytest.mark.parametrize("sender", SENDERS)
def test_each_case_has_its_parts(sender):
    folder = integrations.FOLDER / sender / "cases"
    names = {path.name for path in folder.iterdir()}
    for name in integrations.cases(sender):
        json.loads((folder / f"{name}.expected.json").read_text())
        assert names & {f"{name}.json", f"{name}.form", f"{name}.txt"}
    inputs = {name for name in names if not name.endswith((".expected.json", ".headers"))}
    assert {name.rsplit(".", 1)[0] for name in inputs} == set(integrations.cases(sender))


def test_headings_are_unique():
    headings = [integrations.readme(sender)[0] for sender in SENDERS]
    assert len(set(headings)) == len(headings)


def test_every_preset_stands_in_one_of_the_tables():
    cells = [cell for table in (integrations.table(), integrations.others()) for line in table.splitlines() for cell in line.split(" | ")]
    wrong = [name for name in integrations.presets() if sum(f"`{name}`" in cell.split(", ") for cell in cells) < 1]
    assert not wrong, wrong
    assert set(integrations.HANDSHAKES) <= set(SENDERS)
    assert "`challenge`" in integrations.others() and "npm stripe" in integrations.table()
