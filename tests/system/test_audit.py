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


def test_it_is_read_newest_first_and_filtered(ring, name):
    owner = ring.user(f"{name}_root", token=False)
    ring.ctl("user", "edit", owner.email, "--role", "owner")
    token = ring.management_token(owner)

    def ask(path, **params):
        answer = ring.admin("GET", path, token, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def rows(**params):
        found, before = [], {}
        while True:
            page = ask("/audit", order="desc", limit=3, **params, **before)
            found += page["rows"]
            if page["next"] is None:
                return found
            before = {"before": page["next"]}
    ada = ring.admin("POST", "/users", token, {"email": f"{name}@example.org", "name": "Ada"}).json()
    for word in ("one", "two", "three"):
        assert ring.admin("PUT", f"/users/{ada['id']}", token, {"name": word}).status_code == 200
    ring.ctl("user", "edit", ada["email"], "--name", "four")
    mine = rows(object=ada["id"])
    assert [row["op"] for row in mine] == ["user_edit"] * 4 + ["user_create"]
    assert [row["number"] for row in mine] == sorted((row["number"] for row in mine), reverse=True)
    assert [(row["who"], row["who_name"]) for row in mine[:2]] == [("control", None), (owner.id, ring.ctl("user", "show", owner.email)["name"])]
    assert {(row["object_id"], row["object_name"]) for row in mine} == {(ada["id"], ada["email"])}
    assert len(rows(object=ada["email"], who=owner.email)) == len(rows(object=ada["id"], who=owner.id)) == 4
    assert [row["op"] for row in rows(object=ada["id"], op="user_create")] == ["user_create"]
    assert rows(object=ada["id"], to=mine[-1]["time"]) == []
    assert rows(object=ada["id"], **{"from": mine[0]["time"]})[0] == mine[0]
    everything = ask("/audit", order="desc", limit=1000)["rows"]
    assert everything[:: -1][-5:] == ask("/audit", last=5)["rows"]
    for params, field in (({"order": "up"}, "order"), ({"before": 3}, "before"), ({"order": "desc", "after": 3}, "after"),
                          ({"from": "yesterday"}, "from"), ({"order": "desc", "last": 3}, "last")):
        answer = ring.admin("GET", "/audit", token, params=params)
        assert (answer.status_code, answer.json()["details"]["field"]) == (400, field), answer.text


def test_it_comes_as_json_lines(ring, ask, name):
    ring.user(name, token=False)
    lines = {"headers": {"Accept": "application/x-ndjson"}}
    page, rows, after = ask("GET", "/audit", params={"limit": 10}).json(), [], 0
    while after is not None:
        answer = ask("GET", "/audit", params={"limit": 7 if len(rows) < 20 else 1000, "after": after}, **lines)
        assert (answer.status_code, answer.headers["Content-Type"], answer.headers["Vary"]) == (200, "application/x-ndjson", "Accept")
        rows += [json.loads(line) for line in answer.text.splitlines()]
        after = answer.headers.get("X-Next")
    assert rows[:len(page["rows"])] == page["rows"] and any(name in row["object"] for row in rows)
    # Other lists likewise, with their cursors; what is no list, and a refusal, stays as it is.
    users = ask("GET", "/users", params={"limit": 1}, **lines)
    assert len(users.text.splitlines()) == 1 and users.headers["X-Next"] == ask("GET", "/users", params={"limit": 1}).json()["next"]
    assert ask("GET", "/about", **lines).headers["Content-Type"] == "application/json"
    refused = ask("GET", "/audit", params={"last": "x"}, **lines)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_param")
    nothing = ask("GET", "/audit", params={"op": "user_delete", "object": f"no-{name}"}, **lines)
    assert nothing.text == ""  # it may go on: a page looks at so many rows
    assert ask("HEAD", "/audit", **lines).text == ""


def test_a_forged_number_is_no_page(ring):
    for params in ({"after": 2 ** 62}, {"order": "desc", "before": 1}):
        assert ring.manage("audit_list", **params) == {"rows": [], "next": None}
    assert ring.manage("audit_list", order="desc", before=2 ** 62, limit=1)["rows"]


def test_whoever_is_signed_in_learns_about_the_installation(ring, name):
    ada = ring.user(name, token=False)
    about = ring.admin("GET", "/about", ring.management_token(ada)).json()
    assert about["public_url"] == ring.settings["public.url"] and about["admin_url"] == ring.settings["admin.url"]
    assert about["version"] in ring.ctl_run("version").stdout
    assert about["settings"]["people"] is True and about["settings"]["session_s"] == 2592000
    assert ring.admin("GET", "/about").status_code == 401
