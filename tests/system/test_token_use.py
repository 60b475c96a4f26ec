"""One token by itself: as it is, where and how often it was used; and everybody's, filtered."""

import signal

from test_details import made, told
from test_logins import person


def test_a_token_is_shown_by_itself(ring, ask, name):
    ada = person(ring, name)
    new = made(ask("POST", f"/users/{ada.id}/tokens", {"name": "ci"}))
    assert new["last_used"] is None and new["count"] == 0  # whole, as it is listed
    shown = made(ask("GET", f"/tokens/{new['id']}"))
    assert shown["user"]["id"] == ada.id and "token" not in shown
    listed, = [row for row in made(ask("GET", f"/users/{ada.id}/tokens"))["tokens"] if row["id"] == new["id"]]
    assert listed == {key: value for key, value in shown.items() if key != "user"}
    edited = ask("PUT", f"/tokens/{new['id']}", {"name": "cd", "if_match": shown["etag"]})
    assert made(edited)["name"] == "cd"
    mine = ring.management_token(ada)
    assert made(ask("GET", f"/tokens/{new['id']}", token=mine))["id"] == new["id"]
    stranger = ring.management_token(person(ring, f"x_{name}"))
    for path in ("", "/use"):
        there, nowhere = (ask("GET", f"/tokens/{token}{path}", token=stranger) for token in (new["id"], ada.id))
        assert told(there, 403, "not_allowed") == told(nowhere, 403, "not_allowed")
        assert ask("GET", f"/tokens/{ada.id}{path}").json()["code"] == "unknown_token"


def test_each_target_is_told(ring, ask, name):
    ada = ring.user(name)
    names = [f"{name}_{i}" for i in range(34)]
    for channel in names:
        ring.channel(channel, ada)
    token = made(ask("POST", f"/users/{ada.id}/tokens", {"name": "ci", "rate": 0}))

    def post(channel):
        assert ring.post(ring.channel_url(channel, token["token"]), {"text": "x"}).status_code == 204

    def use():
        return made(ask("GET", f"/tokens/{token['id']}/use"))

    def targets():
        return {row["target"]: row["count"] for row in use()["targets"]}
    before = use()
    assert before == {"hours": [0] * 24, "days": [0] * 30, "targets": []}
    post(names[0])
    post(names[0])
    post(names[1])
    ring.wait(lambda: targets() == {names[0]: 2, names[1]: 1})
    told_now = use()
    assert sum(told_now["hours"]) == sum(told_now["days"][-2:]) == 3
    assert {row["address"] for row in told_now["targets"]} == {"127.0.0.1"}
    assert all(row["last_used"].endswith("Z") for row in told_now["targets"])
    listed = made(ask("GET", f"/tokens/{token['id']}"))
    assert (listed["count"], listed["last_target"], listed["calls_24h"]) == (3, names[1], 3)
    found = made(ask("GET", "/tokens", params={"target": names[0]}))["tokens"]
    assert [row["id"] for row in found] == [token["id"]]
    ring.wait(lambda: ring.metric("authd-0", "usage_writes_total") is not None)
    for channel in names[2:]:
        post(channel)
        if channel == names[31]:
            ring.wait(lambda: len(targets()) == 32)
    ring.wait(lambda: names[33] in targets())
    assert len(targets()) == 32 and names[0] not in targets()  # the one used longest ago gave way
    # what is written is there after a restart, and gone with the token
    old = ring.kill("authd-0", signal.SIGTERM)
    ring.wait(lambda: ring.pid("authd-0") not in (None, old))
    ring.wait_ready("authd-0")
    assert len(targets()) == 32
    made(ask("DELETE", f"/tokens/{token['id']}", params={"confirm": "true"}))
    assert ask("GET", f"/tokens/{token['id']}/use").json()["code"] == "unknown_token"
    assert made(ask("GET", "/tokens", params={"target": names[33]}))["tokens"] == []


def test_targets_of_one_name_are_kept_apart(ring, ask, name):
    ada = ring.user(name)
    ring.channel(name, ada)
    ring.bot(name, ada)
    token = made(ask("POST", f"/users/{ada.id}/tokens", {"name": "ci"}))["token"]

    def uses():
        rows = made(ask("GET", f"/tokens/{shown['id']}/use"))["targets"]
        return {(row["kind"], row["target"]): (row["count"], row["calls_24h"]) for row in rows}
    shown, = (row for row in made(ask("GET", f"/users/{ada.id}/tokens"))["tokens"] if row["name"] == "ci")
    for _ in range(3):
        assert ring.post(ring.channel_url(name, token), {"text": "x"}).status_code == 204
    assert ring.post(ring.bot_url(name, token), {"n": 1}).status_code == 200
    assert ring.get(ring.url(f"/api/v2/buddies/{ada.id}/messages", token)).status_code == 200
    assert ring.get(ring.url("/api/v2/token", token)).status_code == 200
    expected = {("channel", name): (3, 3), ("bot", name): (1, 1), ("user", ada.id): (1, 1)}
    ring.wait(lambda: uses() == expected, what=str(expected))
    assert made(ask("GET", "/tokens", params={"target": name, "user": ada.id}))["tokens"][0]["id"] == shown["id"]


def test_everybodys_tokens_are_filtered(ring, ask, name):
    ada = person(ring, name)
    old, other = (made(ask("POST", f"/users/{ada.id}/tokens", {"name": word})) for word in ("a", "b"))
    new = made(ask("POST", f"/tokens/{old['id']}/replace", {}))

    def ids(**params):
        return {row["id"] for row in made(ask("GET", "/tokens", params={"user": ada.email, **params}))["tokens"]}
    had = {row["id"] for row in ring.ctl("token", "list", ada.email)["tokens"]} - {old["id"], other["id"], new["id"]}
    assert ids() == {old["id"], other["id"], new["id"]} | had
    assert ids(state="replaced") == {old["id"]} and ids(state="ended") == set()
    assert ids(state="active") == {other["id"], new["id"]} | had
    assert ids(unused_days=1) == set()  # made today
    assert told(ask("GET", "/tokens?state=maybe"), 400, "invalid_param") == {"field": "state", "reason": "shape"}
    assert told(ask("GET", "/tokens?user=nobody"), 404, "unknown_user") == {"field": "user"}
