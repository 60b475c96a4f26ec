"""GET /health and /health/series: the ring as a gateway sees it, for people. Prints what it says under each fault (pytest -s)."""

import os
import re
import signal
import time

import pytest
import requests

from harness import postern
from harness.connection import Connection
from harness.disk import fill, ring_on_small_disk

WORST_S = 2  # no page waits longer, whatever is wrong


class Page:
    """Who looks, over one connection, at one gateway."""

    def __init__(self, ring, email="root@example.org"):
        self.ring = ring
        ring.ctl("user", "create", email, "--role", "owner")
        self.token = ring.management_token(email)
        self.session = requests.Session()

    def get(self, path="/health", **params):
        began = time.monotonic()
        answer = self.session.get(f"http://127.0.0.1:{self.ring.admin_port}/api/v2{path}", params=params,
                                  headers={"Authorization": f"Bearer {self.token}"}, timeout=20)
        self.took = time.monotonic() - began
        postern.in_time(self.took, WORST_S * postern.SLOW, path)
        return answer

    def look(self):
        answer = self.get()
        assert answer.status_code == 200, answer.text
        return answer.json()

    def until(self, good, what):
        """Looks until the page says so; returns it."""
        def seen():
            answer = self.get()
            return answer if good(answer) else None
        return self.ring.wait(seen, what=what)

    def states(self):
        return {row["name"]: row["state"] for row in self.look()["processes"]}


@pytest.fixture(scope="module")
def page():
    """A ring of its own, whose processes are started singly, so that what is killed stays away."""
    with postern.Ring(gateways=2) as ring:  # the second has its port, and is started when it is wanted
        ring.gateways = 1
        ring.spawn_all()
        yield Page(ring)


def tell(fault, page, answer):
    said = answer.json()
    print(f"\n{fault} ({answer.status_code}, {page.took:.2f} s): {said.get('sentence') or said['message']}")
    for row in said.get("processes", []):
        print(f"  {row['name']:<12} {row['state']:<10} {row['reason']}")


def test_all_is_ready(page):
    said = page.until(lambda a: a.status_code == 200 and a.json()["ready"] and "All" in a.json()["sentence"], "all to be ready").json()
    tell("nothing", page, page.get())
    names = [row["name"] for row in said["processes"]]
    assert names == list(dict.fromkeys(names)) and set(names) == set(page.ring.names)
    assert said["sentence"] == f"All {len(names)} processes are ready." and said["by"].startswith("gateway-0")
    rows = {row["name"]: row for row in said["processes"]}
    host = os.uname().nodename
    assert {row["host"] for row in rows.values()} == {host} and len({row["version"] for row in rows.values()}) == 1
    assert rows["channel-0"]["shard"] == 0 and rows["authd-0"]["shard"] is None
    assert rows["channel-0"]["disk"]["free_bytes"] > 0 and rows["router-0"]["disk"] is None
    assert {(e["from"], e["to"], e["state"]) for e in said["edges"]} >= {
        ("gateway-0", "authd", "ok"), ("gateway-0", "router", "ok"), ("authd-0", "router", "ok"),
        ("router-0", "workers", "ok"), ("channel-0", "router", "ok")}


def test_rates_come_with_the_second_look(page):
    ada = page.ring.user("ada")
    page.ring.channel("rates", ada)
    page.look()
    began = time.monotonic()
    while time.monotonic() - began < 1.3:
        assert page.ring.post(page.ring.channel_url("rates", ada.token), {"text": "x"}).status_code == 204
    rows = {row["name"]: row for row in page.look()["processes"]}
    for name in ("gateway-0", "authd-0", "router-0", "channel-0"):
        assert rows[name]["rate"] > 0 and rows[name]["p99_ms"] > 0, rows[name]
    assert rows["router-0"]["queue"] == 0


def says(beginning):
    return lambda answer: answer.status_code == 200 and answer.json()["sentence"].startswith(beginning)


def rows(answer):
    return {row["name"]: row for row in answer.json()["processes"]}


