"""Searching a target's messages, and what else is read beside it."""

import statistics
import threading
import time

import pytest

from harness import postern
from harness.connection import Connection

COUNT = 26000  # more than one answer looks at


def post(ring, user, channel, bodies):
    with Connection(ring.port) as connection:
        for body in bodies:
            answer = connection.post(f"/api/v2/channelsbyname/{channel}/message?zapikey={user.token}", body.encode())
            assert answer.status == 204, answer


@pytest.fixture(scope="module")
def told(ring):
    """(ring, ada, bob, path): a channel with what two people say."""
    ada, bob = ring.user("teller"), ring.user("asker")
    ring.channel("told", ada, members=[bob])
    post(ring, ada, "told", [
        '{"text":"Build 41 passed"}', '{"text":"build 42 FAILED","bot":{"name":"robot"}}',
        '{"text":"see","slides":[{"type":"label","title":"Where","data":[{"Branch":"main"}]}]}',
        '{"text":"caf\\u00e9 \\"quoted\\""}'])
    post(ring, bob, "told", ['{"text":"Who broke the build?"}', '{"text":"nobody"}'])
    return ring, ada, bob, "/api/v2/channelsbyname/told/messages"


def search(ring, user, path, **query):
    answer = ring.get(ring.url(path, user.token, **query))
    assert answer.status_code == 200, answer.text
    return answer.json()


def found(ring, user, path, **query):
    body = search(ring, user, path, **query)
    assert (body["next"], body["complete"]) == (None, True), body
    return [row["sequence"] for row in body["messages"]]


def test_by_text(told):
    ring, ada, _, path = told
    for phrase, expected in [("BUILD", [5, 2, 1]), ("build 4", [2, 1]), ("where", [3]), ("branch", [3]),
                             ("main", [3]), ('café "', [4]), ("robot", []), ("label", []), ("e", [5, 4, 3, 2, 1])]:
        assert found(ring, ada, path, q=phrase) == expected, phrase
    row = search(ring, ada, path, q="41")["messages"][0]
    assert row["message"]["text"] == "Build 41 passed" and row["sender"]["id"] == ada.id


def test_by_sender(told):
    ring, ada, bob, path = told
    for sender in (bob.id, "asker", "ASKER"):
        assert found(ring, ada, path, sender=sender) == [6, 5]
    assert found(ring, ada, path, sender=ada.id) == [4, 3, 2, 1]
    assert found(ring, ada, path, sender="tell") == []
    assert found(ring, ada, path, sender="asker", q="build") == [5]


def test_within_bounds(told):
    ring, ada, _, path = told
    assert found(ring, ada, path, q="build", before=5) == [2, 1]
    assert found(ring, ada, path, q="build", order="desc", **{"from": 2}) == [5, 2]
    assert found(ring, ada, path, q="build", since="1d") == [5, 2, 1]
    assert found(ring, ada, path, q="build", until="1d") == []
    first = search(ring, ada, path, q="build", limit=1)
    assert [row["sequence"] for row in first["messages"]] == [5]
    assert (first["next"], first["scanned"], first["complete"]) == (5, 2, False)
    for where in ("before", "after"):
        rest = search(ring, ada, path, q="build", **{where: first["next"]})
        assert ([row["sequence"] for row in rest["messages"]], rest["scanned"]) == ([2, 1], 4)


def test_an_event_is_searched_in_its_body(ring, name):
    ada = ring.user(name)
    ring.bot(name, ada)
    for body in ('{"state":"Queued"}', "plain words", "\xff queued".encode("latin-1")):
        assert ring.post(ring.bot_url(name, ada.token), body).status_code == 200
    assert found(ring, ada, f"/api/v2/bots/{name}/messages", q="queued") == [3, 1]


@pytest.mark.parametrize("query,said", [
    ("q=", "1 to 256"), ("sender=", "1 to 256"), ("q=" + "x" * 257, "1 to 256"), ("q=a&q=b", "twice"),
    ("q=a&order=asc", "newest"), ("q=a&wait=3", "wait"), ("q=a&last=3", "limit"), ("sender=a&limit=0", "limit")])
def test_what_cannot_be_meant_is_refused(told, query, said):
    ring, ada, _, path = told
    answer = ring.get(ring.url(f"{path}?{query}"), headers={"Authorization": f"Bearer {ada.token}"})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_param"), answer.text
    assert said in answer.json()["message"]


