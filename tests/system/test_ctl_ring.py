"""posternctl with a running ring: management, posting and reading, health, supervision, the demo."""

import concurrent.futures
import contextlib
import json
import os
import re
import shlex
import signal
import subprocess
import time

import pytest

from harness import postern


def table(text):
    """Rows of a printed table as dictionaries; columns stand two blanks apart."""
    lines = text.splitlines()
    heads = re.split(r" {2,}", lines[0].strip())
    return [dict(zip(heads, re.split(r" {2,}", line.strip()))) for line in lines[1:] if line]


# --- users, tokens


def test_a_user_from_making_to_deleting(ring, name):
    made = ring.ctl("user", "create", f"{name}@example.org", "--name", "Ada Lovelace")
    assert made["name"] == "Ada Lovelace"
    assert ring.ctl("user", "show", f"{name}@example.org") == made == ring.ctl("user", "show", made["id"])
    rows = table(ring.ctl_run("user", "list").stdout)
    assert [row for row in rows if row["ID"] == made["id"]][0]["EMAIL"] == f"{name}@example.org"
    with pytest.raises(postern.CtlError) as refused:
        ring.ctl("user", "create", f"{name}@example.org")
    assert refused.value.code == "conflict" and refused.value.status == 1
    ring.ctl("user", "delete", made["id"])
    with pytest.raises(postern.CtlError) as refused:
        ring.ctl("user", "show", made["id"])
    assert refused.value.code == "unknown_user"


def test_people_are_shown_by_address_and_programs_see_ids(ring, name):
    ada = ring.user(name, token=False)
    robot = ring.ctl("service", "create", f"r-{name.replace('_', '-')}"[:40])
    ring.channel(name, ada)
    ring.ctl("channel", "create", f"{name}_r", "--owner", robot["account"])
    owners = {row["NAME"]: row["OWNER"] for row in table(ring.ctl_run("channel", "list").stdout)}
    assert (owners[name], owners[f"{name}_r"]) == (ada.email, robot["account"])
    assert re.search(rf"^owner: +{ada.email}$", ring.ctl_run("channel", "show", name).stdout, re.M)
    assert ring.ctl("channel", "show", name)["owner"] == ada.id
    ring.ctl("user", "delete", ada.email, "--yes")  # who is gone has no address any more
    assert re.search(rf"^owner: +{ada.id}$", ring.ctl_run("channel", "show", name).stdout, re.M)


def test_errors_speak_of_what_was_typed(ring, name):
    ada = ring.user(name)
    ring.channel(name, ada)
    ring.post(ring.channel_url(name, ada.token), {"text": "in use"})
    nobody = "nobody@example.org"
    for words, said in (((("channel", "create", "Bad Name", "--owner", ada.email)), "NAME: must be"),
                        (("user", "create", "no-address"), "EMAIL: is not"),
                        (("user", "show", nobody), "USER: there is no"),
                        (("channel", "member", "add", name, nobody), "USER: there is no"),
                        (("channel", "create", "x", "--owner", nobody), "--owner: there is no"),
                        (("token", "edit", ada.token_id, "--from", "10.0.0.0/8,here"), "--from[1]: "),
                        (("user", "edit", ada.email, "--role", "king"), "--role: must be")):
        done = ring.ctl_run(*words)
        assert done.returncode == 1 and done.stderr.startswith(f"posternctl: {said}"), (words, done.stderr)

    ring.wait(lambda: ring.manage("token_list", ada.email)["tokens"][0]["last_used"], 20,
              what="the token's use to be written")
    done = ring.ctl_run("token", "delete", ada.token_id, stdin=subprocess.DEVNULL)
    assert done.returncode == 1 and done.stderr.endswith(" --yes does it.\n"), done.stderr


