"""With which codes each operation may refuse, and what details come with a code: derived from common/ops.def,
errors.def and reasons.def, and the rules below. docs/openapi.yaml has the result.

python3 tests/lint/refusals.py   writes it into docs/openapi.yaml: the 4XX and 5XX of each operation, and between
                                 "# refusals" and "# end of refusals" what these refer to
"""

import re

import contract
import tables
import yaml
from tree import ROOT

DOCUMENT = ROOT / "docs/openapi.yaml"
METHODS = ("get", "head", "post", "put", "delete", "options")

# What any request may get, before it is known whose it is.
ALWAYS = "invalid_request invalid_param timeout body_too_large uri_too_long expect_failed headers_too_large rate_limited"
FAILED = "internal overloaded unavailable draining too_many_connections not_confirmed"

CREDENTIALS = {
    "TOKEN": "invalid_token token_expired address_not_allowed not_allowed out_of_scope",
    "APPKEY": "invalid_token token_expired address_not_allowed not_allowed out_of_scope appkey_required invalid_appkey",
    "SIGNATURE": "invalid_token token_expired address_not_allowed not_allowed out_of_scope invalid_signature method_not_allowed",
    "ADMIN": "invalid_token token_expired invalid_session csrf_refused",
    "PERSON": "invalid_token token_expired invalid_session csrf_refused not_allowed",
    "OPEN": "",
}

# How a SEND or a PERSON finds its target: the column "target".
TARGETS = {
    "channel": "unknown_channel archived", "channel_id": "unknown_channel archived", "chat": "unknown_chat archived",
    "bot": "unknown_bot archived", "app": "unknown_app archived", "extension": "unknown_app archived",
    "buddy": "unknown_user", "user": "unknown_user", "direct": "unknown_user unknown_chat", "outlet": "unknown_outlet archived",
    "source": "unknown_source archived", "place": "archived", "self": "", "reader": "",
}

# The column "deed", or DELETE of a CHANGE that is one; the verb may say more.
MESSAGE = "invalid_json invalid_message unsupported_media"
DEEDS = {
    "POST": f"{MESSAGE} key_reused unknown_message",
    "FORMAT": f"{MESSAGE} key_reused unknown_message unknown_format invalid_signature",
    "CALL": "key_reused invalid_signature method_not_allowed",
    "READ": "unknown_message",
    "STREAM": "cursor_expired too_many_streams",
    "CHANGE": f"{MESSAGE} unknown_message key_reused",
    "DELETE": "unknown_message key_reused",
    "GATHER": "cursor_expired", "LOOK": "", "ASK": "", "REPEAT": "",
}
VERBS = {
    "delivery": "not_found", "retry": "not_found conflict", "replay": "conflict", "outlet_test": "conflict", "again": "conflict",
    "handler_test": "invalid_json conflict not_found", "history": "cursor_expired",
}

# What a MANAGE is about: the column "object".
OBJECTS = {
    "NOTHING": "", "USER": "unknown_user", "TOKEN": "unknown_token", "MANAGEMENT": "unknown_token", "SESSION": "not_found",
    "CHANNEL": "unknown_channel", "BOT": "unknown_bot", "EXTENSION": "unknown_app", "OUTLET": "unknown_outlet",
    "SOURCE": "unknown_source", "OWNER": "unknown_user quota_reached",
}

