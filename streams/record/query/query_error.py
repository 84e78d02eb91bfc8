"""Why a query has no answer, in Prometheus' words."""

from enum import StrEnum
from typing import Final


class QueryTrouble(StrEnum):
    """The types of errors that clients of Prometheus know."""

    BAD_DATA = "bad_data"  # the query itself
    EXECUTION = "execution"  # what it leads to
    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"


STATUS: Final = {
    QueryTrouble.BAD_DATA: 400,
    QueryTrouble.EXECUTION: 422,
    QueryTrouble.TIMEOUT: 503,
    QueryTrouble.UNAVAILABLE: 503,
}


class QueryError(Exception):
    """A query has no answer; one line that says why, with the remedy."""

    def __init__(self, trouble: QueryTrouble, said: str) -> None:
        super().__init__(said)
        self.trouble = trouble


def bad_data(said: str) -> QueryError:
    """Return the error of a query that nobody could answer."""
    return QueryError(QueryTrouble.BAD_DATA, said)


def execution(said: str) -> QueryError:
    """Return the error of a query that cannot be answered over what is there."""
    return QueryError(QueryTrouble.EXECUTION, said)
