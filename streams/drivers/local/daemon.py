"""The local driver: events from HTTP, files or standard input go into a SQLite log, then to the engine."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog
from filelock import FileLock

from alerting.outbox.outbox_sqlite import SqliteOutbox
from config.capacity import Capacity
from config.load import ConfigError
from config.secret import SecretError
from config.settings import Settings
from detectors.state.state import NewerStateError, StateError, why
from streams.drivers.checkpointing import USUAL, RunOptions
from streams.drivers.compile_ahead import prepare_process
from streams.drivers.daemon import Daemon
from streams.drivers.local.backfill_routes import BackfillRoutes
from streams.drivers.local.line_inputs import Follow, StandardInput
from streams.drivers.local.log_intake import LogIntake
from streams.drivers.local.log_judge import LogJudge, UnfinishedBackfillError
from streams.drivers.local.sqlite_store import SqliteStore
from streams.drivers.local.state_files import StateFiles, check_whole, explain, lacks_outbox
from streams.drivers.local.state_transfer import StateExport, drop_unfinished
from streams.drivers.local.takeover import LearntFileError, read_learnt
from streams.engine.stages.dead_letter_limit import DeadLetterLimitError
from streams.ingest.formats.inputs import Inputs
from streams.ingest.receivers.payload_lines import line_reader
from streams.ingest.receivers.receivers import Receivers
from streams.ingest.receivers.sender_limits import SenderLimits
from streams.notify.interactions import slack_secrets
from streams.notify.notification_service import NotificationService
from streams.process.files.locks import FolderLockedError, lock_state
from streams.process.files.state_folder import (
    LOG_FILE,
    OUTBOX_FILE,
    SESSION_KEY_FILE,
    OpenFolderError,
    create_private,
)
from streams.process.guarded_clock import GuardedClock
from streams.process.logs import configure_logs
from streams.process.stop_requests import stop_daemon_on_signals
from streams.process.watchdog import Watchdog
from streams.process.web.http_server import ListenError
from streams.process.web.listen_address import AddressError, listen_address_of
from streams.process.web.sessions import SessionKeyError, session_key

SEND_OUT_SECONDS: Final = 5.0  # a stop waits this long for unsent messages; the next start sends the rest
STOP_SECONDS: Final = 60.0  # for a complete stop, if something hangs

_File = TypeVar("_File")

log = structlog.get_logger("uneri.local")


class StartError(Exception):
    """The daemon cannot start; the message has the reason and the remedy."""


class LocalDaemon(Daemon):
    """The local driver: inputs, engine, delivery and web server in one event loop.

    Parameters
    ----------
    stdin
        A file descriptor to read to its end.
    watchdog, read
        As for ``Daemon``.
    clock
        Epoch seconds; by default that of the host, guarded.
    source
        The names of input and format of the lines of files and of standard input; by default, they are native
        records.

    Raises
    ------
    ConfigError
        When ``limits.file`` is missing or cannot be read.
    StartError
        When the state cannot be opened or read.
    AddressError
        When it would listen in an unsafe way.
    """

    receivers: Receivers

    def __init__(
        self,
        settings: Settings,
        follow: Sequence[Path] = (),
        stdin: int | None = None,
        watchdog: Watchdog | None = None,
        *,
        options: RunOptions = USUAL,
        clock: Callable[[], float] | None = None,
        read: Callable[[], Settings] | None = None,
        source: tuple[str | None, str | None] | None = None,
    ) -> None:
        from streams.drivers.local.history_service import HistoryService

        clock = clock or GuardedClock()
        super().__init__(settings, watchdog or Watchdog(), clock=clock, read=read)
        self.port = 0
        self._stopping = asyncio.Event()
        state = Path(settings.local.state)
        self._lock = _locked(state)
        lost_outbox = lacks_outbox(state)
        try:
            check_whole(state)
        except sqlite3.Error as error:
            raise StartError(explain(error, state, LOG_FILE)) from error
        drop_unfinished(state)
        self._store = _opened(state, LOG_FILE, lambda path: SqliteStore(path, at=options.at))
        self._rows = _opened(state, OUTBOX_FILE, SqliteOutbox)
        self._files = StateFiles(state)
        if lost_outbox and self._store.end:
            log.warning(
                "outbox.db is missing beside uneri.db: labels, silences and unsent messages are gone; to "
                "have them back, stop this daemon and restore a backup of the folder",
                folder=str(state),
            )
        self.delivery = NotificationService(settings, self.metrics, clock)
        self._access.sessions.use(_session_key(state))
        try:
            limits = SenderLimits(settings.dead_letters, self.metrics.dropped_letters)
            self._intake = LogIntake(self._store, settings, clock, files=self._files, limits=limits)
        except StateError as error:
            raise StartError(self._other_version(f"the log cannot be read: {error}")) from error
        self._history = HistoryService(
            lambda: self.settings,
            self.delivery,
            self._access,
            self.metrics,
            lambda: self._judge.mark_changed(),  # noqa: PLW0108 - it is made later
        )
        self._judge = LogJudge(
            settings,
            self._store,
            self._intake,
            self.metrics,
            options,
            capacity=self._limits.capacity,
            history=self._history,
            now=clock,
        )
        inputs = Inputs(settings.sources, self._registry)
        self.receivers = Receivers(self._intake, settings, inputs, self._address, self.metrics, clock=clock)
        self._serve(
            self._files,
            self._intake,
            self.receivers,
            self._judge,
            self._limits,
            self._registry,
            self._history,
            self.delivery,
            StateExport(state, self._store, self._rows, self._judge.by_clock),
            BackfillRoutes(state, self._judge),
            self.reloading,
        )
        lines = line_reader(source and inputs.of(*source))
        self._sources: list[Coroutine[Any, Any, object]] = [
            Follow(path, self._store, self._intake, lines=lines).run() for path in follow
        ]
        if stdin is not None:
            self._sources.append(self._read_input(StandardInput(stdin, self._intake, lines)))

    async def run(self) -> None:
        """Run until ``stop`` or the end of standard input, then shut down cleanly."""
        try:
            self._judge.restore()
        except UnfinishedBackfillError:
            raise StartError(
                f"{self.settings.local.state}: holds an unfinished backfill; run the same `uneri backfill` "
                "again to finish it, or move the folder away to start without history"
            ) from None
        except (StateError, KeyError) as error:
            raise StartError(self._other_version(f"the checkpoint cannot be read: {why(error)}")) from error
        self._resume_takeover()
        try:
            await self.delivery.start(
                self._rows,
                lambda: self._judge.engine.incidents.took_the_lead,
                lambda: self._judge.engine.incidents.recent_changes,
            )
        except (StateError, KeyError) as error:
            raise StartError(
                self._other_version(f"the state of messages cannot be read: {why(error)}")
            ) from error
        self.port = await self._web.start()
        await self.receivers.start(self.port)
        if note := self._address.warning():
            log.warning(note)
        tasks = [
            asyncio.create_task(work)
            for work in (
                self._judge.run(self.delivery.put),
                *self._work(),
                *self._sources,
            )
        ]
        try:
            await self._until_stopped(tasks)
        finally:
            await self._shut_down(tasks)

    def stop(self) -> None:
        """Request a clean shutdown."""
        self._watchdog.stop_within(STOP_SECONDS)  # in any state: a start may hang
        self._stopping.set()

    async def _until_stopped(self, tasks: list[asyncio.Task[Any]]) -> None:
        stopping = asyncio.create_task(self._stopping.wait())
        waiting = {stopping, *tasks}
        while not stopping.done():
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()  # a task that fails ends the daemon

    async def _read_input(self, source: StandardInput) -> None:
        count = await source.run()
        log.info("standard input has ended", records=count)
        self.stop()

    def _resume_takeover(self) -> None:
        """Take over history that was learnt before the daemon stopped, or log why it cannot be read."""
        state = Path(self.settings.local.state)
        try:
            if (learnt := read_learnt(state)) is not None:
                self._judge.takeover.begin(learnt)
        except LearntFileError as error:
            log.error("learnt history was not taken up", reason=str(error))  # noqa: TRY400 - one line

    def _other_version(self, what: str) -> str:
        return (
            f"{what}; start the version of uneri that wrote it, or move {self.settings.local.state} away to "
            "start over"
        )

    async def _switch_judge(self) -> None:
        await self._judge.switch_settings(self.settings, self._limits.capacity)

    def _limit(self, capacity: Capacity) -> None:
        self._judge.engine.limit(capacity)

    async def _shut_down(self, tasks: list[asyncio.Task[Any]]) -> None:
        """Close the inputs, judge the rest of the log, write the last checkpoint, send unsent messages."""
        judging, guarding, *inputs = tasks
        self._watchdog.stop_within(STOP_SECONDS)
        await self._web.stop()
        await self.receivers.stop_accepting()
        for task in inputs:
            task.cancel()
        await asyncio.gather(*inputs, return_exceptions=True)
        await self.delivery.stop_commands()
        await self._judge.finish(judging)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SEND_OUT_SECONDS):
                await self.delivery.wait_until_sent()
        unsent = self.delivery.unsent
        await self.delivery.stop()
        guarding.cancel()
        await asyncio.gather(guarding, return_exceptions=True)
        self._rows.close()
        self._store.close()
        self._lock.release()
        log.info("stopped", offset=self._judge.offset, unsent=unsent)

    async def _stuck(self) -> str | None:
        self._files.check()  # ends the daemon: all it writes is lost
        return self._judge.stuck()

    def _ahead(self) -> str | None:
        return self._judge.ahead()

    def _refresh(self) -> None:
        super()._refresh()
        queues = {
            "request_bytes": self.receivers.handler.held,
            "log_records": self._judge.lag,
            "log_bytes": self._store.log_bytes,
        }
        self.metrics.update([self._judge.reading()], queues, time.time())
        for file in (LOG_FILE, OUTBOX_FILE):
            self.metrics.state.labels(file).set(_bytes_with_journal(Path(self.settings.local.state) / file))
        self.metrics.state_free.set(self._store.free_bytes)


def run_local(settings: Settings, follow: Sequence[Path], stdin: int | None, **options: Any) -> int:
    """Run the local daemon until a signal or the end of standard input; return the exit code.

    ``options`` are those of ``LocalDaemon``.
    """
    configure_logs(settings.log)

    async def main(watchdog: Watchdog) -> None:
        daemon = LocalDaemon(settings, follow, stdin, watchdog, **options)
        stop_daemon_on_signals(daemon.stop, daemon.reloading.ask)
        watchdog.start()  # not before: to check a large log takes time
        await daemon.run()

    def run() -> None:
        listen_address_of(settings)  # reports a mistake at once: to compile takes a minute at the first start
        slack_secrets(settings.slack)
        # a file or standard input may end before anything could be judged
        prepare_process(log.info, accepts_events=not follow and stdin is None)
        with Watchdog() as watchdog:  # to the end of the event loop's threads
            asyncio.run(main(watchdog))

    return _one_line(run, Path(settings.local.state))


def _locked(state: Path) -> FileLock:
    try:
        return lock_state(state)  # SQLite alone admits a second daemon until the first one writes
    except (FolderLockedError, OpenFolderError) as error:
        raise StartError(str(error)) from error
    except OSError as error:
        raise StartError(explain(error, state)) from error


def _opened(state: Path, file: str, open_file: Callable[[Path], _File]) -> _File:
    try:
        create_private(state / file)
        return open_file(state / file)
    except NewerStateError as error:
        raise NewerStateError(f"the state in {state} cannot be read: {error}") from error
    except (sqlite3.Error, OSError) as error:
        raise StartError(explain(error, state, file)) from error


def _session_key(state: Path) -> bytes:
    try:
        return session_key(state / SESSION_KEY_FILE)
    except SessionKeyError as error:
        raise StartError(str(error)) from error


def _bytes_with_journal(path: Path) -> int:
    size = 0
    for file in (path, path.with_name(f"{path.name}-wal")):
        with contextlib.suppress(OSError):  # there is no journal before the first write
            size += file.stat().st_size
    return size


def _one_line(run: Callable[[], None], state: Path) -> int:
    try:
        run()
    except (ConfigError, AddressError, SecretError, NewerStateError) as error:  # another start would not help
        log.critical(str(error))
        return 2
    except (StartError, ListenError, DeadLetterLimitError) as error:
        log.critical(str(error))
        return 1
    except sqlite3.Error as error:
        log.critical(explain(error, state))
        return 1
    return 0