def test_the_sixth_token_is_refused_and_20_at_once_leave_5(ring, name):
    user = ring.user(name, token=False)
    for i in range(5):
        ring.token(user, name=f"t{i}")
    done = ring.ctl_run("token", "create", user.email)
    assert done.returncode == 1 and "5 active tokens" in done.stderr and "Delete one" in done.stderr
    other = ring.user(name + "_b", token=False)
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        codes = list(pool.map(lambda _: ring.ctl_run("token", "create", other.email).returncode,
                              range(20)))
    assert sorted(codes) == [0] * 5 + [1] * 15
    assert len(ring.ctl("token", "list", other.email)["tokens"]) == 5


def test_a_token_shows_once_with_urls_that_work(make_ring, name):
    ring = make_ring().up()  # of its own: with many places in it there are templates
    user = ring.user(name, token=False)
    ring.channel(name, user)
    ring.bot(name, user)
    done = ring.ctl_run("token", "create", user.email, "--name", "ci")
    token = re.search(r"^token: +(pst_\w{36})$", done.stdout, re.M)[1]
    urls = re.findall(r"^  (http\S+)$", done.stdout, re.M)
    assert urls == [ring.channel_url(name, token), ring.bot_url(name, token)]
    assert [ring.post(url, {"text": "hi"}).status_code for url in urls] == [204, 200]
    for words in (["token", "list", user.email], ["user", "show", user.email]):
        assert token not in ring.ctl_run(*words).stdout
    assert token not in ring.logs()


def test_a_token_without_a_place_gets_templates(ring, name):
    user = ring.user(name, token=False)
    made = ring.ctl("token", "create", user.email)
    assert made["urls"] == [ring.channel_url("NAME", made["token"]),
                            ring.bot_url("NAME", made["token"])]


def test_a_bound_token_gets_the_urls_of_its_targets_and_what_is_in_the_way(ring, name):
    ada, bob = ring.user(name, token=False), ring.user(f"b_{name}", token=False)
    app = ring.manage("extension_create", name=name, owner=bob.email)
    for place in (f"{name}_1", f"{name}_2"):
        ring.channel(place, bob)
        ring.bot(place, ada)
    ring.ctl("channel", "member", "add", f"{name}_1", ada.email)
    made = ring.ctl("token", "create", ada.email, "--channels", f"{name}_1,{name}_2",
                    "--bots", f"{name}_2", "--extensions", name)
    token = made["token"]
    assert made["urls"] == [
        ring.channel_url(f"{name}_1", token), ring.channel_url(f"{name}_2", token),
        ring.bot_url(f"{name}_2", token),
        *(app["urls"][which].replace("TOKEN", token) for which in ("sandbox", "marketplace"))]
    warning, = made["warnings"]
    assert warning.startswith(f"{ada.email} is no member of {name}_2, and gets 403 there")
    status = [ring.post(url, {"text": "hi"}).status_code for url in made["urls"]]
    assert status == [204, 403, 200, 200, 200]
    # the command that it names makes it right
    ring.ctl(*warning.split("posternctl ")[1].split())
    assert ring.post(made["urls"][1], {"text": "hi"}).status_code == 204
    done = ring.ctl_run("token", "create", bob.email, "--bots", f"{name}_1")
    assert re.findall(r"^  (http\S+)\?", done.stdout, re.M) == [ring.bot_url(f"{name}_1", "").split("?")[0]]
    assert not done.stderr


def test_a_deleted_tokens_next_request_is_401(ring, name):
    user = ring.user(name)
    ring.channel(name, user)
    url = ring.channel_url(name, user.token)
    assert ring.post(url, {"text": "before"}).status_code == 204
    done = ring.ctl_run("token", "delete", user.token_id, "--yes")
    assert done.returncode == 0 and "refused from now on" in done.stdout
    assert ring.post(url, {"text": "after"}).status_code == 401


@pytest.mark.parametrize("way", ["stdin", "file"])
def test_tokens_made_elsewhere_work_on(ring, name, way, tmp_path):
    user = ring.user(name, token=False)
    ring.channel(name, user)
    digits = f"{abs(hash(name)):032x}"[:32]
    tokens = [f"1001.{digits}.{digits}", f"{digits}abcdefgh"]
    text = "\r\n".join(tokens) + "\n"
    path = tmp_path / "tokens"
    path.write_text(text)
    words = ["token", "import", user.email, "--name", "old"]
    if way == "file":
        made = ring.ctl(*words, "--file", path)
    else:
        made = ring.ctl(*words, input=text)
    assert made["imported"] == 2
    for token in tokens:
        assert ring.post(ring.channel_url(name, token), {"text": "x"}).status_code == 204


