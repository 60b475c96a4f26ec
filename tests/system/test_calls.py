"""Calls of handlers by workers/caller, made by build/*/bin/call, to real servers: Python's http.server,
nginx, Node, with TLS too; and signatures as an npm package of others verifies them."""

import contextlib
import json
import os
import pathlib
import shutil
import ssl
import subprocess
import time

import pytest

from harness import postern
from harness.handler import Handler

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = ROOT / "build" / os.environ.get("POSTERN_PRESET", "asan") / "bin"
NODE = ROOT / "tests/compat/standard_webhooks.mjs"
FIELDS = ("line", "outcome", "status", "retry_after", "bytes", "address", "reason")


def call(*lines, allow="127.0.0.0/8", authorities="", headers=()):
    """One result a line of "TIMEOUT_MS URL BODY", in their order."""
    done = subprocess.run([BIN / "call", allow, authorities, *headers], input="\n".join(lines) + "\n",
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    results = [dict(zip(FIELDS, line.split("\t"))) for line in done.stdout.splitlines()]
    assert len(results) == len(lines)
    return sorted(results, key=lambda result: int(result["line"]))


class Echo(Handler):
    seen = []

    def called(self, path, headers, body):
        Echo.seen.append((path, dict(headers), body))
        if path == "/redirect":
            return 302, {"Location": "http://169.254.169.254/latest/meta-data/"}, body
        return 200, {}, body


@contextlib.contextmanager
def serving(context=None):
    Echo.seen = []
    with Echo(tls=context) as server:
        yield server.port


def test_python():
    with serving() as port:
        result, = call(f'5000 http://127.0.0.1:{port}/hook {{"a": 1}}',
                       headers=("Content-Type", "application/json"))
    assert (result["outcome"], result["status"], result["bytes"]) == ("answered", "200", "8")
    (path, headers, body), = Echo.seen
    assert (path, body) == ("/hook", b'{"a": 1}')
    assert headers["Content-Type"] == "application/json" and "Expect" not in headers


def test_redirect_to_metadata_is_not_followed():
    with serving() as port:
        result, = call(f"5000 http://127.0.0.1:{port}/redirect x")
    assert (result["outcome"], result["status"]) == ("answered", "302")


def test_nothing_is_allowed_unless_named():
    with serving() as port:
        for host in ("127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]"):
            result, = call(f"5000 http://{host}:{port}/ x", allow="10.0.0.0/8")
            assert result["outcome"] == "forbidden_address", result
    assert Echo.seen == []


NGINX = """
worker_processes 1;
daemon off;
pid {dir}/nginx.pid;
error_log {dir}/error.log warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {dir}/body;
    proxy_temp_path {dir}/proxy;
    fastcgi_temp_path {dir}/fastcgi;
    uwsgi_temp_path {dir}/uwsgi;
    scgi_temp_path {dir}/scgi;
    keepalive_requests 3;
    server {{
        listen 127.0.0.1:{port};
        client_max_body_size 1k;
        location / {{ return 204; }}
        location /body {{ proxy_pass http://127.0.0.1:1; }}
    }}
}}
"""


def test_nginx(needs):
    """It closes each connection after three requests, and an upload that is too large at once."""
    needs("/usr/sbin/nginx")
    directory = postern.scratch("nginx-")
    port = postern.free_ports(1)
    (directory / "nginx.conf").write_text(NGINX.format(dir=directory, port=port))
    server = subprocess.Popen(["/usr/sbin/nginx", "-e", directory / "error.log", "-c",
                               directory / "nginx.conf"])
    try:
        url = f"http://127.0.0.1:{port}"
        postern.wait(lambda: call(f"5000 {url}/ x")[0]["outcome"] == "answered", what="nginx")
        results = call(*[f"20000 {url}/ x"] * 500)
        assert {(r["outcome"], r["status"]) for r in results} == {("answered", "204")}
        large, = call(f"20000 {url}/body {'x' * 300000}")
        assert (large["outcome"], large["status"]) == ("answered", "413")
    finally:
        server.terminate()
        server.wait(30)
        shutil.rmtree(directory, ignore_errors=True)


def openssl(directory, *words):
    subprocess.run(["openssl", *words], cwd=directory, check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """An authority of its own; certificates for handler and for another address; an expired one."""
    made = tmp_path_factory.mktemp("tls")
    openssl(made, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
            "-days", "2", "-subj", "/CN=Test authority")
    for name, address, days in (("good", "127.0.0.1", "2"), ("other", "127.0.0.9", "2"),
                                ("expired", "127.0.0.1", "-1")):
        openssl(made, "req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out",
                f"{name}.csr", "-subj", "/CN=handler", "-addext", f"subjectAltName=IP:{address}")
        openssl(made, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
                "-CAcreateserial", "-copy_extensions", "copy", "-days", days, "-out", f"{name}.pem")
    return made


@pytest.mark.parametrize("name, trusted, outcome", [
    ("good", True, "answered"), ("good", False, "tls"), ("other", True, "tls"),
    ("expired", True, "tls")])
def test_tls(needs, certificates, name, trusted, outcome):
    needs("openssl")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / f"{name}.pem", certificates / f"{name}.key")
    with serving(context) as port:
        results = call(*[f"20000 https://127.0.0.1:{port}/ x"] * 3,
                       authorities=str(certificates / "ca.pem") if trusted else "")
    assert {r["outcome"] for r in results} == {outcome}, results
    assert len(Echo.seen) == (3 if outcome == "answered" else 0)


def test_tls_and_plain_are_told_apart():
    with serving() as port:
        result, = call(f"5000 https://127.0.0.1:{port}/ x")
    assert result["outcome"] == "tls", result


def sign(*words, body=b""):
    done = subprocess.run([BIN / "sign", *words], input=body, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().strip()


def verify(secret, ident, timestamp, signature, body):
    """Whether the npm package takes it."""
    words = json.dumps({"secret": secret, "id": ident, "timestamp": timestamp,
                        "signature": signature, "body": body})
    done = subprocess.run(["node", NODE], input=words, capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 1), done.stderr
    return done.returncode == 0


def test_standard_webhooks(needs):
    needs("node")
    if not (NODE.parent / "node_modules/standardwebhooks").exists():
        pytest.skip("needs tests/compat/node_modules (./dev test installs it)")
    now = str(int(time.time()))
    secrets = [sign("new") for _ in range(3)]
    for body in ("", '{"test": 2432232314}', json.dumps({"text": "Grüße ✓ " + "x" * 5000})):
        text = sign("msg_1", now, *secrets[:2], body=body.encode())
        assert verify(secrets[0], "msg_1", now, text, body)
        assert verify(secrets[1], "msg_1", now, text, body), "during a rotation both are accepted"
        assert not verify(secrets[2], "msg_1", now, text, body)
        assert not verify(secrets[0], "msg_2", now, text, body)
        assert not verify(secrets[0], "msg_1", str(int(now) - 1), text, body)
        assert not verify(secrets[0], "msg_1", now, text, body + " ")


NODE_SERVER = """
const http = require("http");
const server = http.createServer((req, res) => {
  let n = 0;
  req.on("data", (d) => { n += d.length; });
  req.on("end", () => { res.writeHead(503, {"Retry-After": "30"}); res.end(String(n)); });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
"""


def test_node(needs):
    needs("node")
    server = subprocess.Popen(["node", "-e", NODE_SERVER], stdout=subprocess.PIPE, text=True)
    try:
        port = server.stdout.readline().strip()
        result, = call(f"20000 http://127.0.0.1:{port}/ {'x' * 100000}")
        assert (result["outcome"], result["status"], result["retry_after"], result["bytes"]) == \
            ("answered", "503", "30", "6")
    finally:
        server.kill()
        server.wait(30)
