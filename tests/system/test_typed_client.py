"""docs/openapi.yaml is good enough to make a typed client of: one that is made by openapi-typescript compiles
in strict mode, and does what a page does against the running system."""

import json
import pathlib
import shutil
import subprocess
import sys

import contract
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMPAT = ROOT / "tests" / "compat"
METHODS = ("get", "head", "post", "put", "delete", "options")


def of_listener(document, listener):
    """The document with the operations of one listener: a path may be of both."""
    paths = {}
    for path, item in document["paths"].items():
        kept = {key: value for key, value in item.items()
                if key not in METHODS or value.get("x-listener", "public") in (listener, "both")}
        if set(kept) & set(METHODS):
            paths[path] = kept
    return {**document, "paths": paths}


@pytest.fixture(scope="module")
def document():
    if not (COMPAT / "node_modules/openapi-typescript").exists():
        pytest.skip("needs tests/compat/node_modules (./dev test installs it)")
    return contract.document()


def compile_client(document, listener, client, place):
    (place / "node_modules").symlink_to(COMPAT / "node_modules")
    (place / "document.json").write_text(json.dumps(of_listener(document, listener)))
    return subprocess.run(["node", COMPAT / "typed_client.mjs", place / "document.json", client, place],
                          capture_output=True, text=True, timeout=240, check=False)


def run_client(document, listener, place, *lines):
    done = compile_client(document, listener, COMPAT / f"typed_{listener}.ts", place)
    assert done.returncode == 0, done.stdout + done.stderr
    ran = subprocess.run(["node", place / "client.js"], input="\n".join(lines), capture_output=True, text=True,
                         timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return json.loads(ran.stdout)


def test_a_page(ring, document, tmp_path):
    email = "typed-owner@example.org"
    ring.ctl("user", "create", email, "--role", "owner")
    told = run_client(document, "admin", tmp_path, f"http://127.0.0.1:{ring.admin_port}/api/v2", ring.management_token(email))
    channel, = told["scope"]
    assert told["endpoint"] == ring.settings["public.url"] + f"/api/v2/channelsbyname/{channel}/incoming"
    assert (told["role"], told["mayList"], told["tokens"], told["refused"]) == ("owner", "any", 5, "name: taken")
    assert (told["shown"], told["was"], told["hours"], told["session"]) == ("Typed", {"display_name": None}, 24, None)
    assert email in told["people"] and told["version"] and told["lines"] == ["what"]


def test_a_sender(ring, document, tmp_path):
    ada = ring.user("typed-ada")
    ring.channel("typed_channel", ada)
    ring.bot("typed_bot", ada)
    told = run_client(document, "public", tmp_path, ring.url("/api/v2"), ada.token, "typed_channel", "typed_bot")
    assert told == {"list": ["one", "two"], "field": "buttons[0].label", "method": "POST", "body": '{"hello":1}'}


WRONG = (  # what a page could get wrong, and what the compiler says
    ('await api.GET("/channelsbyname/{target}/messages", { params: { path: { target: "x" } } });', "not assignable"),  # public
    ('got(await api.GET("/me")).rigths;', "rigths"),
    ('const slide: Schemas["Slide"] = { type: "list", data: "no list" };', "not assignable"),
    ('if (twice.error?.code === "invalid_message") console.log(1);', "no overlap"),  # no code of this operation
    ('if (twice.error?.code === "quota_reached") console.log(twice.error.details?.successor);', "successor"),
    ('if (twice.error?.code === "conflict" && twice.error.details?.reason === "gone") console.log(1);', "no overlap"))


def test_what_is_wrong_does_not_compile(document, tmp_path):
    wrong = tmp_path / "wrong.ts"
    right = (COMPAT / "typed_admin.ts").read_text()
    wrong.write_text(right + "\n".join(line for line, _ in WRONG) + "\n")
    done = compile_client(document, "admin", wrong, tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    for number, (line, says) in enumerate(WRONG, right.count("\n") + 1):
        assert any(f"client.ts:{number}: " in found and says in found for found in done.stdout.splitlines()), (line, done.stdout)


PYTHON = ("me_show", "channel_create", "channel_list", "token_create", "token_use", "people_list", "session_list", "audit_list")


@pytest.fixture(scope="module")
def python_client(document, tmp_path_factory):
    """The directory of a client in Python with its types, made by quicktype, which mypy finds strictly right."""
    if not shutil.which("mypy"):
        pytest.skip("needs mypy")
    place = tmp_path_factory.mktemp("python_client")
    (place / "document.json").write_text(json.dumps(of_listener(document, "admin")))
    made = subprocess.run(["node", COMPAT / "python_types.mjs", place / "document.json", place / "api.py", *PYTHON],
                          capture_output=True, text=True, timeout=240, check=False)
    assert made.returncode == 0, made.stdout + made.stderr
    for name in ("typed_admin.py", "mypy.ini"):
        shutil.copy(COMPAT / name, place)
    assert strictly(place) == []
    return place


def strictly(place):
    """What mypy finds, a line each."""
    found = subprocess.run(["mypy", "--config-file", "mypy.ini", "--no-error-summary", "typed_admin.py"], cwd=place,
                           capture_output=True, text=True, timeout=240, check=False)
    return (found.stdout + found.stderr).splitlines()


def test_a_script_in_python(ring, python_client):
    email = "python-owner@example.org"
    ring.ctl("user", "create", email, "--role", "owner")
    lines = f"http://127.0.0.1:{ring.admin_port}/api/v2", ring.management_token(email)
    ran = subprocess.run([sys.executable, "-B", "typed_admin.py"], cwd=python_client, input="\n".join(lines), capture_output=True,
                         text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert json.loads(ran.stdout) == {
        "role": "owner", "names": ["pyclient_c", "pyclient_b", "pyclient_a"], "post_only": True, "hours": 24, "people": [email],
        "endpoint": ring.settings["public.url"] + "/api/v2/channelsbyname/pyclient_c/incoming",
        "taken": ["conflict", {"field": "name", "reason": "taken"}], "forged": ["invalid_param", {"field": "after", "reason": "shape"}],
        "unsorted": {"field": "sort", "reason": "shape", "allowed": ["created", "name"]}, "sessions": [0, None], "op": "channel_create"}


def test_what_is_wrong_in_python_is_found(python_client):
    client = python_client / "typed_admin.py"
    right = client.read_text()
    client.write_text(right.replace("me.role.value", "me.rloe.value").replace("len(use.hours)", "use.hours.total"))
    found = strictly(python_client)
    client.write_text(right)
    assert [word for word in ('"rloe"', '"total"') if not any(word in line for line in found)] == [], found
