"""The files of a history: their names, and a folder on a disk or in a bucket; its errors in plain words."""

import contextlib
import errno
import fcntl
import functools
import os
import re
import secrets
import shutil
import tempfile
import time
import weakref
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from streams.process.files.atomic_file import atomic_file

MINUTES: Final = "minutes"
"""Rows of judged steps; files of an hour, then of a day."""

TENS: Final = "tens"
"""Rows of ten minutes; files of a day, then of a week."""

NAMES_FILE: Final = "series.parquet"

ASIDE: Final = ".damaged"
"""Suffix of files that could not be read."""

_LEFT_SECONDS: Final = 86400.0
"""Age of a partial file from which its writer must have been killed."""

_AHEAD_SECONDS: Final = 86400.0
"""A file that begins further ahead of the clock is none yet: what is too old would be reckoned by it."""

_SPANS: Final = (3600, 86400, 7 * 86400)

_CLAIM: Final = ".claimed"
_PROBE: Final = "probe.parquet"
_COPIED: Final = 1 << 20  # bytes at a time
_NAME: Final = re.compile(r"(?P<first>\d{8}T\d{6})-(?P<end>\d{8}T\d{6})\.parquet")
_STAMP: Final = "%Y%m%dT%H%M%S"
_BUCKET: Final = re.compile(r"[Bb]ucket '(?P<bucket>[^']*)'")
_CODE: Final = re.compile(r"AWS Error (?P<code>\w+)")
_STATUS: Final = re.compile(r"HTTP status (?P<status>\d+)")

_CONNECTION: Final = re.compile(
    r"curlCode: \d+, (?P<short>[^;]*)(?:; Details: (?P<details>.*?))?(?: \(Request|$)"
)
_REQUEST: Final = re.compile(r" ?\(Request ID: [^)]*\)")

_REFUSED: Final = re.compile(
    r"ACCESS_DENIED|ACCESS_KEY|TOKEN|SIGNATURE|CREDENTIAL|UNRECOGNIZED_CLIENT|AccessDenied|InvalidToken"
)
_MOVED: Final = "301"


class HistoryFile(NamedTuple):
    """One file of rows: of the steps that were judged with ``first <= start < end``, epoch seconds.

    Rows that correct earlier steps are in the file of the step with which they came.
    """

    resolution: str  # MINUTES or TENS
    first: int
    end: int
    size: int = 0  # bytes

    @property
    def path(self) -> str:
        """Where it is in the folder."""
        return f"{self.resolution}/{_stamp(self.first)}-{_stamp(self.end)}.parquet"

    def within(self, other: "HistoryFile") -> bool:
        """Return whether another, longer file holds the same steps."""
        longer = other.end - other.first > self.end - self.first
        return (
            longer
            and self.resolution == other.resolution
            and other.first <= self.first
            and self.end <= other.end
        )


