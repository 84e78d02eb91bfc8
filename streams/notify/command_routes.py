"""Silences and memos by HTTP, for callers on the same machine or with a token: list, add, remove."""

import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web

from alerting.commands.command import Command, CommandKind, Matcher
from alerting.commands.dispatch import Answer, CommandResult
from alerting.commands.memo import LONGEST as LONGEST_MEMO
from alerting.commands.memo import MemoAnswer, memo_text
from alerting.commands.slash import LONGEST as LONGEST_SILENCE
from alerting.commands.slash import SHORTEST as SHORTEST_SILENCE
from alerting.incidents.notice import identify
from alerting.pipeline.pipeline import Pipeline
from alerting.words.mrkdwn import clean
from config.sections.values import scope_name
from streams.process.web.access import is_trusted
from streams.process.web.answer_forms import RefusalAnswer
from streams.process.web.request_body import Body, BodyError, read_json

ELSEWHERE: Final = "this process does not notify; ask the one with the role notify"
UNKNOWN: Final = {
    "said": CommandResult.UNKNOWN.value,
    "error": "no incident has this ID, or several begin with it; /incidents lists those that have not ended",
}
ANONYMOUS: Final = "a user at the terminal"
BY: Final = 80  # characters kept of a name
_STATUS: Final = {CommandResult.DONE: 200, CommandResult.REPEATED: 200, CommandResult.UNKNOWN: 404}
_LARGEST: Final = 64 * 1024  # of a body, bytes
_WHY: Final = 200  # characters kept of a reason
LONGEST_SCOPE = 200  # characters
_AHEAD: Final = 86_400  # seconds; a memo further ahead would be the newest one for as long
_BACK: Final = 400 * 86_400  # seconds: 13 months, as far as a board shows

Handler = Callable[[web.Request], Awaitable[web.Response]]
_Show = Callable[[Answer], object]


class NoAnswerError(Exception):
    """A command was not executed, or its result is unknown; one line for its sender."""


class RouteError(Exception):
    """A request is refused with this answer."""

    def __init__(self, answer: web.Response) -> None:
        super().__init__(answer.status)
        self.answer = answer


