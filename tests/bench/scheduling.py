"""./dev bench --scheduling: how much of the ring's rate the kernel's placing of threads costs.

The ring and nchan at 256 connections, under the default policy and with every thread, wrk's too, under
SCHED_RR, whose threads go to any core that runs none of theirs. It is a measure, and no advice: such
threads take the machine from all others. --short: a second each; proves nothing."""

import argparse
import os
import pathlib
import statistics
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import bench  # noqa: E402
import peers  # noqa: E402

CONNECTIONS = 256
POLICIES = {"default": (os.SCHED_OTHER, 0), "round robin": (os.SCHED_RR, 1)}


def schedule(peer, policy):
    """PEER's threads, and this process, whose policy wrk inherits."""
    what, priority = POLICIES[policy]
    pids = [int(pid) for found in peer.processes().values() for pid in found]
    threads = [int(task) for pid in pids for task in os.listdir(f"/proc/{pid}/task")]
    for thread in [0, *threads]:
        os.sched_setscheduler(thread, what, os.sched_param(priority))


def measure(peer, policy, tokens, plan):
    schedule(peer, policy)
    try:
        idle_before, _, all_before = bench.machine_ticks()
        result = bench.measure(
            peer, lambda s: bench.wrk(peer.base, tokens, CONNECTIONS, s), plan)
        idle_after, _, all_after = bench.machine_ticks()
    finally:
        schedule(peer, "default")
    return {**result, "idle": (idle_after - idle_before) / (all_after - all_before)}


def main():
    parser = argparse.ArgumentParser(prog="./dev bench --scheduling")
    parser.add_argument("--short", action="store_true", help="a few seconds; proves nothing")
    plan = bench.Plan(parser.parse_args().short)
    plan.rounds = 1 if plan.short else 5
    bench.machine()
    opened = []
    try:
        for make in (bench.RingPeer, peers.Nchan):
            opened.append(make(plan))
        named = dict(zip(("ring", "nchan"), opened))
        results = {(name, policy): [] for name in named for policy in POLICIES}
        for _ in range(plan.rounds):
            for (name, policy), found in results.items():
                found.append(measure(named[name], policy, opened[0].tokens, plan))
        for (name, policy), found in results.items():
            share = statistics.median(result["idle"] for result in found)
            bench.say(f"{name:<6}{policy:<12}{bench.median(found)['rate']:>8.0f} msg/s   "
                      f"cores idle {share:.0%}")
        for policy in POLICIES:
            values = [a["rate"] / b["rate"]
                      for a, b in zip(results["ring", policy], results["nchan", policy])]
            bench.say_ratio(f"ring / nchan, {policy}", values, "for information", width=28)
    except PermissionError:
        sys.exit("needs the right to SCHED_RR (CAP_SYS_NICE)")
    finally:
        for peer in reversed(opened):
            peer.close()


if __name__ == "__main__":
    main()
