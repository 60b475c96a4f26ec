"""Reading messages back from either end, over HTTP and with posternctl."""

import datetime
import itertools
import time

import pytest

from harness.connection import Connection

COUNT = 150  # past two strides of the journal, and less than a checkpoint's


@pytest.fixture(scope="module")
def full(ring):
    """(ring, user, path): a channel with COUNT messages, which were stored a moment ago."""
    ada = ring.user("history")
    ring.channel("history", ada)
    post(ring, ada, "history", [str(i) for i in range(1, COUNT + 1)])
    return ring, ada, "/api/v2/channelsbyname/history/messages"


def post(ring, user, channel, texts):
    with Connection(ring.port) as connection:
        for text in texts:
            answer = connection.post(f"/api/v2/channelsbyname/{channel}/message?zapikey={user.token}",
                                     b'{"text":"%s"}' % text.encode())
            assert answer.status == 204, answer


def page(ring, user, path, **query):
    answer = ring.get(ring.url(path, user.token, **query))
    assert answer.status_code == 200, answer.text
    body = answer.json()
    return [row["sequence"] for row in body["messages"]], body["next"]


def walk(ring, user, path, cursor, **query):
    """All pages, by the cursor that names the next one."""
    found, after = [], {}
    for _ in itertools.count():
        rows, more = page(ring, user, path, **query, **after)
        found.append(rows)
        if more is None:
            return found
        after = {cursor: more}


def test_the_newest_come_first(full):
    ring, ada, path = full
    every = list(range(1, COUNT + 1))
    assert page(ring, ada, path, order="desc", limit=3) == ([COUNT, COUNT - 1, COUNT - 2], COUNT - 2)
    for limit in (1000, 64, 37):
        pages = walk(ring, ada, path, "before", order="desc", limit=limit)
        assert sum(pages, []) == every[::-1]
        assert [len(rows) for rows in pages[:-1]] == [limit] * (len(pages) - 1)
        assert sum(walk(ring, ada, path, "from", limit=limit), []) == every
        assert sum(walk(ring, ada, path, "after", limit=limit), []) == every
        assert sum(walk(ring, ada, path, "after", order="desc", limit=limit), []) == every[::-1]
    assert page(ring, ada, path) == (every[:100], 101)  # as ever


def test_before_and_from_are_the_two_ends(full):
    ring, ada, path = full
    assert page(ring, ada, path, before=3) == ([1, 2], None)
    assert page(ring, ada, path, order="asc", before=140, **{"from": 138}) == ([138, 139], None)
    assert page(ring, ada, path, order="desc", before=5, **{"from": 3}) == ([4, 3], None)
    assert page(ring, ada, path, order="desc", before=1) == ([], None)
    assert page(ring, ada, path, order="desc", before=10 ** 9, limit=1) == ([COUNT], COUNT)
    assert page(ring, ada, path, order="desc", **{"from": 10 ** 9}) == ([], None)
    for query in ("order=newest", "order=", "before=0", "before=x", "before=-1", "after=x", "after=0", "after=3&from=3",
                  "order=desc&after=3&before=3"):
        answer = ring.get(ring.url(f"{path}?{query}"), headers={"Authorization": f"Bearer {ada.token}"})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_param"), query


def test_a_page_of_large_messages_has_the_newest_of_them(ring, name):
    ada = ring.user(name)
    ring.channel(name, ada)
    for i in range(1, 41):
        text = '{"text":"%d","x":"%s"}' % (i, "y" * 60000)
        assert ring.post(ring.channel_url(name, ada.token), text).status_code == 204
    pages = walk(ring, ada, f"/api/v2/channelsbyname/{name}/messages", "before", order="desc")
    assert sum(pages, []) == list(range(40, 0, -1)) and len(pages) == 3


def test_what_nobody_posted_to_has_no_newest(ring, name):
    ada = ring.user(name)
    ring.channel(name, ada)
    path = f"/api/v2/channelsbyname/{name}/messages"
    assert page(ring, ada, path, order="desc") == ([], None)
    post(ring, ada, name, ["one"])
    assert page(ring, ada, path, order="desc") == ([1], None)


def test_posternctl_shows_the_last_ones_oldest_first(full):
    ring, ada, _ = full

    def last(n, *more):
        said = ring.ctl("history", "channel", "history", "--last", n, "--token-file", "-", *more,
                        input=ada.token)
        return [row["sequence"] for row in said["messages"]]

    assert last("2") == [COUNT - 1, COUNT]
    assert last("120") == list(range(COUNT - 119, COUNT + 1))
    assert last("5000") == list(range(1, COUNT + 1))
    plain = ring.ctl_run("history", "channel", "history", "--last", "2", "--token-file", "-", input=ada.token)
    assert [line.split()[0] for line in plain.stdout.splitlines()] == [str(COUNT - 1), str(COUNT)]
    done = ring.ctl_run("history", "channel", "history", "--last", "2", "--from", "1", "--token-file", "-",
                        input=ada.token)
    assert done.returncode == 2 and "--last" in done.stderr


