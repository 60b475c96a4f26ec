"""What --url, --token-file and POSTERN_TOKEN mean to posternctl, and the names that management has; the
former names, which were one for both."""

import json
import os
import subprocess

import pytest

from harness import postern
from test_logins import GOOD, person


def run(ring, *words, **more):
    """posternctl on another host, with nothing in its environment but what is given."""
    bare = {k: v for k, v in os.environ.items() if not k.startswith("POSTERN_") and k != "XDG_CONFIG_HOME"}
    environment = {**bare, "POSTERN_CONF": "/nonexistent", "HOME": "/nonexistent", **more.pop("environment", {})}
    if "input" not in more:
        more["stdin"] = subprocess.DEVNULL
    return subprocess.run([str(ring.binaries / "posternctl"), *map(str, words)], env=environment, text=True,
                          capture_output=True, cwd="/", timeout=60 * postern.SLOW, **more)


@pytest.fixture(scope="module")
def ada(ring):
    user = ring.user("ctl-names")
    ring.channel("ctl_names", user)
    user.management = ring.ctl("management", "token", "create", user.email)["token"]
    return user


@pytest.fixture
def admin(ring):
    return f"http://127.0.0.1:{ring.admin_port}"


def test_each_name_has_its_meaning(ring, ada, admin, tmp_path):
    file = tmp_path / "token"
    file.write_text(ada.management + "\n")
    both = {"POSTERN_TOKEN": ada.token, "POSTERN_MANAGEMENT_TOKEN": ada.management}
    for words, environment in (
            (("me", "show", "--management-url", admin), both),
            (("me", "show", "--management-url", admin, "--management-token-file", file), {"POSTERN_TOKEN": ada.token}),
            (("--management-url", admin, "me", "show"), both),
            (("me", "show"), {**both, "POSTERN_MANAGEMENT_URL": admin}),
            # what the new name says counts
            (("me", "show"), {**both, "POSTERN_MANAGEMENT_URL": admin, "POSTERN_URL": ring.base}),
            (("send", "channel", "ctl_names", "hi", "--url", ring.base), both),
            (("--url", ring.base, "send", "channel", "ctl_names", "hi"), both),
            (("history", "channel", "ctl_names", "--url", ring.base), both)):
        done = run(ring, *words, environment=environment)
        assert (done.returncode, done.stderr) == (0, ""), words


def test_a_sender_may_look_a_name_up_at_the_admin_listener(ring, ada, admin):
    """Each with its token: the extension's keys, and the post."""
    ring.extension("ctl_names", ada)
    done = run(ring, "send", "extension", "ctl_names", "hi", "--url", ring.base, "--management-url", admin,
               environment={"POSTERN_TOKEN": ada.token, "POSTERN_MANAGEMENT_TOKEN": ada.management})
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("words, variables, told", [
    (("me", "show", "--url", "ADMIN"), {"POSTERN_MANAGEMENT_TOKEN": "MANAGEMENT"}, ("--url is where senders send",
                                                                                  "--management-url")),
    (("--url", "ADMIN", "me", "show"), {"POSTERN_MANAGEMENT_TOKEN": "MANAGEMENT"}, ("--management-url",)),
    (("--url=ADMIN", "me", "show"), {"POSTERN_MANAGEMENT_TOKEN": "MANAGEMENT"}, ("--management-url",)),
    (("me", "show"), {"POSTERN_URL": "ADMIN", "POSTERN_MANAGEMENT_TOKEN": "MANAGEMENT"}, ("$POSTERN_MANAGEMENT_URL",)),
    (("me", "show", "--management-url", "ADMIN"), {"POSTERN_TOKEN": "MANAGEMENT"}, ("$POSTERN_MANAGEMENT_TOKEN",)),
    (("me", "show", "--management-url", "ADMIN", "--token-file", "-"), {}, ("--management-token-file",)),
    (("me", "show"), {"POSTERN_URL": "ADMIN", "POSTERN_TOKEN": "MANAGEMENT"},
     ("$POSTERN_MANAGEMENT_URL", "$POSTERN_MANAGEMENT_TOKEN")),
], ids=range(7))
def test_a_former_name_is_taken_with_a_warning(ring, ada, admin, words, variables, told):
    given = {name: admin if value == "ADMIN" else ada.management for name, value in variables.items()}
    words = [word.replace("ADMIN", admin) for word in words]
    done = run(ring, *words, "--json", environment=given, input=ada.management + "\n")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["id"] == ada.id
    lines = done.stderr.splitlines()
    assert len(lines) == (2 if len(variables) == 2 and "POSTERN_TOKEN" in variables else 1)
    assert all(line.startswith("posternctl: warning: ") and "until version 0.3" in line for line in lines)
    assert all(name in done.stderr for name in told) and ada.management not in done.stderr


