"""posternctl alone, without a running ring: its words, help, configuration, completion, init."""

import http.server
import json
import os
import pathlib
import pty
import re
import resource
import shutil
import stat
import subprocess
import sys
import threading

import pytest

from harness import lacking, postern

sys.path.insert(0, str(postern.ROOT / "tests/lint"))
import tables  # noqa: E402

CTL = str(postern.BIN / "posternctl")
CONFIG = 78


@pytest.fixture
def place():
    made = postern.scratch("c-")
    yield made
    shutil.rmtree(made, ignore_errors=True)


def run(*words, cwd="/", env=None, **more):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("POSTERN_")}
    return subprocess.run([CTL, *map(str, words)], text=True, capture_output=True, timeout=60, cwd=cwd,
                          env={**environment, **(env or {})}, **more)


@pytest.fixture(scope="module")
def every_command():
    """{words: how posternctl WORDS --help ended} of what --help lists, level by level."""
    found, groups = {}, [()]
    while groups:
        words = groups.pop()
        done = run(*words, "--help")
        text = done.stdout
        if "\nCommands:\n" not in text:
            found[words] = done
            continue
        listed = text.split("\nCommands:\n")[1].split("\n\n")[0]
        groups += [(*words, word) for word in re.findall(r"^  (\S+)", listed, re.M)]
    return found


def test_every_command_has_help_with_examples(every_command):
    assert len(every_command) > 30
    for words, done in every_command.items():
        assert done.returncode == 0 and not done.stderr
        assert f"Usage: posternctl {' '.join(words)}" in done.stdout
        assert re.search(rf"^Examples:\n  posternctl {' '.join(words)}", done.stdout, re.M)


def test_help_is_for_terminals_of_100_columns_and_in_columns(every_command):
    for text in [run("--help").stdout, *(done.stdout for done in every_command.values())]:
        explained = text.split("\nExamples:\n")[0].splitlines()[3:]
        assert [line for line in explained if len(line) > 100 or line.endswith(" ")] == []
        names = [line for line in explained if re.match(r"  -", line)]
        assert [line for line in names if len(line) > 29 and line[28] != " "] == ["  --management-token-file FILE"]


def in_code(text):
    """Lines of a document's blocks, and what stands between backquotes."""
    pieces = re.split(r"^ *```.*$", text, flags=re.M)
    for block in pieces[1::2]:
        yield from block.replace("\\\n", " ").splitlines()
    for span in re.findall(r"`([^`]+)`", "".join(pieces[::2])):
        yield span.replace("\n", " ")


def not_there(call, every_command):
    """What of the words behind posternctl is no command, or no option of it; None when all is."""
    words = re.match(r"(?:-[cs] \S+ |--\S+ \S+ )*([a-z ]*)", call)[1].split()
    names = [tuple(words[:n]) for n in range(len(words), 0, -1)]
    named = next((name for name in names if name in every_command), None)
    if not named:
        begun = not words or any(name[:len(words)] == names[0] for name in every_command)
        return None if begun else " ".join(words)
    options = re.findall(r"(?<= )--[a-z-]+", call.split(" -- ")[0])
    known = every_command[named].stdout
    return next((o for o in options if not re.search(rf"^  {o}\b", known, re.M)), None)


def test_documents_name_commands_and_options_that_are_there(every_command):
    calls = [(path.name, call) for path in (postern.ROOT / "README.md", *postern.ROOT.glob("docs/*.md"))
             for line in in_code(path.read_text())
             for call in re.findall(r"(?:^|[\s(/'\"])posternctl ([^|;#&)`>]+)", line)]
    assert len(calls) > 80
    assert [(name, call) for name, call in calls if not_there(call, every_command)] == []


@pytest.mark.parametrize("what, words", [
    ("--name", ("user", "create", "ada@example.org", "--name", "\udcff")),
    ("--channels", ("token", "create", "ada@example.org", "--channels", "releases,\udcff")),
    ("NAME", ("channel", "create", "\udcff", "--owner", "ada@example.org")),
    ("--state", ("delivery", "list", "bot", "buildbot", "--state", "\udcff")),
])
def test_what_is_no_utf8_is_refused_and_not_left_out(what, words):
    done = run(*words)
    assert (done.returncode, done.stderr) == (2, f"posternctl: {what} takes text in UTF-8\n")


