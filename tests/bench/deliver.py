"""./dev bench --deliver: calls of handlers through workers/caller next to libcurl's bare multi interface.

Both call the same nginx (return 204, keep-alive) with the same message, in turns; each ratio is made
within a round, then the median. Then 1,000 handlers on 1,000 addresses of loopback with one call each
under way, alone and beside 10 dead ones (they take the connection and never answer) with 8 calls each:
what the dead ones cost the others' p99. --short: shows that it works, not how fast anything is."""

import argparse
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
os.environ.setdefault("POSTERN_PRESET", "release")
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

from harness import postern  # noqa: E402

BIN = ROOT / "build" / os.environ["POSTERN_PRESET"] / "bin"
NGINX = """
worker_processes 1;
daemon off;
pid {dir}/nginx.pid;
error_log {dir}/error.log warn;
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    keepalive_requests 1000000000;
    server {{
        {listen}
        location / {{ return 204; }}
    }}
}}
"""
CONCURRENCY = (1, 8, 64, 256)


class Nginx:
    def __init__(self, handlers):
        self.dir = postern.scratch("nginx-")
        port = postern.free_ports(1)
        hosts = ["127.0.0.1"] + [f"127.1.{i // 250}.{i % 250 + 1}" for i in range(handlers)]
        conf = self.dir / "nginx.conf"
        conf.write_text(NGINX.format(dir=self.dir, listen="\n        ".join(
            f"listen {host}:{port} backlog=512;" for host in hosts)))
        self.dir.chmod(0o755)
        self.urls = [f"http://{host}:{port}/hook" for host in hosts]
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-e", self.dir / "error.log", "-c", conf])
        postern.wait(lambda: self._listens(port), what="nginx")

    def _listens(self, port):
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", port)) == 0

    def close(self):
        self.process.terminate()
        self.process.wait(30)
        shutil.rmtree(self.dir, ignore_errors=True)


def run(words, lines=""):
    """{group: (requests a second, p50, p99 in ms)}; a failure ends it, but of the group "dead"."""
    done = subprocess.run([str(w) for w in words], input=lines, capture_output=True, text=True,
                          timeout=300)
    assert done.returncode == 0, done.stderr
    found = {}
    for line in done.stdout.splitlines():
        group, requests, failures, us, p50, p99 = line.split()
        assert group == "dead" or (int(failures) == 0 and int(requests) > 0), line + done.stderr
        found[group] = (int(requests) / int(us) * 1e6, int(p50) / 1e3, int(p99) / 1e3)
    return found


def caller(seconds, lines):
    return run([BIN / "call_load", seconds, seconds / 5, "127.0.0.0/8"], lines)


def against_curl(url, seconds, rounds):
    print(f"\n{'under way':<10}{'caller/s':>10}{'p99 ms':>9}{'curl/s':>10}{'p99 ms':>9}{'ratio':>8}")
    for count in CONCURRENCY:
        ours, bare = [], []
        for _ in range(rounds):
            ours.append(caller(seconds, f"caller {count} {url}\n")["caller"])
            bare.append(run([BIN / "curl_load", seconds, seconds / 5, count, url])["curl"])
        ratio = statistics.median(a[0] / b[0] for a, b in zip(ours, bare))
        mid = [[statistics.median(r[i] for r in side) for i in range(3)] for side in (ours, bare)]
        print(f"{count:<10}{mid[0][0]:>10.0f}{mid[0][2]:>9.2f}{mid[1][0]:>10.0f}{mid[1][2]:>9.2f}"
              f"{ratio:>8.2f}", flush=True)


def beside_dead(urls, seconds, rounds):
    healthy = "".join(f"healthy 1 {url}\n" for url in urls)
    listeners = []
    for i in range(10):
        listeners.append(socket.create_server((f"127.2.0.{i + 1}", 0), backlog=512))
    dead = "".join("dead 8 http://{}:{}/\n".format(*sock.getsockname()) for sock in listeners)
    ratios = []
    for _ in range(rounds):
        alone = caller(seconds, healthy)["healthy"]
        beside = caller(seconds, healthy + dead)["healthy"]
        ratios.append(beside[2] / alone[2])
        print(f"{len(urls)} handlers alone: {alone[0]:.0f}/s, p99 {alone[2]:.2f} ms; beside 10 dead: "
              f"{beside[0]:.0f}/s, p99 {beside[2]:.2f} ms", flush=True)
    print(f"p99 beside the dead / alone: {statistics.median(ratios):.2f}   (at most 2.00)")
    for sock in listeners:
        sock.close()


def main():
    parser = argparse.ArgumentParser(prog="./dev bench --deliver")
    parser.add_argument("--short", action="store_true", help="a few seconds; proves nothing")
    short = parser.parse_args().short
    handlers, seconds, rounds = (50, 0.5, 1) if short else (1000, 5, 3)
    nginx = Nginx(handlers)
    try:
        against_curl(nginx.urls[0], seconds, rounds)
        print()
        beside_dead(nginx.urls[1:], seconds, rounds)
    finally:
        nginx.close()


if __name__ == "__main__":
    main()
