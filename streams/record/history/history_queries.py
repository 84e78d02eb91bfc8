"""Runs queries over the history in worker threads: few at a time, each for some seconds."""

import asyncio
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import pyarrow as pa

from detectors.state.state import StateError
from streams.record.history.history_files import HistoryFolder, place_trouble
from streams.record.history.history_reader import READERS, HistoryView
from streams.record.history.recent_steps import RecentSteps

_T = TypeVar("_T")


class HistoryPatience(NamedTuple):
    """Limits of concurrent queries; the judge needs the rest of the machine."""

    threads: int = 2  # that read
    waiting: int = 8  # queries beside these
    seconds: float = 10.0  # of a query, its wait included
    readers: int = READERS  # files that a query reads at a time


class HistoryQueryError(Exception):
    """A query cannot be answered now; one line, with the remedy.

    ``code`` names it to a page that says it in another language.
    """

    def __init__(self, error: str, code: str = "") -> None:
        super().__init__(error)
        self.code = code


class CrowdedHistoryError(HistoryQueryError):
    """Too many queries wait."""


class SlowHistoryError(HistoryQueryError):
    """The answer takes too long."""


class _Reading:
    """A view of the history, for one thread at a time."""

    def __init__(self, readers: int, recent: RecentSteps) -> None:
        self._readers = readers
        self._recent = recent
        self._view: HistoryView | None = None

    def ask(self, place: str, steps: list[bytes], question: Callable[[HistoryView], _T]) -> _T:
        """Return the answer to a question about the view as of now."""
        view, self._view = self._view, None  # anew after an error of the history
        view = view or HistoryView(HistoryFolder(place), self._readers, self._recent)
        view.set_recent(steps)
        self._view = view
        try:
            return question(view)
        except Exception as error:
            # Whoever waits for the answer is in the error's traceback and refers to it: all that was read
            # would stay until a collection.
            traceback.clear_frames(error.__traceback__)
            raise
        finally:
            view.forget_recent()


class HistoryQueries:
    """Runs queries.

    Parameters
    ----------
    place
        As for ``HistoryFolder``; None if no history is kept.
    steps
        Returns the steps that are not in a file yet, or only just: ``Segments.recent``.
    recent
        Decodes them, for all who read the same history.
    """

    def __init__(
        self,
        place: str | None,
        steps: Callable[[], list[bytes]],
        patience: HistoryPatience | None = None,
        recent: RecentSteps | None = None,
    ) -> None:
        self._place = place
        self._steps = steps
        self._patience = patience = patience or HistoryPatience()
        recent = recent or RecentSteps()
        self._free = [_Reading(patience.readers, recent) for _ in range(patience.threads)]
        self._threads = asyncio.Semaphore(patience.threads)
        # of its own: each thread that once read keeps the memory that it freed, up to a minute
        self._executor = ThreadPoolExecutor(patience.threads, "history")
        self._running = 0

    async def ask(self, question: Callable[[HistoryView], _T]) -> _T:
        """Return the answer of a query, which runs in a thread.

        Raises
        ------
        HistoryQueryError
            When the history cannot be read.
        CrowdedHistoryError
            When too many queries wait.
        SlowHistoryError
            When it takes too long.
        """
        if self._place is None:
            raise HistoryQueryError("there is no history to read: set history.keep to true", "no-history")
        if self._running >= self._patience.threads + self._patience.waiting:
            raise CrowdedHistoryError(
                "too many read the history at the same time; try again in a few seconds", "crowded"
            )
        self._running += 1
        try:
            async with asyncio.timeout(self._patience.seconds):
                await self._threads.acquire()
                answering = self._begin(self._place, question)
                await asyncio.wait({answering})  # a thread cannot be stopped: it keeps its turn
                return answering.result()
        except TimeoutError as error:
            raise SlowHistoryError(
                f"reading the history took longer than {self._patience.seconds:g} seconds; "
                "choose a shorter range",
                "slow",
            ) from error
        finally:
            self._running -= 1

    def _begin(self, place: str, question: Callable[[HistoryView], _T]) -> asyncio.Task[_T]:
        answering = asyncio.create_task(self._answer(place, question))
        answering.add_done_callback(_note_error)
        return answering

    async def _answer(self, place: str, question: Callable[[HistoryView], _T]) -> _T:
        reading = self._free.pop()
        try:
            steps = self._steps()  # raises while Kafka has not answered yet
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._executor, reading.ask, place, steps, question)
        except (OSError, StateError, pa.ArrowException) as error:
            raise HistoryQueryError(
                f"the history cannot be read: {place_trouble(error)}", "unreadable"
            ) from error
        finally:
            self._free.append(reading)
            self._threads.release()


def _note_error(answering: asyncio.Task[_T]) -> None:
    """Mark an error as seen: after whoever asked has left, nobody else reads it."""
    if not answering.cancelled():
        answering.exception()
