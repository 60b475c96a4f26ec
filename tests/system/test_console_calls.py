"""The console's pages of what Postern calls: deliveries, handlers and outlets. The scenarios are in
console/tests/deliveries.mjs and outlets.mjs."""

import json

import pytest

from harness import postern
from harness.handler import Handler
from test_console import chromium, pytestmark, visit, who  # noqa: F401
from test_logins import GOOD

SETTINGS = {"delivery.allow": "127.0.0.0/8", "delivery.time_scale": 100000, "delivery.timeout_ms": 1000}


class Breaking(Handler):
    """With the status that the event names, until it is mended."""

    broken = True

    def called(self, path, headers, body):
        if path.endswith("/mend"):
            self.broken = False
            return 200, {}, b""
        event = json.loads(json.loads(body).get("body") or "{}")
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


def failed(ring, name, ada, handler, *words):
    """A bot, and a dead letter for each of WORDS."""
    bot = ring.bot(name, ada)
    ring.manage("bot_handler_set", name, url=handler.url, bound_s=1)
    for word in words:
        assert ring.post(ring.bot_url(name, ada.token), {"status": 500 if word != "apple" else 200, "word": word}).ok
    dead = lambda: ring.get(ring.url(f"/api/v2/bots/{name}/deliveries", ada.token, state="dead")).json()["deliveries"]
    ring.wait(lambda: len(dead()) == len([word for word in words if word != "apple"]))
    return bot


def test_dead_letters_are_found_tried_again_and_replayed(calling, name, ada, handler):
    bot = failed(calling, name, ada, handler, "apple", "banana", "cherry")
    visit(calling, "deliveries", email=ada.email, bot=bot["id"], handler=handler.url)


def test_a_handler_is_tested_saved_and_signed_anew(calling, name, ada, handler):
    visit(calling, "handler", email=ada.email, bot=calling.bot(name, ada)["id"], handler=handler.url)


def test_the_main_paths_by_keyboard_alone(calling, name, ada, handler):
    calling.ctl("user", "edit", ada.email, "--role", "owner")
    calling.channel(name + "_c", ada)
    other = calling.user(name + "_bob", token=False)
    for number in range(120):
        assert calling.post(calling.channel_url(name + "_c", ada.token), {"text": f"message {number}"}).ok
    failed(calling, name + "_b", ada, handler, "banana", "cherry")
    handler.broken = False
    visit(calling, "keyboard", email=ada.email, channel=name + "_c", bot=name + "_b", other=who(other),
          endpoint=calling.channel_url(name + "_c"))


def test_an_outlet_is_made_tested_and_found_by_its_deliveries(calling, name, ada, handler):
    visit(calling, "outlets", email=ada.email, channel=calling.channel(name, ada)["id"], title=name, handler=handler.url)
