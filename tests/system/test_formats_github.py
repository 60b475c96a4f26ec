"""Every payload of @octokit/webhooks-examples through the format of GitHub: a valid message, a summary, or nothing."""

import json

import pytest
import test_compat_github
from test_formats import posternctl

TEXT_CHARS, SLIDES = 5000, 20


def test_all_payloads(tmp_path):
    if not test_compat_github.EXAMPLES.exists():
        pytest.skip("needs tests/compat/node_modules (./dev test installs it)")
    payloads = test_compat_github.payloads()
    folder = tmp_path / "github"
    (folder / "cases").mkdir(parents=True)
    shown = json.loads(posternctl("format", "show", "github", "--json").stdout)
    (folder / "format.json").write_text(json.dumps(shown["format"]))
    for i, (event, body) in enumerate(payloads):
        (folder / f"cases/{i}.json").write_bytes(body)
        (folder / f"cases/{i}.headers").write_text(f"X-GitHub-Event: {event}\n")
    cases = json.loads(posternctl("format", "test", folder, "--accept", "--json").stdout)["cases"]
    assert len(cases) == len(payloads) > 300
    assert {case["result"] for case in cases} == {"written"}, "each is valid: test checks it, too"
    made = [json.loads((folder / f"cases/{i}.expected.json").read_text()) for i in range(len(payloads))]
    for (event, _), message in zip(payloads, made):
        if isinstance(message, dict):
            assert 0 < len(message["text"]) <= TEXT_CHARS and len(message.get("slides", [])) <= SLIDES, event
            assert message["text"].replace("\\*", "").count("*") % 2 == 0, (event, message["text"])
        else:
            assert message in ("summary", "drop"), event
    messages = sum(isinstance(message, dict) for message in made)
    assert messages > len(made) * 0.75, f"only {messages} of {len(made)} have a message of their own"
