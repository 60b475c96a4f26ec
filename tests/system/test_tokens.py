"""What a token may do, until when, and how its use is told."""

import datetime

import pytest

from harness import postern


def make(ring, user, *words):
    return ring.ctl("token", "create", user.email, *words)


def listed(ring, user, token):
    return [row for row in ring.ctl("token", "list", user.email)["tokens"]
            if row["id"] == token["id"]][0]


def code(answer):
    return answer.status_code, answer.json()["code"] if answer.content else ""


def test_a_scope_and_post_only_are_obeyed(ring, name):
    ada = ring.user(name)
    app = ring.extension(name, ada)["sandbox"]
    for channel in (name, name + "_b"):
        ring.channel(channel, ada)
    ring.bot(name, ada)
    token = make(ring, ada, "--channels", name, "--post-only")["token"]
    body = {"text": "hi"}
    assert ring.post(ring.channel_url(name, token), body).status_code == 204
    outside = [ring.channel_url(name + "_b", token), ring.bot_url(name, token),
               ring.extension_url(app, token), ring.url(f"/api/v2/buddies/{ada.email}/message", token)]
    assert {code(ring.post(url, body)) for url in outside} == {(403, "out_of_scope")}
    answer = ring.get(ring.url(f"/api/v2/channelsbyname/{name}/messages", token))
    assert code(answer) == (403, "out_of_scope") and "not read back" in answer.json()["message"]
    assert code(ring.post(ring.channel_url("nowhere", token), body)) == (404, "unknown_channel")
    assert ring.texts(name, ada.token) == ["hi"]


def test_an_edit_holds_from_the_next_request_on(ring, name):
    ada = ring.user(name)
    ring.channel(name, ada)
    url = ring.channel_url(name, ada.token)
    ring.ctl("token", "edit", ada.token_id, "--from", "192.0.2.0/24,2001:db8::/32")
    assert code(ring.post(url, {"text": "x"})) == (403, "address_not_allowed")
    shown = ring.ctl("token", "edit", ada.token_id, "--from", "127.0.0.0/8", "--body-bytes", "20")
    assert shown["networks"] == ["127.0.0.0/8"] and shown["body_bytes"] == 20
    assert ring.post(url, b'{"text":"12345678"}').status_code == 204
    answer = ring.post(url, b'{"text":"123456789a"}')
    assert code(answer) == (413, "body_too_large") and "this token" in answer.json()["message"]
    ring.ctl("token", "edit", ada.token_id, "--from", "", "--body-bytes", "0")
    assert ring.post(url, b'{"text":"123456789a"}').status_code == 204


def test_a_token_ends_at_its_time(ring, name):
    ada = ring.user(name, token=False)
    ring.channel(name, ada)
    token = make(ring, ada, "--expires", f"{3 * postern.SLOW}s")
    url = ring.channel_url(name, token["token"])
    assert ring.post(url, {"text": "x"}).status_code == 204
    answer, = postern.wait(lambda: (a := ring.post(url, {"text": "x"})).status_code != 204 and [a],
                           what="the token to end")
    ended = datetime.datetime.now(datetime.timezone.utc)
    assert code(answer) == (401, "token_expired")
    assert ended >= datetime.datetime.fromisoformat(token["expires"].replace("Z", "+00:00"))
    assert listed(ring, ada, token)["state"] == "ended"
    # It does not count among the five, and can be given a new life.
    for _ in range(5):
        last = make(ring, ada)
    with pytest.raises(postern.CtlError) as refused:
        ring.ctl("token", "edit", token["id"], "--expires", "0")
    assert refused.value.code == "token_limit"
    ring.ctl("token", "delete", last["id"])
    ring.ctl("token", "edit", token["id"], "--expires", "1h")
    assert ring.post(url, {"text": "x"}).status_code == 204


def test_the_list_tells_how_a_token_is_used(ring, name):
    ada = ring.user(name)
    ring.channel(name, ada)
    for _ in range(3):
        assert ring.post(ring.channel_url(name, ada.token), {"text": "x"}).status_code == 204
    row = postern.wait(lambda: (r := ring.ctl("token", "list", ada.email)["tokens"][0])["count"] == 3
                       and r, what="usage to be written")
    assert (row["calls_24h"], row["calls_30d"]) == (3, 3)
    assert (row["last_target"], row["last_address"], row["state"]) == (name, "127.0.0.1", "active")
    assert row["last_used"] >= row["created"] and row["expires"] is None and row["scope"] is None
    head, line = ring.ctl_run("token", "list", ada.email).stdout.splitlines()
    assert "CALLS 24H" in head and "LAST ADDRESS" in head and ada.token[-4:] in line


@pytest.mark.parametrize("words, text", [
    (["--expires", "soon"], "such as 90s"),
    (["--expires", "99999999d"], "at most 3660d"),
    (["--from", "10.0.0.0/40"], "networks[0]"),
    (["--channels", "no_such_channel"], "channels[0]"),
    (["--body-bytes", "many"], "--body-bytes is a number"),
])
def test_wrong_terms_say_why_and_make_nothing(ring, name, words, text):
    ada = ring.user(name, token=False)
    done = ring.ctl_run("token", "create", ada.email, *words)
    assert done.returncode in (1, 2) and text in done.stderr
    assert ring.ctl("token", "list", ada.email)["tokens"] == []
