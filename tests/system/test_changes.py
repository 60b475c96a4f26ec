"""Messages that are changed over HTTP: under a key of their sender's, by their id, and threads."""

import concurrent.futures
import json
import random
import threading
import time

import pytest


class Place:
    """A target with its owner Ada and its member Bob."""

    def __init__(self, ring, kind, name, ada, bob):
        self.ring, self.kind, self.name, self.ada, self.bob = ring, kind, name, ada, bob

    def url(self, *more, user=None, **query):
        token = (user or self.ada).token
        return self.ring.url("/".join([f"/api/v2/{self.kind}", self.name, *more]), token, **query)

    def post(self, body, user=None, headers=None, **query):
        answer = self.ring.post(self.url("message", user=user, sync_message="true", **query), body, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def change(self, method, message, body=None, user=None, **query):
        return self.ring.request(method, self.url("messages", message, user=user, **query), body)

    def page(self, **query):
        answer = self.ring.get(self.url("messages", **query))
        assert answer.status_code == 200, answer.text
        return answer.json()["messages"]

    def show(self, message):
        return self.ring.get(self.url("messages", message))


def refused(answer, status, code):
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text
    return answer.json()["message"]


@pytest.fixture
def place(ring, name):
    ada, bob = ring.user(name), ring.user(name + "-bob")
    ring.channel(name, ada, [ada, bob])
    return Place(ring, "channelsbyname", name, ada, bob)


def test_five_posts_with_one_key_are_one_message_with_four_revisions(place):
    states = ["queued", "running", "tests", "deploy", "passed"]
    first = place.post({"text": states[0], "message_key": "build-42"})
    assert first == {"message_id": first["message_id"], "revision": 0}
    for i, state in enumerate(states[1:], 1):
        assert place.post({"text": state}, message_key="build-42") == {**first, "revision": i}
    [row] = place.page()
    assert row["id"] == first["message_id"] and row["message"] == {"text": "passed"}
    assert (row["sequence"], row["revision"]) == (1, 4) and row["edited"] > row["time"]
    rows = place.page(revisions="1")
    assert [row["message"]["text"] for row in rows] == states
    assert [row.get("revision", 0) for row in rows] == [0, 1, 2, 3, 4]
    assert {row["id"] for row in rows} == {first["message_id"]}
    assert place.page(order="desc") == place.page()
    assert place.show(first["message_id"]).json() == row
    other = place.post({"text": "Bob's", "message_key": "build-42"}, user=place.bob)
    assert other["message_id"] != first["message_id"] and other["revision"] == 0
    answer = place.ring.post(place.url("message", message_key="build-42"), {"text": "quiet"})
    assert answer.status_code == 204
    assert [row["message"]["text"] for row in place.page()] == ["quiet", "Bob's"]


def test_a_form_and_the_plural_take_a_key_too(place):
    for body in (b"text=one&message_key=k", b"text=two&message_key=k"):
        answer = place.ring.post(place.url("messages"), body,
                                 headers={"Content-Type": "application/x-www-form-urlencoded"})
        assert answer.status_code == 204, answer.text
    [row] = place.page()
    assert row["message"]["text"] == "two" and row["revision"] == 1


def test_a_key_that_is_none(place):
    for body, query in (({"text": "t", "message_key": 5}, {}), ({"text": "t", "message_key": "k" * 129}, {}),
                        ({"text": "t"}, {"message_key": "k" * 129})):
        answer = place.ring.post(place.url("message", **query), body)
        assert answer.status_code == 400 and "message_key" in answer.json()["message"], answer.text
    for body, query in (({"text": "t", "message_key": " "}, {}), ({"text": "t"}, {"message_key": ""})):
        assert place.ring.post(place.url("message", **query), body).status_code == 204
    assert place.post({"text": "t", "message_key": "\u00fc" * 128})["revision"] == 0
    assert len(place.page()) == 3


def test_an_idempotency_key_comes_first(place):
    place.post({"text": "1", "message_key": "k"})
    for _ in range(3):
        again = place.post({"text": "2", "message_key": "k"}, headers={"Idempotency-Key": "once"})
        assert again["revision"] == 1
    assert place.post({"text": "3", "message_key": "k"})["revision"] == 2


def test_many_at_once_are_one_message(place):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda i: place.post({"text": str(i), "message_key": "k"}), range(40)))
    assert len({one["message_id"] for one in said}) == 1
    assert sorted(one["revision"] for one in said) == list(range(40))
    [row] = place.page()
    last = next(i for i, one in enumerate(said) if one["revision"] == 39)
    assert row["message"]["text"] == str(last)


