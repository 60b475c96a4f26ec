"""Messages for some users alone (userids): who else may read the target sees nothing of them, by whichever way."""

import pytest

from harness.postern import SLOW
from reading_streams import Reader, Several


class People:
    """A channel of Ada, its owner, and of Bob, Cy and Dan, or a bot with the same subscribers."""

    def __init__(self, ring, name, kind="channelsbyname"):
        self.ring, self.name, self.kind = ring, name, kind
        self.ada, self.bob, self.cy, self.dan = (ring.user(f"{name}-{who}") for who in ("ada", "bob", "cy", "dan"))
        everybody = [self.ada, self.bob, self.cy, self.dan]
        make = ring.channel if kind == "channelsbyname" else ring.bot
        make(name, self.ada, everybody)

    def url(self, user, *more, **query):
        return self.ring.url("/".join(["/api/v2", self.kind, self.name, *more]), user.token, **query)

    def post(self, user, body, **query):
        answer = self.ring.post(self.url(user, "message", sync_message="true", **query), body)
        assert answer.status_code == 200, answer.text
        return answer.json()["message_id"]

    def refused(self, user, body, **query):
        answer = self.ring.post(self.url(user, "message", **query), body)
        assert answer.status_code == 400, answer.text
        return answer.json()

    def texts(self, user, **query):
        answer = self.ring.get(self.url(user, "messages", **query))
        assert answer.status_code == 200, answer.text
        return [(row["message"] or {}).get("text") for row in answer.json()["messages"]]

    def who_sees(self, text, **query):
        return [who for who in ("ada", "bob", "cy", "dan") if text in self.texts(getattr(self, who), **query)]


@pytest.fixture
def people(ring, name):
    return People(ring, name)


def test_who_is_named_and_who_has_posted_read_it_and_nobody_else(people):
    ring = people.ring
    people.post(people.bob, {"text": "open"})
    message = people.post(people.bob, {"text": "secret", "userids": [people.cy.id]})
    people.post(people.ada, {"text": "last"})
    for query in ({}, {"order": "desc"}, {"revisions": "1"}, {"q": "secret"}, {"sender": people.bob.id},
                  {"from": "2"}, {"last": "2"}, {"before": "3", "order": "desc"}):
        assert people.who_sees("secret", **query) == ["bob", "cy"], query
    assert people.who_sees("open") == people.who_sees("last") == ["ada", "bob", "cy", "dan"]
    row = next(row for row in ring.history("channelsbyname", people.name, people.cy.token)["messages"]
               if row["id"] == message)
    assert row["userids"] == [people.cy.id] and row["message"]["userids"] == [people.cy.id]
    for who, status in (("bob", 200), ("cy", 200), ("ada", 404), ("dan", 404)):
        answer = ring.get(people.url(getattr(people, who), "messages", message))
        assert answer.status_code == status, (who, answer.text)
    for method, body in (("PUT", {"text": "mine"}), ("DELETE", None)):
        for who, code in (("cy", "not_allowed"), ("dan", "unknown_message")):
            answer = ring.request(method, people.url(getattr(people, who), "messages", message), body)
            assert answer.json()["code"] == code, (method, who, answer.text)
    assert people.texts(people.ada, narrowed="all") == ["open", "secret", "last"]
    answer = ring.get(people.url(people.dan, "messages", narrowed="all"))
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


