"""Lists of deliveries: what they are filtered by, and what who sees another's is shown."""

import json
import time

import pytest

from harness import postern
from harness.handler import Handler
from test_ctl_sessions import Away
from test_logins import denied
from test_signed_in import Reader

SETTINGS = {"delivery.allow": "127.0.0.0/8", "delivery.time_scale": 1000, "delivery.timeout_ms": 1000}


class Answers(Handler):
    """With the status that the event names, and a text of its own."""

    def called(self, path, headers, body):
        event = json.loads(json.loads(body).get("body", '{"status": 200, "word": "push"}'))
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


def walk(reader, query=""):
    """All pages: (number, kind and name of the target, last answer) and how many pages there were."""
    rows, pages, after = [], 0, ""
    while True:
        answer = reader.by_cookie("GET", f"/deliveries?{query}{after}")
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert page["incomplete"] == [], page
        rows += page["deliveries"]
        pages += 1
        if page["next"] is None:
            return rows, pages
        after = f"&after={page['next']}"


def where(row):
    return row["target"]["kind"], row["target"]["name"], row["target"]["environment"]


def made_by(ring, reader, name, handler):
    """Several targets of each kind with three deliveries each, of any shards; how many."""
    short = name[:50]
    targets = [("bots", f"{short}_b{n}", "") for n in range(3)] + [("extensions", f"{short}_e", f"?environment={e}") for e in ("sandbox", "marketplace")]
    for n in range(3):
        ring.bot(f"{short}_b{n}", reader.user)
        ring.ctl("bot", "handler", "set", f"{short}_b{n}", handler.url)
    ring.extension(f"{short}_e", reader.user)
    for environment in ("sandbox", "marketplace"):
        ring.ctl("extension", "handler", "set", f"{short}_e", handler.url, "--environment", environment)
    for word in ("apple", "banana", "cherry"):
        for kind, target, query in targets:
            answer = reader.by_cookie("POST", f"/{kind}/{target}/events{query}", {"status": 200 if word == "apple" else 400, "word": word})
            assert answer.status_code == 200, answer.text
    ring.wait(lambda: sum(bool(row["attempts"]) for row in walk(reader)[0]) == 3 * len(targets))
    return targets