def _stamp(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(_STAMP)


@functools.lru_cache(4096)  # every listing parses the same names
def _span(name: str) -> tuple[int, int] | None:
    """Return the begin and end that a name states; None where it is not that of an hour, a day or a week."""
    if (found := _NAME.fullmatch(name)) is None:
        return None
    try:
        first, end = (
            int(datetime.strptime(found[side], _STAMP).replace(tzinfo=UTC).timestamp())
            for side in ("first", "end")
        )
    except ValueError:
        return None
    return (first, end) if end - first in _SPANS else None


class HistoryFolder:
    """A folder of history files; what cannot be made, listed, read or written raises OSError.

    Parameters
    ----------
    place
        A folder, or ``s3://bucket/prefix``; endpoint and region as query parameters
        (``?endpoint_override=http://127.0.0.1:5000``), credentials as AWS's clients find them.
    """

    def __init__(self, place: str) -> None:
        self.place = place
        self._local = "://" not in place
        if self._local:
            self._fs: fs.FileSystem = fs.LocalFileSystem()
            self._root = str(Path(place).absolute())
        else:
            self._fs, self._root = fs.FileSystem.from_uri(place)
        # while a partition moves, two processes may write the same file
        self._by = f"{os.getpid()}-{secrets.token_hex(4)}"
        self.make()
        if self._local:
            self._clear()
        else:
            for resolution in (MINUTES, TENS):
                self._fs.create_dir(f"{self._root}/{resolution}", recursive=True)

    def make(self) -> None:
        """Create the folders, but none above them: a state may have been moved, or a disk not be mounted."""
        if not self._local:
            return
        root = Path(self._root)
        try:
            root.mkdir(exist_ok=True)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"the folder {root.parent} is missing; create it, or mount its disk"
            ) from error
        for resolution in (MINUTES, TENS):
            (root / resolution).mkdir(exist_ok=True)

    def claim(self) -> None:
        """Keep other daemons from writing to a folder of a disk, for as long as this object is there.

        Raises
        ------
        OSError
            When another one does.
        """
        if not self._local:
            return
        claim = os.open(Path(self._root) / _CLAIM, os.O_CREAT | os.O_WRONLY, 0o600)
        weakref.finalize(self, os.close, claim)
        try:
            fcntl.flock(claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise OSError("another daemon writes to history.place; give each a place of its own") from error
        except OSError:  # of a network, without locks
            return

    def _clear(self) -> None:
        for part in Path(self._root).rglob(".*.parquet.*part"):
            with contextlib.suppress(OSError):  # another process has deleted it
                if part.stat().st_mtime < time.time() - _LEFT_SECONDS:
                    part.unlink()

    def files(self) -> list[HistoryFile]:
        """Return the files of rows, oldest first, without those whose steps are in a longer one."""
        return [file for file, longer in self._listed() if longer is None]

    def superseded(self) -> list[tuple[HistoryFile, HistoryFile]]:
        """Return the files whose steps are in a longer one, each with that: leftovers of a crash."""
        return [(file, longer) for file, longer in self._listed() if longer is not None]

    def odd(self) -> list[str]:
        """Return the paths of what is no file of rows, though its name is like that of one."""
        return [
            f"{resolution}/{info.base_name}"
            for resolution, info in self._entries()
            if _NAME.fullmatch(info.base_name) and (not info.is_file or _span(info.base_name) is None)
        ]

    def _entries(self) -> list[tuple[str, fs.FileInfo]]:
        return [
            (resolution, info)
            for resolution in (MINUTES, TENS)
            for info in self._fs.get_file_info(
                fs.FileSelector(f"{self._root}/{resolution}", allow_not_found=True)
            )
        ]

    def _listed(self) -> list[tuple[HistoryFile, HistoryFile | None]]:
        """Return all files, oldest first, each with the longer one that holds its steps."""
        latest = time.time() + _AHEAD_SECONDS
        found = [
            HistoryFile(resolution, *span, info.size)
            for resolution, info in self._entries()
            # a pipe would be waited for
            if info.is_file and (span := _span(info.base_name)) is not None and span[0] <= latest
        ]
        longest: dict[str, HistoryFile] = {}
        listed: list[tuple[HistoryFile, HistoryFile | None]] = []
        for file in sorted(found, key=lambda file: (file.first, -file.end, file.resolution)):
            # of spans that are hours, days and weeks, none overlaps another in part
            before = longest.get(file.resolution)
            held = before is not None and file.within(before)
            listed.append((file, before if held else None))
            if not held:
                longest[file.resolution] = file
        return listed

    def write(self, path: str, write: Callable[[Any], None]) -> int:
        """Write a file that appears whole or not at all; return its size."""
        whole = f"{self._root}/{path}"
        if self._local:
            with atomic_file(Path(whole), self._by) as part:
                write(str(part))
                return part.stat().st_size
        return self._upload(whole, write)

    def _upload(self, whole: str, write: Callable[[Any], None]) -> int:
        """Upload a complete file; return its size. To close a stream into a bucket publishes what it has."""
        with tempfile.TemporaryFile() as part:
            write(part)
            size = part.tell()
            part.seek(0)
            with self._fs.open_output_stream(whole) as stream:
                shutil.copyfileobj(part, stream, _COPIED)
        if self._fs.get_file_info(whole).size != size:  # a proxy may say yes to everything
            raise OSError(
                f"{whole} is not there although it was written: what answers is no bucket; check the network "
                "and endpoint_override"
            )
        return size

    def probe(self) -> None:
        """Write a file and delete it."""
        self.write(_PROBE, lambda into: pq.write_table(pa.table({}), into))
        self.delete(_PROBE)

    def open(self, path: str) -> pa.NativeFile:
        """Open a file for reading."""
        return self._fs.open_input_file(f"{self._root}/{path}")

    def has(self, path: str) -> bool:
        """Return whether a file is there."""
        return self._fs.get_file_info(f"{self._root}/{path}").type is fs.FileType.File

    def below(self, name: str) -> "HistoryFolder":
        """Return a folder of history files below this one."""
        path, mark, query = self.place.partition("?")
        if self._local:
            (Path(self._root) / name).parent.mkdir(exist_ok=True)
        return HistoryFolder(f"{path.rstrip('/')}/{name}{mark}{query}")

    def folders(self, name: str) -> list[str]:
        """Return the names of the folders in a folder below this one, sorted; none if there is none."""
        selector = fs.FileSelector(f"{self._root}/{name}", allow_not_found=True)
        found = self._fs.get_file_info(selector)
        return sorted(info.base_name for info in found if info.type is fs.FileType.Directory)

    def delete_folder(self, name: str) -> None:
        """Delete a folder below this one, with all that is in it."""
        self._fs.delete_dir(f"{self._root}/{name}")

    def set_aside(self, path: str) -> str:
        """Rename a file, so that it is no longer one of the history; return its new path."""
        aside = path + ASIDE
        self._fs.move(f"{self._root}/{path}", f"{self._root}/{aside}")
        return aside

    def delete(self, path: str) -> None:
        """Delete a file, if it exists."""
        if self.has(path):
            self._fs.delete_file(f"{self._root}/{path}")


_DISK: Final = {
    errno.ENOSPC: "the disk of history.place is full; make room",
    errno.EDQUOT: "the quota of history.place is used up; make room",
    errno.EROFS: "history.place is read-only; make it writable",
}


def place_trouble(error: Exception) -> str:  # noqa: PLR0911  one return for each trouble
    """Return the reason why a place cannot be read or written, in one line with its remedy.

    Errors of AWS's client are long and name no remedy. The usual ones are replaced: a missing bucket, refused
    credentials, an unreachable endpoint, another region.

    Examples
    --------
    >>> place_trouble(OSError("Bucket 'acme' not found. To create buckets, enable the option."))
    'there is no bucket acme; create it, or correct history.place'
    >>> place_trouble(OSError(28, "Error writing bytes to file. Detail: [errno 28] No space left on device"))
    'the disk of history.place is full; make room'
    """
    if isinstance(error, OSError) and error.errno in _DISK:
        return _DISK[error.errno]
    text = " ".join(str(error).split())
    found = _BUCKET.search(text)
    bucket = f"bucket {found['bucket']}" if found else "the bucket"
    code = _CODE.search(text)
    if found and (" not found" in text or (code and code["code"] == "NO_SUCH_BUCKET")):
        return f"there is no {bucket}; create it, or correct history.place"
    if code is None:
        what = (
            "history.place is not understood: "
            if isinstance(error, pa.ArrowInvalid) and "URI" in text
            else ""
        )
        return f"{what}{text}"
    if code["code"] == "NETWORK_CONNECTION":
        reason = _CONNECTION.search(text)
        why = (reason["details"] or reason["short"]).rstrip() if reason else "no connection"
        return f"the endpoint of {bucket} cannot be reached ({why}); check the network and endpoint_override"
    if (status := _STATUS.search(text)) and status["status"] == _MOVED:
        return f"{bucket} is in another region; name it in history.place with ?region="
    if _REFUSED.search(code["code"]):
        return (
            f"access to {bucket} was denied ({code['code']}); check the credentials, and that they may list "
            "the bucket, and get, put and delete its objects"
        )
    return _REQUEST.sub("", text)
