"""What a source says of the events of a channel: its format, and which of them count."""

import json

import pytest
from harness.postern import ROOT, CtlError
from test_sources import SECRET, Channel, sign

FORMATS = ROOT / "formats"
PLAIN = b'{"text": "Version 2 is out"}'


@pytest.fixture
def channel(ring, name):
    return Channel(ring, name)


def event(sender, name):
    place = FORMATS / sender / "cases"
    headers = place / f"{name}.headers"
    lines = headers.read_text().splitlines() if headers.exists() else []
    return (place / f"{name}.json").read_bytes(), dict(line.split(": ", 1) for line in lines)


def rows(channel):
    return channel.ring.messages("channelsbyname", channel.name, channel.user.token)


def post(channel, case, path="", query="", **more):
    body, headers = case
    url = channel.url.replace("/incoming", "/incoming" + path) + query
    return channel.post({**headers, **more}, body, url=url)


def taken(answer):
    assert answer.status_code == 204, answer.text


def dropped(answer, why="filter"):
    assert (answer.status_code, answer.json()) == (200, {"dropped": why}), answer.text


PUSH = event("github", "push")  # refs/heads/master
TAG = event("github", "push_tag")
OPENED = event("github", "pull_request_opened")  # into master
ISSUE = event("github", "issue_opened")
STAR = event("github", "unstarred")


def test_only_and_except(channel):
    before = channel.ring.metric("channel-0", "format_total", format="github", result="filtered") or 0
    made = channel.source(scheme="github", secret=SECRET, required=False, only=["push", "pull_request.*"])
    taken(post(channel, PUSH))
    taken(post(channel, OPENED, "/github"))
    dropped(post(channel, ISSUE))
    dropped(post(channel, ISSUE, "/github"))
    dropped(post(channel, (PLAIN, {})))  # it is none of these events
    channel.ring.manage("source_edit", made["id"], only=["issues", "push"], **{"except": ["push"]})
    dropped(post(channel, PUSH))
    taken(post(channel, ISSUE))  # issues.opened: a name stands for what follows its point
    dropped(post(channel, OPENED))
    channel.ring.manage("source_edit", made["id"], only=[], **{"except": ["*.opened"]})
    dropped(post(channel, ISSUE))
    taken(post(channel, (PLAIN, {})))
    assert len(channel.texts()) == 4
    assert channel.ring.metric("channel-0", "format_total", format="github", result="filtered") == before + 5


def test_a_filter_comes_after_the_signature(channel):
    channel.source(scheme="github", secret=SECRET, only=["ping"])
    body, headers = PUSH
    channel.refused("missing", headers, body)
    dropped(post(channel, PUSH, **sign(body)))


def test_branches(channel):
    made = channel.source(branch=["main", "release/*"])
    dropped(post(channel, PUSH))
    dropped(post(channel, OPENED))
    taken(post(channel, TAG))  # it has no branch
    taken(post(channel, ISSUE))
    channel.ring.manage("source_edit", made["id"], branch=["mast?r"])
    taken(post(channel, PUSH))
    taken(post(channel, OPENED))
    assert len(channel.texts()) == 4


@pytest.mark.parametrize("query, takes", [
    ("&only=push", [PUSH]), ("&only=issues.*,pull_request.opened", [ISSUE, OPENED]), ("&except=push", [ISSUE, OPENED]),
    ("&branch=main", [ISSUE]), ("&branch=main,+master", [PUSH, ISSUE, OPENED]), ("&only=*&except=issues*&branch=m*", [PUSH, OPENED]),
    ("&only=", [PUSH, ISSUE, OPENED])])
def test_parameters(channel, query, takes):
    for each in (PUSH, ISSUE, OPENED):
        (taken if each in takes else dropped)(post(channel, each, query=query))
    assert len(channel.texts()) == len(takes)


def test_parameters_narrow_what_a_source_takes(channel):
    channel.source(only=["push", "issues.*"])
    taken(post(channel, PUSH, query="&only=*"))
    dropped(post(channel, OPENED, query="&only=*"))
    dropped(post(channel, ISSUE, query="&only=push"))


@pytest.mark.parametrize("query, what", [("&only=a,,b", "only"), ("&except=" + "x" * 129, "except"), ("&branch=" + ",".join("x" * 21), "branch"),
                                         ("&only=a&only=b", "only"), ("&only=a%0ab", "only")])
def test_parameters_that_are_no_globs(channel, query, what):
    answer = post(channel, PUSH, query=query)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_param") and what in answer.json()["message"]
    assert channel.texts() == []


def test_unknown_events(channel):
    unknown = (b'{"action": "unheard", "sender": {"login": "ada"}}', {"X-GitHub-Event": "of"})
    made = channel.source(on_unknown="drop")
    dropped(post(channel, unknown))
    taken(post(channel, PUSH))
    channel.ring.manage("source_edit", made["id"], on_unknown="summary")
    taken(post(channel, unknown))
    assert len(channel.texts()) == 2


