"""Handlers are set, changed and cleared by posternctl; the worker learns of it at once, keeps it, and
signs with every live secret."""

import base64
import concurrent.futures
import hashlib
import hmac
import json
import subprocess
import time

import pytest

from harness import postern
from harness.handler import Handler
from test_signed_in import Reader
from test_stream_hints import Hints

SETTINGS = {"delivery.allow": "127.0.0.0/8", "delivery.time_scale": 20, "delivery.timeout_ms": 1000}


class Calls(Handler):
    """Keeps what it was called with."""

    def __init__(self, port=0):
        self.calls = []
        super().__init__(port)

    def called(self, path, headers, body):
        self.calls.append((dict(headers.items()), body))
        return 200, {}, b""

    def wait(self, count):
        postern.wait(lambda: len(self.calls) >= count, 20, what=f"{count} calls of the handler")
        return self.calls


@pytest.fixture
def handler():
    with Calls() as made:
        yield made


def signed_by(call, secret):
    """Whether one of the signatures is this secret's."""
    headers = {name.lower(): value for name, value in call[0].items()}
    key = base64.b64decode(secret.removeprefix("whsec_"))
    text = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + call[1]
    mac = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
    return f"v1,{mac}" in headers["webhook-signature"].split(" ")


@pytest.fixture(scope="module")
def calling():
    with postern.Ring(settings=SETTINGS) as made:
        yield made.up()


def test_a_bot_calls_its_handler_until_it_is_cleared(calling, name, handler):
    ada = calling.user(name)
    calling.bot(name, ada)
    made = calling.ctl("bot", "handler", "set", name, handler.url)
    assert calling.post(calling.bot_url(name, ada.token), {"n": 1}).status_code == 200
    call, = handler.wait(1)
    assert signed_by(call, made["secret"])
    shown = calling.ctl("bot", "handler", "show", name)
    assert "secret" not in shown and shown["url"] == handler.url and len(shown["secrets"]) == 1
    turned = calling.ctl("bot", "handler", "rotate", name, "--overlap", "1h")
    assert calling.post(calling.bot_url(name, ada.token), {"n": 2}).status_code == 200
    call = handler.wait(2)[1]
    assert signed_by(call, made["secret"]) and signed_by(call, turned["secret"])
    last = calling.ctl("bot", "handler", "rotate", name, "--overlap", "0s")
    assert calling.post(calling.bot_url(name, ada.token), {"n": 3}).status_code == 200
    call = handler.wait(3)[2]
    assert signed_by(call, last["secret"])
    assert not signed_by(call, made["secret"]) and not signed_by(call, turned["secret"])
    calling.ctl("bot", "handler", "clear", name)
    assert calling.post(calling.bot_url(name, ada.token), {"n": 4}).status_code == 200
    calling.ctl("bot", "handler", "set", name, handler.url)
    assert calling.post(calling.bot_url(name, ada.token), {"n": 5}).status_code == 200
    bodies = [body for _, body in handler.wait(4)]
    assert len(bodies) == 4 and b"5" in bodies[3]
    for secret in (made["secret"], turned["secret"], last["secret"]):
        assert secret not in calling.logs()
        found = subprocess.run(["grep", "-rlF", secret.removeprefix("whsec_"), calling.dir],
                               capture_output=True, text=True)
        assert found.stdout == ""


def test_the_owner_sees_how_the_calls_went(calling, name, handler):
    ada = calling.user(name)
    calling.bot(name, ada)
    calling.ctl("bot", "handler", "set", name, handler.url)
    assert calling.post(calling.bot_url(name, ada.token), {"n": 1}).status_code == 200
    call, = handler.wait(1)
    url = calling.url(f"/api/v2/bots/{name}/deliveries", ada.token)

    def delivered():
        listed = calling.get(url).json()["deliveries"]
        return [one for one in listed if one["state"] == "delivered"]

    one, = calling.wait(delivered, what="the delivery in the log")
    assert one["id"] in {value for key, value in call[0].items() if key.lower() == "webhook-id"}


class Answering(Calls):
    def called(self, path, headers, body):
        super().called(path, headers, body)
        return 500, {"Set-Cookie": "a=hidden", "X-Api-Key": "hidden", "X-Seen": "é" * 300, "Retry-After": "1"}, b"not today"


