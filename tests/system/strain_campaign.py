"""What a server that is under strain costs the senders: syncs that take 50 and 500 ms, half of the CPU, one checkpoint after the other,
and a snapshot that is held open, so that nothing which has ended is swept away.

    ./dev cluster strains [SECONDS]                             each strain so long, the snapshot ten times as long (60)
    python3 tests/system/strain_campaign.py --rounds 10 --only snapshot

Checked: each message is answered within what the sync takes, a few times over; what finds the queues full is refused with 503
`overloaded` at once, and nothing else is; what was answered 2xx is stored, nothing is twice. Bots' events are delivered by at least 0.8
of the rate of before, while the snapshot is held for so long. The counts are printed.
"""

import argparse
import collections
import contextlib
import dataclasses
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import threading
import time

import kill_campaign
from harness import postern
from harness.beside import again_and_again
from harness.connection import Connection
from harness.database import server_running, settled

SENDERS, CROWD = 8, 96
# So that a crowd finds the queues full.
LIMITS = {"queue.messages": 16, "gateway.inflight": 64, "gateway.deadline_ms": 20000}
SYNCS_MS = (50, 500)
HALF_S = 0.05
RATE_LEAST = 0.8


def slowed(directory=None):
    """A server whose syncs can take long."""
    place = directory or postern.scratch("pg-")
    return server_running(place, environment={"LD_PRELOAD": str(postern.BIN / "postern_slow_sync.so"), "SLOW_SYNC_FILE": str(place / "sync")})


# --- Strains

@contextlib.contextmanager
def slow_syncs(server, ms):
    file = server.dir / "sync"
    file.write_text(str(ms))
    file.chmod(0o644)
    try:
        yield
    finally:
        file.unlink()


def half_a_cpu(server):
    """All of the server's processes stand still half of the time."""
    def signal_all(how):
        for pid in server.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, how)

    def turn(over):
        signal_all(signal.SIGSTOP)
        over.wait(HALF_S)
        signal_all(signal.SIGCONT)
        over.wait(HALF_S)
    return again_and_again(turn)


@contextlib.contextmanager
def checkpoints(server):
    server.set(max_wal_size="32MB", checkpoint_timeout="30s")
    with again_and_again(lambda over: server.sql("CHECKPOINT")):
        yield


