"""A local HTTP receiver with faults, from which the stand-ins of other sinks are made."""

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Self

from aiohttp import web


class HttpStandin:
    """``faults`` are answered one a call, oldest first; ``always`` to every call while it is set.

    A fault is a status, or: hang, drop before, drop after (it was accepted).
    """

    def __init__(self, now: Callable[[], float] | None = None) -> None:
        self.now = now
        self.calls: list[tuple[float, str]] = []
        self.faults: deque[str] = deque()
        self.always: str | None = None
        self.retry_after: str | None = "3"
        self.url = ""

    async def __aenter__(self) -> Self:
        self._clock = self.now or asyncio.get_running_loop().time
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.calls.append((self._clock(), request.path))
        fault = self.always or (self.faults.popleft() if self.faults else None)
        if fault is not None and fault.isdigit():
            headers = {} if self.retry_after is None else {"Retry-After": self.retry_after}
            if fault.startswith("3"):
                headers["Location"] = f"{self.url}/elsewhere"
            return web.Response(status=int(fault), headers=headers)
        if fault == "drop before":
            return self._drop(request)
        answer = await self.answer(request, await request.read())
        if fault == "hang":  # accepted, and then no answer
            await asyncio.sleep(5)
        return self._drop(request) if fault == "drop after" else answer

    async def answer(self, request: web.Request, body: bytes) -> web.Response:
        """Take a call in."""
        raise NotImplementedError

    @staticmethod
    def _drop(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()
