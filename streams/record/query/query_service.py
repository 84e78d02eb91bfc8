"""Answers queries over the history of a daemon, in worker threads."""

import asyncio
import math
from collections.abc import Callable
from functools import partial
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

from streams.record.history.history_queries import (
    CrowdedHistoryError,
    HistoryPatience,
    HistoryQueries,
    HistoryQueryError,
    SlowHistoryError,
)
from streams.record.history.history_reader import HistoryView
from streams.record.history.recent_steps import RecentSteps
from streams.record.query import prometheus_json
from streams.record.query.evaluation import QueryEvaluation
from streams.record.query.promql import TOP, parse_query
from streams.record.query.query_bounds import QueryBounds, QueryError, QueryTrouble
from streams.record.query.query_plan import Aggregated, QueryPlan
from streams.record.query.query_times import QueryTimes
from streams.record.query.sample_table import SampleTable
from streams.record.query.series_index import SeriesIndex, SeriesListing

PATIENCE: Final = HistoryPatience(threads=1, waiting=127, seconds=30.0, readers=1)
"""One query at a time, which reads one file at a time: the rest of the machine is the judge's.

A dashboard asks 20 to 40 at once, most of which take a few hundredths of a second.
"""

SECONDS: Final = 10.0
"""Time of a query once it is its turn."""

_T = TypeVar("_T")
_Write = Callable[[float | SampleTable, QueryTimes, QueryBounds], bytes]


class QueryService:
    """Answers queries. ``step`` returns the seconds of a step, the others are as for ``HistoryQueries``."""

    def __init__(
        self,
        place: str | None,
        steps: Callable[[], list[bytes]],
        step: Callable[[], int],
        *,
        bounds: QueryBounds | None = None,
        patience: HistoryPatience = PATIENCE,
        recent: RecentSteps | None = None,
    ) -> None:
        self._queries = HistoryQueries(place, steps, patience, recent)
        self._step = step
        self._bounds = bounds or QueryBounds()
        self._indices = WeakKeyDictionary[HistoryView, SeriesIndex]()

    async def instant(self, query: str, times: QueryTimes, seconds: float = SECONDS) -> bytes:
        """Return the answer to a query at one time.

        Raises
        ------
        QueryError
            When there is none.
        """
        plan = parse_query(query)
        ordered = isinstance(plan, Aggregated) and plan.op in TOP
        return await self._evaluate(plan, times, seconds, partial(prometheus_json.instant, ordered=ordered))

    async def over(self, query: str, times: QueryTimes, seconds: float = SECONDS) -> bytes:
        """Return the answer to a query over a range of time.

        Raises
        ------
        QueryError
            When there is none.
        """
        return await self._evaluate(parse_query(query), times, seconds, prometheus_json.matrix)

    async def _evaluate(self, plan: QueryPlan, times: QueryTimes, seconds: float, write: _Write) -> bytes:
        def ask(view: HistoryView, bounds: QueryBounds) -> bytes:
            found = QueryEvaluation(view, self._index(view), times, self._step(), bounds).answer(plan)
            return write(found, times, bounds)

        return await self._ask(ask, seconds)

    async def listing(self, listed: Callable[[SeriesListing], list[_T]], most: int | None) -> bytes:
        """Return a list about the names of series, cut to ``most`` entries.

        Raises
        ------
        QueryError
            When there is no answer.
        """

        def ask(view: HistoryView, bounds: QueryBounds) -> bytes:
            found = listed(SeriesListing(self._index(view), bounds))
            if most and len(found) > most:
                return prometheus_json.success(found[:most], ["results truncated due to limit"])
            return prometheus_json.success(found)

        return await self._ask(ask, SECONDS)

    async def _ask(self, question: Callable[[HistoryView, QueryBounds], bytes], seconds: float) -> bytes:
        bounds, given_up = self._bounds, False

        def clock() -> float:
            return math.inf if given_up else bounds.clock()

        def ask(view: HistoryView) -> bytes:
            until = bounds.clock() + seconds  # given up already, it is over at once
            return question(view, bounds._replace(until=until, seconds=seconds, clock=clock))

        try:
            return await self._queries.ask(ask)
        except asyncio.CancelledError:
            given_up = True  # a thread cannot be stopped, but it checks the time
            raise
        except (CrowdedHistoryError, SlowHistoryError) as error:
            raise QueryError(QueryTrouble.TIMEOUT, str(error)) from error
        except HistoryQueryError as error:
            raise QueryError(QueryTrouble.UNAVAILABLE, str(error)) from error

    def _index(self, view: HistoryView) -> SeriesIndex:
        found = self._indices.get(view)
        if found is None:
            found = self._indices[view] = SeriesIndex(view.names)
        found.grow()
        return found
