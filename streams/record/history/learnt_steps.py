"""Takes steps that a backfill judged into the history of a daemon, which is the one writer of it.

A backfill leaves them below the place of the history, in a folder of its own. Where the daemon has judged a
step itself, its rows stay as they are; every other step comes once, however often this is interrupted. Late
records of the past that came after the daemon had begun correct nothing, and where the daemon has merged a
week already, those of another day correct the minutes only.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import numpy as np

from detectors.model.array_types import Ints
from streams.record.history.coarser import coarser
from streams.record.history.history_files import MINUTES, NAMES_FILE, TENS, HistoryFile, HistoryFolder
from streams.record.history.history_filling import LEARNT, READY
from streams.record.history.history_keeper import DAY, HistoryKeeper
from streams.record.history.history_rows import HistoryRows
from streams.record.history.parquet_rows import read_names
from streams.record.history.row_files import RowFile, merged_ranges, write_merged

Key = TypeVar("Key")
Value = TypeVar("Value")


class LearntSteps:
    """Moves what backfills left into a history.

    Parameters
    ----------
    keeper
        The writer of the history.

    Raises
    ------
    OSError, pyarrow.ArrowException
        When something cannot be read or written, here and in all methods.
    """

    def __init__(self, keeper: HistoryKeeper) -> None:
        self._keeper = keeper

    def take(self, before: int, stop: Callable[[], bool] = lambda: False) -> int:
        """Take in what is complete; return up to when the history has been changed, 0 if it has not.

        Parameters
        ----------
        before
            The daemon itself writes no step any more that begins before this, epoch seconds.
        stop
            Asked between two days: who stops goes on the next time.
        """
        until = 0
        for name in self._keeper.folder.folders(LEARNT):
            learnt = self._keeper.folder.below(f"{LEARNT}/{name}")
            if not learnt.has(READY):
                continue
            for hours in _by_day(file for file in learnt.files() if file.end <= before):
                if stop():
                    return until
                self._take_day(learnt, hours)
                until = max(until, hours[-1].end)
            if not learnt.files():
                self._keeper.folder.delete_folder(f"{LEARNT}/{name}")
        return until

    def _take_day(self, learnt: HistoryFolder, hours: Sequence[HistoryFile]) -> None:
        with learnt.open(NAMES_FILE) as file:
            self._keeper.learn(key for _, key in read_names(file))
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
    """The rows of an hour of learnt steps without those that the daemon has: ``known`` are their starts."""

    def __init__(self, folder: HistoryFolder, hour: HistoryFile, known: Ints) -> None:
        super().__init__(folder, hour)
        self._known = known
        # an hour that the daemon began with corrects no steps but its own
        self._first = hour.first if hour.first in known else 0

    def between(self, least: int, below: int) -> HistoryRows:
        """Return the rows of series with these numbers."""
        rows = super().between(least, below)
        return rows.taken(~np.isin(rows.start, self._known) & (rows.start >= self._first))


class _MissingTens(_Missing):
    """The same ten minutes at a time, without those in ``tens``."""

    def __init__(
        self, folder: HistoryFolder, hour: HistoryFile, known: Ints, latencies: Ints, tens: Ints
    ) -> None:
        super().__init__(folder, hour, known)
        self._latencies = latencies
        self._tens = tens

    def between(self, least: int, below: int) -> HistoryRows:
        """Return the rows of series with these numbers."""
        rows = coarser(super().between(least, below), self._latencies)
        return rows.taken(~np.isin(rows.start, self._tens))


def _starts_in(file: RowFile) -> Ints:
    found = [np.unique(rows.start) for rows in merged_ranges([file])]
    return np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)


def _around(own: Sequence[HistoryFile], resolution: str, hour: HistoryFile) -> HistoryFile | None:
    """Return the file that has, or would have, the rows of an hour."""
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
