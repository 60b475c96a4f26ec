"""A handler for tests, and what the journal tells of its deliveries."""

import contextlib
import http.server
import json
import sys
import threading


class Handler(http.server.ThreadingHTTPServer):
    """A real handler: answer (event, count) says with which status and JSON; count: how often this
    event came."""

    daemon_threads, request_queue_size = True, 128

    def __init__(self, answer):
        super().__init__(("127.0.0.1", 0), self.Call)
        self.answer, self.events, self.lock = answer, [], threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_address[1]}/hook"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """A worker that is killed breaks its connections."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    class Call(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with self.server.lock:
                self.server.events.append(event)
                count = sum(one["id"] == event["id"] for one in self.server.events)
            status, answer = self.server.answer(event, count)
            body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        def log_message(self, *_):
            pass


@contextlib.contextmanager
def answering(answer):
    with Handler(answer) as made:
        yield made
        made.shutdown()


def deliveries(ring, kind, name, token, **params):
    answer = ring.get(ring.url(f"/api/v2/{kind}/{name}/deliveries", token, **params))
    assert answer.status_code == 200, answer.text
    return answer.json()["deliveries"]


def settled(ring, kind, name, token):
    """Waits until nothing is pending."""
    ring.wait(lambda: not deliveries(ring, kind, name, token, state="pending"), 20,
              what="the deliveries")


def replies(ring, kind, name, token):
    return [m for m in ring.messages(kind, name, token) if "reply_to" in m]