def test_users_are_named_in_the_body_or_the_query_by_id_or_address(people):
    cy, dan = people.cy, people.dan
    forms = [
        ({"userids": f" {cy.id} , "}, {}), ({"user_ids": [cy.email]}, {}), ({"userids": cy.email.upper()}, {}),
        ({}, {"userids": cy.id}), ({}, {"user_ids": f'["{cy.email}"]'}),
        ({"userids": [cy.id]}, {"userids": dan.id}),
        ({"userids": ["", None, cy.id, cy.id]}, {}),
    ]
    for i, (more, query) in enumerate(forms):
        people.post(people.bob, {"text": f"to Cy {i}", **more}, **query)
        assert people.who_sees(f"to Cy {i}") == ["bob", "cy"], (more, query)
    for body in (f"text=form&userids={cy.email}", 'payload={"text":"form","userids":"%s"}' % cy.id):
        answer = people.ring.post(people.url(people.bob, "message"), body.encode(),
                                  headers={"Content-Type": "application/x-www-form-urlencoded"})
        assert answer.status_code == 204, answer.text
    assert people.texts(people.cy).count("form") == 2 and people.who_sees("form") == ["bob", "cy"]
    answer = people.ring.get(people.url(people.bob, "incoming", text="by GET", userids=cy.id))
    assert answer.status_code == 204 and people.who_sees("by GET") == ["bob", "cy"]
    for more, query in (({"userids": ""}, {}), ({"userids": []}, {"userids": " "}), ({"user_ids": [" "]}, {}), ({}, {})):
        people.post(people.bob, {"text": "to all", **more}, **query)
    assert people.texts(people.dan).count("to all") == 4


def test_whoever_is_not_there_or_no_member_is_named_in_the_refusal(people):
    stranger = people.ring.user(people.name + "-stranger")
    for name in (stranger.id, stranger.email, "nobody@example.org", "1234"):
        said = people.refused(people.bob, {"text": "x", "userids": [people.cy.id, name]})
        assert said["code"] == "invalid_message" and name in said["message"], said
        assert said["details"]["field"] == "userids"
        said = people.refused(people.bob, {"text": "x"}, userids=name)
        assert said["code"] == "invalid_param" and name in said["message"], said
    for more in ({"userids": 7}, {"userids": [{}]}, {"userids": ["x"] * 101}):
        assert people.refused(people.bob, {"text": "x", **more})["code"] == "invalid_message"
    answer = people.ring.post(people.url(people.bob, "incoming"), {"text": "x", "userids": ["nobody@example.org"]})
    assert answer.status_code == 400, answer.text
    escaped = b'{"text":"x","user\\u0069ds":["%s"]}' % people.cy.id.encode()
    answer = people.ring.post(people.url(people.bob, "message"), escaped)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert people.texts(people.ada, narrowed="all") == []


def test_a_revision_and_a_thread_stay_with_whom_the_message_is_for(people):
    ring, cy = people.ring, people.cy
    message = people.post(people.bob, {"text": "one", "message_key": "k", "userids": [cy.id]})
    assert people.post(people.bob, {"text": "two", "message_key": "k"}) == message
    assert people.who_sees("two") == ["bob", "cy"]
    edit = ring.request("PUT", people.url(people.bob, "messages", message), {"text": "three"})
    assert edit.status_code == 200 and people.who_sees("three") == ["bob", "cy"]
    assert people.who_sees("two", revisions="1") == ["bob", "cy"]
    people.post(cy, {"text": "answer", "thread_message_id": message})
    assert people.who_sees("answer") == ["bob", "cy"]
    answer = ring.post(people.url(people.dan, "message"), {"text": "?", "thread_message_id": message})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_message")
    for who, status in ((people.bob, 200), (cy, 200), (people.dan, 404)):
        for query in ({}, {"order": "desc"}):
            assert ring.get(people.url(who, "messages", thread=message, **query)).status_code == status, (who.email, query)
    ring.request("PUT", people.url(people.bob, "messages", message), {"text": "four", "userids": [people.dan.id]})
    assert people.who_sees("four") == ["bob", "dan"] and people.who_sees("three", revisions="1") == ["bob", "cy"]
    wide = people.post(people.bob, {"text": "wide"})
    ring.request("PUT", people.url(people.bob, "messages", wide), {"text": "narrow", "userids": [cy.id]})
    assert people.who_sees("narrow") == ["bob", "cy"] and people.who_sees("wide") == []
    assert ring.request("DELETE", people.url(people.ada, "messages", message)).status_code == 204
    assert people.who_sees("four", revisions="1") == []


