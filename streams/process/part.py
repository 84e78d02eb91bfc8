"""A part of a daemon."""

from collections.abc import Coroutine, Iterable, Mapping
from typing import Any

from aiohttp import web


class Part:
    """What a daemon asks of each of its parts; a part overrides what it has.

    How parts stop is not asked of each: it is an order among them, which stands in the daemon.
    """

    def routes(self) -> Iterable[web.RouteDef]:
        """Return its routes for the web server."""
        return ()

    def status(self) -> Mapping[str, object]:
        """Return its fields of ``uneri status``.

        The event loop calls this at any time, also while a worker thread feeds the engine of the embedded
        daemon. So it only reads, briefly and without waiting: numbers, and collections that their owner
        replaces whole. Of one that changes in place, take a copy in one call (``list``, ``dict.copy``) first,
        and expect that two fields may be of different moments.
        """
        return {}

    def not_ready(self) -> str | None:
        """Return why it does not do what it is there for, None if it does."""
        return None

    def work(self) -> Iterable[Coroutine[Any, Any, None]]:
        """Return what runs as long as the daemon does, and ends the daemon if it fails."""
        return ()
