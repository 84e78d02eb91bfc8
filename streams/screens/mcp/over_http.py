"""The MCP server over streamable HTTP, for assistants elsewhere."""

import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import typer
import uvicorn
from mcp.server.transport_security import TransportSecuritySettings

from streams.process.web.access import host_in, is_loopback
from streams.process.web.tokens import own_authorization
from streams.screens.mcp.board_client import BoardAnswerError, BoardClient, connections
from streams.screens.mcp.http_guard import PATH, AsgiApp, HttpGuard
from streams.screens.mcp.mcp_server import assistant_server

REQUESTS: Final = 32
"""Requests in progress and open connections; beyond, they are answered with 503."""

LARGEST_BODY: Final = 256 << 10  # bytes
IDLE_SECONDS: Final = 75
_LOCAL: Final = ("127.0.0.1", "localhost", "[::1]")


async def serve_http(url: str, listen: str, names: Sequence[str], replays: Path | None) -> None:
    """Answer until the process is asked to stop.

    Parameters
    ----------
    url
        Of the daemon.
    listen
        ``host:port``; port 0 is a free one.
    names
        Names by which others reach this server, besides that in ``listen``.
    replays
        As for ``assistant_server``.

    Raises
    ------
    BoardAnswerError
        When the daemon does not answer at the start, the token does not allow to read, or a network would be
        let in without tokens.
    config.secret.SecretError
        When the token cannot be sent.
    OSError
        When the address cannot be listened on.
    """
    host = host_in(listen)
    async with AsyncExitStack() as running:
        session = await running.enter_async_context(connections())
        board = BoardClient(url, session, own_authorization())
        permission = await board.permission()
        local = is_loopback(host)
        if not local and not permission.needed:
            raise BoardAnswerError(
                f"--http {listen} lets a network in, and the daemon at {url} asks nobody for a token: "
                "make one with `uneri token read`, or listen on 127.0.0.1"
            )
        if board.has_token:
            await board.reading_permission()
        door = _bound(host, int(listen.rpartition(":")[2]))
        running.callback(door.close)
        security = _security(host, names)
        apps: list[AsgiApp] = []
        for may_act in (False, True):
            app = assistant_server(board, may_act=may_act, replays=replays).streamable_http_app(
                streamable_http_path=PATH,
                json_response=True,
                stateless_http=True,  # nothing to limit, to expire or to steal
                max_request_body_size=LARGEST_BODY,
                transport_security=security,
            )
            await running.enter_async_context(app.router.lifespan_context(app))
            apps.append(app)
        guard = HttpGuard(board, apps[0], apps[1], hosts=security.allowed_hosts, local=local)
        config = uvicorn.Config(
            guard,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            limit_concurrency=REQUESTS,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=5,
        )
        typer.echo(f"answers at http://{_address(door)}{PATH}")
        await uvicorn.Server(config).serve([door])


def _address(door: socket.socket) -> str:
    host, port = door.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    door = socket.socket(family)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind((host, port))
    except OSError:
        door.close()
        raise
    return door


def _security(host: str, names: Sequence[str]) -> TransportSecuritySettings:
    """Return which names a request may call this server by; no web page may ask it, of whatever origin."""
    shown = f"[{host}]" if ":" in host else host
    known = list(dict.fromkeys((*_LOCAL, shown, *names)))
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=[each for name in known for each in (name, f"{name}:*")],
        allowed_origins=[],
    )
