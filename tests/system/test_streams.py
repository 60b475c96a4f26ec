"""Live streams of several targets: of each what was answered 2xx, once and in order, with one position for all."""

import json
import threading
import time
import urllib.parse

import pytest
import requests

from harness import postern
from harness.connection import Connection
from harness.postern import SLOW, free_ports, in_time
from reading_streams import Raw, Several, Sse

SETTINGS = {"authd.rate": 0}


@pytest.fixture(scope="module")
def wide():
    with postern.Ring(settings=SETTINGS, shards={"channel": 2}) as made:
        yield made.up()


def streams(*targets, **more):
    text = f"targets={','.join(targets)}" if targets else ""
    query = "&".join(filter(None, [text, urllib.parse.urlencode(more)]))
    return "/api/v2/streams" + (f"?{query}" if query else "")


def places(ring, name, count=4):
    ada = ring.user(name, rate=0)
    names = [f"{name[:40]}_{i}" for i in range(count)]
    for each in names:
        ring.channel(each, ada)
    return ada, names


def post(ring, user, names, first, count):
    """Count messages to each, one after the other."""
    with Connection(ring.port) as connection:
        for i in range(first, first + count):
            for each in names:
                answer = connection.post(f"/api/v2/channelsbyname/{each}/message?zapikey={user.token}",
                                         b'{"text":"%d"}' % i)
                assert answer.status == 204, answer


def want(names, first, last):
    return {each: list(range(first, last + 1)) for each in names}


def opened(ring, user, *targets, lines=False, since=None, **more):
    reader = Several(ring.port, streams(*targets, **more), user.token, lines=lines, since=since)
    assert reader.ready.wait(20 * SLOW), reader.others
    return reader


def test_messages_of_all_targets_come_to_every_kind_of_reader(wide, name):
    ada, names = places(wide, name)
    wide.bot(name, ada)
    targets = [f"channel:{each}" for each in names]
    post(wide, ada, names, 1, 3)
    readers = [opened(wide, ada, *targets), opened(wide, ada, *targets, lines=True),
               opened(wide, ada, *targets, since="all"), opened(wide, ada, *targets, since="latest"),
               opened(wide, ada, *targets, last=2), opened(wide, ada), opened(wide, ada, since="1h", lines=True)]
    post(wide, ada, names, 4, 10)
    firsts = [4, 4, 1, 3, 2, 4, 1]
    wide.wait(lambda: [reader.by_name for reader in readers] == [want(names, first, 13) for first in firsts], 20,
              what="all readers to have all")
    assert wide.post(wide.bot_url(name, ada.token), "x").status_code == 200
    wide.wait(lambda: readers[5].by_name.get(name) == [1], 20)
    row = readers[5].rows[-1]
    assert row["target"]["kind"] == "bot" and set(row["target"]) == {"kind", "id", "name"}
    for reader in readers:
        assert reader.opened == 1 and reader.failure is None
        reader.stop()
    wide.wait(lambda: wide.metric("gateway-0", "streams") == 0, 20)


def test_what_is_named_wrong_is_refused(wide, name):
    ada, names = places(wide, name, 1)
    bob = wide.user(name + "2")
    for user, targets, more, status, code in (
            (ada, ["channel:nowhere"], {}, 404, "unknown_channel"),
            (ada, ["chat:nowhere"], {}, 404, "unknown_chat"),
            (ada, [f"channel:{names[0]}", "bot:nowhere"], {}, 404, "unknown_bot"),
            (ada, ["house:x"], {}, 400, "invalid_param"),
            (ada, [""], {}, 400, "invalid_param"),
            (ada, [f"channel:{names[0]}", ""], {}, 400, "invalid_param"),
            (ada, [f"channel:{names[0]}"] * 65, {}, 400, "invalid_param"),
            (ada, [f"channel:{names[0]}"], {"since": "77"}, 400, "invalid_param"),
            (ada, [f"channel:{names[0]}"], {"since": "~c2.x"}, 400, "invalid_param"),
            (ada, [f"channel:{names[0]}"], {"colour": "red"}, 400, "invalid_param"),
            (bob, [f"channel:{names[0]}"], {}, 403, "not_allowed"),
            (bob, ["buddy:" + ada.email], {}, 403, "not_allowed")):
        answer = wide.get(wide.url(streams(*targets, **more)), headers={"Authorization": f"Bearer {user.token}"})
        assert (answer.status_code, answer.json()["code"]) == (status, code), (targets, more, answer.text)


