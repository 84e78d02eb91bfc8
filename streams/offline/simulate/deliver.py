"""Generates the events of a scenario and delivers them to a target, at a given speed."""

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from alerting.evaluation.labels_file import labels_to_csv, labels_to_yaml, read_labels
from config.settings import KafkaSettings
from streams.offline.simulate.event_writer import open_writer, writing
from streams.offline.simulate.scenario import Scenario
from streams.offline.simulate.scenario_incidents import CELL
from streams.offline.simulate.scenario_load import load_scenario
from streams.offline.simulate.simulation import ArrivingLines, Simulation
from streams.offline.simulate.traffic import read_shape
from streams.offline.sources.source import OnProgress
from streams.process.command_error import UsageError
from streams.process.progress import Progress

SLICE = 0.25  # seconds of wall time between deliveries at a given speed


def paced(
    deliveries: Iterable[ArrivingLines],
    first: float,
    speed: float,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[ArrivingLines]:
    """Split deliveries into slices and yield each when it is due.

    Now is ``first`` in the scenario (epoch seconds); ``speed`` seconds of it pass per second of wall time.
    """
    began = clock()
    span = max(round(SLICE * speed * 1000), 1)
    for delivery in deliveries:
        low = 0
        while low < len(delivery.lines):
            due = int(delivery.arrivals[low]) // span * span + span
            high = int(np.searchsorted(delivery.arrivals, due))
            wait = began + (due / 1000 - first) / speed - clock()
            if wait > 0:
                sleep(wait)
            yield ArrivingLines(delivery.start, delivery.arrivals[low:high], delivery.lines[low:high])
            low = high


def truth(simulation: Simulation, to: Path) -> str:
    """Return the ground truth of a simulation in the format of a file, by its suffix."""
    lines = "".join(json.dumps(label) + "\n" for label in simulation.labels())
    form = {".csv": labels_to_csv, ".yaml": labels_to_yaml, ".yml": labels_to_yaml}.get(to.suffix.lower())
    return lines if form is None else form(read_labels(lines, "truth.jsonl"))


class SimulateOptions(NamedTuple):
    """What is generated of a scenario, and how it is delivered."""

    between: tuple[float | None, float | None] = (None, None)  # in which events arrive, epoch seconds
    shape: Path | None = None  # a series that traffic follows, instead of the scenario's own
    speed: float = 0.0  # seconds of the scenario per second; 0 is as fast as possible
    now: bool = False  # move it in time so that it ends now or, with a speed, starts now
    labels: Path | None = None
    """File for the ground truth: labels for replay if its name ends with .yaml, .yml or .csv, else a line of
    JSON for each incident and growth, with more detail."""
    kafka: KafkaSettings | None = None  # how to connect


WHOLE: Final = SimulateOptions()


def simulate(
    scenario: Scenario,
    to: str,
    asked: SimulateOptions = WHOLE,
    progress: OnProgress | None = None,
    wall: Callable[[], float] = time.time,
) -> int:
    """Generate a scenario and deliver it to a target of ``open_writer``; return the number of events.

    Raises
    ------
    WriteError
        The target cannot be reached or refuses, or the labels cannot be written.
    SeriesError
        The shape is not a usable series.
    """
    moment, labels, (from_, until) = wall(), asked.labels, asked.between
    if asked.now:
        start = moment if asked.speed else moment - scenario.length
        scenario = scenario.moved(start // CELL * CELL)
    chosen = asked.shape or (Path(scenario.shape) if scenario.shape else None)
    simulation = Simulation(scenario, shape=read_shape(chosen) if chosen else None, now=moment)
    if labels is not None:
        with writing(labels):
            labels.parent.mkdir(parents=True, exist_ok=True)
            labels.write_text(truth(simulation, labels), "utf-8")
    begin = max(simulation.start, from_ if from_ is not None else simulation.start)
    finish = min(simulation.end, until if until is not None else simulation.end)
    deliveries = simulation.lines(from_, until)
    if asked.speed > 0:
        deliveries = paced(deliveries, begin, asked.speed)
    written = 0
    with open_writer(to, asked.kafka) as writer:
        for delivery in deliveries:
            if not delivery.lines:
                continue
            writer.write(delivery.lines, delivery.arrivals.tolist())
            written += len(delivery.lines)
            if progress is not None:
                reached = int(delivery.arrivals[-1]) // 1000
                progress(min((reached - begin) / max(finish - begin, 1), 1.0), written, reached)
    return written


def run_simulate(scenario: str, to: str, asked: SimulateOptions) -> None:
    """Generate and deliver events, and print their number; errors are those of ``simulate``."""
    start, end = asked.between
    if start is not None and end is not None and start >= end:
        raise UsageError("--from must be before --until; swap them?")
    read = load_scenario(scenario)
    with Progress("simulate", sys.stderr) as progress:
        count = simulate(read, to, asked, progress.show)
    sys.stderr.write(f"simulate: {count:,} events to {to}\n")
