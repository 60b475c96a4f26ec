"""Any process may die at any moment; see kill_campaign.py, of which this is the short form."""

import random

import pytest

import kill_campaign


@pytest.mark.parametrize("kind", kill_campaign.KINDS)
def test_nothing_is_lost_or_doubled_and_nothing_fails(make_ring, name, kind):
    ring = make_ring().up()
    tally = kill_campaign.campaign(ring, kind, 3, random.randrange(1 << 31), name)
    print(tally)
    assert tally.clean, f"{tally}\n{tally.failed[:5]}"