def test_a_path_that_is_no_utf8_is_shown(place):
    directory = f"{place}/\udcff"
    made = run("init", directory, "--json")
    assert (made.returncode, json.loads(made.stdout)["directory"]) == (0, f"{place}/\ufffd"), made.stderr
    good = run("config", "check", "-c", f"{directory}/postern.conf", "--json")
    assert json.loads(good.stdout) == {"file": f"{place}/\ufffd/postern.conf", "good": True}
    again = run("init", directory, "--json")
    assert again.returncode == 1 and f"{place}/\ufffd" in json.loads(again.stdout)["message"]


@pytest.fixture
def stranger():
    """The port of a monitor that stands still, and says so as no program of ours would."""
    answers = {"/healthz": (503, b"st\xffnds \xe2\x82\n"),
               "/readyz": (200, json.dumps({"checks": [{"name": "xy", "state": "failed", "reason": "\u20ac" * 300}]}).encode())}

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, body = answers[self.path]
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, answers
        server.shutdown()


def test_ring_shows_what_is_no_utf8_and_what_was_cut(place, stranger):
    port, answers = stranger
    assert run("init", place / "x").returncode == 0
    words = ("health", "gateway-0", "-c", place / "x/postern.conf", "-s", f"gateway.monitor=127.0.0.1:{port}", "--json")
    row, = json.loads(run(*words).stdout)["processes"]
    assert (row["state"], row["reasons"]) == ("hanging", "st\ufffdnds \ufffd\ufffd")
    answers["/healthz"] = (200, b"ok\n")
    row, = json.loads(run(*words).stdout)["processes"]
    assert row["state"] == "ready"
    assert row["reasons"].rstrip("\ufffd") == "xy failed: " + "\u20ac" * 166 != row["reasons"]


@pytest.mark.parametrize("words, text", [
    (["chanel", "list"], "Did you mean 'channel'?"),
    (["channel", "member", "ad"], "Did you mean 'channel member add'?"),
    (["up", "--demmo"], "Did you mean --demo?"),
    (["gibberish"], "See posternctl --help"),
    (["tail", "--all"], "Did you mean 'tail all'?"),
    (["channel", "member", "--gibberish"], "See posternctl channel member --help"),
    (["stream", "channel", "x"], "Did you mean 'tail'?"),
    (["messages"], "Did you mean 'history'?"),
    (["user", "create"], "user create needs EMAIL"),
    (["user", "list", "extra"], "'extra' is too much"),
    (["user", "create", "a@b.c", "--name"], "--name needs a value"),
    (["user", "list", "--json=1"], "--json takes no value"),
    (["up", "--port", "70000"], "from 1 to 65000"),
    (["up", "--port", "8o80"], "from 1 to 65000"),
    (["token", "limit", "id", "-1", "2"], "no option -1"),
    (["token", "limit", "id", "1", "many"], "BURST is a number"),
    (["channel", "create", "x"], "--owner"),
    (["init", "--shards", "channel=0"], "from 1 to 256"),
    (["init", "--shards", "channels=2"], "not 'channels'"),
    (["init", "--url", 'http://x" y'], "--url takes"),
    (["send", "channel", "x"], "either TEXT or --body"),
    (["send", "channel", "x", "hi", "--idempotency-key", "a\r\nb: c"], "printable ASCII"),
    (["send", "bot", "x", "hi", "--key", "a\r\nb: c"], "printable ASCII"),
    (["send", "channel", "x", "hi", "--key", ""], "--key takes"),
    (["send", "channel", "x", "hi", "--file", "f"], "one of TEXT"),
    (["send", "channel", "x", "--body", "b", "--file", "f"], "one of TEXT"),
    (["send", "channel", "x", "hi", "--format", "github"], "--format takes an event"),
    (["completion", "tcsh"], "bash, zsh and fish"),
    (["-s", "noequals", "user", "list"], "section.key=value"),
])
def test_wrong_usage_is_2_and_says_why(words, text):
    done = run(*words)
    assert done.returncode == 2, done
    assert text in done.stderr and not done.stdout


@pytest.mark.parametrize("words", [[], ["channel"], ["channel", "member"]])
def test_an_unfinished_command_shows_the_help_as_an_error(words):
    done = run(*words)
    assert done.returncode == 2 and "Commands:" in done.stderr and not done.stdout


def test_version():
    assert re.fullmatch(r"posternctl \d+\.\d+\.\d+\n", run("--version").stdout)


# --- configuration


