"""The actions of people on the page: the same commands that Slack's buttons give.

Each request passes five checks: the scope ``operate``, the origin of the page, JSON (which no form sends),
the proof that ``GET /board/session`` gave this browser, and a body that is understood.
"""

import re
import time
from collections.abc import Callable
from datetime import date
from http import HTTPStatus
from typing import Final, Literal, TypeVar

import msgspec
import structlog
from aiohttp import web
from msgspec import UNSET, UnsetType
from prometheus_client import Counter

from alerting.commands.command import Command, CommandKind
from alerting.commands.dispatch import Answer, CommandResult
from alerting.commands.memo import MemoAnswer, memo_text
from alerting.commands.slack_interactions import HOUR, pattern_of
from alerting.commands.slash import LONGEST, morning_of, tomorrow
from alerting.incidents.digest_reporter import zone_of
from alerting.incidents.notice import identify
from streams.notify.command_routes import BY, Handler, MemoBody, RouteError, answer_refusals, wrong_in
from streams.notify.http_sinks import ExportError
from streams.process.web.access import PROOF, Access
from streams.process.web.request_body import BodyError, read_json
from streams.process.web.tokens import AccessScope
from streams.screens.board.board_answers import answering, encoded, refused
from streams.screens.board.incidents.incident_service import IncidentService

SOMEBODY: Final = "somebody at the board"
_LARGEST: Final = 16 * 1024  # of a body, bytes
_WHY: Final = 200  # characters kept of a reason
_OF_SLACK: Final = re.compile(r"[UWS][A-Z0-9]{2,20}")  # an id, which a message would turn into a mention
_PRESSED: Final = {
    kind.value: kind
    for kind in (
        CommandKind.ACKNOWLEDGE,
        CommandKind.UNACKNOWLEDGE,
        CommandKind.EXPECTED,
        CommandKind.NOT_AN_ANOMALY,
        CommandKind.TAKE_BACK,
    )
}
_ERRORS: Final = {
    CommandResult.UNKNOWN: (
        404,
        "there is no such incident, memo or silence, or it is forgotten; load again",
    ),
    CommandResult.OVER: (409, "the incident has ended; a label or a memo still helps"),
    CommandResult.PAST: (400, "this time has passed already; choose a later one"),
    CommandResult.CONFIGURED: (409, "the configuration has this silence; remove it there"),
}

log = structlog.get_logger("uneri.board")


class WhoBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The body of each action: ``by`` is the name that a person typed."""

    by: str = ""


class SnoozeBody(WhoBody, kw_only=True, forbid_unknown_fields=True):
    """A snooze of one incident (``for``), or of all like it until the morning of a day (``until``)."""

    span: Literal["1h", "tomorrow", "pattern"] = msgspec.field(name="for")
    until: date | None = None
    why: str = ""


class ExportBody(WhoBody, kw_only=True, forbid_unknown_fields=True):
    """Where an incident is sent: ``webhook:NAME``."""

    to: str


class ActedAnswer(msgspec.Struct, kw_only=True):
    """What became of what a person did on the board; ``error`` says why nothing did."""

    said: CommandResult
    memo: MemoAnswer | UnsetType = UNSET
    silence: str | UnsetType = UNSET
    until: int | UnsetType = UNSET
    fits: int | UnsetType = UNSET
    error: str | UnsetType = UNSET
    sent: str | UnsetType = UNSET


_Body = TypeVar("_Body", bound=WhoBody | MemoBody)


class IncidentActions:
    """Carries out what people press.

    Parameters
    ----------
    counter
        Counts commands, with the labels ``ask`` and ``said``.
    now
        Wall time, epoch seconds.
    """

    def __init__(
        self,
        incidents: IncidentService,
        access: Access,
        counter: Counter | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._incidents = incidents
        self._access = access
        self._counter = counter
        self._now = now

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for a web server."""

        def guarded(handler: Handler) -> Handler:
            return answering(answer_refusals(handler))

        return [
            web.post("/board/incidents/{id}/snooze", guarded(self._snooze)),
            web.post("/board/incidents/{id}/export", guarded(self._export)),
            web.post("/board/incidents/{id}/{ask}", guarded(self._press)),
            web.post("/board/memos", guarded(self._note)),
            web.delete("/board/memos/{id}", guarded(self._forget)),
            web.delete("/board/silences/{id}", guarded(self._end)),
        ]

    async def _press(self, request: web.Request) -> web.Response:
        asked = await self._asked(request, WhoBody)
        kind = _PRESSED.get(request.match_info["ask"])
        if kind is None:
            return refused(f"an incident takes {', '.join((*_PRESSED, 'snooze'))}", 404)
        return await self._give(request, asked, kind, incident=request.match_info["id"])

    async def _snooze(self, request: web.Request) -> web.Response:
        asked = await self._asked(request, SnoozeBody)
        now, name, why = int(self._now()), request.match_info["id"], asked.why[:_WHY]
        digest = self._incidents.digest
        zone = zone_of(digest)
        if asked.span != "pattern":
            until = now + HOUR if asked.span == "1h" else tomorrow(now, digest, zone)
            return await self._give(request, asked, CommandKind.SNOOZE, incident=name, until=until, why=why)
        if asked.until is None:
            return refused("say until which day all like it are snoozed: YYYY-MM-DD", 400)
        incident = await self._incidents.find(name)
        if incident is None:
            return _answered(Answer(result=CommandResult.UNKNOWN))
        try:
            until = min(morning_of(asked.until, digest, zone), now + LONGEST)
        except (ValueError, OverflowError):
            return refused("this day is out of range; choose another one", 400)
        return await self._give(
            request,
            asked,
            CommandKind.SNOOZE,
            incident=name,
            matcher=pattern_of(incident),
            until=until,
            why=why,
        )

    async def _export(self, request: web.Request) -> web.Response:
        asked = await self._asked(request, ExportBody)
        name, by, known = request.match_info["id"], self._who(request, asked), self._incidents.exports
        if asked.to not in known:
            return refused(f"notify.webhooks has {', '.join(known) or 'none'}; add it there", 400)
        try:
            sent = await self._incidents.export(name, asked.to)
        except ExportError as error:
            return refused(str(error), 502)
        if sent is None:
            return _answered(Answer(result=CommandResult.UNKNOWN))
        log.info("incident exported", incident=name, to=asked.to, by=by)
        return encoded(ActedAnswer(said=CommandResult.DONE, sent=sent))

    async def _note(self, request: web.Request) -> web.Response:
        asked = await self._asked(request, MemoBody)
        text = memo_text(asked.text)
        if (wrong := wrong_in(asked, text, int(self._now()))) is not None:
            return refused(wrong, 400)
        return await self._give(
            request,
            asked,
            CommandKind.NOTE,
            incident=asked.incident,
            why=text,
            moment=asked.at,
            scope=asked.scope,
        )

    async def _forget(self, request: web.Request) -> web.Response:
        asked = await self._asked(request, WhoBody)
        return await self._give(request, asked, CommandKind.FORGET, incident=request.match_info["id"])

    async def _end(self, request: web.Request) -> web.Response:
        asked = await self._asked(request, WhoBody)
        return await self._give(request, asked, CommandKind.UNSILENCE, incident=request.match_info["id"])

    async def _asked(self, request: web.Request, kind: type[_Body]) -> _Body:
        """Return the body of a request that may change something.

        Raises
        ------
        RouteError
            When it may not, or its body is something else.
        """
        if AccessScope.OPERATE not in self._access.may(request):
            wrong = "without a token, incidents can be changed only from this machine, at 127.0.0.1"
            raise RouteError(self._access.refuse("scope", 403, wrong))
        if request.content_type != "application/json":
            raise RouteError(refused("send application/json", 415))
        if not self._access.proves(request):
            wrong = f"{PROOF} is missing, or not that of this session; load the page again"
            raise RouteError(self._access.refuse("proof", 403, wrong))
        try:
            asked = await read_json(request, _LARGEST, kind)
        except BodyError as error:
            answer = refused(str(error), error.status)
            if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
                answer.headers["Retry-After"] = "1"
            raise RouteError(answer) from None
        if _OF_SLACK.fullmatch(asked.by.strip()):
            wrong = "this name looks like an id of Slack, which would name somebody else; write a name"
            raise RouteError(refused(wrong, 400))
        return asked

    async def _give(
        self, request: web.Request, asked: WhoBody | MemoBody, kind: CommandKind, **about: object
    ) -> web.Response:
        at, by = int(self._now()), self._who(request, asked)
        key = identify("board", at, kind, by, *about.values())
        command = msgspec.convert({"id": key, "kind": kind, "at": at, "by": by, **about}, Command)
        answer = await self._incidents.act(command)
        if self._counter is not None:
            self._counter.labels(kind.value, answer.result.value).inc()
        log.info(
            "command received", ask=kind.value, by=by, incident=command.incident, said=answer.result.value
        )
        return _answered(answer)

    def _who(self, request: web.Request, asked: WhoBody | MemoBody) -> str:
        """Return the name that was typed, and the name of the token that allows the action."""
        typed, token = " ".join(memo_text(asked.by).split()), self._access.name_of(request)
        if typed and token:
            return f"{typed[: BY - len(token) - 3]} ({token})"
        return (typed or token or SOMEBODY)[:BY]


def _answered(answer: Answer) -> web.Response:
    status, error = _ERRORS.get(answer.result, (200, ""))
    found = ActedAnswer(
        said=answer.result,
        memo=UNSET if answer.memo is None else answer.memo.as_answer(),
        silence=answer.silence or UNSET,
        until=UNSET if answer.until is None else answer.until,
        fits=UNSET if answer.fits is None else answer.fits,
        error=error or UNSET,
    )
    return encoded(found, status)
