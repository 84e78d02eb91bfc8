"""All receivers of a daemon that are routes of its web server."""

import time
from collections.abc import Callable

from aiohttp import web

from config.secret import passphrase_in
from config.settings import SourcesSettings
from streams.ingest.receivers.changes_receiver import ChangesReceiver, GithubSignature
from streams.ingest.receivers.events_receiver import EventsReceiver
from streams.ingest.receivers.firehose_receiver import FirehoseReceiver
from streams.ingest.receivers.ingest_handler import IngestHandler
from streams.ingest.receivers.otlp_receiver import OtlpReceiver
from streams.ingest.receivers.pubsub_receiver import PubsubReceiver, PushTokens, SigningKeys
from streams.process.extras import need


class HttpReceivers:
    """The receivers, which share one handler.

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