@pytest.fixture(scope="module")
def long(ring):
    """(ring, user, path): a channel with COUNT messages, of which every thousandth is odd."""
    ada = ring.user("long")
    ring.channel("long", ada)

    def part(worker):
        with Connection(ring.port) as connection:
            path = f"/api/v2/channelsbyname/long/message?zapikey={ada.token}"
            body = '{"text":"number %s %s"}' % ("x" * 150, "\\n")
            bodies = [(body if i % 1000 else body.replace("number", "odd")).encode() for i in range(COUNT // 8)]
            for at in range(0, len(bodies), 50):
                chunk = bodies[at:at + 50]
                connection.send(b"".join(b"POST %s HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
                                         b"Content-Length: %d\r\n\r\n%s" % (path.encode(), len(b), b) for b in chunk))
                for _ in chunk:
                    answer = connection.answer()
                    assert answer.status == 204, answer

    threads = [threading.Thread(target=part, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    path = "/api/v2/channelsbyname/long/messages"
    answer = ring.get(ring.url(path, ada.token, last=1))
    assert answer.json()["messages"][0]["sequence"] == COUNT, answer.text
    return ring, ada, path


def test_a_search_ends_and_goes_on(long):
    ring, ada, path = long
    rows, answers, cursor = [], [], {}
    while True:
        body = search(ring, ada, path, q="odd", **cursor)
        rows += [row["sequence"] for row in body["messages"]]
        answers.append(body)
        if body["complete"]:
            break
        cursor = {"before": body["next"]}
    assert sum(body["scanned"] for body in answers) == COUNT
    assert len(answers) > 1 and all(body["scanned"] <= 20064 for body in answers)
    assert len(rows) == COUNT // 8 // 1000 * 8 + 8 and rows == sorted(rows, reverse=True)


def test_who_reads_does_not_wait_for_those_who_search(long):
    """Pages beside eight searches that never end take as long as beside one, give or take a slice."""
    ring, ada, path = long

    def median_ms(searchers):
        over, begun = threading.Event(), []

        def work():
            with Connection(ring.port) as connection:
                while not over.is_set():
                    connection.send(f"GET {path}?q=absent&zapikey={ada.token} HTTP/1.1\r\nHost: h\r\n\r\n".encode())
                    assert connection.answer().status == 200
                    begun.append(1)
        threads = [threading.Thread(target=work) for _ in range(searchers)]
        for thread in threads:
            thread.start()
        while not begun:
            time.sleep(0.01)
        taken = []
        for _ in range(60):
            start = time.monotonic()
            assert ring.get(ring.url(path, ada.token, last=1)).status_code == 200
            taken.append((time.monotonic() - start) * 1e3)
        over.set()
        for thread in threads:
            thread.join()
        return statistics.median(taken)

    alone, beside = median_ms(1), median_ms(8)
    postern.in_time(beside, 3 * alone + 5, f"ms ({alone:.1f} alone)")


def ctl(ring, user, *words, **options):
    return ring.ctl("history", "channel", *words, "--token-file", "-", input=user.token, **options)


def test_posternctl_searches(told, long):
    ring, ada, _, path = told
    bob = ring.get(ring.url(path, ada.token, last=1)).json()["messages"][0]["sender"]

    def sequences(*words):
        return [row["sequence"] for row in ctl(ring, ada, "told", *words)["messages"]]

    assert sequences("--search", "build") == [1, 2, 5]
    assert sequences("--search", "build", "--last", "2") == [2, 5]
    assert sequences("--sender", "asker") == sequences("--sender", bob["id"]) == [5, 6]
    assert sequences("--search", "build", "--sender", "asker", "--since", "1h") == [5]
    assert sequences("--search", "build", "--until", "1h") == []
    _, own, _ = long
    rows = ctl(ring, own, "long", "--search", "odd", "--last", "1000")["messages"]  # over several answers
    assert len(rows) == COUNT // 8 // 1000 * 8 + 8 and rows[0]["sequence"] < rows[-1]["sequence"]
    local = ring.ctl("history", "channel", "told", "--search", "nobody")["messages"]  # by the control socket
    assert [row["sequence"] for row in local] == [6]
    plain = ring.ctl_run("history", "channel", "told", "--search", "nobody", "--token-file", "-", input=ada.token)
    assert plain.stdout.split()[0] == "6" and plain.stdout.rstrip().endswith("nobody"), plain


def test_posternctl_reads_between_times(told):
    ring, ada, _, path = told
    rows = ring.get(ring.url(path, ada.token)).json()["messages"]
    cut = rows[3]["time"]
    expected = [row["sequence"] for row in rows if row["time"] >= cut]
    for words, wanted in [(("--since", cut), expected), (("--until", cut), list(range(1, 7 - len(expected)))),
                          (("--since", "1h", "--until", "2100-01-01"), [1, 2, 3, 4, 5, 6]), (("--since", "0s"), []),
                          (("--since", "1h", "--last", "2"), [5, 6]), (("--since", "1h", "--limit", "2"), [1, 2])]:
        assert [row["sequence"] for row in ctl(ring, ada, "told", *words)["messages"]] == wanted, words


@pytest.mark.parametrize("words,said", [
    (("--since", "soon"), "--since must be"), (("--until", ""), "--until must be"),
    (("--search", ""), "--search takes a text"), (("--search", "x", "--limit", "3"), "take --last"),
    (("--sender", "x", "--follow"), "take --last"), (("--follow", "--until", "1h"), "--until"),
    (("--last", "3", "--from", "1"), "--last is in place")])
def test_posternctl_says_what_does_not_go_together(told, words, said):
    ring, ada, _, _ = told
    done = ring.ctl_run("history", "channel", "told", *words, "--token-file", "-", input=ada.token)
    assert done.returncode == 2 and said in done.stderr, done


@pytest.mark.parametrize("params", [{"last": 1}, {"since": "1h"}, {"until": "2100-01-01"}, {"q": "nobody"},
                                    {"sender": "asker"}, {"from": 6, "wait": 1}])
def test_who_may_open_the_control_socket_reads_the_same(told, params):
    ring, _, _, _ = told
    assert ring.manage("channel_history", "told", **params)["messages"][-1]["sequence"] in (5, 6)
