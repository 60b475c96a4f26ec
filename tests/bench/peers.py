"""What the ring is measured against, each with servers of its own in a scratch directory."""

import base64
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import tempfile
import time

from harness import postern

NCHAN = """
load_module /usr/lib/nginx/modules/ngx_nchan_module.so;
worker_processes 1;
daemon off;
pid {dir}/nginx.pid;
error_log {dir}/error.log warn;
worker_rlimit_nofile 4096;
events {{ worker_connections 2048; }}
http {{
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    keepalive_requests 1000000000;
    nchan_shared_memory_size 256m;
    server {{
        listen 127.0.0.1:{port} backlog=2048;
        location ~ ^/api/v2/channelsbyname/(\\w+)/message$ {{
            nchan_publisher;
            nchan_channel_id $1;
            nchan_message_buffer_length 100;
            nchan_message_timeout 5m;
        }}
        location ~ ^/api/v2/channelsbyname/(\\w+)/stream$ {{
            nchan_subscriber eventsource;
            nchan_channel_id $1;
            nchan_subscriber_first_message newest;
        }}
    }}
}}
"""


def _end(process, sig=signal.SIGTERM):
    process.send_signal(sig)
    process.wait(30)


class Nchan:
    """nchan in Debian's nginx, one worker, publish to its shared memory, no authentication."""

    def __init__(self, _plan):
        self.dir = postern.scratch("nchan-")
        port = postern.free_ports(1)
        conf = self.dir / "nginx.conf"
        conf.write_text(NCHAN.format(dir=self.dir, port=port))
        self.dir.chmod(0o755)
        self.base = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-e", self.dir / "error.log", "-c", conf])
        url = self.base + "/api/v2/channelsbyname/x/message"
        postern.wait(lambda: self._answers(url), what="nginx")

    @staticmethod
    def _answers(url):
        words = ["curl", "-s", "--noproxy", "*", "-o", "/dev/null", "-w", "%{http_code}", "-d", "x",
                 url]
        return subprocess.run(words, capture_output=True, text=True).stdout in ("201", "202")

    def processes(self):
        return {"nginx": children(self.process.pid)}

    def close(self):
        _end(self.process)
        shutil.rmtree(self.dir, ignore_errors=True)


def children(pid):
    return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


class Webdis:
    """Redis behind webdis, as Debian has them: each message is appended to a list, and synced before it is answered.
    One user and password for all; nothing looks at the body, and a repeat is stored twice."""
    REQUEST = {"path": "/RPUSH/%s", "credentials": ("PUT", "Basic " + base64.b64encode(b"u:password").decode())}

    def __init__(self, _plan):
        self.dir = postern.scratch("webdis-")
        store, port = (at := postern.free_ports(2)), at + 1
        self.base = f"http://127.0.0.1:{port}"
        (self.dir / "webdis.json").write_text(json.dumps({
            "redis_host": "127.0.0.1", "redis_port": store, "http_host": "127.0.0.1", "http_port": port, "threads": 2,
            "daemonize": False, "verbosity": 0, "logfile": str(self.dir / "webdis.log"), "database": 0,
            "acl": [{"disabled": ["*"]}, {"http_basic_auth": "u:password", "enabled": ["RPUSH"]}]}))
        self.redis = subprocess.Popen(
            ["redis-server", "--bind", "127.0.0.1", "--port", str(store), "--save", "", "--appendonly", "yes", "--appendfsync",
             "always", "--dir", self.dir, "--logfile", self.dir / "redis.log"])
        self.webdis = subprocess.Popen(["webdis", self.dir / "webdis.json"], stderr=subprocess.DEVNULL)
        postern.wait(self._answers, what="webdis")

    def _answers(self):
        done = subprocess.run(["curl", "-s", "--noproxy", "*", "-u", "u:password", self.base + "/RPUSH/first/x"],
                              capture_output=True, text=True)
        return done.stdout.startswith('{"RPUSH":')

    def processes(self):
        return {"webdis": [self.webdis.pid], "redis": [self.redis.pid]}

    def close(self):
        _end(self.webdis)
        _end(self.redis)
        shutil.rmtree(self.dir, ignore_errors=True)


