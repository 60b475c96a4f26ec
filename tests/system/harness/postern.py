"""A Postern of one's own for a test: real binaries, a data directory on a real disk, free ports.

    ring = Ring()                             # posternctl init, below build/test-run
    ring.up()                                 # posternctl up; returns when every /readyz is 200
    ada = ring.user("ada")                    # User: .email .id .token (a token without a limit)
    ring.channel("releases", ada)             # also ring.bot (name, owner), ring.extension (…)
    answer = ring.post(ring.channel_url("releases", ada.token), {"text": "hi"})
    assert answer.status_code == 204
    assert ring.texts("releases", ada.token) == ["hi"]

Start:    Ring(settings={"gateway.body_bytes": 4096}, shards={"channel": 2}, gateways=1)
          .up()   .stop()   .spawn("router", 0, **)   .close()  (stop, and fail on sanitizer reports)
          with Ring(…) as ring:   closes at the end, also after an exception; then the directory stays
Operate:  .ctl("user", "list")  -> parsed JSON; CtlError (.code, .message) when refused
          .user .token .channel .bot .extension, and .manage (op, target, …): without posternctl
URLs:     .url(path)  .channel_url(name, token)  .bot_url  .extension_url(app, token)
Admin:    .management_token (user)  .admin("GET", "/users", token)  (a requests.Response)
HTTP:     .get .post .request  (requests.Response; never raises for a status)
          .history("channelsbyname", name, token, **params)  .messages(…) all pages  .texts(…)
Faults:   .pid("router-0")  .kill("router-0", sig=9)  .wait_ready("router-0")  .pause .resume
Watching: .metric("gateway-0", "resends_total", code="…")  .metrics(name)  .ready(name)
          .logs()  .wait(condition, seconds)

In a test, ask for the fixture `ring` (one for the whole run: give your objects names of your own) or
`make_ring` (a function like Ring, closed at the end of the test). A sanitizer's report of any process
fails the test that closes the ring; what is expected to die by SIGKILL is no failure.
"""

import contextlib
import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
import urllib.parse

import requests

ROOT = pathlib.Path(__file__).resolve().parents[3]
PRESET = os.environ.get("POSTERN_PRESET", "asan")
BIN = pathlib.Path(os.environ.get("POSTERN_BIN", ROOT / "build" / PRESET / "bin"))
sys.path.insert(0, str(ROOT / "tests" / "lint"))
import tables  # noqa: E402

KINDS = tuple(tables.kinds())
SLOW = 10 if PRESET == "tsan" else 4 if PRESET == "asan" else 1  # how much longer things take
PATH_MOST = 70  # a socket's path has 107 characters at most

ALL_SETTINGS = {"gateway.drain_notice_ms": 0}  # no load balancer waits for a notice
# Small maps: a sanitizer's address space is not the kernel's.
TEST_SETTINGS = {"authd.map_bytes": 1 << 28, "worker.map_bytes": 1 << 30, "log.level": "debug",
                 "authd.password_memory_kib": 19456}


class CtlError(Exception):
    """posternctl refused. code: of the error table; status: its exit status."""

    def __init__(self, status, code, message):
        super().__init__(f"{code}: {message}")
        self.status, self.code, self.message = status, code, message


class User:
    def __init__(self, reply, email):
        self.id, self.email, self.token, self.token_id = reply["id"], email, None, None

    def __repr__(self):
        return f"<user {self.email}>"


class App:
    """One of an extension's two apps."""

    def __init__(self, shown, environment):
        self.environment = environment
        self.app_id = shown["apps"][environment]["app_id"]
        self.appkey = shown["apps"][environment]["appkey"]
        self.url = shown["urls"][environment]  # complete, with TOKEN in place of a token


def reaches(directory):
    """Whether every user may pass to what is below DIRECTORY: root's home lets nobody else in."""
    return all(place.stat().st_mode & stat.S_IXOTH for place in (directory, *directory.parents))


