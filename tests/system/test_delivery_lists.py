"""Lists of deliveries: what they are filtered by, and what who sees another's is shown."""

import json

import pytest

from harness import postern
from harness.handler import Handler
from test_logins import denied
from test_signed_in import Reader

SETTINGS = {"delivery.allow": "127.0.0.0/8", "delivery.time_scale": 1000, "delivery.timeout_ms": 1000}


class Answers(Handler):
    """With the status that the event names, and a text of its own."""

    def called(self, path, headers, body):
        event = json.loads(json.loads(body)["body"])
        return event["status"], {}, f"answered {event['word']}".encode()


@pytest.fixture(scope="module")
def handler():
    with Answers() as made:
        yield made


@pytest.fixture(scope="module")
def listing():
    with postern.Ring(settings=SETTINGS, shards={"bot": 2, "extension": 2}) as made:
        yield made.up()


@pytest.fixture
def ada(listing, name):
    return Reader(listing, f"a_{name}")


@pytest.fixture
def eve(listing, name):
    return Reader(listing, f"e_{name}", "admin")


def words(answer):
    """Of the events, by what was answered."""
    assert answer.status_code == 200, answer.text
    return [(row["attempts"] or [{"answer": ""}])[-1]["answer"].removeprefix("answered ") for row in answer.json()["deliveries"]]


def a_bot(ring, reader, name, handler, *events):
    """With those events (status, word), each delivered or tried."""
    made = ring.bot(name, reader.user)
    ring.ctl("bot", "handler", "set", name, handler.url)
    for status, word in events:
        assert reader.by_cookie("POST", f"/bots/{name}/events", {"status": status, "word": word}).status_code == 200
    ring.wait(lambda: sum(bool(row["attempts"]) for row in reader.by_cookie("GET", f"/bots/{name}/deliveries").json()["deliveries"]) == len(events))
    return made


def test_what_is_filtered_by(listing, name, ada, handler):
    a_bot(listing, ada, name, handler, (200, "apple"), (500, "banana"), (410 - 10, "cherry"), (200, "date"))
    path = f"/bots/{name}/deliveries"
    for query, expected in (("", ["date", "cherry", "banana", "apple"]), ("status=200", ["date", "apple"]), ("status=500", ["banana"]),
                            ("outcome=answered&status=400", ["cherry"]), ("outcome=timeout", []), ("q=CHERRY", ["cherry"]),
                            ("q=answered", ["date", "cherry", "banana", "apple"]), ("q=ana%22", ["banana"]), ("q=nothing", [])):
        found = ada.by_cookie("GET", f"{path}?{query}")
        assert words(found) == expected, query
        assert found.json()["scanned"] == 4 and found.json()["next"] is None, query
    first = ada.by_cookie("GET", f"{path}?status=200&limit=1").json()
    assert (first["scanned"], len(first["deliveries"])) == (1, 1)
    rest = ada.by_cookie("GET", f"{path}?status=200&limit=1&after={first['next']}")
    assert words(rest) == ["apple"]
    bare = ada.by_cookie("GET", f"{path}?bodies=false").json()["deliveries"]
    assert [attempt["answer"] for row in bare for attempt in row["attempts"]] and \
        {attempt["answer"] for row in bare for attempt in row["attempts"]} == {None}
    for wrong in ("status=x", "status=0", "status=600", "outcome=odd", "outcome=unknown", "bodies=x", "q=", "q=x&bodies=false", "nothing=1"):
        denied(ada.by_cookie("GET", f"{path}?{wrong}"), "invalid_param", 400)
    denied(ada.by_cookie("POST", f"{path}/replay?outcome=answered"), "invalid_param", 400)


def test_a_role_sees_anothers_without_bodies(listing, name, ada, eve, handler):
    a_bot(listing, ada, name, handler, (200, "apple"), (500, "banana"))
    extension = listing.extension(name, ada.user)
    listing.channel(name, ada.user, [ada.user])
    outlet = listing.manage("outlet_create", name, kind="generic", url=handler.url)["id"]
    paths = (f"/bots/{name}", f"/extensions/{name}", f"/extensions/{extension['sandbox'].app_id}", f"/outlets/{outlet}")
    for path in paths:
        where = "?environment=sandbox" if path.endswith(f"/extensions/{name}") else "?"
        for door in eve.doors:
            seen = door("GET", f"{path}/deliveries{where}&limit=5&bodies=true".replace("?&", "?"))
            assert seen.status_code == 200, (path, seen.text)
            assert "answered" not in json.dumps([attempt["answer"] for row in seen.json()["deliveries"] for attempt in row["attempts"]])
            denied(door("GET", f"{path}/deliveries{where}&q=banana".replace("?&", "?")), "invalid_param", 400)
        denied(eve.by_cookie("GET", f"{path}/deliveries/1{where}".rstrip("?")), "not_allowed", 403)
    rows = eve.by_cookie("GET", f"/bots/{name}/deliveries?status=500").json()["deliveries"]
    assert [(row["attempts"][-1]["status"], row["attempts"][-1]["answer"]) for row in rows] == [(500, None)]
    bea = Reader(listing, f"b_{name}")
    denied(bea.by_cookie("GET", f"/bots/{name}/deliveries"), "not_allowed", 403)
