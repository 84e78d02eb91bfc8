"""``GET /scrape``: the newest step of chosen series, for a Prometheus of one's own."""

from collections.abc import Callable, Iterator
from typing import Final

from aiohttp import web
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from config.settings import Settings
from streams.record.history.history_queries import HistoryQueries, HistoryQueryError
from streams.screens.board.json_answer import refused
from streams.screens.board.scrape.scraped_step import ScrapedStep

PATH: Final = "/scrape"


class _Given(Collector):
    """Metrics that are made already."""

    def __init__(self, metrics: list[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return iter(self._metrics)


class ScrapeRoute:
    """Answers in the format that is asked for, OpenMetrics or the older text.

    Samples have the time of their step. Without, Prometheus would take the time at which it asks: a peak
    would be drawn minutes late, and a daemon that stands still would look like load that does not change.

    Parameters
    ----------
    queries
        Read the history.
    settings
        Returns the configuration in force.
    """

    def __init__(self, queries: HistoryQueries, settings: Callable[[], Settings]) -> None:
        self._queries = queries
        self._settings = settings
        self._step = ScrapedStep()

    def route(self) -> web.RouteDef:
        """Return the route for a web server."""
        return web.get(PATH, self._answer)

    async def _answer(self, request: web.Request) -> web.Response:
        settings = self._settings()
        if not settings.scrape.series:
            return refused("nothing is exported; say which series in scrape.series", 404)
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        try:
            body = await self._queries.ask(
                lambda view: encode(_Given(self._step.metrics(view, settings.scrape, settings.time.step)))
            )
        except HistoryQueryError as error:
            return refused(str(error), 503)
        return web.Response(body=body, headers={"Content-Type": content_type})
