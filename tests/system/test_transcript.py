"""docs/TRANSCRIPT.md is what curl says and is answered: each endpoint for messages, asked for on a ring and held against the document.

    POSTERN_ACCEPT=1 ./dev test -k transcript     writes the document anew"""

import hashlib
import hmac
import json
import os
import pathlib
import re
import subprocess

from harness.postern import SLOW

ROOT = pathlib.Path(__file__).parents[2]
DOCUMENT = ROOT / "docs/TRANSCRIPT.md"
HEAD = """# Every endpoint for messages, as curl asks for it

Made by `tests/system/test_transcript.py`, which asks a running installation and compares on each run; `POSTERN_ACCEPT=1 ./dev test -k transcript`
writes it anew. `$URL` is the address of the gateway with `/api/v2`, and each request has `-H "Authorization: Bearer $TOKEN"`, Ada's, or Bob's
where it says `$BOB`. Ada owns the channel `news`, the bot `helper` and the extension; Bob is a member and a subscriber. What differs each time stands in
angle brackets, the same thing by the same number. What each field means is in [API.md](API.md), what a stream has in [STREAMS.md](STREAMS.md).
"""
# What is no message: deliveries, sources, repeats; streams of several targets have a document of their own.
OTHER = {"LOOK", "REPEAT"}
SECRET = "a secret of the transcript, as long as it should be"


class Transcript:
    def __init__(self, ring, name):
        self.ring, self.lines, self.asked, self.seen, self.last = ring, [HEAD], [], {}, ""
        ada, bob = ring.user(name), ring.user(name + "-bob")
        self.token_id = ada.token_id
        self.place = ring.channel(name, ada, [ada, bob])["id"]
        ring.bot(name, ada, [ada, bob])
        app = ring.extension(name, ada)["sandbox"]
        self.tokens = {"$TOKEN": ada.token, "$BOB": bob.token}
        self.values = {"$CHANNEL": self.place, "$APPKEY": app.appkey, "$APP": app.app_id, "$ME": ada.email,
                       "$BOBS_ID": bob.id, "news": name, "helper": name}
        self.shown = {self.place: "$CHANNEL", app.appkey: "$APPKEY", app.app_id: "$APP", ada.email: "$ME", bob.id: "$BOBS_ID",
                      name.capitalize() + "-bob": "Bob", name.capitalize(): "Ada", name: "news"}

    def title(self, text):
        self.lines.append(f"\n## {text}\n")

    def say(self, text):
        self.lines.append(text + "\n")

    def _fill(self, text):
        for word, value in self.values.items():
            text = re.sub(rf"(?<![\w-]){re.escape(word)}(?![\w-])", value, text)
        return text.replace("$LAST", self.last)

    def _number(self, kind, text):
        return self.seen.setdefault(text, f"<{kind} {sum(v.startswith(f'<{kind} ') for v in self.seen.values()) + 1}>")

    def _mask(self, text, bot):
        for value, word in self.shown.items():
            text = text.replace(value, "helper" if bot and word == "news" else word)
        text = re.sub(r"\b\d{13}_\d+\b", lambda m: self._number("message", m[0]), text)
        text = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", lambda m: self._number("id", m[0]), text)
        text = re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "<time>", text)
        text = re.sub(r'("id":"\d+-)[0-9a-v]{7}"', r'\1<tag>"', text)
        return re.sub(r"curl/[\d.]+", "curl/<version>", text)

    def _curl(self, method, path, body, user, headers):
        words = ["curl", "-sS", "--max-time", str(20 * SLOW), "-H", f"Authorization: Bearer {self.tokens[user]}"]
        words += ["-I"] if method == "HEAD" else ["-X", method]
        words += [word for header in headers for word in ("-H", header)]
        if body is not None:
            words += ["--data-binary" if headers else "--json", self._fill(body)]
        return [*words, self.ring.base + "/api/v2" + self._fill(path)]

    def _show(self, method, path, body, user, headers):
        words = "curl" + {"GET": "", "HEAD": " -I", "POST": "" if body is not None else " -X POST"}.get(method, f" -X {method}")
        for header in headers:
            words += f" -H '{header}'"
        if body is not None:
            words += f" {'--data-binary' if headers else '--json'} '{body}'"
        said = f'{words} "$URL{path}"'.replace("$LAST", self.seen.get(self.last, ""))
        self.lines.append(f"```\n$ {said}" + (f"    # with {user}" if user != "$TOKEN" else ""))

    def ask(self, op, method, path, body=None, user="$TOKEN", headers=(), stream=0):
        """STREAM: how many lines of it are shown."""
        self.asked.append((op, method))
        words = self._curl(method, path, body, user, headers)
        self._show(method, path, body, user, headers)
        if stream:
            with subprocess.Popen([*words, "-N"], stdout=subprocess.PIPE, text=True) as made:
                said = "200\n" + "".join(made.stdout.readline() for _ in range(stream)).strip()
                made.kill()
        else:
            done = subprocess.run([*words, "-w", "\n%{http_code}"], capture_output=True, text=True, check=True)
            text, status = done.stdout.rsplit("\n", 1)
            said = status + ("\n" + text if text and method != "HEAD" else "")
        made = re.search(r'"message_id":\s*"(\d+_\d+)"', said)
        self.last = made[1] if made else self.last
        self.lines.append(self._mask(said, "/bots/" in path) + "\n```\n")
        return said

    def text(self):
        return re.sub(r"\n{3,}", "\n\n", "\n".join(self.lines)).rstrip() + "\n"


