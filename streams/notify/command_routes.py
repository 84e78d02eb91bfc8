"""What the routes of people's commands share: who may give one, its body, and its answer."""

import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web

from alerting.commands.answer import Answer, CommandResult
from alerting.commands.command import Command
from alerting.pipeline.pipeline import Pipeline
from streams.process.web.access import is_trusted
from streams.process.web.request_body import Body, BodyError, read_json

ELSEWHERE: Final = {"error": "this process does not notify; ask the one with the role notify"}
UNKNOWN: Final = {
    "said": CommandResult.UNKNOWN.value,
    "error": "no incident has this ID, or several begin with it; /incidents lists those that have not ended",
}
ANONYMOUS: Final = "a user at the terminal"
BY: Final = 80  # characters kept of a name
_STATUS: Final = {CommandResult.DONE: 200, CommandResult.REPEATED: 200, CommandResult.UNKNOWN: 404}
_LARGEST: Final = 64 * 1024  # of a body, bytes


class NoAnswerError(Exception):
    """A command was not carried out, or nobody knows; one line for whoever gave it."""


class RouteError(Exception):
    """A request is refused with this answer."""

    def __init__(self, answer: web.Response) -> None:
        super().__init__(answer.status)
        self.answer = answer


class CommandRoutes:
    """Takes commands from callers on the same machine, or with a token.

    Parameters
    ----------
    pipeline
        Returns the pipeline, None while another process has it.
    execute
        Makes a command durable and executes it; may raise ``NoAnswerError``.
    now
        Wall time, epoch seconds.
    """

    WHAT = ""
    """What the commands change, as a refusal calls it."""

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
        """Return the pipeline.

        Raises
        ------
        RouteError
            When another process has it.
        """
        pipeline = self._pipeline()
        if pipeline is None:
            raise RouteError(json_answer(ELSEWHERE, 503))
        return pipeline

    def check(self, request: web.Request) -> None:
        """Check that a request may change something.

        Raises
        ------
        RouteError
            When it may not, or another process has what it would change.
        """
        self.known()
        if not is_trusted(request):
            said = f"without a token, {self.WHAT} can be changed only from this machine, at 127.0.0.1"
            raise RouteError(json_answer({"error": said}, 403))
        if request.content_type != "application/json":
            raise RouteError(json_answer({"error": "send application/json"}, 415))

    async def body(self, request: web.Request, kind: type[Body]) -> Body:
        """Return the decoded body of a request that may change something.

        Raises
        ------
        RouteError
            When it may not, or the body is something else.
        """
        self.check(request)
        try:
            return await read_json(request, _LARGEST, kind)
        except BodyError as error:
            answer = json_answer({"error": str(error)}, error.status)
            if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
                answer.headers["Retry-After"] = "1"
            raise RouteError(answer) from None

    async def give(self, command: Command, said: Callable[[Answer], dict[str, object]]) -> web.Response:
        """Execute a command; answer with its result and what else is ``said`` of it.

        Raises
        ------
        RouteError
            When nobody has answered.
        """
        try:
            answer = await self._execute(command)
        except NoAnswerError as error:
            raise RouteError(json_answer({"error": str(error)}, 503)) from error
        return json_answer({"said": answer.result, **said(answer)}, _STATUS.get(answer.result, 409))


Handler = Callable[[web.Request], Awaitable[web.Response]]


def refusing(handler: Handler) -> Handler:
    """Return a handler that answers with what a ``RouteError`` carries."""

    async def answered(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except RouteError as refused:
            return refused.answer

    return answered


def json_answer(value: object, status: int = 200) -> web.Response:
    """Return a value as JSON."""
    return web.Response(body=msgspec.json.encode(value), status=status, content_type="application/json")
