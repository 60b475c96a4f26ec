"""Two routers, of which one does not reach a worker: authd sees both, so the resends take the other."""

import time

from harness import postern

A = {"router.requests": "ipc://a-requests", "router.workers": "ipc://a-workers",
     "router.replies": "ipc://a-replies"}
B = {key: value.replace("a-", "b-") for key, value in A.items()}
BOTH = {"authd.routers": "ipc://a-requests ipc://b-requests",
        "gateway.routers": "ipc://a-replies ipc://b-replies",
        "worker.routers": "ipc://a-workers ipc://b-workers"}
CHANNELS = 12  # so many that both routers are the first choice of some


def test_a_router_that_authd_sees_and_the_worker_does_not_costs_one_resend(make_ring):
    ring = make_ring()
    ring.spawn("authd", 0, BOTH, wait_ready=False)
    ring.spawn("router", 0, {**BOTH, **A}, wait_ready=False)
    ring.spawn("router", 1, {**BOTH, **B}, wait_ready=False)
    ring.spawn("channel", 0, {"worker.routers": "ipc://b-workers"}, wait_ready=False)
    for kind in ("bot", "extension"):
        ring.spawn(kind, 0, BOTH, wait_ready=False)
    ring.spawn("gateway", 0, BOTH, wait_ready=False)
    ring.wait_ready("gateway-0", "authd-0", "router-1", "channel-0")
    ada = ring.user("ada")
    times = []
    for i in range(CHANNELS):
        ring.channel(f"c{i}", ada)
        began = time.monotonic()
        answer = ring.post(ring.channel_url(f"c{i}", ada.token), {"text": "x"})
        times.append(time.monotonic() - began)
        assert answer.status_code == 204, (i, answer.text)
        assert ring.texts(f"c{i}", ada.token) == ["x"]
    slow = [t for t in times if t >= 1]  # the first resend comes after 1 s
    assert 0 < len(slow) < CHANNELS, times
    postern.in_time(max(times), 1 + 2 * postern.SLOW)
    assert ring.metric("router-0", "link_entries_received_total") > 0
