"""Answers of the board in JSON: true now only, so never kept."""

import msgspec
from aiohttp import web

from streams.screens.board.board_headers import UNKEPT


def encoded(value: object, status: int = 200) -> web.Response:
    """Return a value as JSON."""
    return in_json(msgspec.json.encode(value), status)


def in_json(body: bytes, status: int = 200) -> web.Response:
    """Return what is JSON already."""
    return web.Response(body=body, status=status, content_type="application/json", headers=UNKEPT)


def refused(said: str, status: int) -> web.Response:
    """Return one line that says what is wrong, with the remedy."""
    return encoded({"error": said}, status)
