"""posternctl by a session over HTTP: logging in from another host, and the session that it keeps."""

import http.server
import json
import stat
import subprocess
import threading
import time

import pytest

from harness import postern
from test_logins import GOOD, person, totp


class Away:
    """posternctl on another host: no configuration, no control socket, a home of its own."""

    def __init__(self, ring, home):
        self.ring, self.home = ring, home
        self.url = f"http://127.0.0.1:{ring.admin_port}"

    def run(self, *words, url=None, **more):
        environment = {**self.ring.environment, "HOME": str(self.home), "POSTERN_CONF": "/nonexistent"}
        for name in ("POSTERN_TOKEN", "POSTERN_SESSION", "POSTERN_URL", "POSTERN_MANAGEMENT_URL",
                     "POSTERN_MANAGEMENT_TOKEN", "XDG_CONFIG_HOME"):
            environment.pop(name, None)
        environment.update(more.pop("environment", {}))
        if "input" not in more:
            more["stdin"] = subprocess.DEVNULL
        return subprocess.run([str(self.ring.binaries / "posternctl"), *words, "--management-url", url or self.url],
                              env=environment, text=True, capture_output=True, cwd="/",
                              timeout=60 * postern.SLOW, **more)

    def json(self, *words, **more):
        done = self.run(*words, "--json", **more)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def fails(self, *words, status=1, **more):
        """Its stderr."""
        done = self.run(*words, **more)
        assert done.returncode == status, (done.stdout, done.stderr)
        return done.stderr

    def first_line(self, *words):
        """Of what goes on until it is ended."""
        environment = {**self.ring.environment, "HOME": str(self.home), "POSTERN_CONF": "/nonexistent"}
        environment.pop("POSTERN_TOKEN", None)
        with subprocess.Popen([str(self.ring.binaries / "posternctl"), *words, "--management-url", self.url], env=environment, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd="/") as running:
            line = running.stdout.readline()
            running.terminate()
        return json.loads(line)

    def kept(self):
        return sorted((self.home / ".config/postern/sessions").glob("*"))


@pytest.fixture
def away(ring, tmp_path):
    return Away(ring, tmp_path)


@pytest.fixture
def ada(ring, name):
    return person(ring, name)


def test_an_answer_that_waits_for_a_hash_comes_alone(ring, ada):
    """Over the control socket, too: nothing goes out before it is there, which would be logged here."""
    for words in (("user", "password", ada.email), ("login", ada.email)):
        done = ring.ctl_run(*words, "--json", input=GOOD + "\n")
        assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_a_login_needs_no_token_and_its_session_is_used(away, ada):
    made = away.json("login", ada.email, input=GOOD + "\n")
    assert made["session"].startswith("pss_") and made["from"] == "127.0.0.1"
    assert away.kept() == []
    by_variable = {"environment": {"POSTERN_SESSION": made["session"]}}
    assert away.json("me", "show", **by_variable)["id"] == ada.id
    assert away.json("session", "show", **by_variable)["id"] == made["id"]
    assert "no session" in away.fails("me", "show")
    wrong = away.fails("login", ada.email, input="wrong\n")
    assert "wrong" in wrong and "token" not in wrong
    assert away.run("logout", **by_variable).stdout == "Logged out.\n"
    gone = away.fails("me", "show", **by_variable)
    assert "has ended" in gone and f"--management-url {away.url} login" in gone


def test_a_kept_session_is_used_until_logout(away, ada):
    done = away.run("login", ada.email, "--save", input=GOOD + "\n")
    assert done.returncode == 0, done.stderr
    path, = away.kept()
    kept = json.loads(path.read_text())
    assert kept["session"].startswith("pss_") and kept["url"] == away.url
    assert kept["session"] not in done.stdout + done.stderr and str(path) in done.stdout
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for directory in (path.parent, path.parent.parent):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert away.json("me", "show")["id"] == ada.id
    assert away.json("me", "show", url=away.url.replace("http", "HTTP") + "/")["id"] == ada.id
    assert away.json("user", "edit", ada.id, "--name", "Ada")["name"] == "Ada"
    assert away.json("session", "show")["id"] == kept["id"]
    # a token that is given goes before it
    assert "not valid" in away.fails("me", "show", environment={"POSTERN_MANAGEMENT_TOKEN": "psm_" + "x" * 36})
    again = away.json("login", ada.email, "--save", input=GOOD + "\n")
    assert "session" not in again and "csrf" not in again
    assert json.loads(path.read_text())["id"] == again["id"]
    assert away.run("logout").stdout == "Logged out.\n"
    assert away.kept() == []
    assert "no session" in away.fails("me", "show")
    # the session before is another one
    assert away.json("me", "show", environment={"POSTERN_SESSION": kept["session"]})["id"] == ada.id