def test_posternctl_shows_a_message_whole(ring, name):
    ada = ring.user(name)
    ring.channel(name, ada)
    slides = [{"type": "list", "title": "Commits", "data": ["one\r\nmore", "two"]}, {"type": "label", "data": [{"Host": "db-1"}, {"Load": "9"}]},
              {"type": "table", "data": {"headers": ["a", "b"], "rows": [{"b": "2", "a": "1"}, {"a": "3"}]}},
              {"type": "percentage_chart", "data": [{"label": "used", "value": "90"}]}, {"type": "text", "data": "x\ny"}]
    message = {"text": "Firing\nDisk \x1b[31mfull\r\n9  2000-01-01T00:00:00.000Z  Mallory  forged\n", "slides": slides,
               "buttons": [{"label": label, "type": "+", "action": {"type": "open.url", "data": {"web": "https://example.org"}}} for label in ("Ack", "Mute")]}
    for body in (message, {"text": "last"}):
        assert ring.post(ring.channel_url(name, ada.token), body).status_code == 204
    said = ring.ctl_run("history", "channel", name, "--token-file", "-", input=ada.token).stdout.splitlines()
    assert said[0].startswith("1  ") and said[0].endswith("  Firing")
    assert said[1:-1] == ["    " + line for line in (
        "Disk ?[31mfull", "9  2000-01-01T00:00:00.000Z  Mallory  forged", "Commits", "- one", "more", "- two", "- Host: db-1", "- Load: 9",
        "a | b", "1 | 2", "3 | -", "- used: 90", "x", "y", "[Ack] [Mute]")]
    assert said[-1].endswith("  last")


@pytest.fixture(scope="module")
def timed(ring):
    """(ring, user, path, rows): three runs of ten messages, a second and a half between them."""
    ada = ring.user("timed")
    ring.channel("timed", ada)
    for run in range(3):
        time.sleep(1.5 if run else 0)
        post(ring, ada, "timed", [f"{run}{i}" for i in range(10)])
    path = "/api/v2/channelsbyname/timed/messages"
    rows = ring.get(ring.url(path, ada.token)).json()["messages"]
    return ring, ada, path, rows


def moments(text):
    """A time of the API in the forms that since and until take, but for ages."""
    ms = round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)
    there = datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone(datetime.timedelta(hours=2)))
    return [text, str(ms), there.isoformat(timespec="milliseconds"), text.replace("T", " ")]


def test_since_and_until_are_times(timed):
    ring, ada, path, rows = timed
    for form in moments(rows[10]["time"]):
        assert page(ring, ada, path, since=form) == (list(range(11, 31)), None), form
        assert page(ring, ada, path, until=form) == (list(range(1, 11)), None), form
        assert page(ring, ada, path, since=form, order="desc", limit=3) == ([30, 29, 28], 28)
    later = moments(rows[20]["time"])[1]
    assert page(ring, ada, path, since=rows[10]["time"], until=later) == (list(range(11, 21)), None)
    assert page(ring, ada, path, since=rows[10]["time"], until=later, order="desc") == (list(range(20, 10, -1)), None)
    assert page(ring, ada, path, since=later, until=rows[10]["time"]) == ([], None)
    ids = [row["sequence"] for row in rows]
    seconds = int(moments(rows[10]["time"])[1]) // 1000
    assert page(ring, ada, path, since=seconds)[0] == [i for i in ids if rows[i - 1]["time"] >= text_of(seconds)]
    for query in ({"since": "1d"}, {"since": 0}, {"until": "2100-01-01"}, {"since": "1970-01-01", "until": "0s"}):
        assert page(ring, ada, path, **query) == (ids, None), query
    for query in ({"until": "1d"}, {"since": "2100-01-01"}):
        assert page(ring, ada, path, **query) == ([], None), query
        assert page(ring, ada, path, order="desc", **query) == ([], None), query


