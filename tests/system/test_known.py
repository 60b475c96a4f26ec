"""Who has an answer already is told so: ETag and If-None-Match of the admin listener."""

import gzip

from harness.connection import Connection
from test_details import made
from test_logins import person


def test_a_list_that_has_not_changed_is_304(ring, owner, name):
    ada = person(ring, name)

    def ask(path, known=None, method="GET"):
        return ring.admin(method, path, owner, headers={"If-None-Match": known} if known else {})
    for path in (f"/users/{ada.id}", "/me"):  # its tag leaves out what it is used for
        assert ask(path, ask(path).headers["ETag"]).status_code == 200
    for path in ("/channels", f"/users/{ada.id}/tokens", "/people", "/audit?last=5"):
        tag = ask(path).headers["ETag"]
        assert tag.startswith('W/"')  # it comes as gzip or not
        for known in (tag, tag[2:], f'"x", {tag} ,"y"', "*"):
            again = ask(path, known)
            assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag), (path, known)
            assert "Content-Length" not in again.headers and "Transfer-Encoding" not in again.headers
        assert ask(path, tag, "HEAD").status_code == 304
        for other in ('"x"', tag[:-1], tag[2:].strip('"'), '"' + "x" * 600 + '", ' + tag):
            assert ask(path, other).status_code == 200, (path, other)
    mine = f"/channels?q={name}"  # the page of a ring that others share may be full
    tag = ask(mine).headers["ETag"]
    made(ring.admin("POST", "/channels", owner, {"name": name, "owner": ada.id}))
    changed = ask(mine, tag)
    assert changed.status_code == 200 and changed.headers["ETag"] != tag
    token = made(ring.admin("POST", f"/users/{ada.id}/tokens", owner, {}))  # its use is part of the list
    tag = ask(f"/users/{ada.id}/tokens").headers["ETag"]
    assert ring.post(ring.channel_url(name, token["token"]), {"text": "x"}).status_code == 204
    ring.wait(lambda: ask(f"/users/{ada.id}/tokens", tag).status_code == 200)


def test_a_304_leaves_the_connection_whole(ring, owner):
    head = f"GET /api/v2/channels HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {owner}\r\n"
    with Connection(ring.admin_port) as connection:
        for _ in range(3):
            connection.send((head + 'If-None-Match: *\r\n\r\n').encode())
            assert connection.answer().status == 304
            connection.send((head + "\r\n").encode())
            assert connection.answer().status == 200


def test_a_refusal_and_a_change_are_never_304(ring, owner):
    known = {"If-None-Match": "*"}
    assert ring.admin("GET", "/users/nobody@example.org", owner, headers=known).status_code == 404
    assert ring.admin("GET", "/users", headers=known).status_code == 401
    assert ring.admin("POST", "/service-accounts", owner, {"account": "knw-robot"}, headers=known).status_code == 200


def test_a_long_list_comes_as_gzip_and_nothing_else_does(ring, owner, name):
    ada = person(ring, name)
    for number in range(12):
        made(ring.admin("POST", "/channels", owner, {"name": f"{name}_{number}"[-80:], "owner": ada.id}))

    def ask(path, encoding, method="GET"):
        return ring.http.request(method, f"http://127.0.0.1:{ring.admin_port}/api/v2{path}", stream=True,
                                 headers={"Authorization": f"Bearer {owner}", "Accept-Encoding": encoding})
    path = f"/channels?q={name}"
    plain = ask(path, "identity")
    body = plain.content
    assert "Content-Encoding" not in plain.headers and len(body) > 4096 and plain.headers["Vary"] == "Accept-Encoding"
    for encoding in ("gzip", "br, gzip;q=0.5", "GZIP"):
        packed = ask(path, encoding)
        raw = packed.raw.read()
        assert packed.headers["Content-Encoding"] == "gzip" and int(packed.headers["Content-Length"]) == len(raw) < len(body) / 2
        assert gzip.decompress(raw) == body and packed.headers["ETag"] == plain.headers["ETag"]
        head = ask(path, encoding, "HEAD")
        assert (head.headers["Content-Length"], head.content) == (str(len(raw)), b"")
    for encoding in ("br", "gzip;q=0", "gzip;q=0.000", "xgzip", ""):
        assert "Content-Encoding" not in ask(path, encoding).headers, encoding
    for path in ("/me", "/about", f"/channels/{name}_1"[-90:], "/session", f"/channels?q={name}_1&limit=1"):
        assert "Content-Encoding" not in ask(path, "gzip").headers, path