def test_a_limit_is_obeyed_and_can_be_lifted(ring, name):
    user = ring.user(name, rate=1, burst=2)
    ring.channel(name, user)
    codes = {ring.post(ring.channel_url(name, user.token), {"text": "x"}).status_code
             for _ in range(6)}
    assert codes == {204, 429}
    assert ring.ctl_run("token", "limit", user.token_id, "0", "1").stdout == "Limit set.\n"
    assert {ring.post(ring.channel_url(name, user.token), {"text": "x"}).status_code
            for _ in range(6)} == {204}


# --- channels, bots, extensions


@pytest.mark.parametrize("kind, people, one", [("channel", "members", "member"),
                                               ("bot", "subscribers", "subscriber")])
def test_a_place_and_its_people(ring, name, kind, people, one):
    ada, bob, eve = (ring.user(f"{name}_{who}", token=False) for who in ("ada", "bob", "eve"))

    def emails():
        return {person["email"] for person in ring.ctl(kind, "show", name)[people]}

    ring.ctl(kind, "create", name, "--owner", ada.email, f"--{people}", bob.email)
    assert emails() == {ada.email, bob.email}
    ring.ctl(kind, one, "add", name, eve.id)
    ring.ctl(kind, one, "remove", name, bob.email)
    assert emails() == {ada.email, eve.email}
    shown = ring.ctl_run(kind, "show", name).stdout
    assert f"{ring.base}/api/v2/" in shown and "zapikey=TOKEN" in shown
    assert name in [row["NAME"] for row in table(ring.ctl_run(kind, "list").stdout)]
    assert ring.ctl_run(kind, "delete", name).returncode == 0
    assert name not in [row["NAME"] for row in table(ring.ctl_run(kind, "list").stdout)]


def test_an_extension_shows_both_complete_urls(ring, name):
    user = ring.user(name)
    ring.ctl("extension", "create", name, "--owner", user.email)
    text = ring.ctl_run("extension", "show", name).stdout
    urls = re.findall(r"^ +(sandbox|marketplace): +(http\S+)$", text, re.M)
    assert [environment for environment, _ in urls] == ["sandbox", "marketplace"]
    for _, url in urls:
        assert "appkey=" in url and url.endswith("&zapikey=TOKEN")
        assert ring.post(url.replace("TOKEN", user.token), b"x").status_code == 200
    assert ring.ctl_run("extension", "delete", name).returncode == 0
    assert ring.post(urls[0][1].replace("TOKEN", user.token), b"x").status_code == 410


def test_a_list_longer_than_a_page_is_whole(ring, name):
    user = ring.user(name, token=False)
    made = [f"{name}_{i}" for i in range(7)]
    for one in made:
        ring.channel(one, user)
    first = ring.ctl("channel", "list", "--limit", "3")
    assert len(first["channels"]) == 3 and first["next"]
    second = ring.ctl("channel", "list", "--limit", "3", "--after", first["next"])
    assert not {c["id"] for c in first["channels"]} & {c["id"] for c in second["channels"]}
    every = [c["name"] for c in ring.ctl("channel", "list")["channels"]]
    assert set(made) <= set(every) and len(set(every)) == len(every)


# --- send, history



def ctl(ring, *words, token=None, text=None):
    """posternctl with a token in the environment: the harness's own call has one of its own."""
    environment = {**ring.environment, **({"POSTERN_TOKEN": token} if token else {})}
    return subprocess.run([str(postern.BIN / "posternctl"), *map(str, words), "-c", str(ring.conf),
                           *ring._overrides()], text=True, capture_output=True, input=text,
                          env=environment, timeout=60)


