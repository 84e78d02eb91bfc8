"""Whoever asks may leave: an answer that nobody waits for is given up."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

from aiohttp import web

from streams.process.web.request_body import BodyError

LOOK_SECONDS: Final = 0.25
"""How often is looked whether somebody is still there: the web server tells no handler."""


async def while_asked(request: web.Request, answer: Coroutine[Any, Any, bytes]) -> bytes:
    """Return an answer, unless the one who asks for it leaves; a dashboard does so at each refresh.

    Raises
    ------
    BodyError
        When nobody is there any more, who could read it.
    """
    working = asyncio.ensure_future(answer)
    try:
        while not (await asyncio.wait({working}, timeout=LOOK_SECONDS))[0]:
            if request.transport is None or request.transport.is_closing():
                raise BodyError("the sender is gone", 400, "gone")
        return working.result()
    finally:
        working.cancel()