def with_etc(etc, *words, cwd):
    """Runs a program that finds the directory ETC in place of /etc."""
    script = 'mount --bind "$0" /etc && cd "$1" && shift && exec "$@"'
    return subprocess.run(["unshare", "--mount", "sh", "-c", script, str(etc), str(cwd),
                           *map(str, words)], capture_output=True, text=True, timeout=60)


def test_the_last_place_is_etc_and_all_three_are_named(place):
    etc, empty, near = place / "etc", place / "empty", place / "near"
    empty.mkdir()
    if with_etc(empty, "true", cwd=empty).returncode != 0:
        lacking.skip("mount")
    done = with_etc(empty, postern.BIN / "posternctl", "user", "list", cwd=empty)
    assert done.returncode == CONFIG
    assert "$POSTERN_CONF, ./postern.conf, /etc/postern/postern.conf" in done.stderr
    for made in (etc / "postern", near):
        assert run("init", made).returncode == 0
    for cwd, found in ((empty, "/etc/postern"), (near, str(near))):
        done = with_etc(etc, postern.BIN / "posternctl", "user", "list", cwd=cwd)
        assert f"not running at ipc://{found}/data/run/control" in done.stderr
        done = with_etc(etc, postern.BIN / "postern-router", "-t", cwd=cwd)
        assert f'directory = "{found}/data"' in done.stdout, done


def test_the_option_goes_before_the_environment_and_that_before_the_directory(place):
    one, two = place / "one", place / "two"
    for made in (one, two):
        assert run("init", made).returncode == 0

    def socket_of(done):
        assert done.returncode == 1, done
        return re.search(r"not running at ipc://(\S+)/data/run/control", done.stderr)[1]

    assert socket_of(run("user", "list", cwd=one)) == str(one)
    environment = {"POSTERN_CONF": str(two / "postern.conf")}
    assert socket_of(run("user", "list", cwd=one, env=environment)) == str(two)
    words = ["user", "list", "-c", one / "postern.conf"]
    assert socket_of(run(*words, cwd=two, env=environment)) == str(one)


@pytest.mark.parametrize("text, reason", [
    ("gateway\n    thread = 2\n", "gateway.thread"),
    ("shards\n    bot = 0\n", "shards.bot"),
    (None, "No such file"),
])
def test_a_wrong_configuration_is_78(place, text, reason):
    conf = place / "postern.conf"
    if text is not None:
        conf.write_text(text)
    done = run("user", "list", "-c", conf)
    assert done.returncode == CONFIG and reason in done.stderr


def test_authd_that_is_not_there_is_said_at_once_and_with_json(place):
    assert run("init", place / "x").returncode == 0
    done = run("user", "list", "--json", "-c", place / "x/postern.conf")
    assert done.returncode == 1
    error = json.loads(done.stdout)
    assert error["code"] == "unreachable"
    assert "start it with posternctl up" in error["message"]


# --- init


def test_init_makes_what_is_needed_and_no_more(place):
    done = run("init", place / "new", "--shards", "channel=4,bot=2", "--url",
               "https://hooks.example.org")
    assert done.returncode == 0, done.stderr
    assert "fixed for the life of the data" in done.stdout
    made = sorted(str(p.relative_to(place / "new")) for p in (place / "new").rglob("*"))
    assert made == ["data", "data/master.key", "postern.conf"]
    assert stat.S_IMODE((place / "new/data").stat().st_mode) == 0o700
    key = place / "new/data/master.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert re.fullmatch(r"[0-9a-f]{64}\n", key.read_text())
    assert key.read_text()[:64] not in done.stdout + (place / "new/postern.conf").read_text()
    health = run("health", "--json", "-c", place / "new/postern.conf")
    names = [row["process"] for row in json.loads(health.stdout)["processes"]]
    assert names == ["gateway-0", "authd-0", "router-0", "channel-0", "channel-1", "channel-2",
                     "channel-3", "bot-0", "bot-1", "extension-0"]


def test_init_draws_another_key_each_time(place):
    for name in ("a", "b"):
        run("init", place / name)
    assert (place / "a/data/master.key").read_text() != (place / "b/data/master.key").read_text()


@pytest.mark.parametrize("what", ["postern.conf", "data/master.key"])
def test_init_overwrites_nothing(place, what):
    (place / "data").mkdir()
    (place / what).write_text("precious")
    done = run("init", place)
    assert done.returncode == 1 and "overwrites nothing" in done.stderr
    assert (place / what).read_text() == "precious"
    assert sum(p.is_file() for p in place.rglob("*")) == 1