def test_send_and_history_of_a_channel(ring, name, tmp_path):
    user = ring.user(name)
    ring.channel(name, user)
    assert ctl(ring, "send", "channel", name, "one", token=user.token).stdout == "204: stored\n"
    path = tmp_path / "token"
    path.write_text(user.token + "\n")
    assert ctl(ring, "send", "channel", name, "two", "--token-file", path).returncode == 0
    body = tmp_path / "body.json"
    body.write_text(json.dumps({"text": "three \x1b[2J"}))
    assert ctl(ring, "send", "channel", name, "--body", body, token=user.token).returncode == 0
    assert ctl(ring, "send", "channel", name, "--body", "-", token=user.token,
               text='{"text": "four"}').returncode == 0
    lines = ctl(ring, "history", "channel", name, token=user.token).stdout.splitlines()
    assert [line.split("  ")[3] for line in lines] == ["one", "two", "three ?[2J", "four"]
    some = ctl(ring, "history", "channel", name, "--from", "2", "--limit", "2", "--json",
               token=user.token)
    assert [m["sequence"] for m in json.loads(some.stdout)["messages"]] == [2, 3]


def test_one_key_sends_once(ring, name):
    user = ring.user(name)
    ring.channel(name, user)
    for _ in range(2):
        assert ctl(ring, "send", "channel", name, "x", "--idempotency-key", "k-1", token=user.token).returncode == 0
    assert ring.texts(name, user.token) == ["x"]
    done = ctl(ring, "send", "channel", name, "y", "--idempotency-key", "k-1", token=user.token)
    assert done.returncode == 1 and "key_reused" in done.stderr


def test_the_delivery_log_and_the_dead_letters(ring, name):
    user = ring.user(name)
    ring.bot(name, user)
    ring.extension(name, user)
    for kind in ("bot", "extension"):
        shown = ctl(ring, "delivery", "list", kind, name, "--from", "2026-01-02T03:04:05Z", "--json",
                    token=user.token)
        assert json.loads(shown.stdout) == {"disabled": None, "waits": None, "turn": None, "deliveries": [],
                                            "next": None, "scanned": 0}
        assert ctl(ring, "dlq", "list", kind, name, token=user.token).returncode == 0
        done = ctl(ring, "dlq", "replay", kind, name, "--rate", "50", token=user.token)
        assert done.returncode != 0 and "no handler" in done.stderr
        for verb in ("show", "retry"):
            done = ctl(ring, "delivery", verb, kind, name, "7", token=user.token)
            assert done.returncode != 0 and "no delivery" in done.stderr
    done = ctl(ring, "delivery", "list", "channel", name, token=user.token)
    assert done.returncode != 0 and "bot or extension" in done.stderr
    done = ctl(ring, "dlq", "replay", "bot", name, "--rate", "0 &x", token=user.token)
    assert done.returncode != 0 and "rate must be" in done.stderr


def test_send_to_a_bot_and_to_both_apps_of_an_extension(ring, name):
    user = ring.user(name)
    ring.bot(name, user)
    ring.extension(name, user)
    assert ctl(ring, "send", "bot", name, "to the bot", token=user.token).returncode == 0
    assert "to the bot" in ctl(ring, "history", "bot", name, token=user.token).stdout
    for environment in ("sandbox", "marketplace"):
        more = ["--environment", environment]
        assert ctl(ring, "send", "extension", name, environment, *more,
                   token=user.token).returncode == 0
        lines = ctl(ring, "history", "extension", name, *more, token=user.token).stdout.splitlines()
        assert len(lines) == 1 and lines[0].endswith(f"POST {environment}")
    done = ctl(ring, "send", "extension", name, "x", "--environment", "moon", token=user.token)
    assert done.returncode == 1 and "sandbox or marketplace" in done.stderr


@pytest.mark.parametrize("token, code", [("pst_wrong", "invalid_token"), (None, "no_token")])
def test_a_refused_send_says_why(ring, name, token, code):
    user = ring.user(name, token=False)
    ring.channel(name, user)
    done = ctl(ring, "send", "channel", name, "x", "--json", token=token)
    assert done.returncode == 1
    assert json.loads(done.stdout)["code"] == code


