"""The delivery campaign: events go to two bots while postern-bot dies again and again.

    ./dev kill --deliveries                                     1,000 events, 20 kills
    python3 tests/system/delivery_campaign.py --events 1000 --kills 20 --seed 7

The callers of one bot wait for its handler. Some calls fail, some are slow. Checked at the end: each
event was answered 200; the handler was called for each at least once, always with the same id, which
is no other's; and each reply stands in the feed exactly once.
"""

import argparse
import collections
import concurrent.futures
import random
import sys
import time

import answering
from harness import postern

SETTINGS = {"delivery.allow": "127.0.0.0/8", "delivery.time_scale": 100}
WRITERS = 8


def say_how(seed):
    """What the handler answers: the same for the same seed and event."""
    def answer(event, count):
        dice = random.Random(f"{seed} {event['body']} {count}")
        time.sleep(dice.choice((0, 0, 0, 0.05)))
        return (503, {}) if dice.random() < 0.05 else (200, {"text": f"reply to {event['body']}"})
    return answer


def check(events, answers, seen, posted):
    """What is wrong, in words."""
    ids = collections.defaultdict(set)
    for event in seen:
        ids[event["body"]].add(event["id"])
    names = collections.Counter(id for some in ids.values() for id in some)
    stands = collections.Counter(m["message"]["text"] for m in posted)
    wrong = [f"{body}: answered {answers[body]}" for body in events if answers[body][0] != 200]
    wrong += [f"{body}: {len(ids[body])} ids" for body in events if len(ids[body]) != 1]
    wrong += [f"{id}: of {n} events" for id, n in names.items() if n != 1]
    wrong += [f"{body}: its reply stands {stands[f'reply to {body}']} times" for body in events
              if stands[f"reply to {body}"] != 1]
    wrong += [f"{m['message']}: of another event" for m in posted
              if {m["reply_to"]} != ids[m["message"]["text"].removeprefix("reply to ")]]
    late = [json for _, json in answers.values() if json]
    wrong += [f"a caller got {json}" for json in late if not json.get("text", "").startswith("reply to ")]
    return wrong, len(late)


def campaign(ring, events, kills, seed, name):
    """Runs one in a running Ring. Returns what is wrong and a line of counts."""
    dice, ada = random.Random(seed), ring.user(name)
    names = [f"{name}_{which}" for which in ("plain", "waits")]
    bodies, answers = [f"event {n}" for n in range(events)], {}
    with answering.Answering(say_how(seed)) as handler, \
            concurrent.futures.ThreadPoolExecutor(WRITERS) as pool:
        for bot, wait in zip(names, (0, 2)):
            ring.bot(bot, ada)
            ring.ctl("bot", "handler", "set", bot, handler.url, "--wait", wait)

        def send(n):
            url = ring.bot_url(names[n % 2], ada.token)
            answer = postern.requests.post(url, data=bodies[n], timeout=60)
            answers[bodies[n]] = answer.status_code, answer.json()

        done = []
        for kill in range(kills):
            done += [pool.submit(send, n)
                     for n in range(events * kill // kills, events * (kill + 1) // kills)]
            time.sleep(dice.uniform(0.05, 0.5))
            ring.kill("bot-0")
            ring.wait_ready("bot-0")
        for one in done:
            one.result()
        for bot in names:
            answering.settled(ring, "bots", bot, ada.token)
        posted = [m for bot in names for m in answering.replies(ring, "bots", bot, ada.token)]
        wrong, late = check(bodies, answers, handler.events, posted)
        return wrong, (f"delivery campaign: seed={seed} events={events} kills={kills} "
                       f"calls={len(handler.events)} replies={len(posted)} waited_for={late} "
                       f"wrong={len(wrong)}")


def main():
    words = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    words.add_argument("--events", type=int, default=1000)
    words.add_argument("--kills", type=int, default=20)
    words.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    chosen = words.parse_args()
    with postern.Ring(settings=SETTINGS) as ring:
        wrong, line = campaign(ring.up(), chosen.events, chosen.kills, chosen.seed, "deliveries")
        print(line, *wrong[:10], sep="\n  ", flush=True)
        ring.keep = bool(wrong)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
