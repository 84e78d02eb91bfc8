"""Reloads the configuration of a running daemon, at SIGHUP or ``POST /reload``: all of it, or nothing."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NamedTuple

import msgspec
import structlog
from aiohttp import web
from prometheus_client import Gauge

from config.load import ConfigError
from config.reload import EmptiedError, Reload, reload_of
from config.secret import SecretError
from config.settings import Settings
from streams.process.logs import configure_logs
from streams.process.part import Part
from streams.process.times import utc
from streams.process.web.access import refuse_order
from streams.process.web.answer_forms import json_of, refusal
from streams.process.web.listen_address import AddressError

log = structlog.get_logger("uneri.config")


class Reloaded(NamedTuple):
    """The outcome of a reload: what changed and what waits for a restart, or why nothing changed."""

    changed: tuple[str, ...] = ()
    restart: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class ReloadAnswer(msgspec.Struct):
    """The sections that were taken up, and the settings that wait for a restart."""

    changed: list[str]
    restart: list[str]


class Reloading(Part):
    """Executes requests to reload, one at a time.

    Parameters
    ----------
    read
        Returns the settings of the file; raises ``ConfigError``.
    prepare
        Reads what the settings refer to (secrets, tokens, certificates); returns what else waits for a
        restart. Raises ``SecretError`` or ``AddressError``, and must change nothing.
    apply
        Applies the settings. Its errors end the daemon: a restart reads the same file.
    failed
        Is 1 while the newest reload was refused.
    """

    def __init__(
        self,
        settings: Settings,
        read: Callable[[], Settings],
        *,
        prepare: Callable[[Settings], tuple[str, ...]],
        apply: Callable[[Reload], Awaitable[None]],
        failed: Gauge,
    ) -> None:
        self.settings = settings
        """The settings in force."""
        self._read = read
        self._prepare = prepare
        self._apply = apply
        self._failed = failed
        self._asked: asyncio.Queue[asyncio.Future[Reloaded]] = asyncio.Queue()
        self._at = time.time()
        self._last = Reloaded()

    def work(self) -> list[Coroutine[Any, Any, None]]:
        """Return what reloads whenever it is asked for."""
        return [self._run()]

    async def _run(self) -> None:
        while True:
            asked = await self._asked.get()
            outcome = await self._reload()
            if not asked.done():
                asked.set_result(outcome)

    def ask(self) -> "asyncio.Future[Reloaded]":
        """Ask for a reload; the outcome is logged, and the result of the future."""
        asked = asyncio.get_running_loop().create_future()
        self._asked.put_nowait(asked)
        return asked

    def routes(self) -> list[web.RouteDef]:
        """Return the route for a web server."""
        return [web.post("/reload", self._answer)]

    def status(self) -> dict[str, object]:
        """Return the lines of ``uneri status``."""
        shown: dict[str, object] = {"configuration": f"read {utc(self._at)}"}
        if self._last.restart:
            shown["needs_restart"] = ", ".join(self._last.restart)
        if self._last.problems:
            shown["reload_refused"] = list(self._last.problems)
        return shown

    async def _answer(self, request: web.Request) -> web.Response:
        if (refused := refuse_order(request, "the configuration can be reloaded")) is not None:
            return refused
        outcome = await self.ask()
        if outcome.problems:
            return refusal("\n".join(("nothing was changed", *outcome.problems)), 422)
        return json_of(ReloadAnswer(list(outcome.changed), list(outcome.restart)))

    async def _reload(self) -> Reloaded:
        try:
            read = await asyncio.to_thread(self._read)
            found = reload_of(self.settings, read)
            others = await asyncio.to_thread(self._prepare, found.settings)
        except (ConfigError, EmptiedError, SecretError, AddressError) as error:
            self._last = self._last._replace(problems=tuple(str(error).splitlines()))
            self._failed.set(1)
            log.error("configuration not reloaded: nothing was changed", problems=list(self._last.problems))  # noqa: TRY400
            return self._last
        found = found._replace(restart=(*found.restart, *others))
        if found.settings.log != self.settings.log:
            configure_logs(found.settings.log)
        await self._apply(found)
        self.settings, self._at = found.settings, time.time()
        self._last = Reloaded(found.changed, found.restart)
        self._failed.set(0)
        log.info("configuration reloaded", changed=list(found.changed))
        if found.restart:
            log.warning("these settings take effect at a restart", settings=list(found.restart))
        return self._last