def test_a_position_holds_for_all(wide, name):
    """Whoever comes back with the id of any event gets what follows of each target, and nothing twice."""
    ada, names = places(wide, name)
    targets = [f"channel:{each}" for each in names]
    live = opened(wide, ada, *targets, lines=True)
    positions = []
    note = live._take
    live._take = lambda event, data, position: (note(event, data, position), positions.append((len(live.got), position)))
    post(wide, ada, names, 1, 6)
    wide.wait(lambda: live.by_name == want(names, 1, 6), 20)
    live.stop()
    for count, position in positions[::5]:
        reader = opened(wide, ada, *targets, since=position, lines=True)
        had = {each: [s for n, s in live.got[:count] if n == each] for each in names}
        rest = {each: list(range(len(had[each]) + 1, 7)) for each in names}
        wide.wait(lambda: reader.by_name == {each: row for each, row in rest.items() if row}, 20, what=position)
        reader.stop()


def test_a_right_that_is_taken_ends_one_target(wide, name):
    ada, names = places(wide, name, 3)
    eve = wide.user(name + "_e")
    for each in names:
        wide.ctl("channel", "member", "add", each, eve.email)
    reader = opened(wide, eve, *(f"channel:{each}" for each in names), lines=True)
    every = opened(wide, eve)
    post(wide, ada, names, 1, 1)
    wide.wait(lambda: reader.by_name == every.by_name == want(names, 1, 1), 20)
    wide.ctl("channel", "member", "remove", names[0], eve.email)
    began = time.monotonic()
    wide.wait(lambda: all(any(event == "end" for event, _ in r.others) for r in (reader, every)), 10)
    in_time(time.monotonic() - began, 2 * SLOW)
    for r in (reader, every):
        end, = (data for event, data in r.others if event == "end")
        assert (end["target"]["name"], end["code"]) == (names[0], "not_allowed")
    post(wide, ada, names, 2, 1)
    wide.wait(lambda: reader.by_name == every.by_name == want(names[:1], 1, 1) | want(names[1:], 1, 2), 20)
    wide.manage("token_delete", eve.token_id, confirm=True)
    wide.wait(lambda: not reader.is_alive() and not every.is_alive(), 10)
    for r in (reader, every):
        assert [data["code"] for event, data in r.others if event == "end"] == ["not_allowed", "invalid_token"]
        r.stop()


def test_a_target_that_is_new_joins_a_stream_of_all(wide, name):
    ada, names = places(wide, name, 3)
    eve = wide.user(name + "_e")
    every = opened(wide, eve)
    for i, each in enumerate(names):
        wide.ctl("channel", "member", "add", each, eve.email)
        post(wide, ada, [each], 1, 1)  # before it has joined
        wide.wait(lambda: every.by_name == want(names[:i + 1], 1, 1), 10, what="it to join")
    post(wide, ada, names, 2, 3)
    wide.wait(lambda: every.by_name == want(names, 1, 4), 20)
    assert every.opened == 1
    every.stop()


def test_readers_outlive_workers_routers_and_authds(wide, name):
    """Of each target nothing is missing, doubled or out of order; only the gateway's end is noticed."""
    ada, names = places(wide, name)
    targets = [f"channel:{each}" for each in names]
    readers = [opened(wide, ada, *targets), opened(wide, ada, *targets[:3], lines=True), opened(wide, ada, lines=True)]
    stop, stored = threading.Event(), dict.fromkeys(names, 0)

    def write(each):
        answer = None
        while not stop.is_set() or answer is None:
            try:
                answer = wide.post(wide.channel_url(each, ada.token), {"text": "x"}, timeout=30,
                                   headers={"Idempotency-Key": f"{each}-{stored[each]}"})
            except requests.ConnectionError:
                answer = None
            if answer is not None and answer.status_code == 503:
                answer = None
            assert answer is None or answer.status_code in (200, 204), answer.text
            stored[each] += answer is not None

    writers = [threading.Thread(target=write, args=(each,)) for each in names]
    for writer in writers:
        writer.start()
    for process in ("channel-0", "router-0", "authd-0", "channel-1"):
        wide.kill(process)
        wide.wait_ready(process)
        time.sleep(0.2)
    assert [reader.opened for reader in readers] == [1, 1, 1]
    wide.kill("gateway-0")
    wide.wait_ready("gateway-0")
    time.sleep(0.2)
    stop.set()
    for writer in writers:
        writer.join()
    for reader, of in zip(readers, (names, names[:3], names)):
        wanted = {each: list(range(1, stored[each] + 1)) for each in of}
        wide.wait(lambda: reader.by_name == wanted, 30, what="all readers to have all")
        reader.stop()


