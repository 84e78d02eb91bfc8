"""Commands as a person types them, beside a daemon that has a pipeline."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from aiohttp import ClientSession, web
from typer.testing import CliRunner

from alerting.commands.command import Command
from alerting.commands.dispatch import Answer
from alerting.pipeline.pipeline import Pipeline
from config.links import Links
from config.settings import LinksSettings, Settings, TokensSettings
from streams.cli.commands import app
from streams.notify.command_routes import MemoRoutes, SilenceRoutes
from streams.notify.incidents_route import incidents_route
from streams.notify.on_call_route import OnCallRoute
from streams.process.web.access import Access
from streams.process.web.http_server import HttpServer
from streams.process.web.tokens import load_tokens
from tests.alerting.given import T0


class Typed(NamedTuple):
    """What a command printed, and its exit code."""

    code: int
    lines: list[str]


def type_command(*words: str) -> Typed:
    result = CliRunner().invoke(app, list(words))
    return Typed(result.exit_code, result.output.splitlines())


class GivenDaemon:
    """A daemon as far as silences and memos need one."""

    def __init__(self, settings: Settings | None = None) -> None:
        self.pipeline: Pipeline | None = Pipeline(settings or Settings())
        self.url = ""
        self.now = float(T0 + 60)

    async def execute(self, command: Command) -> Answer:
        assert self.pipeline is not None
        return self.pipeline.command(command)

    def routes(self) -> Sequence[web.RouteDef]:
        return [
            *SilenceRoutes(lambda: self.pipeline, self.execute, now=lambda: self.now).routes(),
            *MemoRoutes(lambda: self.pipeline, self.execute, now=lambda: self.now).routes(),
            *OnCallRoute(lambda: self.pipeline, self.execute, now=lambda: self.now).routes(),
            incidents_route(lambda: self.pipeline, lambda: Links(LinksSettings())),
        ]

    async def type(self, *words: str) -> Typed:
        return await asyncio.to_thread(type_command, *words, "--url", self.url)

    async def post(self, path: str, body: object, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        async with (
            ClientSession() as session,
            session.post(f"{self.url}{path}", json=body, headers=headers) as answer,
        ):
            return answer.status, await answer.json()


@asynccontextmanager
async def serving(daemon: GivenDaemon, tokens: dict[str, str] | None = None) -> AsyncIterator[GivenDaemon]:
    """Serve it on loopback; with tokens, by scope, as on a network."""
    known = {f"UNERI_{scope.upper()}_TOKEN": token for scope, token in (tokens or {}).items()}
    access = Access("0.0.0.0:0", tokens=load_tokens(TokensSettings(), known)) if tokens else None
    server = HttpServer("127.0.0.1:0", daemon.routes(), access=access)
    daemon.url = f"http://127.0.0.1:{await server.start()}"
    yield daemon
    await server.stop()
