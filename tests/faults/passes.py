"""Passes over the input through deaths of one kind, as the tests and the long run make them."""

import random
import time
from collections.abc import Iterable

from tests.faults.daemons import Life
from tests.faults.kafka_run import KafkaRun, Report, stop_all
from tests.faults.local_run import LocalRun
from tests.faults.points import AT_A_REBALANCE, Where


def random_deaths(run: KafkaRun | LocalRun, draw: random.Random, kills: int) -> Report:
    """Kill it at random moments, then let it end."""
    done = run.die_at_random(draw, kills)
    report = run.finish()
    report.kills = done
    return report


def named_deaths(run: KafkaRun | LocalRun, places: Iterable[Where]) -> Report:
    """Let one worker after the other die, each at its place, then one live."""
    missed = []
    kills = 0
    for place in places:
        other: Life | None = None
        life = run.start(crash=list(place))
        if place in AT_A_REBALANCE and isinstance(run, KafkaRun):
            life.heard("stage opened")
            life.wait(0.5)
            other = run.start(worker="two")  # its joining takes partitions away
        if life.died(60):
            kills += 1
        else:
            missed.append(f"{place} was not passed, exit code {life.code}")
            life.kill()
        if other is not None:
            other.kill()
    report = run.finish()
    report.wrong += missed
    report.kills = kills
    return report


def rebalances(run: KafkaRun, draw: random.Random, turns: int, pause: float = 2.0) -> Report:
    """Let three workers share the work, and every few seconds one leave, be killed or join."""
    report = Report()
    living = [run.start(worker="", session=6) for _ in range(3)]
    for _ in range(turns):
        time.sleep(pause)
        gone = living.pop(draw.randrange(len(living)))
        if draw.random() < 0.5:
            report.kills += gone.kill()
        elif (code := gone.stop()) != 0:
            report.wrong.append(f"exit code {code} of a worker that was asked to stop")
        living.append(run.start(worker="", session=6))
    for life in living:
        life.heard("started")  # the log is that of all: another may have said it
        life.listens()
    codes = stop_all(living)
    if codes != [0] * len(living):
        report.wrong.append(f"exit codes {codes} of workers that were asked to stop")
    last = run.finish()
    last.wrong += report.wrong
    last.kills = report.kills
    return last
