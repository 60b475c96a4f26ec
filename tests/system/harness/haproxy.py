"""HAProxy with the configuration of deploy/haproxy, in front of a Ring's first gateway.

    with HAProxy(ring) as proxy:       # ready: its check of the gateway has passed
        Connection(proxy.port)
"""

import os
import subprocess

import requests

from .postern import ROOT, free_ports, wait

CONFIGURATION = ROOT / "deploy" / "haproxy" / "haproxy.cfg"
PROGRAM = "/usr/sbin/haproxy"


class HAProxy:
    """MASTER: as the service runs it, which is reloaded by SIGUSR2."""

    def __init__(self, ring, configuration=CONFIGURATION, environment=None, master=False):
        self.port = free_ports(1)
        self.log_path = ring.dir / "haproxy.log"
        self.environment = {
            **os.environ, "POSTERN_HTTP": f"127.0.0.1:{self.port}",
            "POSTERN_GATEWAY_0": f"127.0.0.1:{ring.port}",
            "POSTERN_MONITOR_0": ring.monitors["gateway-0"].rsplit(":", 1)[1],
            **(environment or {})}
        with open(self.log_path, "ab") as out:
            self.process = subprocess.Popen([PROGRAM, "-W" if master else "-db", "-f", str(configuration)], stdout=out,
                                            stderr=out, env=self.environment)

    def __enter__(self):
        wait(self.serves, what=f"HAProxy; see {self.log_path}")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)

    def serves(self):
        """Whether a gateway answers through it: 404 is its own, 503 would be HAProxy's."""
        assert self.process.poll() is None, self.logs()
        try:
            return requests.get(f"http://127.0.0.1:{self.port}/none", timeout=5).status_code == 404
        except requests.ConnectionError:
            return False

    def logs(self):
        return self.log_path.read_text(errors="replace")
