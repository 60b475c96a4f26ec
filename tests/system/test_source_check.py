"""posternctl source check and presets: requests that other implementations have signed, in files, without a server."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest

from harness import postern

CTL = str(postern.BIN / "posternctl")
VECTORS = json.loads((postern.ROOT / "tests/unit/source_vectors.json").read_text())
COMPAT = postern.ROOT / "tests/compat"
GITHUB = next(v for v in VECTORS if v["preset"] == "github")
STRIPE = next(v for v in VECTORS if v["preset"] == "stripe")
PLACE = pathlib.Path(postern.scratch("s-"))


@pytest.fixture(scope="module", autouse=True)
def place():
    yield
    shutil.rmtree(PLACE)


def source(*words, body=""):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("POSTERN_")}
    return subprocess.run([CTL, "source", *map(str, words)], input=body.encode(), capture_output=True, timeout=60, env=environment, cwd=PLACE)


def check(vector, *more, **changes):
    """(exit status, the answer) of a check of VECTOR with CHANGES; what it says never holds the secret."""
    it = {**vector, "scheme": vector["preset"], **changes}
    (PLACE / "secret").write_text(it["secret"] + "\n")
    (PLACE / "headers").write_text("POST / HTTP/1.1\n" + "".join(f"{name.title()}:  {value} \r\n" for name, value in it["headers"].items()))
    words = ["--scheme", it["scheme"], "--secret-file", "secret", "--headers", "headers", "--at", it["at"]]
    done = source("check", *words, *(["--url", it["url"]] if it["url"] else []), *more, "--json", body=it["body"])
    assert not any(secret and secret.encode() in done.stdout + done.stderr for secret in it["secret"].split("\n"))
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("vector", VECTORS, ids=[f"{i}-{v['preset']}" for i, v in enumerate(VECTORS)])
def test_right_and_with_another_body(vector):
    status, answer = check(vector)
    assert (status, answer["result"]) == (0, "signed"), answer
    if "secret" not in vector["origin"]:
        status, answer = check(vector, body=vector["body"] + "!")
        assert (status, answer["result"]) == (1, "refused") and "match" in answer["reason"] + answer.get("cause", "") or "not that of" in answer["reason"]


def test_what_is_wrong():
    assert check(STRIPE, at=STRIPE["at"] + 412)[1]["reason"] == "timestamp is 412 s old, more than 300"
    assert check(STRIPE, at=STRIPE["at"] - 400)[1]["reason"].startswith("timestamp is 400 s ahead")
    assert check(GITHUB, headers={"X-Other": "1"}) == (1, {"result": "unsigned", "reason": "header x-hub-signature-256 is missing", "signatures": 0,
                                                           "of_right_length": 0, "signature_bytes": 32, "body_bytes": len(GITHUB["body"].encode())})
    assert "is not hexadecimal digits of 32 bytes" in check(GITHUB, headers={"x-hub-signature-256": "sha256=abcd"})[1]["reason"]
    assert check(GITHUB, body=GITHUB["body"] + "\n")[1]["cause"] == "it matches without the line end at the end of the body"
    assert check(GITHUB, secret=f"another\n{GITHUB['secret']}")[1]["secret"] == 2


def test_a_secret_that_is_to_be_decoded():
    svix = next(v for v in VECTORS if v["preset"] == "svix")
    (PLACE / "mine.json").write_text(json.dumps({
        "alg": "hmac-sha256", "header": "svix-signature", "separator": " ", "item": "v1,", "encoding": "base64", "signed": "{id}.{ts}.{body}",
        "id": "svix-id", "ts": "header svix-timestamp", "tolerance": 60}))
    status, answer = check(svix, scheme="mine.json")
    assert status == 1 and answer["cause"] == "it matches with the secret decoded: set key to base64, whsec or hex"


def test_a_time_as_text():
    assert check(STRIPE, at="2026-01-02T03:04:05Z")[0] == 0
    assert check(STRIPE, at="2026-01-02T04:04:05+01:00")[0] == 0


def test_a_handshake_is_named():
    status, answer = check(GITHUB, "--method", "HEAD")
    assert answer["handshake"] == "head"


@pytest.mark.parametrize("change, said", [
    ({"scheme": "no-such"}, "--scheme no-such is no preset"),
    ({"secret": ""}, "the secret is empty"),
    ({"secret": "x" * 600}, "longer than 512 bytes"),
    ({"secret": "x" * 2000}, "more than two secrets"),
    ({"at": "yesterday"}, "write it as 2026-01-02T03:04:05Z"),
])
def test_bad_input(change, said):
    status, answer = check(GITHUB, **change)
    assert status == 2 and said in answer["message"], answer


@pytest.mark.parametrize("text, said", [
    ("{", "bad.json:1: "), ("[]", "a scheme is a JSON object"), ('{"algo": "x"}', "algo: there is no such field"), ('{"alg": 1}', "alg: must be a string"),
    ('{"alg": "hmac-sha256", "header": "x", "signed": "{url}"}', "signed: has neither {body} nor {form}"),
    ('{"alg": "hmac-sha256", "header": "x", "ts": "header y"}', "who repeats a request may change what is not signed")])
def test_bad_schemes(text, said):
    (PLACE / "bad.json").write_text(text)
    status, answer = check(GITHUB, scheme="bad.json")
    assert status == 2 and said in answer["message"], answer


def test_options_that_are_needed():
    done = source("check", "--scheme", "github")
    assert done.returncode == 2 and b"--secret-file is needed" in done.stderr


def test_presets():
    rows = json.loads(source("presets", "--json").stdout)["presets"]
    assert {v["preset"] for v in VECTORS} == {row["name"] for row in rows}
    assert b"github" in source("presets").stdout


@pytest.mark.skipif(not (COMPAT / "node_modules/svix").exists(), reason="needs npm ci in tests/compat")
def test_the_vectors_are_what_other_implementations_take():
    done = subprocess.run(["node", COMPAT / "signatures.mjs", "check"], input=json.dumps(VECTORS), capture_output=True, text=True, timeout=120)
    print(done.stdout, done.stderr)
    assert done.returncode == 0 and done.stdout.count("taken by") >= 27
