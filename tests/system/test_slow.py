"""Slow and idle clients do not keep others from being served; slow_campaign.py in short."""

import pytest

import slow_campaign


def test_nobody_waits_for_slow_and_idle_clients(make_ring, needs):
    """All are answered while each attack holds its connections, and no request takes long."""
    needs("slowhttptest")
    ring = make_ring(settings=slow_campaign.settings(1000)).up()
    for name, _, during in slow_campaign.campaign(ring, 0.3, 200, 1000):
        assert not during.bad, (name, during.bad[:3])
        assert during.latencies and max(during.latencies) < 5000, name


@pytest.mark.parametrize("mode", ["headers", "body"])
def test_a_slow_request_is_given_up(make_ring, needs, mode):
    needs("slowhttptest")
    ring = make_ring(settings={"gateway.read_ms": 1000}).up()
    url = f"{ring.base}/api/v2/channelsbyname/any/message"
    with slow_campaign.slowhttptest(url, mode, 10, 50):
        ring.wait(lambda: slow_campaign.connections(ring) >= 25, 10, what="the attack")
    # Its connections ended with it; one of our own shows who ends a request that does not come.