def test_a_delivery_shows_what_was_sent_and_what_came(calling, name):
    ada, eve = calling.user(name), calling.user(f"{name}_eve")
    calling.bot(name, ada)
    log = f"/api/v2/bots/{name}/deliveries"
    with Answering() as handler:
        url = f"{handler.url}hook?key=hidden&b" if handler.url.endswith("/") else f"{handler.url}/hook?key=hidden&b"
        calling.ctl("bot", "handler", "set", name, url)
        assert calling.post(calling.bot_url(name, ada.token), {"n": 1}).status_code == 200
        call = handler.wait(1)[0]
        row, = calling.wait(lambda: [one for one in calling.get(calling.url(log, ada.token)).json()["deliveries"] if one["attempts"]])
    answer = calling.get(calling.url(f"{log}/{row['number']}", ada.token))
    assert answer.status_code == 200 and "hidden" not in answer.text, answer.text
    shown = answer.json()
    assert shown["event"]["event"]["body"] == '{"n": 1}' or shown["event"]["event"]["body"] == '{"n":1}'
    attempt = shown["delivery"]["attempts"][0]
    assert (attempt["status"], attempt["answer"]) == (500, "not today")
    was = attempt["call"]
    assert was["method"] == "POST" and was["address"] == "127.0.0.1" and was["url"].endswith("/hook?key=***&b")
    sent = {one["name"]: one["value"] for one in was["headers"]}
    lower = {key.lower(): value for key, value in call[0].items()}
    assert sent["webhook-id"] == lower["webhook-id"] == shown["delivery"]["id"]
    assert sent["webhook-timestamp"] == lower["webhook-timestamp"] and sent["User-Agent"] == "Postern"
    assert sent["webhook-signature"] is None and lower["webhook-signature"] not in answer.text
    got = {one["name"].lower(): one["value"] for one in was["received"]}
    assert got["set-cookie"] is None and got["x-api-key"] is None and got["retry-after"] == "1"
    assert not was["headers_cut"] and not was["received_cut"]
    for number, token, status in ((row["number"] + 1, ada.token, 404), (0, ada.token, 404), ("9" * 19, ada.token, 404),
                                  (row["number"], eve.token, 403), ("retry", ada.token, 405)):
        assert calling.get(calling.url(f"{log}/{number}", token)).status_code == status, number
    assert calling.ctl("delivery", "show", "bot", name, row["id"])["attempts"][0]["call"] == was


class Gone(Calls):
    def called(self, path, headers, body):
        return 410, {}, b""


def test_a_replay_is_counted_watched_stopped_and_begun_again(calling, name, handler):
    ada = calling.user(name)
    calling.bot(name, ada)
    log = f"/api/v2/bots/{name}/deliveries"

    def ask(method, **params):
        return calling.request(method, calling.url(f"{log}/replay", ada.token, **params))

    with Gone() as gone:
        calling.ctl("bot", "handler", "set", name, gone.url)
        for n in range(6):
            assert calling.post(calling.bot_url(name, ada.token), {"n": n}).status_code == 200
        calling.wait(lambda: ask("POST", dry_run="true").json()["matched"] == 6)
    assert ask("POST", dry_run="true").json() == {"rate": 10, "matched": 6, "counted": True, "dry_run": True}
    assert ask("GET").json()["started"] is None
    calling.ctl("bot", "handler", "set", name, handler.url)
    begun = calling.wait(lambda: (answer := ask("POST", rate=1)).status_code == 200 and answer)  # 409 until it is learned
    assert begun.json() == {"rate": 1, "matched": 6, "counted": True, "dry_run": False}
    shown = ask("GET").json()
    assert shown["running"] and (shown["total"], shown["rate"], shown["by"]["id"]) == (6, 1, ada.id)
    calling.kill("bot-0")
    calling.wait_ready("bot-0")
    assert calling.ctl("delivery", "progress", "bot", name)["started"] is None
    assert calling.wait(lambda: (answer := ask("POST", rate=1)).status_code == 200 and answer).json()["matched"] >= 4
    stopped = ask("DELETE").json()
    assert not stopped["running"] and stopped["done"] <= 2 and stopped["failed"] == 0
    left = calling.ctl("delivery", "replay", "bot", name, "--dry-run")["matched"]
    assert left >= 3 and not calling.ctl("delivery", "stop", "bot", name)["running"]
    assert ask("POST", rate=1000).status_code == 200
    calling.wait(lambda: ask("GET").json()["done"] == left and not ask("GET").json()["running"])
    calling.wait(lambda: len(calling.get(calling.url(log, ada.token, state="delivered")).json()["deliveries"]) == 6)


