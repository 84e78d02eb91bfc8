"""``uneri backfill``: history for a daemon, before its first start or while it runs."""

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import typer

from config.settings import Settings
from streams.backfill.beside_local import beside_local, forget_local
from streams.backfill.into_local import into_local
from streams.backfill.kept_lesson import Watch
from streams.backfill.lesson import Learnt, Lesson
from streams.cli.daemon_call import NoDaemonError, RefusedError, ask_daemon
from streams.engine.warm import compile_ahead
from streams.history.open_history import Between, open_history
from streams.history.source import ReplayError
from streams.local.backfill_routes import TakeoverState
from streams.process.progress import Progress
from streams.process.stop_requests import INTERRUPTED, recording_stop

_ASK_SECONDS: Final = 0.5  # between two questions how far the daemon is


def run_backfill(
    sources: Sequence[str], settings: Settings, between: Between, url: str, *, restart: bool
) -> int:
    """Learn, say what was learnt, and return the exit code.

    Raises
    ------
    streams.history.source.ReplayError
        When the history cannot be read, or the daemon or its state cannot take it.
    """
    if settings.kafka is not None:
        raise ReplayError(
            "backfill is for the embedded daemon; with Kafka, write the history to the requests topic in the "
            "order of its times (`uneri simulate`, or your own producer) before the first start: the daemon "
            "learns from it and notifies of nothing in it"
        )
    running = _running(url)
    folder = Path(settings.local.state)
    if running is not None and running.begins is not None:
        between = (between[0], _earlier(between[1], running.begins, settings.time.step))
    history = open_history(list(sources), settings, between)
    for note in history.notes:
        typer.echo(f"uneri: {note}", err=True)
    lesson = Lesson(settings, history, int(time.time()), "\x1f".join([*sources, str(between[0])]))
    compile_ahead()
    with recording_stop() as stop, Progress("backfill", sys.stderr) as progress:
        watch = Watch(progress.show, _resuming, lambda: bool(stop))
        learn = into_local if running is None else beside_local
        learnt = learn(folder, lesson, watch, restart=restart)
    if learnt is None:
        typer.echo("uneri: stopped; run the same command again to go on", err=True)
        return INTERRUPTED
    if not learnt.until:
        raise ReplayError(
            f"{', '.join(sources)}: nothing to learn from ({learnt.records:,} records, "
            f"{learnt.bad.total():,} of them bad); check the source and its times"
        )
    if running is None:
        typer.echo(f"{settings.local.state}: {_said(learnt)}; start the daemon with `uneri run`")
        return 0
    return _hand_over(url, f"{_said(learnt)}; the daemon judges by it from now on")


def undo_backfill(settings: Settings, url: str) -> int:
    """Have a running daemon go on as if no backfill had been; return the exit code.

    Raises
    ------
    streams.history.source.ReplayError
        When no daemon runs, or its state cannot be written.
    """
    if settings.kafka is None and _running(url) is None:
        raise ReplayError(
            f"no daemon answers at {url}: start it, or check --url; before its first start, delete "
            f"{settings.local.state} to take a backfill back"
        )
    forget_local(Path(settings.local.state))
    return _hand_over(url, "what backfills taught is forgotten")


def _running(url: str) -> TakeoverState | None:
    """Return what the daemon at ``url`` says, None if none answers."""
    try:
        return msgspec.convert(ask_daemon("GET", f"{url}/backfill"), TakeoverState)
    except NoDaemonError:
        return None
    except (RefusedError, msgspec.ValidationError) as error:
        raise ReplayError(f"a daemon answers at {url}, but not what it could take up: {error}") from error


def _hand_over(url: str, said: str) -> int:
    """Have the daemon take up what was learnt, and wait for it."""
    with recording_stop() as stop, Progress("judging anew what the daemon judged", sys.stderr) as progress:
        try:
            ask_daemon("POST", f"{url}/backfill", b"{}")
            while (state := _running(url)) is not None and state.waits and not stop:
                progress.show(state.progress, 0, 0)
                time.sleep(_ASK_SECONDS)
        except RefusedError as error:
            raise ReplayError(str(error)) from error
        except NoDaemonError:
            state = None
    if state is None:
        typer.echo("uneri: the daemon has stopped; it takes the history up at its next start", err=True)
        return 1
    if state.refused:
        raise ReplayError(f"the daemon did not take the history up: {state.refused}")
    if state.waits:
        typer.echo("uneri: the daemon goes on without this command; `uneri status` shows it", err=True)
        return INTERRUPTED
    typer.echo(said)
    return 0


def _earlier(to: float | None, begins: int, step: int) -> float:
    """Return where the history ends: before the first step that the daemon knows from its start."""
    whole = float(-(-begins // step) * step)
    return whole if to is None else min(to, whole)


def _resuming(done: float) -> None:
    typer.echo(f"uneri: resuming at {done:.0%} (--restart starts over)", err=True)


def _said(learnt: Learnt) -> str:
    bad = f", {learnt.bad.total():,} of them bad" if learnt.bad else ""
    return (
        f"learnt from {learnt.records:,} records{bad}, up to "
        f"{datetime.fromtimestamp(learnt.until, UTC):%Y-%m-%d %H:%M} UTC"
    )
