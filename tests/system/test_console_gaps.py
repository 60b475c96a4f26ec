"""What a page needs of the API, asked by curl with a session's cookie, a row each. Prints the table (pytest -s)."""

import json
import subprocess

import pytest

EMAIL, PASSWORD = "gaps@example.org", "a gap in a hedge of words"

# number, method, path, body; {x} is what the fixture has made.
SERVED = (
    ("10", "GET", "/tokens/{token}", None), ("11", "GET", "/tokens/{token}/use", None),
    ("12", "GET", "/tokens?user={user}&state=active&unused_days=1", None), ("13", "GET", "/me", None),
    ("14", "GET", "/users/me/tokens", None), ("15", "GET", "/people?q=gaps&limit=5", None),
    ("16", "GET", "/channels/{channel}", None), ("17", "GET", "/channels/{channel}/members?limit=1", None),
    ("17", "GET", "/bots/{bot}/subscribers?limit=1", None), ("18", "GET", "/channels?q=gap&archived=true", None),
    ("18", "GET", "/users?state=deactivated", None),
    ("19", "PUT", "/channels/{channel}", {"display_name": "Gaps", "description": "what is missing"}),
    ("20", "GET", "/session", None), ("21", "POST", "/invitations/check", {"invitation": "{invitation}"}),
    ("23", "GET", "/health", None), ("24", "GET", "/health/series?minutes=5", None), ("25", "GET", "/about", None),
    ("26", "GET", "/audit?order=desc&limit=2&op=channel_create", None),
    ("26", "GET", "/audit?limit=2", "Accept: application/x-ndjson"),
    ("3", "GET", "/streams?events=message,delivery,token_used,directory,health", None),
    ("9", "GET", "/channels/{channel}/counts?hours=24", None), ("9", "GET", "/bots/{bot}/counts", None),
    ("5", "GET", "/deliveries?state=pending&limit=10", None), ("5", "GET", "/bots/{bot}/deliveries?outcome=connect", None),
    ("6", "GET", "/bots/{bot}/deliveries/{delivery}", None),
    ("7", "POST", "/bots/{bot}/deliveries/replay?dry_run=true", None), ("7", "GET", "/bots/{bot}/deliveries/replay", None),
    ("7", "DELETE", "/bots/{bot}/deliveries/replay", None), ("7", "POST", "/bots/{bot}/deliveries/retry?id={delivery}", None),
    ("8", "POST", "/bots/{bot}/handler/test", {"url": "http://127.0.0.1:9/"}),
    ("22", "POST", "/invitations/accept", {"invitation": "{invitation}", "password": PASSWORD + " more", "cookie": True}),
)
# Messages, streams and deliveries by session. Where there is such an endpoint, it takes the owner's cookie.
BY_SESSION = (
    ("1", "GET", "/channels/{channel}/messages?last=5", None), ("2", "GET", "/users/me/messages", None),
    ("4", "POST", "/channels/{channel}/messages", {"text": "hello"}),
)


class Curl:
    def __init__(self, ring, place):
        self.url, self.jar, self.csrf, self.made = f"http://127.0.0.1:{ring.admin_port}/api/v2", place / "cookies", "", {}

    def __call__(self, method, path, body=None, *more):
        """(status, body's text)"""
        args = ["curl", "-sS", "-m", "1" if path.startswith("/streams") else "5", "-X", method, "-b", self.jar, "-c", self.jar, "-w", "\n%{http_code}",
                "-H", f"Origin: {self.url.removesuffix('/api/v2')}", *more]
        if self.csrf and method != "GET":
            args += ["-H", f"X-CSRF-Token: {self.csrf}"]
        if isinstance(body, str):
            args += ["-H", body]
        elif body is not None:
            args += ["-H", "Content-Type: application/json", "-d", self.fill(json.dumps(body))]
        done = subprocess.run([*args, self.url + self.fill(path)], capture_output=True, text=True, check=False)
        text, _, status = done.stdout.rpartition("\n")
        return int(status), text

    def fill(self, text):
        for name, value in self.made.items():
            text = text.replace("{" + name + "}", value)
        return text


@pytest.fixture(scope="module")
def curl(ring, tmp_path_factory):
    asks = Curl(ring, tmp_path_factory.mktemp("curl"))
    user = ring.ctl("user", "create", EMAIL, "--role", "owner")
    ring.manage("user_password", EMAIL, password=PASSWORD)
    asks.made.update(user=user["id"], channel=ring.ctl("channel", "create", "gaps_channel", "--owner", EMAIL)["id"],
                     bot=ring.ctl("bot", "create", "gaps_bot", "--owner", EMAIL)["id"],
                     token=ring.ctl("token", "create", EMAIL)["id"],
                     invitation=ring.manage("user_invite", email="gaps-new@example.org")["invitation"])
    enter(asks)
    ring.manage("bot_handler_set", "gaps_bot", url="http://127.0.0.1:9/")
    assert asks("POST", "/bots/{bot}/events", {"n": 1})[0] == 200
    row, = ring.wait(lambda: json.loads(asks("GET", "/bots/{bot}/deliveries")[1])["deliveries"])
    asks.made["delivery"] = str(row["number"])
    return asks


def enter(asks):
    status, text = asks("POST", "/login", {"email": EMAIL, "password": PASSWORD, "cookie": True})
    assert status == 200, text
    asks.csrf = json.loads(text)["csrf"]


def table(curl, rows):
    print()
    for number, method, path, body in rows:
        status, text = curl(method, path, body)
        print(f"| {number:>2} | {method:<4} | {path.split('?')[0]:<34} | {status} | {text[:60]!r}")
        yield number, method, path, status


def test_what_a_page_needs_is_served(curl):
    wrong = [row for row in table(curl, SERVED) if row[3] != 200]
    assert not wrong


def test_messages_streams_and_deliveries_by_session(curl):
    enter(curl)  # who has accepted an invitation is somebody else
    wrong = [row for row in table(curl, BY_SESSION) if row[3] == 401 or row[3] >= 500]
    assert not wrong


def test_who_is_not_signed_in_learns_nothing(curl, ring, tmp_path):
    nobody = Curl(ring, tmp_path)
    nobody.made = curl.made
    open_to_all = ("20", "21", "22")
    for number, method, path, status in table(nobody, [row for row in SERVED if row[0] not in open_to_all]):
        assert status == 401, (number, method, path)