def scratch(prefix="r-"):
    """A new directory on a real file system, with a short path, that processes of other users reach."""
    base = ROOT / "build" / "test-run"
    if len(str(base)) + 12 > PATH_MOST or not reaches(ROOT):
        base = pathlib.Path("/var/tmp/postern-test")
    base.mkdir(parents=True, exist_ok=True)
    return pathlib.Path(tempfile.mkdtemp(prefix=prefix, dir=base))


# pytest-xdist's workers look for ports in ranges of their own: one may not take what another has just
# found free.
PORTS = 10000
PORTS_EACH = 22000 // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
PORTS += PORTS_EACH * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))


def free_ports(count):
    """COUNT free ports in a row, as the monitors of shards need them; below the ephemeral range."""
    for _ in range(1000):
        base = random.randrange(PORTS, PORTS + PORTS_EACH - count)
        with contextlib.ExitStack() as stack:
            try:
                for port in range(base, base + count):
                    sock = stack.enter_context(socket.socket())
                    sock.bind(("127.0.0.1", port))
                return base
            except OSError:
                continue
    raise RuntimeError("no free ports")


def wait(condition, seconds=10, every=0.02, what="the condition"):
    """Returns the first true value of CONDITION (); AssertionError after SECONDS (times SLOW)."""
    end = time.monotonic() + seconds * SLOW
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"waited {seconds * SLOW} s in vain for {what}"
        time.sleep(every)


class TooSlow(AssertionError):
    """A bound of time was missed, as it may be once on a machine that stands still: the test is made again (pytest.ini)."""


def in_time(took, most, why=""):
    """TOOK is below MOST, a bound of time; else TooSlow."""
    if not took < most:
        raise TooSlow(f"{took:.3f}, and not below {most:.3f} {why}".strip())


def sanitizer_environment(directory):
    """Reports go to files, so that no process's end can hide one."""
    log = f"log_path={directory}/report"
    supp = ROOT / "tests" / "system"
    return {
        "ASAN_OPTIONS": f"{log}:detect_leaks=1:detect_stack_use_after_return=0:exitcode=99",
        "LSAN_OPTIONS": f"suppressions={supp}/lsan.supp:print_suppressions=0",
        "UBSAN_OPTIONS": f"{log}:print_stacktrace=1:halt_on_error=1",
        "TSAN_OPTIONS": f"{log}:halt_on_error=1:second_deadlock_stack=1:exitcode=99:"
                        "atexit_sleep_ms=100:"
                        f"suppressions={supp}/tsan.supp",
    }


def check_reports(directory):
    texts = [p.read_text(errors="replace") for p in sorted(directory.iterdir())]
    assert not texts, f"sanitizer reports in {directory}:\n" + "\n".join(texts)[:8000]


