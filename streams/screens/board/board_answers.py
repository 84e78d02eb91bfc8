"""The board's answers: their headers, their JSON, and one answer for equal requests.

Answers are true now only, so browsers never keep them. They run only scripts
from here, and show the page in no other one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Final

import msgspec
from aiohttp import web

from streams.process.web.answer_forms import RefusalAnswer
from streams.screens.board.board_data import BoardDataError

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
"""No script or style inside the page, and no text becomes markup: names come from events."""

HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
UNKEPT: Final = HEADERS | {"Cache-Control": "no-store"}
"""For what is true now only."""


_INLINE: Final = 16_384  # bytes that are packed in the event loop

MOST_KEPT: Final = 16
"""Answers that are kept, some hundred kilobytes each; of more, the oldest are made again."""


def encoded(value: object, status: int = 200) -> web.Response:
    """Return a value as JSON."""
    return in_json(msgspec.json.encode(value), status)


def in_json(body: bytes, status: int = 200, *, packed: bool = False) -> web.Response:
    """Return a body that is JSON already, and ``packed`` by gzip or is packed for browsers that accept it."""
    answer = web.Response(
        body=body,
        status=status,
        content_type="application/json",
        headers=UNKEPT | {"Vary": "Accept-Encoding"},
        zlib_executor_size=_INLINE,
    )
    if packed:
        answer.headers["Content-Encoding"] = "gzip"
    else:
        answer.enable_compression()
    return answer


def refused(error: str, status: int, code: str = "") -> web.Response:
    """Return a refusal: one line with the remedy; ``code`` is as in ``RefusalAnswer``."""
    return encoded(RefusalAnswer(error, code), status)


Answering = Callable[[web.Request], Awaitable[web.Response]]


def answering(handler: Answering) -> Answering:
    """Wrap a handler to answer 503, with the reason, when there are no data."""

    async def answered(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except BoardDataError as error:
            return refused(str(error), 503, error.code)

    return answered


class SharedAnswers:
    """Keeps answers until there is something new to see; equal questions wait for the same answer.

    Parameters
    ----------
    seen
        Returns another value as soon as there is something new.
    """

    def __init__(self, seen: Callable[[], Hashable]) -> None:
        self._seen = seen
        self._of: Hashable = None
        self._answers: dict[Hashable, asyncio.Task[bytes]] = {}

    async def answer(self, question: Hashable, make: Callable[[], Awaitable[object]]) -> bytes:
        """Return the value of ``make`` as JSON, bytes as they are; an error is raised, and not kept."""
        if (seen := self._seen()) != self._of:
            self._of, self._answers = seen, {}
        making = self._answers.get(question)
        if making is None:
            if len(self._answers) >= MOST_KEPT:
                del self._answers[next(iter(self._answers))]
            making = self._answers[question] = asyncio.create_task(_encoded(make))
        try:
            return await asyncio.shield(making)
        except Exception:
            if self._answers.get(question) is making:
                del self._answers[question]
            raise


async def _encoded(make: Callable[[], Awaitable[object]]) -> bytes:
    found = await make()
    return found if isinstance(found, bytes) else msgspec.json.encode(found)