def test_joins_while_messages_come(wide, name):
    ada, names = places(wide, name)
    targets = [f"channel:{each}" for each in names]
    post(wide, ada, names, 1, 5)
    stop = threading.Event()
    writer = threading.Thread(target=lambda: [post(wide, ada, names, 1, 1) for _ in iter(stop.is_set, True)])
    writer.start()
    resyncs = wide.metric("gateway-0", "stream_resyncs_total")
    position = None
    for i in range(12):
        reader = opened(wide, ada, *targets, lines=True, since=("all", position, None)[i % 3])
        before = len(reader.got)
        wide.wait(lambda: len(reader.got) > before + 30, 20)
        reader.stop()
        for got in reader.by_name.values():
            assert got == list(range(got[0], got[-1] + 1)) and (i % 3 or got[0] == 1)
        position = reader.position
    stop.set()
    writer.join()
    assert wide.metric("gateway-0", "stream_resyncs_total") == resyncs


def test_an_idle_stream_renews_its_position(wide, name):
    """Where others post to the shard the position goes on, so that retention does not pass it."""
    ada, names = places(wide, name)
    raw = Raw(wide.port, streams(f"channel:{names[0]}"), [f"Authorization: Bearer {ada.token}"])
    sse = Sse(raw.chunks())
    chunks = iter(sse.chunks)
    first = next(chunks)
    post(wide, ada, names[1:], 1, 2)
    assert b"id: ~c2." in first and any(b"id: ~c2." in chunk and chunk != first for chunk in chunks)
    raw.close()


def test_edits_and_messages_for_some_users_come_as_in_a_stream_of_one(wide, name):
    """What is for others leaves no gap: the reader goes on without a return or a page too many."""
    ada, names = places(wide, name, 2)
    bob, eve = wide.user(name + "_b"), wide.user(name + "_e")
    for each in names:
        for user in (bob, eve):
            wide.ctl("channel", "member", "add", each, user.email)
    targets = [f"channel:{each}" for each in names]
    live = {user: opened(wide, user, *targets) for user in (bob, eve)}
    for body in ({"text": "running", "message_key": "build"}, {"text": "secret", "userids": [bob.id]},
                 {"text": "passed", "message_key": "build"}):
        answer = wide.post(wide.channel_url(names[0], ada.token), body)
        assert answer.status_code in (200, 204), answer.text
    late = {user: opened(wide, user, *targets, since="all", lines=True) for user in (bob, eve)}
    want = {bob: ["running", "secret", "passed"], eve: ["running", "passed"]}
    for readers in (live, late):
        for user, reader in readers.items():
            wide.wait(lambda: reader.texts == want[user], 10, what=f"{want[user]}, not {reader.texts}")
            assert reader.events[-1] == "edit" and reader.rows[-1]["id"] == reader.rows[0]["id"]
            assert reader.opened == 1
            reader.stop()


def shared(ring, user, *targets, **more):
    answer = ring.post(ring.base + streams(*targets, **more), headers={"Authorization": f"Bearer {user.token}"})
    assert answer.status_code == 200, answer.text
    url = urllib.parse.urlsplit(answer.json()["url"])
    return url.path + (f"?{url.query}" if url.query else "")


def test_a_url_reads_its_targets_and_nothing_else(wide, name):
    ada, names = places(wide, name, 3)
    path = shared(wide, ada, f"channel:{names[0]}", f"channel:{names[1]}", expires="2h")
    psr = path.split("/")[-1].split("?")[0]
    assert psr.startswith("psr_") and ada.token not in path
    reader, every = (Several(wide.port, each, "") for each in (path, shared(wide, ada)))
    assert all(each.ready.wait(20 * SLOW) for each in (reader, every)), reader.others
    post(wide, ada, names, 1, 2)
    wide.wait(lambda: reader.by_name == want(names[:2], 1, 2) and every.by_name == want(names, 1, 2), 20)
    other = psr[:20] + ("A" if psr[20] != "A" else "B") + psr[21:]
    for method, url, code in (("GET", path.split("?")[0], "invalid_token"),
                              ("GET", path.replace("channel", "chat"), "invalid_token"),
                              ("GET", path.replace(psr, other), "invalid_token"),
                              ("GET", path.replace(psr, psr[:-1]), "invalid_token"),
                              ("GET", path.replace(psr, "x"), "invalid_token"),
                              ("GET", f"{path}&zapikey={ada.token}", "invalid_param"),
                              ("GET", f"/api/v2/token?zapikey={psr}", "invalid_token"),
                              ("GET", f"/api/v2/streams?zapikey={psr}", "invalid_token"),
                              ("GET", f"/api/v2/channelsbyname/{names[0]}/messages?zapikey={psr}", "invalid_token"),
                              ("POST", f"/api/v2/channelsbyname/{names[0]}/message?zapikey={psr}", "invalid_token"),
                              ("POST", path, "method_not_allowed")):
        answer = wide.request(method, wide.base + url)
        assert answer.json()["code"] == code, (method, url, answer.text)
    for expires in ("31d", "0s", "yesterday", "2020-01-01"):
        answer = wide.post(wide.url("/api/v2/streams", ada.token, expires=expires))
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_param"), expires
    wide.manage("token_delete", ada.token_id, confirm=True)
    wide.wait(lambda: not reader.is_alive() and not every.is_alive(), 10, what="the streams to end with the token")
    for each in (reader, every):
        assert [data["code"] for event, data in each.others if event == "end"] == ["invalid_token"]
    assert wide.get(wide.base + path).json()["code"] == "invalid_token"


