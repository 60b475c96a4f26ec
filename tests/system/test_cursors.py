"""Lists, page by page: one kind of cursor, the orders they can be asked for, what comes meanwhile, and what is no cursor."""

import pytest

import contract
from harness import postern

DOCUMENT = contract.document()
SEVERAL, PASSWORD = 5, "a hedge of words and a gap"


def fill(ring, name="cursor"):
    """SEVERAL of each that is listed, of NAME: the owner and a channel with members."""
    owner = ring.user(f"{name}-owner", token=False)
    ring.manage("user_edit", owner.email, role="owner")
    ring.manage("user_password", owner.email, password=PASSWORD)
    people = [ring.manage("user_create", email=f"{name}{n}@example.org", name=f"{'eBaDc'[n]} {name}")["email"] for n in range(SEVERAL)]
    channel = ring.manage("channel_create", name=f"{name}s", owner=owner.email, members=people)
    ring.manage("bot_create", name=f"{name}s", owner=owner.email, subscribers=people)
    for n in range(SEVERAL):
        ring.manage("service_create", account=f"{name}-{n}", name=f"{'eBaDc'[n]} account")
        ring.manage("token_create", owner.email, name=f"{'eBaDc'[n]} token")
        ring.manage("management_token_create", owner.email, name=f"{'eBaDc'[n]} token")
        ring.manage("user_invite", email=f"{'ebadc'[n]}.{name}@example.org")
        for kind in ("channel", "bot", "extension"):
            ring.manage(f"{kind}_create", name=f"{'ebadc'[n]}_{name}", owner=owner.email)
        ring.manage("source_create", kind="channel", to=f"{name}s", name=f"{'eBaDc'[n]} source", scheme="github")
        ring.manage("outlet_create", f"{name}s", kind="generic", name=f"{'eBaDc'[n]} outlet", url="http://127.0.0.1:9/")
    return owner, channel


@pytest.fixture(scope="module")
def ring():
    """Its own: lists are compared whole, and other tests may make more of something than one page has."""
    with postern.Ring() as made:
        yield made.up()


@pytest.fixture(scope="module")
def lists(ring):
    """(ask, {operation: (path, key)}) of every list of the admin API that authd answers."""
    owner, channel = fill(ring)
    for _ in range(3):
        login = ring.admin("POST", "/login", body={"email": owner.email, "password": PASSWORD})
        session = login.json()["session"]
    found = {}
    for path, item in DOCUMENT["paths"].items():
        get = item.get("get", {})
        properties = answer_of(get).get("properties", {})
        if get.get("x-listener") != "admin" or "next" not in properties:
            continue
        target = {"users": owner.id, "channels": channel["id"], "bots": "cursors"}.get(path.split("/")[1], "")
        key, = (name for name, schema in properties.items() if schema.get("type") == "array")
        found[get["operationId"]] = path.replace("{target}", target), key

    def ask(path, status=200, **params):
        answer = ring.admin("GET", path, session, params=params)
        assert answer.status_code == status, answer.text
        return answer.json()
    return ask, found


def answer_of(operation):
    content = operation.get("responses", {}).get("200", {}).get("content", {})
    return content.get("application/json", {}).get("schema", {})


def sorts_of(operation):
    for item in DOCUMENT["paths"].values():
        if item.get("get", {}).get("operationId") == operation:
            return [one for parameter in item["get"]["parameters"] if parameter.get("name") == "sort" for one in parameter["schema"]["enum"]]
    return []


def walk(ask, path, key, **params):
    """(rows, cursors)"""
    rows, cursors = [], []
    while True:
        page = ask(path, limit=2, **params, **({"after": cursors[-1]} if cursors else {}))
        assert len(page[key]) <= 2
        rows += page[key]
        if page["next"] is None:
            return rows, cursors
        assert isinstance(page["next"], str) and page["next"] not in cursors
        cursors.append(page["next"])


def stable(rows):
    """Without what the walk itself changes: how its own session is used."""
    return [{name: value for name, value in row.items() if name not in ("used", "expires")} for row in rows]


def test_every_list_goes_by_cursors_to_its_end(lists):
    ask, found = lists
    assert set(found) >= {"user_list", "session_list", "audit_list", "token_list", "outlet_list", "format_list", "people_list"}
    for operation, (path, key) in found.items():
        whole = ask(path, limit=1000)[key]
        rows, cursors = walk(ask, path, key)
        assert stable(rows) == stable(whole), operation
        assert operation == "format_list" or len(cursors) >= (1 if operation == "session_list" else 2), operation


def value_of(row, sort):
    if sort == "created":
        return row["id"]
    value = row.get({"last_used": "last_used" if "last_used" in row else "used"}.get(sort, sort))
    return (value or "").lower()[:64]


def test_each_order_is_one_and_the_same_by_pages(lists):
    ask, found = lists
    for operation, (path, key) in found.items():
        for sort in sorts_of(operation):
            for order in ("asc", "desc"):
                rows, _ = walk(ask, path, key, sort=sort, order=order)
                whole = ask(path, limit=1000, sort=sort, order=order)[key]
                assert [row["id"] for row in rows] == [row["id"] for row in whole], (operation, sort, order)
                values = [(value_of(row, sort), row["id"]) for row in whole]
                if operation != "session_list" or sort == "created":
                    assert values == sorted(values, reverse=order == "desc"), (operation, sort, order)
                assert [row.get("etag") for row in rows] == [row.get("etag") for row in whole]