def test_put_and_delete_of_ones_own_message(place):
    mine = place.post({"text": "teh"})["message_id"]
    assert place.change("PUT", mine, {"text": "the"}).json() == {"message_id": mine, "revision": 1}
    assert place.show(mine).json()["message"] == {"text": "the"}
    refused(place.change("PUT", mine, {"text": ""}), 400, "invalid_message")
    refused(place.change("PUT", mine, b"{"), 400, "invalid_json")
    assert "only who sent it" in refused(place.change("PUT", mine, {"text": "x"}, user=place.bob), 403, "not_allowed")
    refused(place.change("DELETE", mine, user=place.bob), 403, "not_allowed")
    assert place.change("DELETE", mine).status_code == 204
    for answer in (place.change("DELETE", mine), place.change("PUT", mine, {"text": "x"}), place.show(mine)):
        refused(answer, 404, "unknown_message")
    assert place.page() == []
    rows = place.page(revisions="1")
    assert [row["message"] for row in rows] == [None] * 3
    assert [(row.get("erased"), row.get("deleted")) for row in rows] == [(True, None), (True, None), (None, True)]
    assert {row["id"] for row in rows} == {mine}


def test_the_owner_deletes_and_does_not_edit(place):
    bobs = place.post({"text": "rude"}, user=place.bob)["message_id"]
    refused(place.change("PUT", bobs, {"text": "kind"}), 403, "not_allowed")
    assert place.change("DELETE", bobs).status_code == 204
    assert place.page() == []
    stranger = place.ring.user(place.name + "-eve")
    refused(place.change("DELETE", bobs, user=stranger), 403, "not_allowed")


@pytest.mark.parametrize("message", ["1_1", "1764338400123_99999999", "0_0", "x", "17_", "_", "1" * 60 + "_1",
                                     "9" * 25 + "_" + "9" * 12])
def test_a_message_that_is_not_there(place, message):
    place.post({"text": "t"})
    for answer in (place.change("PUT", message, {"text": "x"}), place.change("DELETE", message), place.show(message)):
        refused(answer, 404, "unknown_message")


def test_a_message_of_another_target(place):
    ring = place.ring
    ring.channel(place.name + "2", place.ada, [place.ada])
    other = Place(ring, "channelsbyname", place.name + "2", place.ada, place.bob)
    theirs = other.post({"text": "t"})["message_id"]
    refused(place.change("DELETE", theirs), 404, "unknown_message")
    refused(place.show(theirs), 404, "unknown_message")
    assert len(other.page()) == 1


def test_threads(place):
    root = place.post({"text": "deploy failed"})["message_id"]
    place.post({"text": "aside"})
    reply = place.post({"text": "looking", "thread_message_id": root, "thread_title": "why"}, user=place.bob)["message_id"]
    place.post({"text": "found it", "thread_message_id": reply, "post_in_parent": True})
    place.post({"text": "by query"}, thread_message_id=root)
    thread = place.page(thread=root)
    assert [row["message"]["text"] for row in thread] == ["deploy failed", "looking", "found it", "by query"]
    assert [row.get("thread") for row in thread] == [None, 1, 1, 1]
    assert place.page(thread="1") == thread and place.page(thread=root, order="desc") == thread[::-1]
    assert place.page(thread=root, limit="2") == thread[:2]
    assert place.page(thread=root, **{"from": "3"}) == thread[1:]
    said = place.ring.ctl_run("--json", "history", "channel", place.name, "--thread", "1").stdout
    assert json.loads(said)["messages"] == thread
    assert len(place.page()) == 5
    assert [row["message"]["text"] for row in place.page(threads="none")] == ["deploy failed", "aside", "found it"]
    message = place.ring.post(place.url("message"), {"text": "t", "thread_message_id": "1_1"})
    assert "thread_message_id" in refused(message, 404, "unknown_message")
    refused(place.ring.post(place.url("message"), {"text": "t", "thread_message_id": "nonsense"}), 400, "invalid_message")
    refused(place.ring.get(place.url("messages", thread="1_1")), 404, "unknown_message")
    for query in ({"thread": "x"}, {"threads": "some"}, {"revisions": "yes"}):
        refused(place.ring.get(place.url("messages", **query)), 400, "invalid_param")
    assert place.change("DELETE", reply, user=place.bob).status_code == 204
    assert [row["message"]["text"] for row in place.page(thread=root)] == ["deploy failed", "found it", "by query"]


