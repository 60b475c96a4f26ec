"""What names the kinds of workers names all of common/kinds.def, as it says."""

import re

import pytest

import tables
from tree import ROOT

KINDS = tables.kinds()
WORKERS = tables.workers()
COMPOSE = (ROOT / "docker-compose.yml").read_text()


def services():
    """{name: its lines} of docker-compose.yml."""
    body = re.search(r"^services:\n(.*?)^\w", COMPOSE, re.M | re.S)[1]
    return dict(re.findall(r"^  (\S+):\n((?:(?:    .*)?\n)+)", body, re.M))


def test_each_kind_has_its_number_once():
    """Numbers on the wire and in stores: a new kind comes behind these."""
    assert [name for _, name, *_ in WORKERS][:3] == ["channel", "bot", "extension"]
    assert all(constant == name.upper() for constant, name, *_ in WORKERS)
    ports = [int(port) for _, _, port, *_ in WORKERS]
    assert all(port % 10 == 0 for port in ports) and len(set(ports)) == len(ports)


def test_there_is_a_container_for_each():
    assert {name for name in services() if name.startswith("postern-")} == {f"postern-{kind}" for kind in KINDS}


@pytest.mark.parametrize("row", WORKERS, ids=lambda row: row[1])
def test_a_container_is_its_workers(row):
    _, name, port, handlers, _ = row
    text = services()[f"postern-{name}"]
    assert f'command: ["/usr/bin/postern-{name}"]' in text
    assert f'POSTERN_{name.upper()}_MONITOR: "0.0.0.0:{port}"' in text
    assert f'"/usr/bin/posternctl", "health", "{name}-0"' in text
    address = re.search(r'ipv4_address: "(.*)"', text)[1]
    assert f'POSTERN_{name.upper()}_MONITOR: "{address}:{port}"' in services()["postern-gateway"]
    assert ("      handlers:\n" in text) == ("POSTERN_DELIVERY_ALLOW" in text) == (handlers == "HANDLERS")
    for volume, place in ((f"{name}-0", "/var/lib/postern"), (f"{name}-0-known", "/var/lib/postern-known"),
                          (f"{name}-0-backup", "/backup"), ("workers", "/ring/workers")):
        assert f'"{volume}:{place}"' in text and re.search(rf"^  {volume}:$", COMPOSE, re.M), volume


@pytest.mark.parametrize("row", WORKERS, ids=lambda row: row[1])
def test_a_unit_is_its_workers(row):
    _, name, *_ = row
    text = (ROOT / f"deploy/systemd/postern-{name}@.service").read_text()
    other = (ROOT / f"deploy/systemd/postern-{WORKERS[0][1]}@.service").read_text()
    assert text == other.replace(WORKERS[0][1], name)


@pytest.mark.parametrize("row", WORKERS, ids=lambda row: row[1])
def test_documents_and_examples_have_it(row):
    _, name, port, *_ = row
    processes = f"| `postern-{name}` | one a shard | monitor `127.0.0.1:{port}` + shard | journal: `data/{name}-N` |\n"
    assert processes in (ROOT / "docs/RUNNING.md").read_text()
    assert f'"127.0.0.1:{port}"' in (ROOT / "deploy/prometheus/prometheus.yml").read_text()
