"""A real HTTP server for handlers to be: what it is called with, a test's own class says.

    class Counts(Handler):
        def called(self, path, headers, body):
            ...
            return 200, {"Content-Type": "application/json"}, b"{}"

    with Counts() as handler:
        handler.url   handler.port
"""

import contextlib
import http.server
import sys
import threading


class Handler(http.server.ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 128

    def __init__(self, port=0, tls=None, host="127.0.0.1"):
        super().__init__((host, port), self.Call)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.lock = threading.Lock()  # of what called () keeps
        self.port = self.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def called(self, path, headers, body):
        """Returns status, headers and body of the answer; on a thread of the call's own."""
        raise NotImplementedError

    def close(self):
        self.shutdown()
        self.server_close()

    def __exit__(self, *_):
        self.close()

    def handle_error(self, request, client_address):
        """A worker that is killed breaks its connections."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    class Call(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, headers, answer = self.server.called(self.path, self.headers, body)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        def log_message(self, *_):
            pass
