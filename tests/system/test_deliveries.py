"""Deliveries by workers/delivery, from a real journal to real HTTP servers: build/*/bin/deliverer runs
journal, writer and engine of a bot worker, driven by lines."""

import collections
import contextlib
import json
import os
import pathlib
import queue
import random
import re
import signal
import subprocess
import threading
import time

import pytest

from harness.handler import Handler
from harness.postern import in_time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BIN = ROOT / "build" / os.environ.get("POSTERN_PRESET", "asan") / "bin"
NODE = ROOT / "tests/compat/standard_webhooks.mjs"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WAIT_S = 60
Seen = collections.namedtuple("Seen", "at path id headers body")


class Server(Handler):
    """Remembers its calls. answer(path, body, count): status and headers; count: how often this id
    came."""

    def __init__(self, answer=lambda path, body, count: (200, {}), **where):
        self.seen, self.answer, self.connections = [], answer, 0
        super().__init__(**where)

    def verify_request(self, request, client_address):
        self.connections += 1
        return True

    def called(self, path, headers, body):
        name = headers["webhook-id"]
        with self.lock:
            self.seen.append(Seen(time.monotonic(), path, name, dict(headers), body))
            count = sum(1 for call in self.seen if call.id == name)
        status, more = self.answer(path, body, count)
        return status, more, b"" if status == 204 else b"ok!"

    def ids(self):
        with self.lock:
            return [call.id for call in self.seen]


def until(condition, what, wait_s=WAIT_S):
    end = time.monotonic() + wait_s
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError(f"not within {wait_s} s: {what}")


