"""Roles, service accounts, and what becomes of a user's tokens."""

import subprocess
import time

import pytest

from harness import postern


def start_authd(ring):
    """authd alone: it is ready, and says that it misses a router."""
    ring.spawn("authd", wait_ready=False)
    postern.wait(lambda: (state := ring.ready("authd-0")) and state["status"] == 200, 20,
                 what="authd to be ready")


def test_init_names_the_first_owner(tmp_path):
    def init(place, owner):
        words = [postern.BIN / "posternctl", "init", tmp_path / place, "--owner", owner]
        return subprocess.run(words, capture_output=True, text=True)

    done = init("a", "ada@example.org")
    assert done.returncode == 0 and "Owner: ada@example.org" in done.stdout
    path = tmp_path / "a/data/first-owner"
    assert path.read_text() == "ada@example.org\n" and path.stat().st_mode & 0o777 == 0o600
    done = init("b", "nobody")
    assert done.returncode == 2 and "--owner" in done.stderr and not (tmp_path / "b").exists()


def test_the_first_owner_is_made_at_the_first_start(make_ring):
    ring = make_ring()
    (ring.dir / "data" / "first-owner").write_text("Ada@example.org\n")
    start_authd(ring)
    owner, = ring.ctl("user", "list")["users"]
    assert (owner["email"], owner["role"]) == ("Ada@example.org", "owner")
    assert not (ring.dir / "data" / "first-owner").exists()
    with pytest.raises(postern.CtlError) as refused:
        ring.ctl("user", "delete", "ada@example.org")
    assert "last owner" in refused.value.message
    ring.stop()
    (ring.dir / "data" / "first-owner").write_text("nobody\n")
    start_authd(ring)
    assert len(ring.ctl("user", "list")["users"]) == 1
    assert "event=directory.first_owner" in ring.logs() and "is not an email address" in ring.logs()


def test_a_user_leaves_and_its_integration_goes_on(ring, name):
    ada = ring.user(name)
    ring.channel(name, ada)
    robot = name.replace("_", "-")
    made = ring.ctl("service", "create", robot, "--name", "The Robot")
    assert (made["account"], made["email"], made["role"]) == (robot, None, "member")
    url = ring.channel_url(name, ada.token)
    assert ring.post(url, {"text": "before"}).status_code == 204
    used = postern.wait(lambda: ring.manage("token_list", ada.email)["tokens"][0]["last_used"],
                        what="usage to be written")
    done = ring.ctl_run("user", "delete", ada.email, input="")
    assert done.returncode == 1 and "1 live tokens" in done.stderr and name in done.stderr
    gone = ring.ctl("user", "delete", ada.email, "--move-to", robot)
    assert gone["moved_to"]["account"] == robot
    assert [(t["id"], t["last_used"]) for t in gone["tokens"]] == [(ada.token_id, used)]
    assert ring.post(url, {"text": "after"}).status_code == 204
    senders = [m["sender"]["name"] for m in ring.messages("channelsbyname", name, ada.token)]
    assert senders == [name.capitalize(), "The Robot"]
    assert ring.ctl("token", "list", robot)["tokens"][0]["id"] == ada.token_id
    assert robot in [row["account"] for row in ring.ctl("service", "list")["accounts"]]
    assert ring.ctl_run("user", "delete", robot, "--yes").stdout.startswith("User deleted, with all")
    assert ring.post(url, {"text": "late"}).status_code == 401


def test_a_role_is_shown_and_changed(ring, name):
    ada = ring.user(name, token=False)
    assert ring.ctl("user", "edit", ada.email, "--role", "admin", "--name", "A")["role"] == "admin"
    shown = ring.ctl("user", "show", ada.email)
    assert (shown["role"], shown["name"]) == ("admin", "A")
    done = ring.ctl_run("user", "edit", ada.email, "--role", "emperor")
    assert done.returncode == 1 and "member, admin or owner" in done.stderr


def test_killed_at_any_moment_a_change_is_whole_or_not_there(make_ring):
    """authd dies again and again while tokens are replaced and users leave."""
    ring = make_ring()
    start_authd(ring)
    ring.ctl("service", "create", "robot")
    users = [ring.user(f"u{i}") for i in range(6)]
    for i, user in enumerate(users):
        words = ["user", "delete", user.email, "--move-to", "robot"] if i % 2 else \
            ["token", "replace", user.token_id]
        process = subprocess.Popen(
            [str(postern.BIN / "posternctl"), *words, "-c", str(ring.conf), "--json",
             *ring._overrides()], env=ring.environment, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        # Between its connection and its answer, later each time.
        time.sleep(0.05 * postern.SLOW * i / len(users))
        ring.spawned["authd-0"].kill()
        ring.spawned["authd-0"].wait()
        out, _ = process.communicate(timeout=60 * postern.SLOW)
        start_authd(ring)
        answered = process.returncode == 0
        if i % 2:
            there = user.email in [u["email"] for u in ring.ctl("user", "list")["users"]]
            moved = user.token_id in [t["id"] for t in ring.ctl("token", "list", "robot")["tokens"]]
            assert moved != there and (moved or not answered), out
        else:
            rows = ring.ctl("token", "list", user.email)["tokens"]
            states = sorted(row["state"] for row in rows)
            assert states in (["active"], ["active", "replaced"]), rows
            assert len(states) == 2 or not answered, out
