"""``GET /labels``: the labels that people gave by buttons, for replay and tune."""

from collections.abc import Callable, Sequence

import msgspec
from aiohttp import web

from alerting.commands.labels import Label


def labels_route(labels: Callable[[], Sequence[Label] | None]) -> web.RouteDef:
    """Return the route ``GET /labels`` of a daemon: all labels as JSON, oldest first.

    503 if they are None, because another process notifies.
    """

    async def show(_: web.Request) -> web.Response:
        known = labels()
        if known is None:
            return web.Response(status=503, reason="it does not notify; ask the process with the role notify")
        return web.Response(body=msgspec.json.encode(known), content_type="application/json")

    return web.get("/labels", show)