def test_what_else_a_message_says_of_its_thread_is_kept(place):
    root = place.post({"text": "root"})["message_id"]
    said = {"thread_message_id": root, "thread_title": "why", "reply_to": "1573_99", "mark_as_read": "true"}
    kept = place.post({"text": "kept", **said})["message_id"]
    row = place.show(kept).json()
    assert row["message"] == {"text": "kept", **said} and row["thread"] == 1 and "reply_to" not in row
    for body, query, beside in (({"post_in_parent": "true"}, {}, True), ({"post_in_parent": False}, {"post_in_parent": "1"}, False),
                                ({}, {"post_in_parent": "true"}, True), ({}, {"post_in_parent": "false"}, False),
                                ({"post_in_parent": " "}, {"post_in_parent": ""}, False)):
        message = place.post({"text": "t", "thread_message_id": root, **body}, **query)["message_id"]
        assert (message in [row["id"] for row in place.page(threads="none")]) is beside, (body, query)
    refused(place.ring.post(place.url("message", thread_message_id=root, post_in_parent="maybe"), {"text": "t"}), 400,
            "invalid_param")
    for name in ("thread_title", "reply_to"):
        refused(place.ring.post(place.url("message"), {"text": "t", name: {}}), 400, "invalid_message")
    edited = place.change("PUT", kept, {"text": "edited", "thread_message_id": ""})
    assert edited.status_code == 200 and place.show(kept).json()["thread"] == 1
    assert [row.get("thread") for row in place.page(revisions="1") if row["id"] == kept] == [1, 1]


def test_a_stream_tells_of_each_change(place):
    first = place.post({"text": "1", "message_key": "k"})["message_id"]
    place.post({"text": "2", "message_key": "k"})
    place.change("DELETE", first)
    place.post({"text": "after"})
    answer = place.ring.get(place.url("stream", format="json", since="all"), stream=True, timeout=20)
    rows = []
    for line in answer.iter_lines():
        event = json.loads(line)
        if event["event"] in ("message", "edit", "delete"):
            rows.append({**event["data"], "event": event["event"]})
        if len(rows) == 4:
            break
    answer.close()
    assert [row["id"] == first for row in rows] == [True, True, True, False]
    assert [row.get("revision") for row in rows] == [None, 1, 2, None]
    assert [row["event"] for row in rows] == ["message", "edit", "delete", "message"]
    assert [row["message"] for row in rows] == [None, None, None, {"text": "after"}]
    assert rows[2]["deleted"] and rows[0]["erased"]


def test_in_chats_buddies_and_bots(ring, name):
    ada, bob = ring.user(name), ring.user(name + "-bob")
    channel = ring.channel(name, ada, [ada, bob])
    ring.bot(name, ada, [bob])
    for kind, target in (("channels", channel["id"]), ("chats", channel["id"]), ("bots", name), ("buddies", ada.email)):
        place = Place(ring, kind, target, ada, bob)
        first = place.post({"text": "1", "message_key": kind}, user=bob)
        assert place.post({"text": "2", "message_key": kind}, user=bob) == {**first, "revision": 1}
        message = first["message_id"]
        assert place.change("PUT", message, {"text": "3"}, user=bob).json()["revision"] == 2
        assert place.page()[-1]["message"] == {"text": "3"}
        refused(place.change("PUT", message, {"text": "3"}), 403, "not_allowed")
        assert place.change("DELETE", message).status_code == 204, kind  # the owner's: ada's
        assert message not in [row["id"] for row in place.page()]


def test_an_event_of_a_bot_is_deleted_with_what_came(ring, name):
    ada = ring.user(name)
    ring.bot(name, ada)
    place = Place(ring, "bots", name, ada, ada)
    assert ring.post(ring.bot_url(name, ada.token), {"secret": "canary"}).status_code == 200
    [row] = place.page()
    assert "canary" in row["event"]["body"]
    assert place.change("DELETE", row["id"]).status_code == 204
    assert place.page() == [] and "canary" not in ring.get(place.url("messages", revisions="1")).text