def test_send_takes_the_text_from_stdin(ring, name):
    user = ring.user(name)
    ring.channel(name, user)
    for text, words in (("one\n", ()), ("two\nlines\n", ("-",)), ("\u00fc", ())):
        done = ctl(ring, "send", "channel", name, *words, token=user.token, text=text)
        assert done.returncode == 0, done.stderr
    empty = ctl(ring, "send", "channel", name, token=user.token, text="\n")
    assert empty.returncode == 2 and "by stdin" in empty.stderr
    said = [row["message"]["text"] for row in ring.messages("channelsbyname", name, user.token)]
    assert said == ["one", "two\nlines", "\u00fc"]


def test_history_follows(ring, name):
    user = ring.user(name)
    ring.channel(name, user)
    ring.post(ring.channel_url(name, user.token), {"text": "first"})
    follower = subprocess.Popen(
        [str(postern.BIN / "posternctl"), "history", "channel", name, "--follow", "-c",
         str(ring.conf), *ring._overrides()], text=True, stdout=subprocess.PIPE,
        env={**ring.environment, "POSTERN_TOKEN": user.token})
    assert follower.stdout.readline().strip().endswith("first")
    ring.post(ring.channel_url(name, user.token), {"text": "second"})
    assert follower.stdout.readline().strip().endswith("second")
    follower.send_signal(signal.SIGINT)
    follower.wait(10)


@contextlib.contextmanager
def tailing(ring, user, *words):
    with subprocess.Popen(
            [str(postern.BIN / "posternctl"), "tail", *words, "-c", str(ring.conf), *ring._overrides()], text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**ring.environment, "POSTERN_TOKEN": user.token}) as tail:
        try:
            yield tail
        finally:
            tail.kill()


def test_tail_shows_what_comes_and_comes_back(make_ring, name):
    """Past the death of the gateway, from where it was; of several targets, each line says of which."""
    ring = make_ring().up()
    user = ring.user(name)
    ring.channel(name, user)
    ring.channel(name + "_b", user)

    def say(channel, text):
        ring.wait(lambda: ring.post(ring.channel_url(channel, user.token), {"text": text}).status_code == 204, 20)

    say(name, "old")
    with tailing(ring, user, "channel", name, "--since", "all") as one, \
            tailing(ring, user, "channel", name, name + "_b", "--json") as both:
        assert one.stdout.readline().rstrip().split("  ")[::3] == ["1", "old"]
        ring.wait(lambda: ring.metric("gateway-0", "streams") == 3, 20)
        say(name, "new \x1b[2J")
        assert one.stdout.readline().rstrip().endswith("new ?[2J")
        row = json.loads(both.stdout.readline())
        assert (row["target"], row["sequence"], row["message"]) == (name, 2, {"text": "new \x1b[2J"})
        ring.kill("gateway-0")
        ring.wait_ready("gateway-0")
        say(name, "after")
        say(name + "_b", "there")
        assert one.stdout.readline().rstrip().endswith("after")
        rows = [json.loads(both.stdout.readline()) for _ in range(2)]
        assert {(row["target"], row["message"]["text"]) for row in rows} == {(name, "after"), (name + "_b", "there")}
        ring.manage("channel_edit", name, archived=True)
        assert one.wait(20) == 1 and "archived" in one.stderr.read()
        assert both.poll() is None


