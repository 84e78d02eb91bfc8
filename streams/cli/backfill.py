"""``uneri backfill``: history into the state of a daemon, before its first start."""

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import typer

from config.settings import Settings
from streams.backfill.into_local import Watch, into_local
from streams.backfill.lesson import Learnt, Lesson
from streams.engine.warm import compile_ahead
from streams.history.open_history import Between, open_history
from streams.history.source import ReplayError
from streams.process.progress import Progress
from streams.process.stop_requests import INTERRUPTED, recording_stop


def run_backfill(sources: Sequence[str], settings: Settings, between: Between, *, restart: bool) -> int:
    """Learn, say what was learnt, and return the exit code.

    Raises
    ------
    streams.history.source.ReplayError
        When the history cannot be read, or the state cannot be used.
    """
    if settings.kafka is not None:
        raise ReplayError(
            "backfill is for the embedded daemon; with Kafka, write the history to the requests topic in the "
            "order of its times (`uneri simulate`, or your own producer) before the first start: the daemon "
            "learns from it and notifies of nothing in it"
        )
    history = open_history(list(sources), settings, between)
    for note in history.notes:
        typer.echo(f"uneri: {note}", err=True)
    asked = "\x1f".join([*sources, str(between)])
    lesson = Lesson(settings, history, int(time.time()), asked)
    compile_ahead()
    with recording_stop() as stop, Progress("backfill", sys.stderr) as progress:
        watch = Watch(progress.show, _resuming, lambda: bool(stop))
        learnt = into_local(Path(settings.local.state), lesson, watch, restart=restart)
    if learnt is None:
        typer.echo("uneri: stopped; run the same command again to go on", err=True)
        return INTERRUPTED
    if not learnt.until:
        raise ReplayError(
            f"{', '.join(sources)}: nothing to learn from ({learnt.records:,} records, "
            f"{learnt.bad.total():,} of them bad); check the source and its times"
        )
    typer.echo(_said(learnt, settings.local.state))
    return 0


def _resuming(done: float) -> None:
    typer.echo(f"uneri: resuming at {done:.0%} (--restart starts over)", err=True)


def _said(learnt: Learnt, state: str) -> str:
    bad = f", {learnt.bad.total():,} of them bad" if learnt.bad else ""
    return (
        f"{state}: learnt from {learnt.records:,} records{bad}, up to "
        f"{datetime.fromtimestamp(learnt.until, UTC):%Y-%m-%d %H:%M} UTC; start the daemon with `uneri run`"
    )
