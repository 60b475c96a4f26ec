"""Senders as Debian has them, each a real process: Alertmanager, netdata, Apprise.

    with Alertmanager({"ops": "webhook_configs: [{url: …}]"}) as it:   # receivers by name, each gets every alert
        it.alert({"alertname": "Down"}, {"summary": "…"})              # fires; over=True: is resolved

    with Netdata({"SLACK_WEBHOOK_URL": …}, custom="…") as it:          # an alert on a gauge of StatsD
        it.gauge(93)                                                   # warns above 80, is critical above 98

    apprise("json://…", "Title", "Body", kind="failure")
"""

import getpass
import shutil
import socket
import subprocess
import threading
import time

import requests

from .postern import free_ports, scratch, wait


class Sender:
    """A process with a directory and a port of its own."""

    def __init__(self):
        self.dir = scratch("s-")
        self.port = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"

    def start(self, *command):
        self.log = self.dir / "log.txt"
        with open(self.log, "wb") as out:
            self.process = subprocess.Popen(list(map(str, command)), stdout=out, stderr=out, stdin=subprocess.DEVNULL)

    def answers(self, path):
        assert self.process.poll() is None, self.log.read_text(errors="replace")
        try:
            return requests.get(self.url + path, timeout=5).ok
        except requests.ConnectionError:
            return False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


class Alertmanager(Sender):
    def __init__(self, receivers):
        super().__init__()
        routes = "".join(f"    - {{receiver: {name}, continue: true}}\n" for name in receivers)
        (self.dir / "alertmanager.yml").write_text(
            "route:\n  receiver: none\n  group_by: [alertname]\n  group_wait: 200ms\n  group_interval: 1s\n  repeat_interval: 1h\n"
            f"  routes:\n{routes}receivers:\n  - {{name: none}}\n"
            + "".join(f"  - name: {name}\n    {config}\n" for name, config in receivers.items()))
        self.start("prometheus-alertmanager", f"--config.file={self.dir}/alertmanager.yml", f"--storage.path={self.dir}/data",
                   f"--web.listen-address=127.0.0.1:{self.port}", "--cluster.listen-address=",
                   "--web.external-url=https://alerts.example.org")

    def __enter__(self):
        wait(lambda: self.answers("/-/ready"), what="Alertmanager")
        return self

    def alert(self, *alerts, over=False):
        """Each alert: labels and annotations."""
        now = time.time()
        start, end = (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at)) for at in (now - 60, now - 1 if over else now + 3600))
        told = [{"labels": labels, "annotations": annotations, "generatorURL": "https://prom.example.org/graph?g0.expr=up",
                 "startsAt": start, "endsAt": end} for labels, annotations in alerts]
        answer = requests.post(self.url + "/api/v2/alerts", json=told, timeout=10)
        assert answer.ok, answer.text


NETDATA = """
[global]
    run as user = {user}
    hostname = web-1
[directories]
    config = {dir}
    stock health config = {dir}/none
    log = {dir}
    lib = {dir}
    cache = {dir}
    home = {dir}
    health config = {dir}/health.d
    web = {dir}
[logs]
    access = none
[db]
    mode = ram
[web]
    bind to = 127.0.0.1:{port}
[statsd]
    bind to = udp:127.0.0.1:{port}
[cloud]
    enabled = no
[plugins]
    enable running new plugins = no
    statsd = yes
    {off} = no
"""
OFF = ("proc", "diskspace", "cgroups", "tc", "timex", "idlejitter", "apps", "ebpf", "fping", "ioping", "python.d", "charts.d", "go.d",
       "perf", "nfacct", "slabinfo", "xenstat", "freeipmi", "profile")
ALARM = """
 alarm: mail_queue
    on: statsd_mail.queue_gauge
  calc: $gauge
 units: mails
 every: 1s
  warn: $this > 80
  crit: $this > 98
  info: mails that wait to be sent
    to: sysadmin
"""


class Netdata(Sender):
    def __init__(self, settings, custom=""):
        """SETTINGS: of health_alarm_notify.conf; CUSTOM: the body of its custom_sender."""
        super().__init__()
        self.value = 1
        for made in ("health.d", "none", "statsd.d", "registry"):
            (self.dir / made).mkdir()
        off = " = no\n    ".join(OFF)
        (self.dir / "netdata.conf").write_text(NETDATA.format(user=getpass.getuser(), dir=self.dir, port=self.port, off=off))
        (self.dir / "health.d" / "mail.conf").write_text(ALARM)
        (self.dir / ".opt-out-from-anonymous-statistics").touch()
        lines = [f'{name}="{value}"' for name, value in {"SEND_EMAIL": "NO", **settings}.items()]
        if custom:
            lines += ['DEFAULT_RECIPIENT_CUSTOM="ops"', "custom_sender() {", custom, "}"]
        (self.dir / "health_alarm_notify.conf").write_text("\n".join(lines) + "\n")
        self.start("netdata", "-D", "-c", self.dir / "netdata.conf", "-P", self.dir / "pid")
        self.over = threading.Event()
        self.telling = threading.Thread(target=self._tell)
        self.telling.start()

    def gauge(self, value):
        self.value = value

    def _tell(self):
        """A gauge that is told all the time is one that netdata keeps a chart of."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as to:
            while not self.over.wait(0.1):
                try:
                    to.sendto(f"mail.queue:{self.value}|g\n".encode(), ("127.0.0.1", self.port))
                except ConnectionRefusedError:
                    pass

    def __exit__(self, *_):
        self.over.set()
        self.telling.join()
        super().__exit__()


def apprise(url, title, body, kind="info", more=()):
    done = subprocess.run(["apprise", "-vv", "-t", title, "-b", body, "-n", kind, *more, url], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def apprise_at(plugin, attribute, to, url, title, body, kind="info"):
    """A PLUGIN of Apprise that knows the hosts of its own service only, sent elsewhere: its ATTRIBUTE is TO."""
    code = (f"import apprise, sys; from apprise.plugins.{plugin} import {plugin}; {plugin}.{attribute} = sys.argv[1]; "
            f"a = apprise.Apprise(); a.add(sys.argv[2]); sys.exit(not a.notify(title=sys.argv[3], body=sys.argv[4], notify_type=sys.argv[5]))")
    subprocess.run(["/usr/bin/python3", "-c", code, to, url, title, body, kind], capture_output=True, text=True, timeout=60, check=False)
