"""The MCP server over streamable HTTP, for assistants elsewhere."""

import asyncio
import json
import logging
import socket
from collections.abc import Awaitable, Callable, Collection, MutableMapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import typer
import uvicorn
from mcp.server.transport_security import TransportSecuritySettings
from uvicorn.protocols.http.h11_impl import H11Protocol

from streams.process.web.access import host_in, is_loopback
from streams.process.web.connections import ConnectionLimits, Connections
from streams.process.web.tokens import AccessScope, own_authorization
from streams.screens.mcp.board_client import BoardAnswerError, BoardClient, Permission, connections
from streams.screens.mcp.mcp_server import CALLER, assistant_server

REQUESTS: Final = 32
"""Requests in progress; beyond, they are answered with 503."""

LIMITS: Final = ConnectionLimits(most=2 * REQUESTS, spare=REQUESTS)
_END: Final = "uneri.connection"  # in the state of a request: our end of its connection

LARGEST_BODY: Final = 256 << 10  # bytes
IDLE_SECONDS: Final = 75
_LOCAL: Final = ("127.0.0.1", "localhost", "[::1]")

PATH: Final = "/mcp"
_LEFT: Final = "ClientDisconnect"  # of starlette, which is no dependency of ours
SECONDS: Final = 60.0  # for a request, from its headers to its answer

_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
AsgiApp = Callable[[MutableMapping[str, Any], _Receive, _Send], Awaitable[None]]