def text_of(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def test_pages_go_on_within_a_time(timed):
    ring, ada, path, rows = timed
    middle = {"since": rows[10]["time"], "until": rows[20]["time"], "limit": 4}
    assert walk(ring, ada, path, "from", **middle) == [[11, 12, 13, 14], [15, 16, 17, 18], [19, 20]]
    assert walk(ring, ada, path, "before", order="desc", **middle) == [[20, 19, 18, 17], [16, 15, 14, 13], [12, 11]]


def test_last_is_a_count(full):
    ring, ada, path = full
    every = list(range(1, COUNT + 1))
    for last in (1, 7, 64, COUNT, COUNT + 1, 10 ** 15):
        assert page(ring, ada, path, last=last, limit=1000) == (every[-last:], None)
        assert page(ring, ada, path, last=last, limit=1000, order="desc") == (every[-last:][::-1], None)
    assert page(ring, ada, path, last=3, before=140) == ([137, 138, 139], None)
    assert page(ring, ada, path, last=3, **{"from": 149}) == ([149, 150], None)
    assert page(ring, ada, path, last=120) == (every[-120:], None)  # without a limit all of them
    assert page(ring, ada, path, last=120, limit=100) == (every[-120:-20], COUNT - 19)


def test_last_of_a_time(timed):
    ring, ada, path, rows = timed
    assert page(ring, ada, path, last=3, until=rows[20]["time"]) == ([18, 19, 20], None)
    assert page(ring, ada, path, last=12, since=rows[20]["time"]) == (list(range(21, 31)), None)
    assert page(ring, ada, path, last=3, until=rows[20]["time"], order="desc") == ([20, 19, 18], None)


@pytest.mark.parametrize("query,said", [
    ("last=0", "last must"), ("last=x", "last must"), ("last=", "last must"), ("last=-3", "last must"),
    ("since=yesterday", "10m, 2h or 7d"), ("since=", "since"), ("until=2026-02-30", "until"),
    ("since=2026-01-02T03:04", "since"), ("since=1m&since=2m", "twice"), ("until=123456789012345", "until"),
    ("limits=3", "limits is no parameter of this. There are from, before, order, limit, last, since, until"),
    ("last=3&Since=1h", "Since is no parameter"), ("=3", " is no parameter"),
    pytest.param("%F0%9F%8E%89" * 40 + "=1", "\N{PARTY POPPER}" * 16 + " is no parameter", id="long")])
def test_what_cannot_be_meant_is_refused(full, query, said):
    ring, ada, path = full
    answer = ring.get(ring.url(f"{path}?{query}"), headers={"Authorization": f"Bearer {ada.token}"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_param"), answer.text
    assert said in answer.json()["message"]


def test_messages_are_counted_by_the_hour(ring, name):
    ada = ring.user(name)
    ring.channel(name, ada)
    now = datetime.datetime.now(datetime.timezone.utc)
    for age, times in ((200, 1), (30, 2), (25, 3), (3, 5)):
        for _ in range(times):
            at = (now - datetime.timedelta(hours=age)).strftime("%Y-%m-%dT%H:%M:%SZ")
            url = ring.url(f"/api/v2/channelsbyname/{name}/import", ada.token, time=at, sender="Ada")
            assert ring.post(url, {"text": "then"}).status_code == 204
    post(ring, ada, name, ["now", "and now"])

    def counts(**query):
        answer = ring.get(ring.url(f"/api/v2/channelsbyname/{name}/counts", ada.token, **query))
        assert answer.status_code == 200, answer.text
        return answer.json()
    got = counts(hours=168)
    assert len(got["hours"]) == 168 and got["all"] == {"messages": 12, "pending": None, "delivered": None, "dead": None}
    assert got["messages_from"] is None and got["deliveries_from"] is None
    there = [row for row in got["hours"] if row["messages"]]
    hour = {age: (now - datetime.timedelta(hours=age)).strftime("%Y-%m-%dT%H:00:00.000Z") for age in (30, 25, 3)}
    assert [(row["time"], row["messages"]) for row in there[:3]] == [(hour[30], 2), (hour[25], 3), (hour[3], 5)]
    assert sum(row["messages"] for row in there[3:]) == 2  # the hour may end just now
    day = counts()
    assert day["hours"] == got["hours"][-24:] or day["hours"][:-1] == got["hours"][-23:]
    assert counts(hours=1)["all"]["messages"] in (2, 1, 0)
    assert ring.ctl("counts", "channel", name, "--hours", "168")["all"] == got["all"]
    for wrong in ({"hours": 0}, {"hours": 169}, {"hours": "x"}, {"day": 1}):
        refused = ring.get(ring.url(f"/api/v2/channelsbyname/{name}/counts", ada.token, **wrong))
        assert (refused.status_code, refused.json()["code"]) == (400, "invalid_param")
    ring.channel(name + "_empty", ada)
    assert not any(row["messages"] for row in ring.ctl("counts", "channel", name + "_empty")["hours"])
