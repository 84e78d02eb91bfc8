"""How a door answers when nothing was stored."""

from http import HTTPStatus
from typing import Final

from aiohttp import web

from streams.ingest.receivers.ingest_handler import BUSY_SECONDS
from streams.ingest.receivers.record_sink import NotTakenError
from streams.process.web.request_body import BodyError

_AGAIN: Final = (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS)


def body_error(error: BodyError) -> web.Response:
    """Return the answer in Uneri's own words."""
    answer: dict[str, object] = {"error": str(error)}
    if isinstance(error, NotTakenError) and error.refused:
        answer["refused"] = error.refused
    return web.json_response(answer, status=error.status, headers=retry_after(error))


def retry_after(error: BodyError) -> dict[str, str]:
    """Return the header that says when to send again."""
    if error.status not in _AGAIN:
        return {}
    seconds = error.seconds if isinstance(error, NotTakenError) else BUSY_SECONDS
    return {} if seconds is None else {"Retry-After": str(seconds)}
