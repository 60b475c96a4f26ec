"""docs/openapi.yaml names the codes that each operation may refuse with: those of refusals.py."""

import re

import refusals
import tables


def test_the_document_has_what_the_tables_say():
    """When it fails: python3 tests/lint/refusals.py."""
    text = refusals.DOCUMENT.read_text()
    assert refusals.written(text) == text


def test_the_rules_know_what_there_is():
    names, codes = {op.name for op in tables.ops()}, refusals.errors()
    unused = [pattern for pattern in refusals.MORE if not any(re.fullmatch(pattern, name) for name in names)]
    assert not unused
    used = {code for found in refusals.by_row().values() for code in found}
    assert used == set(codes), used ^ set(codes)
    assert set(refusals.DETAILS) <= set(codes) and set(refusals.reasons()) <= {code for code, told in refusals.DETAILS.items() if "reason" in told}


def test_no_operation_may_refuse_with_everything():
    """What a sender, a reader and a manager may get differ."""
    rows = refusals.by_row()
    assert "invalid_session" not in rows["channel_message"] and "invalid_message" not in rows["user_list"]
    assert "unknown_bot" not in rows["channel_show"] and "too_many_streams" not in rows["bot_history"]
    assert max(map(len, rows.values())) < len(refusals.errors()) * 3 // 4