def test_streams_and_waits_show_it_to_those_alone(people):
    ring = people.ring
    path = f"/api/v2/channelsbyname/{people.name}/stream"
    people.post(people.bob, {"text": "0"})
    readers = {who: [Reader(ring.port, path, getattr(people, who).token, lines=lines, since=since)
                     for lines, since in ((False, None), (True, "all"), (True, "latest"))]
               for who in ("ada", "bob", "cy", "dan")}
    assert all(reader.ready.wait(20 * SLOW) for each in readers.values() for reader in each)
    for i in range(1, 13):
        more = {"userids": [people.cy.id]} if i % 3 == 0 else {}
        people.post(people.bob, {"text": str(i), **more})
    open_ones = [str(i) for i in range(13) if i % 3 or i == 0]
    every = [str(i) for i in range(13)]
    want = {"ada": open_ones, "bob": every, "cy": every, "dan": open_ones}

    def have_all():
        return all(reader.texts == (want[who] if reader.since else want[who][1:])
                   for who, each in readers.items() for reader in each)
    ring.wait(have_all, 20, what="each reader to have its own")
    for each in readers.values():
        for reader in each:
            reader.stop()
            assert reader.failure is None and reader.opened == 1
    page = ring.get(people.url(people.dan, "messages", **{"from": "13", "wait": "1"})).json()
    assert page == {"messages": [], "next": None}


def test_a_stream_of_several_targets_shows_it_to_those_alone(people):
    ring, other = people.ring, people.name + "_2"
    ring.channel(other, people.ada, [people.ada, people.bob, people.cy, people.dan])
    path = f"/api/v2/streams?targets=channel:{people.name},channel:{other}"
    people.post(people.bob, {"text": "0", "userids": [people.cy.id]})
    readers = {who: [Several(ring.port, path, getattr(people, who).token, lines=lines) for lines in (False, True)]
               for who in ("bob", "cy", "dan")}
    assert all(reader.ready.wait(20 * SLOW) for each in readers.values() for reader in each)
    for i in range(1, 10):
        people.post(people.bob, {"text": str(i), **({"userids": [people.cy.id]} if i % 3 == 0 else {})})
    want = {"bob": list(map(str, range(1, 10))), "cy": list(map(str, range(1, 10))), "dan": [str(i) for i in range(1, 10) if i % 3]}
    try:
        ring.wait(lambda: all(reader.texts == want[who] for who, each in readers.items() for reader in each), 20,
                  what="each reader to have its own")
    finally:
        for each in readers.values():
            for reader in each:
                reader.stop()


def test_who_loses_a_message_by_an_edit_is_told_that_it_is_gone(people):
    """Who had it gets its delete, who never had it nothing: in live streams, of one target and of several, to who comes
    back later, and in pages of revisions."""
    ring, channel = people.ring, f"/api/v2/channelsbyname/{people.name}/stream"
    several = f"/api/v2/streams?targets=channel:{people.name}"
    whose = {"bob": people.bob, "cy": people.cy, "dan": people.dan}

    def open_readers(since):
        made = {who: [make(ring.port, path, user.token, lines=lines, since=since)
                      for make, path in ((Reader, channel), (Several, several)) for lines in (False, True)]
                for who, user in whose.items()}
        assert all(reader.ready.wait(20 * SLOW) for each in made.values() for reader in each)
        return made
    people.post(people.bob, {"text": "0"})
    readers = open_readers(None)
    message = people.post(people.bob, {"text": "1"})

    def edit(text, *names):
        answer = ring.request("PUT", people.url(people.bob, "messages", message),
                              {"text": text, **({"userids": [whose[who].id for who in names]} if names else {})})
        assert answer.status_code == 200, answer.text
    edit("2", "cy")
    edit("3", "cy")
    edit("4", "dan")
    people.post(people.bob, {"text": "5"})
    want = {"bob": [("message", "1"), ("edit", "2"), ("edit", "3"), ("edit", "4"), ("message", "5")],
            "cy": [("message", "1"), ("edit", "2"), ("edit", "3"), ("delete", None), ("message", "5")],
            "dan": [("message", "1"), ("delete", None), ("edit", "4"), ("message", "5")]}

    def have(made, skip):
        return all(list(zip(reader.events, reader.texts))[skip:] == want[who] for who, each in made.items() for reader in each)
    ring.wait(lambda: have(readers, 0), 20, what="each reader to have its own")
    later = open_readers("all")
    ring.wait(lambda: have(later, 1), 20, what="each that comes later to have its own")
    gone, = (row for row in readers["cy"][0].rows if row["message"] is None)
    assert gone["id"] == message and gone["deleted"] and gone["erased"] and "userids" not in gone
    for reader in (reader for made in (readers, later) for each in made.values() for reader in each):
        reader.stop()
    rows = {who: ring.get(people.url(user, "messages", revisions="1", **{"from": "2"})).json()["messages"]
            for who, user in whose.items()}
    assert {who: [(row.get("deleted", False), (row["message"] or {}).get("text")) for row in each] for who, each in rows.items()} == {
        who: [(kind == "delete", text) for kind, text in each] for who, each in want.items()}


