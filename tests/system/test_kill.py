"""Any process may die at any moment; see kill_campaign.py, of which this is the short form."""

import pathlib
import random
import sys

import pytest

import kill_campaign
import rolling
import slow_campaign


@pytest.mark.parametrize("kind", kill_campaign.KINDS)
def test_nothing_is_lost_or_doubled_and_nothing_fails(make_ring, name, kind):
    ring = make_ring().up()
    tally = kill_campaign.campaign(ring, kind, 3, random.randrange(1 << 31), name)
    print(tally)
    assert tally.clean, f"{tally}\n{tally.failed[:5]}"


@pytest.mark.parametrize("module", [kill_campaign, rolling, slow_campaign],
                         ids=lambda module: module.__name__)
def test_an_exception_leaves_no_ring_running(monkeypatch, module, needs):
    if module is rolling:
        needs("haproxy")
    pids = []

    def broken(ring, *_):
        pids.extend([ring.supervisor.pid, *(ring.pid(one) for one in ring.names)])
        raise ZeroDivisionError

    monkeypatch.setattr(module, "campaign", broken)
    monkeypatch.setattr(sys, "argv", [module.__name__])
    with pytest.raises(ZeroDivisionError):
        module.main()
    assert len(pids) >= 7 and not [pid for pid in pids if pathlib.Path(f"/proc/{pid}").exists()]