def test_what_comes_and_goes_moves_no_other_row(ring, lists):
    ask, found = lists
    path, key = found["channel_list"]
    before = [row["name"] for row in ask(path, limit=1000, sort="name", order="desc")[key]]
    first = ask(path, limit=2, sort="name", order="desc")
    ring.manage("channel_create", name="zz_before", owner="cursor-owner@example.org")
    ring.manage("channel_create", name="a0_behind", owner="cursor-owner@example.org")
    ring.manage("channel_delete", before[0])
    rest, after = [], first["next"]
    while after:
        page = ask(path, limit=2, sort="name", order="desc", after=after)
        rest, after = rest + page[key], page["next"]
    assert [row["name"] for row in first[key] + rest if row["name"] != "a0_behind"] == before
    assert [row["name"] for row in rest].count("a0_behind") == 1


def test_what_is_no_cursor_of_the_list_is_refused(lists):
    ask, found = lists
    cursors = {operation: walk(ask, path, key)[1] for operation, (path, key) in found.items()}
    other = cursors["channel_list"][0]
    for operation, (path, _) in found.items():
        forged = ["x", "0", "../../etc/passwd", "AQ" * 20, other[:-1], other[:-1] + ("A" if other[-1] != "A" else "B"), other + "AAAA", "é"]
        if operation != "channel_list":
            forged.append(other)
        for text in forged:
            if operation == "audit_list" and text == "0":
                continue  # the number of a row
            refused = ask(path, 400, after=text)
            assert told(refused, "invalid_param")["field"] == "after", (operation, text, refused)
        for mine in cursors[operation][:1]:
            refused = ask(path, 400, after=mine, order="desc")
            assert told(refused, "invalid_param")["field"] == "after", operation


def told(refused, code):
    assert refused["code"] == code, refused
    return refused["details"]


def test_an_order_that_there_is_not_is_refused_by_those_that_there_are(lists):
    ask, found = lists
    for operation, (path, _) in found.items():
        if sorts_of(operation):
            details = told(ask(path, 400, sort="size"), "invalid_param")
            assert details["field"] == "sort" and details["allowed"] == sorts_of(operation), operation
        assert told(ask(path, 400, order="up"), "invalid_param")["field"] == "order", operation


def test_an_id_is_still_taken_and_so_is_the_number_of_a_row_of_the_audit(lists):
    ask, found = lists
    path, key = found["channel_list"]
    rows = ask(path, limit=1000)[key]
    assert ask(path, after=rows[1]["id"], limit=2)[key] == rows[2:4]
    path, key = found["audit_list"]
    numbers = [row["number"] for row in ask(path, limit=3, after=4)[key]]
    assert numbers == [5, 6, 7]
    assert [row["number"] for row in ask(path, limit=2, before=7, order="desc")[key]] == [6, 5]
    down, cursors = walk(ask, path, key, order="desc", op="service_create")
    assert down == ask(path, limit=1000, order="desc", op="service_create")[key] and len(down) >= SEVERAL
    assert [row["number"] for row in down] == sorted((row["number"] for row in down), reverse=True)
    assert ask(path, limit=2, order="desc", op="service_create", before=cursors[0])[key] == down[2:4]


def test_posternctl_goes_on_by_what_it_was_told(ring, lists):
    first = ring.ctl("audit", "list", "--after", "3", "--limit", "2")
    assert [row["number"] for row in first["rows"]] == [4, 5]
    second = ring.ctl("audit", "list", "--after", first["next"], "--limit", "1")
    assert second["rows"][0]["number"] == 6
    lines = ring.ctl_run("audit", "export").stdout.splitlines()
    assert len(lines) == len(ring.ctl_run("audit", "export", "--after", "2").stdout.splitlines()) + 2


def test_messages_and_deliveries_go_on_by_after_too(ring):
    owner = ring.user("cursor-reader")
    ring.channel("cursor_read", owner)
    ring.bot("cursor_read", owner)
    ring.manage("bot_handler_set", "cursor_read", url="http://127.0.0.1:9/")
    token = ring.management_token(owner)
    for n in range(SEVERAL):
        for path, body in (("/channels/cursor_read/messages", {"text": f"cursor {n}"}), ("/bots/cursor_read/events", {"n": n}),
                           ("/users/me/messages", {"text": f"cursor {n}"})):
            assert ring.admin("POST", path, token, body).status_code == 200

    def pages(path, key, **params):
        rows, after = [], {}
        while True:
            page = ring.admin("GET", path, token, params={"limit": 2, **params, **after}).json()
            rows += page[key]
            if page["next"] is None:
                return rows
            after = {"after": page["next"]}
    for path in ("/channels/cursor_read/messages", "/bots/cursor_read/messages", "/users/me/messages"):
        up = [row["sequence"] for row in pages(path, "messages")]
        assert up == list(range(1, SEVERAL + 1)), path
        assert [row["sequence"] for row in pages(path, "messages", order="desc")] == up[::-1]
    assert [row["sequence"] for row in pages("/channels/cursor_read/messages", "messages", q="cursor")] == [5, 4, 3, 2, 1]
    rows = ring.wait(lambda: len(found := pages("/bots/cursor_read/deliveries", "deliveries")) == SEVERAL and found)
    numbers = [row["number"] for row in rows]
    assert numbers == sorted(numbers, reverse=True)
    for path in ("/channels/cursor_read/messages", "/bots/cursor_read/deliveries"):
        assert told(ring.admin("GET", f"{path}?after=forged", token).json(), "invalid_param")["field"] == "after"