def test_who_is_logged_in_needs_no_webhook_token(ring, away, ada, name):
    ring.ctl("channel", "create", name, "--owner", ada.email)
    ring.ctl("bot", "create", name, "--owner", ada.email)
    ring.ctl("extension", "create", name, "--owner", ada.email)
    ring.ctl("bot", "handler", "set", name, "http://192.0.2.1:9/")
    away.json("login", ada.email, "--save", input=GOOD + "\n")
    assert away.json("send", "channel", name, "one", "--key", "k")["body"]["revision"] == 0
    for kind in ("bot", "extension"):
        assert away.json("send", kind, name, "two")["status"] in (200, 204)
    for kind in ("channel", "bot", "extension"):
        row, = away.json("history", kind, name)["messages"] if kind == "channel" else away.json("history", kind, name)["messages"][-1:]
        assert row["sequence"] == 1
        assert json.loads(away.run("export", kind, name).stdout.splitlines()[0])["id"] == row["id"]
        assert away.json("counts", kind, name)["all"]["messages"] == 1
    number = str(ring.wait(lambda: away.json("delivery", "list", "bot", name)["deliveries"])[0]["number"])
    assert away.json("delivery", "show", "bot", name, number)["number"] == int(number)
    assert away.run("delivery", "retry", "bot", name, number).stdout == "it is tried again now\n"
    assert away.json("dlq", "list", "extension", name, "--environment", "marketplace")["deliveries"] == []
    outlet = ring.ctl("outlet", "create", name, "generic", "--url", "http://192.0.2.1:9/")["id"]
    assert away.run("outlet", "test", outlet).returncode == 0
    rows = ring.wait(lambda: away.json("outlet", "deliveries", outlet)["deliveries"])
    assert {row["state"] for row in rows} == {"pending"} and away.run("outlet", "replay", outlet).returncode == 0
    assert away.json("format", "replay", name)["matched"] == 0
    exported = away.run("export", "channel", name).stdout
    ring.ctl("channel", "create", f"{name}_other", "--owner", ada.email)
    ring.ctl("channel", "member", "add", f"{name}_other", ada.email)
    for posted in (1, 0):  # what is there is not posted again
        done = away.json("import", "channel", f"{name}_other", "-", input=exported)
        assert (done["imported"], done["known"]) == (posted, 1 - posted)
    tail = ("tail", "channel", name, "--last", "1", "--json"), ("tail", "targets", f"channel:{name}", "--last", "1", "--json")
    for words in tail:
        assert away.first_line(*words)["message"]["text"] == "one"
    # a webhook token goes before it, unless the session or the management token is named
    webhook = {"environment": {"POSTERN_TOKEN": "pst_" + "x" * 36}}
    assert "invalid_token" in away.fails("history", "channel", name, "--url", ring.base, **webhook)
    path, = away.kept()
    assert away.json("history", "channel", name, "--session-file", str(path), **webhook)["messages"]
    manager = {"environment": {"POSTERN_MANAGEMENT_TOKEN": ring.management_token(ada)}}
    assert away.json("history", "channel", name, **manager)["messages"]
    other = {"environment": {"POSTERN_MANAGEMENT_TOKEN": ring.management_token(person(ring, f"{name}-b"))}}
    for words in (("history", "channel", name), ("outlet", "deliveries", outlet), ("format", "replay", name), ("import", "channel", name, "-")):
        assert "not_allowed" in away.fails(*words, **other, **({"input": exported} if words[0] == "import" else {}))
    assert "$POSTERN_TOKEN" in away.fails("import", "channel", name, "/dev/null", "--url", ring.base)
    ring.ctl("session", "end", ada.email)
    assert "has ended: log in again" in away.fails("history", "channel", name)


def test_a_kept_session_that_has_ended_says_so(ring, away, ada):
    away.json("login", ada.email, "--save", input=GOOD + "\n")
    ring.ctl("session", "end", ada.email)
    error = away.fails("me", "show")
    assert "has ended: log in again with posternctl" in error and "--save" in error
    refusal = away.run("me", "show", "--json")
    assert json.loads(refusal.stdout)["code"] == "invalid_session"
    assert "ended" in away.fails("logout")
    assert away.kept() == []


def test_a_session_goes_to_no_other_url(away, ada, tmp_path):
    seen = []

    class Eavesdropper(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            seen.append((self.path, dict(self.headers)))
            self.send_response(401)
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Eavesdropper)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    other = f"http://127.0.0.1:{server.server_port}"
    file = tmp_path / "here" / "session"
    try:
        away.json("login", ada.email, "--save", input=GOOD + "\n")
        away.json("login", ada.email, "--save", "--session-file", str(file), input=GOOD + "\n")
        kept, = away.kept()
        assert "no session" in away.fails("me", "show", url=other)
        refusal = away.fails("me", "show", "--session-file", str(file), url=other)
        assert f"is a session of {away.url}, and is not sent to {other}" in refusal
        assert "not sent" in away.fails("logout", "--session-file", str(file), url=other)
        # a file that was put in another's place
        kept.rename(kept.with_name(kept.name.replace(str(away.ring.admin_port), str(server.server_port))))
        assert "not sent" in away.fails("me", "show", url=other)
        assert seen == []
        away.fails("me", "show", url=other, environment={"POSTERN_MANAGEMENT_TOKEN": "psm_" + "x" * 36})
        assert [path for path, _ in seen] == ["/api/v2/me"]  # it would have been heard
        away.fails("login", ada.email, url=other, input="something\n",
                   environment={"POSTERN_MANAGEMENT_TOKEN": "psm_" + "x" * 36})
        assert "Authorization" not in seen[-1][1]
    finally:
        server.shutdown()
        server.server_close()