def place(it, prefix, path, stream_rows):
    """A channel under one of its paths, a chat, a bot."""
    it.ask(f"{prefix}_message", "POST", f"{path}/message", '{"text": "Hello"}')
    it.ask(f"{prefix}_message", "POST", f"{path}/messages?sync_message=true", '{"text": "Hello again", "message_key": "build-1"}')
    it.ask(f"{prefix}_message_show", "GET", f"{path}/messages/$LAST")
    it.ask(f"{prefix}_message_edit", "PUT", f"{path}/messages/$LAST", '{"text": "Hello, edited"}')
    it.ask(f"{prefix}_history", "GET", f"{path}/messages?last=2")
    it.ask(f"{prefix}_message_delete", "DELETE", f"{path}/messages/$LAST")
    it.ask(f"{prefix}_stream", "GET", f"{path}/stream?since=all&format=json", stream=stream_rows)


def channels(it):
    it.title("A channel, by its name")
    place(it, "channel", "/channelsbyname/news", 2)
    it.say("Other forms of a post, and what is refused:")
    form = ("Content-Type: application/x-www-form-urlencoded",)
    it.ask("channel_message", "POST", "/channelsbyname/news/message", "text=From+a+form", headers=form)
    it.ask("channel_message", "POST", "/channelsbyname/news/message?sync_message=true", '{"text": "For Bob", "userids": ["$BOBS_ID"]}')
    it.ask("channel_message_show", "GET", "/channelsbyname/news/messages/$LAST", user="$BOB")
    it.ask("channel_message", "POST", "/channelsbyname/news/message", '{"text": "Why?", "thread_message_id": "$LAST"}', user="$BOB")
    it.ask("channel_history", "GET", "/channelsbyname/news/messages?thread=$LAST", user="$BOB")
    it.ask("channel_history", "GET", "/channelsbyname/news/messages?q=form&limit=1")
    it.ask("channel_message", "POST", "/channelsbyname/news/message", '{"text": "x", "userids": "nobody@example.org"}')
    it.ask("channel_message", "POST", "/channelsbyname/news/message", '{"attachments": []}')
    it.ask("channel_message", "POST", "/channelsbyname/nowhere/message", '{"text": "x"}')
    it.ask("channel_import", "POST", "/channelsbyname/news/import?time=2026-01-02&sender=Grace", '{"text": "From elsewhere"}')
    it.title("Events for a channel")
    it.ask("channel_incoming", "GET", "/channelsbyname/news/incoming?text=By+GET")
    it.ask("channel_incoming", "HEAD", "/channelsbyname/news/incoming")
    for prefix, path in (("channel", "/channelsbyname/news"), ("channel_id", "/channels/$CHANNEL")):
        for method in ("POST", "PUT"):
            it.ask(f"{prefix}_incoming", method, f"{path}/incoming", '{"title": "An event", "text": "of any form"}')
        it.ask(f"{prefix}_format", "POST", f"{path}/incoming/slack", '{"text": "In the words of Slack"}')
    it.title("A channel by its id")
    place(it, "channel_id", "/channels/$CHANNEL", 2)
    it.title("A chat")
    place(it, "chat", "/chats/$CHANNEL", 2)


def buddies(it):
    it.title("A message to a person")
    it.ask("buddy_message", "POST", "/buddies/$ME/message?sync_message=true", '{"text": "Hello, Ada"}', user="$BOB")
    it.ask("buddy_message_edit", "PUT", "/buddies/$ME/messages/$LAST", '{"text": "Hello, Ada!"}', user="$BOB")
    it.ask("buddy_message_show", "GET", "/buddies/$ME/messages/$LAST")
    it.ask("buddy_history", "GET", "/buddies/$ME/messages")
    it.ask("buddy_history", "GET", "/buddies/$ME/messages", user="$BOB")
    it.ask("buddy_message_delete", "DELETE", "/buddies/$ME/messages/$LAST", user="$BOB")
    it.ask("buddy_stream", "GET", "/buddies/$ME/stream?since=all&format=json", stream=2)


