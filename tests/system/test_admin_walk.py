"""Every management operation over HTTP, by each role, on its own and on others' objects: what
common/ops.def says is done, all else is refused, and a refusal changes nothing and tells nothing.
Prints the table (pytest -s)."""

import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "lint"))

import tables  # noqa: E402

ROLES = ("member", "admin", "owner")
ALLOWED = {"NO": (), "OWN": ("own",), "AMONG": ("own", "among"), "MANAGED": ("own", "service"),
           "BELOW": ("own", "among", "service", "lower"),
           "ANY": ("own", "among", "service", "lower", "other")}
LOWER = {"member": "member", "admin": "member", "owner": "admin"}
MANAGED = [op for op in tables.ops() if op.credentials == "ADMIN"]
RIGHTS = {op.name: (op.object, dict(zip(ROLES, (op.member, op.admin, "ANY")))) for op in MANAGED}
OPERATIONS = [(op.name, op.methods.removeprefix("OP_"), op.path.strip('"')) for op in MANAGED]
# Allowed, these may still want what is not prepared here: an authenticator's code.
WANTS_MORE = ("user_totp_confirm", "user_totp_remove", "user_totp_codes")
PASSWORD = "walk on a wire of words"
PEOPLE = {"CHANNEL": "members", "BOT": "subscribers"}

def a_format(number):
    return {"format": f'{{"sender": "walk{number}", "rules": [{{"drop": true}}]}}'}


def arguments(name, number, user):
    """With which the operation does its work."""
    handler = {"url": "http://192.0.2.1/"}
    sandbox = {"environment": "sandbox"}
    fixed = {"user_create": {"email": f"walk-new{number}@example.org"},
             "user_edit": {"name": "New Name"}, "service_create": {"account": f"walk-new{number}"},
             "token_import": {"tokens": [f"walk-imported-{number:030}"]},
             "user_password": {"password": PASSWORD + " again"},
             "user_invite": {"email": f"walk-invited{number}@example.org"},
             "user_totp_confirm": {"code": "000000"},
             "source_create": {"kind": "channel", "to": f"walk_object{number}"},
             "source_edit": {"name": "New Name"}, "outlet_create": {"kind": "ntfy", "to": "walk"}, "format_create": a_format(number), "format_edit": a_format(number),
             "format_try": {"name": "generic", "body": "{}"},
             "token_check": {"hashes": ["0" * 64]}, "extension_rotate": {**sandbox, "overlap": 0},
             "bot_handler_set": handler, "extension_handler_set": {**handler, **sandbox}}
    if name in fixed:
        return fixed[name]
    if name.startswith("extension_handler"):
        return sandbox
    if name in ("channel_create", "bot_create", "extension_create"):
        return {"name": f"walk_new{number}", "owner": user}
    return {"user": user} if name.endswith(("_member_add", "_member_remove", "_subscriber_add", "_subscriber_remove")) else {}

