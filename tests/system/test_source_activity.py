"""What a source's owner sees of it: how many events were let in, filtered and refused, and why."""

import json
import time

import pytest
from test_source_filters import ISSUE, PUSH, dropped, post, taken
from test_sources import SECRET, Channel, sign, stripe

BROKEN = (b"{", {"X-GitHub-Event": "push"})


@pytest.fixture
def channel(ring, name):
    return Channel(ring, name)


def seen(channel, where=None, token=None):
    where = where or f"channelsbyname/{channel.name}"
    answer = channel.ring.get(channel.ring.url(f"/api/v2/{where}/sources", token or channel.user.token))
    assert answer.status_code == 200, answer.text
    assert answer.json()["since"].endswith("Z")
    return {source["id"]: source for source in answer.json()["sources"]}


def refused_total(channel, **labels):
    return channel.ring.metric("channel-0", "signature_refused_total", **labels) or 0



def signed(case, secret=SECRET):
    return {**case[1], **sign(case[0], secret)}


def test_each_event_is_counted_for_its_source(channel):
    made = channel.source(scheme="github", secret=SECRET, only=["push"])["id"]
    other = channel.source(scheme="stripe", secret=SECRET, format="stripe", required=False)["id"]
    assert seen(channel) == {}
    before = {reason: refused_total(channel, preset="github", reason=reason) for reason in ("missing", "mismatch")}
    taken(post(channel, (PUSH[0], signed(PUSH))))
    dropped(post(channel, (ISSUE[0], signed(ISSUE))))
    assert post(channel, (BROKEN[0], signed(BROKEN)), "/github").status_code == 400
    assert post(channel, PUSH).status_code == 401
    assert post(channel, (PUSH[0], signed(PUSH, "another"))).status_code == 401
    body = b'{"type": "invoice.paid", "id": "evt_1", "data": {"object": {}}}'
    taken(post(channel, (body, stripe(int(time.time()), body))))
    rows = seen(channel)
    assert {name: rows[made][name] for name in ("accepted", "filtered", "failed", "refused")} == \
        {"accepted": 1, "filtered": 1, "failed": 1, "refused": 2}
    assert rows[other]["accepted"] == 1 and rows[other]["refusals"] == []
    assert refused_total(channel, preset="github", reason="missing") == before["missing"] + 1
    assert refused_total(channel, preset="github", reason="mismatch") == before["mismatch"] + 1
    last, first = rows[made]["refusals"]
    assert last["reason"] == "no signature matches" and "x-hub-signature-256 is missing" in first["reason"]
    assert last["address"] == "127.0.0.1" and "x-hub-signature-256" in last["headers"] and "x-github-event" in first["headers"]
    assert last["time"] >= first["time"] and rows[made]["last"] == last["time"]


def test_the_last_refusals_are_kept_without_anything_secret(channel):
    made = channel.source(scheme="stripe", secret=SECRET)["id"]
    now = int(time.time())
    for i in range(25):
        channel.post({"X-Number": "n", **stripe(now - 1000 - i)})
    refusals = seen(channel)[made]["refusals"]
    assert len(refusals) == 20 and seen(channel)[made]["refused"] == 25
    assert all("s old, more than 300" in refusal["reason"] for refusal in refusals)
    assert int(refusals[0]["reason"].split()[2]) > int(refusals[-1]["reason"].split()[2])
    text = json.dumps(seen(channel))
    assert SECRET not in text and "Version 2" not in text and channel.user.token not in text and "v1=" not in text


def test_a_flood_of_refusals_writes_nothing(channel):
    channel.source(scheme="github", secret=SECRET)
    assert channel.post(sign()).status_code == 204
    before = channel.ring.metric("channel-0", "commits_total"), refused_total(channel, preset="github", reason="missing")
    for _ in range(50):
        assert channel.post().status_code == 401
    assert channel.ring.metric("channel-0", "commits_total") == before[0]
    assert refused_total(channel, preset="github", reason="missing") == before[1] + 50


def test_none_but_the_owner_sees_it(channel, name):
    channel.source(scheme="github", secret=SECRET)
    channel.post()
    shown = channel.ring.manage("channel_show", channel.name)
    assert seen(channel, f"channels/{shown['id']}") == seen(channel)
    other = channel.ring.user(name + "x")
    channel.ring.manage("channel_member_add", channel.name, user=other.email)
    answer = channel.ring.get(channel.ring.url(f"/api/v2/channelsbyname/{channel.name}/sources", other.token))
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


def test_bots_and_extensions_have_it(ring, name):
    ada, name = ring.user(name), name.replace("-", "_")
    ring.bot(name, ada)
    app = ring.extension(name, ada)["marketplace"]
    for kind, url, where, which in (("bot", ring.bot_url(name, ada.token), f"bots/{name}", {}),
                                    ("extension", ring.extension_url(app, ada.token), f"applications/{app.app_id}",
                                     {"environment": "marketplace"})):
        made = ring.manage("source_create", kind=kind, to=name, scheme="github", secret=SECRET, **which)["id"]
        assert ring.post(url, PUSH[0], headers={**PUSH[1], **sign(PUSH[0])}).status_code == 200
        assert ring.post(url, PUSH[0], headers=PUSH[1]).status_code == 401
        sources = ring.get(ring.url(f"/api/v2/{where}/sources", ada.token)).json()["sources"]
        assert [(row["id"], row["accepted"], row["refused"]) for row in sources] == [(made, 1, 1)]


def test_posternctl_shows_it(channel):
    made = channel.source(scheme="github", secret=SECRET)["id"]
    channel.post()
    shown = channel.ring.ctl("source", "activity", "channel", channel.name)
    assert [(row["id"], row["refused"]) for row in shown["sources"]] == [(made, 1)]
    refusals = channel.ring.ctl("source", "refusals", "channel", channel.name)["refusals"]
    assert [(row["source"], row["address"]) for row in refusals] == [(made, "127.0.0.1")]
    text = channel.ring.ctl_run("source", "refusals", "channel", channel.name).stdout
    assert "x-hub-signature-256 is missing" in text


def test_it_begins_anew_with_the_worker(channel):
    made = channel.source(scheme="github", secret=SECRET)["id"]
    channel.post()
    assert seen(channel)[made]["refused"] == 1
    channel.ring.kill("channel-0")
    channel.ring.wait_ready("channel-0")
    channel.ring.wait(lambda: seen(channel) == {}, what="an empty book")
