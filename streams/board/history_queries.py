"""Questions to the history that somebody waits for: few at a time, each for some seconds."""

import asyncio
from collections.abc import Callable
from typing import Final, TypeVar

import pyarrow as pa

from detectors.state.state import StateError
from streams.board.board_data import BoardDataError
from streams.store.history_files import MINUTES, HistoryFolder
from streams.store.history_reader import HistoryReach
from streams.store.history_view import HistoryView
from streams.store.place_trouble import place_trouble

AT_ONCE: Final = 2
"""Threads that read for pages; the judge and the wall need the rest of the machine."""

MOST_WAITING: Final = 8
PATIENCE: Final = 10.0
"""Seconds that a page waits, for its turn and for its answer."""

_T = TypeVar("_T")


class _Reading:
    """A view of the history, for one thread at a time."""

    def __init__(self) -> None:
        self._view: HistoryView | None = None
        self._seen: tuple[int, HistoryReach | None] | None = None

    def current(self, place: str, number: int, steps: list[bytes]) -> HistoryView:
        """Return the view as of now; what it holds is read again only when there is more."""
        try:
            if self._view is None:
                self._view = HistoryView(HistoryFolder(place))
            seen = number, self._view.reach(MINUTES)
            if seen != self._seen:
                self._view.take(steps)
                self._seen = seen
        except BaseException:
            self._view = self._seen = None
            raise
        return self._view


class HistoryQueries:
    """Runs questions in worker threads.

    Parameters
    ----------
    place
        Of the history, for ``HistoryFolder``; None if none is kept.
    steps
        Returns the steps that are not in a file yet, or only just: ``Segments.recent``.
    number
        Returns a number that is another one as soon as there are more of them.
    patience
        Seconds that a question may take.
    """

    def __init__(
        self,
        place: str | None,
        steps: Callable[[], list[bytes]],
        number: Callable[[], int],
        patience: float = PATIENCE,
    ) -> None:
        self._place = place
        self._steps = steps
        self._number = number
        self._patience = patience
        self._free = [_Reading() for _ in range(AT_ONCE)]
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._asked = 0

    async def ask(self, question: Callable[[HistoryView], _T]) -> _T:
        """Return the answer of a question, which is asked in a thread.

        Raises
        ------
        BoardDataError
            When the history cannot be read, when too many ask, or when it takes too long.
        """
        if self._place is None:
            raise BoardDataError("the board shows the history: set history.keep to true")
        if self._asked >= AT_ONCE + MOST_WAITING:
            raise BoardDataError("too many pages are being made at the same time; try again in a few seconds")
        self._asked += 1
        try:
            async with asyncio.timeout(self._patience):
                await self._turns.acquire()
                answering = asyncio.ensure_future(self._answer(self._place, question))
                return await asyncio.shield(answering)  # a thread cannot be stopped: it keeps its turn
        except TimeoutError as error:
            raise BoardDataError(
                f"reading the history took longer than {self._patience:g} seconds; choose a shorter range"
            ) from error
        finally:
            self._asked -= 1

    async def _answer(self, place: str, question: Callable[[HistoryView], _T]) -> _T:
        reading, steps, number = self._free.pop(), self._steps(), self._number()
        try:
            return await asyncio.to_thread(lambda: question(reading.current(place, number, steps)))
        except (OSError, StateError, pa.ArrowException) as error:
            raise BoardDataError(f"the history cannot be read: {place_trouble(error)}") from error
        finally:
            self._free.append(reading)
            self._turns.release()
