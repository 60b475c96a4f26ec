"""Tokens that leaked: posternctl finds this installation's, secret scanners find the form."""

import json
import pathlib
import re
import subprocess

import pytest

from harness import postern

LINTER = pathlib.Path(__file__).parents[1] / "compat/secretlint.mjs"


@pytest.fixture
def leak(ring, name, tmp_path):
    """A user with a token, and a file in which it stands among others of the same form."""
    ada = ring.user(name)
    gone = ring.token(ada)
    ring.ctl("token", "delete", gone["id"])
    path = tmp_path / "deploy.log"
    near = ada.token[:-1] + ("A" if ada.token[-1] != "A" else "B")
    path.write_bytes(b"\0binary\xff\nexport POSTERN_TOKEN=" + ada.token.encode() + b"\n"
                     + f"old={gone['token']}\nmistyped={near}\n{ada.token}".encode())
    return ada, path


def test_tokens_of_this_installation_are_named(ring, leak):
    ada, path = leak
    done = ring.ctl_run("token", "check", path)
    assert done.returncode == 1
    rows = [line for line in done.stdout.splitlines() if str(path) in line]
    assert len(rows) == 2 and all(ada.email in row and ada.token_id in row for row in rows)
    assert [re.split(" {2,}", row)[1:3] for row in rows] == [["2", ada.token[-4:]],
                                                             ["5", ada.token[-4:]]]
    assert "1 more with a token's form" in done.stdout
    assert ada.token not in done.stdout + done.stderr + ring.logs()


def test_a_file_whose_name_is_no_utf8_is_not_passed_over(ring, leak, tmp_path):
    ada, path = leak
    named = path.rename(tmp_path / "deploy\udcff.log")
    done = ring.ctl_run("token", "check", named, "--json")
    assert done.returncode == 1
    assert {(row["file"], row["line"]) for row in json.loads(done.stdout)["tokens"]} == {
        (str(tmp_path / "deploy\ufffd.log"), line) for line in (2, 5)}


def test_standard_input_and_json(ring, leak):
    ada, path = leak
    done = ring.ctl_run("token", "check", "--json", input=f"x {ada.token}\n")
    found, = json.loads(done.stdout)["tokens"]
    assert (found["file"], found["line"], found["user"]) == ("stdin", 1, ada.email)
    assert found["state"] == "active" and "hash" not in found
    done = ring.ctl_run("token", "check", input="nothing here\n")
    assert (done.returncode, done.stdout) == (0, "No token of this installation.\n")
    done = ring.ctl_run("token", "check", path, "/no/such/file")
    assert done.returncode == 1 and "/no/such/file" in done.stderr


def test_many_candidates_are_asked_in_pieces(ring, leak):
    """More than one request holds; each is of the right form and unknown."""
    ada, _ = leak
    text = "".join(f"{token_like(i)}\n" for i in range(1201)) + ada.token
    found = json.loads(ring.ctl_run("token", "check", "--json", input=text).stdout)
    assert len(found["tokens"]) == 1 and found["tokens"][0]["line"] == 1202
    assert found["unknown"] == 1201


def token_like(number):
    """pst_, 30 characters and their CRC-32 in base62."""
    import zlib
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    random = f"{number:030d}"
    crc, tail = zlib.crc32(random.encode()), ""
    for _ in range(6):
        crc, tail = crc // 62, digits[crc % 62] + tail
    return f"pst_{random}{tail}"


def test_secretlint_finds_them_by_the_documented_pattern(needs, leak):
    needs("node")
    if not (LINTER.parent / "node_modules/@secretlint/core").exists():
        pytest.skip("needs tests/compat/node_modules (./dev test installs it)")
    ada, path = leak
    text = (postern.ROOT / "docs/SECURITY.md").read_text()
    pattern, = set(re.findall(r"\(\?<!\[0-9A-Za-z\]\)pst_\S+?\(\?!\[0-9A-Za-z\]\)", text))
    log = path.read_text(errors="replace") + f"\nx{ada.token}\n{ada.token}y\n"
    done = subprocess.run(["node", LINTER, pattern], input=log, capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == 0, done.stderr
    found = done.stdout.split()
    assert found.count(ada.token) == 2 and len(found) == 4
