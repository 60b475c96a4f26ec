"""Each operation of docs/openapi.yaml names its listener, or both: generators know one list of paths, and ignore
the servers of a path."""

import contract

METHODS = ("get", "head", "post", "put", "delete")


PORTS = {"8080": "public", "8081": "admin"}


def listener(item, operation, servers):
    """By the servers of the operation, of its path, or of all."""
    urls = [server["url"] for server in operation.get("servers", item.get("servers", servers))]
    found = {PORTS[url.split(":")[2].split("/")[0]] for url in urls}
    return found.pop() if len(found) == 1 else "both"


def test_each_operation_names_its_listener():
    """When it fails: x-listener: admin, both (these have servers) or public, below its operationId."""
    document = contract.document()
    paths = document["paths"]
    wrong = [item[method]["operationId"] for item in paths.values() for method in METHODS if method in item
             and item[method].get("x-listener") != listener(item, item[method], document["servers"])]
    assert not wrong