class Walk:
    def __init__(self, ring, root):
        self.ring, self.root, self.number = ring, root, 0

    def do(self, method, path, body=None):
        answer = self.ring.admin(method, path, self.root, body)
        assert answer.status_code == 200, (method, path, answer.text)
        return answer.json()

    def people(self, role, relation):
        """(the actor's email address, its token, whose the object is)"""
        actor = f"walk-actor{self.number}@example.org"
        self.do("POST", "/users", {"email": actor, "role": role})
        token = self.do("POST", f"/users/{actor}/management-tokens", {})["token"]
        if relation == "own":
            return actor, token, actor
        user = f"walk-user{self.number}"
        if relation == "service":
            self.do("POST", "/service-accounts", {"account": user})
            return actor, token, user
        user += "@example.org"
        self.do("POST", "/users", {"email": user,
                                   "role": LOWER[role] if relation == "lower" else role})
        return actor, token, user

    def object(self, about, relation, actor, user):
        if about == "USER":
            return user
        if about in ("TOKEN", "MANAGEMENT"):
            kind = "tokens" if about == "TOKEN" else "management-tokens"
            return self.do("POST", f"/users/{user}/{kind}", {})["id"]
        if about == "SESSION":
            self.do("POST", f"/users/{user}/password", {"password": PASSWORD})
            return self.do("POST", "/login", {"email": user, "password": PASSWORD})["id"]
        if about == "SOURCE":
            to = self.object("CHANNEL", relation, actor, user)
            return self.do("POST", "/sources", {"kind": "channel", "to": to, "scheme": "github"})["id"]
        if about == "OUTLET":
            channel = self.object("CHANNEL", relation, actor, user)
            return self.do("POST", f"/channels/{channel}/outlets", {"kind": "ntfy", "to": "walk"})["id"]
        if about not in ("CHANNEL", "BOT", "EXTENSION"):
            return ""
        name = f"walk_object{self.number}"
        more = {PEOPLE[about]: [actor]} if relation == "among" else {}
        self.do("POST", f"/{about.lower()}s", {"name": name, "owner": user, **more})
        return name

    def prepare(self, name, target, user):
        """What an operation needs to be there."""
        if "_handler_" in name and not name.endswith("_set"):
            kind = name.split("_")[0]
            self.do("PUT", f"/{kind}s/{target}/handler", arguments(f"{kind}_handler_set", 0, user))
        if name in ("channel_member_remove", "bot_subscriber_remove"):
            kind, people = name.split("_")[:2]
            self.do("POST", f"/{kind}s/{target}/{people}s", {"user": user})

    def call(self, token, method, path, target, args):
        path = path.replace("{target}", target)
        if method in ("GET", "DELETE"):
            return self.ring.admin(method, path, token, params=args)
        return self.ring.admin(method, path, token, args)

    def audited(self):
        return self.do("GET", "/audit?last=1")["rows"][0]["number"]

    def step(self, name, method, path, role, relation):
        """Carries the operation out for real; whether it was done."""
        self.number += 1
        about, _ = RIGHTS[name]
        actor, token, user = self.people(role, relation)
        target = self.object(about, relation, actor, user)
        if name == "invitation_revoke":
            target = self.do("POST", "/invitations", arguments("user_invite", self.number, user))["id"]
        if name in ("format_show", "format_edit", "format_delete"):
            target = self.do("POST", "/formats", a_format(self.number))["name"]
        self.prepare(name, target, user)
        args, before = arguments(name, self.number, user), self.audited()
        answer = self.call(token, method, path, target, args)
        what = (name, role, relation, answer.text)
        assert answer.status_code in ((200, 400, 401, 403, 409) if name in WANTS_MORE else (200, 403)), what
        done = answer.status_code != 403
        changes = answer.status_code == 200 and method != "GET" and name not in ("token_check", "format_try")
        assert self.audited() - before == changes, what
        if done:
            return True
        assert answer.json()["code"] == "not_allowed", what
        assert user not in answer.text and (not target or target not in answer.text), what
        if target:  # the same as for what is nowhere
            nowhere = self.call(token, method, path, "walk_nowhere", args)
            assert (nowhere.status_code, nowhere.json()["message"]) == (403, answer.json()["message"])
        return False

def relations(about, role):
    """Those that make a difference: an owner may anything, so its two ends show all."""
    if about == "NOTHING":
        return ("other",)
    if role == "owner":
        return ("own", "other")
    found = ["own", "other"] + (["lower"] if role == "admin" else [])
    if about != "SESSION":  # nobody logs in as a service account
        found.insert(1, "service")
    return found + (["among"] if about in PEOPLE else [])

@pytest.mark.parametrize("role", ROLES)
def test_the_walk(ring, role):
    root = f"walk-root-{role}@example.org"
    ring.ctl("user", "create", root, "--role", "owner")
    walk = Walk(ring, ring.management_token(root))
    walk.number = 10000 * ROLES.index(role)
    print(f"\n{'operation':<28}by a role {role}")
    for name, method, path in OPERATIONS:
        about, levels = RIGHTS[name]
        done = []
        for relation in relations(about, role):
            if walk.step(name, method, path, role, relation):
                done.append(relation)
        allowed = levels[role] != "NO" if about == "NOTHING" else None
        expected = ["other"] * allowed if about == "NOTHING" else \
            [r for r in relations(about, role) if r in ALLOWED[levels[role]]]
        assert done == expected, (name, role)
        print(f"{name:<28}{' '.join(done) if about != 'NOTHING' else levels[role].lower() if done else ''}")
    assert {name for name, *_ in OPERATIONS} == set(RIGHTS)