def test_init_refuses_a_path_that_no_socket_fits_below(place):
    long = place / ("x" * 100)
    done = run("init", long)
    assert done.returncode == 1 and "too long a path" in done.stderr
    assert not (long / "data").exists()


def test_many_shards_get_monitors_that_do_not_meet(place):
    assert run("init", place / "x", "--shards", "channel=256,bot=256").returncode == 0
    health = run("health", "--json", "-c", place / "x/postern.conf")
    monitors = [row["monitor"] for row in json.loads(health.stdout)["processes"]]
    assert len(monitors) == 3 + 256 + 256 + 1 == len(set(monitors))


# --- what it knows by itself


def test_libcurl_is_loaded_when_a_url_is_asked_for(place):
    """It takes as long to load as all other libraries together, and most commands ask for no URL."""
    (place / "libcurl.so.4").touch()
    without = {"LD_LIBRARY_PATH": str(place)}
    assert run("--version", env=without).returncode == 0
    done = run("history", "channel", "c", "--url", "http://127.0.0.1:1", env={**without, "POSTERN_TOKEN": "0" * 32})
    assert done.returncode == 1
    assert re.fullmatch(r"posternctl: .*libcurl\.so\.4.*; install libcurl \(Debian's package libcurl4\)\n", done.stderr), done.stderr


def test_help_is_a_command_too(every_command):
    for words, done in every_command.items():
        assert run("help", *words).stdout == done.stdout
    assert run("help").stdout == run("--help").stdout
    assert run("help", "channel").stdout == run("channel", "--help").stdout
    wrong = run("help", "chanel")
    assert wrong.returncode == 2 and "no command 'chanel'" in wrong.stderr


def test_version_is_a_command_too():
    said = run("version").stdout
    number = run("--version").stdout
    assert said.startswith(number.rstrip("\n"))
    told = json.loads(run("version", "--json").stdout)
    assert said == f"{number.strip()} ({'with' if told['console'] else 'without'} the console)\n"
    assert number == f"posternctl {told['version']}\n"


def test_a_configuration_is_checked_and_shown(place):
    run("init", place)
    conf = place / "postern.conf"
    good = run("config", "check", "-c", conf)
    assert (good.returncode, good.stdout) == (0, f"{conf} is good.\n")
    for more, said in ((("-s", "log.level=loud"), "log.level"), (("-s", "gateway.threads=none"), "gateway.threads"),
                       (("-s", f"gateway.tls_certificate={place}/none.pem", "-s", f"gateway.tls_key={place}/none.key"), "none.")):
        bad = run("config", "check", "-c", conf, *more)
        assert bad.returncode == CONFIG and said in bad.stderr, bad.stderr
    assert run("config", "check", "-c", place / "none.conf").returncode == CONFIG
    shown = run("config", "show", "-c", conf, "-s", "log.level=debug")
    assert shown.returncode == 0 and re.search(r'level = "?debug', shown.stdout)


# --- secrets


def test_no_token_is_said_with_the_ways_to_give_one(place):
    run("init", place / "x")
    done = run("send", "channel", "x", "hi", "-c", place / "x/postern.conf")
    assert done.returncode == 1
    assert "$POSTERN_TOKEN" in done.stderr and "--token-file" in done.stderr


def test_no_option_takes_a_secret(every_command):
    for words, done in every_command.items():
        text = done.stdout
        for option in re.findall(r"^  (--\S+) (\S+)", text, re.M):
            assert not (option[0] in ("--token", "--appkey", "--password")), words


# --- completion


# Each runs its shell with the script, and prints what that offers for the last of the words.
SHELLS = {
    "bash": ["bash", "-uc", 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; '
             'COMP_POINT=${#COMP_LINE}; _posternctl; '
             'printf "%s\\n" "${COMPREPLY[@]}"', "-"],
    "zsh": ["zsh", "-fc", 'compdef() { }; compadd() { shift; print -l -- "$@" }; _files() { print :file }; '
            'source "$1"; shift; words=("$@"); CURRENT=$#; _posternctl', "-"],
    "fish": ["fish", "--no-config", "-c", 'source $argv[1]; complete -C (string join " " -- $argv[2..-1])', "--"],
}


def complete(shell, script, *words, **environment):
    """What SHELL offers for the last word."""
    path = f"{postern.BIN}:{os.environ['PATH']}"
    done = subprocess.run([*SHELLS[shell], script, *words], text=True, capture_output=True, timeout=60,
                          env={**os.environ, **environment, "PATH": path})
    assert not done.stderr
    return [line.split("\t")[0] for line in done.stdout.split("\n") if line]