def direct(it):
    it.title("The chat of two people")
    it.ask("direct_message", "POST", "/direct/$BOBS_ID/message", '{"text": "Hello, Bob"}')
    it.ask("direct_message", "POST", "/direct/$ME/message?sync_message=true", '{"text": "Hello, Ada"}', user="$BOB")
    it.ask("direct_message_show", "GET", "/direct/$BOBS_ID/messages/$LAST")
    it.ask("direct_message_edit", "PUT", "/direct/$ME/messages/$LAST", '{"text": "Hello, Ada!"}', user="$BOB")
    it.ask("direct_history", "GET", "/direct/$BOBS_ID/messages")
    it.ask("direct_message_delete", "DELETE", "/direct/$BOBS_ID/messages/$LAST")
    it.ask("direct_message_delete", "DELETE", "/direct/$ME/messages/$LAST", user="$BOB")
    it.ask("direct_stream", "GET", "/direct/$ME/stream?since=all&format=json", user="$BOB", stream=2)


def bots(it):
    it.title("A bot")
    place(it, "bot", "/bots/helper", 2)
    it.ask("bot_message", "POST", "/bots/helper/message", '{"text": "For Bob", "userids": ["$BOBS_ID"], "broadcast": "false"}')
    it.ask("bot_message", "POST", "/bots/helper/message", '{"text": "For whom?", "broadcast": false}')
    it.say("Its events, by any method; there is no handler, so the answer is `{}`:")
    for method in ("POST", "PUT"):
        it.ask("bot_incoming", method, "/bots/helper/incoming?ref=main", '{"build": 42}')
    for method in ("GET", "DELETE", "HEAD"):
        it.ask("bot_incoming", method, "/bots/helper/incoming?ref=main")
    it.ask("bot_format", "POST", "/bots/helper/incoming/slack", '{"text": "In the words of Slack"}')
    it.ask("bot_history", "GET", "/bots/helper/messages?last=1")


def extensions(it):
    it.title("An extension's app")
    it.ask("extension_incoming", "POST", "/applications/$APP/incoming?appkey=$APPKEY", '{"order": 7}')
    it.ask("extension_incoming", "POST", "/applications/$APP/incoming", '{"order": 7}')
    it.ask("extension_format", "POST", "/applications/$APP/incoming/slack?appkey=$APPKEY", '{"text": "In the words of Slack"}')
    said = it.ask("extension_history", "GET", "/applications/$APP/messages?limit=1")
    it.last = json.loads(said.split("\n", 1)[1])["messages"][0]["id"]
    it.ask("extension_message_show", "GET", "/applications/$APP/messages/$LAST")
    it.ask("extension_stream", "GET", "/applications/$APP/stream?since=all&format=json", stream=2)


def sources(it):
    it.title("A source's own address")
    body = '{"text": "Signed"}'
    made = it.ring.manage("source_create", kind="channel", to=it.values["news"], scheme="github", format="slack", secret=SECRET,
                          for_token=it.token_id)
    it.values["$SOURCE"] = made["id"]
    it.shown[made["id"]] = "$SOURCE"
    it.say("It needs no token: GitHub's signature of the body, by the source's secret, says who calls.")
    signature = hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).hexdigest()
    for header in (f"X-Hub-Signature-256: sha256={signature}", "X-Hub-Signature-256: sha256=" + 64 * "0"):
        it.ask("source_incoming", "POST", "/sources/$SOURCE/incoming", body, headers=("Content-Type: application/json", header))


def operations():
    """{operation} of messages in common/ops.def."""
    rows = re.findall(r'^SEND\( *\d+, (\w+), +[\w| ]+, +"([^"]+)", +\w+, +(\w+), +\w+, +\w+, +(\w+),',
                      (ROOT / "common/ops.def").read_text(), re.M)
    return {name for name, path, owner, deed in rows if deed not in OTHER and "{target}" in path and not path.startswith("/streams")}


def test_the_transcript_is_what_curl_is_answered(ring):
    it = Transcript(ring, "transcript")
    for part in (channels, buddies, direct, bots, extensions, sources):
        part(it)
    assert {op for op, _ in it.asked} == operations()
    if os.environ.get("POSTERN_ACCEPT"):
        DOCUMENT.write_text(it.text())
    assert DOCUMENT.read_text() == it.text(), "docs/TRANSCRIPT.md is another: POSTERN_ACCEPT=1 writes it anew"
