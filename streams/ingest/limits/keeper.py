"""The limits of a running daemon: it loads their file when that changes, and reads AWS once a day."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

import structlog

from config.capacity import Capacity, ReadLimits, read_limits_of
from config.load import ConfigError
from config.settings import AwsSettings, Settings
from config.yaml_tree import Place, Problem
from streams.ingest.limits.lines import summary, trouble
from streams.ingest.limits.reading import AwsError, PartReading, known_limits, merged, save_limits
from streams.process.files.locks import FolderLockedError, locked_file
from streams.process.part import Part

CHECK_EVERY: Final = 60.0  # seconds; a changed limit is in force ten minutes after its reading
READ_EVERY: Final = 86_400
RETRY_EVERY: Final = 3600  # when something could not be read

ReadCloud = Callable[[AwsSettings], Sequence[PartReading]]

log = structlog.get_logger("uneri.limits")


def read_cloud(aws: AwsSettings) -> Sequence[PartReading]:
    """Read AWS; see ``streams.ingest.limits.aws.read_aws``."""
    from streams.ingest.limits.aws import read_aws  # noqa: PLC0415  # boto3 is an extra, and takes long to load

    return read_aws(aws)


class LimitsKeeper(Part):
    """Keeps the limits of a daemon in use until there are newer ones.

    Parameters
    ----------
    apply
        Receives changed limits.
    read
        Reads AWS; called in a thread of its own, which a stop does not wait for.

    Raises
    ------
    ConfigError
        When the file is missing, cannot be read or is no such file.
    """

    def __init__(
        self,
        settings: Settings,
        apply: Callable[[Capacity], None],
        clock: Callable[[], float] = time.time,
        read: ReadCloud = read_cloud,
    ) -> None:
        self._apply = apply
        self._clock = clock
        self._read = read
        self.reload(settings)

    def reload(self, settings: Settings) -> Capacity:
        """Switch to other settings; return their limits, which are not applied.

        Raises
        ------
        ConfigError
            When their file is missing, cannot be read or is no such file; the settings stay as they were.
        """
        known = read_limits_of(settings)
        self._settings, self._known = settings, known
        self._file = None if settings.limits.file is None else Path(settings.limits.file)
        self._signature = self._signed()
        self.capacity = Capacity(settings.limits, known)
        self._tried = 0.0  # by this process
        self._failure = ""  # of the newest attempt as a whole
        self._fault = ""  # of the file
        return self.capacity

    def work(self) -> list[Coroutine[Any, Any, None]]:
        """Return what keeps the limits new."""
        return [self._run()]

    async def _run(self) -> None:
        while True:
            await self.update()
            await asyncio.sleep(CHECK_EVERY)

    async def update(self) -> None:
        """Load the file if it changed, and read AWS if it is time to."""
        self._load_changed()  # first: another process may have read for this one
        aws = self._settings.limits.aws
        if self._file is not None and aws is not None and aws.daily and self._due():
            await self._refresh(self._file, aws)
            self._load_changed()

    def status(self) -> dict[str, object]:
        """Return its part of ``uneri status``: the known limits with their age, then the errors."""
        lines = summary(self._settings.limits, self._known, self._clock())
        lines = [*lines, *filter(None, (self._failure, self._fault))]
        return {"limits": lines} if lines else {}

    def _due(self) -> bool:
        failed = self._failure or any(part.error for part in self._known.parts)
        since = self._clock() - max(self._tried, self._known.tried)
        return since >= (RETRY_EVERY if failed or self._signature is None else READ_EVERY)

    async def _refresh(self, file: Path, aws: AwsSettings) -> None:
        self._tried = self._clock()
        try:
            with locked_file(file, f"another process writes {file}"):
                if self._signed() != self._signature:
                    return  # another process has read them meanwhile
                readings = await _in_thread(lambda: self._read(aws))
                now = self._clock()
                before = self._known if self._signed() is None else known_limits(file)
                found = merged(before, readings, now)
                save_limits(file, found)
        except FolderLockedError:
            return  # it reads for this process, too
        except (AwsError, ConfigError) as error:
            self._failure = str(error)
        except OSError as error:
            self._failure = f"{error.filename or file}: {error.strerror or error}; check limits.file"
        else:
            self._failure = ""
            log.info(
                "limits were read from AWS", limits=sum(limit.value is not None for limit in found.limits)
            )
            for line in trouble(found, now):
                log.warning("limits that could not be read keep their last values", of=line)
        if self._failure:
            log.warning("the last limits stay in use", reason=self._failure)

    def _load_changed(self) -> None:
        if (signature := self._signed()) == self._signature:
            return
        self._signature = signature
        try:
            self._known = self._loaded()
        except ConfigError as error:
            self._fault = str(error)
            log.warning("the last limits stay in use", reason=self._fault)
            return
        self._fault = ""
        self.capacity = Capacity(self._settings.limits, self._known)
        self._apply(self.capacity)

    def _loaded(self) -> ReadLimits:
        if self._signature is None:  # the daemon may be about to write it, and knows its contents
            raise ConfigError(str(self._file), [Problem(Place(1, 1), "is gone", "put it back")])
        return read_limits_of(self._settings)

    def _signed(self) -> tuple[int, int, int] | None:
        """Return a signature of the file that changes with each write; None when there is no file."""
        if self._file is None:
            return None
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


async def _in_thread(call: Callable[[], Sequence[PartReading]]) -> Sequence[PartReading]:
    """Call in a thread that ends with the process: AWS may take minutes, a stop must not."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[Sequence[PartReading]] = loop.create_future()

    def settle(found: Sequence[PartReading] | None, error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(found or ())

    def work() -> None:
        found, failed = None, None
        try:
            found = call()
        except BaseException as error:  # noqa: BLE001  # raised where it is awaited
            failed = error
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, found, failed)

    threading.Thread(target=work, name="limits", daemon=True).start()
    return await done
