"""The console's pages of what Postern calls: deliveries and handlers. The scenarios are in console/tests/deliveries.mjs."""

import json

import pytest

from harness import postern
from harness.handler import Handler
from test_console import chromium, pytestmark, visit  # noqa: F401
from test_logins import GOOD

SETTINGS = {"delivery.allow": "127.0.0.0/8", "delivery.time_scale": 100000, "delivery.timeout_ms": 1000}


class Breaking(Handler):
    """With the status that the event names, until it is mended."""

    broken = True

    def called(self, path, headers, body):
        if path.endswith("/mend"):
            self.broken = False
            return 200, {}, b""
        event = json.loads(json.loads(body)["body"] or "{}")
        return event.get("status", 200) if self.broken else 200, {}, f"answered {event.get('word')}".encode()


@pytest.fixture
def handler():
    with Breaking() as made:
        yield made


@pytest.fixture(scope="module")
def calling():
    with postern.Ring(settings=SETTINGS) as made:
        yield made.up()


@pytest.fixture
def ada(calling, name):
    user = calling.user(name)
    calling.ctl("user", "password", user.email, input=GOOD + "\n")
    return user


def test_dead_letters_are_found_tried_again_and_replayed(calling, name, ada, handler):
    bot = calling.bot(name, ada)
    calling.manage("bot_handler_set", name, url=handler.url, bound_s=1)
    for status, word in ((200, "apple"), (500, "banana"), (500, "cherry")):
        assert calling.post(calling.bot_url(name, ada.token), {"status": status, "word": word}).ok
    dead = lambda: calling.get(calling.url(f"/api/v2/bots/{name}/deliveries", ada.token, state="dead")).json()["deliveries"]
    calling.wait(lambda: len(dead()) == 2)
    visit(calling, "deliveries", email=ada.email, bot=bot["id"], handler=handler.url)


def test_a_handler_is_tested_saved_and_signed_anew(calling, name, ada, handler):
    visit(calling, "handler", email=ada.email, bot=calling.bot(name, ada)["id"], handler=handler.url)
