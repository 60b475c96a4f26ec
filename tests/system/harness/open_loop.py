"""Posts at a fixed rate, whatever the answers take, in a process of its own:

    python3 open_loop.py PORT PATH RATE SECONDS

Prints {"sent": N, "bad": N, "p50": ms, "p99": ms}. Latencies count from when a post was due."""

import json
import selectors
import socket
import statistics
import sys
import time

CONNECTIONS = 64
BODY = b'{"text":"' + b"x" * 200 + b'"}'


def run(port, path, rate, seconds):
    head = f"POST {path} HTTP/1.1\r\nHost: h\r\nContent-Length: {len(BODY)}\r\n\r\n"
    request = head.encode() + BODY
    selector, idle = selectors.DefaultSelector(), []
    for _ in range(CONNECTIONS):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(connection, selectors.EVENT_READ)
        idle.append(connection)
    under_way, latencies, bad = {}, [], 0
    begin = time.monotonic()
    count, sent = int(rate * seconds), 0
    while len(latencies) < count:
        now = time.monotonic()
        while idle and sent < count and begin + sent / rate <= now:
            connection = idle.pop()
            connection.send(request)
            under_way[connection] = begin + sent / rate
            sent += 1
        until = begin + sent / rate - time.monotonic() if idle and sent < count else 10
        for key, _ in selector.select(max(until, 0)):
            answer = key.fileobj.recv(4096)
            if not answer:
                sys.exit("a connection was closed")
            if b"\r\n\r\n" not in answer:
                sys.exit(f"not a whole answer: {answer!r}")
            bad += not answer.startswith(b"HTTP/1.1 204")
            latencies.append((time.monotonic() - under_way.pop(key.fileobj)) * 1e3)
            idle.append(key.fileobj)
    return {"sent": sent, "bad": bad, "p50": statistics.median(latencies),
            "p99": statistics.quantiles(latencies, n=100)[98]}


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]), sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))))
