"""What a token may do, until when, and how its use is told."""

import concurrent.futures
import datetime
import email.utils
import os
import pty
import re
import subprocess
import threading
import time

import pytest
import requests

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
    postern.wait(lambda: ring.manage("token_list", ada.email)["tokens"][0]["count"] == 3, what="usage to be written")
    row, = ring.ctl("token", "list", ada.email)["tokens"]
    assert (row["calls_24h"], row["calls_30d"]) == (3, 3)
    assert (row["last_target"], row["last_address"], row["state"]) == (name, "127.0.0.1", "active")
    assert row["last_used"] >= row["created"] and row["expires"] is None and row["scope"] is None
    head, line = ring.ctl_run("token", "list", ada.email).stdout.splitlines()
    assert "CALLS 24H" in head and "LAST ADDRESS" in head and ada.token[-4:] in line


@pytest.mark.parametrize("words, text", [
    (["--expires", "soon"], "such as 90s"),
    (["--expires", "99999999d"], "at most 3660d"),
    (["--from", "10.0.0.0/40"], "--from[0]: must be a network"),
    (["--channels", "no_such_channel"], "channels[0]"),
    (["--body-bytes", "many"], "--body-bytes is a number"),
])
def test_wrong_terms_say_why_and_make_nothing(ring, name, words, text):
    ada = ring.user(name, token=False)
    done = ring.ctl_run("token", "create", ada.email, *words)
    assert done.returncode in (1, 2) and text in done.stderr
    assert ring.ctl("token", "list", ada.email)["tokens"] == []


# --- replacing and deleting


def test_a_replaced_token_works_to_its_sunset_and_not_one_request_longer(ring, name):
    """Under load; the clock of both sides is this machine's."""
    ada = ring.user(name)
    ring.channel(name, ada)
    url = ring.channel_url(name, ada.token)
    answers, stop = [], threading.Event()

    def send():
        http = requests.Session()
        http.trust_env = False
        while not stop.is_set():
            began = time.time()
            answer = http.post(url, json={"text": "x"}, timeout=30 * postern.SLOW)
            answers.append((began, time.time(), answer.status_code, answer.headers))

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    new = ring.ctl("token", "replace", ada.token_id, "--overlap", "2s")
    ends = datetime.datetime.fromisoformat(
        new["replaces"]["expires"].replace("Z", "+00:00")).timestamp()
    replaced = time.time()
    postern.wait(lambda: sum(a[2] == 401 for a in answers) > 20, what="the overlap to end")
    stop.set()
    for thread in threads:
        thread.join()
    within = [a for a in answers if a[1] < ends]
    after = [a for a in answers if a[0] >= ends]
    assert len(within) > 5 and len(after) > 5
    assert {a[2] for a in within} == {204} and {a[2] for a in after} == {401}
    told = [a[3] for a in within if a[0] > replaced]
    assert told
    for headers in told:
        assert re.fullmatch(r"@\d{10}", headers["Deprecation"])
        sunset = email.utils.parsedate_to_datetime(headers["Sunset"]).timestamp()
        assert sunset == int(ends)
    assert all("Deprecation" not in a[3] for a in after)
    assert ring.post(ring.channel_url(name, new["token"]), {"text": "y"}).status_code == 204
    assert "Sunset" not in ring.post(ring.channel_url(name, new["token"]), {"text": "y"}).headers
    row = listed(ring, ada, {"id": ada.token_id})
    assert row["state"] == "ended" and row["successor"] == new["id"]


def test_every_kind_of_answer_tells_of_the_sunset(ring, name):
    ada = ring.user(name)
    app = ring.extension(name, ada)["sandbox"]
    ring.channel(name, ada)
    ring.bot(name, ada)
    shown = ring.ctl_run("token", "replace", ada.token_id, "--overlap", "7d").stdout
    assert re.search(r"^token: +pst_\w{36}$", shown, re.M) and "this once" in shown
    history = ring.url(f"/api/v2/channelsbyname/{name}/messages", ada.token)
    for answer, status in ((ring.post(ring.channel_url(name, ada.token), {"text": "x"}), 204),
                           (ring.post(ring.channel_url(name, ada.token), b"{"), 400),
                           (ring.post(ring.channel_url("nowhere", ada.token), b"{}"), 404),
                           (ring.post(ring.bot_url(name, ada.token), b"x"), 200),
                           (ring.post(ring.extension_url(app, ada.token), b"x"), 200),
                           (ring.get(history), 200)):
        assert answer.status_code == status
        assert {"Deprecation", "Sunset"} <= set(answer.headers), (status, answer.headers)


def test_the_old_ones_last_use_stays_visible(ring, name):
    ada = ring.user(name)
    ring.channel(name, ada)
    new = ring.ctl("token", "replace", ada.token_id)
    assert ring.post(ring.channel_url(name, ada.token), {"text": "x"}).status_code == 204
    row = postern.wait(lambda: (r := listed(ring, ada, {"id": ada.token_id}))["last_used"] and r,
                       what="usage to be written")
    assert row["state"] == "replaced" and row["last_target"] == name
    assert row["last_used"] > row["replaced"]
    assert listed(ring, ada, new)["last_used"] is None


