"""Formats that people make over the admin API: checked, kept, and used by every worker."""

import json
import os
import shutil

import pytest

from harness import postern

TEXT = '{"sender": "mine",\n "detect": {"header": "x-mine"},\n "rules": [{"message": {"text": "%s {{ what }}"}}]}'


@pytest.fixture(scope="module")
def directory():
    made = postern.scratch("f-")
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def ring(directory):
    with postern.Ring(settings={"worker.formats": directory}, shards={"channel": 2}) as made:
        yield made.up()


@pytest.fixture
def ada(ring, name):
    return ring.user(name)


@pytest.fixture(autouse=True)
def none(ring):
    yield
    for row in ring.manage("format_list")["formats"]:
        ring.manage("format_delete", row["name"])


@pytest.fixture
def shown(ring, channel, ada):
    """shown (text): what is posted to the channel is shown so, in a moment."""
    url = ring.url(f"/api/v2/channelsbyname/{channel}/incoming", ada.token)

    def wait(text, where="/mine", **more):
        def posted():
            answer = ring.post(url.replace("/incoming", f"/incoming{where}"), {"what": "done"}, **more)
            if text is None:
                return answer.status_code == 404 and answer.json()["code"] == "unknown_format"
            return answer.ok and ring.history("channelsbyname", channel, ada.token, order="desc", limit=1)["messages"][0]["message"].get("text") == text
        postern.wait(posted, 10, every=0.1, what=f"{text!r} at {where}")
    return wait


def test_made_changed_and_deleted(ring, shown, channel, ada):
    shown(None)
    made = ring.manage("format_create", format=TEXT % "one")
    assert (made["name"], made["format"]) == ("mine", TEXT % "one") and made["version"] > 0
    shown("one done")
    shown("one done", "", headers={"X-Mine": "1"})
    bot = f"{channel}_bot"[-50:]
    ring.bot(bot, ada)
    assert ring.post(ring.url(f"/api/v2/bots/{bot}/incoming/mine", ada.token), {"what": "x"}).ok
    assert ring.messages("bots", bot, ada.token)[0]["message"] == {"text": "one x"}
    changed = ring.manage("format_edit", "mine", format=TEXT % "two")
    assert changed["version"] > made["version"] and changed["id"] == made["id"]
    shown("two done")
    assert ring.manage("format_show", made["id"]) == ring.manage("format_show", "mine") == ring.manage("format_list")["formats"][0]
    ring.manage("format_delete", "mine")
    shown(None)
    for op, target in (("format_show", "mine"), ("format_edit", made["id"]), ("format_delete", "mine")):
        with pytest.raises(postern.CtlError) as refused:
            ring.manage(op, target, **({"format": TEXT % "x"} if op == "format_edit" else {}))
        assert refused.value.code == "unknown_format"
    ops = [row["op"] for row in ring.ctl("audit", "list")["rows"]]
    assert {"format_create", "format_edit", "format_delete"} <= set(ops)


def test_what_is_refused(ring):
    ring.manage("format_create", format=TEXT % "one")
    for op, target, text, code, said in (
            ("format_create", "", TEXT % "two", "conflict", "already"),
            ("format_create", "", TEXT % "{{ a | uper }}", "invalid_param", 'format: line 3: rules[0].message.text: no filter "uper"'),
            ("format_create", "", "{", "invalid_param", "JSON"),
            ("format_create", "", '{"sender": "Mine!", "rules": []}', "invalid_param", "sender"),
            ("format_create", "", TEXT % ("x" * 65536), "invalid_param", "65536 bytes"),
            ("format_edit", "mine", (TEXT % "x").replace("mine", "other", 1), "invalid_param", "sender is other")):
        with pytest.raises(postern.CtlError) as refused:
            ring.manage(op, target, format=text)
        assert refused.value.code == code and said in str(refused.value), str(refused.value)
    answer = ring.admin("POST", "/formats", ring.management_token(ring.user("format_member")), {"format": TEXT % "x"})
    assert answer.status_code == 403


def test_most(ring):
    for number in range(48):
        ring.manage("format_create", format=(TEXT % "x").replace("mine", f"mine{number}", 1))
    with pytest.raises(postern.CtlError) as refused:
        ring.manage("format_create", format=TEXT % "x")
    assert refused.value.code == "conflict" and "48 formats" in str(refused.value)


def test_whose_name_wins(ring, directory, shown):
    ring.manage("format_create", format=(TEXT % "kept").replace('"mine"', '"github"').replace("x-mine", "x-other"))
    shown("kept done", "/github")
    ring.manage("format_create", format=TEXT % "kept")
    shown("kept done")
    place = directory / "mine"
    place.mkdir()
    (place / "format.json").write_text(TEXT % "of the host")
    for shard in range(2):
        ring.kill(f"channel-{shard}", 1)
    shown("of the host done")
    shutil.rmtree(place)
    for shard in range(2):
        ring.kill(f"channel-{shard}", 1)
    shown("kept done")


