"""Hosts of a test's own: network namespaces on one bridge, each with an address, none with a way out.

    hosts = Hosts("gateway-0", "authd-0", "sender")   # Unavailable where this is not possible
    ring.spawn("authd", wrap=hosts.wrap("authd-0"))
    with hosts.inside("sender"):                      # sockets that this thread makes meanwhile
        requests.get(f"http://{hosts.address('gateway-0')}:8080/")
    hosts.link("authd-0", "down")
    hosts.close()
"""

import contextlib
import ctypes
import os
import subprocess
import threading

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


class Unavailable(Exception):
    """This machine gives us no network namespaces. args[0]: why."""


def _ip(*words):
    done = subprocess.run(["ip", *words], capture_output=True, text=True)
    if done.returncode:
        raise Unavailable(f"ip {' '.join(words)}: {done.stderr.strip()}")


def _enter(path):
    with open(path) as namespace:
        if _libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise Unavailable(f"setns {path}: {os.strerror(ctypes.get_errno())}")


class Hosts:
    def __init__(self, *names):
        self.prefix = f"pt{os.getpid()}-{os.urandom(2).hex()}"
        self.names, self.made = list(names), []
        try:
            self._make("switch")
            self._in("switch", "link", "add", "br0", "type", "bridge")
            self._in("switch", "link", "set", "br0", "up")
            for name in names:
                self._plug(name)
        except BaseException:
            self.close()
            raise

    def _namespace(self, name):
        return f"{self.prefix}-{name}"

    def _make(self, name):
        _ip("netns", "add", self._namespace(name))
        self.made.append(name)
        self._in(name, "link", "set", "lo", "up")

    def _in(self, name, *words):
        _ip("-n", self._namespace(name), *words)

    def _plug(self, name):
        port = f"p{self.names.index(name)}"
        self._make(name)
        self._in("switch", "link", "add", port, "type", "veth", "peer", "name", "eth0",
                 "netns", self._namespace(name))
        self._in("switch", "link", "set", port, "master", "br0", "up")
        self._in(name, "addr", "add", f"{self.address(name)}/24", "dev", "eth0")
        self._in(name, "link", "set", "eth0", "up")

    def address(self, name):
        return f"10.213.7.{10 + self.names.index(name)}"

    def path(self, name):
        return f"/run/netns/{self._namespace(name)}"

    def wrap(self, name):
        """Words before a command line that is to run on this host."""
        return ["nsenter", f"--net={self.path(name)}"]

    @contextlib.contextmanager
    def inside(self, name):
        """Puts the calling thread on a host; other threads stay where they are."""
        own = os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY)
        try:
            _enter(self.path(name))
            yield
        finally:
            _libc.setns(own, CLONE_NEWNET)
            os.close(own)

    def link(self, name, state):
        """state: "up" or "down", as if its cable was plugged or pulled."""
        self._in(name, "link", "set", "eth0", state)

    def close(self):
        for name in self.made:
            subprocess.run(["ip", "netns", "del", self._namespace(name)], capture_output=True)
        self.made = []