def test_a_token_of_the_wrong_kind_is_named_and_not_sent(ring, ada, admin, tmp_path):
    file = tmp_path / "token"
    send, show = ("send", "channel", "ctl_names", "hi"), ("me", "show")
    nowhere = "http://127.0.0.1:1"
    for words, secret, holds, wanted in (
            ((*send, "--url", nowhere), ada.management, "a management token", "a webhook token"),
            ((*send, "--url", nowhere), "pss_" + "x" * 64, "a session", "a webhook token"),
            ((*show, "--management-url", nowhere), ada.token, "a webhook token", "a management token"),
            ((*show, "--management-url", nowhere), "far-" + "x" * 40, "no management token", "a management token"),
            ((*show, "--management-url", nowhere), "psi_" + "x" * 64, "an invitation", "a management token")):
        option, variable = ("--token-file", "POSTERN_TOKEN") if words[0] == "send" else (
            "--management-token-file", "POSTERN_MANAGEMENT_TOKEN")
        file.write_text(secret + "\n")
        for done, place in ((run(ring, *words, environment={variable: secret}), f"${variable}"),
                            (run(ring, *words, option, file), str(file)),
                            (run(ring, *words, option, "-", input=secret), "stdin")):
            assert done.returncode == 1 and f"{place} holds {holds}" in done.stderr, done.stderr
            assert f"Wanted here is {wanted}" in done.stderr and secret not in done.stderr + done.stdout
    done = run(ring, *show, "--management-url", nowhere, environment={"POSTERN_TOKEN": ada.token}, input="")
    assert done.returncode == 1 and "POSTERN_TOKEN holds a webhook token, which opens nothing" in done.stderr
    imported = run(ring, *send, "--url", nowhere, environment={"POSTERN_TOKEN": "far-" + "x" * 40})
    assert "no answer" in imported.stderr


def test_a_webhook_token_is_not_in_the_way_of_a_session(ring, name, admin):
    eve = person(ring, name)
    done = run(ring, "login", eve.email, "--management-url", admin, "--json", input=GOOD + "\n")
    session = json.loads(done.stdout)["session"]
    done = run(ring, "me", "show", "--management-url", admin, "--json",
               environment={"POSTERN_TOKEN": "pst_" + "x" * 36, "POSTERN_SESSION": session})
    assert done.returncode == 0 and json.loads(done.stdout)["id"] == eve.id, done.stderr


def test_help_completion_and_manual_have_the_names(ring):
    help_text = ring.ctl_run("user", "list", "--help").stdout
    assert "--management-url URL" in help_text and "\n  --url" not in help_text
    assert "--url URL" in ring.ctl_run("send", "channel", "--help").stdout
    offered = ring.ctl_run("completion", "words", "user", "list", "-").stdout.split()
    assert "--management-token-file" in offered and not {"--url", "--token-file"} & set(offered)
    assert {"--url", "--token-file"} < set(ring.ctl_run("completion", "words", "send", "bot", "-").stdout.split())
    # the value of a former name is no word of the command
    assert ring.ctl_run("completion", "words", "--url", "x", "channel", "m").stdout.split() == ["member"]
    page = ring.ctl_run("manual", "posternctl").stdout.replace("\\-", "-")
    environment = page.split(".SH ENVIRONMENT")[1].split(".SH")[0]
    for variable in ("POSTERN_TOKEN", "POSTERN_MANAGEMENT_TOKEN", "POSTERN_MANAGEMENT_URL", "POSTERN_SESSION"):
        assert variable in environment and variable in ring.ctl_run("--help").stdout