def test_tail_of_several_and_of_all_is_one_stream(ring, name):
    user = ring.user(name)
    ring.channel(name, user)
    ring.bot(name, user)
    before = ring.metric("gateway-0", "streams")
    with tailing(ring, user, "targets", f"channel:{name}", f"bot:{name}") as some, \
            tailing(ring, user, "all", "--json") as every:
        ring.wait(lambda: ring.metric("gateway-0", "streams") == before + 2, 20)
        time.sleep(0.3)  # they are open; now both have begun
        assert ring.post(ring.channel_url(name, user.token), {"text": "one"}).status_code == 204
        line = some.stdout.readline()
        assert f"channel:{name}" in line and line.rstrip().endswith("one")
        row = json.loads(every.stdout.readline())
        assert (row["target"]["kind"], row["target"]["name"], row["message"]["text"]) == ("channel", name, "one")
        ring.manage("channel_edit", name, archived=True)
        assert f"channel:{name}: " in some.stderr.readline()
        assert ring.post(ring.bot_url(name, user.token), {"text": "two"}).status_code == 200
        assert f"bot:{name}" in some.stdout.readline() and json.loads(every.stdout.readline())["target"]["kind"] == "bot"
        assert some.poll() is None and every.poll() is None


def test_tail_says_why_it_cannot(ring, name):
    user = ring.user(name)
    for words, status, text in ((("tail", "channel", "no_such_channel"), 1, "unknown_channel"),
                                (("tail", "channel", name, "--url", "http://127.0.0.1:1"), 1, "no answer from"),
                                (("tail", "channel"), 2, "NAME")):
        done = ctl(ring, *words, token=user.token)
        assert done.returncode == status and text in done.stderr, (words, done.stderr)
    done = ctl(ring, "tail", "channel", name)
    assert done.returncode == 1 and "token" in done.stderr


def test_arguments_of_no_process_show_a_token(ring, name):
    """/proc/*/cmdline is for everybody; the daemons' too."""
    user = ring.user(name)
    for process in ring.names:
        words = open(f"/proc/{ring.pid(process)}/cmdline", "rb").read()
        assert user.token.encode() not in words and b"pst_" not in words


# --- health, supervision


def test_health_is_green_and_turns_red_with_the_process_that_is_not_well(make_ring):
    ring = make_ring().up()
    done = ring.ctl_run("health")
    assert done.returncode == 0
    assert [row["PROCESS"] for row in table(done.stdout)] == ring.names
    ring.pause("router-0")
    try:
        red = ring.wait(lambda: (lambda d: d if d.returncode == 1 else None)(
            ring.ctl_run("health", "--json")), what="health to turn red")
    finally:
        ring.resume("router-0")
    state = {row["process"]: row["ready"] for row in json.loads(red.stdout)["processes"]}
    assert state["router-0"] is False
    ring.wait_ready("router-0")
    ring.wait(lambda: ring.ctl_run("health").returncode == 0, what="health to be green again")


def test_each_process_restarts_within_200_ms_and_management_goes_on(make_ring):
    ring = make_ring().up()
    ada = ring.user("ada")
    ring.channel("general", ada)
    for process in ring.names:
        old = ring.kill(process)
        killed = time.monotonic()
        ring.wait(lambda: ring.pid(process) not in (None, old), what="the restart")
        postern.in_time(time.monotonic() - killed, 0.2 * postern.SLOW)
        # A command that meets the restart waits for it.
        assert ring.ctl("user", "show", ada.email)["id"] == ada.id
        ring.wait_ready(*ring.names)
    assert ring.post(ring.channel_url("general", ada.token), {"text": "x"}).status_code == 204
    died = re.findall(r"event=child.died name=(\S+) pid=\d+ signal=SIGKILL ready=yes", ring.logs())
    assert died == ring.names


def test_sigterm_ends_all_with_0(make_ring):
    ring = make_ring(gateways=2, shards={"channel": 2}).up()
    pids = [ring.pid(process) for process in ring.names]
    ring.supervisor.terminate()
    assert ring.supervisor.wait(20) == 0
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)
    ended = re.findall(r"event=child.ended name=(\S+) pid=\d+ status=0", ring.logs())
    assert sorted(ended) == sorted(ring.names) and set(ended[:2]) == {"gateway-0", "gateway-1"}
    with pytest.raises(postern.CtlError) as refused:
        ring.ctl("user", "list")
    assert "start it with posternctl up" in refused.value.message


# --- the demo


