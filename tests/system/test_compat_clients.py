"""Real clients: curl as people paste it, Node's fetch and axios, Python requests, wrk."""

import json
import pathlib
import subprocess
import urllib.request

import pytest

CLIENTS = pathlib.Path(__file__).parents[1] / "compat/node_clients.mjs"


@pytest.fixture
def url(ring, name):
    ada = ring.user(name)
    ring.channel(name, ada)
    made = ring.channel_url(name, ada.token)
    yield made
    assert ring.texts(name, ada.token) == ["hello ✓"], "exactly the one message is stored"


def curl(*words, **more):
    words = ["curl", "-sS", "--noproxy", "*", "-w", "\n%{http_code}", *words]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, **more)
    assert done.returncode == 0, done.stderr
    body, status = done.stdout.rsplit("\n", 1)
    return int(status), body


BODY = '{"text":"hello ✓"}'


@pytest.mark.parametrize("words", [
    ["-d", BODY],
    ["-X", "POST", "-H", "Content-Type: application/json", "--data", BODY],
    ["-H", "Expect: 100-continue", "-H", "Content-Type: application/json", "--data-binary", BODY],
    ["-H", "Transfer-Encoding: chunked", "--data-binary", BODY],
    ["--http1.0", "--json", BODY],
    ["--http2", "--json", BODY],
    ["--data-urlencode", "text=hello ✓"],
    ["--data-urlencode", "payload=" + BODY],
], ids=lambda words: words[0].strip("-") + "_" + words[1].split(":")[0][:12])
def test_curl(needs, url, words):
    needs("curl")
    assert curl(*words, url) == (204, "")


def test_curl_reads_the_body_from_a_pipe(needs, url):
    needs("curl")
    assert curl("-T", "-", "-X", "POST", url, input=BODY) == (204, "")


@pytest.mark.parametrize("client", ["fetch", "fetch-stream", "axios"])
def test_node(needs, url, client):
    needs("node")
    if not (CLIENTS.parent / "node_modules/axios").exists():
        pytest.skip("needs tests/compat/node_modules (./dev test installs it)")
    done = subprocess.run(["node", CLIENTS, client, url, BODY], capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"status": 204, "body": ""}


def test_python_requests(ring, url):
    assert ring.post(url, {"text": "hello ✓"}).status_code == 204


def test_python_urllib(url):
    request = urllib.request.Request(url, data=BODY.encode())
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    assert opener.open(request, timeout=60).status == 204


def test_wrk(ring, needs, name, tmp_path):
    """Every answer that wrk counts is a stored message."""
    needs("wrk")
    ada = ring.user(name)
    ring.channel(name, ada)
    script = tmp_path / "post.lua"
    script.write_text('wrk.method = "POST"\nwrk.body = \'{"text":"load"}\'\n'
                      "function done(summary)\n"
                      "  io.write(string.format('%d %d\\n', summary.requests,"
                      " summary.errors.status + summary.errors.timeout))\nend\n")
    done = subprocess.run(["wrk", "-t1", "-c16", "-d2s", "--timeout", "30s", "-s", script,
                           ring.channel_url(name, ada.token)], capture_output=True, text=True,
                          timeout=120)
    answered, failed = map(int, done.stdout.strip().splitlines()[-1].split())
    assert answered > 0 and failed == 0, done.stdout
    stored = len(ring.texts(name, ada.token))
    # What was on its way when wrk stopped may be stored without an answer.
    assert answered <= stored <= answered + 16


@pytest.mark.parametrize("body", [
    # As notifiers in the field send it: what is not set is an empty string or a single space.
    {"text": "x", "bot": {"name": " ", "image": " "}},
    {"text": "x", "card": {"title": "", "theme": "", "thumbnail": ""}},
    {"text": "x", "card": {"theme": "no-such-theme"}},
    {"text": "x", "card": {"theme": 7}},
    {"text": "x", "broadcast": "true"},
    {"text": "x", "slides": [{"type": "label", "data": [{"branch": "main"}]}]},
    {"text": "x", "slides": [{"type": "table", "title": "T", "data": {
        "headers": ["Name", "Value"], "rows": [{"Name": "a", "Value": "1"}]}}]},
    {"text": "x", "buttons": [{"label": "Open", "type": "+", "action": {
        "type": "open.url", "data": {"web": "myapp://open/1", "own": 1}}}]},
    {"text": "x", "unknown": {"kept": True}},
    {"slides": [{"type": "text", "data": "only a slide"}]},
    {"card": {"title": "only a card"}},
], ids=range(11))
def test_what_senders_send_in_practice_is_taken(ring, name, body):
    ada = ring.user(name)
    ring.channel(name, ada)
    answer = ring.post(ring.channel_url(name, ada.token), body)
    assert answer.status_code == 204, answer.text
    found, = ring.messages("channelsbyname", name, ada.token)
    assert found["message"] == body
