"""Fills a history from a past that is judged at once, by a replay or a backfill."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from detectors.state.state import StateError
from streams.record.history.bounds import HistoryBounds
from streams.record.history.history_files import HistoryFolder
from streams.record.history.history_keeper import DAY, HistoryKeeper
from streams.record.history.place_trouble import place_trouble
from streams.record.history.segments import Segment, Segments
from streams.record.history.series_names import SharedIdError

READY: Final = "ready.parquet"
"""The file of a folder of learnt steps whose whole past is there."""

LEARNT: Final = "learnt"
"""The folder below the place of a daemon's history that has a folder for each backfill."""


class FillingError(Exception):
    """The history cannot be written; one line, with the remedy."""


class HistoryFilling:
    """Takes the records of steps, and writes each hour that is complete.

    Fed again from a snapshot, it writes the same files again. Before the first hour, nothing is made.

    Parameters
    ----------
    place
        As for ``HistoryFolder``: of a history that nobody else writes, or of that of a daemon.
    bounds
        How much is kept.
    shards
        Number of shards of the records.
    learnt
        With the place of a daemon: the name of the folder below it, from which the daemon takes these steps
        into its own history (``LearntSteps``).

    Raises
    ------
    FillingError
        When something cannot be read or written, here and in all methods.
    """

    def __init__(self, place: str, bounds: HistoryBounds, shards: int = 1, *, learnt: str = "") -> None:
        self._place = place
        # of what a daemon takes in, an old day becomes ten minutes at a time only then
        days = max(bounds.minutes_days, bounds.tens_days) if learnt else bounds.minutes_days
        self._bounds = bounds._replace(minutes_days=days)
        self._segments = Segments(shards)
        self._learnt = learnt
        self._keeper: HistoryKeeper | None = None

    def is_free(self) -> bool:
        """Return whether no history is there yet."""
        with self._told():
            return not HistoryFolder(self._place).files()

    def feed(self, records: Iterable[bytes]) -> None:
        """Take records, in order for each shard."""
        self._segments.feed(records)
        for segment in self._segments.complete():
            self._write(segment)

    def finish(self) -> None:
        """Write the hours that are not complete: nothing comes any more."""
        rest = self._segments.rest()
        for segment in rest:
            self._write(segment)
        with self._told():
            keeper = self._opened()
            if self._learnt:
                keeper.folder.write(READY, lambda into: pq.write_table(pa.table({}), into))
            elif rest:
                keeper.tidy(rest[-1].end)

    def _write(self, segment: Segment) -> None:
        with self._told():
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
    def _told(self) -> Iterator[None]:
        try:
            yield
        except (OSError, pa.ArrowException) as error:
            why = place_trouble(error)
        except (StateError, SharedIdError) as error:
            why = str(error)
        else:
            return
        raise FillingError(
            f"the history cannot be written to {self._place} ({why}); run the same command again once it can"
        )

    def snapshot(self) -> dict[str, bytes]:
        """Return the steps that are in no file yet."""
        return self._segments.snapshot()

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Go on from a snapshot."""
        self._segments.restore(parts)
