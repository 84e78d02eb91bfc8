"""Receivers of a real web server before a real log."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import msgspec
import pytest

from config.settings import Settings
from streams.drivers.local.log_intake import LogIntake
from streams.drivers.local.sqlite_store import SqliteStore
from streams.ingest.formats.inputs import Inputs
from streams.ingest.receivers.ingest_handler import IngestHandler
from streams.ingest.receivers.receivers import HttpReceivers
from streams.ingest.receivers.sender_limits import SenderLimits
from streams.ingest.registry.registry import Registry
from streams.process.metrics import Metrics
from streams.process.web.access import Access
from streams.process.web.http_server import HttpServer
from streams.process.web.tokens import load_tokens


@dataclass
class Serving:
    """A server, a client of it, and what it has stored."""

    url: str
    http: aiohttp.ClientSession
    store: SqliteStore
    intake: LogIntake
    metrics: Metrics
    _read: list[dict[str, object]] = field(default_factory=list)

    @property
    def stored(self) -> list[dict[str, object]]:
        self._read += [msgspec.json.decode(bytes(line)) for line in self.store.read(len(self._read)).records]
        return list(self._read)

    def counted(self, name: str, reason: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, {"reason": reason})


Serve = Callable[..., AbstractAsyncContextManager[Serving]]


@pytest.fixture
def serve(store: SqliteStore) -> Serve:
    @asynccontextmanager
    async def serving(
        settings: Settings | None = None, environment: dict[str, str] | None = None
    ) -> AsyncIterator[Serving]:
        given, metrics = settings or Settings(), Metrics()
        limits = SenderLimits(given.dead_letters, metrics.dropped_letters)
        intake = LogIntake(store, given, limits=limits)
        registry = Registry(given.sources.registry) if given.sources.registry else None
        inputs = Inputs(given.sources, registry)
        handler = IngestHandler(intake, inputs, metrics.intake_refused, metrics.skipped)
        tokens = load_tokens(given.tokens, environment or {})
        access = Access("127.0.0.1:0", (), tokens, metrics.web_refused)
        routes = HttpReceivers(handler, given.sources).routes()
        server = HttpServer("127.0.0.1:0", routes, access=access)
        port = await server.start()
        try:
            async with aiohttp.ClientSession() as http:
                yield Serving(f"http://127.0.0.1:{port}", http, store, intake, metrics)
        finally:
            await server.stop()

    return serving