@pytest.mark.parametrize("names", [["router-0"], ["channel-0"], ["bot-0", "extension-0"]])
def test_one_is_stopped_and_killed_and_comes_back(page, names):
    first, before = names[0], {row["name"]: row for row in page.look()["processes"]}
    for name in names:
        page.ring.pause(name)
    answer = page.until(says(f"{first} stands still"), f"{first} to be missed")
    tell(f"SIGSTOP {' '.join(names)}", page, answer)
    assert "kill -CONT" in answer.json()["sentence"] and not answer.json()["ready"]
    assert {rows(answer)[name]["state"] for name in names} == {"stopped"}
    for name in names:
        page.ring.kill(name)
    answer = page.until(says(f"{first} does not run"), "it to be absent")
    tell(f"SIGKILL {' '.join(names)}", page, answer)
    row = rows(answer)[first]
    assert (row["state"], row["rate"], row["host"]) == ("absent", None, None) and "start it" in answer.json()["sentence"]
    assert row["since"] > before[first]["since"]
    for name in names:
        page.ring.spawn(*name.rsplit("-", 1), wait_ready=False)
    page.ring.wait_ready(*page.ring.names)
    answer = page.until(says("All "), "it to be back")
    for name in names:
        row = rows(answer)[name]
        assert row["restarts"] == before[name]["restarts"] + 1 and row["started"] > before[name]["started"]


def test_authd_is_stopped_or_gone(page):
    """Nobody can be judged: a refusal that says so, in time."""
    for fault in (signal.SIGSTOP, signal.SIGKILL):
        page.ring.kill("authd-0", fault)
        answer = page.get()
        assert answer.status_code == 503 and answer.json()["code"] == "unavailable", answer.text
        assert "authd" in answer.json()["message"] and "posternctl health" in answer.json()["message"]
        tell(f"{fault.name} authd-0", page, answer)
        if fault == signal.SIGSTOP:
            page.ring.resume("authd-0")
            page.ring.wait_ready(*page.ring.names)
    page.ring.spawn("authd")
    page.ring.wait_ready(*page.ring.names)


def test_who_may_look(page, name):
    ada = page.ring.user("eve")
    answer = page.ring.admin("GET", "/health", page.ring.management_token(ada))
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert page.ring.admin("GET", "/health").status_code == 401
    with pytest.raises(postern.CtlError) as refused:
        page.ring.manage("ring_show")
    assert "--management-url" in str(refused.value)
    assert page.ring.admin("HEAD", "/health", page.token).content == b""
    assert page.get("/health/series", minutes=61).status_code == 400
    assert page.get("/health", minutes=1).status_code == 400
    asked = page.ring.get(page.ring.url("/api/v2/health"))
    assert asked.status_code == 404 and "admin listener" in asked.json()["message"]


def test_the_series_is_this_gateways(page):
    def steps(answer):
        return answer.json()["steps"]
    answer = page.ring.wait(lambda: (a := page.get("/health/series", minutes=60)) and steps(a) and a, what="a step", seconds=15)
    said = answer.json()
    assert said["by"] == page.look()["by"] and said["step_s"] == 10
    step = steps(answer)[-1]
    assert step["seconds"] >= 10 and step["rate"] >= 0 and step["errors"] >= 0
    assert any(s["rate"] > 0 and s["p99_ms"] >= s["p50_ms"] > 0 for s in steps(answer))
    assert re.match(r"\d{4}-\d\d-\d\dT", step["at"])


def test_a_gateway_drains(page):
    """It has a request to end first; another one of the host tells of it."""
    with Connection(page.ring.port) as begun:
        begun.send(b"POST /api/v2/channelsbyname/x/message HTTP/1.1\r\n")
        page.ring.spawn("gateway", 1)
        page.ring.kill("gateway-0", signal.SIGTERM)
        answer = page.until(says("gateway-0 is draining"), "gateway-0 to drain")
        tell("SIGTERM gateway-0", page, answer)
    page.ring.wait(lambda: page.ring.pid("gateway-0") is None, what="its end")


def test_a_full_disk(make_ring):
    with ring_on_small_disk(make_ring, 224) as (ring, place):
        ring.up()
        ada = ring.user("ada")
        ring.channel("full", ada)
        page = Page(ring)
        ballast = fill(place, 0)
        ring.wait(lambda: ring.post(ring.channel_url("full", ada.token), {"text": "x"}).status_code == 503, what="a refusal")
        answer = page.until(lambda a: a.status_code == 200 and not a.json()["ready"], "the page to tell")
        tell("disk full", page, answer)
        assert "is not ready" in answer.json()["sentence"] and "full" in answer.json()["sentence"]
        ballast.unlink()
