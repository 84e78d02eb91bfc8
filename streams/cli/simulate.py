"""The command ``uneri simulate``."""

import sys
from pathlib import Path

from config.settings import KafkaSettings
from streams.offline.simulate.deliver import simulate
from streams.offline.simulate.event_writer import WriteError
from streams.offline.simulate.scenario_load import load_scenario
from streams.offline.simulate.shape import ShapeError
from streams.process.progress import Progress


def run_simulate(
    scenario: str,
    to: str,
    *,
    shape: Path | None,
    labels: Path | None,
    between: tuple[float | None, float | None],
    speed: float,
    now: bool,
    kafka: KafkaSettings | None = None,
) -> int:
    """Generate and deliver events, print their number, and return the exit code.

    Raises
    ------
    config.load.ConfigError
        The scenario is invalid; one line per problem.
    """
    start, end = between
    if start is not None and end is not None and start >= end:
        sys.stderr.write("uneri: --from must be before --until; swap them?\n")
        return 2
    read = load_scenario(scenario)
    try:
        with Progress("simulate", sys.stderr) as progress:
            count = simulate(
                read,
                to,
                shape=shape,
                from_=between[0],
                until=between[1],
                speed=speed,
                progress=progress.show,
                now=("start" if speed else "end") if now else None,
                labels=labels,
                kafka=kafka,
            )
    except (ShapeError, WriteError) as error:
        sys.stderr.write(f"uneri: {error}\n")
        return 2 if isinstance(error, ShapeError) else 1
    sys.stderr.write(f"simulate: {count:,} events to {to}\n")
    return 0
