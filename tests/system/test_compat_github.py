"""Every payload of @octokit/webhooks-examples through a bot and an extension, byte for byte."""

import json
import pathlib

import pytest

EXAMPLES = pathlib.Path(__file__).parents[1] / "compat/node_modules/@octokit/webhooks-examples"


def payloads():
    """(event, body) of every example that differs from those before it."""
    seen = {}
    for index in sorted(EXAMPLES.glob("*/index.json")):
        for event in json.loads(index.read_text()):
            for example in event["examples"]:
                body = json.dumps(example, ensure_ascii=False, separators=(",", ":")).encode()
                seen.setdefault((event["name"], body))
    return list(seen)


@pytest.mark.parametrize("kind", ["bot", "extension"])
def test_all_payloads_come_back_byte_for_byte(ring, name, kind):
    if not EXAMPLES.exists():
        pytest.skip("needs tests/compat/node_modules (./dev test installs it)")
    sent = payloads()
    assert len(sent) > 300
    ada = ring.user(name)
    if kind == "bot":
        ring.bot(name, ada)
        url, where = ring.bot_url(name, ada.token), ("bots", name)
    else:
        app = ring.extension(name, ada)["marketplace"]
        url, where = ring.extension_url(app, ada.token), ("applications", app.app_id)
    for i, (event, body) in enumerate(sent):
        answer = ring.post(url, body, headers={
            "Content-Type": "application/json", "X-GitHub-Event": event,
            "X-GitHub-Delivery": f"delivery-{i}", "User-Agent": "GitHub-Hookshot/044aadd",
            "X-Hub-Signature-256": "sha256=" + "0" * 64})
        assert (answer.status_code, answer.text) == (200, "{}"), (event, answer.text)
    found = [m["event"] for m in ring.messages(*where, ada.token, limit=100)]
    assert len(found) == len(sent)
    for i, (event, (name_, body)) in enumerate(zip(found, sent)):
        assert event["body"].encode() == body
        assert event["headers"]["x-github-event"] == name_
        assert event["headers"]["x-github-delivery"] == f"delivery-{i}"
        assert event["headers"]["user-agent"] == "GitHub-Hookshot/044aadd"
