"""A canary token, used in every way there is, appears nowhere but in the answer that made it."""

import base64
import contextlib
import hashlib
import json
import pathlib
import re
import subprocess
import time
import urllib.parse
import uuid

import pytest
import requests

from harness import postern
from harness.connection import Closed, Connection, post
from reading_streams import Raw
from test_logins import totp


class Canaries:
    """Secrets, the connections that used them, and what was answered."""

    def __init__(self, ring):
        self.ring, self.answers = ring, []
        ada = self.ada = ring.user("ada")
        self.deleted = ring.token(ada)
        self.other = ring.token(ada)["token"]
        self.foreign = f"1001.{uuid.uuid4().hex}.{uuid.uuid4().hex}"
        ring.ctl("token", "import", ada.email, input=self.foreign + "\n")
        ring.channel("nest", ada)
        ring.bot("nest", ada)
        self.former = ring.extension("nest", ada)["sandbox"]
        ring.ctl("extension", "rotate", "nest")
        self.app = ring.apps("nest")["sandbox"]
        made = ring.ctl("token", "create", ada.email, "--channels", "nest", "--from", "127.0.0.1")
        self.successor = ring.ctl("token", "replace", made["id"])["token"]
        self.replaced = made["token"]
        good = ada.token
        self.wrong = good[:-1] + ("A" if good[-1] != "A" else "B")
        self.malformed = "pst_" + uuid.uuid4().hex
        self.manager = ring.management_token(ada)
        self.management = "psm_" + uuid.uuid4().hex
        self.unknown = "unknown_" + uuid.uuid4().hex
        self.appkey_wrong = "appkey_" + uuid.uuid4().hex
        self.oversized = "over_" + uuid.uuid4().hex * 20
        self.misplaced = "misplaced_" + uuid.uuid4().hex
        self.tokens = [good, self.deleted["token"], self.other, self.foreign, self.wrong,
                       self.replaced, self.successor,
                       self.malformed, self.manager, self.management, self.unknown]
        made = ring.post(ring.url("/api/v2/streams", good, targets="channel:nest")).json()["url"]
        self.stream = urllib.parse.urlsplit(made).path
        self.tokens.append(self.stream.split("/")[-1])
        self.use_accounts()
        self.secrets = [*self.tokens, *self.accounts, self.app.appkey, self.former.appkey,
                        self.appkey_wrong, self.oversized, self.misplaced]

    def use_accounts(self):
        """Passwords, sessions, invitations and second factors, right and wrong ones."""
        ring, ada = self.ring, self.ada.email
        password, old, wrong = (f"{word} heron {uuid.uuid4().hex}" for word in ("blue", "red", "no"))
        ring.ctl("user", "password", ada, input=old + "\n")
        ring.ctl("user", "password", ada, input=password + "\n")
        invited = ring.ctl("user", "invite", "bob@example.org")
        revoked = ring.ctl("user", "invite", "eve@example.org")
        ring.ctl("invitation", "revoke", revoked["id"])
        ring.ctl("invitation", "accept", input=f"{invited['link']}\n{wrong}\n")
        opened, ended = (ring.ctl("login", ada, input=password + "\n") for _ in range(2))
        ring.ctl("session", "show", input=opened["session"])
        ring.ctl("logout", input=ended["session"])
        ring.ctl_run("session", "show", input=ended["session"])
        self.use_cookie(ada, password)
        begun = ring.ctl("user", "totp", "begin", ada)
        codes = ring.ctl("user", "totp", "confirm", ada, input=totp(
            begun["secret"], int(time.time()) // 30) + "\n")["codes"]
        ring.ctl("login", ada, input=f"{password}\n{codes[0]}\n")
        for lines in (f"{wrong}\n", f"{password}\n", f"{password}\n{codes[0]}\n",
                      f"{password}\n{codes[1].replace('-', 'x')}\n"):
            assert ring.ctl_run("login", ada, input=lines).returncode == 1
        ring.ctl_run("invitation", "accept", input=f"{revoked['invitation']}\n{wrong}\n")
        self.accounts += [password, old, wrong, begun["secret"], *codes, invited["invitation"],
                         revoked["invitation"], opened["session"], ended["session"],
                         opened["csrf"]]
        # A session is no token: where somebody sends it as one, or as a cookie.
        for header in ("Authorization: Bearer {}", "Cookie: __Host-postern={}",
                       "Cookie: postern={}", "X-Webhook-Token: {}"):
            self.send(post("/api/v2/channelsbyname/nest/message", b'{"text":"sung"}',
                           [header.format(opened["session"])]))
            assert self.answers[-1].status == 401

    def use_cookie(self, email, password):
        """A session in a cookie, with its CSRF token: as they belong, and everywhere else."""
        ring, json = self.ring, "Content-Type: application/json"
        made = ring.post(ring.settings["admin.url"] + "/api/v2/login", {
            "email": email, "password": password, "cookie": True})
        ring.http.cookies.clear()
        session, csrf = made.cookies["postern"], made.json()["csrf"]
        self.accounts = [session, csrf]
        cookie, token = f"Cookie: postern={session}", f"X-CSRF-Token: {csrf}"
        ours, foreign = f"Origin: {ring.settings['admin.url']}", "Origin: https://evil.example"
        for method, path, body, headers in (
                ("GET", "/me", b"", [cookie]), ("GET", "/me", b"", [cookie, ours, token]),
                ("GET", "/me", b"", [cookie, cookie]), ("GET", "/me", b"", [f"{cookie}; a={session}"]),
                ("GET", f"/me?postern={session}&csrf={csrf}", b"", [cookie]),
                ("GET", f"/users/{session}", b"", [cookie]), ("GET", f"/{csrf}", b"", [cookie]),
                ("GET", "/me", b"", [f"Cookie: postern={csrf}", f"X-CSRF-Token: {session}"]),
                ("PUT", f"/users/{email}", b'{"name":"Ada"}', [cookie, ours, token, json]),
                ("PUT", f"/users/{email}", b'{"name":"Ada"}', [cookie, ours, json]),
                ("PUT", f"/users/{email}", b'{"name":"Ada"}', [cookie, foreign, token, json]),
                ("POST", "/session", b"", [cookie, f"Origin: {session}"]),
                ("POST", "/session", b'{"session":"%s"}' % session.encode(), [cookie, ours, json]),
                ("POST", "/logout", b"", [cookie, ours, f"X-CSRF-Token: {session}"]),
                ("POST", "/logout", b"", [f"Authorization: Bearer {csrf}"])):
            self.send(post("/api/v2" + path, body, headers, method), port=ring.admin_port)
        assert [answer.status for answer in self.answers[:2]] == [200, 200]
        self.send(post("/api/v2/channelsbyname/nest/message?zapikey=" + self.ada.token,
                       b'{"text":"sung"}', [cookie, token]))
        assert self.answers[-1].status == 204
        ended = ring.post(ring.settings["admin.url"] + "/api/v2/logout", headers=dict(
            line.split(": ") for line in (cookie, ours, token)))
        assert ended.status_code == 200, ended.text

    def send(self, data, answers=1, port=None):
        with contextlib.suppress(Closed, ConnectionError), \
                Connection(port or self.ring.port) as connection:
            connection.send(data)
            for _ in range(answers):
                self.answers.append(connection.answer())

    def use_tokens(self):
        body = b'{"text":"sung"}'
        channel = "/api/v2/channelsbyname/nest/message"
        for token in self.tokens:
            in_url = [f"{channel}?zapikey={token}", f"/company/1/api/v3/bots/nest/incoming?zapikey={token}",
                      f"/api/v2/bots/nest/incoming?a=1&zapikey={token}&b={'x' * 10001}",
                      f"{channel}?zapikey={token}&zapikey={self.other}",
                      f"{channel}?zapikey={token}&a=%zz", f"/nowhere/{token}?zapikey={token}",
                      f"/api/v2/channelsbyname/{token}/message?zapikey={token}",
                      f"/api/v2/bots/nest/incoming/{token}",
                      f"{channel}?zapikey={token}" + "&p=1" * 60,
                      f"{channel}?%7Aapikey={token}"]
            for path in in_url:
                self.send(post(path, body))
            self.send(post(f"{channel}?zapikey={token}", body, method="PATCH"))
            self.send(post(f"/api/v2/token?zapikey={token}", b"", method="GET"))
            for header in ("Authorization: Bearer {}", "Authorization: Zoho-oauthtoken {}",
                           "Authorization: Basic {}", "X-Webhook-Token: {}", "basic"):
                filled = header.format(token)
                if header == "basic":
                    filled = "Authorization: Basic " + base64.b64encode(f"u:{token}".encode()).decode()
                self.send(post(channel, body, [filled]))
                self.send(post("/api/v2/bots/nest/incoming", b"raw", [filled]))
                self.send(post(channel, b"{", [filled, "Idempotency-Key: k"]))
                self.send(post(channel, body, [filled, f"X-Webhook-Token: {self.other}"]))
            # Forms that are refused, or that nobody reads
            self.send(f"GET {channel}?zapikey={token}\r\n\r\n".encode())
            self.send(f"POST {channel}?zapikey={token} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n".encode())
            self.send(f"PRI * HTTP/2.0\r\nX: {token}\r\n\r\n".encode())
            self.send(post("/api/v2/bots/nest/incoming?zapikey=" + self.ada.token, b"raw", [
                f"Cookie: token={token}", f"X-Api-Key: {token}", f"X-Auth-Token: {token}",
                f"X-Own-Token: {token}", f"X-Own-Secret: {token}", f"X-Some-Key: {token}",
                f"Proxy-Authorization: Bearer {token}",
                f"Referer: https://h/?zapikey={token}"]))

        self.use_stream()
        # In a parameter that is no credential: it may travel, but no refusal repeats it.
        history = "/api/v2/channelsbyname/nest/messages?zapikey=" + self.ada.token
        self.send(post(f"{history}&limit={self.misplaced}", method="GET"))
        assert self.answers[-1].status == 400

    def use_stream(self):
        """The URL of a stream, as it is, and otherwise."""
        targets = "targets=channel:nest"
        for path in (f"{self.stream}?{targets}&since=x", f"{self.stream}?{targets}%2cbot:nest", self.stream + "x",
                     f"{self.stream}?{targets}&a={self.stream}", f"{self.stream}/a", f"{self.stream}?since={self.stream}",
                     f"{self.stream}?{targets}&zapikey={self.ada.token}"):
            self.send(post(path, method="GET"))
        self.send(post(self.stream, b"{}"))
        made = self.ring.post(self.ring.url("/api/v2/streams", self.ada.token, targets="channel:nest")).json()["url"]
        raw = Raw(self.ring.port, "/api/" + made.partition("/api/")[2])
        assert raw.status == 200
        raw.close()

    def use_twice(self):
        """Beside a place where it is looked for, under names and in texts of all kinds."""
        for token in (self.ada.token, self.foreign):
            quoted = urllib.parse.quote(token, safe="")
            for path in ("/api/v2/bots/nest/incoming", "/api/v2/channelsbyname/nest/message",
                         f"/api/v2/applications/{self.app.app_id}/incoming"):
                query = f"zapikey={quoted}&zapikey[]={quoted}&ZAPIKEY={quoted}&u=https://h/{quoted}/&{quoted}=1"
                key = self.app.appkey if "applications" in path else "none"
                appkey = urllib.parse.quote(key, safe="")
                if "applications" in path:
                    query += f"&appkey={appkey}&APPKEY={appkey}"
                headers = [f"X-Other: {token}", f"X-Url: https://h/?a={quoted}&b={quoted}", f"User-Agent: {token}x"]
                for body, type in ((json.dumps({"text": f"sung {token} {token}", "zapikey": token,
                                                "appkey": key}), "application/json"),
                                   (f"text=sung+{quoted}&zapikey={quoted}&appkey={appkey}", "application/x-www-form-urlencoded"),
                                   (f"text={token}", "application/x-www-form-urlencoded")):
                    self.send(post(f"{path}?{query}", body.encode(), [*headers, f"Content-Type: {type}"]))
                    assert self.answers[-1].status in (200, 204), self.answers[-1]
                self.send(post(f"{path}?{query}", b'{"text":"x"}', [f"Idempotency-Key: a-{token}"]))
                assert self.answers[-1].status == 400

    def use_admin(self):
        """On the admin listener: where it belongs, and everywhere else."""
        port, json = self.ring.admin_port, "Content-Type: application/json"
        for token in self.tokens:
            bearer = f"Authorization: Bearer {token}"
            for path in ("/me", f"/users/{token}", f"/me?zapikey={token}", f"/me?{token}=1",
                         f"/users?limit={token}", f"/users?after={token}", f"/{token}"):
                self.send(post("/api/v2" + path, method="GET", headers=[bearer]), port=port)
                self.send(post("/api/v2" + path, method="GET", headers=[
                    f"Authorization: Bearer {self.manager}"]), port=port)
            for body in (f'{{"email":"{token}"}}', f'{{"{token}":1}}', f'{{"role":"{token}"', token):
                self.send(post("/api/v2/users", body.encode(), [
                    f"Authorization: Bearer {self.manager}", json]), port=port)
            self.send(post(f"/api/v2/users/{self.ada.email}", b"{}", [
                f"Authorization: Bearer {self.manager}", json, f'If-Match: "{token}"'], method="PUT"),
                port=port)
            self.send(post(f"/api/v2/tokens/{token}", b"", [bearer], method="DELETE"), port=port)

    def use_appkeys(self):
        for key in (self.app.appkey, self.former.appkey, self.appkey_wrong, self.oversized):
            for token in (self.ada.token, self.wrong):
                quoted = urllib.parse.quote(key)
                path = f"/api/v2/applications/{self.app.app_id}/incoming"
                self.send(post(f"{path}?zapikey={token}&appkey={quoted}", b"raw"))
                self.send(post(f"{path}?zapikey={token}&appkey={quoted}&appkey=x", b"raw"))
                self.send(post(f"/api/v2/applications/1/incoming?appkey={quoted}&zapikey={token}"))
        self.send(post(f"/api/v2/bots/nest/incoming?zapikey={self.oversized}"))
        self.send(post(f"/api/v2/bots/nest/incoming", b"", [f"Authorization: Bearer {self.oversized}"]))


@pytest.fixture(scope="module")
def nest():
    """A ring in which every canary has been used in every way, processes restarted in between."""
    ring = postern.Ring().up()
    canaries = Canaries(ring)
    canaries.use_tokens()
    canaries.use_twice()
    ring.ctl("token", "delete", canaries.deleted["id"], "--yes")
    canaries.use_tokens()
    canaries.use_appkeys()
    canaries.use_admin()
    for name in ("channel-0", "bot-0", "authd-0", "router-0", "gateway-0"):
        ring.kill(name)
        ring.wait_ready(name)
    canaries.use_tokens()
    ring.apps("nest")
    ring.ctl_run("token", "list", canaries.ada.email)
    yield canaries
    ring.close()


def where(nest, data, name, secrets=None):
    """The secrets that DATA contains: as they are, URL-encoded, base64 or hex."""
    found = []
    for secret in secrets or nest.secrets:
        plain = secret.encode()
        for form in (plain, urllib.parse.quote(secret, safe="").encode(), plain.hex().encode()):
            if form in data:
                found.append((name, secret[:8] + "…"))
    return found


def test_the_canaries_were_used(nest):
    """Else what follows proves nothing."""
    statuses = {answer.status for answer in nest.answers}
    assert {200, 204, 400, 401, 404, 405, 414} <= statuses, statuses
    assert len(nest.ring.texts("nest", nest.ada.token)) > 20


def test_no_log(nest):
    logs = nest.ring.logs()
    assert len(logs) > 10000 and "level" in logs or "event=" in logs
    lines = [line for line in logs.splitlines() if where(nest, line.encode(), "log")]
    assert not lines, lines[:5]


def test_no_metric_or_health_answer(nest):
    for name, base in nest.ring.monitors.items():
        for path in ("/metrics", "/readyz", "/healthz"):
            if nest.ring.pid(name):
                text = requests.get(base + path, timeout=10).text
                assert not where(nest, text.encode(), f"{name}{path}")


def test_no_answer(nest):
    for answer in nest.answers:
        assert not where(nest, answer.body + str(answer.headers).encode(), repr(answer))


def files(nest):
    return [path for path in (nest.ring.dir / "data").rglob("*")
            if path.is_file() and path.name != "lock.mdb"]


def test_no_journal_or_directory_file(nest):
    """Raw bytes, with LMDB's free pages."""
    seen = files(nest)
    assert len([path for path in seen if path.name == "data.mdb"]) == 4
    for path in seen:
        assert not where(nest, path.read_bytes(), path.name)


def test_the_directory_holds_the_hash(nest):
    """The only trace of a token, so the search above looks at the right place."""
    data = (nest.ring.dir / "data" / "directory" / "data.mdb").read_bytes()
    for token in (nest.ada.token, nest.other, nest.foreign, nest.manager):
        assert hashlib.blake2b(token.encode(), digest_size=32).digest() in data


def test_what_stood_beside_a_credential_came_as_it_was(nest):
    ring, ada = nest.ring, nest.ada
    stars = "*" * len(nest.foreign)
    event, = [message["event"] for message in ring.messages("bots", "nest", ada.token, limit=1000)
              if message["event"]["body"] == f"text={stars}"]
    parameters = event["parameters"]
    assert parameters["zapikey[]"] == parameters["ZAPIKEY"] == stars
    assert parameters["u"] == f"https://h/{stars}/" and parameters[stars] == "1"
    assert event["headers"]["x-other"] == stars and event["headers"]["user-agent"] == stars + "x"
    assert event["headers"]["x-url"].startswith("https://h/?a=**")


def test_no_history_of_a_handler(nest):
    """The event that a handler gets has the request's headers and parameters, not its secrets."""
    ring, ada = nest.ring, nest.ada
    events = [ring.messages("bots", "nest", ada.token),
              ring.messages("applications", nest.app.app_id, ada.token)]
    assert all(events)
    assert not where(nest, str(events).encode(), "history")


def test_no_command_line_or_environment(nest):
    seen = 0
    for name in nest.ring.names:
        proc = pathlib.Path(f"/proc/{nest.ring.pid(name)}")
        for file in ("cmdline", "environ"):
            assert not where(nest, (proc / file).read_bytes(), f"{name} {file}")
            seen += 1
    assert seen == 2 * len(nest.ring.names)


def memory_of(pid):
    """All writable memory of a process."""
    found = []
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            span, mode, *_ = line.split()
            start, end = (int(part, 16) for part in span.split("-"))
            if mode.startswith("rw") and end - start < 1 << 28:
                with contextlib.suppress(OSError, ValueError):
                    memory.seek(start)
                    found.append(memory.read(end - start))
    return b"".join(found)


@pytest.mark.parametrize("name", ["router-0", "channel-0", "bot-0", "extension-0"])
def test_no_memory_of_a_process_that_must_not_see_a_token(nest, name):
    memory = memory_of(nest.ring.pid(name))
    assert len(memory) > 1 << 16
    assert not where(nest, memory, name, [*nest.tokens, nest.app.appkey, nest.former.appkey,
                                           nest.appkey_wrong])


def test_processes_cannot_be_dumped(nest):
    for name in nest.ring.names:
        limits = pathlib.Path(f"/proc/{nest.ring.pid(name)}/limits").read_text()
        core = [line for line in limits.splitlines() if line.startswith("Max core")][0]
        assert core.split()[4:6] == ["0", "0"], core


def test_the_configuration_check_masks_secrets(nest):
    done = subprocess.run([postern.BIN / "postern-authd", "-c", nest.ring.conf, "-t"],
                          capture_output=True, text=True, env=nest.ring.environment)
    assert done.returncode == 0 and 'master_key = "***"' in done.stdout, done.stdout
    key = (nest.ring.dir / "data" / "master.key").read_text().strip()
    assert key not in done.stdout + done.stderr


def test_the_master_key_is_nowhere_else(nest):
    key = (nest.ring.dir / "data" / "master.key").read_text().strip()
    raw = bytes.fromhex(key)
    assert len(raw) == 32 and key not in nest.ring.logs()
    for path in files(nest):
        if path.name != "master.key":
            data = path.read_bytes()
            assert key.encode() not in data and raw not in data, path


def test_posternctl_takes_no_token_from_its_command_line(nest):
    """Other users can read those."""
    done = nest.ring.ctl_run("send", "channel", "nest", "hello", "--token", nest.unknown)
    assert done.returncode == 2
    assert nest.unknown not in done.stdout + done.stderr


def test_tokens_are_not_in_what_posternctl_lists(nest):
    ring, email = nest.ring, nest.ada.email
    for words in (("token", "list", email), ("user", "show", email), ("user", "list"),
                  ("channel", "show", "nest"), ("bot", "show", "nest"), ("channel", "list"),
                  ("extension", "list"), ("session", "list", email),
                  ("invitation", "list"), ("user", "totp", "show", email), ("audit", "list"), ("audit", "export")):
        done = ring.ctl_run(*words, "--json")
        assert done.returncode == 0, done.stderr
        assert not where(nest, (done.stdout + done.stderr).encode(), words)
    listed = ring.ctl("token", "list", email)["tokens"]
    assert {nest.ada.token[-4:], nest.other[-4:]} <= {token["last4"] for token in listed}


def test_a_token_check_shows_no_token(nest):
    text = "\n".join(nest.secrets)
    done = nest.ring.ctl_run("token", "check", "--json", input=text)
    assert done.returncode == 1 and nest.ada.token[-4:] in done.stdout
    assert not where(nest, (done.stdout + done.stderr).encode(), "token check")


def test_the_scanners_rule_finds_every_token(nest):
    """The rule in docs/SECURITY.md is what secret scanners are given."""
    text = (postern.ROOT / "docs" / "SECURITY.md").read_text()
    rule, = set(re.findall(r"\(\?<!\[0-9A-Za-z\]\)pst_\S+?\(\?!\[0-9A-Za-z\]\)", text))
    for token in (nest.ada.token, nest.other, nest.deleted["token"]):
        assert re.findall(rule, f'url = "https://h/x?zapikey={token}&a=1"') == [token]
        assert not re.search(rule, f"x{token}") and not re.search(rule, token + "y")
