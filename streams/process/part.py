"""A part of a daemon, and a list of parts, which is a part as well."""

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
        """Return its fields of ``uneri status``."""
        return {}

    def not_ready(self) -> str | None:
        """Return why it does not do what it is there for, None if it does."""
        return None

    def work(self) -> Iterable[Coroutine[Any, Any, None]]:
        """Return what runs as long as the daemon does, and ends the daemon if it fails."""
        return ()


class Parts(list[Part], Part):
    """Parts of a daemon, in the order in which the status shows them."""

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of all."""
        return [route for part in self for route in part.routes()]

    def status(self) -> dict[str, object]:
        """Return the fields of all."""
        return {name: value for part in self for name, value in part.status().items()}

    def not_ready(self) -> str | None:
        """Return all reasons."""
        return "; ".join(reason for part in self if (reason := part.not_ready())) or None

    def work(self) -> list[Coroutine[Any, Any, None]]:
        """Return the work of all."""
        return [work for part in self for work in part.work()]