class Demo:
    def __init__(self):
        self.dir = postern.scratch("d-")
        self.port = postern.free_ports(20)
        self.reports = self.dir / "sanitizer"
        self.environment = {**os.environ, "no_proxy": "127.0.0.1",
                            **postern.sanitizer_environment(self.reports)}
        self.run("init", str(self.dir))
        self.reports.mkdir(exist_ok=True)  # the sanitizer may have made it

    def run(self, *words):
        return subprocess.run([str(postern.BIN / "posternctl"), *words], check=True, text=True,
                              capture_output=True, timeout=60, env=self.environment)

    def up(self, *words):
        """Returns stdout up to readiness."""
        ours, theirs = os.pipe()
        self.out = open(self.dir / "out", "w+")
        self.process = subprocess.Popen(
            [str(postern.BIN / "posternctl"), "-c", str(self.dir / "postern.conf"), "up", "--demo",
             "--port", str(self.port), "--ready-fd", str(theirs), *words],
            stdout=self.out, stderr=open(self.dir / "log", "ab"), pass_fds=[theirs],
            env=self.environment)
        os.close(theirs)
        assert os.read(ours, 1) == b"1", (self.dir / "log").read_text()
        os.close(ours)
        return (self.dir / "out").read_text()

    def stop(self):
        """By Ctrl-C: it asks for no notice of a load balancer's."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)


@pytest.fixture
def demo():
    made = Demo()
    yield made
    if made.process.poll() is None:
        made.process.kill()
        made.process.wait()
    postern.check_reports(made.reports)


def test_the_demos_curl_lines_work_when_pasted(demo, needs):
    needs("curl")
    text = demo.up()
    watch, *lines = re.findall(r"^curl .*$", text, re.M)
    assert len(lines) == 4
    watching = subprocess.Popen(["bash", "-c", f"exec {watch} -s"], text=True, stdout=subprocess.PIPE, env=demo.environment)
    assert watching.stdout.readline(), "it is open"
    answers = [subprocess.run(["bash", "-c", line], text=True, capture_output=True,
                              env=demo.environment).stdout for line in lines]
    assert [answer.split()[1] for answer in answers[:3]] == ["204", "200", "200"]
    links = re.findall(r"^http://127\.0\.0\.1:\d+/#sign-in=psi_\S+$", text, re.M)
    assert len(links) == 1 and "good once" in text
    read = json.loads(answers[3])["messages"]
    assert [m["message"]["text"] for m in read] == ["Hello from curl"]
    assert next(line for line in watching.stdout if "Hello from curl" in line).startswith("data:")
    assert demo.stop() == 0
    watching.communicate(timeout=10)
    # Again: the data are there, the token is another, the former one is dead. The lines are for this
    # host, wherever senders elsewhere are led to.
    again = re.findall(r"^curl .*$", demo.up("-s", "public.url=https://hooks.example.org"), re.M)[1:]
    answer = subprocess.run(["bash", "-c", again[0]], text=True, capture_output=True,
                            env=demo.environment).stdout
    assert answer.split()[1] == "204"
    old = subprocess.run(["bash", "-c", lines[0]], text=True, capture_output=True,
                         env=demo.environment).stdout
    assert old.split()[1] == "401"
    assert shlex.split(lines[0])[-1] != shlex.split(again[0])[-1]
    assert demo.stop() == 0
    assert not re.search("ps[ti]_", (demo.dir / "log").read_text())


def test_the_demo_has_a_link_to_the_console_for_who_sits_at_this_host(demo):
    text = demo.up("-s", "admin.url=https://hooks.example.org")
    assert "curl" in text and "sign-in" not in text
    assert demo.stop() == 0


def test_the_demo_as_json(demo):
    text = demo.up("--json")
    first, end = json.JSONDecoder().raw_decode(text)
    second = json.loads(text[end:])
    assert [row["process"] for row in first["processes"]][:2] == ["gateway-0", "authd-0"]
    assert set(second["demo"]["urls"]) == {"channel", "bot", "extension", "history", "stream"}
    assert "/#sign-in=" in second["demo"]["console"]
    assert demo.stop() == 0
