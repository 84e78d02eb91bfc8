"""All receivers of a process in front of one sink: routes of its web server, and lines over TCP."""

import time
from collections.abc import Callable

import structlog
from aiohttp import web

from config.secret import passphrase_in
from config.settings import Settings, SourcesSettings
from streams.ingest.formats.inputs import Inputs
from streams.ingest.receivers.changes_receiver import ChangesReceiver, GithubSignature
from streams.ingest.receivers.events_receiver import EventsReceiver
from streams.ingest.receivers.firehose_receiver import FirehoseReceiver
from streams.ingest.receivers.ingest_handler import SMALL_BODIES, IngestHandler
from streams.ingest.receivers.otlp_receiver import OtlpReceiver
from streams.ingest.receivers.payload_lines import line_reader
from streams.ingest.receivers.pubsub_receiver import PubsubReceiver, PushTokens, SigningKeys
from streams.ingest.receivers.record_sink import RecordSink
from streams.ingest.receivers.tcp_receiver import TcpReceiver
from streams.process.extras import need
from streams.process.metrics import Metrics
from streams.process.part import Part
from streams.process.web.listen_address import ListenAddress
from streams.process.web.tokens import Tokens

log = structlog.get_logger("uneri.intake")


class HttpReceivers:
    """The receivers that are routes of a web server, which share one handler.

    Raises
    ------
    config.secret.SecretError
        When the secret of webhooks cannot be read.
    streams.process.extras.MissingExtraError
        When ``sources.pubsub`` is set, and the library that verifies tokens is not installed.
    """

    def __init__(
        self, handler: IngestHandler, settings: SourcesSettings, clock: Callable[[], float] = time.time
    ) -> None:
        place = settings.github.secret
        self._signature = GithubSignature(passphrase_in(place), place.name())
        tokens = None
        if settings.pubsub is not None:
            need("joserfc", "sources.pubsub")
            tokens = PushTokens(settings.pubsub, SigningKeys(settings.pubsub.keys), clock)
        self._receivers = (
            EventsReceiver(handler),
            OtlpReceiver(handler),
            FirehoseReceiver(handler),
            PubsubReceiver(handler, tokens),
            ChangesReceiver(handler, self._signature),
        )

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for a web server."""
        return [route for receiver in self._receivers for route in receiver.routes()]

    def use_secret(self, secret: str) -> None:
        """Verify webhooks by this secret from now on."""
        self._signature.secret = secret


class Receivers(Part):
    """The receivers that listen at ``address``; they raise what ``HttpReceivers`` does."""

    def __init__(
        self,
        sink: RecordSink,
        settings: Settings,
        inputs: Inputs,
        address: ListenAddress,
        metrics: Metrics,
        *,
        clock: Callable[[], float] = time.time,
        small_bodies: int = SMALL_BODIES,  # as for ``IngestHandler``
    ) -> None:
        self._address = address
        self._tokens = address.tokens
        self.handler = IngestHandler(
            sink, inputs, metrics.intake_refused, metrics.skipped, small_bodies=small_bodies
        )
        self._http = HttpReceivers(self.handler, settings.sources, clock)
        self._tcp: TcpReceiver | None = None
        self.tcp_port = 0
        given = settings.web if settings.kafka else settings.local
        self._listen = given.tcp
        if given.tcp is not None:
            self._tcp = TcpReceiver(
                given.tcp,
                sink,
                line_reader(None if given.tcp_source is None else inputs.of(given.tcp_source)),
                lambda: self._tokens,
                address.certificates.context if address.certificates else None,
                setting=f"{address.section}.tcp",
            )

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for a web server."""
        return self._http.routes()

    def use(self, tokens: Tokens, secret: str) -> None:
        """Accept these tokens, and verify webhooks by this secret, from now on."""
        self._tokens = tokens
        self._http.use_secret(secret)

    async def start(self, port: int) -> None:
        """Listen for lines, or raise a ``ListenError``; the web server listens on ``port`` already."""
        log.info("accepting events", url=f"{self._address.url.rpartition(':')[0]}:{port}/events")
        if self._tcp is not None:
            self.tcp_port = await self._tcp.start()
            log.info("accepting lines", address=self._listen, port=self.tcp_port)

    async def stop_accepting(self) -> None:
        """Accept no more lines, and close the connections when their records are stored."""
        if self._tcp is not None:
            await self._tcp.stop()
