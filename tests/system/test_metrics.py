"""What each live process exports is what the table of metrics says, neither more nor less."""

import pathlib
import re
import subprocess
import sys

import pytest
import requests

from harness import postern

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "lint"))
import tables  # noqa: E402

DEF = "common/monitor/metrics.def"
WORKERS = ("channel", "bot", "extension")
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count")}


def plain(cell):
    return cell.lower() if cell != "NONE" else ""


def expected(kind):
    """{name: (type, label)} that a process of KIND exports."""
    at = {"AT_ALL", "AT_WORKER" if kind in WORKERS else f"AT_{kind.upper()}"}
    at |= {"AT_DELIVERY"} if kind in ("bot", "extension") else set()
    found = {name: (tables.TYPES[what], plain(label))
             for name, what, label, *_ in tables.rows(DEF, "PROCESS_METRIC")}
    for name, what, label, where, *_ in tables.rows(DEF, "METRIC"):
        if at & set(where.split(" | ")):
            found[f"postern_{name}"] = tables.TYPES[what], plain(label)
    return found


def exported(text, process):
    """The same of a /metrics page; checks that each series belongs to the family that was declared
    last and has the labels of the process, of its row, and no other."""
    found, family, kind = {}, None, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            family = line.split()[2]
        elif line.startswith("# TYPE "):
            assert line.split()[2] == family
            kind = line.split()[3]
            found[family] = kind, ""
        else:
            name, labels = re.match(r"(\w+)\{(.*)\} \S+$", line).groups()
            assert name in [family + s for s in SUFFIXES.get(kind, ("",))], line
            labels = dict(re.findall(r'(\w+)="([^"]*)"', labels))
            assert (labels.pop("process"), labels.pop("index")) == (process, "0"), line
            assert ("le" in labels) == name.endswith("_bucket") or kind != "histogram", line
            labels.pop("le", None)
            assert len(labels) <= 1 or list(labels) in (["format", "result"], ["preset", "reason"]), line
            found[family] = kind, "signature" if "preset" in labels else next(iter(labels), "")
    return found


def page(ring, name):
    return requests.get(ring.monitors[name] + "/metrics", timeout=5 * postern.SLOW).text


@pytest.fixture(scope="module")
def moved(ring):
    """The ring after a request to each kind of worker; its pages."""
    owner = ring.user("metrics")
    ring.channel("metrics", owner)
    ring.bot("metrics", owner)
    app = ring.extension("metrics", owner)["sandbox"]
    for url in (ring.channel_url("metrics", owner.token), ring.bot_url("metrics", owner.token),
                ring.extension_url(app, owner.token)):
        assert ring.post(url, {"text": "moved"}).ok
    for kind in WORKERS:
        ring.wait(lambda kind=kind: "postern_reader_lag" in page(ring, f"{kind}-0"),
                  what=f"the first look of {kind}-0 at its journal")
    return ring, owner


@pytest.mark.parametrize("kind", postern.KINDS)
def test_a_process_exports_what_the_table_says(moved, kind):
    ring, _ = moved
    assert exported(page(ring, f"{kind}-0"), f"postern-{kind}") == expected(kind)


@pytest.mark.parametrize("kind", postern.KINDS)
def test_names_follow_the_conventions(moved, needs, kind):
    needs("promtool")
    ring, _ = moved
    done = subprocess.run(["promtool", "check", "metrics"], input=page(ring, f"{kind}-0"),
                          capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_what_waits_for_an_absent_shard_is_seen_with_its_age(make_ring):
    """The entries wait in the router once the worker's credit is used up, then in no other place."""
    ring = make_ring(settings={"gateway.deadline_ms": 10000}).spawn_all()
    owner = ring.user("ada")
    ring.channel("aged", owner)
    assert ring.metric("router-0", "shards_present", kind="channel") == 1
    routed = ring.metric("router-0", "route_seconds_count")
    judged = ring.metric("authd-0", "verdict_seconds_count")
    ring.spawned.pop("channel-0").kill()
    with requests.Session() as session:
        with pytest.raises(requests.Timeout):
            session.post(ring.channel_url("aged", owner.token), json={"text": "a"}, timeout=0.5)
    ring.wait(lambda: ring.metric("router-0", "queue_entries", kind="channel") == 1)
    ring.wait(lambda: ring.metric("router-0", "queue_oldest_seconds", kind="channel") > 1, 5)
    ring.wait(lambda: ring.metric("router-0", "shards_present", kind="channel") == 0)
    assert ring.metric("router-0", "shards_configured", kind="channel") == 1
    ring.wait(lambda: ring.metric("router-0", "degraded") == 1)
    ring.spawn("channel")
    ring.wait(lambda: ring.metric("router-0", "queue_entries", kind="channel") == 0)
    ring.wait(lambda: ring.metric("router-0", "queue_oldest_seconds", kind="channel") == 0)
    assert ring.metric("authd-0", "verdict_seconds_count") > judged
    assert ring.metric("router-0", "route_seconds_count") > routed
    assert ring.metric("router-0", "route_seconds_sum") > 1


def test_a_stopped_authd_leaves_entries_at_the_gateway_without_credit(make_ring):
    ring = make_ring(gateways=1).spawn_all()
    owner = ring.user("ada")
    ring.channel("stalled", owner)
    before = ring.metric("gateway-0", "credit_stalls_total")
    ring.pause("authd-0")
    sessions = [requests.Session() for _ in range(6)]
    for n, session in enumerate(sessions):
        with pytest.raises(requests.Timeout):
            session.post(ring.channel_url("stalled", owner.token), json={"text": str(n)},
                         timeout=0.1)
    ring.wait(lambda: ring.metric("gateway-0", "credit_stalls_total") == before + 1)
    ring.wait(lambda: ring.metric("gateway-0", "forward_entries") >= 4)
    ring.wait(lambda: ring.metric("gateway-0", "forward_oldest_seconds") > 0.5)
    assert ring.metric("gateway-0", "forward_bytes") > 0
    ring.resume("authd-0")
    ring.wait(lambda: ring.metric("gateway-0", "forward_entries") == 0)
    ring.wait(lambda: ring.metric("gateway-0", "forward_oldest_seconds") == 0)
