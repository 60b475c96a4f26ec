"""Processes of the version before and of this one work together while one after another is replaced; see mixed.py, of
which this is the short form."""

import random

import pytest

import mixed


def test_an_upgrade_process_by_process_fails_nothing():
    if not mixed.BEFORE.exists():
        pytest.skip("needs the version before (./dev mixed builds it)")
    wrong, line = mixed.play(mixed.BEFORE, random.randrange(1 << 31))
    print(line)
    assert not wrong, wrong
