"""Receives interactions from Slack, by Socket Mode or signed HTTP, while this process notifies."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

import structlog
from aiohttp import web

from alerting.commands.command import Command
from alerting.commands.dispatch import Answer
from alerting.incidents.digest_reporter import zone_of
from alerting.messages.answers import Answers
from alerting.pipeline.pipeline import Pipeline
from alerting.words.locales import phrases_of
from config.links import Links
from config.secret import token_in
from config.settings import Settings, SlackSettings
from detectors.model.stated import StatedChange
from detectors.watch.rankings import Hot
from streams.notify.interaction_handler import InteractionHandler
from streams.notify.operators import Operators
from streams.notify.slack_api import SlackApi
from streams.notify.slack_http import SlackHttp, SlackSignatures
from streams.notify.slack_socket import SlackSocket
from streams.process.metrics import Metrics

log = structlog.get_logger("uneri.slack")


class SlackSecrets(NamedTuple):
    """The secrets of the Slack app; empty where there is none."""

    token: str
    app_token: str
    signing_secret: str

    def __repr__(self) -> str:
        return "SlackSecrets(…)"


def slack_secrets(slack: SlackSettings, environment: Mapping[str, str] = os.environ) -> SlackSecrets:
    """Return the secrets.

    Raises
    ------
    config.secret.SecretError
        When one cannot be read, or sent in a header.
    """
    places = (slack.token, slack.app_token, slack.signing_secret)
    return SlackSecrets(*(token_in(place, environment) for place in places))


def transports(secrets: SlackSecrets) -> list[str]:
    """Return the names of the transports that these secrets allow."""
    if not secrets.token:
        return []
    names = {"Socket Mode": secrets.app_token, "signed HTTP at /slack": secrets.signing_secret}
    return [name for name, secret in names.items() if secret]


class Interactions:
    """Receives interactions by Socket Mode, by signed HTTP, or by both.

    The HTTP routes exist as long as the process; interactions are handled only while it notifies
    (``handle``). At other times a request is answered with 503, so that Slack shows the person an error.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._metrics = metrics
        self._http: SlackHttp | None = None
        self._secret = ""
        self._handler: InteractionHandler | None = None
        self._socket: SlackSocket | None = None
        self.reload(settings)

    def reload(self, settings: Settings) -> None:
        """Use other settings and secrets; running interactions keep the former ones.

        Raises
        ------
        config.secret.SecretError
            When a secret cannot be read.
        """
        self.secrets = secrets = slack_secrets(settings.slack)
        self._settings = settings
        secret = secrets.signing_secret if secrets.token else ""
        if secret != self._secret:  # else it must remember the used signatures
            self._secret = secret
            self._http = SlackHttp(SlackSignatures(secret), self, self._metrics.refused) if secret else None

    @property
    def active(self) -> bool:
        """True while interactions are handled."""
        return self._handler is not None

    def state(self) -> str | None:
        """Return the transports, for ``uneri status``; None if interactions are not handled."""
        names = transports(self.secrets)
        if not names or self._handler is None:
            return None
        broken = self._socket is not None and not self._socket.connected
        return ", ".join(names) + (" (Socket Mode is not connected)" if broken else "")

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for a web server; without a signing secret they answer 404."""
        return [web.post(path, self._answer) for path in SlackHttp.PATHS]

    def on_action(self, payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Pass an action to the handler, if any."""
        return None if self._handler is None else self._handler.on_action(payload)

    def on_command(self, form: Mapping[str, str]) -> None:
        """Pass a slash command to the handler, if any."""
        if self._handler is not None:
            self._handler.on_command(form)

    async def _answer(self, request: web.Request) -> web.Response:
        if self._http is None:
            raise web.HTTPNotFound
        return await self._http.answer(request)

    async def handle(
        self,
        pipeline: Pipeline,
        execute: Callable[[Command], Awaitable[Answer]],
        leaders: Callable[[], Sequence[Hot]] = tuple,
        changes: Callable[[], Sequence[StatedChange]] = tuple,
    ) -> None:
        """Handle interactions until cancelled; return at once if there is no transport.

        Raises
        ------
        Exception
            The storage's error when a command could not be made durable.
        """
        settings = self._settings
        slack, secrets = settings.slack, self.secrets
        names = transports(secrets)
        if not secrets.token:
            return
        if not names:
            log.info(
                "messages have no buttons: set an app token or a signing secret to enable them",
                variables=[slack.app_token_env, slack.signing_secret_env],
            )
            return
        log.info(
            "buttons and slash commands enabled",
            transports=names,
            operators=len(slack.operators) or "everyone",
        )
        zone, words = zone_of(settings.digest), phrases_of(settings.notify.locale, settings.account_names)
        async with SlackApi(secrets.token, slack.base_url) as api:
            self._handler = InteractionHandler(
                pipeline,
                execute,
                slack=api,
                operators=Operators(slack.operators, api.members),
                answers=Answers(Links(settings.links), zone, words),
                digest=settings.digest,
                counter=self._metrics.commands,
                leaders=leaders,
                changes=changes,
            )
            try:
                await self._until_cancelled(self._handler, secrets.app_token)
            finally:
                self._handler = self._socket = None

    async def _until_cancelled(self, handler: InteractionHandler, app_token: str) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(handler.run())
                if app_token:
                    self._socket = SlackSocket(app_token, self._settings.slack.base_url, handler)
                    group.create_task(self._socket.run())
        except* Exception as errors:  # noqa: BLE001  # the daemon ends with the error itself, not a group
            raise errors.exceptions[0] from None
