"""``uneri backfill``: recorded events for a daemon, before its first start or while it runs."""

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import typer

from alerting.pipeline.hold_stages import since_of
from config.settings import Settings
from streams.cli.daemon_call import NoDaemonError, RefusedError, ask_daemon
from streams.drivers.compile_ahead import prepare_process
from streams.offline.backfill.lesson import Learnt, Lesson, Watch, fingerprint
from streams.offline.backfill.local_backfill import beside_local, forget_local, into_local
from streams.offline.replay.text_table import nothing_read
from streams.offline.sources.open_source import Between, open_source
from streams.offline.sources.replay_error import ReplayError
from streams.process.files.state_folder import history_place
from streams.process.progress import Progress
from streams.process.stop_requests import INTERRUPTED, recording_stop
from streams.process.web.answer_forms import TakeoverAnswer
from streams.record.history.history_filling import FillingError, HistoryFilling
from streams.record.history.history_keeper import HistoryBounds

if TYPE_CHECKING:
    from streams.offline.backfill.kafka_backfill import KafkaApp

ASK_SECONDS: Final = 0.5  # between two requests for the progress of the daemon


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
    """Learn, print a summary, and return the exit code; ``url`` is that of an embedded daemon.

    Raises
    ------
    ReplayError
        When the sources cannot be read, or their target refuses the result.
    """
    target, now = target_of(settings, url), time.time()
    start, end = between
    step = settings.time.step
    own = None if target.begins is None else -(-target.begins // step) * step  # the first it knows whole
    until = min((at for at in (end, own) if at is not None), default=None)
    recorded = open_source(list(sources), settings, (start, until), source=source, form=form)
    for note in recorded.notes:
        typer.echo(f"uneri: {note}", err=True)
    request = "\x1f".join([*sources, str(between), *([f"{source} {form}"] if source or form else [])])
    lesson = Lesson(
        settings,
        recorded,
        since_of(settings, now),
        request,
        shards=target.shards,
        latest=now + settings.time.future,
        filling=_filling(settings, target.shards, fingerprint(request, settings)),
    )
    prepare_process()
    with recording_stop() as stop, Progress("backfill", sys.stderr) as progress:
        watch = Watch(progress.show, lambda: bool(stop))
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
    bad = f", {learnt.bad.total():,} of them bad" if learnt.bad else ""
    return target.finish(f"learnt from {learnt.records:,} records{bad}, up to {_time(learnt.until)}")


def _filling(settings: Settings, shards: int, name: str) -> HistoryFilling | None:
    """Return the writer of steps for the history of the daemon; None if it keeps none."""
    kept = settings.history
    if not (kept.keep if settings.kafka is None else kept.shared):
        return None
    return HistoryFilling(history_place(settings), HistoryBounds.of(kept), shards, learnt=name)


def _time(at: int) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"


class _NewState(NamedTuple):
    """A state that no daemon has yet."""

    folder: Path
    url: str
    begins: None = None
    shards: int = 1

    def learn(self, lesson: Lesson, watch: Watch, *, restart: bool) -> Learnt | None:
        return into_local(self.folder, lesson, watch, restart=restart)

    def finish(self, summary: str) -> int:
        typer.echo(f"{self.folder}: {summary}; start the daemon with `uneri run`")
        return 0

    def forget(self) -> int:
        raise ReplayError(
            f"no daemon answers at {self.url}: start it, or check --url; before its first start, delete "
            f"{self.folder} to take a backfill back"
        )


class _RunningDaemon(NamedTuple):
    folder: Path
    url: str
    begins: int | None
    shards: int = 1

    def learn(self, lesson: Lesson, watch: Watch, *, restart: bool) -> Learnt | None:
        return beside_local(self.folder, lesson, watch, restart=restart)

    def finish(self, summary: str) -> int:
        return self._hand_over(f"{summary}; the daemon judges by it from now on")

    def forget(self) -> int:
        forget_local(self.folder)
        return self._hand_over("what backfills taught is forgotten")

    def _hand_over(self, done: str) -> int:
        """Have the daemon take the result over, wait for it, and print ``done``."""
        try:
            ask_daemon("POST", f"{self.url}/backfill", b"{}")
            state = self._wait()
        except RefusedError as error:
            raise ReplayError(str(error)) from error
        except NoDaemonError:
            state = None
        if state is None:
            typer.echo("uneri: the daemon has stopped; it takes this up at its next start", err=True)
            return 1
        if state.refused:
            raise ReplayError(f"the daemon did not take it up: {state.refused}")
        if state.waits:
            typer.echo("uneri: the daemon goes on without this command; `uneri status` shows it", err=True)
            return INTERRUPTED
        typer.echo(done)
        return 0

    def _wait(self) -> TakeoverAnswer | None:
        with recording_stop() as stop, Progress("taking it up", sys.stderr, unit="steps") as progress:
            while (state := _takeover_state(self.url)) is not None and state.waits and not stop:
                progress.show(state.progress, 0, 0)
                time.sleep(ASK_SECONDS)
        return state


def target_of(settings: Settings, url: str) -> "_NewState | _RunningDaemon | KafkaApp":
    """Return the target of the settings; ``url`` is that of an embedded daemon.

    ``begins`` is the first bucket of its own that it can judge anew, epoch seconds. ``learn`` returns None if
    asked to stop before the end, to go on later; ``finish`` hands the result over, ``forget`` undoes earlier
    backfills; both print how, and return the exit code. All raise ``ReplayError``, with the remedy.
    """
    if settings.kafka is not None:
        from streams.offline.backfill.kafka_backfill import find_app

        return find_app(settings.kafka, settings)
    folder, state = Path(settings.local.state), _takeover_state(url)
    if state is None:
        return _NewState(folder, url)
    if state.waits:  # and will delete the file that holds it
        raise ReplayError(
            f"the daemon at {url} is taking up another history: try again when that is done "
            "(`uneri status` shows it)"
        )
    return _RunningDaemon(folder, url, state.begins)


def _takeover_state(url: str) -> TakeoverAnswer | None:
    """Return the answer of the daemon at ``url``, None if none answers."""
    try:
        return msgspec.convert(ask_daemon("GET", f"{url}/backfill"), TakeoverAnswer)
    except NoDaemonError:
        return None
    except (RefusedError, msgspec.ValidationError) as error:
        raise ReplayError(f"who answers at {url} takes up no history: {error}") from error
