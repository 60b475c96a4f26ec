"""What systemd's units say to each other, and to the settings."""

import re

import tables
from tree import ROOT

UNITS = ROOT / "deploy/systemd"


def said(unit, name):
    return [word for line in re.findall(rf"^{name}=(.*)$", (UNITS / unit).read_text(), re.M) for word in line.split()]


def test_the_public_socket_comes_with_the_target():
    """Enabled with it, and started with it, before the gateway; gone with it, so that no connection starts one."""
    assert said("postern.target", "Also") == ["postern-gateway.socket"]
    assert set(said("postern-gateway.socket", "WantedBy")) == {"sockets.target", "postern.target"}
    assert said("postern.target", "PropagatesStopTo") == ["postern-gateway.socket"]
    assert said("postern-gateway.socket", "Service") == ["postern-gateway@0.service"]
    assert "postern-gateway@0.service" in said("postern.target", "Wants")


def test_the_public_socket_is_where_the_gateway_would_listen():
    defaults = {f"{row[0]}.{row[1]}": row[3].strip('"') for row in tables.rows("common/conf/settings.def", "SETTING")}
    assert said("postern-gateway.socket", "ListenStream") == [defaults["gateway.listen"]]
    assert f'listen = "{defaults["gateway.listen"]}"' in (ROOT / "deploy/postern.conf").read_text()


def test_gateways_end_before_what_answers_them():
    """By a point in the order that is there with any gateway, and that each unit behind it names: each shard's, too."""
    kinds = {unit.name for unit in UNITS.glob("*.service") if said(unit.name, "PartOf") == ["postern.target"]}
    gateways = {"postern-gateway@.service"}
    assert len({re.split("[@.]", unit)[0] for unit in kinds}) == len(tables.kinds())
    assert {unit for unit in kinds if said(unit, "Before") == ["postern-ring.target"]} == kinds - gateways
    assert {unit for unit in kinds if "postern-ring.target" in said(unit, "After")} == gateways
    assert {unit for unit in kinds if said(unit, "Wants") == ["postern-ring.target"]} == gateways
    assert said("postern-ring.target", "PartOf") == ["postern.target"], "without a job of its own it orders nothing"
    assert said("postern-ring.target", "DefaultDependencies") == ["no"], "else it comes after postern.target: a cycle"
    assert said("postern-ring.target", "Conflicts") == said("postern-ring.target", "Before") == ["shutdown.target"]
