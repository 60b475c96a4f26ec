"""What is stored can be read: texts that break readers, by posternctl and over HTTP."""

import json

import pytest

from answering import Answering, deliveries
from harness import postern

SETTINGS = {"delivery.allow": "127.0.0.0/8", "delivery.time_scale": 100}
DEEP = "[" * 100 + "]" * 100
MESSAGES = {  # name -> (body, what a reader of JSON makes of its "is")
    "nul": ('{"text":"t","is":"a\\u0000b"}', "a\0b"),
    "nul in a name": ('{"text":"t","is":{"a\\u0000b":1}}', {"a\0b": 1}),
    "direction": ('{"text":"t","is":"\u202egnp.exe"}', "\u202egnp.exe"),
    "64 bits": ('{"text":"t","is":18446744073709551615}', 18446744073709551615),
    "past a double": ('{"text":"t","is":[1e400,-12345678901234567890123]}', [float("inf"), -12345678901234567890123]),
    "escapes": ('{"text":"t","is":"\\\\u0000 \\ud83d\\ude00"}', "\\u0000 \U0001f600"),
    "deep": (f'{{"text":"t","is":{DEEP}}}', json.loads(DEEP)),
}
BODIES = {**{name: body for name, (body, _) in MESSAGES.items()},
          "raw nul": "a\0b", "lone surrogate": '{"text":"\\ud83d"}', "huge": '{"is":[1e400,-9' + "9" * 40 + "]}",
          "bottomless": "[" * 3000 + "]" * 3000, "terminal": "\x1b[2J\u009b31m\u202e"}


@pytest.fixture(scope="module")
def calling():
    with postern.Ring(settings=SETTINGS) as made:
        yield made.up()


def told(ring, token, *words):
    """What posternctl prints for WORDS, as a person and as a program reads it."""
    done = [ring.ctl_run(*words, *flag, "--token-file", "-", input=token) for flag in ([], ["--json"])]
    for one in done:
        assert one.returncode == 0 and not one.stderr, (words, one.stdout[-400:], one.stderr)
        assert not steers(one.stdout), words
    return done[0].stdout, json.loads(done[1].stdout)


def steers(text):
    """The characters of TEXT that would steer a terminal or turn around what stands beside them."""
    return [c for c in text if (ord(c) < 0x20 and c != "\n") or 0x7f <= ord(c) < 0xa0
            or c in "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2028\u2029\u2066\u2067\u2068\u2069"]


def test_messages_of_a_channel_are_read_back(calling, name):
    ada = calling.user(name)
    calling.channel(name, ada)
    url = calling.channel_url(name, ada.token)
    for what, (body, _) in MESSAGES.items():
        assert calling.post(url, body).status_code == 204, what
    said = [m["message"]["is"] for m in calling.messages("channelsbyname", name, ada.token)]
    assert said == [value for _, value in MESSAGES.values()]
    plain, all_of_it = told(calling, ada.token, "history", "channel", name)
    assert len(plain.splitlines()) == len(MESSAGES)
    said = dict(zip(MESSAGES, (m["message"]["is"] for m in all_of_it["messages"])))
    assert said["nul"] == "a\0b" and said["direction"] == MESSAGES["direction"][1]
    assert said["escapes"] == MESSAGES["escapes"][1] and said["deep"] == MESSAGES["deep"][1]
    assert said["64 bits"] == "18446744073709551615"  # jansson has no place for it as a number
    assert said["past a double"] == ["1e400", "-12345678901234567890123"]
    assert said["nul in a name"] == {"a\ufffdb": 1}


def test_events_and_answers_are_read_back(calling, name):
    """Each body comes as an event, and is what its handler answers with."""
    ada = calling.user(name)
    calling.bot(name, ada)

    def answer(event, count):
        status = 410 if "end" in event["parameters"] else 200
        return status, event["body"].encode()

    def ended(state):
        calling.wait(lambda: len(deliveries(calling, "bots", name, ada.token, state=state)) == len(BODIES), 20)

    with Answering(answer) as handler:
        calling.ctl("bot", "handler", "set", name, handler.url)
        for what, body in BODIES.items():
            url = calling.bot_url(name, ada.token, **{"a\u202e": what})
            assert calling.post(url, body).status_code == 200, what
        ended("delivered")
        for what, body in BODIES.items():
            assert calling.post(calling.bot_url(name, ada.token, end=1), body).status_code == 200, what
        ended("dead")
    stored = [m["event"]["body"] for m in calling.messages("bots", name, ada.token) if "event" in m]
    assert stored == [*BODIES.values()] * 2
    for words, row in ((("history", "bot", name), "messages"), (("delivery", "list", "bot", name), "deliveries"),
                       (("dlq", "list", "bot", name), "deliveries")):
        plain, all_of_it = told(calling, ada.token, *words)
        assert len(all_of_it[row]) >= len(BODIES)
    for number in (one["number"] for one in deliveries(calling, "bots", name, ada.token)):
        told(calling, ada.token, "delivery", "show", "bot", name, str(number))


def test_a_byte_order_mark_is_skipped(calling, name, tmp_path):
    """In what senders, handlers and people write with an editor that makes one."""
    mark, wanted = b"\xef\xbb\xbf", {"text": "marked"}
    text = mark + json.dumps(wanted).encode()
    ada = calling.user(name)
    calling.channel(name, ada)
    calling.bot(name, ada)
    url, form = calling.channel_url(name, ada.token), "application/x-www-form-urlencoded"
    assert calling.post(url, text).status_code == 204
    assert calling.post(url, mark + b"text=marked", headers={"Content-Type": form}).status_code == 204
    assert calling.post(url, b"payload=%EF%BB%BF%7B%22text%22%3A%22marked%22%7D", headers={"Content-Type": form}
                        ).status_code == 204
    for place, written in (("body", text), ("token", mark + ada.token.encode() + b"\n")):
        (tmp_path / place).write_bytes(written)
    for kind in ("channel", "bot"):
        done = calling.ctl_run("send", kind, name, "--body", tmp_path / "body", "--token-file", tmp_path / "token")
        assert done.returncode == 0, done.stderr
    assert [m["message"] for m in calling.messages("channelsbyname", name, ada.token)] == [wanted] * 4
    with Answering(lambda event, count: (200, mark + b'{"text": "answered"}')) as handler:
        calling.ctl("bot", "handler", "set", name, handler.url, "--wait", 8)
        answer = calling.post(calling.bot_url(name, ada.token), text)
        assert (answer.status_code, answer.content) == (200, b'{"text": "answered"}')
    sent, event, reply = calling.messages("bots", name, ada.token)
    assert sent["event"]["body"] == json.dumps(wanted) and sent["message"] == wanted
    assert event["event"]["body"] == text.decode() and event["message"] == wanted
    assert reply["message"] == {"text": "answered"}
    root = calling.user(f"{name}_root")
    calling.manage("user_edit", root.email, role="admin")
    made = calling.admin("POST", "/channels", calling.management_token(root),
                         mark + json.dumps({"name": f"{name}_2", "owner": ada.email}).encode(),
                         headers={"Content-Type": "application/json"})
    assert made.status_code == 200, made.text
