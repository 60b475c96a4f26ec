"""Holds each refusal that a ring answers against what docs/openapi.yaml says its operation may refuse with."""

import pathlib
import re
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lint"))

import refusals  # noqa: E402
import tables  # noqa: E402

BEFORE = r"/api/v[23](/(company|network)/[^/]+)?"


def pattern(path):
    """Of a path of common/ops.def; what it names before what it leaves open, where both fit."""
    parts = re.split(r"(\{\w+\}|\(s\))", path.strip('"'))
    return re.compile(BEFORE + "".join("s?" if part == "(s)" else "[^/]+" if part.startswith("{") else re.escape(part) for part in parts))


class Held:
    def __init__(self, public, admin):
        self.ports = {public: "public", admin: "admin"}
        self.codes, self.told = refusals.by_row(), {code: set(names.split()) for code, names in refusals.DETAILS.items()}
        self.rows = [(pattern(op.path), tables.verbs_of(op.methods), "admin" if op.credentials in ("ADMIN", "OPEN", "PERSON") else "public", op.name)
                     for op in sorted(tables.ops(), key=lambda op: op.path.count("{")) if op.credentials != "INTERNAL"]

    def operation(self, method, url):
        """The name of the operation that is asked for, or None."""
        split = urllib.parse.urlsplit(url)
        listener = self.ports.get(split.port)
        for path, verbs, where, name in self.rows:
            if where == listener and method in verbs and path.fullmatch(split.path):
                return name
        return None

    def __call__(self, answer, **_):
        if answer.status_code < 400 or answer.request.method == "HEAD":
            return
        name = self.operation(answer.request.method, answer.request.url)
        if not name or answer.headers.get("Content-Type") != "application/json":
            return
        said = answer.json()
        assert said["code"] in self.codes[name], f"{name} refuses with {said['code']}: tests/lint/refusals.py does not know of it"
        assert set(said.get("details", ())) <= self.told.get(said["code"], set()), f"details of {said['code']}: {said['details']}"