def test_each_app_of_an_extension_has_its_own(calling, name, handler):
    ada = calling.user(name)
    apps = calling.extension(name, ada)
    made = calling.ctl("extension", "handler", "set", name, handler.url,
                       "--environment", "marketplace")
    for environment in ("sandbox", "marketplace"):
        url = calling.extension_url(apps[environment], ada.token)
        assert calling.post(url, b"x").status_code == 200
    call, = handler.wait(1)
    assert signed_by(call, made["secret"]) and b'"marketplace"' in call[1]
    with pytest.raises(postern.CtlError, match="no handler"):
        calling.ctl("extension", "handler", "show", name)


def test_a_change_is_learned_without_an_event_and_outlives_the_worker(make_ring, name, handler):
    """What waits for a handler that is not there goes to the one that is set then: no event comes after
    that, so only the push can have told of it, to a worker that was killed in between."""
    ring = make_ring(settings=SETTINGS).up()
    ada = ring.user(name)
    ring.bot(name, ada)
    gone = f"http://127.0.0.1:{postern.free_ports(1)}/"
    made = ring.ctl("bot", "handler", "set", name, gone)
    for n in range(3):
        assert ring.post(ring.bot_url(name, ada.token), {"n": n}).status_code == 200
    ring.kill("bot-0")
    ring.wait_ready("bot-0")
    ring.ctl("bot", "handler", "set", name, handler.url)
    calls = handler.wait(3)
    assert all(signed_by(call, made["secret"]) for call in calls)


def test_a_worker_that_lost_its_key_is_told_again(make_ring, name):
    """authd tells all handlers at its start: what is in the journal cannot be read any more."""
    ring = make_ring(settings=SETTINGS).up()
    ada = ring.user(name)
    ring.bot(name, ada)
    port = postern.free_ports(1)
    made = ring.ctl("bot", "handler", "set", name, f"http://127.0.0.1:{port}/hook")
    assert ring.post(ring.bot_url(name, ada.token), {"n": 1}).status_code == 200
    ring.stop()
    key = ring.dir / "data" / "bot.key"
    assert key.stat().st_mode & 0o7777 == 0o600
    key.unlink()
    ring.up()
    with Calls(port) as handler:
        call, = handler.wait(1)
    assert signed_by(call, made["secret"])
    assert "handlers.load" in ring.logs()


def test_an_address_that_is_not_called_is_warned_of(calling, name):
    ada = calling.user(name)
    calling.bot(name, ada)
    calling.channel(name, ada)
    for url, said in (("http://10.0.0.1/", "private network"), ("http://[fe80::1]/", "link-local"), ("http://169.254.169.254/", "metadata"),
                      ("http://127.0.0.1:9/", None), ("http://localhost/", None), ("https://192.0.2.1.example/", None)):
        made = calling.ctl("bot", "handler", "set", name, url)
        outlet = calling.ctl("outlet", "create", name, "generic", "--url", url)
        edited = calling.ctl("outlet", "edit", outlet["id"], "--url", url)
        for answer in (made, outlet, edited):
            assert said in answer["warning"] and ("delivery.allow" in answer["warning"]) == (said != "metadata") if said else "warning" not in answer
        assert edited["etag"] == calling.ctl("outlet", "show", outlet["id"])["etag"]
        assert "warning" not in calling.ctl("bot", "handler", "show", name)
        calling.ctl("outlet", "delete", outlet["id"])


@pytest.mark.parametrize("words, status, text", [
    (("ftp://h.example/",), 1, "URL: "), (("http://a@h.example/",), 1, "URL: "),
    (("http://h.example/", "--concurrency", "257"), 2, "--concurrency"),
    (("http://h.example/", "--wait", "9"), 2, "--wait"),
    (("http://h.example/", "--ordered", "--unordered"), 2, "one of"),
    (("http://h.example/", "--rsa-key", "/no/such/file"), 2, "/no/such/file")])
