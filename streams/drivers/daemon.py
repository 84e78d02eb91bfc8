"""What the daemons of both drivers have: settings in force, limits, messages, a web server, parts."""

import time
from collections.abc import Callable, Coroutine
from typing import Any

from prometheus_client import CollectorRegistry

from config.capacity import Capacity, read_limits_of
from config.reload import Reload
from config.secret import passphrase_in
from config.settings import Settings
from streams.ingest.limits.keeper import LimitsKeeper
from streams.ingest.receivers.receivers import Receivers
from streams.ingest.registry.registry import Registry
from streams.notify.interactions import slack_secrets
from streams.notify.notification_service import NotificationService
from streams.process.metrics import Metrics
from streams.process.part import Part
from streams.process.reloading import Reloading
from streams.process.watchdog import Watchdog, guard
from streams.process.web.http_server import HttpServer, Served
from streams.process.web.listen_address import listen_address_of
from streams.screens.openapi.document import openapi_route


class Daemon(Served):
    """A process of one driver: a list of parts behind one web server.

    Parameters
    ----------
    watchdog
        Receives heartbeats of the event loop, and what is stuck; the caller starts it.
    receives, decodes
        Whether it has receivers, and whether it reads records.
    read
        Returns the settings of its file now, for a reload.
    """

    delivery: NotificationService
    receivers: Receivers | None = None

    def __init__(
        self,
        settings: Settings,
        watchdog: Watchdog,
        *,
        receives: bool = True,
        decodes: bool = True,
        clock: Callable[[], float] = time.time,
        read: Callable[[], Settings] | None = None,
    ) -> None:
        self.settings = settings  # in force
        self.metrics = Metrics()
        self._watchdog = watchdog
        self._address = listen_address_of(settings, intake=receives)
        self._access = self._address.access(self.metrics.web_refused)
        self._limits = LimitsKeeper(settings, self._limit, clock)
        given = settings.sources.registry
        self._registry = Registry(given) if given is not None and decodes else None
        self._tokens, self._github_secret = self._address.tokens, ""  # as the newest reload read them
        self.reloading = Reloading(
            settings,
            read or (lambda: settings),
            prepare=self._prepare,
            apply=self._apply,
            failed=self.metrics.reload_failed,
        )

    def _serve(self, *parts: Part | None) -> None:
        """Make the web server of these parts, which are shown in this order."""
        self._parts = [part for part in parts if part is not None]
        self._web = HttpServer(
            self._address.listen,
            [*(route for part in self._parts for route in part.routes()), openapi_route()],
            self,
            access=self._access,
            certificates=self._address.certificates,
        )

    def _work(self) -> list[Coroutine[Any, Any, None]]:
        """Return what runs as long as the daemon does, the watchdog's guard first."""
        guarding = guard(self._watchdog, self._stuck, self.metrics.loop_delay.observe)
        return [guarding, *(work for part in self._parts for work in part.work())]

    async def _stuck(self) -> str | None:
        """Return what is stuck, None if nothing is."""
        raise NotImplementedError

    def status(self) -> dict[str, object]:
        """Return the fields of ``uneri status``."""
        return {name: value for part in self._parts for name, value in part.status().items()}

    def not_ready(self) -> str | None:
        """Return why it does not do what it is there for, None if it does."""
        return "; ".join(reason for part in self._parts if (reason := part.not_ready())) or None

    def _ahead(self) -> str | None:
        """Return that records come from the future, by this host's clock or that of Kafka."""
        raise NotImplementedError

    def unhealthy(self) -> str | None:
        """Return why only a restart helps, None if nothing is wrong."""
        return self._watchdog.reason()

    def readings(self) -> CollectorRegistry:
        """Return its metrics, as they are now."""
        self._refresh()
        return self.metrics.registry

    def _refresh(self) -> None:
        self.metrics.registry_down.set(bool(self._registry and self._registry.trouble))
        self.metrics.ready.set(self.not_ready() is None)
        self.metrics.clock_behind.set(self._ahead() is not None)

    def _prepare(self, settings: Settings) -> tuple[str, ...]:
        self._tokens = listen_address_of(settings, intake=self._address.intake).tokens
        if self._address.intake:
            self._github_secret = passphrase_in(settings.sources.github.secret)
        slack_secrets(settings.slack)
        read_limits_of(settings)
        return ()

    async def _apply(self, reload: Reload) -> None:
        self.settings = reload.settings
        self._limits.reload(reload.settings)  # as at a start: perhaps only their file has changed
        if reload.judges_otherwise:
            await self._switch_judge()
        self._limit(self._limits.capacity)
        await self.delivery.reload(reload.settings)
        self._access.replace_tokens(self._tokens)
        if self.receivers is not None:
            self.receivers.use(self._tokens, self._github_secret)

    async def _switch_judge(self) -> None:
        """Judge by the settings that are now in force."""
        raise NotImplementedError

    def _limit(self, capacity: Capacity) -> None:
        """Judge by other limits from the next step on."""
        raise NotImplementedError
