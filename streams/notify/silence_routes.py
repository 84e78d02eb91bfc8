"""Silences by HTTP, for a terminal on the same machine: what holds, one more, one less."""

import time
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec
from aiohttp import web

from alerting.commands.answer import Answer, CommandResult
from alerting.commands.command import Command, CommandKind, Matcher
from alerting.commands.silence_end import LONGEST, SHORTEST
from alerting.incidents.notice import identify
from alerting.pipeline.pipeline import Pipeline

_LOOPBACK: Final = ("127.0.0.1", "::1", "::ffff:127.0.0.1")
_HOSTS: Final = ("127.0.0.1", "localhost", "[::1]")
_STATUS: Final = {CommandResult.DONE: 200, CommandResult.REPEATED: 200, CommandResult.UNKNOWN: 404}
_BY: Final = 80  # characters of a name that are kept
_WHY: Final = 200


class SilenceAsked(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /silences``."""

    matching: Matcher
    seconds: int
    why: str = ""
    by: str = ""


class SilenceRoutes:
    """Serves ``/silences`` to whoever is on the same machine.

    Who can reach the web server from elsewhere must not be able to silence alerts, nor may a web page in a
    browser on this machine: the caller must be on the loopback interface, must have called it by its name,
    and must send JSON, which a page of another origin cannot.

    Parameters
    ----------
    stages
        Gives the pipeline, None while another process has it.
    order
        Makes a command durable.
    now
        Wall time, epoch seconds.
    """

    def __init__(
        self,
        stages: Callable[[], Pipeline | None],
        order: Callable[[Command], Awaitable[Answer]],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._stages = stages
        self._order = order
        self._now = now

    def routes(self) -> list[web.RouteDef]:
        """Return what a web server adds."""
        return [
            web.get("/silences", self._show),
            web.post("/silences", self._silence),
            web.delete("/silences/{id}", self._end),
        ]

    async def _show(self, _: web.Request) -> web.Response:
        stages = self._stages()
        if stages is None:
            return _json({"error": "another process notifies (role notify); ask that one"}, 503)
        return _json(stages.silences())

    async def _silence(self, request: web.Request) -> web.Response:
        if (refused := self._refused(request)) is not None:
            return refused
        try:
            asked = msgspec.json.decode(await request.read(), type=SilenceAsked)
        except msgspec.MsgspecError as error:
            return _json({"error": str(error)}, 400)
        if not SHORTEST <= asked.seconds <= LONGEST:
            return _json({"error": "choose between a minute and three months"}, 400)
        at = int(self._now())
        return await self._give(
            Command(
                id=identify("silence", at, asked.by, asked.matching, asked.seconds),
                kind=CommandKind.SILENCE,
                at=at,
                by=asked.by[:_BY] or "somebody at the terminal",
                matcher=asked.matching,
                until=at + asked.seconds,
                why=asked.why[:_WHY],
            )
        )

    async def _end(self, request: web.Request) -> web.Response:
        if (refused := self._refused(request)) is not None:
            return refused
        at, name = int(self._now()), request.match_info["id"]
        by = request.query.get("by", "")[:_BY] or "somebody at the terminal"
        return await self._give(
            Command(
                id=identify("unsilence", at, name), kind=CommandKind.UNSILENCE, at=at, by=by, incident=name
            )
        )

    async def _give(self, command: Command) -> web.Response:
        answer = await self._order(command)
        told = {"said": answer.result, "silence": answer.silence, "until": answer.until, "fits": answer.fits}
        return _json(told, _STATUS.get(answer.result, 409))

    def _refused(self, request: web.Request) -> web.Response | None:
        if self._stages() is None:
            return _json({"error": "another process notifies (role notify); ask that one"}, 503)
        by_name = request.host.rpartition(":")[0] if request.host.count(":") else request.host
        if request.remote not in _LOOPBACK or (by_name or request.host) not in _HOSTS:
            return _json({"error": "silences are taken from this machine alone, called 127.0.0.1"}, 403)
        if request.content_type != "application/json":
            return _json({"error": "send application/json"}, 415)
        return None


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")
