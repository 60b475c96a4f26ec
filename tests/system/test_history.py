"""Reading messages back from either end, over HTTP and with posternctl."""

import itertools

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
    assert page(ring, ada, path) == (every[:100], 101)  # as ever


def test_before_and_from_are_the_two_ends(full):
    ring, ada, path = full
    assert page(ring, ada, path, before=3) == ([1, 2], None)
    assert page(ring, ada, path, order="asc", before=140, **{"from": 138}) == ([138, 139], None)
    assert page(ring, ada, path, order="desc", before=5, **{"from": 3}) == ([4, 3], None)
    assert page(ring, ada, path, order="desc", before=1) == ([], None)
    assert page(ring, ada, path, order="desc", before=10 ** 9, limit=1) == ([COUNT], COUNT)
    assert page(ring, ada, path, order="desc", **{"from": 10 ** 9}) == ([], None)
    for query in ("order=newest", "order=", "before=0", "before=x", "before=-1"):
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