class Postgres:
    """PostgreSQL 15 as initdb makes it (fsync on, synchronous_commit on): a cluster of its own."""

    BIN = pathlib.Path("/usr/lib/postgresql/15/bin")
    TABLE = ("create table messages (id bigserial primary key, target int not null,"
             " sender int not null, at timestamptz not null default now(), body text not null)")

    def __init__(self, _plan, tcp=False):
        """TCP: clients come as the workers of many hosts do; else by a socket of the file system."""
        self.as_user = ["runuser", "-u", "postgres", "--"] if os.getuid() == 0 else []
        self.dir = self._directory()
        self.port = str(postern.free_ports(1))
        self._run("initdb", "-D", self.dir / "data", "-A", "trust", "-U", "postgres", "--no-locale",
                  "-E", "UTF8")
        log = open(self.dir / "log", "wb")
        self.process = subprocess.Popen(
            [*self.as_user, self.BIN / "postgres", "-D", self.dir / "data", "-p", self.port,
             "-c", f"unix_socket_directories={self.dir}", "-c", "listen_addresses=" + "127.0.0.1" * tcp],
            stdout=log, stderr=log)
        self.at = ["-h", "127.0.0.1" if tcp else self.dir, "-p", self.port, "-U", "postgres"]
        postern.wait(lambda: subprocess.run([self.BIN / "pg_isready", *self.at],
                                            capture_output=True).returncode == 0, 20,
                     what="PostgreSQL")
        self._run("psql", *self.at, "-c", self.TABLE)
        body = '{"text":"' + "x" * 229 + '"}'
        (self.dir / "insert.sql").write_text(
            "\\set target random(1, 100)\n\\set sender random(1, 100000)\n"
            f"insert into messages (target, sender, body) values (:target, :sender, '{body}');\n")

    def _directory(self):
        """On the ring's disk; the user postgres must be able to reach it."""
        made = postern.scratch("pg-")
        made.chmod(0o755)
        if self.as_user:
            shutil.chown(made, "postgres")
            if subprocess.run([*self.as_user, "test", "-w", made]).returncode:
                made.rmdir()
                made = pathlib.Path(tempfile.mkdtemp(prefix="postern-pg-", dir="/var/tmp"))
                shutil.chown(made, "postgres")
                print(f"PostgreSQL's data lies in {made}: the user postgres cannot reach build/")
        return made

    def _run(self, program, *words):
        done = subprocess.run([*self.as_user, self.BIN / program, *words], capture_output=True,
                              text=True, cwd=self.dir)
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stdout}{done.stderr}")
        return done.stdout

    def _pgbench(self, seconds, clients):
        for old in self.dir.glob("latency.*"):
            old.unlink()
        return self._run("pgbench", *self.at, "-n", "-M", "prepared", "-c", str(clients), "-j",
                         str(min(clients, 2)), "-T", str(seconds), "-f", self.dir / "insert.sql", "-l", "--sampling-rate=0.1",
                         "--log-prefix", self.dir / "latency", "postgres")

    def run(self, seconds, clients=64):
        """Prepared statements; latencies from a tenth of the transactions."""
        while True:
            start = time.monotonic()
            out = self._pgbench(seconds, clients)
            spent = time.monotonic() - start
            lines = [line for path in self.dir.glob("latency.*") for line in path.open()]
            if lines:
                break
            seconds *= 2  # a busy machine spends seconds on connecting: too little was done
            assert seconds < 60, out
        assert spent >= seconds, out
        tps = float(re.search(r"tps = ([0-9.]+)", out)[1])
        us = sorted(int(line.split()[2]) for line in lines)
        return {"requests": int(re.search(r"actually processed: (\d+)", out)[1]),
                "us": 1e6 * int(re.search(r"actually processed: (\d+)", out)[1]) / tps,
                "p50": statistics.median(us), "p99": us[len(us) * 99 // 100]}

    def processes(self):
        main = self._postmaster()
        return {"postgres": [main, *children(main)]}

    def _postmaster(self):
        return (self.dir / "data/postmaster.pid").read_text().split()[0]

    def close(self):
        os.kill(int(self._postmaster()), signal.SIGINT)
        self.process.wait(30)
        shutil.rmtree(self.dir, ignore_errors=True)
