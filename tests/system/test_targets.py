"""Channels, bots and extensions are edited, archived and given new appkeys; senders notice at once."""

import concurrent.futures

from harness import postern


def code(answer):
    return answer.status_code, answer.json()["code"]


def test_a_call_for_what_is_archived_says_why(ring, name):
    ada = ring.user(name)
    app = ring.extension(name, ada)["sandbox"]
    ring.channel(name, ada)
    ring.bot(name, ada)
    urls = {"channel": ring.channel_url(name, ada.token), "bot": ring.bot_url(name, ada.token),
            "extension": ring.extension_url(app, ada.token)}
    for kind, url in urls.items():
        assert ring.post(url, {"text": "x"}).status_code in (200, 204)
        assert ring.ctl_run(kind, "delete", name, "--reason", f"Post to {kind}s ✓").returncode == 0
        answer = ring.post(url, {"text": "x"})
        assert code(answer) == (410, "archived")
        assert answer.json()["message"] == f"The target is archived: Post to {kind}s ✓"
        assert ring.ctl(kind, "show", name)["reason"] == f"Post to {kind}s ✓"
        ring.ctl(kind, "edit", name, "--take-back")
        assert ring.post(url, {"text": "x"}).status_code in (200, 204)
        ring.ctl(kind, "delete", name)
        assert ring.post(url, {"text": "x"}).json()["message"] == "The target is archived."


def test_a_renamed_channel_keeps_its_messages(ring, name):
    ada, bob = ring.user(name), ring.user(name + "_b")
    ring.channel(name, ada)
    assert ring.post(ring.channel_url(name, ada.token), {"text": "before"}).status_code == 204
    shown = ring.ctl("channel", "edit", name, "--name", name + "_new", "--owner", bob.email)
    assert shown["urls"] == [ring.channel_url(name + "_new", "TOKEN")] and shown["owner"] == bob.id
    assert code(ring.post(ring.channel_url(name, ada.token), {"text": "x"})) == (404, "unknown_channel")
    for user in (ada, bob):
        assert ring.post(ring.channel_url(name + "_new", user.token), {"text": "after"}).status_code == 204
    assert ring.texts(name + "_new", ada.token) == ["before", "after", "after"]
    rows = [row for row in ring.ctl("channel", "list")["channels"] if row["id"] == shown["id"]]
    assert rows[0]["urls"] == shown["urls"]


def test_an_appkey_is_rotated_without_an_outage(ring, name):
    ada = ring.user(name)
    old = ring.extension(name, ada)
    ring.ctl("extension", "rotate", name, "--overlap", f"{3 * postern.SLOW}s")
    new = ring.apps(name)
    assert new["sandbox"].appkey != old["sandbox"].appkey
    assert new["marketplace"].appkey == old["marketplace"].appkey
    url = ring.extension_url(old["sandbox"], ada.token)
    assert ring.post(url, b"x").status_code == 200
    assert ring.post(ring.extension_url(new["sandbox"], ada.token), b"x").status_code == 200
    last, = postern.wait(lambda: (a := ring.post(url, b"x")).status_code != 200 and [a],
                         what="the overlap to end")
    assert code(last) == (401, "invalid_appkey")
    assert ring.post(ring.extension_url(new["sandbox"], ada.token), b"x").status_code == 200
    for appkey in (old["sandbox"].appkey, new["sandbox"].appkey):
        assert appkey not in ring.logs()


def test_of_two_edits_at_once_one_is_refused(ring, name):
    ada = ring.user(name, token=False)
    ring.channel(name, ada)
    seen = ring.ctl("channel", "show", name)["etag"]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        runs = list(pool.map(lambda i: ring.ctl_run("channel", "edit", name, "--if-match", seen, "--name",
                                                    f"{name}_{i}"), range(8)))
    assert [run.returncode for run in runs].count(0) == 1
    assert all("has changed" in run.stderr or "no channel" in run.stderr
               for run in runs if run.returncode)
    listed = [row for row in ring.ctl("channel", "list")["channels"] if row["owner"] == ada.id]
    assert len(listed) == 1 and listed[0]["etag"] != seen
