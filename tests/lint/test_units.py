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
