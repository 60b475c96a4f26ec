"""A PostgreSQL server of a test's own: real, with what Debian's package has, on a free port below the
ephemeral ones, which other tests' connections may take.

    postgres_server.py DIR      starts one in DIR, prints the port when it answers, and ends it when
                                stdin is closed

Threading: a server is its maker's."""

import contextlib
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import sys
import time

BIN = pathlib.Path("/usr/lib/postgresql/15/bin")
PORTS = range(20000, 32000)
SETTINGS = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "max_connections": 60,
            "shared_buffers": "64MB", "logging_collector": "off", "log_statement": "none",
            "wal_retrieve_retry_interval": "200ms"}
SUPERUSER = "postgres"


def free_port():
    for port in random.sample(PORTS, 200):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port below 32000 is free")


def _demote():
    """initdb and postgres refuse to be root's."""
    import pwd
    user = pwd.getpwnam("postgres")
    os.setgid(user.pw_gid)
    os.setgroups([])
    os.setuid(user.pw_uid)


class Server:
    """NAME's password is NAME itself. ENVIRONMENT: more of it, of its processes."""

    def __init__(self, directory, settings=(), password="super secret", environment=()):
        self.dir = pathlib.Path(directory)
        self.password = password
        self.root = os.getuid() == 0
        self.settings, self.environment = {**SETTINGS, **dict(settings)}, dict(environment)
        self.port = free_port()
        self.process = None
        self.dir.mkdir(exist_ok=True)
        if self.root:
            shutil.chown(self.dir, "postgres")
        secret = self.dir / "password"
        secret.write_text(password)
        if self.root:
            shutil.chown(secret, "postgres")
        self.run("initdb", "-D", self.dir / "data", "-U", SUPERUSER, "-A", "scram-sha-256", "--pwfile",
                 secret, "--no-locale", "-E", "UTF8", "--no-sync")

    def standby(self, directory):
        """A streaming standby of this server, which waits for it from now on; ended by its own stop."""
        made = Server.__new__(Server)
        made.dir, made.password, made.root = pathlib.Path(directory), self.password, self.root
        made.settings, made.port, made.process = dict(self.settings), free_port(), None
        made.environment = {}
        made.dir.mkdir(exist_ok=True)
        if made.root:
            shutil.chown(made.dir, "postgres")
        made._copy(self)
        self.be_strict()
        self._wait_for_standby()
        return made

    def _copy(self, primary):
        """Becomes a standby of PRIMARY."""
        self.run("pg_basebackup", "-d", primary.connection() + " application_name=second", "-D", self.dir / "data", "-R",
                 "-X", "stream", "-c", "fast", "--no-sync")
        self.start()
        self._wait_for("SELECT status FROM pg_stat_wal_receiver", "streaming")

    def follow(self, primary):
        """This one, which has ended, is a standby of PRIMARY from now on, from a new base backup."""
        shutil.rmtree(self.dir / "data")
        self._copy(primary)
        primary._wait_for_standby()

    def turn_to(self, primary):
        """This one, a standby, follows PRIMARY from now on, which may become one yet."""
        self.set(primary_conninfo=primary.connection() + " application_name=second")

    def received(self):
        """What a standby whose primary is gone has, as a position in its log; None: something may come yet. What it has received is
        told from the beginning of a file anew when it begins to follow another primary: what it has done again counts, too."""
        comes, position = self.sql("SELECT count(*), greatest(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()) - '0/0' "
                                   "FROM pg_stat_wal_receiver").split("|")
        return None if int(comes) else int(position)

    def set(self, **settings):
        """From now on."""
        for name, value in settings.items():
            text = value.replace("'", "''")
            self.sql(f"ALTER SYSTEM SET {name} = '{text}'")
        self.sql("SELECT pg_reload_conf()")

    def be_strict(self):
        """Commits wait for a standby, those of this server as long as it is none itself."""
        self.set(synchronous_standby_names="ANY 1 (second)")

    def _wait_for_standby(self):
        self._wait_for("SELECT count(*) > 0 FROM pg_stat_replication WHERE sync_state = 'quorum'", "t")

    def _wait_for(self, sql, answer):
        end = time.monotonic() + 30
        while self.sql(sql) != answer:
            if time.monotonic() > end:
                raise RuntimeError(f"it does not become {answer}: {sql}")
            time.sleep(0.02)

    def run(self, program, *words):
        done = subprocess.run([BIN / program, *words], capture_output=True, text=True, cwd=self.dir,
                              preexec_fn=_demote if self.root else None)
        if done.returncode:
            raise RuntimeError(f"{program} failed: {done.stdout}{done.stderr}")
        return done.stdout

    def start(self):
        words = [BIN / "postgres", "-D", self.dir / "data", "-p", str(self.port)]
        for name, value in self.settings.items():
            words += ["-c", f"{name}={value}"]
        with open(self.dir / "log", "ab") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log, cwd=self.dir, env={**os.environ, **self.environment},
                                            preexec_fn=_demote if self.root else None)
        self.wait()
        return self

    def answers(self):
        done = subprocess.run([BIN / "pg_isready", "-h", "127.0.0.1", "-p", str(self.port)],
                              capture_output=True)
        return done.returncode == 0

    def wait(self, seconds=60):
        end = time.monotonic() + seconds
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError("PostgreSQL does not start: " + (self.dir / "log").read_text()[-2000:])
            time.sleep(0.05)

    def connection(self, user=SUPERUSER, password=None, database="postgres"):
        return (f"host=127.0.0.1 port={self.port} user={user} dbname={database} "
                f"password='{self.password if password is None else password}'")

    def sql(self, text, database="postgres"):
        """The rows of a statement, as psql prints them."""
        done = subprocess.run(["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d",
                               self.connection(database=database), "-c", text],
                              capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout.strip()

    def processes(self):
        """The postmaster, and then its children."""
        postmaster = self.process.pid
        return [postmaster, *map(int, pathlib.Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split())]

    def kill(self):
        """As a power cut of the process. What it leaves lets go of its memory before this returns: else no other one starts."""
        self.process.send_signal(signal.SIGSTOP)  # it begets no more
        killed = self.processes()
        for pid in killed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(30)
        while any(map(_lives, killed)):
            time.sleep(0.005)

    def runs(self):
        return self.process and self.process.poll() is None

    def stop(self, how=signal.SIGINT):
        """SIGINT: fast; SIGQUIT: immediate."""
        if self.runs():
            self.process.send_signal(how)
            self.process.wait(60)


def _lives(pid):
    """A process whose parent has not yet asked how it ended lives no more."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@contextlib.contextmanager
def running(directory, **more):
    """A server for a with block; then its directory goes."""
    server = Server(directory, **more)
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)


def main():
    server = Server(sys.argv[1]).start()
    print(server.port, flush=True)
    sys.stdin.read()
    server.stop(signal.SIGQUIT)


if __name__ == "__main__":
    main()
