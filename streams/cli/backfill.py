"""``uneri backfill``: history for a daemon, before its first start or while it runs."""

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import typer

from alerting.pipeline.history import since_of
from config.settings import Settings
from streams.cli.backfill_target import target_of
from streams.cli.nothing_read import nothing_read
from streams.drivers.compile_ahead import warm
from streams.offline.backfill.kept_lesson import Watch
from streams.offline.backfill.lesson import Learnt, Lesson, fingerprint
from streams.offline.sources.open_history import Between, open_history
from streams.offline.sources.replay_error import ReplayError
from streams.process.files.state_folder import history_place
from streams.process.progress import Progress
from streams.process.stop_requests import INTERRUPTED, recording_stop
from streams.record.history.bounds import HistoryBounds
from streams.record.history.history_filling import FillingError, HistoryFilling


def run_backfill(
    sources: Sequence[str],
    settings: Settings,
    between: Between,
    url: str,
    *,
    restart: bool,
    source: str | None = None,
    form: str | None = None,
) -> int:
    """Learn, say what was learnt, and return the exit code; ``url`` is where an embedded daemon would answer.

    Raises
    ------
    streams.offline.sources.source.ReplayError
        When the history cannot be read, or whoever is to know it cannot take it.
    """
    target, now = target_of(settings, url), time.time()
    start, end = between
    own = None if target.begins is None else _whole(target.begins, settings.time.step)
    history = open_history(list(sources), settings, (start, _earlier(end, own)), source=source, form=form)
    for note in history.notes:
        typer.echo(f"uneri: {note}", err=True)
    asked = "\x1f".join([*sources, str(between), *([f"{source} {form}"] if source or form else [])])
    lesson = Lesson(
        settings,
        history,
        since_of(settings, now),
        asked,
        shards=target.shards,
        latest=now + settings.time.future,
        filling=_filling(settings, target.shards, fingerprint(asked, settings)),
    )
    warm()
    with recording_stop() as stop, Progress("backfill", sys.stderr) as progress:
        watch = Watch(progress.show, _resuming, lambda: bool(stop))
        try:
            learnt = target.learn(lesson, watch, restart=restart)
        except FillingError as error:
            raise ReplayError(str(error)) from error
    if learnt is None:
        typer.echo("uneri: stopped; run the same command again to go on", err=True)
        return INTERRUPTED
    if not learnt.until:
        if own is None or learnt.records:
            found = nothing_read(learnt.records, learnt.bad, between=any(between))
        else:
            since = f"the daemon has judged itself since {_time(own)}"
            found = f"(0 records); {since}, and nothing lies before that"
        raise ReplayError(f"{', '.join(sources)}: nothing to learn from {found}")
    if learnt.late:
        typer.echo(
            f"uneri: {learnt.late:,} records came after their time and taught nothing: each file must be in "
            "the order of its times",
            err=True,
        )
    return target.finish(_said(learnt))


def _filling(settings: Settings, shards: int, name: str) -> HistoryFilling | None:
    """Return what writes the steps for the history of the daemon; None if it keeps none."""
    kept = settings.history
    if not (kept.keep if settings.kafka is None else kept.shared):
        return None
    return HistoryFilling(history_place(settings), HistoryBounds.of(kept), shards, learnt=name)


def undo_backfill(settings: Settings, url: str) -> int:
    """Have daemons go on as if no backfill had been; return the exit code.

    Raises
    ------
    streams.offline.sources.source.ReplayError
        When none can be reached.
    """
    return target_of(settings, url).forget()


def _whole(begins: int, step: int) -> int:
    """Return the first step that a daemon knows from its start."""
    return -(-begins // step) * step


def _earlier(end: float | None, own: int | None) -> float | None:
    return min((at for at in (end, own) if at is not None), default=None)


def _time(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


def _resuming(done: float) -> None:
    typer.echo(f"uneri: resuming at {done:.0%} (--restart starts over)", err=True)


def _said(learnt: Learnt) -> str:
    bad = f", {learnt.bad.total():,} of them bad" if learnt.bad else ""
    return f"learnt from {learnt.records:,} records{bad}, up to {_time(learnt.until)}"