def test_a_session_file_of_ones_own_choice(away, ada, tmp_path):
    file = tmp_path / "one" / "two" / "session.json"
    words = ("--session-file", str(file))
    assert "cannot read" in away.fails("me", "show", *words)
    made = away.json("login", ada.email, "--save", *words, input=GOOD + "\n")
    assert away.kept() == [] and stat.S_IMODE(file.stat().st_mode) == 0o600
    assert away.json("session", "show", *words)["id"] == made["id"]
    # it goes before what the environment says
    bad = {"POSTERN_MANAGEMENT_TOKEN": "psm_" + "x" * 36, "POSTERN_SESSION": "pss_" + "x" * 64}
    assert away.json("me", "show", *words, environment=bad)["id"] == ada.id
    for mode in (0o640, 0o604):
        file.chmod(mode)
        for command in (("me", "show"), ("logout",), ("session", "show")):
            assert "others may read it" in away.fails(*command, *words)
    file.chmod(0o600)
    text = file.read_text()
    for wrong in ("", "{", "[]", '{"url": 1}', json.loads(text)["session"]):
        file.write_text(wrong)
        assert "is no session that posternctl login --save has kept" in away.fails("me", "show", *words)
    file.write_text(text)
    assert away.run("logout", *words).stdout == "Logged out.\n" and not file.exists()


def test_where_it_is_kept(ring, away, ada, tmp_path):
    config = tmp_path / "config"
    environment = {"XDG_CONFIG_HOME": str(config)}
    away.json("login", ada.email, "--save", input=GOOD + "\n", environment=environment)
    assert len(list((config / "postern/sessions").iterdir())) == 1 and away.kept() == []
    assert away.json("me", "show", environment=environment)["id"] == ada.id
    # what is not absolute does not count, and without a home there is no place
    assert "no session" in away.fails("me", "show", environment={"XDG_CONFIG_HOME": "config"})
    before = len(ring.ctl("session", "list", ada.email)["sessions"])
    nowhere = {"HOME": "", "XDG_CONFIG_HOME": ""}
    assert "no place" in away.fails("login", ada.email, "--save", input=GOOD + "\n", environment=nowhere)
    config.joinpath("file").write_text("")
    blocked = ("--session-file", str(config / "file" / "session"))
    assert "cannot keep" in away.fails("login", ada.email, "--save", *blocked, input=GOOD + "\n")
    # a session that could not be kept is ended
    assert len(ring.ctl("session", "list", ada.email)["sessions"]) == before
    error = ring.ctl_run("login", ada.email, "--save", input=GOOD + "\n")
    assert error.returncode == 1 and "--management-url" in error.stderr


def test_an_invitation_is_accepted_and_the_account_is_kept_up_from_afar(ring, away, name):
    email = f"{name}@example.org"
    link = ring.ctl("user", "invite", email)["link"]
    user = away.json("invitation", "accept", input=f"{link}\n{GOOD}\n")
    away.json("login", email, "--save", input=GOOD + "\n")
    begun = away.json("user", "totp", "begin", email, input=GOOD + "\n")
    step = int(time.time()) // 30
    away.json("user", "totp", "confirm", email, input=totp(begun["secret"], step) + "\n")
    made = away.json("user", "totp", "codes", email, input=f"{GOOD}\n{totp(begun['secret'], step + 1)}\n")
    away.json("login", email, "--save", input=f"{GOOD}\n{made['codes'][0]}\n")
    assert away.json("me", "show")["id"] == user["id"]
    away.json("user", "totp", "remove", email, input=GOOD + "\n")
    better = "nine copper kettles whistle"
    assert "old_password" in away.fails("user", "password", email, input=better + "\n")
    away.json("user", "password", email, input=f"{better}\n{GOOD}\n")
    assert "has ended" in away.fails("me", "show")
    away.json("login", email, "--save", input=better + "\n")


def test_completion_and_help_know_it(ring):
    help_text = ring.ctl_run("login", "--help").stdout
    assert "--save" in help_text and "--session-file FILE" in help_text
    offered = ring.ctl_run("completion", "words", "login", "-").stdout.split()
    assert offered[0] == "--save" and "--session-file" in offered
