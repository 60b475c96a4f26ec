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
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
os.environ.setdefault("POSTERN_PRESET", "release")
sys.path[:0] = [str(HERE), str(HERE.parent / "system")]

from accept import accepting  # noqa: E402
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
    log_format called '$msec $server_addr';
    access_log {log};
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
ENGINE_CALLS = 64
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Nginx:
    def __init__(self, handlers, logs=False):
        self.dir = postern.scratch("nginx-")
        self.log = self.dir / "calls"
        port = postern.free_ports(1)
        hosts = ["127.0.0.1"] + [f"127.1.{i // 250}.{i % 250 + 1}" for i in range(handlers)]
        conf = self.dir / "nginx.conf"
        conf.write_text(NGINX.format(
            dir=self.dir, log=f"{self.log} called" if logs else "off", listen="\n        ".join(
            f"listen {host}:{port} backlog=512;" for host in hosts)))
        self.dir.chmod(0o755)
        self.urls = [f"http://{host}:{port}/hook" for host in hosts]
        self.process = subprocess.Popen(["/usr/sbin/nginx", "-e", self.dir / "error.log", "-c", conf])
        postern.wait(lambda: self._listens(port), what="nginx")

    def calls(self):
        """(when, the handler's address) of each call, in seconds."""
        words = (line.split() for line in self.log.read_text().splitlines())
        return [(float(when), address) for when, address in words]

    def _listens(self, port):
        with socket.socket() as sock:
            return sock.connect_ex(("127.0.0.1", port)) == 0

    def close(self):
        self.process.terminate()
        self.process.wait(30)
        shutil.rmtree(self.dir, ignore_errors=True)


def run(words, lines="", tries=5):
    """{group: (requests a second, p50, p99 in ms)}; a failure ends it, but of the group "dead". A run in which nothing
    came to its end is made again: a short one beside a machine that stands still."""
    done = subprocess.run([str(w) for w in words], input=lines, capture_output=True, text=True,
                          timeout=300)
    assert done.returncode == 0, done.stderr
    found = {}
    for line in done.stdout.splitlines():
        group, requests, failures, us, p50, p99 = line.split()
        if group != "dead" and int(requests) == int(failures) == 0 and tries > 1:
            return run(words, lines, tries - 1)
        assert group == "dead" or (int(failures) == 0 and int(requests) > 0), line + done.stderr
        found[group] = (int(requests) / int(us) * 1e6, int(p50) / 1e3, int(p99) / 1e3)
    return found


def caller(seconds, lines):
    return run([BIN / "call_load", seconds, seconds / 5, "127.0.0.0/8"], lines)


class Engine:
    """Journal, writer and deliveries of a worker (deliverer.c), with COUNT events for each handler that
    are due all at once: they are stored while one call at a time is made, then it is killed."""

    def __init__(self, urls, count, concurrency):
        self.dir = postern.scratch("engine-")
        self.handlers = "".join(f"handler {i} 1 {url} {concurrency} 0 3600 {SECRET}\n"
                                for i, url in enumerate(urls))
        events = (f"event {i} {n * len(urls) + i + 1} {{}}\n" for n in range(count)
                  for i in range(len(urls)))
        process = self._start(1)
        process.stdin.write(self.handlers)
        threading.Thread(target=self._write, args=(process.stdin, events), daemon=True).start()
        for _ in range(count * len(urls)):
            assert process.stdout.readline().startswith("stored"), "the deliverer ended"
        process.kill()
        process.wait()

    @staticmethod
    def _write(stdin, lines):
        for line in lines:
            stdin.write(line)
        stdin.flush()

    def _start(self, calls):
        return subprocess.Popen([BIN / "deliverer", self.dir / "journal", f"calls={calls}"],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                stderr=subprocess.DEVNULL)

    def run(self, nginx, expected):
        """Goes on until nginx was called for EXPECTED more; the times of these calls from the start on,
        sorted."""
        before = len(nginx.calls())
        process, began = self._start(1024), time.time()
        process.stdin.write(self.handlers)
        process.stdin.flush()
        postern.wait(lambda: len(nginx.calls()) - before >= expected, 120, 0.2, "the deliveries")
        process.kill()
        process.wait()
        shutil.rmtree(self.dir)
        return sorted(when - began for when, _ in nginx.calls()[before:])


def engine_against_curl(events, seconds, rounds):
    nginx = Nginx(0, logs=True)
    ratios = []
    try:
        for _ in range(rounds):
            engine = Engine(nginx.urls[:1], events, ENGINE_CALLS)
            left = events - len(nginx.calls())
            took = engine.run(nginx, left)[left - 1]
            nginx.log.write_text("")
            bare = run([BIN / "curl_load", seconds, seconds / 5, ENGINE_CALLS, nginx.urls[0]])["curl"]
            nginx.log.write_text("")
            ratios.append(left / took / bare[0])
            print(f"{left} deliveries in {took:.2f} s: {left / took:.0f}/s; curl {bare[0]:.0f}/s",
                  flush=True)
    finally:
        nginx.close()
    print(f"deliveries / curl, {ENGINE_CALLS} at once: {statistics.median(ratios):.2f}   (at least 0.50)")


def due_at_once(handlers, each, rounds):
    nginx, ratios = Nginx(handlers, logs=True), []
    sockets = [socket.create_server((f"127.3.0.{i + 1}", 0), backlog=512) for i in range(10)]
    dead = ["http://{}:{}/".format(*sock.getsockname()) for sock in sockets]
    try:
        for _ in range(rounds):
            p99 = []
            for urls in (nginx.urls[1:], nginx.urls[1:] + dead):
                engine = Engine(urls, each, 8)
                left = handlers * each - len(nginx.calls())
                times = engine.run(nginx, left)
                p99.append(times[int(left * 0.99)])
                nginx.log.write_text("")
            ratios.append(p99[1] / p99[0])
            print(f"{handlers * each} due at once on {handlers} handlers: 99 % called after {p99[0]:.2f} s; "
                  f"beside 10 dead: {p99[1]:.2f} s", flush=True)
    finally:
        nginx.close()
        for sock in sockets:
            sock.close()
    print(f"due at once beside the dead / alone: {statistics.median(ratios):.2f}   (at most 2.00)")


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


class Plan:
    def __init__(self, short):
        self.rounds, self.seconds, self.warmup = (1, 1, 0) if short else (5, 4, 1)


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
    print()
    engine_against_curl(500 if short else 50000, seconds, rounds)
    due_at_once(handlers, 4 if short else 100, rounds)
    accepting(100 if short else 10000, Plan(short))


if __name__ == "__main__":
    main()
