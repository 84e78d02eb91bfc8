"""For whom a backfill learns: a state that no daemon had yet, a daemon that runs, or an app in Kafka."""

import sys
import time
from pathlib import Path
from typing import Final, Protocol

import msgspec
import typer

from config.settings import Settings
from streams.cli.daemon_call import NoDaemonError, RefusedError, ask_daemon
from streams.drivers.local.backfill_routes import TakeoverState
from streams.offline.backfill.beside_local import beside_local, forget_local
from streams.offline.backfill.into_local import into_local
from streams.offline.backfill.kept_lesson import Watch
from streams.offline.backfill.lesson import Learnt, Lesson
from streams.offline.sources.replay_error import ReplayError
from streams.process.progress import Progress
from streams.process.stop_requests import INTERRUPTED, recording_stop

ASK_SECONDS: Final = 0.5  # between two questions how far the daemon is


class BackfillTarget(Protocol):
    """Whoever is to know the history. Every method raises ``ReplayError``, with the remedy."""

    begins: int | None  # the first bucket of its own that it can judge anew, epoch seconds
    shards: int

    def learn(self, lesson: Lesson, watch: Watch, *, restart: bool) -> Learnt | None:
        """Run a lesson; return None if asked to stop before the end, to go on later."""

    def finish(self, said: str) -> int:
        """See to it that what was learnt is taken up, say so, and return the exit code."""

    def forget(self) -> int:
        """Take back what backfills taught, say so, and return the exit code."""


def target_of(settings: Settings, url: str) -> BackfillTarget:
    """Return the target that the settings name; ``url`` is where an embedded daemon would answer."""
    if settings.kafka is not None:
        from streams.cli.backfill_kafka import KafkaTarget

        return KafkaTarget(settings.kafka, settings)
    folder, state = Path(settings.local.state), _asked(url)
    return _NewState(folder, url) if state is None else _RunningDaemon(folder, url, state)


class _NewState:
    begins: int | None = None
    shards = 1

    def __init__(self, folder: Path, url: str) -> None:
        self._folder = folder
        self._url = url

    def learn(self, lesson: Lesson, watch: Watch, *, restart: bool) -> Learnt | None:
        return into_local(self._folder, lesson, watch, restart=restart)

    def finish(self, said: str) -> int:
        typer.echo(f"{self._folder}: {said}; start the daemon with `uneri run`")
        return 0

    def forget(self) -> int:
        raise ReplayError(
            f"no daemon answers at {self._url}: start it, or check --url; before its first start, delete "
            f"{self._folder} to take a backfill back"
        )


class _RunningDaemon:
    shards = 1

    def __init__(self, folder: Path, url: str, state: TakeoverState) -> None:
        if state.waits:  # and will delete the file that holds it
            raise ReplayError(
                f"the daemon at {url} is taking up another history: try again when that is done "
                "(`uneri status` shows it)"
            )
        self.begins: int | None = state.begins
        self._folder = folder
        self._url = url

    def learn(self, lesson: Lesson, watch: Watch, *, restart: bool) -> Learnt | None:
        return beside_local(self._folder, lesson, watch, restart=restart)

    def finish(self, said: str) -> int:
        return self._hand_over(f"{said}; the daemon judges by it from now on")

    def forget(self) -> int:
        forget_local(self._folder)
        return self._hand_over("what backfills taught is forgotten")

    def _hand_over(self, said: str) -> int:
        """Have the daemon take it up, and wait for it."""
        try:
            ask_daemon("POST", f"{self._url}/backfill", b"{}")
            state = self._taken_up()
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
        typer.echo(said)
        return 0

    def _taken_up(self) -> TakeoverState | None:
        with recording_stop() as stop, Progress("taking it up", sys.stderr, unit="steps") as progress:
            while (state := _asked(self._url)) is not None and state.waits and not stop:
                progress.show(state.progress, 0, 0)
                time.sleep(ASK_SECONDS)
        return state


def _asked(url: str) -> TakeoverState | None:
    """Return what the daemon at ``url`` says, None if none answers."""
    try:
        return msgspec.convert(ask_daemon("GET", f"{url}/backfill"), TakeoverState)
    except NoDaemonError:
        return None
    except (RefusedError, msgspec.ValidationError) as error:
        raise ReplayError(f"who answers at {url} takes up no history: {error}") from error
