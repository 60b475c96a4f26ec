"""A port in front of another one, whose connections come through when it says so.

    with Held(server.port) as way:      # way.port
        way.wait()                      # until somebody has come
        way.let()
"""

import socket
import threading


def pump(source, to):
    with source, to:
        try:
            while data := source.recv(65536):
                to.sendall(data)
        except OSError:
            pass


class Held:
    def __init__(self, port):
        self.to = port
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        self.came, self.open = threading.Event(), threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.let()
        self.listening.close()

    def _accept(self):
        try:
            while True:
                came, _ = self.listening.accept()
                self.came.set()
                threading.Thread(target=self._pass, args=(came,), daemon=True).start()
        except OSError:
            pass

    def _pass(self, came):
        self.open.wait()
        to = socket.create_connection(("127.0.0.1", self.to))
        threading.Thread(target=pump, args=(came.dup(), to.dup()), daemon=True).start()
        pump(to, came)

    def wait(self):
        assert self.came.wait(30), "nobody came"

    def let(self):
        self.open.set()
