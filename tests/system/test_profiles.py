"""How channels, bots and extensions are shown: profiles, names beside ids, endpoints by name."""

import pytest

from test_details import made, told
from test_logins import person


@pytest.mark.parametrize("kind", ["channels", "bots", "extensions"])
def test_a_profile_is_set_shown_and_taken_away(ring, ask, name, kind):
    ada = person(ring, name)
    name = name[-40:].strip("_")
    new = made(ask("POST", f"/{kind}", {"name": name, "owner": ada.id}))
    assert (new["display_name"], new["description"], new["picture"]) == (None, None, None)
    assert new["owner_name"] == made(ask("GET", f"/users/{ada.id}"))["name"]
    profile = {"display_name": "Releases ☂", "description": "What is out,\nand when.", "picture": "https://cdn.example.org/a.png"}
    edited = made(ask("PUT", f"/{kind}/{name}", {**profile, "if_match": new["etag"]}))
    assert {key: edited[key] for key in profile} == profile and edited["etag"] != new["etag"]
    shown = made(ask("GET", f"/{kind}/{name}"))
    listed, = made(ask("GET", f"/{kind}", params={"q": name}))[kind]
    assert shown == edited and {key: listed[key] for key in profile} == profile and listed["etag"] == shown["etag"]
    row = made(ask("GET", "/audit", params={"order": "desc", "limit": 1, "object": new["id"]}))["rows"][0]
    assert row["changes"]["is"]["display_name"] == "Releases ☂" and row["changes"]["was"]["display_name"] is None
    assert ask("PUT", f"/{kind}/{name}", {"display_name": "x", "if_match": new["etag"]}).status_code == 412
    renamed = made(ask("PUT", f"/{kind}/{name}", {"name": f"{name}2", "description": ""}))
    assert renamed["description"] is None and renamed["display_name"] == profile["display_name"]
    for picture in ("http://cdn.example.org/a.png", "javascript:alert(1)", "a.png", "https://"):
        assert told(ask("PUT", f"/{kind}/{name}2", {"picture": picture}), 400, "invalid_param")["field"] == "picture"
    assert told(ask("PUT", f"/{kind}/{name}2", {"description": "x" * 2001}), 400, "invalid_param")["max"] == 2000
    stranger = ring.management_token(person(ring, f"x_{name}"))
    assert told(ask("PUT", f"/{kind}/{name}2", {"display_name": "x"}, token=stranger), 403, "not_allowed")


def test_endpoints_have_names_and_no_credential(ring, ask, name):
    ada = ring.user(name)
    channel = made(ask("POST", "/channels", {"name": name, "owner": ada.id}))
    bearer = {"Authorization": f"Bearer {ada.token}"}
    for url in channel["endpoints"].values():
        assert "?" not in url
        assert ring.http.post(url, json={"text": "hello"}, headers=bearer).status_code == 204
    assert channel["urls"] == [channel["endpoints"]["message"] + "?zapikey=TOKEN"]
    bot = made(ask("POST", "/bots", {"name": name[:50], "owner": ada.id}))
    assert bot["urls"] == [bot["endpoints"][what] + "?zapikey=TOKEN" for what in ("incoming", "message")]
    scoped = made(ask("POST", f"/users/{ada.id}/tokens", {"channels": [name], "bots": [bot["id"]]}))
    assert scoped["scope"] == {"channels": [name], "bots": [bot["name"]], "extensions": []}
    assert scoped["scope_ids"] == {"channels": [channel["id"]], "bots": [bot["id"]], "extensions": []}
    invited = made(ask("POST", "/invitations", {"email": f"i{name}@example.org"}))
    assert invited["by_name"] == made(ask("GET", "/me"))["name"]
