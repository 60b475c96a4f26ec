"""Live streams through HAProxy, as it is configured in deploy/haproxy."""

import re
import signal
import statistics
import threading
import time
import urllib.parse

from harness.connection import Connection
from harness.haproxy import CONFIGURATION, PROGRAM, HAProxy
from harness.postern import ROOT, SLOW, in_time
from reading_streams import EventSource, Reader, Several

COUNT = 40


def seconds(name, text):
    return [int(n) for n in re.findall(rf"^    timeout {name} (\d+)s$", text, re.M)]


def test_heartbeats_come_before_the_timeouts():
    source = (ROOT / "gateway/stream/streams.h").read_text()
    beat = sum(int(n) for n in re.findall(r"STREAMS_BEAT\w*_MS = (\d+)", source)) / 1000
    text = CONFIGURATION.read_text()
    streams = text[text.index("\nbackend streams"):]
    assert beat == 12
    assert min(seconds("client", text)) > beat and seconds("server", streams)[0] > beat
    for name in ("haproxy.cfg", "haproxy.cluster.cfg"):  # one backend for all
        text = (ROOT / "deploy/container" / name).read_text()
        assert min(seconds("client", text) + seconds("server", text)) > beat
        assert "option http-no-delay" in text[text.index("\ndefaults"):text.index("\nfrontend")]


def test_messages_come_as_fast_as_without_it(ring, name, needs):
    needs(PROGRAM)
    ada = ring.user(name)
    ring.channel(name, ada)
    path, several = f"/api/v2/channelsbyname/{name}/stream", f"/api/v2/streams?targets=channel:{name}"
    answer = ring.post(ring.url("/api/v2/streams", ada.token, targets=f"channel:{name}"))
    assert answer.status_code == 200, answer.text
    url = urllib.parse.urlsplit(answer.json()["url"])
    with HAProxy(ring) as proxy, Connection(ring.port) as connection:
        readers = {"direct": Reader(ring.port, path, ada.token), "proxy": Reader(proxy.port, path, ada.token),
                   "several": Several(proxy.port, several, ada.token),
                   "url": Several(proxy.port, f"{url.path}?{url.query}", None)}
        assert all(reader.ready.wait(20 * SLOW) for reader in readers.values())
        took = {which: [] for which in readers}
        for i in range(COUNT):
            answer = connection.post(f"/api/v2/channelsbyname/{name}/message?zapikey={ada.token}", b'{"text":"%d"}' % i)
            began = time.monotonic()
            assert answer.status == 204
            waiting = dict(readers)
            while waiting:
                for which, reader in list(waiting.items()):
                    if len(reader.got) > i:
                        took[which].append(time.monotonic() - began)
                        del waiting[which]
                in_time(time.monotonic() - began, 20 * SLOW)
                time.sleep(0.0002)
        for reader in readers.values():
            reader.stop()
    assert all(reader.numbers() == list(range(1, COUNT + 1)) for reader in readers.values())
    direct, *through = (statistics.median(each) for each in took.values())
    # It adds a hop; what it holds back without no-delay would be tens of times as much.
    in_time(max(through), 3 * direct + 0.01)


def test_what_is_restarted_loses_nothing(make_ring, name, needs):
    """A reload leaves streams alone; a restart of the gateways sends them away one by one, to come back apart."""
    needs(PROGRAM)
    ring = make_ring(settings={"gateway.drain_notice_ms": 1000, "authd.rate": 0}, gateways=2).up()
    ada = ring.user(name)
    ring.channel(name, ada)
    path, stop, posted = f"/api/v2/channelsbyname/{name}/stream", threading.Event(), []
    with HAProxy(ring, master=True) as proxy:
        url = ring.channel_url(name, ada.token).replace(f":{ring.port}/", f":{proxy.port}/")

        def write():
            while not stop.is_set():
                posted.append(ring.post(url, {"text": str(len(posted) + 1)}, headers={"Idempotency-Key": str(len(posted))}))
                time.sleep(0.02)

        writer = threading.Thread(target=write)
        readers = [EventSource(proxy.port, path, ada.token) for _ in range(15)]
        assert all(reader.ready.wait(20 * SLOW) for reader in readers)
        writer.start()
        proxy.process.send_signal(signal.SIGUSR2)
        ring.wait(lambda: "New worker" in proxy.logs().split("New worker", 1)[1], what="the reload")
        with Connection(proxy.port) as connection:
            connection.send(b"GET /none HTTP/1.1\r\nHost: h\r\n\r\n")
            assert connection.answer().status == 404
        assert [reader.opened for reader in readers] == [1] * len(readers)
        ring.ctl("restart", "gateway")
        ring.wait(lambda: all(reader.opened > 1 for reader in readers), 30, what="all readers to be back")
        back = [reader.opened_at[1] for reader in readers]
        stop.set()
        writer.join()
        want = list(range(1, len(posted) + 1))
        ring.wait(lambda: all(reader.got == want for reader in readers), 20, what="all readers to have all")
        for reader in readers:
            reader.stop()
            assert reader.failure is None
    assert {answer.status_code for answer in posted} == {204}
    assert max(back) - min(back) > 3, back
