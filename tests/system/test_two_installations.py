"""Two installations on one host: none gets the other's requests, whoever starts them."""

import subprocess

import pytest

from harness import lacking, postern

REFUSED = 78


@pytest.fixture
def pair(make_ring):
    """Two rings with the ports of the first, the monitors apart."""
    first, second = make_ring(), make_ring()
    for name in ("gateway.listen", "admin.listen", "admin.url", "public.url"):
        second.settings[name] = first.settings[name]
    return first, second


def refused(ring, port, holder, settings=None, **more):
    args = [str(postern.BIN / "postern-gateway"), "-c", str(ring.conf), *ring._overrides(settings)]
    done = subprocess.run(args, env=ring.environment, capture_output=True, text=True,
                          timeout=5 * postern.SLOW, **more)
    assert done.returncode == REFUSED, done.stderr
    assert f":{port}" in done.stderr and "another installation" in done.stderr, done.stderr
    assert f"process {holder}" in done.stderr, done.stderr


def test_a_gateway_is_refused_a_port_of_another_installation(pair):
    """Without a supervisor, as under systemd without the socket unit."""
    first, second = pair
    first.spawn_all()
    holder = first.spawned["gateway-0"].pid
    refused(second, first.admin_port, holder)
    refused(second, first.port, holder, {"admin.listen": f"127.0.0.1:{second.admin_port}"})
    refused(second, first.port, holder, {"admin.listen": "", "gateway.listen": f"0.0.0.0:{first.port}"})
    ada = first.user("ada")
    first.channel("general", ada)
    for _ in range(20):
        assert first.post(first.channel_url("general", ada.token), {"text": "hi"}).status_code == 204


def test_gateways_of_one_installation_share_their_port(make_ring):
    ring = make_ring(gateways=2)
    ring.spawn_all()
    for name in ("gateway-0", "gateway-1"):
        ring.kill(name)
        ring.spawn(*name.rsplit("-", 1))


def test_a_gateway_with_other_settings_takes_over_without_a_gap(make_ring):
    """Neither where authd listens nor where the sockets are makes it another installation's."""
    ring = make_ring(gateways=2)
    for name in ring.names:
        if name != "gateway-1":
            ring.spawn(*name.rsplit("-", 1), wait_ready=False)
    ring.wait_ready(*(name for name in ring.names if name != "gateway-1"))
    ada = ring.user("ada")
    ring.channel("general", ada)
    elsewhere = ring.dir / "sockets"
    elsewhere.mkdir(0o700)
    moved = {"gateway.admin": f"ipc://{elsewhere}/authd-admin",
             **{name: f"ipc://{ring.sockets}/{socket}" for name, socket in (
                 ("gateway.authd", "authd"), ("gateway.routers", "router-replies"))}}
    ring.spawn("gateway", 1, {**moved, "data.sockets": elsewhere})
    told = ring.ctl_run("health", "gateway-1", "--gateways", "2", "-s", f"gateway.admin={moved['gateway.admin']}")
    assert told.returncode == 0, told.stdout
    ring.spawned.pop("gateway-0").terminate()
    for _ in range(20):
        assert ring.post(ring.channel_url("general", ada.token), {"text": "hi"}).status_code == 204


def test_processes_from_which_the_data_are_hidden_are_of_the_installation(make_ring):
    """As the units hide them from gateways, each in mounts of its own."""
    ring = make_ring(gateways=2)
    ring.settings["data.sockets"] = ring.dir / "sockets"
    hides = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', ring.dir / "data"]
    if subprocess.run([*hides, "true"], capture_output=True, timeout=60).returncode != 0:
        lacking.skip("mount")
    for name in ring.names:
        ring.spawn(*name.rsplit("-", 1), wait_ready=False, wrap=hides if name.startswith("gateway") else ())
    ring.wait_ready(*ring.names)
    told = ring.ctl_run("health", "--gateways", "2")
    assert told.returncode == 0, told.stdout


def test_a_supervisor_is_refused_the_ports_of_gateways(pair):
    first, second = pair
    first.spawn_all()
    done = second.ctl_run("up")
    assert done.returncode != 0 and str(first.port) in done.stderr and "in use" in done.stderr
    assert f"by process {first.spawned['gateway-0'].pid}" in done.stderr


def test_a_gateway_is_refused_the_ports_of_a_supervisor(pair):
    first, second = pair
    first.up()
    refused(second, first.admin_port, first.pid("gateway-0"))
    refused(second, first.port, first.supervisor.pid, {"admin.listen": ""})