@pytest.fixture(params=SHELLS)
def completing(request, place, needs):
    """(shell, script)"""
    needs(request.param)
    script = place / f"posternctl.{request.param}"
    script.write_text(run("completion", request.param).stdout)
    return request.param, script


def test_completion_follows_the_table(completing):
    top = complete(*completing, "posternctl", "")
    assert {"init", "up", "user", "token", "health", "send", "completion"} <= set(top)
    assert complete(*completing, "posternctl", "chan") == ["channel"]
    assert complete(*completing, "posternctl", "channel", "m") == ["member"]
    assert sorted(complete(*completing, "posternctl", "channel", "member", "")) == ["add", "list", "remove"]
    assert sorted(complete(*completing, "posternctl", "-c", "x", "token", "l")) == ["limit", "list"]
    assert complete(*completing, "posternctl", "up", "--de") == ["--demo"]
    assert "--json" in complete(*completing, "posternctl", "user", "list", "--")
    assert sorted(complete(*completing, "posternctl", "completion", "")) == ["bash", "fish", "zsh"]
    assert complete(*completing, "posternctl", "history", "extension", "shop", "--environment", "m") == [
        "marketplace"]
    assert complete(*completing, "posternctl", "delivery", "list", "b") == ["bot"]
    assert complete(*completing, "posternctl", "user", "edit", "x", "--role=a") == ["--role=admin"]
    assert complete(*completing, "posternctl", "user", "show", "") == []  # nobody to ask


def test_completion_offers_the_names_of_what_is_there(ring, name):
    ada = ring.user(name, token=False)
    ring.channel(f"c_{name}", ada)
    ring.bot(f"b_{name}", ada)
    ring.ctl("service", "create", f"r-{name.replace('_', '-')}"[:40])
    for words, wanted in ((("user", "show", name[:20]), ada.email), (("channel", "show", "c_"), f"c_{name}"),
                          (("history", "bot", "b_"), f"b_{name}"),
                          (("token", "create", "r-"), f"r-{name.replace('_', '-')}"[:40]),
                          (("delivery", "list", "bot", "b_"), f"b_{name}"),
                          (("channel", "member", "add", "x", name[:20]), ada.email)):
        assert wanted in ring.ctl_run("completion", "words", *words).stdout.split(), words
    assert f"c_{name}" not in ring.ctl_run("completion", "words", "history", "bot", "").stdout.split()


def typed_into_bash(ring, place, *lines):
    """What an interactive bash shows for LINES, the completion of posternctl loaded."""
    script = place / "completion"
    script.write_text(run("completion", "bash").stdout)
    master, slave = pty.openpty()
    environment = {**ring.environment, "PATH": f"{ring.binaries}:{os.environ['PATH']}", "TERM": "dumb",
                   "POSTERN_CONF": str(ring.conf), "INPUTRC": "/dev/null", "PS1": "$ ", "HISTFILE": ""}
    shell = subprocess.Popen(["bash", "--norc", "--noprofile", "-i"], stdin=slave, stdout=slave, stderr=slave,
                             env=environment, start_new_session=True)
    os.close(slave)
    try:
        seen = b""
        for line in (f"source {script}\n", *lines, "exit\n"):
            os.write(master, line.encode())
        while True:
            try:
                seen += os.read(master, 65536)
            except OSError:  # the last of it has been read
                return seen.decode(errors="replace")
    finally:
        shell.kill()
        shell.wait()
        os.close(master)


def test_bash_completes_an_address_whole(ring, name, place):
    """It splits words at @ by itself; what is typed further is run."""
    ada = ring.user(name, token=False)
    for typed in (ada.email[:-4], ada.email.split("@")[0] + "@", ada.email[:len(name)]):
        shown = typed_into_bash(ring, place, f"posternctl user show {typed}\t --json\n")
        assert f'"id": "{ada.id}"' in shown, shown
    shown = typed_into_bash(ring, place, f"posternctl user edit {ada.email} --role=ad\t --json\n")
    assert '"role": "admin"' in shown, shown


def test_completion_offers_no_name_that_a_shell_would_run(ring, name):
    ada = ring.user(f"good_{name}", token=False)
    for before in ("$(id)", "`id`", "a;id;", "*", "-", "\u202e"):
        ring.manage("user_create", "", email=f"{before}bad_{name}@example.org")
    offered = ring.ctl_run("completion", "words", "user", "show", "").stdout
    assert ada.email in offered.split() and f"bad_{name}" not in offered