def test_what_is_wrong_is_said(calling, name, words, status, text):
    ada = calling.user(name, token=False)
    calling.bot(name, ada)
    done = calling.ctl_run("bot", "handler", "set", name, *words)
    assert done.returncode == status and text in done.stderr


class Failing(Calls):
    """Answers 503 until it is mended."""

    mended = False

    def called(self, path, headers, body):
        return (super().called(path, headers, body)[0] if self.mended else 503), {}, b""


@pytest.mark.parametrize("kind", ["bot", "extension"])
def test_what_waits_for_an_archived_target_is_dead_at_once(calling, name, kind):
    """Its owner reads the log all the same, and what is taken back can be replayed."""
    ada = calling.user(name)
    calling.bot(name, ada) if kind == "bot" else calling.extension(name, ada)
    urls, logs = [calling.bot_url(name, ada.token)], [f"/api/v2/bots/{name}/deliveries"]
    if kind == "extension":
        apps = calling.apps(name).values()
        urls = [calling.extension_url(app, ada.token) for app in apps]
        logs = [f"/api/v2/applications/{app.app_id}/deliveries" for app in apps]

    def rows(**params):
        answers = [calling.get(calling.url(log, ada.token, **params)) for log in logs]
        assert [answer.status_code for answer in answers] == [200] * len(logs), answers[0].text
        return [row for answer in answers for row in answer.json()["deliveries"]]

    with Failing() as handler:
        for environment in ("sandbox", "marketplace")[:len(urls)]:
            more = ["--environment", environment] if kind == "extension" else []
            calling.ctl(kind, "handler", "set", name, handler.url, *more)
        for url in urls * 3:
            assert calling.post(url, {"n": 1}).status_code == 200
        events = 3 * len(urls)
        calling.wait(lambda: [row["made"] for row in rows()] == [2] * events, 20)  # the next comes in 15 s
        calling.ctl(kind, "delete", name, "--reason", "moved")
        calling.wait(lambda: len(rows(state="dead")) == events, 2, what="the dead letters")
        assert {row["attempts"][-1]["outcome"] for row in rows()} == {"archived"}
        assert "archived" in calling.get(calling.url(logs[0], ada.token)).json()["disabled"]
        for verb in ("retry", "replay"):
            answer = calling.post(calling.url(f"{logs[0]}/{verb}", ada.token, id=1))
            assert (answer.status_code, answer.json()["code"]) == (410, "archived")
        assert len(handler.calls) == 0
        handler.mended = True
        calling.manage(f"{kind}_edit", name, archived=False)
        for log in logs:
            calling.wait(lambda log=log: calling.get(calling.url(log, ada.token)).json()["disabled"] is None, 20)
            assert calling.post(calling.url(f"{log}/replay", ada.token, rate=100)).status_code == 200
        calling.wait(lambda: len(rows(state="delivered")) == events, 20)
        assert len(handler.calls) == events


def test_nothing_is_said_to_be_tried_again_where_nothing_is_called(calling, name, tmp_path):
    """A replay or a retry at a handler that takes no calls is refused, with what to do."""
    ada = calling.user(name)
    calling.bot(name, ada)
    log = f"/api/v2/bots/{name}/deliveries"
    (tmp_path / "token").write_text(ada.token)

    def refused(text):
        for verb, params in (("replay", {}), ("retry", {"id": dead()["number"]})):
            answer = calling.post(calling.url(f"{log}/{verb}", ada.token, **params))
            assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
            assert text in answer.json()["message"]
        done = calling.ctl_run("dlq", "replay", "bot", name, "--token-file", tmp_path / "token")
        assert done.returncode != 0 and text in done.stderr and "tried again" not in done.stdout

    def dead():
        found = calling.get(calling.url(log, ada.token, state="dead")).json()["deliveries"]
        return found[0] if found else None

    class Gone(Calls):
        status = 410

        def called(self, path, headers, body):
            super().called(path, headers, body)
            return self.status, {}, b""

    with Gone() as handler:
        calling.ctl("bot", "handler", "set", name, handler.url)
        assert calling.post(calling.bot_url(name, ada.token), {"n": 1}).status_code == 200
        calling.wait(dead, 20)
        refused("the handler answered 410")
        calling.ctl("bot", "handler", "clear", name)
        calling.wait(lambda: calling.get(calling.url(log, ada.token)).json()["disabled"] is None, 20)
        refused("has no handler")
        handler.status = 200
        calling.ctl("bot", "handler", "set", name, handler.url)
        calling.wait(lambda: calling.post(calling.url(f"{log}/replay", ada.token)).status_code == 200, 20)
        calling.wait(lambda: not dead() and len(handler.calls) == 2, 20)


