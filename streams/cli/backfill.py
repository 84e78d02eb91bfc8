"""``uneri backfill``: history for a daemon, before its first start or while it runs."""

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import typer

from config.settings import Settings
from streams.backfill.kept_lesson import Watch
from streams.backfill.lesson import Learnt, Lesson
from streams.cli.backfill_target import target_of
from streams.engine.warm import compile_ahead
from streams.history.open_history import Between, open_history
from streams.history.source import ReplayError
from streams.process.progress import Progress
from streams.process.stop_requests import INTERRUPTED, recording_stop


def run_backfill(
    sources: Sequence[str], settings: Settings, between: Between, url: str, *, restart: bool
) -> int:
    """Learn, say what was learnt, and return the exit code; ``url`` is where an embedded daemon would answer.

    Raises
    ------
    streams.history.source.ReplayError
        When the history cannot be read, or whoever is to know it cannot take it.
    """
    target = target_of(settings, url)
    start, end = between
    if target.begins is not None:
        end = _earlier(end, target.begins, settings.time.step)
    history = open_history(list(sources), settings, (start, end))
    for note in history.notes:
        typer.echo(f"uneri: {note}", err=True)
    asked = "\x1f".join([*sources, str(start)])
    lesson = Lesson(settings, history, int(time.time()), asked, shards=target.shards)
    compile_ahead()
    with recording_stop() as stop, Progress("backfill", sys.stderr) as progress:
        learnt = target.learn(lesson, Watch(progress.show, _resuming, lambda: bool(stop)), restart=restart)
    if learnt is None:
        typer.echo("uneri: stopped; run the same command again to go on", err=True)
        return INTERRUPTED
    if not learnt.until:
        raise ReplayError(
            f"{', '.join(sources)}: nothing to learn from ({learnt.records:,} records, "
            f"{learnt.bad.total():,} of them bad); check the source and its times"
        )
    return target.finish(_said(learnt))


def undo_backfill(settings: Settings, url: str) -> int:
    """Have daemons go on as if no backfill had been; return the exit code.

    Raises
    ------
    streams.history.source.ReplayError
        When none can be reached.
    """
    return target_of(settings, url).forget()


def _earlier(end: float | None, begins: int, step: int) -> float:
    """Return where the history ends: before the first step that a daemon knows from its start."""
    whole = float(-(-begins // step) * step)
    return whole if end is None else min(end, whole)


def _resuming(done: float) -> None:
    typer.echo(f"uneri: resuming at {done:.0%} (--restart starts over)", err=True)


def _said(learnt: Learnt) -> str:
    bad = f", {learnt.bad.total():,} of them bad" if learnt.bad else ""
    return (
        f"learnt from {learnt.records:,} records{bad}, up to "
        f"{datetime.fromtimestamp(learnt.until, UTC):%Y-%m-%d %H:%M} UTC"
    )