class Ring:
    def __init__(self, settings=None, shards=None, gateways=1, preset_settings=True,
                 binaries=BIN):
        self.binaries = binaries
        self.dir = scratch()
        self.conf = self.dir / "postern.conf"
        self.log_path = self.dir / "log"
        self.reports = self.dir / "sanitizer"
        self.reports.mkdir()
        self.shards = {**{name: 1 for _, name, *_ in tables.workers()}, **(shards or {})}
        self.gateways = gateways
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=64))
        self.supervisor = None
        self.spawned = {}  # name -> Popen
        self.keep = False  # the directory, at the end of a with block
        self.environment = {**os.environ, **sanitizer_environment(self.reports)}
        self._lay(settings or {}, preset_settings)
        args = ["init", str(self.dir), "--shards",
                ",".join(f"{kind}={n}" for kind, n in self.shards.items())]
        self._run(args, check=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        """An exception is what is told: that of the end of the processes would hide it."""
        with contextlib.suppress(*([AssertionError] if kind else [])):
            self.close(keep=self.keep or kind is not None)

    # --- layout

    def _lay(self, settings, preset_settings):
        counts = {"gateway": self.gateways, "authd": 2, "router": 2, **self.shards}
        at = free_ports(2 + sum(counts.values()))
        self.port, self.admin_port, at = at, at + 1, at + 2
        self.monitors = {}
        self.settings = ALL_SETTINGS | (TEST_SETTINGS if preset_settings else {})
        for kind in KINDS:
            self.settings[f"{kind}.monitor"] = f"127.0.0.1:{at}"
            for i in range(counts[kind]):
                self.monitors[f"{kind}-{i}"] = f"http://127.0.0.1:{at + i}"
            at += counts[kind]
        self.settings["gateway.listen"] = f"127.0.0.1:{self.port}"
        self.settings["admin.listen"] = f"127.0.0.1:{self.admin_port}"
        self.settings["admin.url"] = f"http://127.0.0.1:{self.admin_port}"
        self.base = self.settings["public.url"] = f"http://127.0.0.1:{self.port}"
        self.settings.update(settings)

    @property
    def sockets(self):
        """The directory of the ipc sockets."""
        return pathlib.Path(self.settings.get("data.sockets", self.dir / "data" / "run"))

    def socket(self, name):
        """The path of one of them: in a directory of its own where each kind of process has its own user."""
        own = self.sockets / f"{name}.d"
        return own / "s" if own.is_dir() else self.sockets / name

    @property
    def names(self):
        """The names of the processes that `up` runs."""
        counts = {"gateway": self.gateways, "authd": 1, "router": 1, **self.shards}
        return [f"{kind}-{i}" for kind in KINDS for i in range(counts[kind])]

    def _overrides(self, more=None):
        for name, value in {**self.settings, **(more or {})}.items():
            yield from ("-s", f"{name}={value}")

    # --- start and stop

    def up(self, seconds=20):
        """Starts all processes and waits until they are ready. Returns self."""
        out = open(self.log_path, "ab")
        args = [str(self.binaries / "posternctl"), "up", "-c", str(self.conf), "--gateways",
                str(self.gateways), *self._overrides()]
        self.supervisor = subprocess.Popen(args, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                           env=self.environment)
        out.close()
        self.wait_ready(*self.names, seconds=seconds)
        return self

    def spawn(self, kind, index=0, settings=None, arguments=(), wait_ready=True, wrap=(),
              environment=None, pass_fds=()):
        """Starts one process alone, its output in logs() too. Returns its Popen.

        settings: further overrides; wrap: words before the command line (strace, unshare)."""
        name = f"{kind}-{index}"
        args = [*wrap, str(self.binaries / f"postern-{kind}"), "-i", str(index), "-c", str(self.conf),
                *self._overrides(settings), *arguments]
        out = open(self.log_path, "ab")
        process = subprocess.Popen(args, stdout=out, stderr=out, stdin=subprocess.DEVNULL,
                                   env={**self.environment, **(environment or {})},
                                   pass_fds=pass_fds)
        out.close()
        self.spawned[name] = process
        if wait_ready:
            self.wait_ready(name)
        return process

    def spawn_all(self):
        """Every process without a supervisor: nothing restarts what dies. Returns self."""
        for name in self.names:
            self.spawn(*name.rsplit("-", 1), wait_ready=False)
        self.wait_ready(*self.names)
        return self

    def stop(self, seconds=20):
        """Ends everything, gateways first, which wait for the others' answers; asserts that it ended by itself."""
        gateways = [process for name, process in self.spawned.items() if name.startswith("gateway")]
        others = [process for process in self.spawned.values() if process not in gateways]
        self._end(gateways, seconds)
        self._end(others + ([self.supervisor] if self.supervisor else []), seconds)
        self.supervisor = None
        self.spawned = {}

    def _end(self, processes, seconds):
        for process in processes:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGCONT)
                    process.terminate()
        for process in processes:
            try:
                process.wait(seconds * SLOW)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise AssertionError(f"{process.args[0]} did not end:\n{self.logs()[-4000:]}")

    def close(self, keep=False):
        """Stops, asserts that no sanitizer reported anything, removes the directory."""
        try:
            self.stop()
            self.check_reports()
        except BaseException:
            keep = True
            raise
        finally:
            self.http.close()
            if not keep:
                shutil.rmtree(self.dir, ignore_errors=True)

    def check_reports(self):
        check_reports(self.reports)

    # --- posternctl

    def _run(self, args, check=False, **more):
        done = subprocess.run([str(self.binaries / "posternctl"), *map(str, args)], env=self.environment,
                              capture_output=True, text=True, timeout=60 * SLOW, **more)
        assert not check or done.returncode == 0, f"posternctl {args}: {done.stdout}{done.stderr}"
        return done

    def ctl_run(self, *words, **more):
        """posternctl as it is: a CompletedProcess with stdout and stderr as text."""
        return self._run([*words, "-c", self.conf, *self._overrides()], **more)

    def ctl(self, *words, **more):
        """posternctl --json, parsed."""
        done = self.ctl_run(*words, "--json", **more)
        reply = json.loads(done.stdout) if done.stdout.strip() else {}
        if done.returncode:
            raise CtlError(done.returncode, reply.get("code", ""),
                           reply.get("message", done.stderr.strip()))
        return reply

    def manage(self, op, target="", **body):
        """Carries out OP of common/ops.def over the control socket; members that are None are left
        out. Raises CtlError."""
        from . import control  # which needs this module
        body = {name: value for name, value in body.items() if value is not None}
        return control.call(self, op, target, body or None)

    def user(self, name, token=True, **options):
        """Makes the user NAME@example.org, with a token unless told otherwise."""
        email = f"{name}@example.org"
        user = User(self.manage("user_create", email=email, name=name.capitalize()), email)
        if token:
            reply = self.token(user, **options)
            user.token, user.token_id = reply["token"], reply["id"]
        return user

    def token(self, user, rate=0, burst=None, name="test"):
        """Makes a token, without a limit unless told otherwise: {"id", "token", …}."""
        return self.manage("token_create", user.email, name=name, rate=rate, burst=burst)

    def channel(self, name, owner, members=()):
        return self.manage("channel_create", name=name, owner=owner.email,
                           members=[user.email for user in members] or None)

    def bot(self, name, owner, subscribers=()):
        return self.manage("bot_create", name=name, owner=owner.email,
                           subscribers=[user.email for user in subscribers] or None)

    def extension(self, name, owner):
        """Makes an extension; returns {"sandbox": App, "marketplace": App}."""
        return self._apps(self.manage("extension_create", name=name, owner=owner.email))

    def apps(self, name):
        return self._apps(self.manage("extension_show", name))

    @staticmethod
    def _apps(shown):
        return {which: App(shown, which) for which in ("sandbox", "marketplace")}

    def management_token(self, user):
        """A management token of USER (a User or an email address)."""
        email = user.email if isinstance(user, User) else user
        return self.manage("management_token_create", email)["token"]

    def admin(self, method, path, token=None, body=None, **more):
        """A request of the admin listener: a requests.Response; PATH lies below /api/v2."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        more["headers"] = {**headers, **more.get("headers", {})}
        url = f"http://127.0.0.1:{self.admin_port}/api/v2{path}"
        return self.request(method, url, body, **more)

    # --- URLs and HTTP

    def url(self, path, token=None, **params):
        query = dict(params)
        if token is not None:
            query["zapikey"] = token
        return self.base + path + ("?" + urllib.parse.urlencode(query) if query else "")

    def channel_url(self, name, token=None, **params):
        return self.url(f"/api/v2/channelsbyname/{name}/message", token, **params)

    def bot_url(self, name, token=None, **params):
        return self.url(f"/api/v2/bots/{name}/incoming", token, **params)

    def extension_url(self, app, token=None, **params):
        return self.url(f"/api/v2/applications/{app.app_id}/incoming", token, appkey=app.appkey,
                        **params)

    def request(self, method, url, body=None, **more):
        """BODY: bytes or text as they are; anything else as JSON."""
        if body is not None and not isinstance(body, (bytes, str)):
            more["json"] = body
        elif body is not None:
            more["data"] = body if isinstance(body, bytes) else body.encode()
        more.setdefault("timeout", 30 * SLOW)
        return self.http.request(method, url, **more)

    def post(self, url, body=None, **more):
        return self.request("POST", url, body, **more)

    def get(self, url, **more):
        return self.request("GET", url, **more)

    def history(self, kind, name, token, **params):
        """One page of /api/v2/KIND/NAME/messages as parsed JSON; asserts 200."""
        answer = self.get(self.url(f"/api/v2/{kind}/{name}/messages", token, **params))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def messages(self, kind, name, token, limit=500, **params):
        """All messages, page by page."""
        found, start = [], None
        while True:
            page = self.history(kind, name, token, limit=limit, **params,
                                **({"from": start} if start else {}))
            found += page["messages"]
            start = page["next"]
            if start is None:
                return found

    def texts(self, channel, token):
        return [m["message"].get("text") for m in self.messages("channelsbyname", channel, token)]

    # --- faults

    def pid(self, name):
        """The process's pid now, or None while it has none."""
        if name in self.spawned:
            process = self.spawned[name]
            return process.pid if process.poll() is None else None
        kind, index = name.rsplit("-", 1)
        up = self.supervisor.pid
        try:
            children = pathlib.Path(f"/proc/{up}/task/{up}/children").read_text().split()
        except FileNotFoundError:
            return None
        for child in children:
            with contextlib.suppress(OSError):
                words = pathlib.Path(f"/proc/{child}/cmdline").read_bytes().decode().split("\0")
                if words[0].endswith(f"/postern-{kind}") and words[2] == index:
                    return int(child)
        return None

    def kill(self, name, sig=signal.SIGKILL):
        """Sends SIG; returns the pid. Under `up` a process that dies comes back by itself."""
        pid = wait(lambda: self.pid(name), what=f"{name}'s process")
        os.kill(pid, sig)
        return pid

    def pause(self, name):
        return self.kill(name, signal.SIGSTOP)

    def resume(self, name):
        return self.kill(name, signal.SIGCONT)

    # --- watching

    def ready(self, name):
        """The monitor's /readyz as parsed JSON with "status", or None when nobody answers."""
        try:
            answer = requests.get(self.monitors[name] + "/readyz", timeout=2 * SLOW)
            return {"status": answer.status_code, **answer.json()}
        except (requests.RequestException, ValueError):
            return None

    def wait_ready(self, *names, seconds=20):
        """Waits until each is ready, with no check degraded."""
        for name in names:
            def good(name=name):
                process = self.spawned.get(name, self.supervisor)
                assert process is None or process.poll() is None, \
                    f"{process.args[0]} ended with {process.returncode}:\n{self.logs()[-4000:]}"
                state = self.ready(name)
                return state and state["status"] == 200 and not state.get("degraded")
            try:
                wait(good, seconds, what=f"{name} to be ready")
            except AssertionError as error:
                raise AssertionError(f"{error}; {self.ready(name)}\n{self.logs()[-4000:]}") from None

    def metrics(self, name):
        """{(metric, (("label", "value"), …)): number} without the prefix postern_."""
        text = requests.get(self.monitors[name] + "/metrics", timeout=5 * SLOW).text
        found = {}
        for line in text.splitlines():
            match = re.match(r"([a-z_0-9]+)(?:\{(.*)\})? ([0-9.eE+-]+)$", line)
            if match:
                labels = tuple(re.findall(r'([a-z_]+)="([^"]*)"', match[2] or ""))
                found[match[1].removeprefix("postern_"), labels] = float(match[3])
        return found

    def metric(self, name, metric, **labels):
        """The sum of METRIC over the rows with these labels."""
        return sum(value for (found, has), value in self.metrics(name).items()
                   if found == metric and set(labels.items()) <= set(has))

    def logs(self):
        """What all processes wrote to stdout and stderr."""
        return self.log_path.read_text(errors="replace") if self.log_path.exists() else ""

    @staticmethod
    def wait(condition, seconds=10, what="the condition"):
        return wait(condition, seconds, what=what)