class CommandRoutes:
    """The base of routes that give commands: permission, body and answer.

    ``pipeline`` returns None while another process has it; ``execute`` makes a command durable and executes
    it, or raises ``NoAnswerError``. ``now`` is wall time, epoch seconds.
    """

    WHAT = ""
    """The name of the things that the commands change, for refusals."""

    def __init__(
        self,
        pipeline: Callable[[], Pipeline | None],
        execute: Callable[[Command], Awaitable[Answer]],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._pipeline = pipeline
        self._execute = execute
        self._now = now

    def known(self) -> Pipeline:
        """Return the pipeline, or raise a ``RouteError`` if another process has it."""
        pipeline = self._pipeline()
        if pipeline is None:
            raise RouteError(refused(ELSEWHERE, 503))
        return pipeline

    def check(self, request: web.Request) -> None:
        """Raise a ``RouteError`` unless a request may change something here."""
        self.known()
        if not is_trusted(request):
            message = f"without a token, {self.WHAT} can be changed only from this machine, at 127.0.0.1"
            raise RouteError(refused(message, 403))
        if request.content_type != "application/json":
            raise RouteError(refused("send application/json", 415))

    async def body(self, request: web.Request, kind: type[Body]) -> Body:
        """Return the decoded body of a request, or raise a ``RouteError`` if it may change nothing here."""
        self.check(request)
        try:
            return await read_json(request, _LARGEST, kind)
        except BodyError as error:
            answer = refused(str(error), error.status)
            if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
                answer.headers["Retry-After"] = "1"
            raise RouteError(answer) from None

    async def execute(self, command: Command, show: _Show) -> web.Response:
        """Execute a command; answer with what ``show`` returns.

        Raises
        ------
        RouteError
            When there is no answer.
        """
        try:
            answer = await self._execute(command)
        except NoAnswerError as error:
            raise RouteError(refused(str(error), 503)) from error
        return json_answer(show(answer), _STATUS.get(answer.result, 409))

    async def remove(self, request: web.Request, verb: str, kind: CommandKind, show: _Show) -> web.Response:
        """Execute a command that removes the silence or memo with the id in the path."""
        self.check(request)
        at, name = int(self._now()), request.match_info["id"]
        by = request.query.get("by", "")[:BY] or ANONYMOUS
        command = Command(id=identify(verb, at, name), kind=kind, at=at, by=by, incident=name)
        return await self.execute(command, show)


def answer_refusals(handler: Handler) -> Handler:
    """Return a handler that sends the answer of a ``RouteError``."""

    async def answered(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except RouteError as error:
            return error.answer

    return answered


def json_answer(value: object, status: int = 200) -> web.Response:
    """Return a value as JSON."""
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")


def refused(error: str, status: int) -> web.Response:
    """Return a refusal as JSON: one line with the remedy."""
    return json_answer(RefusalAnswer(error), status)


class SilenceBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /silences``."""

    matching: Matcher
    seconds: int
    why: str = ""
    by: str = ""


class SilencedAnswer(msgspec.Struct, kw_only=True):
    """What became of a command about a silence; ``fits`` counts the incidents that match."""

    said: CommandResult
    silence: str | None
    until: int | None
    fits: int | None


class SilenceRoutes(CommandRoutes):
    """Serves ``/silences``."""

    WHAT = "silences"

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for a web server."""
        return [
            web.get("/silences", answer_refusals(self._show)),
            web.post("/silences", answer_refusals(self._silence)),
            web.delete("/silences/{id}", answer_refusals(self._end)),
        ]

    async def _show(self, _: web.Request) -> web.Response:
        return json_answer(self.known().silences())

    async def _silence(self, request: web.Request) -> web.Response:
        asked = await self.body(request, SilenceBody)
        if not SHORTEST_SILENCE <= asked.seconds <= LONGEST_SILENCE:
            return refused("give a duration between a minute and three months", 400)
        at = int(self._now())
        command = Command(
            id=identify("silence", at, asked.by, asked.matching, asked.seconds),
            kind=CommandKind.SILENCE,
            at=at,
            by=asked.by[:BY] or ANONYMOUS,
            matcher=asked.matching,
            until=at + asked.seconds,
            why=asked.why[:_WHY],
        )
        return await self.execute(command, _show_silence)

    async def _end(self, request: web.Request) -> web.Response:
        return await self.remove(request, "unsilence", CommandKind.UNSILENCE, _show_silence)


def _show_silence(answer: Answer) -> SilencedAnswer:
    return SilencedAnswer(said=answer.result, silence=answer.silence, until=answer.until, fits=answer.fits)


class MemoBody(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The body of ``POST /memos``: on an incident, or at a moment of the timeline."""

    text: str
    incident: str | None = None  # id, or its first characters
    at: int | None = None  # epoch seconds
    scope: str = ""  # with ``at``: kind:name
    by: str = ""

    def __post_init__(self) -> None:
        """Keep the visible characters of the scope, as of the text."""
        self.scope = clean(self.scope)


class NotedAnswer(msgspec.Struct, kw_only=True):
    """What became of a command about a memo."""

    said: CommandResult
    memo: MemoAnswer | None


class MemosAnswer(msgspec.Struct):
    """Memos, oldest first."""

    memos: list[MemoAnswer]


class MemoRoutes(CommandRoutes):
    """Serves ``/memos``."""

    WHAT = "memos"

    def routes(self) -> list[web.RouteDef]:
        """Return the routes for a web server."""
        return [
            web.get("/memos", answer_refusals(self._show)),
            web.post("/memos", answer_refusals(self._note)),
            web.delete("/memos/{id}", answer_refusals(self._forget)),
        ]

    async def _show(self, request: web.Request) -> web.Response:
        known = self.known()
        name = request.query.get("incident")
        memos = known.memos
        if name is not None:
            tracked = known.named(name)
            if tracked is None:
                return json_answer(UNKNOWN, 404)
            memos = known.memos_of(tracked.incident)
        return json_answer(MemosAnswer([memo.as_answer() for memo in memos]))

    async def _note(self, request: web.Request) -> web.Response:
        asked = await self.body(request, MemoBody)
        text = memo_text(asked.text)
        now = int(self._now())
        if (wrong := wrong_in(asked, text, now)) is not None:
            return refused(wrong, 400)
        by = asked.by[:BY] or ANONYMOUS
        command = Command(
            id=identify("memo", now, by, asked.incident, asked.at, asked.scope, text),
            kind=CommandKind.NOTE,
            at=now,
            by=by,
            incident=asked.incident,
            why=text,
            moment=asked.at,
            scope=asked.scope,
        )
        return await self.execute(command, _show_memo)

    async def _forget(self, request: web.Request) -> web.Response:
        return await self.remove(request, "forget", CommandKind.FORGET, _show_memo)


def wrong_in(asked: MemoBody, text: str, now: int) -> str | None:
    """Return the first problem of a body, with its remedy; None without one."""
    length = len(text)
    wrong = {
        "say of which incident, or at which time; one of the two": (asked.incident is None)
        == (asked.at is None),
        "a memo on an incident has no scope of its own; leave it out": asked.at is None and bool(asked.scope),
        "the time is more than a day ahead; note it when it is nearer": asked.at is not None
        and asked.at > now + _AHEAD,
        "the time is more than 13 months back, where no board shows it; give a later one, in epoch seconds": (
            asked.at is not None and asked.at < now - _BACK
        ),
        "write what to note": not text,
        f"a memo holds up to {LONGEST_MEMO:,} characters, this has {length:,}; shorten it": (
            length > LONGEST_MEMO
        ),
        f"a scope has at most {LONGEST_SCOPE} characters; shorten it": len(asked.scope) > LONGEST_SCOPE,
    }
    return next((problem for problem, found in wrong.items() if found), None) or _wrong_scope(asked.scope)


def _wrong_scope(scope: str) -> str | None:
    try:
        if scope:
            scope_name(scope)
    except ValueError as error:
        return str(error)
    return None


def _show_memo(answer: Answer) -> NotedAnswer:
    return NotedAnswer(said=answer.result, memo=None if answer.memo is None else answer.memo.as_answer())
