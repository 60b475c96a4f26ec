"""docs/openapi.yaml: lint clean, complete, and what the running system does."""

import hmac
import pathlib
import subprocess
import sys
import time
import uuid

import jsonschema
import pytest

from harness import postern
from test_logins import totp

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "openapi.yaml"
LINTER = ROOT / "tests" / "compat" / "openapi_lint.mjs"
METHODS = ("get", "head", "post", "put", "delete")
sys.path.insert(0, str(ROOT / "tests" / "lint"))

import contract  # noqa: E402
import tables  # noqa: E402


@pytest.fixture(scope="module")
def document():
    return contract.document()


def operations(document):
    """{operationId: (path, method, operation, of the admin API alone)}"""
    return {item[method]["operationId"]: (path, method, item[method], item[method]["x-listener"] == "admin")
            for path, item in document["paths"].items() for method in METHODS if method in item}


def test_lint():
    if not (LINTER.parent / "node_modules/@redocly/openapi-core").exists():
        pytest.skip("needs tests/compat/node_modules (./dev test installs it)")
    done = subprocess.run(["node", LINTER, DOCUMENT], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and not done.stdout, done.stdout + done.stderr


def test_it_has_every_operation_and_no_other(document):
    expected = {}
    for _, name, methods, path, credentials, *_ in tables.ops():
        if credentials == "INTERNAL":
            continue
        verbs = [verb.lower() for verb in tables.verbs_of(methods)]
        for verb in verbs:
            plain = methods not in ("OP_ANY", "OP_EVENT") and verb != "head"
            full = name if plain else f"{name}_{verb}"
            expected[full] = path.strip('"').replace("(s)", ""), verb, credentials
    found = operations(document)
    # What has the same path and method on both listeners is one operation there.
    for full, (path, verb, operation, _) in found.items():
        if operation["x-listener"] == "both":
            name = operation["x-person"] + (f"_{verb}" if verb == "head" else "")
            assert expected.pop(name) == (path, verb, "PERSON") and expected[full][2] == "TOKEN"
            reads = verb in ("get", "head")
            assert operation["security"][-2:] == [{"management": []}, {"cookie": []} if reads else {"cookie": [], "csrf": []}]
    assert {name: (path, verb) for name, (path, verb, *_) in found.items()} == \
        {name: (path, verb) for name, (path, verb, _) in expected.items()}
    for name, (_, verb, operation, admin) in found.items():
        schemes = {scheme for choice in operation["security"] for scheme in choice}
        credentials = expected[name][2]
        assert admin == (credentials in ("ADMIN", "OPEN", "PERSON")), name
        assert ("appkey" in schemes) == (credentials == "APPKEY"), name
        if not admin:
            continue
        # manage_only_reads: such need no CSRF token
        reads = verb in ("get", "head") or name in ("token_check", "session_show")
        by_cookie = {"cookie": []} if reads else {"cookie": [], "csrf": []}
        choices = [{"management": []}, by_cookie]
        if name.removesuffix("_head") in ("logout", "session_show", "session_now"):  # or the session is in the body
            choices.append({})
        elif credentials == "OPEN":
            choices = []
        assert operation["security"] == choices, name


def test_it_has_every_error_code(document):
    codes = document["components"]["schemas"]["Error"]["properties"]["code"]["enum"]
    assert sorted(codes) == sorted(row[1] for row in tables.rows("common/errors.def", "ERROR"))


def test_it_has_every_reason(document):
    reasons = document["components"]["schemas"]["Reason"]["enum"]
    assert sorted(reasons) == sorted(row[0] for row in tables.rows("common/reasons.def", "REASON"))


class Client:
    """Calls operations as the document says, and holds the answers against it."""

    def __init__(self, ring, document, management, token):
        self.ring, self.document = ring, document
        self.management, self.token = management, token
        self.operations = operations(document)
        self.called = set()

    def resolve(self, node):
        while "$ref" in node:
            at = self.document
            for step in node["$ref"].removeprefix("#/").split("/"):
                at = at[step]
            node = at
        return node

    def check(self, value, schema):
        checker = jsonschema.Draft202012Validator(
            schema, resolver=jsonschema.RefResolver("", self.document),
            format_checker=jsonschema.FormatChecker())
        problems = [f"{'/'.join(map(str, p.absolute_path))}: {p.message}"
                    for p in checker.iter_errors(value)]
        assert not problems, (problems, value)

    def request_body(self, operation, args):
        if "requestBody" not in operation:
            return {}
        content = operation["requestBody"]["content"]
        if "application/json" not in content:
            return {"data": b"raw"}
        if not args and not operation["requestBody"].get("required"):
            return {}
        self.check(args, content["application/json"]["schema"])
        return {"json": args}

    def call(self, name, target="", args=None, status=200, params=None, headers=None, token=True,
             message="1_1", door=None):
        """The answer, parsed; checked against what the document has for its STATUS (one, or one of
        a tuple). DOOR: "admin" for an operation of both listeners."""
        path, method, operation, admin = self.operations[name]
        admin = admin or door == "admin"
        assert ("{target}" in path) == bool(target), name
        port = self.ring.admin_port if admin else self.ring.port
        more = self.request_body(operation, args or {})
        query = {**(params or {}), **({} if "requestBody" in operation else args or {})}
        known = {self.resolve(p)["name"] for p in operation.get("parameters", ())}
        assert set(query) - {"appkey"} <= known, (name, query)
        credential = {"Authorization": f"Bearer {self.management if admin else self.token}"}
        answer = self.ring.http.request(
            method.upper(), f"http://127.0.0.1:{port}/api/v2" + path.replace("{target}", target).replace("{format}", "generic")
            .replace("{message}", message).replace("{number}", message if message.isdigit() else "1"),
            params=query, headers={**(credential if token else {}), **(headers or {})},
            timeout=30 * postern.SLOW, **more)
        assert answer.status_code in (status if isinstance(status, tuple) else (status,)), (name, answer.status_code, answer.text)
        if method == "get" and f"{name}_head" in self.operations:
            self.check_head(name, answer)
        return self.checked(name, operation, answer)

    def check_head(self, name, got):
        """The same request by HEAD: status and headers are GET's, and there is no body."""
        head = self.ring.http.head(got.request.url, headers=dict(got.request.headers))
        assert (head.status_code, head.content) == (got.status_code, b""), name
        assert set(head.headers) == set(got.headers), name
        assert int(head.headers["Content-Length"]) > 0
        self.checked(f"{name}_head", self.operations[f"{name}_head"][2], head)

    def open_stream(self, name, target, credential=None):
        """A stream begins in each of its forms; and its HEAD."""
        path, _, operation, admin = self.operations[name]
        port, token = (self.ring.admin_port, self.management) if admin else (self.ring.port, self.token)
        url = f"http://127.0.0.1:{port}/api/v2" + path.replace("{target}", target)
        credential = {"Authorization": f"Bearer {token}"} if credential is None else credential
        for form in operation["responses"]["200"]["content"]:
            with self.ring.http.get(url, headers={**credential, "Accept": form}, stream=True, timeout=30 * postern.SLOW) as answer:
                assert (answer.status_code, answer.headers["Content-Type"]) == (200, form), name
                assert next(answer.iter_content(1)), name
        self.called.add(name)
        head = f"{name}_head"
        self.checked(head, self.operations[head][2], self.ring.http.head(url, headers=credential))

    def checked(self, name, operation, answer):
        exact, group = str(answer.status_code), f"{answer.status_code // 100}XX"
        responses = operation["responses"]
        assert exact in responses or group in responses, (name, exact)
        said = self.resolve(responses.get(exact) or responses[group])
        # not every 5XX says when to come again, a list in lines alone its next page there, and a cookie is set for who asked for it
        may = {"Set-Cookie", "X-Next", *({"Retry-After"} if group == "5XX" else ())}
        headers = set(said.get("headers", ()))
        assert "Set-Cookie" not in answer.headers or "Set-Cookie" in headers, name
        if name in ("login", "invitation_accept") and "Set-Cookie" in answer.headers:
            headers -= {"ETag"}
        for header in headers - may:
            assert header in answer.headers, (name, header)
        assert ("ETag" in answer.headers) == ("ETag" in headers), name
        if answer.ok:
            self.called.add(name)
        if "content" not in said:
            assert not answer.content, name
            return None
        assert answer.headers["Content-Type"] == "application/json"
        self.check(answer.json(), said["content"]["application/json"]["schema"])
        return answer.json()


@pytest.fixture(scope="module")
def client(ring, document):
    email = "oas-owner@example.org"
    ring.ctl("user", "create", email, "--role", "owner")
    token = ring.ctl("token", "create", email, "--rate", "0")["token"]
    return Client(ring, document, ring.management_token(email), token)


OWNER, ADA = "oas-owner@example.org", "oas-ada@example.org"


def people(call):
    call("user_create", args={"email": ADA, "name": "Ada", "role": "member"})
    call("user_list", params={"limit": 2})
    shown = call("user_show", ADA)
    call("user_edit", ADA, {"name": "Ada L."}, headers={"If-Match": f'"{shown["etag"]}"'})
    call("user_edit", ADA, {"name": "Ada M."}, 412, headers={"If-Match": f'"{shown["etag"]}"'})
    call("service_create", args={"account": "oas-robot"})
    call("service_list")
    call("me_show")
    call("people_list", params={"q": "ada", "limit": 10})
    call("user_list", params={"q": "ada", "state": "all"})
    call("user_show", "me")
    call("about_show")
    call("ring_show")
    call("ring_series", params={"minutes": 1})
    call("audit_list", params={"order": "desc", "limit": 5, "op": "user_edit", "object": ADA, "who": "control"})


def tokens(call):
    made = call("token_create", ADA, {"name": "ci", "expires_in": 3600, "networks": ["10.0.0.0/8"]})
    call("token_edit", made["id"], {"name": "cd", "post_only": True})
    call("token_show", made["id"])
    call("token_use", made["id"])
    call("token_list_all", params={"user": ADA, "state": "active", "unused_days": 1})
    call("token_limit", made["id"], {"rate": 5, "burst": 10})
    new = call("token_replace", made["id"], {"overlap": 60})
    call("token_import", ADA, {"tokens": ["oas-" + uuid.uuid4().hex]})
    call("token_list_all", params={"ends_within": 86400})
    call("token_list", ADA)
    call("token_check", args={"hashes": ["0" * 64]})
    call("token_delete", new["id"])
    call("token_delete", new["id"], status=204)
    manager = call("management_token_create", ADA, {"name": "laptop"})
    call("management_token_list", ADA)
    call("management_token_delete", manager["id"])


def accounts(call):
    email, password = "oas-login@example.org", "a horse of correct staples"
    invitation = call("user_invite", args={"email": email})
    call("invitation_list")
    call("invitation_check", args={"invitation": invitation["invitation"]}, token=False)
    call("session_now", token=False)
    call("invitation_accept", args={"invitation": invitation["invitation"], "password": password},
         token=False)
    spare = call("user_invite", args={"email": "oas-spare@example.org"})
    call("invitation_revoke", spare["id"])
    call("invitation_revoke", spare["id"], status=204)
    session = call("login", args={"email": email, "password": password}, token=False)["session"]
    call("session_show", args={"session": session}, token=False)
    call("logout", args={"session": session}, token=False)
    by_cookie(call, {"email": email, "password": password})
    call("login", args={"email": email, "password": password}, token=False)
    listed = call("session_list", email)["sessions"]
    call("session_revoke", listed[0]["id"])
    call("session_revoke", listed[0]["id"], status=204)
    call("session_end", email)
    ended = call("user_password", email, {"password": password + " two"})
    assert ended["etag"] == call("user_show", email)["etag"]
    refused_logins(call, {"email": email, "password": password})


def by_cookie(call, who):
    made = call("login", args={**who, "cookie": True}, token=False)
    assert "session" not in made
    page = {"Origin": call.__self__.ring.settings["admin.url"], "X-CSRF-Token": made["csrf"]}
    call("me_show", token=False)
    call("session_now", token=False)
    call("logout", status=403, headers={**page, "X-CSRF-Token": "x"}, token=False)
    call("session_show", headers=page, token=False)
    call("logout", headers=page, token=False)
    assert not call.__self__.ring.http.cookies


def refused_logins(call, wrong):
    codes = []
    while len(codes) < 8 and "rate_limited" not in codes:
        codes.append(call("login", args=wrong, status=(401, 429), token=False)["code"])
    assert set(codes) == {"invalid_login", "rate_limited"}, codes


def second_factor(call):
    """Only for oneself: who asks is the client's owner."""
    begun = call("user_totp_begin", OWNER)
    step = int(time.time()) // 30
    call("user_totp_confirm", OWNER, {"code": totp(begun["secret"], step)})
    call("user_totp_show", OWNER)
    call("user_totp_codes", OWNER, {"code": totp(begun["secret"], step + 1)})
    call("user_totp_remove", OWNER)


def places(call, kind, people_name):
    call(f"{kind}_create", args={"name": f"oas_{kind}", "owner": OWNER, people_name: [ADA]})
    call(f"{kind}_list", params={"limit": 1000, "archived": "all", "q": "oas", "owner": OWNER})
    call(f"{kind}_{people_name.removesuffix('s')}_list", f"oas_{kind}", params={"q": "a", "limit": 1})
    shown = call(f"{kind}_show", f"oas_{kind}")
    person = people_name.removesuffix("s")
    call(f"{kind}_{person}_remove", f"oas_{kind}", params={"user": ADA})
    call(f"{kind}_{person}_remove", f"oas_{kind}", params={"user": ADA}, status=204)
    call(f"{kind}_{person}_add", f"oas_{kind}", {"user": ADA})
    call(f"{kind}_edit", f"oas_{kind}", {"name": f"oas_{kind}2"})
    call(f"{kind}_edit", f"oas_{kind}2", {"name": f"oas_{kind}"})
    return shown


def extension(call):
    made = call("extension_create", args={"name": "oas_ext", "owner": OWNER})
    call("extension_list", params={"limit": 1000})
    call("extension_show", "oas_ext")
    call("extension_edit", "oas_ext", {"archived": False, "methods": ["POST", "PUT", "GET", "HEAD", "DELETE"]}, 200)
    call("extension_rotate", "oas_ext", {"environment": "marketplace", "overlap": 0})
    return made["apps"]["sandbox"]


def handlers(call, kind, target, environment):
    where = {"environment": "sandbox"} if environment else {}
    call(f"{kind}_handler_set", target, {**where, "url": "http://192.0.2.1:9/"})
    call(f"{kind}_handler_rotate", target, where)
    call(f"{kind}_handler_show", target, params=where)



def formats(call):
    text = '{"sender": "oas", "rules": [{"message": {"text": "{{ a }}"}}]}'
    made = call("format_create", args={"format": text})
    call("format_list", params={"limit": 10})
    call("format_show", made["id"])
    call("format_edit", "oas", {"format": text.replace("a }}", "b }}")}, 200)
    call("format_try", args={"name": "oas", "headers": "X-A: b", "query": "c=d", "body": '{"b": "e"}'})
    call("format_delete", "oas")
    call("format_delete", "oas", status=204)


def sources(call):
    made = call("source_create", args={"kind": "channel", "to": "oas_channel", "scheme": "github", "name": "ours", "only": ["push"]})
    call("source_list", params={"limit": 10})
    call("source_show", made["id"])
    call("source_edit", made["id"], {"required": False, "only": [], "except": ["star.*"], "on_unknown": "summary", "verify_token": "x"}, 200)
    call("source_rotate", made["id"], {"overlap": 60})
    call("source_rotate", made["id"], {"overlap": 0, "secret": "theirs"})
    other = call("source_create", args={"kind": "extension", "to": "oas_ext", "scheme": '{"alg": "hmac-sha1", "header": "x-sig"}'})
    call("source_delete", other["id"])
    call("source_delete", other["id"], status=204)


def outlets(call, ring):
    made = call("outlet_create", "oas_channel", {"kind": "generic", "url": "http://192.0.2.1:9/", "name": "ours"})
    call("outlet_list", "oas_channel", params={"limit": 10})
    call("outlet_show", made["id"])
    call("outlet_edit", made["id"], {"paused": True, "token": "x", "bound_s": 60}, 200)
    call("outlet_rotate", made["id"], {"overlap": 60})
    assert call("outlet_test", made["id"]) == {}
    ring.wait(lambda: call("outlet_deliveries", made["id"])["deliveries"], what="a delivery in the log")
    call("outlet_delivery_show", made["id"], message=str(call("outlet_deliveries", made["id"])["deliveries"][0]["number"]))
    call("outlet_delivery_retry", made["id"], params={"id": call("outlet_deliveries", made["id"])["deliveries"][0]["id"]})
    call("outlet_delivery_replay", made["id"], params={"dry_run": "true"})
    assert call("outlet_replay_show", made["id"])["started"] is None
    call("outlet_replay_stop", made["id"])
    call("outlet_delete", made["id"])
    call("outlet_delete", made["id"], status=204)


def change(call, name, target, message):
    """One that was posted by NAME: shown where that is there, edited, deleted."""
    assert call(f"{name}_edit", target, {"text": "edited"}, message=message) == {"message_id": message, "revision": 1}
    assert call(f"{name}_show", target, message=message)["revision"] == 1
    call(f"{name}_show_head", target, message=message)
    call(f"{name}_delete", target, status=204, message=message)
    call(f"{name}_delete", target, status=404, message=message)


def by_the_admin_listener(call, app):
    """What senders ask for, with a management token."""
    text, sandbox = {"text": "hello"}, {"environment": "sandbox"}
    for name, target in (("channel", "oas_channel"), ("bot", "oas_bot"), ("user", "me")):
        call(f"person_{name}_message", target, text, 204, params={"sync_message": "false"})
        sent = call(f"person_{name}_message", target, text)["message_id"]
        message = {"message_id": sent, "revision": 1}
        assert call(f"person_{name}_edit", target, {"text": "edited"}, message=sent) == message
        call(f"person_{name}_show", target, message=sent)
        call(f"person_{name}_delete", target, status=204, message=sent)
    call("person_channel_event", "oas_channel", text, 204)
    call("person_bot_event", "oas_bot")
    call("person_extension_event", "oas_ext", params=sandbox)
    for name, target in (("channel_id", "oas_channel"), ("bot", "oas_bot")):
        call(f"{name}_history", target, params={"limit": 2}, door="admin")
    call("person_extension_history", "oas_ext", params={"limit": 2, **sandbox})
    call("person_user_history", "me", params={"last": 2})
    got = call("person_extension_history", "oas_ext", params={"last": 1, **sandbox})["messages"][0]["id"]
    call("person_extension_show", app["app_id"], message=got)
    for name in ("retry", "replay"):
        call(f"bot_delivery_{name}", "oas_bot", status=(200, 400, 404), door="admin")
    row = call.__self__.ring.wait(lambda: call("person_extension_deliveries", "oas_ext", params=sandbox)["deliveries"])[0]
    call("person_extension_delivery", app["app_id"], message=str(row["number"]))
    call("person_extension_retry", app["app_id"], params={"id": row["id"]})
    call("person_extension_replay", "oas_ext", params=sandbox)
    call("person_extension_replayed", "oas_ext", params=sandbox)
    call("person_extension_stop", "oas_ext", params=sandbox)
    for name in ("channel_id", "bot"):
        call(f"{name}_counts", f"oas_{name.removesuffix('_id')}", door="admin")
    call("person_extension_counts", "oas_ext", params={"hours": 2, **sandbox})
    call("bot_handler_test", "oas_bot", {"url": "http://192.0.2.1:9/"}, door="admin")
    call("person_extension_test", "oas_ext", params=sandbox)
    call.__self__.open_stream("person_extension_stream", app["app_id"])
    call.__self__.open_stream("person_user_stream", "me")


def signing(call, text):
    """What comes to a source's own address: a source of a field of the body, which is the secret."""
    token = call("token_create", OWNER, {"name": "signing"})
    made = call("source_create", args={"kind": "channel", "to": "oas_channel", "secret": "hello", "for_token": token["id"],
                                       "scheme": '{"alg": "equal", "header": "body text"}'})
    assert made["address"].endswith(f"/sources/{made['id']}/incoming")
    for method in ("post", "put"):
        call(f"source_incoming_{method}", made["id"], text, 204)
    call("source_incoming_head", made["id"])
    call("source_delete", made["id"])
    made = call("source_create", args={"kind": "channel", "to": "oas_channel", "secret": "k", "for_token": token["id"],
                                       "scheme": '{"alg": "hmac-sha256", "header": "x-mine", "signed": "{url}{body}"}'})
    mine = hmac.new(b"k", f"{made['address']}?text={text['text']}".encode(), "sha256").hexdigest()
    call("source_incoming_get", made["id"], text, 204, headers={"X-Mine": mine})
    call("source_delete", made["id"])


def test_every_operation_answers_as_it_says(client, ring):
    call = client.call
    people(call)
    tokens(call)
    accounts(call)
    second_factor(call)
    channel, bot = places(call, "channel", "members"), places(call, "bot", "subscribers")
    app = extension(call)
    handlers(call, "bot", "oas_bot", False)
    handlers(call, "extension", "oas_ext", True)
    formats(call)
    sources(call)
    outlets(call, ring)
    text = {"text": "hello"}
    call("channel_import", "oas_channel", {"text": "from elsewhere"}, 204, params={"time": "1d", "sender": "Grace"})
    call("person_channel_import", "oas_channel", {"text": "from afar"}, params={"time": "1d", "sender": "Grace"})
    for name, target in (("channel_message", "oas_channel"), ("channel_id_message", channel["id"]),
                         ("chat_message", channel["id"]), ("bot_message", "oas_bot"),
                         ("buddy_message", OWNER), ("direct_message", OWNER)):
        call(name, target, text, 204)
        sent = call(name, target, text, params={"sync_message": "true"})
        change(call, name, target, sent["message_id"])
    for name, target in (("channel_incoming", "oas_channel"), ("channel_id_incoming", channel["id"]),
                         ("channel_format", "oas_channel"), ("channel_id_format", channel["id"])):
        call(f"{name}_get", target, text, 204)
        call(f"{name}_get", target, {**text, "sync_message": "true"})
        call(f"{name}_head", target)
        for method in ("post", "put"):
            call(f"{name}_{method}", target, text, 204)
            call(f"{name}_{method}", target, text, params={"only": "push", "except": "star", "branch": "main"})
            call(f"{name}_{method}", target, text, params={"sync_message": "true"})
    signing(call, text)
    for method in METHODS:
        call(f"bot_incoming_{method}", "oas_bot")
        call(f"extension_incoming_{method}", app["app_id"], params={"appkey": app["appkey"]})
        call(f"bot_format_{method}", "oas_bot")
        call(f"extension_format_{method}", app["app_id"], params={"appkey": app["appkey"]})
    for name, target in (("channel", "oas_channel"), ("channel_id", channel["id"]), ("bot", "oas_bot"),
                         ("chat", channel["id"]), ("buddy", OWNER), ("direct", OWNER), ("extension", app["app_id"])):
        page = call(f"{name}_history", target, params={"limit": 2})
        if name == "extension":
            for head in ("", "_head"):
                call(f"extension_message_show{head}", target, message=page["messages"][0]["id"])
        client.open_stream(f"{name}_stream", target)
    client.open_stream("streams", "")
    url = call("stream_share", params={"expires": "1h"})["url"]
    client.open_stream("stream_shared", url.split("/")[-1], credential={})
    by_the_admin_listener(call, app)
    call("token_self")
    for name, target in (("channel", "oas_channel"), ("channel_id", channel["id"])):
        call(f"{name}_replay", target, params={"limit": 2})
        call(f"{name}_counts", target, params={"hours": 2})
    call("channel_incoming_post", "oas_channel", text, 401, headers={"X-Hub-Signature-256": "sha256=12"})
    assert any(row["refusals"] for row in call("channel_sources", "oas_channel")["sources"])
    for name, target in (("channel_id", channel["id"]), ("bot", "oas_bot"), ("extension", app["app_id"])):
        call(f"{name}_sources", target)
    call("person_extension_sources", "oas_ext", params={"environment": "sandbox"})
    for kind, target in (("bot", "oas_bot"), ("extension", app["app_id"])):
        ring.wait(lambda k=kind, t=target: call(f"{k}_deliveries", t)["deliveries"],
                  what="a delivery in the log")
        row = call(f"{kind}_deliveries", target)["deliveries"][0]
        assert call(f"{kind}_delivery_show", target, message=str(row["number"]))["delivery"]["id"] == row["id"]
        call(f"{kind}_delivery_retry", target, params={"id": row["id"]})
        call(f"{kind}_delivery_replay", target)
        assert call(f"{kind}_replay_show", target)["started"] and not call(f"{kind}_replay_stop", target)["running"]
        call(f"{kind}_counts", target)
        assert call(f"{kind}_handler_test", target, {"event": row["number"]})["outcome"] == "forbidden_address"
    assert {row["target"]["kind"] for row in call("deliveries", params={"limit": 50})["deliveries"]} >= {"bot", "extension"}
    call("audit_list", params={"last": 20})
    for kind, target, where in (("bot", "oas_bot", {}),
                                ("extension", "oas_ext", {"environment": "sandbox"})):
        call(f"{kind}_handler_clear", target, params=where)
        call(f"{kind}_delete", target, params={"reason": "done"})
        call(f"{kind}_delete", target, status=204)
    call("channel_delete", "oas_channel")
    call("user_delete", ADA, params={"move_to": "oas-robot", "confirm": "true"})
    assert set(client.operations) == client.called


def test_the_handshake_is_answered_as_it_says(ring, document, client):
    for path, target in (("/bots/{target}/incoming", "x"), ("/applications/{target}/incoming", "5223"),
                         ("/channelsbyname/{target}/incoming", "x"), ("/channels/{target}/incoming", "x"),
                         ("/bots/{target}/incoming/{format}", "x"), ("/channelsbyname/{target}/incoming/{format}", "x")):
        operation = document["paths"][path]["options"]
        url = ring.url("/api/v2" + path.replace("{target}", target).replace("{format}", "generic"))
        answer = ring.http.request("OPTIONS", url, headers={"WebHook-Request-Origin": "a.example"})
        assert answer.status_code == 200 and set(operation["responses"]["200"]["headers"]) <= set(answer.headers)


def test_every_refusal_is_an_error_as_it_says(client):
    for name, (path, *_) in client.operations.items():
        if name.endswith("_head") or name == "session_now":  # nobody is no error
            continue
        target = "x" if "{target}" in path else ""
        args = {"text": "x"} if name.endswith("_message") else None
        _, _, operation, _ = client.operations[name]
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body and client.resolve(body["schema"]).get("required"):
            continue  # its body is checked above
        client.call(name, target, args, 404 if name.startswith("source_incoming_") else 401, token=False)
