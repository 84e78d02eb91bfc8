"""Where people's wishes come in from Slack: by which ways, and who takes them while there is anybody."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog
from aiohttp import web

from alerting.commands.answer import Answer
from alerting.commands.command import Command
from alerting.incidents.digest_time import zone_of
from alerting.messages.answers import Answers
from alerting.pipeline.pipeline import Pipeline
from alerting.words.locales import phrases_of
from config.links import Links
from config.settings import Settings, SlackSettings
from detectors.watch.hottest import Hot
from streams.notify.interactions import Look, OperatorDesk
from streams.notify.operators import Operators
from streams.notify.slack_calls import SlackCalls
from streams.notify.slack_http import SlackHttp
from streams.notify.slack_signature import SlackSignatures
from streams.notify.slack_socket import SlackSocket
from streams.process.metrics import Metrics

log = structlog.get_logger("uneri.slack")


def ways_in(slack: SlackSettings) -> list[str]:
    """Return by which ways presses and slash commands reach a daemon with these settings and environment."""
    if not os.environ.get(slack.token_env):
        return []
    ways = {slack.app_token_env: "Socket Mode", slack.signing_secret_env: "signed HTTP at /slack"}
    return [way for variable, way in ways.items() if os.environ.get(variable, "").strip()]


class Reception:
    """Takes presses and slash commands in, by Socket Mode, by signed HTTP or by both.

    A process serves the HTTP routes for as long as it lives; somebody acts on what comes only while it
    notifies (``attend``). At other times a request is answered with 503, so that Slack tells the person.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._desk: OperatorDesk | None = None
        self._socket: SlackSocket | None = None

    @property
    def staffed(self) -> bool:
        """Tell whether anybody acts on what comes in."""
        return self._desk is not None

    def state(self) -> str | None:
        """Say how people reach this process, for ``uneri status``; None where they do not."""
        ways = ways_in(self._settings.slack)
        if not ways or self._desk is None:
            return None
        broken = self._socket is not None and not self._socket.connected
        return ", ".join(ways) + (" (Socket Mode is not connected)" if broken else "")

    def routes(self) -> list[web.RouteDef]:
        """Return what a web server adds: nothing where there is no signing secret."""
        slack = self._settings.slack
        secret = os.environ.get(slack.signing_secret_env, "")
        if not secret.strip() or not os.environ.get(slack.token_env):
            return []
        return SlackHttp(SlackSignatures(secret), self, self._metrics.refused).routes()

    def pressed(self, payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Act on a press."""
        return None if self._desk is None else self._desk.pressed(payload)

    def commanded(self, form: Mapping[str, str]) -> None:
        """Act on a slash command."""
        if self._desk is not None:
            self._desk.commanded(form)

    async def attend(
        self,
        stages: Pipeline,
        order: Callable[[Command], Awaitable[Answer]],
        leaders: Callable[[], Sequence[Hot]] = tuple,
    ) -> None:
        """Act on what comes in until cancelled; return at once where nothing can come in.

        Raises
        ------
        Exception
            What the storage raised when a command could not be made durable.
        """
        settings = self._settings
        slack, ways = settings.slack, ways_in(settings.slack)
        token = os.environ.get(slack.token_env)
        if not token:
            return
        if not ways:
            log.info(
                "messages have no buttons: neither an app token nor a signing secret is set",
                variables=[slack.app_token_env, slack.signing_secret_env],
            )
            return
        log.info(
            "buttons and slash commands are taken",
            by=ways,
            operators=len(slack.operators) or "everybody",
        )
        zone, words = zone_of(settings.digest), phrases_of(settings.notify.locale)
        look = Look(Answers(Links(settings.links), zone, words), words, zone, settings.digest)
        app_token = os.environ.get(slack.app_token_env, "").strip()
        async with SlackCalls(token, slack.base_url) as calls:
            self._desk = OperatorDesk(
                stages,
                order,
                slack=calls,
                operators=Operators(slack.operators, calls.members),
                look=look,
                counter=self._metrics.commands,
                leaders=leaders,
            )
            try:
                await self._until_cancelled(self._desk, app_token)
            finally:
                self._desk = self._socket = None

    async def _until_cancelled(self, desk: OperatorDesk, app_token: str) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(desk.run())
                if app_token:
                    self._socket = SlackSocket(app_token, self._settings.slack.base_url, desk)
                    group.create_task(self._socket.run())
        except* Exception as errors:  # noqa: BLE001  # one error, not a group of one, ends the daemon
            raise errors.exceptions[0] from None
