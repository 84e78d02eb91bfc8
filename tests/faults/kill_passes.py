"""Passes over the input with kills of one kind, for the tests and the long run."""

import random
import time
from collections.abc import Iterable

from tests.faults.crash_sites import AT_A_REBALANCE, CrashSite
from tests.faults.daemons import Daemon
from tests.faults.kafka_run import KafkaRun, Report, stop_all
from tests.faults.local_run import LocalRun


def random_kills(run: KafkaRun | LocalRun, draw: random.Random, kills: int) -> Report:
    """Kill the daemon at random moments, then let one finish."""
    done = run.kill_at_random(draw, kills)
    report = run.finish()
    report.kills = done
    return report


def crash_point_kills(run: KafkaRun | LocalRun, places: Iterable[CrashSite]) -> Report:
    """Crash one worker after the other, each at its crash point, then let one finish."""
    missed = []
    kills = 0
    for place in places:
        other: Daemon | None = None
        daemon = run.start(crash=list(place))
        if place in AT_A_REBALANCE and isinstance(run, KafkaRun):
            daemon.logged("stage opened")
            daemon.wait(0.5)
            other = run.start(worker="two")  # its joining takes partitions away
        if daemon.crashed(60):
            kills += 1
        else:
            missed.append(f"{place} was not passed, exit code {daemon.code}")
            daemon.kill()
        if other is not None:
            other.kill()
    report = run.finish()
    report.wrong += missed
    report.kills = kills
    return report


def rebalances(run: KafkaRun, draw: random.Random, turns: int, pause: float = 2.0) -> Report:
    """Let three workers share the work; every few seconds one leaves or is killed, and another joins."""
    report = Report()
    workers = [run.start(worker="", session=6) for _ in range(3)]
    for _ in range(turns):
        time.sleep(pause)
        gone = workers.pop(draw.randrange(len(workers)))
        if draw.random() < 0.5:
            report.kills += gone.kill()
        elif (code := gone.stop()) != 0:
            report.wrong.append(f"exit code {code} of a worker that was asked to stop")
        workers.append(run.start(worker="", session=6))
    codes = stop_all(workers)
    if codes != [0] * len(workers):
        report.wrong.append(f"exit codes {codes} of workers that were asked to stop")
    last = run.finish()
    last.wrong += report.wrong
    last.kills = report.kills
    return last
