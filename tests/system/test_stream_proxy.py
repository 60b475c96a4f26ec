"""Live streams through HAProxy, as it is configured in deploy/haproxy."""

import re
import statistics
import time
import urllib.parse

from harness.connection import Connection
from harness.haproxy import CONFIGURATION, PROGRAM, HAProxy
from harness.postern import ROOT, SLOW
from reading_streams import Reader, Several

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
                assert time.monotonic() - began < 20 * SLOW
                time.sleep(0.0002)
        for reader in readers.values():
            reader.stop()
    assert all(reader.numbers() == list(range(1, COUNT + 1)) for reader in readers.values())
    direct, *through = (statistics.median(each) for each in took.values())
    # It adds a hop; what it holds back without no-delay would be tens of times as much.
    assert all(each < 3 * direct + 0.01 for each in through), (direct, through)
