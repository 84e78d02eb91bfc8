"""Fills a history with the past: by a replay, or by a backfill that a daemon takes its steps from.

A daemon is the only writer of its history. A backfill therefore leaves its steps below the place of that
history, in a folder of its own, and the daemon moves them. Where the daemon has judged a step itself, its
rows stay; every other step comes once, however often this is interrupted. Late records of the past that came
after the daemon had begun correct nothing, and where the daemon has merged a week already, those of another
day correct the minutes only.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from detectors.model.array_types import Ints
from detectors.state.declared import Owned, Stateful
from detectors.state.state import StateError
from streams.record.history.history_files import (
    MINUTES,
    NAMES_FILE,
    TENS,
    HistoryFile,
    HistoryFolder,
    place_trouble,
)
from streams.record.history.history_keeper import DAY, HistoryBounds, HistoryKeeper
from streams.record.history.history_rows import HistoryRows, to_ten_minutes
from streams.record.history.parquet_rows import (
    DamagedFileError,
    RowFile,
    merged_ranges,
    names_of,
    write_merged,
)
from streams.record.history.segments import Segment, Segments

READY: Final = "ready.parquet"
"""The file that marks a complete folder of learnt steps."""

LEARNT: Final = "learnt"
"""The folder below the place of a daemon's history that has a folder per backfill."""

Key = TypeVar("Key")
Value = TypeVar("Value")


class FillingError(Exception):
    """The history cannot be written; one line, with the remedy."""


class HistoryFilling(Stateful):
    """Writes each complete hour of the steps that it is fed.

    Fed again from a snapshot, it writes the same files again. Nothing is created before the first hour.

    Parameters
    ----------
    place
        As for ``HistoryFolder``: a history without another writer, or that of a daemon.
    learnt
        With the place of a daemon: the folder below it from which the daemon moves these steps
        (``LearntSteps``).

    Raises
    ------
    FillingError
        When something cannot be read or written, here and in all methods.
    """

    STATE = (Owned("_segments"),)

    def __init__(self, place: str, bounds: HistoryBounds, shards: int = 1, *, learnt: str = "") -> None:
        self._place = place
        # old days that a daemon moves become ten minutes only there
        days = max(bounds.minutes_days, bounds.tens_days) if learnt else bounds.minutes_days
        self._bounds = bounds._replace(minutes_days=days)
        self._segments = Segments(shards)
        self._learnt = learnt
        self._keeper: HistoryKeeper | None = None

    def is_free(self) -> bool:
        """Return whether there is no history yet."""
        with self._explained():
            return not HistoryFolder(self._place).files()

    def feed(self, records: Iterable[bytes]) -> None:
        """Add records, in order for each shard."""
        self._segments.feed(records)
        for segment in self._segments.complete():
            self._write(segment)

    def finish(self) -> None:
        """Write the incomplete hours too: nothing follows."""
        rest = self._segments.rest()
        for segment in rest:
            self._write(segment)
        with self._explained():
            keeper = self._opened()
            if self._learnt:
                keeper.folder.write(READY, lambda into: pq.write_table(pa.table({}), into))
            elif rest:
                keeper.tidy(rest[-1].end)

    def _write(self, segment: Segment) -> None:
        with self._explained():
            keeper = self._opened()
            keeper.write(segment)
            if segment.end % DAY == 0:
                if self._learnt:
                    keeper.delete_beyond(segment.end)
                else:
                    keeper.tidy(segment.end)
        self._segments.forget(segment)

    def _opened(self) -> HistoryKeeper:
        if self._keeper is None:
            folder = HistoryFolder(self._place)
            if self._learnt:
                folder = folder.below(f"{LEARNT}/{self._learnt}")
            self._keeper = HistoryKeeper(folder, self._bounds)
        return self._keeper

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (OSError, pa.ArrowException) as error:
            why = place_trouble(error)
        except StateError as error:
            why = str(error)
        else:
            return
        raise FillingError(
            f"the history cannot be written to {self._place} ({why}); run the same command again once it can"
        )


