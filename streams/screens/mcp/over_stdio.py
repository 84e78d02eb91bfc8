"""The MCP server on standard input and output, for the assistant that started it."""

from pathlib import Path

from streams.process.web.tokens import own_authorization
from streams.screens.mcp.board_client import BoardClient, connections
from streams.screens.mcp.mcp_server import assistant_server


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
