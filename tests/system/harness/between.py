"""A port in front of a server's, at which what is said can be kept or lost."""

import contextlib
import select
import socket
import threading
import time


class Between:
    """What lies between a host and the database: passes on what either says, but while it stands still, until it is cut.
    Its port is like the server's."""

    def __init__(self, port):
        self.to, self.still, self.commit = port, False, None
        self.over = threading.Event()
        self.came = threading.Event()  # somebody did
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.cut = 0  # commits that were
        threading.Thread(target=self._take, daemon=True).start()

    def close(self):
        self.over.set()
        self.listener.close()

    def _take(self):
        while not self.over.is_set():
            with contextlib.suppress(OSError):
                threading.Thread(target=self._carry, args=(self.listener.accept()[0],), daemon=True).start()

    def _carry(self, client):
        self.came.set()
        with contextlib.suppress(OSError), client, socket.create_connection(("127.0.0.1", self.to)) as server:
            while not self.over.is_set():
                ready, _, _ = select.select([client, server], [], [], 0.2)
                while self.still and not self.over.is_set():
                    time.sleep(0.02)
                for one in ready:
                    data = one.recv(1 << 18)
                    if not data or (one is client and self._cuts(data, server)):
                        return
                    (server if one is client else client).sendall(data)

    def _cuts(self, data, server):
        """A transaction that ends in COMMIT, as a change alone does, is lost before or after the server has it."""
        way = self.commit
        if not way or b"COMMIT\0" not in data:
            return False
        self.commit = None
        if way == "after":
            server.sendall(data)
            server.settimeout(5)
            server.recv(1 << 16)
        self.cut += 1
        return True
