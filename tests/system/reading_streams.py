"""Readers of live streams: an SSE parser of our own (WHATWG HTML, "Interpreting an event stream"), JSON lines,
and wait=. Each knows what it got, in order, and comes back by itself with its position."""

import contextlib
import json
import re
import socket
import threading
import time

from harness.connection import Closed, Connection
from harness.postern import SLOW


class Raw(Connection):
    """A connection with one GET whose chunked body is given out as it comes."""

    def __init__(self, port, path, headers=(), timeout=30 * SLOW, tls=None):
        super().__init__(port, timeout, tls)
        lines = [f"GET {path} HTTP/1.1", "Host: h", *headers]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.status, self.headers = self._head()

    def cut(self):
        """Wakes the thread that reads. To close it under that one would give its descriptor to another
        connection, in which it went on reading."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.cut()
        super().close()

    def body(self):
        if "content-length" in self.headers:
            return self._take(int(self.headers["content-length"]))
        return b"".join(self.chunks())

    def chunks(self):
        while True:
            size = int(self._until(b"\r\n"), 16)
            data = self._take(size)
            assert self._take(2) == b"\r\n"
            if size == 0:
                return
            yield data


class Sse:
    """The events of a text/event-stream: (event, data, id), with the id that holds then."""

    def __init__(self, chunks):
        self.chunks, self.text, self.last_id, self.retry, self.comments = chunks, b"", "", None, 0

    def _lines(self):
        for chunk in self.chunks:
            self.text += chunk
            *lines, self.text = re.split(b"\r\n|\n|\r", self.text)
            yield from (line.decode() for line in lines)

    def __iter__(self):
        data, event = [], ""
        for line in self._lines():
            name, _, value = line.partition(":")
            value = value[1:] if value.startswith(" ") else value
            if line == "":
                if data:
                    yield event or "message", "\n".join(data), self.last_id
                data, event = [], ""
            elif name == "data":
                data.append(value)
            elif name == "event":
                event = value
            elif name == "id":
                self.last_id = value
            elif name == "retry":
                self.retry = int(value)
            elif name == "":
                self.comments += 1


class Reader(threading.Thread):
    """Reads a stream until stop (), coming back where it was: got are sequences, texts their texts. Without a
    TOKEN the path is a URL that needs none."""

    def __init__(self, port, path, token, lines=False, since=None, slow_s=0, tls=None, position=None):
        super().__init__(daemon=True)
        self.port, self.path, self.token, self.lines, self.since, self.slow_s = port, path, token, lines, since, slow_s
        self.rows, self.events, self.times = [], [], []
        self.got, self.texts, self.others, self.opened, self.failure = [], [], [], 0, None
        self.position, self.ended, self.raw = position, threading.Event(), None
        self.ready, self.tls, self.sse, self.opened_at = threading.Event(), tls, None, []
        self.start()

    def _headers(self):
        headers = ["Accept: " + ("application/x-ndjson" if self.lines else "text/event-stream")]
        headers += [f"Authorization: Bearer {self.token}"] if self.token else []
        return headers + ([f"Last-Event-ID: {self.position}"] if self.position else [])

    def _take(self, event, data, position):
        self.position = position or self.position
        if event in ("message", "edit", "delete"):
            self.events.append(event)
            row = json.loads(data) if isinstance(data, str) else data
            self.rows.append(row)
            self.times.append(time.monotonic())
            self._note(row, position)
            self.texts.append((row["message"] or {}).get("text"))
        elif event != "heartbeat":
            self.others.append((event, json.loads(data) if isinstance(data, str) and data else data))
        if self.slow_s:
            time.sleep(self.slow_s)

    def _note(self, row, position):
        self.got.append(row["sequence"])
        assert position.split("-")[0] == str(row["sequence"])

    def numbers(self):
        return list(self.got)

    def _is_over(self):
        return any(event == "end" and "target" not in data and data.get("code") != "draining"
                   for event, data in self.others)

    def _read(self):
        mark = "&" if "?" in self.path else "?"
        path = self.path + (f"{mark}since={self.since}" if self.since and not self.position else "")
        self.raw = Raw(self.port, path, self._headers(), tls=self.tls)
        if self.raw.status != 200:
            raise Closed(f"{self.raw.status} {self.raw.body()[:200]}")
        self.opened += 1
        self.opened_at.append(time.monotonic())
        if self.lines:
            rest = b""
            for chunk in self.raw.chunks():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    row = json.loads(line)
                    self._take(row["event"], row.get("data"), row.get("id"))
                self.ready.set()
            return
        self.sse = Sse(self._noted())
        for event, data, position in self.sse:
            self._take(event, data, position)
        self.position = self.sse.last_id or self.position

    def _noted(self):
        for chunk in self.raw.chunks():
            found = re.search(rb"^id: (\S+)$", chunk, re.M)
            self.position = self.position or (found[1].decode() if found else None)
            self.ready.set()
            yield chunk

    def run(self):
        while not self.ended.is_set():
            try:
                self._read()
            except (Closed, ConnectionError, OSError, ValueError) as error:
                self.others.append(("gone", str(error)))
            except BaseException as error:
                self.failure = error
                raise
            if self._is_over():
                return
            self.ended.wait(self._pause_s())

    def _pause_s(self):
        return 0.2

    def stop(self):
        self.ended.set()
        if self.raw:
            self.raw.cut()
        self.join(10 * SLOW)


class Several(Reader):
    """Of several targets: got are sequences by the names of the targets, in the order in which they came."""

    def __init__(self, *args, **more):
        self.by_name = {}
        super().__init__(*args, **more)

    def _note(self, row, position):
        assert position.startswith("~") and row["target"]["kind"]
        self.by_name.setdefault(row["target"]["name"], []).append(row["sequence"])
        self.got.append((row["target"]["name"], row["sequence"]))

    def numbers(self):
        return [number for _, number in self.got]


class EventSource(Reader):
    """Comes back when it is told to, as a browser does, but at once where it never was."""

    def _pause_s(self):
        return self.sse.retry / 1000 if self.sse and self.sse.retry else 0.2