def test_a_url_ends_at_its_time(wide, name):
    ada, names = places(wide, name, 1)
    path = shared(wide, ada, f"channel:{names[0]}", expires="3s")
    raw = Raw(wide.port, path)
    assert raw.status == 200
    (event, data, _), = iter(Sse(raw.chunks()))
    assert event == "end" and '"token_expired"' in data
    refusal = wide.get(wide.base + path).json()
    assert refusal["code"] == "token_expired" and "POST /streams makes another" in refusal["message"]
    raw.close()


def reshard(ring, count):
    ring.stop()
    ring.ctl("reshard", "channel", count)
    ring.shards["channel"] = count
    base = free_ports(count)
    ring.settings["channel.monitor"] = f"127.0.0.1:{base}"
    ring.monitors.update({f"channel-{i}": f"http://127.0.0.1:{base + i}" for i in range(count)})
    ring.up()


def read_on(ring, user, targets, position, had, wanted):
    """From a POSITION of who HAD so much: the rest of each, once and in order, without a reset."""
    reader = Several(ring.port, streams(*targets), user.token, lines=True, since=position)
    rest = {each: [n for n in wanted[each] if n > had.get(each, 0)] for each in wanted}
    ring.wait(lambda: reader.by_name == {each: row for each, row in rest.items() if row}, 20,
              what=f"{position}: {rest}, not {reader.by_name} {reader.others}")
    assert not [event for event, _ in reader.others if event == "reset"]
    reader.stop()
    return reader.position


def test_a_position_outlives_reshards(make_ring, name):
    """From one shard to three to two: of any position, also of one that was two counts ago."""
    ring = make_ring(shards={"channel": 1}, settings={"authd.rate": 0}).up()
    ada, names = places(ring, name)
    targets = [f"channel:{each}" for each in names]
    post(ring, ada, names, 1, 4)
    live = Several(ring.port, streams(*targets), ada.token, lines=True, since="all")
    marks = []  # of each event: its position, and what had come of each target by then
    take = live._take

    def note(event, data, position):
        take(event, data, position)
        if event == "message":
            marks.append((position, {each: row[-1] for each, row in live.by_name.items()}))

    live._take = note
    ring.wait(lambda: live.by_name == want(names, 1, 4), 20)
    live.stop()
    begin = {each: 0 for each in names}
    assert marks and live.got[0][1] == 1
    for count, last in ((3, 6), (2, 8)):
        reshard(ring, count)
        for target in targets:  # whose shard is first perhaps, which no worker has to correct
            with Raw(ring.port, streams(target, format="json"), [f"Authorization: Bearer {ada.token}"]) as raw:
                assert json.loads(next(raw.chunks()))["id"].startswith(f"~c{count}.")
        post(ring, ada, names, last - 1, 2)
        for position, had in (marks[0], marks[len(marks) // 2], marks[-1]):
            after = read_on(ring, ada, targets, position, {**begin, **had}, want(names, 1, last))
        assert after.startswith(f"~c{count}.")
        marks.append((after, dict.fromkeys(names, last)))
    # In the middle of what a reshard has brought, one comes back to the same journals; else it is said.
    moved = "~c3.5_0000001.5_0000001.5_0000001"
    answer = ring.get(ring.base + streams(*targets, since=moved), headers={"Authorization": f"Bearer {ada.token}"})
    assert (answer.status_code, answer.json()["code"]) == (410, "cursor_expired")
    raw = Raw(ring.port, streams(*targets), [f"Authorization: Bearer {ada.token}", f"Last-Event-ID: {moved}"])
    resets = [(event, json.loads(data)) for (event, data, _), _ in zip(Sse(raw.chunks()), names)]
    assert {(event, data["reason"], data["from"], data["target"]["name"]) for event, data in resets} == \
        {("reset", "replaced", 1, each) for each in names}
    raw.close()