class Tried(Calls):
    """Answers by its path: /slow, /huge, /busy, else a message object."""

    def called(self, path, headers, body):
        super().called(path, headers, body)
        if path == "/slow":
            time.sleep(1.3)
        answer = {"/huge": b"x" * 300000, "/busy": b"not now"}.get(path, b'{"text": "a reply"}')
        return 503 if path == "/busy" else 200, {"Content-Type": "application/json"}, answer


@pytest.fixture
def tried(calling, name):
    """(how a test of the bot's handler is asked for, with the status; the handler; its owner)"""
    ada = calling.user(name)
    calling.bot(name, ada)
    url = calling.url(f"/api/v2/bots/{name}/handler/test", ada.token)

    def ask(status=200, **body):
        calling.wait(lambda: answers.append(calling.post(url, body)) or answers[-1].status_code != 429, 20, what="room for a test")
        assert answers[-1].status_code == status, answers[-1].text
        return answers[-1].json()
    answers = []
    with Tried() as handler:
        yield ask, handler, ada


def test_a_handler_is_tried_and_nothing_is_kept(calling, name, tried):
    ask, handler, ada = tried
    assert "no handler" in ask(409)["message"]
    unset = ask(url=handler.url)
    assert (unset["outcome"], unset["status"], unset["signed"]) == ("answered", 200, False)
    made = calling.ctl("bot", "handler", "set", name, handler.url)
    told = ask()
    assert told.pop("duration_ms") < 10000
    assert told == {"outcome": "answered", "status": 200, "address": "127.0.0.1", "reason": None, "signed": True, "delivers": True,
                    "posts": True, "answer": '{"text": "a reply"}', "cut": False}
    call = handler.calls[-1]
    assert signed_by(call, made["secret"]) and call[0]["Postern-Test"] == "true"
    event = json.loads(call[1])
    assert (event["name"], event["user"]["id"], json.loads(event["body"])["test"]) == (name, ada.id, True)
    ask(sample="<a/>")
    assert json.loads(handler.calls[-1][1])["body"] == "<a/>"
    assert calling.messages("bots", name, ada.token) == []
    deliveries = calling.url(f"/api/v2/bots/{name}/deliveries", ada.token)
    assert calling.get(deliveries).json()["deliveries"] == []
    assert calling.ctl("delivery", "test", "bot", name)["outcome"] == "answered"
    assert calling.post(calling.bot_url(name, ada.token), {"n": "kept"}).status_code == 200
    row, = calling.wait(lambda: [one for one in calling.get(deliveries).json()["deliveries"] if one["state"] == "delivered"])
    kept, = [one for one in calling.messages("bots", name, ada.token) if "event" in one]
    for number in (row["number"], str(row["number"]), kept["id"]):
        ask(event=number)
        call = handler.calls[-1]
        assert b"kept" in call[1] and row["id"] == {key.lower(): value for key, value in call[0].items()}["webhook-id"]
    assert calling.get(deliveries).json()["deliveries"] == [row]


