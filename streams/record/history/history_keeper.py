"""Writes complete hours, merges files that got old, and keeps the history within its bounds."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, Self

import numpy as np

from config.settings import HistorySettings
from detectors.model.array_types import Ints
from streams.record.history.history_files import MINUTES, NAMES_FILE, TENS, HistoryFile, HistoryFolder
from streams.record.history.history_rows import to_ten_minutes
from streams.record.history.parquet_rows import (
    DamagedFileError,
    RowFile,
    RowWriter,
    count_names,
    merged_ranges,
    names_of,
    write_merged,
    write_names,
    write_rows,
)
from streams.record.history.segments import Segment
from streams.record.history.series_names import SeriesKey, SeriesNames
from streams.record.history.step_rows import StepRows

DAY: Final = 86400
WEEK: Final = 7 * DAY

_MONDAY: Final = 4 * DAY
"""The first Monday of the epoch."""


class HistoryBounds(NamedTuple):
    """How much of the history is kept."""

    minutes_days: int
    tens_days: int
    most_bytes: int

    @classmethod
    def of(cls, settings: HistorySettings) -> Self:
        """Return the bounds of the configuration."""
        return cls(settings.minutes_days, settings.tens_days, int(settings.max_gib * (1 << 30)))


class Gone(NamedTuple):
    """Files that were deleted: too old, or no room for them."""

    files: Sequence[HistoryFile]
    for_room: bool


class HistoryKeeper:
    """The only writer of a history.

    ``on_damage`` is called with a reason for each file that is damaged and therefore set aside.

    Raises
    ------
    OSError, pyarrow.ArrowInvalid
        When the names of its series cannot be read.
    """

    def __init__(
        self,
        folder: HistoryFolder,
        bounds: HistoryBounds,
        on_damage: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.folder = folder
        self.bounds = bounds
        self._on_damage = on_damage
        self._names = SeriesNames()
        self._read_names()
        self._rows = StepRows(self._names)
        self._named = len(self._names)  # in the file

    def write(self, segment: Segment) -> HistoryFile:
        """Write an hour; written again, it is the same.

        Raises
        ------
        OSError
            When it cannot be written; nothing of it is visible then.
        detectors.state.state.StateError
            When its steps cannot be read.
        """
        rows = self._rows.rows_of_hour(segment.bodies)
        self._write_names()
        file = HistoryFile(MINUTES, segment.first, segment.end)
        size = self.folder.write(file.path, lambda into: write_rows(rows, into))
        return file._replace(size=size)

    def learn(self, names: Iterable[SeriesKey]) -> None:
        """Add the names of series whose rows come from a backfill.

        Raises
        ------
        OSError
            When they cannot be written.
        """
        self._names.add(names)
        self._write_names()

    def _write_names(self) -> None:
        if len(self._names) > self._named or count_names(self.folder) < self._named:
            self._read_names()  # while a partition moves, another process may have added some
            self.folder.write(NAMES_FILE, lambda into: write_names(self._names, into))
            self._named = len(self._names)

    def _read_names(self) -> None:
        if self.folder.has(NAMES_FILE):
            try:
                self._names.add(key for _, key in names_of(self.folder))
            except DamagedFileError as error:
                self.leave_out(error)

    def leave_out(self, damaged: DamagedFileError) -> None:
        """Set a damaged file aside."""
        aside = damaged.folder.set_aside(damaged.path)
        self._on_damage(f"{damaged.damage}; it is now {aside}")

    def tidy(self, until: int, stop: Callable[[], bool] = lambda: False) -> Gone:
        """Merge complete days and weeks, and delete what exceeds the bounds.

        Parameters
        ----------
        until
            Event time up to which everything is written, epoch seconds.
        stop
            Asked between two files; the next call continues.

        Raises
        ------
        OSError, pyarrow.ArrowInvalid
            When a file cannot be read or written. What was merged before stays. A damaged file is set aside.
        """
        for path in self.folder.odd():
            self._on_damage(f"{path} is no file of a history; it is now {self.folder.set_aside(path)}")
        for file, longer in self.folder.superseded():
            if self._is_whole(longer):
                self.folder.delete(file.path)
        for day, hours in self._complete(MINUTES, DAY, 0, until):
            if stop():
                break
            self._merge(day, hours, self._merge_hours)
        for week, days in self._complete(TENS, WEEK, _MONDAY, until):
            if stop():
                break
            self._merge(week, days, self._merge_days)
        return self.delete_beyond(until)

    def _is_whole(self, file: HistoryFile) -> bool:
        try:
            RowFile(self.folder, file).close()
        except FileNotFoundError:
            return False
        except DamagedFileError as error:
            self.leave_out(error)
            return False
        return True

    def _complete(
        self, resolution: str, length: int, offset: int, until: int
    ) -> list[tuple[HistoryFile, list[HistoryFile]]]:
        """Return the merged files that are due, each with its parts."""
        found: dict[int, list[HistoryFile]] = {}
        for file in self.folder.files():
            if file.resolution == resolution and file.end - file.first < length:
                first = (file.first - offset) // length * length + offset
                found.setdefault(first, []).append(file)
        return [
            (HistoryFile(resolution, first, first + length), files)
            for first, files in sorted(found.items())
            if first + length <= until
        ]

    def _merge(
        self,
        whole: HistoryFile,
        parts: Sequence[HistoryFile],
        merge: Callable[[HistoryFile, Sequence[HistoryFile]], None],
    ) -> None:
        while parts:
            try:
                merge(whole, parts)
            except DamagedFileError as error:
                self.leave_out(error)
                parts = [part for part in parts if part.path != error.path]
            else:
                return

    def _merge_hours(self, day: HistoryFile, hours: Sequence[HistoryFile]) -> None:
        files = [RowFile(self.folder, hour) for hour in hours]
        tens = day._replace(resolution=TENS)
        merged_already = any(tens.within(file) for file in self.folder.files())  # with its week
        try:
            if merged_already:
                self.folder.write(day.path, lambda into: write_merged(files, into))
            else:
                self.folder.write(day.path, lambda into: self._write_both(files, into, tens))
        finally:
            for file in files:
                file.close()
        for hour in hours:
            self.folder.delete(hour.path)

    def _write_both(self, files: Sequence[RowFile], into: object, tens: HistoryFile) -> None:
        """Write a day, and its ten minutes in the same pass: both are complete before its hours go."""
        latencies = self.latencies()

        def write(beside: object) -> None:
            with RowWriter(into) as minutes, RowWriter(beside) as coarse:
                for rows in merged_ranges(files):
                    minutes.write(rows)
                    coarse.write(to_ten_minutes(rows, latencies))

        self.folder.write(tens.path, write)

    def latencies(self) -> Ints:
        """Return the numbers of the series that are latencies."""
        return np.array(
            [number for number, key in self._names if key.measure.startswith("latency")], np.int64
        )

    def _merge_days(self, week: HistoryFile, days: Sequence[HistoryFile]) -> None:
        files = [RowFile(self.folder, day) for day in days]
        try:
            self.folder.write(week.path, lambda into: write_merged(files, into))
        finally:
            for file in files:
                file.close()
        for day in days:
            self.folder.delete(day.path)

    def delete_beyond(self, until: int) -> Gone:
        """Delete files past their days, then the oldest files beyond the size."""
        files = self.folder.files()
        days = {MINUTES: self.bounds.minutes_days, TENS: self.bounds.tens_days}
        old = [file for file in files if file.end <= until - days[file.resolution] * DAY]
        gone = Gone(old, for_room=False)
        kept = [file for file in files if file not in old]
        size = sum(file.size for file in kept)
        for file in sorted(kept, key=lambda file: file.end):
            if size <= self.bounds.most_bytes:
                break
            gone = Gone([*gone.files, file], for_room=True)
            size -= file.size
        for file in gone.files:
            self.folder.delete(file.path)
        return gone

    def size(self) -> int:
        """Return the bytes of all files of rows."""
        return sum(file.size for file in self.folder.files())
