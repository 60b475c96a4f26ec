"""Every change of the directory leaves a row: who, when, from where, what."""

import json


def rows_of(ring, object_part):
    export = ring.ctl_run("audit", "export")
    assert export.returncode == 0, export.stderr
    rows = [json.loads(line) for line in export.stdout.splitlines()]
    assert [row["number"] for row in rows] == list(range(1, len(rows) + 1))
    return [row for row in rows if object_part in row["object"]]


def test_a_tokens_life_is_in_the_audit(ring, name):
    ada = ring.user(name)
    ring.ctl("token", "edit", ada.token_id, "--from", "192.0.2.1", "--name", "new")
    ring.ctl("token", "replace", ada.token_id)
    ring.ctl("token", "delete", ada.token_id)
    before = rows_of(ring, ada.token_id)
    assert [row["op"] for row in before] == ["token_create", "token_edit", "token_replace",
                                             "token_delete"]
    assert {(row["who"], row["from"]) for row in before} == {("control", "local")}
    assert before == sorted(before, key=lambda row: row["time"])
    edit = before[1]["changes"]
    assert edit["given"] == {"name": "new", "networks": ["192.0.2.1"]}
    assert edit["was"] == {"name": "test", "networks": []}
    assert edit["is"] == {"name": "new", "networks": ["192.0.2.1/32"]}
    ring.ctl("channel", "create", name, "--owner", ada.email)
    assert rows_of(ring, ada.token_id) == before


def test_the_newest_rows_are_listed(ring, name):
    ada = ring.user(name, token=False)
    ring.ctl("user", "edit", ada.email, "--role", "admin")
    shown = ring.ctl_run("audit", "list", "--limit", "2").stdout.splitlines()
    assert len(shown) == 3 and "user_create" in shown[1] and "user_edit" in shown[2]
    assert '"was":{"role":"member"}' in shown[2]
    last = ring.ctl("audit", "list", "--limit", "1")["rows"][0]
    assert last["op"] == "user_edit" and last["object"] == f"{ada.id} {ada.email}"
    page = ring.ctl("audit", "list", "--after", last["number"] - 1)
    assert page["rows"] == [last] and page["next"] is None
    assert "There is more: --after 1" in ring.ctl_run("audit", "list", "--after", "0", "--limit",
                                                      "1").stdout


def test_a_refused_change_leaves_no_row(ring, name):
    ring.user(name, token=False)
    before = ring.ctl("audit", "list", "--limit", "1")["rows"]
    assert ring.ctl_run("user", "create", f"{name}@example.org").returncode == 1
    assert ring.ctl("audit", "list", "--limit", "1")["rows"] == before