def test_5_stay_5_when_all_ways_to_make_one_race(ring, name):
    ada = ring.user(name, token=False)
    made = [make(ring, ada) for _ in range(4)]
    foreign = "".join(f"{i:02x}" for i in name.encode())[:40].ljust(40, "0")
    ways = [["token", "create", ada.email]] * 4
    ways += [["token", "replace", token["id"]] for token in made for _ in range(2)]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        runs = [pool.submit(ring.ctl_run, *words) for words in ways]
        runs += [pool.submit(ring.ctl_run, "token", "import", ada.email, input=f"{foreign}{i}\n")
                 for i in range(4)]
        codes = [run.result().returncode for run in runs]
    rows = ring.ctl("token", "list", ada.email)["tokens"]
    assert sum(row["state"] == "active" for row in rows) == 5
    assert sum(row["state"] == "replaced" for row in rows) == 4
    assert codes.count(0) == 5 and sum(code == 0 for code in codes[4:12]) == 4


def test_deleting_a_token_in_use_asks_first(ring, name):
    ada = ring.user(name)
    ring.channel(name, ada)
    url = ring.channel_url(name, ada.token)
    assert ring.post(url, {"text": "x"}).status_code == 204
    postern.wait(lambda: listed(ring, ada, {"id": ada.token_id})["last_used"], what="usage")
    words = ["token", "delete", ada.token_id]
    done = ring.ctl_run(*words, stdin=subprocess.DEVNULL)
    assert done.returncode == 1 and f"from 127.0.0.1 on {name}, 1 times" in done.stderr
    assert "--yes" in done.stderr
    assert ring.post(url, {"text": "x"}).status_code == 204
    assert at_a_terminal(ring, words, "n\n") == 1
    assert ring.post(url, {"text": "x"}).status_code == 204
    assert at_a_terminal(ring, words, "y\n") == 0
    assert ring.post(url, {"text": "x"}).status_code == 401


def at_a_terminal(ring, words, answer):
    """posternctl with a terminal as its input, on which ANSWER is typed; its exit status."""
    control, terminal = pty.openpty()
    try:
        os.write(control, answer.encode())
        done = ring.ctl_run(*words, stdin=terminal)
        assert "Delete it? [y/N]" in done.stderr
        return done.returncode
    finally:
        os.close(control)
        os.close(terminal)


# --- what a token says of itself


def self_of(ring, token, **more):
    return ring.get(ring.url("/api/v2/token"), headers={"Authorization": f"Bearer {token}"}, **more)


def test_a_token_says_whose_it_is_and_what_it_may(ring, name):
    ada = ring.user(name, token=False)
    ring.channel(name, ada)
    made = make(ring, ada, "--name", "ci", "--channels", name, "--post-only", "--from", "127.0.0.0/8",
                "--expires", "30d", "--rate", "50", "--burst", "60")
    answer = self_of(ring, made["token"])
    assert answer.status_code == 200 and answer.headers["Content-Type"] == "application/json"
    told = answer.json()
    assert told["user"] == {"id": ada.id, "name": ada.email.split("@")[0].capitalize()}
    assert told["scope"] == {"channels": [name], "bots": [], "extensions": []}
    assert (told["id"], told["name"], told["rate"], told["burst"]) == (made["id"], "ci", 50, 60)
    assert told["expires"] == made["expires"] and told["post_only"] and told["state"] == "active"
    assert made["token"] not in answer.text and "last_used" not in told
    assert listed(ring, ada, made)["count"] == 0
    ring.ctl("token", "replace", made["id"])
    answer = self_of(ring, made["token"])
    assert answer.json()["state"] == "replaced" and "Sunset" in answer.headers


def test_a_token_that_may_not_come_is_told_nothing(ring, name):
    ada = ring.user(name, rate=1, burst=1)
    elsewhere = make(ring, ada, "--from", "192.0.2.1")["token"]
    assert code(self_of(ring, elsewhere)) == (403, "address_not_allowed")
    assert code(self_of(ring, elsewhere[:-1])) == (401, "invalid_token")
    assert code(ring.get(ring.url("/api/v2/token"))) == (401, "invalid_token")
    assert code(ring.post(ring.url("/api/v2/token", ada.token), b"")) == (405, "method_not_allowed")
    assert code(ring.get(ring.url("/api/v2/token/x", ada.token))) == (404, "not_found")
    assert {self_of(ring, ada.token).status_code for _ in range(3)} == {200, 429}


def test_all_tokens_of_the_installation_are_listed_for_admins(ring, name):
    ada = ring.user(name, token=False)
    made = ring.ctl("token", "create", ada.email, "--name", "soon", "--expires", "3d")
    boss = ring.management_token(postern.User(ring.ctl("user", "create", f"b_{name}@example.org", "--role", "admin"),
                                              f"b_{name}@example.org"))
    said = ring.ctl("token", "list", "--all", "--ends-within", "4d")["tokens"]
    row, = [row for row in said if row["id"] == made["id"]]
    assert row["user"]["email"] == ada.email and "token" not in row
    over_http = ring.admin("GET", "/tokens?ends_within=345600", boss).json()["tokens"]
    assert made["id"] in [row["id"] for row in over_http]
    plain = ring.ctl_run("token", "list", "--ends-within", "4d").stdout
    assert ada.email in [line.split()[0] for line in plain.splitlines()] and made["token"] not in plain
    member = ring.management_token(ada)
    assert ring.admin("GET", "/tokens", member).status_code == 403
    ring.wait(lambda: ring.metric("authd-0", "tokens_ending") >= 1, 10)
    both = ring.ctl_run("token", "list", ada.email, "--all")
    assert both.returncode == 2 and "either USER, or --all" in both.stderr
