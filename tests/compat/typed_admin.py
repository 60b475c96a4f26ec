"""A client of the admin API in Python, as a script with a login would be: what it sends and what it is told has the
types of the generated module api. Reads the URL and a management token from stdin, and prints what it found as JSON."""

import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from typing import Any, Callable, Dict, List, Mapping, Optional, TypeVar, Union

import api

Answer = TypeVar("Answer")
Query = Mapping[str, Union[str, int]]
BASE, TOKEN = sys.stdin.read().split("\n")[:2]


class Refused(Exception):
    def __init__(self, error: api.Error) -> None:
        super().__init__(error.message)
        self.error = error


def call(read: Callable[[Any], Answer], method: str, path: str, body: Optional[Dict[str, Any]] = None,
         query: Optional[Query] = None) -> Answer:
    request = urllib.request.Request(
        f"{BASE}{path}{'?' + urllib.parse.urlencode(query) if query else ''}", method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return read(json.load(answer))
    except urllib.error.HTTPError as refusal:
        raise Refused(api.error_from_dict(json.load(refusal))) from None


def refusal(call_it: Callable[[], object]) -> api.Error:
    try:
        call_it()
    except Refused as refused:
        return refused.error
    raise AssertionError("it was not refused")


def channels(query: Query) -> List[str]:
    """The names of all, page by page."""
    names: List[str] = []
    after: Optional[str] = None
    while True:
        more = {"after": after} if after else {}
        page = call(api.channel_list_answer_from_dict, "GET", "/channels", query={"limit": 2, **query, **more})
        names += [channel.name for channel in page.channels]
        after = page.next
        if after is None:
            return names


me = call(api.me_show_answer_from_dict, "GET", "/me")
made = [call(api.channel_create_answer_from_dict, "POST", "/channels", api.ChannelCreateBody(name=f"pyclient_{n}", owner=str(me.id)).to_dict())
        for n in "cab"]
taken = refusal(lambda: call(api.channel_create_answer_from_dict, "POST", "/channels",
                             api.ChannelCreateBody(name="pyclient_a", owner=str(me.id)).to_dict()))
token = call(api.token_create_answer_from_dict, "POST", "/users/me/tokens", api.TokenCreateBody(name="python", post_only=True).to_dict())
use = call(api.token_use_answer_from_dict, "GET", f"/tokens/{token.id}/use")
forged = refusal(lambda: call(api.channel_list_answer_from_dict, "GET", "/channels", query={"after": "forged"}))
unsorted = refusal(lambda: call(api.channel_list_answer_from_dict, "GET", "/channels", query={"sort": "size"}))
people = call(api.people_list_answer_from_dict, "GET", "/people", query={"q": "python-owner"})
sessions = call(api.session_list_answer_from_dict, "GET", "/users/me/sessions")
audit = call(api.audit_list_answer_from_dict, "GET", "/audit", query={"order": "desc", "limit": 1, "object": str(made[0].id)})


def details(error: api.Error) -> Dict[str, Any]:
    return {} if error.details is None else error.details.to_dict()


print(json.dumps({
    "role": me.role.value, "names": channels({"q": "pyclient_", "sort": "name", "order": "desc"}), "endpoint": made[0].endpoints.incoming,
    "taken": [taken.code.value, details(taken)], "forged": [forged.code.value, details(forged)], "unsorted": details(unsorted),
    "post_only": token.post_only, "hours": len(use.hours), "people": [person.email for person in people.people],
    "sessions": [len(sessions.sessions), sessions.next], "op": audit.rows[0].op.value if hasattr(audit.rows[0].op, "value") else audit.rows[0].op}))