def test_files_are_the_shells_affair(completing, place):
    (place / "a-message.json").write_text("{}")
    offered = complete(*completing, "posternctl", "send", "channel", "x", "--body", f"{place}/a-m")
    assert offered == ([":file"] if completing[0] == "zsh" else [f"{place}/a-message.json"])


def test_keys_are_made_allowed_and_revoked_and_the_secret_is_never_shown(place):
    run("init", place)
    conf = ("-c", place / "postern.conf")
    made = run("keys", "new", "gate-0", "--role", "gateway", *conf)
    assert made.returncode == 0, made.stderr
    secret, public = place / "keys/gate-0.secret", place / "keys/gate-0.pub"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    key = re.search(r'secret-key = "(.*)"', secret.read_text())[1]
    assert "secret-key" not in public.read_text() and key not in public.read_text()
    allowed = run("keys", "allow", public, *conf)
    assert allowed.returncode == 0, allowed.stderr
    rows = json.loads(run("keys", "list", "--json", *conf).stdout)["keys"]
    assert [(row["place"], row["name"], row["roles"]) for row in rows] == [
        ("own", "gate-0", "gateway"), ("allowed", "gate-0", "gateway")]
    assert key not in made.stdout + made.stderr + allowed.stdout + json.dumps(rows)
    assert run("keys", "revoke", "gate-0", *conf).returncode == 0
    assert not list((place / "keys/allowed").iterdir())


def test_a_key_that_did_not_go_onto_the_disk_whole_is_not_allowed(place):
    """A file size limit cuts the write short, as a disk does that becomes full."""
    conf = ("-c", place / "postern.conf")
    assert run("init", place).returncode == 0
    assert run(*conf, "keys", "new", "gw", "--role", "gateway").returncode == 0
    done = run(*conf, "keys", "allow", place / "keys/gw.pub",
               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)))
    assert done.returncode == 1 and done.stderr.endswith("gw.pub: No space left on device\n"), done.stderr
    assert list(place.glob("**/allowed/*.pub")) == []


@pytest.mark.parametrize("words, said", [
    (("new", "a"), "--role takes"),
    (("new", "a", "--role", "gateway,king"), "--role takes"),
    (("new", "../a", "--role", "authd"), "a key's name"),
    (("new", "there", "--role", "authd"), "is there already"),
    (("allow", "keys/there.secret"), "never leaves its host"),
    (("allow", "postern.conf"), "postern.conf"),
    (("allow", "nothing.pub"), "No such file"),
    (("revoke", "nobody"), "keys list shows the names"),
    (("revoke", "../../x"), "no key's name"),
    (("trust", "other/there.pub"), "--replace"),
], ids=range(10))
def test_wrong_words_for_keys_are_told_what_is_right(place, words, said):
    run("init", place)
    conf = ("-c", place / "postern.conf")
    for place_of in ("keys", "other"):
        run("keys", "new", "there", "--role", "authd", "--dir", place / place_of, *conf)
    run("keys", "trust", place / "keys/there.pub", *conf)
    done = run("keys", *words, *conf, cwd=place)
    assert done.returncode in (1, 2) and said in done.stderr, done.stderr


# --- manual pages


def test_manual_pages_follow_the_tables(every_command):
    page = run("manual", "posternctl").stdout.replace("\\-", "-")
    assert all(f'.SS "{" ".join(words)}' in page for words in every_command)
    settings = run("manual", "postern.conf").stdout
    for section, key, *_ in tables.rows("common/conf/settings.def", "SETTING"):
        assert re.search(rf"^\.SH {section}$.*?^\\fB{key}\\fR$", settings, re.M | re.S), (section, key)
    for name in ("gateway", "authd", "router", "channel", "bot", "extension", "store"):
        assert run("manual", f"postern-{name}").stdout.startswith(f'.TH "postern-{name}" 8')


def test_a_manual_page_is_well_formed(needs):
    needs("groff")
    for name in ("posternctl", "postern.conf", "postern-gateway", "postern-store"):
        done = subprocess.run(["groff", "-k", "-man", "-Tutf8", "-ww", "-z"], text=True,
                              input=run("manual", name).stdout, capture_output=True)
        assert (done.returncode, done.stderr) == (0, "")