class LearntSteps:
    """Moves the steps of backfills into the history of a daemon.

    Raises
    ------
    OSError, pyarrow.ArrowException
        When something cannot be read or written, here and in all methods.
    """

    def __init__(self, keeper: HistoryKeeper) -> None:
        self._keeper = keeper

    def move(self, before: int, stop: Callable[[], bool] = lambda: False) -> int:
        """Move complete folders; return the time up to which the history changed, 0 if it did not.

        Parameters
        ----------
        before
            The daemon itself no longer writes steps that begin before this, epoch seconds.
        stop
            Asked between two days; the next call continues.
        """
        until = 0
        for name in self._keeper.folder.folders(LEARNT):
            learnt = self._keeper.folder.below(f"{LEARNT}/{name}")
            if not (learnt.has(READY) and learnt.has(NAMES_FILE)):
                continue
            for hours in _by_day(file for file in learnt.files() if file.end <= before):
                if stop():
                    return until
                try:
                    self._move_day(learnt, hours)
                except DamagedFileError as error:
                    self._keeper.leave_out(error)
                    return until  # the next call goes on without it
                until = max(until, hours[-1].end)
            if not learnt.files():
                self._keeper.folder.delete_folder(f"{LEARNT}/{name}")
        return until

    def _move_day(self, learnt: HistoryFolder, hours: Sequence[HistoryFile]) -> None:
        self._keeper.learn(key for _, key in names_of(learnt))
        own = self._keeper.folder.files()
        minutes = [(hour, _around(own, MINUTES, hour)) for hour in hours]
        # the ten minutes first: what is missing there is known by what is missing in the minutes
        for coarse, those in _grouped((_around(own, TENS, hour), (hour, there)) for hour, there in minutes):
            if coarse is not None:
                known = self._starts(coarse)
                latencies = self._keeper.latencies()
                self._add(
                    coarse,
                    [
                        _MissingTens(learnt, hour, self._starts(there), latencies, known)
                        for hour, there in those
                    ],
                )
        for around, some in _grouped((there, hour) for hour, there in minutes):
            if around is not None:
                known = self._starts(around)
                self._add(around, [_Missing(learnt, hour, known) for hour in some])
            for hour in some:
                if around is None:
                    self._copy(learnt, hour)
                learnt.delete(hour.path)

    def _copy(self, learnt: HistoryFolder, hour: HistoryFile) -> None:
        file = RowFile(learnt, hour)
        try:
            self._keeper.folder.write(hour.path, lambda into: write_merged([file], into))
        finally:
            file.close()

    def _add(self, to: HistoryFile, missing: Sequence["_Missing"]) -> None:
        own = RowFile(self._keeper.folder, to)
        try:
            if any(len(rows) for rows in merged_ranges(missing)):
                self._keeper.folder.write(to.path, lambda into: write_merged([own, *missing], into))
        finally:
            for file in (own, *missing):
                file.close()

    def _starts(self, file: HistoryFile | None) -> Ints:
        if file is None:
            return np.zeros(0, np.int64)
        opened = RowFile(self._keeper.folder, file)
        try:
            return _starts_in(opened)
        finally:
            opened.close()


class _Missing(RowFile):
    """The rows of an hour of learnt steps that do not start at ``known`` times: those the daemon has."""

    def __init__(self, folder: HistoryFolder, hour: HistoryFile, known: Ints) -> None:
        super().__init__(folder, hour)
        self._known = known
        # an hour that the daemon began with corrects no steps but its own
        self._first = hour.first if hour.first in known else 0

    def between(self, least: int, below: int) -> HistoryRows:
        rows = super().between(least, below)
        return rows.select(~np.isin(rows.start, self._known) & (rows.start >= self._first))


class _MissingTens(_Missing):
    """The same as rows of ten minutes, without those in ``tens``."""

    def __init__(
        self, folder: HistoryFolder, hour: HistoryFile, known: Ints, latencies: Ints, tens: Ints
    ) -> None:
        super().__init__(folder, hour, known)
        self._latencies = latencies
        self._tens = tens

    def between(self, least: int, below: int) -> HistoryRows:
        rows = to_ten_minutes(super().between(least, below), self._latencies)
        return rows.select(~np.isin(rows.start, self._tens))


def _starts_in(file: RowFile) -> Ints:
    found = [np.unique(rows.start) for rows in merged_ranges([file])]
    return np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)


def _around(own: Sequence[HistoryFile], resolution: str, hour: HistoryFile) -> HistoryFile | None:
    """Return the file that has, or would have, the rows of an hour, None without one."""
    return next(
        (
            file
            for file in own
            if file.resolution == resolution and file.first <= hour.first and hour.end <= file.end
        ),
        None,
    )


def _by_day(files: Iterable[HistoryFile]) -> list[list[HistoryFile]]:
    return [some for _, some in _grouped((file.first // DAY, file) for file in files)]


def _grouped(pairs: Iterable[tuple[Key, Value]]) -> list[tuple[Key, list[Value]]]:
    found: dict[Key, list[Value]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return list(found.items())
