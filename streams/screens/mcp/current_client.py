"""Who asks: over HTTP, each request may come from somebody else, with a token of their own."""

from contextvars import ContextVar
from typing import Final

from streams.screens.mcp.board_client import BoardClient

ASKING: Final[ContextVar[BoardClient]] = ContextVar("asking")
"""The daemon, asked as whoever sent the request that is answered."""