@pytest.mark.parametrize("lost", [False, True])
def test_a_worker_that_starts_has_them(ring, shown, channel, ada, lost):
    """From its file, so that the first event finds them; told again where that is gone."""
    ring.manage("format_create", format=TEXT % "kept")
    shown("kept done")
    files = sorted((ring.dir / "data").glob("channel-*/formats"))
    assert len(files) == 2
    before = ring.logs().count("formats.told")
    for shard in range(2):
        if lost:
            files[shard].write_bytes(files[shard].read_bytes()[:-3])
        ring.kill(f"channel-{shard}")
    ring.wait_ready("channel-0", "channel-1")
    if lost:
        ring.kill("authd-0")
        ring.wait_ready("authd-0")
        shown("kept done")
    else:
        url = ring.url(f"/api/v2/channelsbyname/{channel}/incoming/mine", ada.token)
        assert ring.post(url, {"what": "at once"}).ok
        assert ring.texts(channel, ada.token)[-1] == "kept at once"
    assert ring.logs().count("formats.told") > before


def test_what_a_format_would_make(ring):
    event = {"headers": "X-GitHub-Event: ping\nX-GitHub-Delivery: 1", "body": '{"zen": "Keep it *simple*"}'}
    tried = ring.manage("format_try", **event)
    assert (tried["format"], tried["outcome"], tried["event"], tried["delivery"]) == ("github", "message", "ping", "1")
    assert "Keep it \\*simple\\*" in tried["message"]["text"] and tried["rule"] >= 0 and 0 < tried["steps"] < 1000
    tried = ring.manage("format_try", format=TEXT % "{{ query.a }}", query="a=b%20c", body='{"what":\t"x"}')
    assert tried["message"] == {"text": "b c x"}
    ring.manage("format_create", format=TEXT % "kept")
    assert ring.manage("format_try", name="mine", body='{"what": "x"}')["message"] == {"text": "kept x"}
    loop = "{{ each a most 100 }}{{ each body.a most 100 }}{{ each body.a most 100 }}{{ index }}{{ end }}{{ end }}{{ end }}"
    failed = ring.manage("format_try", format=TEXT % loop, body=json.dumps({"a": list(range(100))}))
    assert failed["outcome"] == "failed" and "20000 steps" in failed["reason"]
    assert ring.manage("format_try", name="mine", body="{")["outcome"] == "no_json"
    for wrong, said in (({"name": "none"}, "no format of this name"), ({}, "no format knows"), ({"format": TEXT % "{{ a"}, "line 3"),
                        ({"name": "github", "headers": "nothing"}, "must be lines")):
        with pytest.raises(postern.CtlError) as refused:
            ring.manage("format_try", **wrong)
        assert refused.value.code == "invalid_param" and said in str(refused.value)
    line = ring.admin("POST", "/formats/try", ring.management_token(ring.user("format_tries")), {"format": TEXT % "{{ a"})
    assert (line.status_code, line.json()["details"]["line"]) == (400, 3)  # a member, too


def test_a_format_as_long_as_a_built_in_one_and_no_more_than_workers_are_told(ring):
    github = (postern.ROOT / "formats/github/format.json").read_text()
    made = ring.manage("format_create", format=github)
    assert made["name"] == "github" and len(github) > 16384
    ring.manage("format_delete", made["id"])
    long = lambda name, more="": (TEXT % ("x" * 60000 + more)).replace('"mine"', f'"{name}"')
    some = [ring.manage("format_create", format=long(f"long{number}"))["id"] for number in range(13)]
    with pytest.raises(postern.CtlError) as refused:
        ring.manage("format_create", format=long("another"))
    assert refused.value.code == "conflict" and "together" in str(refused.value)
    ring.manage("format_edit", some[0], format=long("long0", "y"))
    for one in some:
        ring.manage("format_delete", one)


def test_a_user_tries_so_many_a_second(ring, name):
    """It computes on the thread of management, which others wait for."""
    admin = ring.user(name, token=False)
    ring.ctl("user", "edit", admin.email, "--role", "admin")
    token = ring.management_token(admin)
    answers = [ring.admin("POST", "/formats/try", token, {"name": "github", "body": "{}"}) for _ in range(40)]
    assert [answer.status_code for answer in answers[:20]] == [200] * 20
    refused = next(answer for answer in answers if answer.status_code != 200)
    assert (refused.status_code, refused.json()["code"], refused.headers["Retry-After"]) == (429, "rate_limited", "1")
    assert ring.manage("format_try", name="github", body="{}")["format"] == "github"


def test_posternctl(ring, shown, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "format.json").write_text((TEXT % "one").replace("\n ", "\n\t"))
    assert "added" in ring.ctl_run("format", "add", folder).stdout
    shown("one done")
    (folder / "format.json").write_text(TEXT % "two")
    assert "replaced" in ring.ctl_run("format", "add", folder).stdout
    shown("two done")
    assert "mine" in ring.ctl_run("format", "list", "--installed").stdout
    assert ring.ctl_run("format", "show", "mine", "--installed").stdout == TEXT % "two" + "\n"
    (folder / "format.json").write_text(TEXT % "{{ a | uper }}")
    refused = ring.ctl_run("format", "add", folder)
    assert refused.returncode == 1 and f"{folder}/format.json:3: rules[0]" in refused.stderr
    assert ring.ctl_run("format", "delete", "mine").stdout == "Format removed.\n"
    assert ring.ctl("format", "list", "--installed")["formats"] == []
    shown(None)


def test_a_file_that_cannot_be_written(ring, shown, channel, ada):
    """It is said, and the formats are used all the same."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    for shard in range(2):
        (ring.dir / "data" / f"channel-{shard}/formats.next").mkdir()
    try:
        ring.manage("format_create", format=TEXT % "unkept")
        shown("unkept done")
        assert "formats.unkept" in ring.logs()
    finally:
        for shard in range(2):
            (ring.dir / "data" / f"channel-{shard}/formats.next").rmdir()