class Deliverer:
    def __init__(self, path, **options):
        self.path, self.options, self.stored = path, options, set()
        self.start()

    def start(self):
        self.lines = queue.Queue()
        self.process = subprocess.Popen(
            [BIN / "deliverer", self.path, *(f"{k}={v}" for k, v in self.options.items())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, bufsize=1)
        self.log = []
        self.threads = [threading.Thread(target=self.read, daemon=True),
                        threading.Thread(target=self.read_log, daemon=True)]
        for thread in self.threads:
            thread.start()

    def read(self):
        for line in self.process.stdout:
            if line.startswith("stored "):
                self.stored.add(int(line.split()[1]))
            else:
                self.lines.put(line.rstrip("\n"))

    def read_log(self):
        for line in self.process.stderr:
            self.log.append(line)

    def say(self, *words):
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()

    def handler(self, target, url, concurrency=8, ordered=0, bound_s=3600, version=1, secrets=(SECRET,)):
        self.say("handler", target, version, url, concurrency, ordered, bound_s, *secrets)

    def events(self, target, ids, body="{}"):
        for id in ids:
            self.say("event", target, id, body)

    def ask(self, *words):
        self.say(*words)
        rows = []
        while (line := self.lines.get(timeout=WAIT_S)) != "end":
            rows.append(line.split(" "))
        return rows

    def list(self, target):
        """{id: (log, state, attempts)}, and the standing."""
        rows = self.ask("list", target)
        return {int(row[1]): (int(row[0]), row[2], row[3:]) for row in rows[:-1]}, int(rows[-1][1])

    def states(self, target):
        return collections.Counter(state for _, state, _ in self.list(target)[0].values())

    def metrics(self):
        return {name: int(value) for name, value in self.ask("metrics")}

    def kill(self):
        self.process.kill()
        self.process.wait()
        for thread in self.threads:
            thread.join()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(WAIT_S) == 0, "".join(self.log)


@contextlib.contextmanager
def delivering(path, **options):
    deliverer = Deliverer(path / "bot-0", **options)
    try:
        yield deliverer
        deliverer.stop()
    finally:
        if deliverer.process.poll() is None:
            deliverer.kill()


def uuid(number):
    return f"00000000-0000-0000-0000-{number:012x}"


def test_an_event_arrives_as_the_contract_says(tmp_path):
    with Server() as server, delivering(tmp_path) as deliverer:
        deliverer.handler(1, f"http://127.0.0.1:{server.port}/hook")
        deliverer.events(1, [7], 'a "body"')
        until(lambda: deliverer.states(1) == {"delivered": 1}, "delivered")
        call, = server.seen
    assert call.headers["Content-Type"] == "application/json"
    assert call.id == uuid(7)
    sent = json.loads(call.body)
    assert sent["id"] == call.id and sent["name"] == "builds" and sent["handler"] == "incoming_webhook"
    assert sent["http_method"] == "POST" and sent["body"] == 'a "body"'
    assert sent["user"]["name"] == "Ann" and sent["access"] == {"bot": "builds"}
    assert sent["headers"] == {} and sent["parameters"] == {} and sent["environment"] is None
    assert re.fullmatch(r"\d+_\d+", sent["message_id"]) and sent["time"].endswith("Z")


@pytest.mark.skipif(not (ROOT / "tests/compat/node_modules/standardwebhooks").exists(),
                    reason="needs npm ci in tests/compat")
def test_node_verifies_what_is_signed(tmp_path):
    script = """
import { Webhook } from "standardwebhooks";
import http from "node:http";
const webhook = new Webhook(process.argv[2]);
const server = http.createServer((request, response) => {
  let body = "";
  request.on("data", (part) => (body += part));
  request.on("end", () => {
    let status = 204;
    try { webhook.verify(body, request.headers); } catch (error) { status = 400; }
    response.writeHead(status).end();
  });
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
"""
    file = ROOT / "tests/compat" / f".verify-{os.getpid()}.mjs"
    file.write_text(script)
    node = subprocess.Popen(["node", file, SECRET], stdout=subprocess.PIPE, text=True)
    try:
        port = int(node.stdout.readline())
        with delivering(tmp_path) as deliverer:
            other = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
            url = f"http://127.0.0.1:{port}/"
            deliverer.handler(1, url, secrets=(other, SECRET))  # while one is replaced
            deliverer.handler(2, url, secrets=(other,))
            deliverer.events(1, [1], '{"ref": "refs/heads/main", "é": 1}')
            deliverer.events(2, [2])
            until(lambda: deliverer.states(1) == {"delivered": 1}, "verified")
            until(lambda: len(deliverer.list(2)[0][2][2]) == 1, "refused")
            assert deliverer.list(2)[0][2][2] == ["1:answered:400"]
    finally:
        node.kill()
        node.wait()
        file.unlink()


def test_the_schedule_on_a_fast_clock(tmp_path):
    scale = 20000
    table = [5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    with Server(lambda path, body, count: (500, {})) as server, \
            delivering(tmp_path, time_scale=scale) as deliverer:
        deliverer.handler(1, f"http://127.0.0.1:{server.port}/")
        deliverer.events(1, [1])
        until(lambda: deliverer.states(1) == {"dead": 1}, "dead")
        at = [call.at for call in server.seen]
        _, _, attempts = deliverer.list(1)[0][1]
    assert attempts == [f"{n}:answered:500" for n in range(1, 11)]
    for want, before, after in zip(table, at, at[1:]):
        # what a busy machine and the checkpoint add: the next attempt is never early
        assert after - before >= want / scale * 0.9 - 0.01
        in_time(after - before, want / scale * 1.1 + 1.5)


def test_retry_after_is_obeyed_and_holds_the_handler(tmp_path):
    def answer(path, body, count):
        return (503, {"Retry-After": "20"}) if json.loads(body)["id"] == uuid(1) and count == 1 else (204, {})
    with Server(answer) as server, delivering(tmp_path, time_scale=10) as deliverer:
        deliverer.handler(1, f"http://127.0.0.1:{server.port}/")
        deliverer.events(1, [1])
        until(lambda: server.seen, "first call")
        until(lambda: len(deliverer.list(1)[0][1][2]) == 1, "noted")
        deliverer.events(1, [2])
        until(lambda: deliverer.states(1) == {"delivered": 2}, "delivered")
        first = server.seen[0].at
        assert all(call.at - first >= 1.95 for call in server.seen[1:])


def test_gone_disables_until_it_is_set_again(tmp_path):
    gone = [True]
    with Server(lambda path, body, count: (410 if gone[0] else 200, {})) as server, \
            delivering(tmp_path) as deliverer:
        deliverer.handler(1, f"http://127.0.0.1:{server.port}/")
        deliverer.events(1, [1])
        until(lambda: deliverer.states(1) == {"dead": 1}, "dead")
        deliverer.events(1, [2, 3])
        until(lambda: deliverer.states(1) == {"dead": 3}, "all dead")
        items, standing = deliverer.list(1)
        assert standing == 200 and len(server.seen) == 1
        assert items[2][2] == ["1:disabled:0"]
        assert any("delivery.disabled" in line for line in deliverer.log)
        until(lambda: deliverer.metrics()["dead"] == 3, "metric")
        assert deliverer.metrics()["disabled"] == 1
        gone[0] = False
        deliverer.kill()
        deliverer.start()  # the standing outlives the process
        deliverer.handler(1, f"http://127.0.0.1:{server.port}/")
        deliverer.events(1, [4])
        until(lambda: deliverer.states(1)["dead"] == 4, "still disabled")
        deliverer.handler(1, f"http://127.0.0.1:{server.port}/", version=2)
        for log, _, _ in items.values():
            deliverer.say("revive", 1, log)
        until(lambda: deliverer.states(1) == {"delivered": 3, "dead": 1}, "replayed")
        assert len(server.seen) == 4


def test_days_of_failure_disable(tmp_path):
    with Server(lambda path, body, count: (500, {})) as server, \
            delivering(tmp_path, time_scale=200000) as deliverer:
        deliverer.handler(1, f"http://127.0.0.1:{server.port}/")
        deliverer.events(1, [1])
        until(lambda: deliverer.states(1) == {"dead": 1}, "dead")
        time_120_h = 120 * 3600 / 200000
        end = time.monotonic() + time_120_h
        until(lambda: time.monotonic() > end, "120 hours")
        deliverer.events(1, [2])
        until(lambda: deliverer.list(1)[1] == 200, "disabled")
        until(lambda: any("120 h" in line for line in deliverer.log), "why")


def test_order_and_escape(tmp_path):
    """The second fails until its bound; those behind it wait, then come in order."""
    def answer(path, body, count):
        return (500 if json.loads(body)["id"] == uuid(2) else 200), {}
    with Server(answer) as server, delivering(tmp_path, time_scale=100) as deliverer:
        deliverer.handler(1, f"http://127.0.0.1:{server.port}/", ordered=1, bound_s=60)
        deliverer.events(1, range(1, 21))
        until(lambda: deliverer.states(1) == {"delivered": 19, "dead": 1}, "all ended")
        ids = server.ids()
    twos = [i for i, name in enumerate(ids) if name == uuid(2)]
    assert len(twos) > 2 and twos == list(range(1, 1 + len(twos)))
    assert [name for name in ids if name != uuid(2)] == [uuid(n) for n in range(1, 21) if n != 2]


def test_the_breaker_opens_and_closes(tmp_path):
    ill = [True]
    with Server(lambda path, body, count: (500 if ill[0] else 200, {})) as server, \
            delivering(tmp_path, time_scale=10) as deliverer:
        deliverer.handler(1, f"http://127.0.0.1:{server.port}/", concurrency=1)
        deliverer.events(1, range(1, 101))
        until(lambda: deliverer.metrics()["open"] == 1, "open")
        assert len(server.seen) <= 7
        ill[0] = False
        until(lambda: deliverer.states(1)["delivered"] >= 90, "delivered", 120)
        assert deliverer.metrics()["open"] == 0


def test_a_slow_handler_delays_no_other(tmp_path):
    done = threading.Event()

    def answer(path, body, count):
        if path == "/slow":
            done.wait(30)
        return 200, {}
    with Server(answer) as server, delivering(tmp_path, calls=16) as deliverer:
        deliverer.handler(1, f"http://127.0.0.1:{server.port}/slow", concurrency=256)
        deliverer.handler(2, f"http://127.0.0.1:{server.port}/fast")
        deliverer.events(1, range(1, 201))
        until(lambda: len(server.seen) >= 7, "slow calls")
        deliverer.events(2, range(201, 401))
        until(lambda: deliverer.states(2)["delivered"] == 200, "the fast one's")
        assert deliverer.states(1)["delivered"] == 0
        done.set()
        until(lambda: deliverer.states(1)["delivered"] == 200, "the slow one's")


def test_many_handlers_share_the_connections(tmp_path):
    """More handlers than calls at once, and each might have eight: a connection to each is used again, where
    eight to each would be closed before their next call. A slow call holds back no other of its handler."""
    handlers, slow, each = range(1, 41), range(1, 9), 24
    stored, rest = threading.Event(), threading.Event()

    def answer(path, body, count):
        stored.wait(WAIT_S)
        if b'slow' in body:
            rest.wait(WAIT_S)
        return 204, {}
    with Server(answer, host="0.0.0.0") as server, delivering(tmp_path, calls=32) as deliverer:
        for target in handlers:
            deliverer.handler(target, f"http://127.0.0.{target}:{server.port}/")
        for target in handlers:
            deliverer.events(target, range(target * 100, target * 100 + each // 2))
        for target in slow:
            deliverer.events(target, [target], '{"slow":1}')
        for target in handlers:
            deliverer.events(target, range(target * 100 + each // 2, target * 100 + each))
        count = len(handlers) * each + len(slow)
        until(lambda: len(deliverer.stored) == count, "stored")
        stored.set()
        until(lambda: len(server.seen) == count, "all calls, while the slow ones last")
        rest.set()
        assert server.connections < 6 * len(handlers)


def test_a_cleared_handler_buries_what_waits(tmp_path):
    with delivering(tmp_path) as deliverer:
        deliverer.handler(1, "http://127.0.0.1:1/")
        deliverer.events(1, [1])
        until(lambda: deliverer.list(1)[0].get(1, (0, 0, []))[2] == ["1:connect:0"], "tried")
        deliverer.handler(1, "-", version=2)
        deliverer.events(1, [2])
        until(lambda: 2 in deliverer.stored, "stored")
        # the retry after 5 s finds that there is no handler
        until(lambda: deliverer.states(1) == {"dead": 1}, "dead")
        assert deliverer.list(1)[0][1][2][-1] == "2:no_handler:0"


def test_killed_twenty_times(tmp_path):
    """Each event arrives at least once, with its own id that stays."""
    chance = random.Random(int(os.environ.get("POSTERN_SEED", "7")))
    events, kills = 1000, 20

    def answer(path, body, count):
        time.sleep(0.005)
        return (500 if count == 1 and chance.random() < 0.1 else 200), {}
    with Server(answer) as server, delivering(tmp_path, time_scale=50) as deliverer:
        url = f"http://127.0.0.1:{server.port}/"
        deliverer.handler(1, url, concurrency=32)
        sent = 0
        for kill in range(kills):
            upto = events * (kill + 1) // kills
            deliverer.events(1, range(sent + 1, upto + 1), '{"n": 1}')
            want = sent + chance.randrange(1, upto - sent + 1)
            until(lambda: len(deliverer.stored) >= want, "stored")
            time.sleep(chance.random() * 0.2)  # at a random moment
            deliverer.kill()
            deliverer.start()
            deliverer.handler(1, url, concurrency=32)
            lost = sorted(set(range(1, upto + 1)) - deliverer.stored)
            deliverer.events(1, lost, '{"n": 1}')  # as a gateway sends again
            until(lambda: len(deliverer.stored) == upto, "stored again")
            sent = upto
        until(lambda: deliverer.states(1) == {"delivered": events}, "delivered", 120)
        ids = server.ids()
    assert set(ids) == {uuid(n) for n in range(1, events + 1)}
    for call in server.seen:
        assert json.loads(call.body)["id"] == call.id
