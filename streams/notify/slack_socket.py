"""Socket Mode: Slack speaks through a WebSocket that we open, so that no port of ours has to be open."""

import asyncio
import random
import time
from typing import Any, Final

import aiohttp
import structlog
from slack_sdk.proxy_env_variable_loader import load_http_proxy_from_env
from slack_sdk.web.async_client import AsyncWebClient

from alerting.outbox.sink import Result
from alerting.sinks.slack_errors import outcome_of, sendable
from streams.notify.slack_http import Takes

TIMEOUT: Final = 10.0
HEARTBEAT: Final = 20.0  # a connection that answers no ping for half as long again is dead
FIRST_WAIT: Final = 1.0
LONGEST_WAIT: Final = 300.0  # the longest backoff, and the pace at which a refused token is tried again
LIVED: Final = 10.0  # a connection that ended sooner has failed: the next one waits longer
FADING: Final = 30.0  # a connection that is replaced is read until it has been silent for so long
MOST: Final = 1 << 20  # bytes of one envelope

log = structlog.get_logger("uneri.slack")


class SlackSocket:
    """Keeps one WebSocket to Slack open; acknowledges an envelope before what was asked is done.

    When Slack announces that it will close the connection, another one is opened while the old one is still
    read: what is asked in between is not lost. After a failure it waits longer each time, with jitter; a
    refused token is said once and tried again every five minutes. The addresses that Slack gives hold a
    ticket, so neither they nor the texts of errors that quote them are logged.

    The SDK's own client is not used: it tries a refused token every few seconds for ever, with a traceback
    each time, and closes a connection before it opens the next.

    Parameters
    ----------
    token
        An app token with ``connections:write``.
    base_url
        Of the Web API.
    desk
        Who acts on what was asked.
    first_wait
        Seconds until the first new attempt; shorter in tests.
    """

    def __init__(self, token: str, base_url: str, desk: Takes, first_wait: float = FIRST_WAIT) -> None:
        self._token = token
        self._base_url = base_url
        self._desk = desk
        self._first_wait = first_wait
        self._rng = random.Random()  # noqa: S311  # spreads attempts, keeps no secret
        self._trouble: str | None = None
        self.connected = False

    def __repr__(self) -> str:
        return f"SlackSocket({self._base_url!r}, connected={self.connected})"

    async def run(self) -> None:
        """Listen until cancelled."""
        wait = self._first_wait
        async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as readers:
            while True:
                try:
                    socket = await self._open(session)
                except Exception as error:  # noqa: BLE001  # buttons must not end the daemon that watches
                    pause = self._complain(error)
                    await asyncio.sleep(max(pause, wait * self._rng.uniform(0.5, 1.5)))
                    wait = min(wait * 2, LONGEST_WAIT)
                    continue
                self._greet()
                since, leave = time.monotonic(), asyncio.Event()
                readers.create_task(self._read(socket, leave))
                await leave.wait()
                self.connected = False
                if time.monotonic() - since >= LIVED:
                    wait = self._first_wait
                else:
                    await asyncio.sleep(wait * self._rng.uniform(0.5, 1.5))
                    wait = min(wait * 2, LONGEST_WAIT)

    async def _open(self, session: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
        """Return a connection on which Slack has said hello."""
        async with asyncio.timeout(TIMEOUT):
            address = await open_address(self._token, self._base_url, session)
            socket = await session.ws_connect(
                address, heartbeat=HEARTBEAT, max_msg_size=MOST, proxy=load_http_proxy_from_env()
            )
            greeted = False
            try:
                greeting = await socket.receive()
                greeted = greeting.type is aiohttp.WSMsgType.TEXT and greeting.json().get("type") == "hello"
            finally:
                if not greeted:
                    await socket.close()
        if not greeted:
            raise ValueError("Slack did not say hello")
        return socket

    async def _read(self, socket: aiohttp.ClientWebSocketResponse, leave: asyncio.Event) -> None:
        try:
            while True:
                message = await socket.receive(timeout=FADING if leave.is_set() else None)
                if message.type is not aiohttp.WSMsgType.TEXT:
                    return  # closed, broken, or nothing that Slack sends
                if not await self._take(socket, message.json()):
                    leave.set()
        except Exception as error:  # noqa: BLE001  # as in run; what came may be anything
            log.debug("a connection to Slack ended", reason=type(error).__name__)
        finally:
            leave.set()
            await socket.close()

    async def _take(self, socket: aiohttp.ClientWebSocketResponse, envelope: dict[str, Any]) -> bool:
        """Hand on and acknowledge at once; False when Slack wants the connection replaced."""
        kind = envelope.get("type")
        if kind == "disconnect":
            return False
        payload, shown = envelope.get("payload"), None
        if isinstance(payload, dict):
            if kind == "interactive":
                shown = self._desk.pressed(payload)
            elif kind == "slash_commands":
                self._desk.commanded({name: str(value) for name, value in payload.items()})
        if isinstance(identity := envelope.get("envelope_id"), str):
            await socket.send_json({"envelope_id": identity} | ({} if shown is None else {"payload": shown}))
        return True

    def _greet(self) -> None:
        self.connected = True
        if self._trouble is not None:
            log.info("Socket Mode is connected again")
        self._trouble = None

    def _complain(self, error: Exception) -> float:
        """Say what is wrong, once; return how many seconds to wait at least."""
        outcome, reason = outcome_of(error), reason_of(error)
        refused = outcome.result not in (Result.RETRY, Result.UNKNOWN)
        if reason != self._trouble:
            self._trouble = reason
            log.warning(
                "Slack refuses Socket Mode; buttons do nothing until it takes the app token"
                if refused
                else "Socket Mode is not connected; trying again",
                reason=reason,
            )
        return LONGEST_WAIT if refused else outcome.retry_after or 0.0


async def open_address(token: str, base_url: str, session: aiohttp.ClientSession) -> str:
    """Ask Slack for the address of a WebSocket.

    Raises
    ------
    SlackApiError, aiohttp.ClientError, TimeoutError
        When Slack refuses or does not answer.
    ValueError
        When what it answers is no secure address.
    """
    client = AsyncWebClient(base_url=base_url, timeout=int(TIMEOUT), session=session)
    client.retry_handlers = []
    url = str((await client.apps_connections_open(app_token=sendable(token))).get("url"))
    if not url.startswith("wss://" if base_url.startswith("https://") else ("wss://", "ws://")):
        raise ValueError("no secure address")
    return url


def reason_of(error: Exception) -> str:
    """Return what may be logged of an error: Slack's code for it, or its kind; never its text."""
    return outcome_of(error).error.partition(":")[0]
