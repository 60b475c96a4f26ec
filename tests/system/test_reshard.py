"""What senders, readers and handlers know of bots is the same before and after a reshard."""

import pytest

from harness.handler import Handler
from harness.postern import free_ports

ENDS = {"delivered": 200, "dead": 410, "pending": 500}  # how its handler answers -> what becomes of a delivery


class Answering(Handler):
    """Answers with the status that its path names."""

    def called(self, path, headers, body):
        return int(path.rpartition("/")[2]), {}, b"as asked"


@pytest.fixture
def handler():
    with Answering() as made:
        yield made


def keyed(ring, user, bot, text):
    answer = ring.post(ring.bot_url(bot, user.token), {"text": text}, headers={"Idempotency-Key": f"key-{bot}"})
    return answer.status_code, answer.text, answer.headers.get("Idempotency-Replayed")


def deliveries(ring, user, bot):
    """Their event -> state, attempts."""
    listed = ring.get(ring.url(f"/api/v2/bots/{bot}/deliveries", user.token)).json()["deliveries"]
    return {one["id"]: (one["state"], one["attempts"]) for one in listed}


def fill(ring, handler):
    """Bots of each end, two events each, of which the first has a key, and one bot without a handler."""
    ada = ring.user("ada")
    bots = {f"{end}{i}": end for end in ENDS for i in range(3)}
    for bot, end in {**bots, "quiet": None}.items():
        ring.bot(bot, ada)
        if end:
            ring.ctl("bot", "handler", "set", bot, f"{handler.url}/{ENDS[end]}")
        assert keyed(ring, ada, bot, "keyed")[0] == 200
        assert ring.post(ring.bot_url(bot, ada.token), {"text": "another"}).status_code == 200

    def are_all(end, bot):
        made = deliveries(ring, ada, bot).values()  # the last may be missing for a moment
        return len(made) == 2 and all(state == end and (tries or end == "dead") for state, tries in made)

    for bot, end in bots.items():
        ring.wait(lambda bot=bot, end=end: are_all(end, bot), what=f"{bot}: all {end}")
    return ada, bots


def test_a_reshard_keeps_events_keys_and_deliveries(make_ring, handler):
    ring = make_ring(shards={"bot": 2}, settings={"delivery.allow": "127.0.0.0/8"}).up()
    ada, bots = fill(ring, handler)
    before = {bot: (ring.messages("bots", bot, ada.token, limit=2), deliveries(ring, ada, bot)) for bot in bots}
    for count in (3, 1):
        ring.stop()
        reply = ring.ctl("reshard", "bot", count)
        assert reply["reshard"]["messages"] == 2 * len(bots) + 2
        ring.shards["bot"] = count
        base = free_ports(count)
        ring.settings["bot.monitor"] = f"127.0.0.1:{base}"
        ring.monitors.update({f"bot-{i}": f"http://127.0.0.1:{base + i}" for i in range(count)})
        ring.up()
        for bot, (events, ended) in before.items():
            assert ring.messages("bots", bot, ada.token, limit=2) == events
            assert keyed(ring, ada, bot, "keyed")[::2] == (200, "true")
            assert keyed(ring, ada, bot, "other")[0] == 422
            found = deliveries(ring, ada, bot)
            assert found.keys() == ended.keys()
            for event, (state, attempts) in found.items():
                assert state == ended[event][0]
                # What is pending is tried again meanwhile.
                assert (attempts[:len(ended[event][1])] if state == "pending" else attempts) == ended[event][1]
    assert "event=handlers.load" not in ring.logs()  # a shard reads what another one knew of handlers
