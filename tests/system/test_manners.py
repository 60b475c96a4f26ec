"""What every operation of the admin API has in common, asked of each row of common/ops.def: who is not signed in, which field
is wrong, answers that are whole, lists that are known already or come packed, limits that are told."""

import pytest

import contract
import tables
from test_cursors import answer_of, fill

DOCUMENT = contract.document()
NOUNS = {"user": "user", "channel": "channel", "bot": "bot", "extension": "extension", "source": "source", "outlet": "outlet",
         "format": "format", "token": "token"}
WHOLE = ("create", "edit", "delete", "rotate", "replace", "limit")


def rows(*credentials):
    return [op for op in tables.ops() if op.credentials in credentials]


def path_of(op):
    path = op.path.strip('"').replace("(s)", "").replace("{number}", "1").replace("{message}", "1_1")
    return path.replace("{target}", "me" if path.startswith("/users/") else "00000000-0000-7000-8000-000000000000")


def verb_of(op):
    return tables.verbs_of(op.methods)[0]


@pytest.fixture(scope="module")
def owner(ring):
    owner, channel = fill(ring, "manners")
    token = ring.management_token(owner)
    return lambda method, path, body=None, **more: ring.admin(method, path, token, body, **more), owner, channel


def test_who_is_not_signed_in_has_one_code(ring):
    for op in rows("ADMIN", "PERSON"):
        answer = ring.admin(verb_of(op), path_of(op))
        assert answer.status_code == 401, (op.name, answer.text)
        said = answer.json()
        assert (said["code"], said["details"]) == ("invalid_session", {"reason": "no_credential"}), op.name
        ended = ring.admin(verb_of(op), path_of(op), cookies={"postern": "pss_" + "0" * 36})
        assert ended.json()["code"] == "invalid_session" or ended.status_code == 403, (op.name, ended.text)


def test_an_error_names_its_field(owner):
    ask, *_ = owner
    for op in rows("ADMIN"):
        if op.name in ("ring_show", "ring_series"):
            continue  # the gateway answers
        verb = verb_of(op)
        answer = ask(verb, path_of(op), params={"not_it": "1"}) if verb in ("GET", "DELETE") else ask(verb, path_of(op), {"not_it": 1})
        assert answer.status_code == 400 and answer.json()["details"] == {"field": "not_it", "reason": "not_a_field"}, (op.name, answer.text)


def schema_of(operation):
    return answer_of(next(item[verb] for item in DOCUMENT["paths"].values() for verb in ("get", "post", "put", "delete")
                          if item.get(verb, {}).get("operationId") == operation))


def members(schema):
    """The names that an answer has, each with the schemas that it is made of."""
    if "$ref" in schema:
        return members(DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]])
    return set(schema.get("properties", ())).union(*(members(part) for part in schema.get("allOf", ())))


def test_what_makes_or_changes_answers_the_whole():
    found = {op.name for op in rows("ADMIN")}
    for noun in NOUNS:
        # Keys are shown to who makes or asks for one; people, use and appkeys are no part of what is deleted.
        shown = members(schema_of(f"{noun}_show")) - {"members", "subscribers", "more", "urls"}
        for deed in WHOLE:
            if f"{noun}_{deed}" in found and not (noun == "token" and deed == "delete"):
                lacks = shown - members(schema_of(f"{noun}_{deed}")) - ({"user"} if noun == "token" else set())
                assert not lacks, (noun, deed, lacks)


def test_a_list_is_known_by_its_etag_and_packed_when_it_is_long(owner):
    ask, who, channel = owner
    for op in rows("ADMIN"):
        if not op.name.endswith(("_list", "_list_all")):
            continue
        target = {"users": who.id, "channels": channel["id"], "bots": channel["name"]}.get(path_of(op).split("/")[1], "")
        path = op.path.strip('"').replace("{target}", target)
        answer = ask("GET", path, params={"limit": 1000})
        etag = answer.headers["ETag"]
        assert (answer.headers.get("Content-Encoding") == "gzip") == (len(answer.content) > 4096), op.name
        again = ask("GET", path, params={"limit": 1000}, headers={"If-None-Match": etag})
        if op.name == "audit_list" and again.status_code == 200:
            continue
        assert (again.status_code, again.content) == (304, b""), op.name


def test_limits_are_told_by_me_and_by_the_document(owner):
    ask, *_ = owner
    limits = ask("GET", "/me").json()["limits"]
    assert set(limits) == set(DOCUMENT["components"]["schemas"]["Limits"]["properties"])
    assert limits["page"] == DOCUMENT["components"]["parameters"]["limit"]["schema"]["maximum"]


def test_where_to_send_is_named(owner):
    ask, _, channel = owner
    assert set(channel["endpoints"]) == set(ask("GET", f"/bots/{channel['name']}").json()["endpoints"]) == {"message", "incoming"}
    assert set(ask("GET", "/extensions/e_manners").json()["urls"]) == {"sandbox", "marketplace"}
