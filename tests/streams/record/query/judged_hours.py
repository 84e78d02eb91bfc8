"""A backend that was judged for some hours, what its engine found at each step, and its read API."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np

from detectors.model.measures import Series
from detectors.model.scope import Edge
from streams.process.web.access import Access
from streams.process.web.http_server import HttpServer
from streams.record.history.history_files import HistoryFolder
from streams.record.history.history_keeper import HistoryBounds, HistoryKeeper
from streams.record.history.history_queries import HistoryPatience
from streams.record.history.segments import Segments
from streams.record.query.query_bounds import QueryBounds
from streams.record.query.query_routes import QueryRoutes
from streams.record.query.query_service import QueryService
from streams.record.query.query_times import QueryTimes
from tests.streams.record.history.backend import START, Backend, requests

MINUTES = 4 * 60 + 17  # not on the hour: some steps are in no file
STEP = 60
END = START + MINUTES * 60

Labels = frozenset[tuple[str, str]]


class JudgedHours:
    """The history, and the judgements of which it is made. The last ten minutes have ten times the load."""

    def __init__(self, place: Path) -> None:
        self.place, self.held = place, Segments(1)
        self.backend = Backend()
        keeper = HistoryKeeper(HistoryFolder(str(place)), HistoryBounds(35, 400, 1 << 40))
        lines = requests(MINUTES - 10, late=False)
        lines += requests(10, start=END - 600, per_minute=60, late=False)
        self.held.feed(self.backend.feed(lines))
        self.held.feed(self.backend.finish())
        for segment in self.held.complete():
            keeper.write(segment)
            self.held.forget(segment)
        self.judgements = {
            judgement.start: (judgement, series) for judgement, series in self.backend.judgements
        }

    def known(self, start: int, name: str = "observed") -> dict[Labels, float]:
        """Return the engine's values of a step: per second, or milliseconds, as a single."""
        judgement, series = self.judgements[start]
        found = {}
        for key, amount in zip(series, getattr(judgement, name).tolist(), strict=True):
            if isinstance(key, Series) and not np.isnan(amount):
                per = 1 if key.measure.startswith("latency") else STEP
                found[labels_of(key)] = float(np.float32(amount)) / per
        return found

    def service(
        self, *, bounds: QueryBounds | None = None, patience: HistoryPatience | None = None
    ) -> QueryService:
        """Return the query service over it."""
        more: dict[str, Any] = {} if patience is None else {"patience": patience}
        return QueryService(str(self.place), self.held.recent, lambda: STEP, bounds=bounds, **more)


def labels_of(one: Series) -> Labels:
    """Return the labels of a series of the engine."""
    scope = one.place._asdict()
    source = one.about.source._asdict() if isinstance(one.about, Edge) else {}
    texts = {
        **scope,
        **{f"source_{name}": value for name, value in source.items()},
        "measure": str(one.measure),
    }
    return frozenset((name, value) for name, value in texts.items() if value)


async def asked_at(service: QueryService, query: str, at: float) -> dict[Labels, float]:
    """Return the values of a query at a time, by labels without the name of the metric."""
    data = json.loads(await service.instant(query, QueryTimes(round(at * 1000))))["data"]
    assert data["resultType"] == "vector"
    return {_unnamed(found["metric"]): float(found["value"][1]) for found in data["result"]}


async def asked_over(
    service: QueryService, query: str, first: int, end: int, step: int
) -> dict[Labels, dict[float, float]]:
    """Return the values of a query over a range, by labels without the name of the metric, and by time."""
    times = QueryTimes.over(first * 1000, end * 1000, step * 1000)
    data = json.loads(await service.over(query, times))["data"]
    return {
        _unnamed(found["metric"]): {at: float(value) for at, value in found["values"]}
        for found in data["result"]
    }


def _unnamed(metric: dict[str, str]) -> Labels:
    return frozenset((name, value) for name, value in metric.items() if name != "__name__")


@asynccontextmanager
async def served(service: QueryService, access: Access | None = None, now: Any = None) -> AsyncIterator[str]:
    """Serve the read API; yield the address of the server."""
    routes = QueryRoutes(service, *([now] if now else [])).routes()
    server = HttpServer("127.0.0.1:0", routes, access=access)
    port = await server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        await server.stop()