async def serve_http(url: str, listen: str, names: Sequence[str], replays: Path | None) -> None:
    """Answer until the process is asked to stop.

    Parameters
    ----------
    listen
        ``host:port``; port 0 is a free one.
    names
        Names by which others reach this server, besides that in ``listen``.

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
    logging.getLogger("mcp.server.streamable_http").addFilter(_is_no_farewell)
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
        server = _BoundedServer(guard)
        port = await server.listening.listen(host, int(listen.rpartition(":")[2]))
        typer.echo(f"answers at http://{f'[{host}]' if ':' in host else host}:{port}{PATH}")
        await server.serve()


def _is_no_farewell(record: logging.LogRecord) -> bool:
    """Return False for the traceback of a client that left before its request was whole: anybody can."""
    return record.exc_info is None or type(record.exc_info[1]).__name__ != _LEFT


class _BoundedServer(uvicorn.Server):
    """uvicorn's server, over connections that make room for others while they bring no request."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app
        config = uvicorn.Config(
            self._bounded,
            interface="asgi3",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=5,
        )
        super().__init__(config)
        self.listening = Connections(LIMITS, self._end)

    def _end(self) -> H11Protocol:
        state: dict[str, Any] = {}
        state[_END] = end = H11Protocol(self.config, self.server_state, state)
        return end

    async def _bounded(self, scope: MutableMapping[str, Any], receive: _Receive, send: _Send) -> None:
        if self.listening.full:
            message = "too many requests at the same time, send again"
            await _refuse(send, _RefusedRequestError(503, message, **{"Retry-After": "1"}))
            return
        with self.listening.request(scope["state"][_END]):
            await self._app(scope, receive, send)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - uvicorn's
        """Begin: ``listening`` accepts."""
        self.servers = []
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, and finish what was begun."""
        await self.listening.stop()
        await super().shutdown(sockets)


def _security(host: str, names: Sequence[str]) -> TransportSecuritySettings:
    """Return the names by which requests may call this server; no web page of any origin may ask it."""
    shown = f"[{host}]" if ":" in host else host
    known = list(dict.fromkeys((*_LOCAL, shown, *names)))
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=True,
        allowed_hosts=[allowed for name in known for allowed in (name, f"{name}:*")],
        allowed_origins=[],
    )


class _RefusedRequestError(Exception):
    """A request is refused."""

    def __init__(self, status: int, error: str, **headers: str) -> None:
        super().__init__(error)
        self.status = status
        self.headers = headers


class HttpGuard:
    """Admits requests to one of two servers: one that reads, and one that acts, too.

    Each caller sends a token of the daemon, which decides what the caller may do. On loopback, a caller
    without one reads with the token of the person who started the server, or without any where the daemon
    has none.

    Parameters
    ----------
    board
        The client of the person who started the server.
    hosts
        Names that requests may call this server by, as in ``TransportSecuritySettings.allowed_hosts``.
    local
        Whether only this machine can reach it.
    """

    def __init__(
        self, board: BoardClient, reading: AsgiApp, acting: AsgiApp, *, hosts: Collection[str], local: bool
    ) -> None:
        self._board = board
        self._reading = reading
        self._acting = acting
        self._hosts = frozenset(hosts)
        self._local = local

    async def __call__(self, scope: MutableMapping[str, Any], receive: _Receive, send: _Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        begun = False

        async def watched(message: _Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            async with asyncio.timeout(SECONDS):
                app = await self._admit(scope)
                await app(scope, receive, watched)
        except _RefusedRequestError as refusal:
            await _refuse(send, refusal)
        except TimeoutError:
            if not begun:
                await _refuse(send, _RefusedRequestError(408, "the request took too long; ask for less"))

    async def _admit(self, scope: MutableMapping[str, Any]) -> AsgiApp:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self._check_address(scope, headers)
        header = headers.get("authorization")
        if header is None:
            caller, app = self._board, self._reading
            await self._admit_nobody()
        else:
            kind, _, token = header.partition(" ")
            if kind.lower() != "bearer" or not token.strip():
                raise _needed("send Authorization: Bearer …")
            caller = self._board.with_token({"Authorization": f"Bearer {token.strip()}"})
            app = await self._admitted(caller)
        scope[CALLER] = caller
        return app

    def _check_address(self, scope: MutableMapping[str, Any], headers: dict[str, str]) -> None:
        host = headers.get("host", "")
        name = host if host.endswith("]") else host.rpartition(":")[0] or host
        if host not in self._hosts and f"{name}:*" not in self._hosts:
            raise _RefusedRequestError(421, "this name is not one of the server's; start it with --name NAME")
        if "origin" in headers:
            raise _RefusedRequestError(403, "a web page may not ask this server")
        if scope["path"] != PATH:
            raise _RefusedRequestError(404, f"there is no such path; the server is at {PATH}")
        if scope["method"] != "POST":
            raise _RefusedRequestError(
                405, "this server keeps no sessions and no streams; use POST", Allow="POST"
            )

    async def _admit_nobody(self) -> None:
        """Let a request without a token read, on loopback."""
        if not self._local:
            raise _needed("a token that allows read is needed: send Authorization: Bearer …")
        found = await _answer(self._board)
        if not found.allows(AccessScope.READ):
            raise _needed("a token that allows read is needed: send Authorization: Bearer …")

    async def _admitted(self, caller: BoardClient) -> AsgiApp:
        found = await _answer(caller)
        if not found.needed and not self._local:  # they were removed while this runs
            raise _RefusedRequestError(
                403, "the daemon asks nobody for a token, so nobody is let in from a network"
            )
        if not found.allows(AccessScope.READ):
            raise _needed("this token does not allow read; use one that does")
        return self._acting if found.may_act else self._reading


async def _answer(caller: BoardClient) -> Permission:
    try:
        return await caller.permission()
    except BoardAnswerError as error:
        raise _RefusedRequestError(503, str(error)) from None


def _needed(error: str) -> _RefusedRequestError:
    return _RefusedRequestError(401, error, **{"WWW-Authenticate": 'Bearer realm="uneri"'})


async def _refuse(send: _Send, refusal: _RefusedRequestError) -> None:
    headers = {"content-type": "application/json", **refusal.headers}
    await send(
        {
            "type": "http.response.start",
            "status": refusal.status,
            "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": json.dumps({"error": str(refusal)}).encode()})
