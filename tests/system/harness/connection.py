"""One raw HTTP/1.1 connection: bytes go out as they are given, answers are parsed one by one.

    with Connection(ring.port) as c:
        c.send(b"POST /x HTTP/1.1\\r\\nHost: h\\r\\n\\r\\n")
        answer = c.answer()             # .status .headers .body .json() .code
        c.post(path, body, headers)     # writes a whole request and returns its answer
        assert c.closed()               # the other side ended the connection
"""

import json
import socket
import ssl

from .postern import SLOW


class Closed(Exception):
    """The connection ended before an answer was complete."""


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The error code; asserts the form that every error has."""
        body = self.json()
        assert set(body) - {"details"} == {"code", "message", "request_id"}, body
        assert isinstance(body.get("details", {}), dict), body
        assert body["message"] and body["request_id"] == self.headers["x-request-id"], body
        assert self.headers["content-type"].startswith("application/json")
        return body["code"]

    def __repr__(self):
        return f"<{self.status} {self.headers} {self.body[:200]!r}>"


class Connection:
    def __init__(self, port, timeout=20 * SLOW, tls=None, source=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout,
                                               source_address=(source, 0) if source else None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname="localhost")
        self.input = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def _more(self):
        try:
            data = self.socket.recv(65536)
        except (ConnectionError, ssl.SSLError) as error:
            raise Closed(str(error)) from None
        if not data:
            raise Closed(f"after {self.input[:200]!r}")
        self.input += data

    def _until(self, mark):
        while mark not in self.input:
            self._more()
        text, self.input = self.input.split(mark, 1)
        return text

    def _take(self, count):
        while len(self.input) < count:
            self._more()
        data, self.input = self.input[:count], self.input[count:]
        return data

    def _head(self):
        first, *lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        version, status = first.split(" ", 2)[:2]
        assert version == "HTTP/1.1", first
        headers = {}
        for line in lines:
            name, value = line.split(":", 1)
            assert name.lower() not in headers, f"{name} is there twice"
            headers[name.lower()] = value.strip()
        return int(status), headers

    def answer(self):
        """The next answer. Raises Closed, or TimeoutError."""
        (status, headers), body = self._head(), b""
        if status == 100:
            return self.answer()
        if headers.get("transfer-encoding") == "chunked":
            while size := int(self._until(b"\r\n"), 16):
                body += self._take(size + 2)[:-2]
            self._until(b"\r\n")
        elif "content-length" in headers:
            body = self._take(int(headers["content-length"]))
        return Answer(status, headers, body)

    def post(self, path, body=b"", headers=()):
        self.send(post(path, body, headers))
        return self.answer()

    def closed(self):
        """Whether the other side ends the connection without a further byte."""
        try:
            self._more()
            return False
        except Closed:
            return True


def post(path, body=b"", headers=(), method="POST"):
    """The bytes of a request with Content-Length; a header is a whole line without its end."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers,
             f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def chunked(path, body, size=4096, headers=()):
    """The bytes of a request whose body comes in chunks of SIZE."""
    lines = [f"POST {path} HTTP/1.1", "Host: localhost", *headers, "Transfer-Encoding: chunked"]
    data = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
    for start in range(0, len(body), size):
        part = body[start:start + size]
        data += f"{len(part):x}\r\n".encode() + part + b"\r\n"
    return data + b"0\r\n\r\n"