def test_whatever_is_wrong_with_a_handler_is_told(calling, name, tried):
    ask, handler, ada = tried
    base = handler.url.removesuffix("/hook")
    closed = f"http://127.0.0.1:{postern.free_ports(1)}/"
    for url, outcome, status, said in ((base + "/busy", "answered", 503, ""), (base + "/slow", "timeout", None, "time"),
                                       (closed, "connect", None, "connect"), (base.replace("http", "https"), "tls", None, ""),
                                       ("http://10.0.0.1/", "forbidden_address", None, "delivery.allow"),
                                       ("http://169.254.169.254/", "forbidden_address", None, "metadata"),
                                       ("http://no-such-name.invalid/", "resolve", None, "")):
        told = ask(url=url)
        assert (told["outcome"], told["status"], told["delivers"]) == (outcome, status, False), told
        assert said.lower() in (told["reason"] or "").lower(), told
    huge = ask(url=base + "/huge")
    assert (huge["outcome"], huge["cut"], len(huge["answer"])) == ("answered", True, 1024)
    other = calling.token(ada)["token"]  # one's own is taken out of a body
    itself = ask(url=calling.url(f"/api/v2/bots/{name}/handler/test", other))
    assert (itself["outcome"], itself["status"]) == ("answered", 400)
    for wrong, field in (({"url": "ftp://x"}, "url"), ({"event": "x"}, "event"), ({"event": 1, "sample": "x"}, "sample")):
        refused = ask(400, **wrong)
        assert refused["code"] == "invalid_param" and refused["details"]["field"] == field, refused
    assert ask(400, more=1)["code"] == "invalid_param"
    assert ask(404, event=10**9)["code"] == "not_found"


def test_handlers_are_tried_one_at_a_time_and_not_too_often(calling, name, tried):
    ask, handler, ada = tried
    url = calling.url(f"/api/v2/bots/{name}/handler/test", ada.token)
    slow = {"url": handler.url.removesuffix("/hook") + "/slow"}
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        statuses = sorted(answer.status_code for answer in pool.map(lambda _: calling.post(url, slow), range(3)))
    assert statuses == [200, 429, 429] and len(handler.calls) == 1
    answers = [calling.post(url, {"url": handler.url}) for _ in range(8)]
    refused = next(answer for answer in answers if answer.status_code != 200)
    assert refused.json()["code"] == "rate_limited" and "Retry-After" in refused.headers
    assert len(handler.calls) < 8


class Choosy(Calls):
    """410 for what is to be dead."""

    def called(self, path, headers, body):
        super().called(path, headers, body)
        return 410 if b"dead" in body else 200, {}, b""


def test_deliveries_are_counted_by_the_hour(calling, name):
    """Out of what is kept: whoever was killed in between, the counts are the same."""
    ada = calling.user(name)
    calling.bot(name, ada)

    def send(text):
        assert calling.post(calling.bot_url(name, ada.token), text).status_code == 200

    def all_of():
        answer = calling.get(calling.url(f"/api/v2/bots/{name}/counts", ada.token, hours=2))
        assert answer.status_code == 200, answer.text
        rows, got = answer.json()["hours"], answer.json()["all"]
        assert got == {key: sum(row[key] for row in rows) for key in got}
        return tuple(got[key] for key in ("messages", "pending", "delivered", "dead"))
    send("before there was a handler")
    with Choosy() as handler:
        calling.ctl("bot", "handler", "set", name, handler.url)
        for text in ("one", "two"):
            send(text)
        calling.wait(lambda: all_of() == (3, 0, 2, 0), 20, what="the delivered ones in the counts")
        send("dead")
        calling.wait(lambda: all_of() == (4, 0, 2, 1), 20, what="the dead one in the counts")
    calling.ctl("bot", "handler", "set", name, f"http://127.0.0.1:{postern.free_ports(1)}/")
    send("waits")
    calling.wait(lambda: all_of() == (5, 1, 2, 1), 20, what="the pending one in the counts")
    calling.kill("bot-0")
    calling.wait_ready("bot-0")
    assert all_of() == (5, 1, 2, 1)


