"""Fixtures of the system tests: see harness/postern.py for what a Ring can do."""

import itertools
import pathlib
import shutil
import signal
import sys
import threading

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

import kill_campaign  # noqa: E402
from harness import lacking, leftovers, postern, refused  # noqa: E402
from harness.connection import Connection  # noqa: E402

# Without one they take a whole core from the tests beside, and meet no other fault.
kill_campaign.Writer.pause_s = 0.02

# A shell lets what it starts in the background ignore SIGINT, and so would all that is started here.
# On another thread than the main one, as xdist may begin, it cannot be said.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_configure(config):
    config.addinivalue_line("markers", "tsan: also run against the tsan build")
    config.addinivalue_line("markers", "slow: takes longer than 10 s")


# What takes longest, in this order: a long file that is begun last is waited for alone.
LONGEST = ("chaos", "console_calls", "console", "postgres", "faults_disk", "backup", "bench", "store_owner", "ctl_words", "hostile_wire",
           "absent", "faults", "mixed", "directory_hosts", "postgres_move", "deliveries", "alerts", "replies", "kill", "logins", "missing", "reading",
           "rolling", "users", "typed_client", "ctl_supervise", "ctl_ring", "ctl_sessions", "admin", "hosts", "handlers", "tokens", "older_data",
           "transcript", "migrate", "postgres_deliveries", "token_use", "slow", "admin_walk", "admin_keys", "admin_cookie")


def pytest_collection_modifyitems(items):
    first = {f"test_{name}": place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: first.get(item.path.stem, len(first)))


_in_use = set()  # what fixtures started whose set-up succeeded: their own to stop


@pytest.hookimpl(hookwrapper=True)
def pytest_fixture_setup():
    """A fixture that fails stops what it has started. One that it asked for meanwhile stops its own."""
    before = leftovers.children()
    outcome = yield
    started = leftovers.children() - before
    if outcome.excinfo is None:
        _in_use.update(started)
    else:
        leftovers.stop(started - _in_use)


def pytest_sessionfinish(session):
    """What a test's own body left running; xdist's workers, which their parent ends, do the same."""
    if not session.config.getoption("numprocesses", None):
        leftovers.stop(leftovers.children())


@pytest.fixture(scope="session")
def ring():
    """One running Ring for all tests that do not break it. Give your objects names of your own."""
    with postern.Ring() as made:
        made.up()
        made.http.hooks["response"].append(refused.Held(made.port, made.admin_port))
        yield made


@pytest.fixture
def make_ring():
    """Makes Rings that are closed after the test: make_ring(settings=…, shards=…)."""
    made = []

    def make(**options):
        made.append(postern.Ring(**options))
        return made[-1]

    yield make
    errors = []
    for one in made:
        try:
            one.close()
        except AssertionError as error:
            errors.append(str(error))
    assert not errors, "\n".join(errors)


@pytest.fixture(scope="module")
def owner(ring, request):
    """The management token of an owner of the file's own."""
    email = f"{request.module.__name__.removeprefix('test_').replace('_', '-')}-owner@example.org"
    return ring.management_token(postern.User(ring.ctl("user", "create", email, "--role", "owner"), email))


@pytest.fixture(scope="module")
def ask(ring, owner):
    """Asks the admin listener: ask(method, path, body), as the owner or by another token."""
    def call(method, path, body=None, token=owner, **more):
        return ring.admin(method, path, token, body, **more)
    return call


_numbers = itertools.count()


@pytest.fixture
def name(request):
    """A name that no other test uses, good for a user, a channel or a bot."""
    plain = "".join(c if c.isalnum() else "_" for c in request.node.name.lower())
    return f"{plain[:36].strip('_')}_{next(_numbers)}"


@pytest.fixture
def needs():
    """needs("strace"): skips with the reason when a program is missing."""
    def check(*programs):
        for program in programs:
            if not shutil.which(program):
                lacking.skip(program)
    return check


@pytest.fixture
def raw(ring):
    """A connection to the public listener, for requests as they are written."""
    with Connection(ring.port) as connection:
        yield connection


@pytest.fixture
def channel(ring, name, ada):
    """A channel of the test's own; ADA is the file's."""
    ring.channel(name, ada)
    return name


@pytest.fixture
def path(channel, ada):
    """Where to post to it."""
    return f"/api/v2/channelsbyname/{channel}/message?zapikey={ada.token}"