# What single operations add.
PLACES = "unknown_channel unknown_bot unknown_app"
MORE = {
    "user_delete": "confirm_needed token_limit",
    "token_(create|edit|import|replace)": f"{PLACES} archived token_limit",
    "token_delete": "confirm_needed",
    "token_list_all": f"{PLACES} unknown_user",
    "management_token_create": "token_limit",
    "(channel|bot|extension)_list": "unknown_user",
    "(channel|bot)_(create|edit)|extension_edit": "unknown_user archived quota_reached",
    "(channel|bot|extension)_delete": "archived",
    "(channel_member|bot_subscriber)_(add|remove)": "unknown_user archived",
    "extension_rotate": "archived",
    "(bot|extension)_handler_(set|show|clear|rotate)": "archived not_found",
    "format_try": "unknown_format",
    "format_(show|edit|delete)": "unknown_format",
    "source_(create|list)": f"{PLACES} archived",
    "source_(show|edit|rotate|delete)": "archived",
    "outlet_(create|list|show|edit|rotate|delete)": "unknown_channel archived",
    "(bot|extension)_format": "unknown_format",
    "audit_list": "unknown_user",
    "invitation_revoke": "not_found",
    "invitation_accept": "invalid_login invalid_session not_found not_allowed csrf_refused conflict",
    "invitation_check": "not_found invalid_session",
    "login": "invalid_login code_required csrf_refused not_allowed",
    "logout|session_show": "invalid_session invalid_token token_expired csrf_refused",
    "user_password|user_totp_(begin|confirm|remove|codes)": "invalid_login",
    "(person_)?streams": "unknown_channel unknown_bot unknown_app unknown_chat unknown_user",
    "deliveries": "unknown_bot unknown_app unknown_outlet",
    "stream_share(d)?": "unknown_channel unknown_bot unknown_app unknown_chat unknown_user",
}

# What comes with a code in details, beside its reasons: names of the schema Details.
DETAILS = {
    "invalid_param": "field reason min max line allowed limit",
    "invalid_message": "field", "invalid_json": "field",
    "conflict": "field reason limit successor ends",
    "token_limit": "field limit", "quota_reached": "limit",
    "rate_limited": "retry_after_s", "too_many_streams": "retry_after_s",
    "overloaded": "retry_after_s", "unavailable": "retry_after_s", "storage_full": "retry_after_s", "draining": "retry_after_s",
    "not_confirmed": "retry_after_s", "too_many_connections": "retry_after_s",
    "precondition_failed": "etag",
    "confirm_needed": "last_used last_target last_address calls_24h live",
    "not_allowed": "reason role", "invalid_session": "reason", "csrf_refused": "reason user",
    "unknown_user": "field", "unknown_channel": "field", "unknown_bot": "field", "unknown_app": "field", "unknown_token": "field",
}


def errors():
    """{code: status} in the order of the table."""
    return {row[1]: int(row[2]) for row in tables.rows("common/errors.def", "ERROR")}


def reasons():
    """{code: its reasons}"""
    found = {}
    for name, code, _ in tables.rows("common/reasons.def", "REASON"):
        found.setdefault(code, []).append(name)
    return found


def columns():
    """{name of a SEND or a PERSON: (target, deed, verb)}"""
    found = {}
    for macro, cells in tables.calls("common/ops.def", "SEND|PERSON"):
        if macro == "SEND":
            found[cells[1]] = cells[6], cells[8], cells[9]
        else:
            found[cells[1]] = cells[6], cells[8], found[cells[4]][2]
    return found


def of_sender(op, target, deed, verb):
    deed = "DELETE" if op.methods == "OP_DELETE" else deed
    codes = f"{CREDENTIALS[op.credentials]} {TARGETS[target]} {DEEDS[deed]} {VERBS.get(verb, '')}".split()
    if target == "place":
        codes.append("unknown_bot" if op.owner == "BOT" else "unknown_channel")
    return codes


def of_manager(op):
    codes = f"{CREDENTIALS[op.credentials]} {OBJECTS.get(op.object, '')}".split()
    if op.credentials == "ADMIN" and (op.member, op.object) != ("OWN", "NOTHING"):
        codes.append("not_allowed")
    if op.methods in ("OP_POST", "OP_PUT"):
        codes += "invalid_json", "unsupported_media"
    if op.credentials == "ADMIN" and op.methods != "OP_GET":
        codes += "key_reused", "conflict"
    if op.methods in ("OP_PUT", "OP_DELETE"):
        codes.append("precondition_failed")
    return codes


def by_row():
    """{name of an operation of common/ops.def: its codes}"""
    sent, found = columns(), {}
    for op in tables.ops():
        if op.credentials == "INTERNAL":
            continue
        codes = [*ALWAYS.split(), *FAILED.split(), *(of_sender(op, *sent[op.name]) if op.name in sent else of_manager(op))]
        for pattern, more in MORE.items():
            codes += more.split() if re.fullmatch(pattern, op.name) else ()
        if op.methods != "OP_GET":
            codes.append("storage_full")
        found[op.name] = set(codes)
    return found