def test_a_page_is_told_of_its_own_deliveries(calling, name):
    """In the stream of all: to who owns the bot or app, not to a subscriber; also when its worker is another process."""
    ada, bea = Reader(calling, f"a_{name}"), Reader(calling, f"b_{name}")
    bot = calling.bot(name, ada.user, [bea.user])
    app = calling.extension(name, ada.user)["sandbox"]
    with Choosy() as handler, Hints(calling, ada, "delivery") as page, Hints(calling, bea, "delivery,directory") as other:
        calling.ctl("bot", "handler", "set", name, handler.url)
        calling.ctl("extension", "handler", "set", name, handler.url, "--environment", "sandbox")
        assert calling.post(calling.bot_url(name, ada.user.token), b"one").status_code == 200
        page.until("delivery", lambda data: data["state"] == "delivered")
        told = page.of("delivery")
        assert [(row["state"], row["outcome"], row["status"]) for row in told[:2]] == [("pending", None, None), ("delivered", "answered", 200)]
        assert told[0]["target"] == {"kind": "bot", "id": bot["id"], "name": name} and told[0]["number"] == told[1]["number"]
        assert calling.post(calling.extension_url(app, ada.user.token), b"dead").status_code == 200
        dead = page.until("delivery", lambda data: data["state"] == "dead")
        assert dead["target"]["app"] == app.app_id and dead["status"] == 410
        shown = ada.by_cookie("GET", f"/extensions/{app.app_id}/deliveries?id={dead['number']}").json()["deliveries"]
        assert [row["state"] for row in shown] == ["dead"]
        calling.kill("bot-0")
        calling.wait_ready("bot-0")
        assert page.until("delivery", lambda data: data["target"] is None)["number"] is None  # ask for all
        assert calling.post(calling.bot_url(name, ada.user.token), b"again").status_code == 200
        page.until("delivery", lambda data: data["state"] == "delivered" and data["number"] > told[0]["number"])
        bea.by_cookie("PUT", "/users/me", {"name": "Bea"})
        other.until("directory", lambda data: data["op"] == "user_edit")
        assert not other.of("delivery")



def test_deliveries_of_named_targets_are_told(calling, name):
    """In the stream of one bot or app, and of several that are named: to who owns it, until the session ends."""
    ada, bea = Reader(calling, f"a_{name}"), Reader(calling, f"b_{name}")
    bot = calling.bot(name, ada.user, [bea.user])
    app = calling.extension(name, ada.user)["sandbox"]
    calling.channel(name, ada.user)
    for path, said in ((f"/bots/{name}/stream?events=delivery", "must have message"), (f"/channels/{name}/stream?events=message,delivery", "of bots and extensions"),
                       (f"/bots/{name}/stream?events=message,health", "without targets"), (f"/bots/{name}/stream?events=odd", "events must be"),
                       (f"/streams?targets=bot:{name}&events=delivery,directory", "without targets")):
        refused = ada.by_token("GET", path)
        assert refused.status_code == 400 and said in refused.json()["message"], (path, refused.text)
    both = "message,delivery"
    with Choosy() as handler, Hints(calling, ada, both, f"/bots/{name}/stream?") as one, Hints(calling, bea, both, f"/bots/{name}/stream?") as other, \
            Hints(calling, ada, both, f"/extensions/{app.app_id}/stream?") as of_app, \
            Hints(calling, ada, "delivery", f"/streams?targets=bot:{name},extension:{app.app_id}&") as named:
        calling.ctl("bot", "handler", "set", name, handler.url)
        calling.ctl("extension", "handler", "set", name, handler.url, "--environment", "sandbox")
        assert calling.post(calling.bot_url(name, ada.user.token), b"one").status_code == 200
        told = one.until("delivery", lambda data: data["state"] == "delivered")
        assert told == {"number": told["number"], "state": "delivered", "outcome": "answered", "status": 200}
        assert named.until("delivery", lambda data: data["state"] == "delivered")["target"] == {"kind": "bot", "id": bot["id"], "name": name}
        assert calling.post(calling.extension_url(app, ada.user.token), b"dead").status_code == 200
        assert of_app.until("delivery", lambda data: data["state"] == "dead")["status"] == 410
        assert named.until("delivery", lambda data: data["state"] == "dead")["target"]["app"] == app.app_id
        assert not named.of("message") and len(one.of("message")) == 1
        assert calling.post(calling.bot_url(name, ada.user.token), b"two").status_code == 200
        one.until("delivery", lambda data: data["state"] == "delivered" and data["number"] > told["number"])
        other.until("message", lambda data: data["sequence"] == 2)
        assert not other.of("delivery")  # a subscriber's
        calling.kill("bot-0")
        calling.wait_ready("bot-0")
        assert one.until("delivery", lambda data: data["state"] is None) == {"number": None, "state": None, "outcome": None, "status": None}
        ada.by_cookie("POST", "/logout")
        for stream in (one, of_app, named):
            assert stream.until("end")["code"] == "invalid_session"