def test_its_format_is_taken_where_the_path_names_none(channel):
    channel.source(format="grafana")
    body, _ = event("alertmanager", "firing_one")
    taken(post(channel, (body, {})))
    taken(post(channel, (body, {}), "/alertmanager"))
    taken(post(channel, (body, {}), query="&format=alertmanager"))
    by_source, by_path, by_query = (row["message"] for row in rows(channel))
    assert by_path == by_query == json.loads((FORMATS / "alertmanager/cases/firing_one.expected.json").read_text())
    assert by_source != by_path
    answer = channel.post(body=b"<xml/>")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_json")


def test_a_format_that_there_is_not_is_found_by_the_event(channel):
    channel.source(format="never-written")
    taken(post(channel, PUSH))
    assert rows(channel)[0]["message"] == json.loads((FORMATS / "github/cases/push.expected.json").read_text())
    assert "never-written" in channel.ring.logs()


def test_of_several_that_of_the_format(channel):
    channel.source(format="github", only=["push"])
    channel.source(format="grafana", only=["never"])
    channel.source(**{"except": ["drop*"]})
    taken(post(channel, PUSH))
    dropped(post(channel, ISSUE))
    dropped(post(channel, event("grafana", "firing_one")))
    taken(post(channel, event("sentry", "event_alert")))
    signed = channel.source(scheme="github", secret=SECRET, required=False, format="github", only=["issues"])
    taken(post(channel, ISSUE, **sign(ISSUE[0])))
    dropped(post(channel, PUSH, **sign(PUSH[0])))
    taken(post(channel, PUSH))
    assert signed["only"] == ["issues"]


def test_a_slack_sender_gets_its_answer(channel):
    channel.source(only=["never"])
    answer = channel.post(body=b'{"text": "Hello", "attachments": [{"text": "More"}]}', url=channel.url.replace("/incoming", "/incoming/slack"))
    assert (answer.status_code, answer.text) == (200, "ok") and channel.texts() == []


def test_an_event_stays_as_it_came(channel):
    made = channel.source(keep_raw=True)
    assert made["keep_raw"] is True
    body, headers = PUSH
    taken(post(channel, (b" " + body, headers), query="&a=1&a=2", **{"X-Gitlab-Token": "hidden"}))
    taken(post(channel, (PLAIN, {})))
    channel.ring.kill("channel-0")
    channel.ring.wait_ready("channel-0")
    row, plain = rows(channel)
    assert row["message"] == json.loads((FORMATS / "github/cases/push.expected.json").read_text()) and "failed" not in row
    event = row["event"]
    assert event["body"] == " " + body.decode() and event["method"] == "POST" and event["format"] == "github"
    assert event["headers"]["x-github-event"] == "push" and event["parameters"] == {"a": ["1", "2"]}
    assert "hidden" not in json.dumps(row) and channel.user.token not in json.dumps(row)
    assert "event" not in plain and plain["message"] == json.loads(PLAIN)
    channel.ring.manage("source_edit", made["id"], keep_raw=False)
    taken(post(channel, ISSUE))
    assert "event" not in rows(channel)[2]
    tried = channel.ring.ctl("format", "try", "github", "--last", channel.name)
    assert tried["event"] == "push" and tried["message"] == row["message"]


def test_a_kept_event_is_stored_once_and_passes_its_limits(channel):
    channel.source(keep_raw=True, format="generic")
    body = json.dumps({"title": "Big", "text": "x" * 1_000_000}).encode()
    taken(post(channel, (body, {"Idempotency-Key": "one"})))
    taken(post(channel, (body, {"Idempotency-Key": "one"})))
    row, = rows(channel)
    assert row["event"]["body"] == body.decode() and row["message"]["text"]


@pytest.mark.parametrize("bad", [[""], ["x" * 129], ["a"] * 21, ["a\nb"], ["a", " "], [1], "push"])
def test_globs_that_are_none(channel, bad):
    for field in ("only", "except", "branch"):
        with pytest.raises(CtlError, match=f"invalid_param: {field}"):
            channel.source(**{field: bad})


def test_sources_that_no_request_can_carry_are_refused(channel):
    many = {field: [f"{i:02}" + "x" * 126 for i in range(20)] for field in ("only", "except")}
    made = [channel.source(**many) for _ in range(3)]
    with pytest.raises(CtlError, match="conflict: .* 16384 bytes"):
        channel.source(**many)
    with pytest.raises(CtlError, match="conflict: .* 16384 bytes"):
        channel.ring.manage("source_edit", made[0]["id"], branch=many["only"])
    dropped(post(channel, PUSH))