def refusals(document):
    """{operationId: its codes}, of what has a body to tell one in. What both listeners have is refused by either."""
    rows, found = by_row(), {}
    for item in document["paths"].values():
        for method in METHODS:
            if method not in item or method == "head":
                continue
            operation = item[method]
            name = operation["operationId"]
            row = name if name in rows else name.removesuffix(f"_{method}")
            found[name] = {*rows[row], *rows.get(operation.get("x-person"), ())} if method != "options" else set(ALWAYS.split())
    return found


def camel(name):
    return "".join(part.capitalize() for part in name.split("_"))


def sets(document):
    """{(codes, in order, of one class of status): name of the response}. The first operation that has them names it."""
    order, names = errors(), {}
    for operation, codes in refusals(document).items():
        for group, prefix in ((4, "RefusedAs"), (5, "FailedAs")):
            chosen = tuple(code for code in order if code in codes and order[code] // 100 == group)
            if chosen:
                names.setdefault(chosen, f"{prefix}{camel(operation)}")
    return names


def response(codes):
    later = ", Retry-After: {$ref: '#/components/headers/RetryAfter'}" if "internal" in codes else ""
    kinds = ", ".join(f"{{$ref: '#/components/schemas/Error{camel(code)}'}}" for code in codes)
    what = "not done, or (not_confirmed) not known to be" if "internal" in codes else "refused; docs/API.md has the table of codes"
    return (f"      description: {what}\n      headers: {{X-Request-Id: {{$ref: '#/components/headers/RequestId'}}{later}}}\n"
            f"      content:\n        application/json:\n          schema: {{oneOf: [{kinds}]}}\n")


def schema(code, document):
    shapes = document["components"]["schemas"]["Details"]["properties"]
    told = {"properties": {}, "additionalProperties": False}
    for name in DETAILS.get(code, "").split():
        told["properties"][name] = shapes[name]
    if "reason" in told["properties"]:
        told["properties"]["reason"] = {"type": "string", "enum": reasons()[code]}
    plain = {"type": "object", "required": ["code", "message", "request_id"], "properties": {
        "code": {"type": "string", "const": code}, "message": {"type": "string"},
        "request_id": {"$ref": "#/components/schemas/Id"}}, "additionalProperties": False}
    if told["properties"]:
        plain["properties"]["details"] = {"type": "object", **told}
    return f"    Error{camel(code)}: {yaml.safe_dump(plain, default_flow_style=True, width=10000, sort_keys=False).strip()}\n"


def block(kind, lines):
    return f"    # refusals: {kind}\n{''.join(lines)}    # end of refusals\n"


def written(text):
    """TEXT with the codes in their places."""
    document = contract.parsed(text)
    names, codes, order = sets(document), refusals(document), errors()
    for group in (4, 5):
        def named(match, group=group):
            chosen = tuple(code for code in order if code in codes[match[2]] and order[code] // 100 == group)
            return f"{match[1]}#/components/responses/{names[chosen]}"
        text = re.sub(rf"(\n      operationId: (\w+)\n(?:(?!\n      operationId: ).)*?\n        {group}XX: {{\$ref: ')"
                      r"#/components/responses/(?!Bodiless)\w+", named, text, flags=re.S)
    made = {"responses": [f"    {name}:\n{response(codes)}" for codes, name in names.items()],
            "schemas": [schema(code, document) for code in order]}
    for kind, lines in made.items():
        place = rf"    # refusals: {kind}\n.*?    # end of refusals\n"
        assert len(re.findall(place, text, flags=re.S)) == 1, f"the marks of the {kind} of refusals are missing"
        text = re.sub(place, lambda _, kind=kind, lines=lines: block(kind, lines), text, flags=re.S)
    return text


if __name__ == "__main__":
    DOCUMENT.write_text(written(DOCUMENT.read_text()))