def test_a_bot_s_message_is_for_all_or_for_those_named(ring, name):
    people = People(ring, name, "bots")
    cy = people.cy.id
    people.post(people.ada, {"text": "to Cy", "userids": [cy], "broadcast": "false"})
    people.post(people.ada, {"text": "to Cy, too"}, userids=cy, broadcast="false")
    people.post(people.ada, {"text": "to all", "userids": [cy], "broadcast": "true"})
    people.post(people.ada, {"text": "to all, too", "broadcast": True}, broadcast="false")
    people.post(people.ada, {"text": "in the query"}, userids=cy, broadcast="true")
    assert people.texts(people.dan) == ["to all", "to all, too", "in the query"]
    assert people.texts(people.cy) == ["to Cy", "to Cy, too", *people.texts(people.dan)]
    assert "needs userids" in people.refused(people.ada, {"text": "x", "broadcast": False})["message"]
    assert "needs userids" in people.refused(people.ada, {"text": "x"}, broadcast="0")["message"]
    answer = ring.post(people.url(people.ada, "incoming"), {"text": "an event", "userids": [cy]})
    assert answer.status_code == 200 and people.who_sees("an event") == ["ada", "cy"]
    ring.request("PUT", people.url(people.ada, "messages", people.post(people.ada, {"text": "a", "userids": [cy]})),
                 {"text": "wide", "broadcast": True})
    assert people.who_sees("wide") == ["ada", "bob", "cy", "dan"]


def test_the_operator_reads_it_when_he_says_so(people):
    people.post(people.bob, {"text": "secret", "userids": [people.cy.id]})

    def read(**args):
        return people.ring.manage("channel_history", people.name, **args)["messages"]
    assert read() == []
    assert [row["message"]["text"] for row in read(narrowed="all")] == ["secret"]


def test_an_export_has_it_when_the_owner_says_so(people):
    people.post(people.bob, {"text": "open"})
    people.post(people.bob, {"text": "secret", "userids": [people.cy.id]})
    words = ["export", "channel", people.name, "--url", f"http://127.0.0.1:{people.ring.port}", "--token-file", "-"]

    def lines(user, *more):
        done = people.ring.ctl_run(*words, *more, input=user.token)
        return done.returncode, done.stdout.count("\n"), done.stderr
    assert lines(people.ada)[:2] == lines(people.dan)[:2] == (0, 1)
    assert lines(people.ada, "--narrowed")[:2] == (0, 2) and lines(people.cy)[:2] == (0, 2)
    status, _, said = lines(people.dan, "--narrowed")
    assert status != 0 and "not_allowed" in said


def test_a_nul_names_nobody_that_is_there(people):
    """It is no blank, which would narrow nothing and show the message to all."""
    refused = [people.refused(people.bob, {"text": "x", "userids": ["\0"]}),
               people.refused(people.bob, {"text": "x", "userids": [people.cy.id + "\0"]}),
               people.refused(people.bob, {"text": "x"}, userids="\0")]
    assert [answer["code"] for answer in refused] == ["invalid_message", "invalid_message", "invalid_param"]
    assert people.texts(people.ada, narrowed="all") == []
