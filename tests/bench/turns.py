"""A ring whose processes run one at a time, each until it has nothing left to do, so that its batches are as long as what
lies in front of it, and the same on any machine and beside any load.

    turns = Turns(ring, requests)
    turns.round()              each connection posts one message; returns when all are answered
"""

import os
import pathlib
import signal
import socket
import time

ORDER = ("gateway", "authd", "router", "channel")  # a message's way, and with what is left over its way back
LOOK_S = 0.001
LOOKS = 3  # that find the same in a row
ARRIVES_S = 0.02  # beside much else the kernel passes on what was sent when it gets to it
MOST_S = 60  # of one round


def tasks(pid):
    """(state, what it has run) of each thread of PID."""
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        yield (task / "stat").read_text().rsplit(")", 1)[1].split()[0], (task / "schedstat").read_text()


class Turns:
    def __init__(self, ring, requests):
        """REQUESTS: one for each of the connections that it makes, in bytes. All processes are stopped between two rounds."""
        self.pids = [ring.pid(f"{name}-0") for name in ORDER]
        self.requests = requests
        self.sockets = [socket.create_connection(("127.0.0.1", ring.port)) for _ in requests]
        self.stand_still()

    def stand_still(self):
        for pid in self.pids:
            self._stop(pid)

    def go_on(self):
        for pid in self.pids:
            os.kill(pid, signal.SIGCONT)

    def close(self):
        self.go_on()
        for one in self.sockets:
            one.close()

    def round(self):
        """How many messages were answered: all."""
        for one, request in zip(self.sockets, self.requests):
            one.sendall(request)
        time.sleep(ARRIVES_S)
        waiting, end = set(self.sockets), time.monotonic() + MOST_S
        while waiting:
            assert time.monotonic() < end, f"{len(waiting)} of {len(self.sockets)} messages are not answered"
            for pid in self.pids:
                self._turn(pid)
            waiting -= {one for one in waiting if self._answered(one)}
        return len(self.sockets)

    def _answered(self, one):
        try:
            answer = one.recv(4096, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        assert answer.startswith(b"HTTP/1.1 204 "), answer
        return True

    def _turn(self, pid):
        os.kill(pid, signal.SIGCONT)
        before, same = None, 0
        while same < LOOKS:
            now = self._asleep(pid)
            same = same + 1 if now and now == before else 0
            before = now
            time.sleep(LOOK_S)
        self._stop(pid)

    @staticmethod
    def _asleep(pid):
        """What its threads have run, if all of them wait."""
        found = list(tasks(pid))
        return [ran for _, ran in found] if all(state == "S" for state, _ in found) else None

    @staticmethod
    def _stop(pid):
        os.kill(pid, signal.SIGSTOP)
        while not all(state in "Tt" for state, _ in tasks(pid)):
            time.sleep(LOOK_S / 10)
