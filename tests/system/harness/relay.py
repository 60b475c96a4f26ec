"""Stands between a Ring's gateway and one of authd's sockets, and loses frames that authd says.

    with Relay(ring, "authd-admin") as relay:       # before the gateway starts; RELAYED["authd-admin"] is its setting
        relay.lose(lambda entry: entry[3] == 200)   # the next reply, an entry of docs/PROTOCOL.md, of which this is true
        relay.wait_lost()
"""

import threading

import msgpack
import zmq

from .postern import wait
from .rogue import REPLIES

RELAYED = {"gateway.authd": "ipc://relay-authd", "gateway.admin": "ipc://relay-authd-admin"}


class Relay:
    def __init__(self, ring, name):
        self.behind = f"ipc://{ring.socket(name)}"
        self.context = zmq.Context()
        self.front = self.context.socket(zmq.ROUTER)
        self.front.linger = 0
        self.front.bind(f"ipc://{ring.sockets}/relay-{name}")
        self.backs = {}  # of each route: as the gateway connects to authd
        self.losing, self.lost, self.over = None, [], False
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over = True
        self.thread.join()
        self.context.destroy(linger=0)

    def lose(self, which):
        self.lost, self.losing = [], which

    def wait_lost(self, what="a reply to be lost"):
        wait(lambda: self.lost, what=what)

    def _run(self):
        poller = zmq.Poller()
        poller.register(self.front, zmq.POLLIN)
        while not self.over:
            ready = dict(poller.poll(50))
            if self.front in ready:
                route, *frames = self.front.recv_multipart()
                if route not in self.backs:
                    self.backs[route] = self._connect(route)
                    poller.register(self.backs[route], zmq.POLLIN)
                self.backs[route].send_multipart(frames)
            for route, back in self.backs.items():
                if back in ready:
                    self._say(route, back.recv_multipart())

    def _connect(self, route):
        back = self.context.socket(zmq.DEALER)
        back.routing_id = route
        back.connect(self.behind)
        return back

    def _say(self, route, frames):
        losing = self.losing
        if losing and frames[0]:
            header = msgpack.unpackb(frames[0], raw=False, strict_map_key=False)
            found = [entry for entry in header[5] if header[1] == REPLIES and losing(entry)]
            if found:
                self.losing, self.lost = None, found
                return
        self.front.send_multipart([route, *frames])
