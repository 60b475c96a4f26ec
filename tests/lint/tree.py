"""The sources, as paths relative to the root."""

import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROOMS = ("common", "gateway", "authd", "router", "workers", "ctl", "tests")


def sources(*rooms):
    for room in rooms or ROOMS:
        for path in sorted((ROOT / room).rglob("*")):
            if path.suffix in (".c", ".h", ".cpp") and "node_modules" not in path.parts:
                yield path.relative_to(ROOT)
