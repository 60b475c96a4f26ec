"""What a process says of itself when it cannot do its work, and what it says of the others."""

import json
import socket

from harness import postern
from test_faults_disk import RESERVE, disk, fill, post_one  # noqa: F401

DESCRIPTORS = 80


def readiness(ring, name):
    state = ring.ready(name)
    assert state is not None, f"{name} does not answer at all"
    return state["status"], {check["name"]: check for check in state["checks"]}


def test_a_gateway_without_descriptors_is_red_and_says_so_and_heals(make_ring, needs):
    """Its monitor answers all the same, and nobody has to connect for it to become green again."""
    needs("prlimit")
    ring = make_ring()
    for name in ring.names:
        wrap = ["prlimit", f"--nofile={DESCRIPTORS}"] if name == "gateway-0" else []
        ring.spawn(*name.rsplit("-", 1), wait_ready=False, wrap=wrap)
    ring.wait_ready(*ring.names)
    held = []
    try:
        def red():
            held.append(socket.create_connection(("127.0.0.1", ring.port), timeout=5))
            return readiness(ring, "gateway-0")[0] == 503
        ring.wait(red, seconds=30, what="a red gateway")
        status, checks = readiness(ring, "gateway-0")
        assert (status, checks["listener"]["state"]) == (503, "failed")
        assert "descriptors" in checks["listener"]["reason"]
        assert ring.metric("gateway-0", "ready") == 0
        assert "event=listener.accept" in ring.logs()
    finally:
        for sock in held:
            sock.close()
    ring.wait(lambda: readiness(ring, "gateway-0")[0] == 200, what="a green gateway")
    assert ring.get(ring.url("/nowhere")).status_code == 404


def test_a_full_shard_is_red_and_the_gateway_degraded(disk):  # noqa: F811
    ring, place, ada = disk
    assert post_one(ring, ada, "before").status_code == 204
    ballast = fill(place, RESERVE // 2)
    ring.wait(lambda: post_one(ring, ada, "refused").status_code == 503, what="a refusal")
    ring.wait(lambda: readiness(ring, "channel-0")[0] == 503, what="a red shard")
    assert "full" in json.dumps(readiness(ring, "channel-0")[1])

    def degraded():
        post_one(ring, ada, "refused")
        status, checks = readiness(ring, "gateway-0")
        assert status == 200, checks
        return checks["shards"]["state"] == "degraded" and checks["shards"]["reason"]
    assert "storage_full" in ring.wait(degraded, what="a degraded gateway")
    ballast.unlink()
    ring.wait(lambda: post_one(ring, ada, "after").status_code == 204, what="it to go on")
    ring.wait(lambda: readiness(ring, "channel-0")[0] == 200, what="a green shard")
    ring.wait(lambda: readiness(ring, "gateway-0")[1]["shards"]["state"] == "ok", seconds=30,
              what="a gateway that is well")


def test_a_missing_shard_leaves_the_gateway_green_and_degraded(make_ring):
    ring = make_ring(settings={"gateway.deadline_ms": 1000}).spawn_all()
    ada = ring.user("ada")
    ring.channel("gone", ada)
    ring.kill("channel-0")
    ring.spawned.pop("channel-0").wait()
    answer = ring.post(ring.channel_url("gone", ada.token), {"text": "x"})
    assert answer.status_code == 503
    status, checks = ring.wait(
        lambda: (lambda s: s if s[1]["shards"]["state"] == "degraded" else None)(
            readiness(ring, "gateway-0")), what="a degraded gateway")
    assert status == 200 and answer.json()["code"] in checks["shards"]["reason"]
    ring.wait(lambda: ring.ready("router-0")["degraded"], what="a degraded router")
    ring.spawn("channel", 0)
    assert ring.post(ring.channel_url("gone", ada.token), {"text": "x"}).status_code == 204