def test_all_deliveries_of_ones_own(listing, name, ada, handler):
    made = made_by(listing, ada, name, handler)
    rows, _ = walk(ada)
    assert len(rows) == 15
    assert {where(row) for row in rows} == {("bot" if kind == "bots" else "extension", target, query.partition("=")[2] or None)
                                            for kind, target, query in made}
    times = [row["time"] for row in rows]
    assert times == sorted(times, reverse=True)
    assert {row["attempts"][-1]["answer"] for row in rows} == {"answered apple", "answered banana", "answered cherry"}
    # By pages of any size it is the same list.
    for limit in (1, 2, 4, 15):
        paged, pages = walk(ada, f"limit={limit}&")
        assert [(row["target"], row["number"]) for row in paged] == [(row["target"], row["number"]) for row in rows]
        assert pages in (-(-15 // limit), -(-15 // limit) + 1)
    apples, _ = walk(ada, "status=200&limit=2&")
    assert len(apples) == 5 and {row["attempts"][-1]["answer"] for row in apples} == {"answered apple"}
    found, _ = walk(ada, "q=CHERRY&state=delivered&")
    assert found == []
    one, _ = walk(ada, f"target=bot:{made[0][1]}&")
    assert {where(row)[1] for row in one} == {made[0][1]} and len(one) == 3
    both, _ = walk(ada, f"target=extension:{made[3][1]}&")
    assert {where(row)[2] for row in both} == {"sandbox", "marketplace"} and len(both) == 6
    shown = rows[0]["target"]
    assert ada.by_cookie("GET", f"/{shown['kind']}s/{shown.get('app', shown['id'])}/deliveries/{rows[0]['number']}").status_code == 200
    for wrong in ("after=x", "after=~b", "after=~c1.5", "after=7", "limit=0", "limit=101", "state=x", "from=x", "nothing=1", "target=x", "target=room:x"):
        denied(ada.by_cookie("GET", f"/deliveries?{wrong}"), "invalid_param", 400)
    denied(ada.by_cookie("GET", "/deliveries?after=~b7.1.1.1.1.1.1.1"), "cursor_expired", 410)
    # A webhook token sees the same.
    public = listing.get(listing.url("/api/v2/deliveries", ada.user.token)).json()
    assert [(row["target"], row["number"]) for row in public["deliveries"]] == [(row["target"], row["number"]) for row in rows]


def test_a_role_sees_all_without_bodies(listing, name, ada, eve, handler):
    made = made_by(listing, ada, name, handler)
    listing.channel(name, ada.user, [ada.user])
    outlet = listing.manage("outlet_create", name, kind="generic", name="pushes", url=handler.url)["id"]
    assert ada.by_cookie("POST", f"/outlets/{outlet}/test").status_code == 200
    own = listing.wait(lambda: [row for row in walk(ada)[0] if row["target"]["kind"] == "outlet"])
    assert own[0]["target"] == {"kind": "outlet", "id": outlet, "name": "pushes", "environment": None,
                                "channel": {"id": own[0]["target"]["channel"]["id"], "name": name}}
    a_bot(listing, eve, f"{name[:50]}_own", handler, (200, "date"))
    mine = {where(row) for row in walk(ada)[0]}
    for limit in (7, 100):
        rows, _ = walk(eve, f"limit={limit}&")
        seen = {where(row) for row in rows}
        assert mine <= seen and len(seen) > len(mine)
        times = [row["time"] for row in rows]
        assert times == sorted(times, reverse=True)
        for row in rows:
            answers = {attempt["answer"] for attempt in row["attempts"]}
            assert answers <= ({"answered date"} if where(row)[1] == f"{name[:50]}_own" else {None}), row
    # Bodies of others are not searched.
    assert {where(row)[1] for row in walk(eve, "q=answered&")[0]} == {f"{name[:50]}_own"}
    assert {where(row)[1] for row in walk(eve, f"target=bot:{made[0][1]}&")[0]} == {made[0][1]}
    bea = Reader(listing, f"b_{name}")
    assert walk(bea) == ([], 1)
    denied(bea.by_cookie("GET", f"/deliveries?target=bot:{made[0][1]}"), "not_allowed", 403)
    denied(bea.by_cookie("GET", "/deliveries?target=bot:lists_nowhere"), "not_allowed", 403)
    denied(bea.by_cookie("GET", "/deliveries?limit=x"), "invalid_param", 400)


def test_shards_that_are_stopped_are_named_as_missing(listing, name, ada, handler):
    made_by(listing, ada, name, handler)
    whole = [(row["target"]["id"], row["number"]) for row in walk(ada)[0]]
    first = ada.by_cookie("GET", "/deliveries?limit=4").json()
    bots = ("bot-0", "bot-1")  # those are asked that have a bot of ada's
    try:
        [listing.pause(bot) for bot in bots]
        began = time.monotonic()
        page = ada.by_cookie("GET", f"/deliveries?limit=100&after={first['next']}").json()
        postern.in_time(time.monotonic() - began, 5 * postern.SLOW)
        some = ada.by_cookie("GET", f"/deliveries?limit=1&after={first['next']}").json()
    finally:
        [listing.resume(bot) for bot in bots]
    assert page["incomplete"] and all(row in [{"kind": "bot", "shard": n, "reason": "no_answer"} for n in (0, 1)] for row in page["incomplete"])
    assert page["next"] is None and {row["target"]["kind"] for row in page["deliveries"]} == {"extension"}
    # What the shard has not given comes with the page that it answers.
    listing.wait(lambda: ada.by_cookie("GET", "/deliveries").json()["incomplete"] == [])
    after, got = some["next"], [*first["deliveries"], *some["deliveries"]]
    while after:
        more = ada.by_cookie("GET", f"/deliveries?limit=3&after={after}").json()
        assert more["incomplete"] == []
        got += more["deliveries"]
        after = more["next"]
    assert sorted((row["target"]["id"], row["number"]) for row in got) == sorted(whole)


def test_who_is_signed_in_no_more_gets_none(listing, name, ada):
    assert walk(ada) == ([], 1)
    session = ada.browser.session
    ada.by_cookie("POST", "/logout")
    for credential in (None, session, ada.user.token):
        assert listing.admin("GET", "/deliveries", credential).status_code == 401
    assert listing.get(listing.url("/api/v2/deliveries", ada.management)).status_code == 401


def test_posternctl_lists_them(listing, name, ada, handler, tmp_path):
    a_bot(listing, ada, name, handler, (200, "apple"), (400, "banana"))
    away = Away(listing, tmp_path)
    more = {"environment": {"POSTERN_MANAGEMENT_TOKEN": ada.management}}
    rows = away.json("delivery", "list", "--status", "400", **more)["deliveries"]
    assert [(row["target"]["name"], row["attempts"][-1]["status"]) for row in rows] == [(name, 400)]
    first = away.run("delivery", "list", "--limit", "1", **more)
    assert f"bot {name}" in first.stdout and first.returncode == 0, first.stderr
    after = first.stdout.splitlines()[-1].removeprefix("more: --after '").removesuffix("'")
    assert len(away.json("delivery", "list", "--after", after, **more)["deliveries"]) == 1
    assert away.json("dlq", "list", **more)["deliveries"] == []
    assert "bot or extension" in away.fails("delivery", "list", "bot", status=2, **more)
    by_token = away.json("delivery", "list", "--url", listing.base, environment={"POSTERN_TOKEN": ada.user.token})
    assert len(by_token["deliveries"]) == 2
    listing.pause("bot-0")
    try:
        partly = away.run("delivery", "list", **more)
    finally:
        listing.resume("bot-0")
    told = "not all is in the list: bot 0: no_answer" in partly.stderr
    assert partly.returncode == 0 and told == (f"bot {name}" not in partly.stdout), partly.stderr
