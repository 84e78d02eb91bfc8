"""The bounds of a query, and its errors in Prometheus' terms."""

import time
from collections.abc import Callable
from enum import StrEnum
from typing import Final, NamedTuple

MOST_CHARACTERS: Final = 20_000
"""Of a query: a dashboard puts every chosen name into one pattern."""

MOST_TOKENS: Final = 500
"""Of a query: the parser is recursive, and its time grows with the square."""

MOST_POINTS: Final = 11_000
"""Steps of a range, as Prometheus has it."""

MOST_ROWS: Final = 2_000_000
"""Rows of the history that are kept for one query."""

MOST_CELLS: Final = 4_000_000
"""Series times steps, of every part of a query."""

MOST_HELD: Final = 12_000_000
"""Series times steps that a query holds at a time, 9 bytes each: those of all its selectors until it is
answered, and left sides that wait for nested right ones.
"""

MOST_VALUES: Final = 1_000_000
"""Values of an answer, about 25 bytes each."""

MOST_SERIES: Final = 20_000
"""Series of an answer."""

PART_ROWS: Final = 524_288
"""Rows that are decoded between two checks of the time."""


class QueryTrouble(StrEnum):
    """The types of errors that clients of Prometheus know."""

    BAD_DATA = "bad_data"  # the query itself
    EXECUTION = "execution"  # its evaluation
    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"


STATUS: Final = {
    QueryTrouble.BAD_DATA: 400,
    QueryTrouble.EXECUTION: 422,
    QueryTrouble.TIMEOUT: 503,
    QueryTrouble.UNAVAILABLE: 503,
}


class QueryError(Exception):
    """A query has no answer; one line with the reason and the remedy."""

    def __init__(self, trouble: QueryTrouble, message: str) -> None:
        super().__init__(message)
        self.trouble = trouble


def bad_data(message: str) -> QueryError:
    """Return the error of a query that is invalid itself."""
    return QueryError(QueryTrouble.BAD_DATA, message)


def execution(message: str) -> QueryError:
    """Return the error of a valid query that cannot be evaluated."""
    return QueryError(QueryTrouble.EXECUTION, message)


class QueryBounds(NamedTuple):
    """The bounds of one query."""

    until: float = float("inf")  # by the clock
    seconds: float = 10.0  # allowed for it
    rows: int = MOST_ROWS
    cells: int = MOST_CELLS
    held: int = MOST_HELD
    values: int = MOST_VALUES
    series: int = MOST_SERIES
    clock: Callable[[], float] = time.monotonic

    def check_time(self) -> None:
        """Raise a ``QueryError`` when the time is over."""
        if self.clock() > self.until:
            raise QueryError(
                QueryTrouble.TIMEOUT,
                f"the query took longer than {self.seconds:g} seconds; choose fewer series, a shorter "
                "range or a longer step",
            )

    def allow_cells(self, series: int, points: int) -> None:
        """Raise a ``QueryError`` for a result that is too large."""
        if series * points > self.cells:
            raise execution(
                f"a part of the query has {series:,} series of {points:,} steps, and {self.cells:,} values "
                "are the most; choose fewer series, a shorter range or a longer step"
            )

    def allow_held(self, values: int) -> None:
        """Raise a ``QueryError`` when what is held at a time takes too much memory."""
        if values > self.held:
            raise execution(
                f"the selectors and nested parts of the query have more than {self.held:,} values at a time; "
                "ask for fewer of them, for fewer series, a shorter range or a longer step"
            )

    def allow_rows(self, rows: int) -> None:
        """Raise a ``QueryError`` when a query needs too much of the history."""
        if rows > self.rows:
            raise execution(
                f"the query needs more than {self.rows:,} rows of the history; choose fewer series, a "
                "shorter range, or a step of ten minutes or more"
            )
