"""PostgreSQL has no room: the whole volume of the server is full."""

import contextlib
import json
import time

import pytest

from harness import database, lacking, postern
from harness.disk import Unavailable, fill, small_disk

MANY = 400
# So that the server's log takes no more of a small disk than it must.
SETTINGS = {"min_wal_size": "32MB", "max_wal_size": "48MB", "shared_buffers": "16MB"}


@pytest.fixture(scope="module")
def volume():
    with contextlib.ExitStack() as stack:
        try:
            place = stack.enter_context(small_disk(256))
        except Unavailable:
            lacking.skip("mount")
        place.chmod(0o755)
        yield place, stack.enter_context(database.server_running(place / "server", settings=SETTINGS))


def test_what_is_refused_is_not_stored_and_it_goes_on_with_room(volume, make_ring, name):
    place, server = volume
    ring = make_ring(settings={"gateway.deadline_ms": 4000})
    database.settled(ring, server, delivers=True)
    ring.up()
    ada = ring.user(name)
    ring.bot(name, ada)

    def post(number):
        began = time.monotonic()
        answer = ring.post(ring.bot_url(name, ada.token), json.dumps({"number": number, "fill": "x" * 250_000}))
        return answer, time.monotonic() - began
    stored = []
    for number in range(MANY):
        answer, took = post(number)
        if answer.status_code != 200:
            break
        stored.append(number)
        if number == 3:
            ballast = fill(place, 0)
    assert answer.status_code == 503 and answer.json()["code"] == "storage_full", answer.text
    assert took < 1 * postern.SLOW and "Retry-After" in answer.headers
    refused = number
    again, _ = post(refused)
    assert again.status_code == 503, again.text
    ring.wait(lambda: "storage_full" in str(ring.ready("gateway-0")), 10, what="the gateway to say so")

    ballast.unlink()
    numbers = iter(range(MANY, 2 * MANY))

    def goes_on():
        number = next(numbers)
        if post(number)[0].status_code == 200:
            stored.append(number)
            return True
        return False
    ring.wait(goes_on, 30, what="the room to be used")
    kept = [json.loads(message["event"]["body"])["number"] for message in ring.messages("bots", name, ada.token)]
    assert kept == stored
    assert database.holes(server, ring.database, "bot") == 0