def test_a_key_holds_through_deaths_of_the_worker(make_ring, name):
    """Each answer names one message; its revisions are all there, once each, and the last is shown."""
    ring = make_ring().up()
    ada = ring.user(name)
    ring.channel(name, ada, [ada])
    place = Place(ring, "channelsbyname", name, ada, ada)
    said, failed, stop = [], [], threading.Event()

    def post(who):
        n = 0
        while not stop.is_set():
            n += 1
            answer = ring.post(place.url("message", sync_message="true"), {"text": f"{who} {n}", "message_key": "board"})
            (said if answer.status_code == 200 else failed).append((f"{who} {n}", answer))

    threads = [threading.Thread(target=post, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(6):
        time.sleep(random.uniform(0.2, 0.9))
        ring.kill("channel-0")
        ring.wait_ready("channel-0")
    stop.set()
    for thread in threads:
        thread.join()
    assert not failed, failed[0][1].text
    answers = [answer.json() for _, answer in said]
    assert len({one["message_id"] for one in answers}) == 1
    assert sorted(one["revision"] for one in answers) == list(range(len(answers)))
    [row] = place.page()
    assert row["revision"] == len(answers) - 1
    assert row["message"]["text"] == next(text for text, answer in said if answer.json()["revision"] == row["revision"])
    ring.stop()
    assert ring.ctl_run("check").returncode == 0


def test_an_app_s_events_and_messages_to_oneself_are_shown_by_their_ids(ring, name):
    ada, bob = ring.user(name), ring.user(name + "-bob")
    app = ring.extension(name, ada)["sandbox"]
    assert ring.post(ring.extension_url(app, ada.token), '{"x": 1}').status_code == 200
    assert ring.post(ring.url(f"/api/v2/buddies/{ada.email}/message", bob.token), {"text": "hello"}).status_code == 204
    for path in (f"applications/{app.app_id}", f"buddies/{ada.email}", f"buddies/{ada.id}"):
        kind, target = path.split("/")
        [row] = ring.history(kind, target, ada.token)["messages"]
        for word in ("message", "messages"):
            shown = ring.get(ring.url(f"/api/v2/{path}/{word}/{row['id']}", ada.token))
            assert shown.status_code == 200 and shown.json() == row
        refused(ring.get(ring.url(f"/api/v2/{path}/messages/1_1", ada.token)), 404, "unknown_message")
        refused(ring.get(ring.url(f"/api/v2/{path}/messages/{row['id']}", bob.token)), 403, "not_allowed")


def test_last_counts_messages_and_no_revisions(place):
    for i in range(6):
        place.post({"text": str(i), "message_key": str(i)})
        for _ in range(i):
            place.post({"text": f"{i}!", "message_key": str(i)})
    texts = ["0", *(f"{i}!" for i in range(1, 6))]

    def shown(**query):
        return [row["message"]["text"] for row in place.page(**query)]
    for count in range(1, 9):
        assert shown(last=count) == texts[-count:], count
        assert shown(last=count, order="desc") == texts[-count:][::-1]
    assert shown(last="2", before="11") == shown(last="2", before="8") == ["2!", "3!"]
    assert [row["sequence"] for row in place.page(last=2, revisions="1")] == [20, 21]
    root = place.post({"text": "root"})["message_id"]
    for i in range(4):
        place.post({"text": f"reply {i}", "thread_message_id": root})
        place.post({"text": f"beside {i}"})
    assert shown(last="2", thread=root) == ["reply 2", "reply 3"]
    assert shown(last="3", threads="none") == ["beside 1", "beside 2", "beside 3"]
    for _ in range(3):
        place.post({"text": "0, edited", "message_key": "0"})
    assert shown(last="1") == ["beside 3"]
    answer = place.ring.get(place.url("stream", format="json", last="2"), stream=True, timeout=20)
    events = [json.loads(line) for _, line in zip(range(6), answer.iter_lines())]
    answer.close()
    assert [(event["event"], event.get("data", {}).get("message", {}).get("text")) for event in events[1:]] == [
        ("message", "reply 3"), ("message", "beside 3"), *[("edit", "0, edited")] * 3]
