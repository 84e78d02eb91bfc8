"""``GET /openapi.json``: the description, made when it is asked for the first time."""

from functools import cache

from aiohttp import web

from streams.screens.openapi.document import encoded_document


def openapi_route() -> web.RouteDef:
    """Return the route of a daemon."""
    return web.get("/openapi.json", _show)


async def _show(_: web.Request) -> web.Response:
    return web.Response(body=_document(), content_type="application/json")


@cache
def _document() -> bytes:
    return encoded_document()
