"""Each operation of docs/openapi.yaml names its listener: generators know one list of paths, and ignore the
servers of a path."""

import yaml

from tree import ROOT

METHODS = ("get", "head", "post", "put", "delete")


def test_each_operation_names_its_listener():
    """When it fails: x-listener: admin (a path with servers) or public, below its operationId."""
    paths = yaml.safe_load((ROOT / "docs/openapi.yaml").read_text())["paths"]
    wrong = [item[method]["operationId"] for item in paths.values() for method in METHODS if method in item
             and item[method].get("x-listener") != ("admin" if "servers" in item else "public")]
    assert not wrong