@contextlib.contextmanager
def snapshot(server, database):
    """What ends from now on stays in the tables."""
    psql = subprocess.Popen(["psql", "-X", "-q", "-A", "-t", "-d", server.connection(database=database)], text=True,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        psql.stdin.write("BEGIN ISOLATION LEVEL REPEATABLE READ;\nSELECT 1 FROM postern.installation;\n")
        psql.stdin.flush()
        assert psql.stdout.readline().strip() == "1"
        yield
    finally:
        psql.stdin.close()
        psql.wait(30)


# --- Senders

@dataclasses.dataclass
class Seen:
    """What senders saw: texts that were acknowledged, seconds of these and of refusals, and answers that are neither."""
    texts: list = dataclasses.field(default_factory=list)
    took: list = dataclasses.field(default_factory=list)
    refused: list = dataclasses.field(default_factory=list)
    others: collections.Counter = dataclasses.field(default_factory=collections.Counter)

    def __str__(self):
        return (f"acknowledged={len(self.took)} p99={p99(self.took):.2f}s most={max(self.took):.2f}s overloaded={len(self.refused)}"
                + (f" after p99={p99(self.refused):.3f}s" if self.refused else "") + (f" others={dict(self.others)}" if self.others else ""))


def p99(seconds):
    return sorted(seconds)[int(len(seconds) * 0.99)]


def send(ring, path, count, seconds, fill=0, wanted=204):
    """COUNT senders post a message after the other for so long, each of some FILL bytes, WANTED when it is taken. Who is refused comes
    back after a tenth of a second."""
    seen, end = Seen(), time.monotonic() + seconds
    stem = f"{time.monotonic_ns()}"

    def work(number):
        with Connection(ring.port) as connection:
            for i in range(1 << 30):
                began = time.monotonic()
                if began >= end:
                    return
                text = f"{stem}-{number}-{i}"
                answer = connection.post(path, json.dumps({"text": text, "fill": "x" * fill} if fill else {"text": text}).encode())
                took = time.monotonic() - began
                if answer.status == wanted:
                    seen.texts.append(text)
                    seen.took.append(took)
                elif answer.status == 503 and answer.code == "overloaded":
                    seen.refused.append(took)
                    time.sleep(0.1)
                else:
                    seen.others[answer.status] += 1
    threads = [threading.Thread(target=work, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen


def strained(ring, server, name, seconds, syncs_ms=SYNCS_MS):
    """In a RING with LIMITS, whose channels lie on SERVER, of `slowed`: each strain for so long."""
    url, read_back = kill_campaign.place(ring, "channel", name)
    path, found = url.removeprefix(ring.base), {}

    def under(what, strain, count=SENDERS, bound_s=2):
        with strain:
            found[what] = seen = send(ring, path, count, seconds)
        print(f"{what}: {seen}", flush=True)
        assert not seen.others and seen.took, f"{what}: {seen}"
        postern.in_time(p99(seen.took), bound_s * postern.SLOW, f"{what}: {seen}")
        return seen
    under("no strain", contextlib.nullcontext())
    for ms in syncs_ms:
        under(f"syncs of {ms} ms", slow_syncs(server, ms), bound_s=1 + 4 * ms / 1000)
    crowd = under(f"syncs of {ms} ms, a crowd", slow_syncs(server, ms), CROWD, bound_s=1 + 8 * ms / 1000)
    assert crowd.refused, crowd
    postern.in_time(p99(crowd.refused), 0.25 * postern.SLOW, f"{crowd}")
    under("half of the CPU", half_a_cpu(server))
    under("checkpoints", checkpoints(server))
    stored = collections.Counter(kill_campaign.text_of(message) for message in read_back())
    for seen in found.values():
        assert all(stored[text] == 1 for text in seen.texts)
    assert max(stored.values()) == 1


def held(ring, server, seconds):
    """Deliveries a second of a bot, before and at the end of so long a snapshot. Each turn has events wait, and delivers these."""
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))
    import engine_deliver
    bot = engine_deliver.Deliveries(ring, 2000)
    try:
        bot.run()
        before = [bot.run() for _ in range(3)]
        with snapshot(server, ring.database):
            end, after = time.monotonic() + seconds, []
            while time.monotonic() < end or len(after) < 3:
                after.append(bot.run())
    finally:
        bot.close()
    ratio = statistics.median(after[-3:]) / statistics.median(before)
    print(f"snapshot of {seconds} s: {2000 * len(after)} events or more; before {statistics.median(before):.0f}/s, at the end "
          f"{statistics.median(after[-3:]):.0f}/s: {ratio:.2f}; in turn " + " ".join(f"{rate:.0f}" for rate in before + after), flush=True)
    return ratio


def main():
    words = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    words.add_argument("--rounds", type=int, default=60, help="seconds")
    words.add_argument("--only", choices=("senders", "snapshot"))
    chosen = words.parse_args()
    ratio = RATE_LEAST
    with slowed() as server:
        if chosen.only != "snapshot":
            with postern.Ring(settings=LIMITS) as ring:
                strained(settled(ring, server).up(), server, "strains", chosen.rounds)
        if chosen.only != "senders":
            with postern.Ring(settings={"delivery.allow": "127.0.0.0/8", "authd.rate": 0}) as ring:
                ratio = held(settled(ring, server, delivers=True).up(), server, 10 * chosen.rounds)
    sys.exit(ratio < RATE_LEAST)


if __name__ == "__main__":
    main()
