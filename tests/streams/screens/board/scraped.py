"""A small backend of some hours, and its web server with what is scraped of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np

from config.settings import Settings
from detectors.model.measures import Series
from streams.process.web.http_server import HttpServer
from streams.record.history.history_queries import HistoryQueries
from streams.record.history.segments import Segments
from streams.screens.board.scrape_route import ScrapeRoute
from tests.streams.record.history.backend import Backend, requests

HOURS = 3
STEP = 60


class Scraped:
    """Judged steps until ``end``, epoch seconds: the last ten minutes have ten times the load."""

    def __init__(self, end: int) -> None:
        self.held = Segments(1)
        self.settings = Settings.model_validate({"judge": {"young": 3600}})
        self.backend = Backend(settings=self.settings)
        start = end - HOURS * 3600
        lines = requests(HOURS * 60 - 10, start=start, late=False)
        lines += requests(10, start=end - 600, per_minute=60, late=False)
        self.held.feed(self.backend.feed(lines))
        self.held.feed(self.backend.finish())
        self.judgement, self.series = self.backend.judgements[-1]
        self.start = self.judgement.start

    def choose(self, *series: dict[str, Any], most: int = 1000) -> None:
        """Have these series scraped from now on."""
        given = {"judge": {"young": 3600}, "scrape": {"series": series, "most": most}}
        self.settings = Settings.model_validate(given)

    def amounts(self, name: str) -> dict[tuple[str, str, str], float]:
        """Return the engine's values of series, by kind, name and measure: per second, or milliseconds."""
        found = {}
        for key, amount in zip(self.series, getattr(self.judgement, name).tolist(), strict=True):
            if isinstance(key, Series) and not np.isnan(amount):
                per = 1 if key.measure.startswith("latency") else STEP
                found[key.place.kind, key.place.name, str(key.measure)] = amount / per
        return found


@asynccontextmanager
async def served_scrape(scraped: Scraped, place: str) -> AsyncIterator[str]:
    """Serve it with a history at ``place``, which may be empty; yield the address."""
    queries = HistoryQueries(place, scraped.held.recent)
    route = ScrapeRoute(queries, lambda: scraped.settings)
    server = HttpServer("127.0.0.1:0", [route.route()])
    port = await server.start()
    try:
        yield f"http://127.0.0.1:{port}/scrape"
    finally:
        await server.stop()
