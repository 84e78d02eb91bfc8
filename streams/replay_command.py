"""``uneri replay``: finds the history, shows progress, leaves the results and says what was found."""

import re
import sys
from pathlib import Path

import typer

from config.settings import Kafka, Settings
from streams.progress import Progress
from streams.replay import replay, summary, write
from streams.replay_files import FileHistory
from streams.replay_kafka import KafkaHistory
from streams.replay_source import History, ReplayError

Between = tuple[float | None, float | None]


def open_history(source: str, settings: Settings, between: Between) -> History:
    """Return what ``SOURCE`` on the command line names.

    Raises
    ------
    ReplayError
        When it cannot be read.
    """
    start, end = between
    if start is not None and end is not None and start >= end:
        raise ReplayError("--from must be before --to")
    if not source.startswith("kafka:"):
        return FileHistory([Path(source)], *between)
    brokers, _, topic = source.removeprefix("kafka:").strip("/").partition("/")
    if not topic or not all(re.fullmatch(r".+:\d{1,5}", broker) for broker in brokers.split(",")):
        raise ReplayError(f"{source}: write kafka://host:port/topic")
    kafka = (settings.kafka or Kafka()).model_copy(update={"brokers": brokers.split(",")})
    return KafkaHistory(kafka, topic, *between)


def run_replay(source: str, settings: Settings, between: Between, out: Path) -> int:
    """Replay ``source`` and leave the results in ``out``; return the exit code.

    It is 1 when so much was bad that the daemon would have stopped: the results are then of what was left.
    """
    history = open_history(source, settings, between)
    with Progress("replay", sys.stderr) as progress:
        found = replay(history, settings, progress.show)
    if not found.last:
        raise ReplayError(
            f"{source}: nothing to judge in {found.records:,} records"
            f"{' between --from and --to' if any(between) else ''}, {len(found.dead):,} of them bad"
        )
    try:
        write(found, out)
    except OSError as error:
        raise ReplayError(
            f"{error.filename or out}: {error.strerror}; choose another folder with --out"
        ) from error
    for line in summary(found):
        typer.echo(line)
    typer.echo(f"{out}: findings.jsonl ({len(found.findings)}), incidents.jsonl ({len(found.incidents)})")
    return 1 if found.stopped else 0
