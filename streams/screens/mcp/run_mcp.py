"""``uneri mcp``: the MCP server, over standard input and output or over HTTP."""

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Final

import typer

from config.settings import LogSettings
from streams.process.logs import configure_logs
from streams.process.stop_requests import exit_now
from streams.process.web.tokens import own_authorization
from streams.screens.mcp.board_client import BoardAnswerError, BoardClient, connections
from streams.screens.mcp.mcp_server import assistant_server
from streams.screens.mcp.over_http import serve_http

_REFUSED: Final = 1


def run_mcp(
    url: str, log: LogSettings, *, http: str | None, names: Sequence[str], replays: Path | None
) -> int:
    """Serve until the assistant is gone, or until a request to stop; return the exit code.

    Parameters
    ----------
    http
        ``host:port`` to listen on; None for standard input and output.
    names
        Names by which others reach it over HTTP.
    replays
        The folder with results of replays, or None.

    Raises
    ------
    OSError
        When the address cannot be listened on.
    config.secret.SecretError
        When the token cannot be sent.
    """
    configure_logs(log, level="warning")
    try:
        if http is not None:
            signal.signal(signal.SIGTERM, _stopped)
            asyncio.run(serve_http(url, http, names, replays))
        else:
            signal.signal(signal.SIGINT, exit_now)  # a thread waits for input, and there is nothing to finish
            _serve_stdio(url, replays)
    except BoardAnswerError as error:
        typer.echo(f"uneri: {error}", err=True)
        return _REFUSED
    return 0


def _stopped(_number: int, _frame: FrameType | None) -> None:
    """Leave the process alone: uvicorn has stopped when it passes the signal on."""


def _serve_stdio(url: str, replays: Path | None) -> None:
    try:
        asyncio.run(serve_stdio(url, replays))
    except* BrokenPipeError:  # the assistant is gone
        pass


async def serve_stdio(url: str, replays: Path | None) -> None:
    """Answer until standard input ends.

    Standard output belongs to the protocol: while this runs, whatever else is written there goes to standard
    error.

    Raises
    ------
    BoardAnswerError
        When the daemon does not answer at the start, or the token does not allow to read.
    config.secret.SecretError
        When the token cannot be sent.
    """
    async with connections() as session:
        board = BoardClient(url, session, own_authorization())
        permission = await board.reading_permission()
        await assistant_server(board, may_act=permission.may_act, replays=replays).run_stdio_async()
