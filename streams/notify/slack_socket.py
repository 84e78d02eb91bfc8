"""Socket Mode: interactions arrive on a WebSocket that we open, so that no port has to be reachable."""

import asyncio
import random
import time
from typing import Any, Final

import aiohttp
import structlog
from slack_sdk.proxy_env_variable_loader import load_http_proxy_from_env

from alerting.outbox.ports import Result
from alerting.sinks.http_sink import outgoing_session
from alerting.sinks.slack import slack_client
from alerting.sinks.slack_errors import outcome_of
from streams.notify.slack_http import InteractionReceiver

TIMEOUT: Final = 10.0
HEARTBEAT: Final = 20.0  # seconds between pings; without an answer for half of that, the connection is dead
FIRST_WAIT: Final = 1.0
LONGEST_WAIT: Final = 300.0  # maximum backoff, and the interval for retrying a refused token
LIVED: Final = 10.0  # a connection that ended sooner has failed, so the next one waits longer
DRAIN: Final = 30.0  # a replaced connection is read until it has been quiet for that long
MAX_ENVELOPE: Final = 1 << 20  # bytes

log = structlog.get_logger("uneri.slack")


class SlackSocket:
    """Keeps one WebSocket to Slack open; acknowledges an envelope before its interaction is handled.

    When Slack announces that it will close the connection, the next one is opened while the old one is still
    read, so that nothing in between is lost. Reconnects back off with jitter; a refused token is logged once
    and retried every five minutes. Slack's WebSocket addresses contain a secret ticket, so neither they nor
    error messages that may quote them are logged.

    The SDK's own client is not used: it retries a refused token every few seconds forever, with a traceback
    each time, and closes a connection before it opens the next.

    Parameters
    ----------
    token
        An app token with ``connections:write``.
    base_url
        Of the Web API.
    first_wait
        Seconds before the first retry.
    """

    def __init__(
        self, token: str, base_url: str, receiver: InteractionReceiver, first_wait: float = FIRST_WAIT
    ) -> None:
        self._token = token
        self._base_url = base_url
        self._receiver = receiver
        self._first_wait = first_wait
        self._rng = random.Random()  # noqa: S311  # jitter, not a secret
        self._trouble: str | None = None
        self.connected = False

    def __repr__(self) -> str:
        return f"SlackSocket({self._base_url!r}, connected={self.connected})"

    async def run(self) -> None:
        """Receive interactions until cancelled."""
        wait = self._first_wait
        async with outgoing_session() as session, asyncio.TaskGroup() as readers:
            while True:
                try:
                    socket = await self._open(session)
                except Exception as error:  # noqa: BLE001  # buttons must not end the daemon
                    pause = self._on_failure(error)
                    await asyncio.sleep(max(pause, wait * self._rng.uniform(0.5, 1.5)))
                    wait = min(wait * 2, LONGEST_WAIT)
                    continue
                self._on_connected()
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
        """Return a connection on which Slack has sent its hello."""
        async with asyncio.timeout(TIMEOUT):
            address = await open_address(self._token, self._base_url, session)
            socket = await session.ws_connect(
                address, heartbeat=HEARTBEAT, max_msg_size=MAX_ENVELOPE, proxy=load_http_proxy_from_env()
            )
            greeted = False
            try:
                greeting = await socket.receive()
                greeted = greeting.type is aiohttp.WSMsgType.TEXT and greeting.json().get("type") == "hello"
            finally:
                if not greeted:
                    await socket.close()
        if not greeted:
            raise ValueError("Slack sent no hello")
        return socket

    async def _read(self, socket: aiohttp.ClientWebSocketResponse, leave: asyncio.Event) -> None:
        try:
            while True:
                message = await socket.receive(timeout=DRAIN if leave.is_set() else None)
                if message.type is not aiohttp.WSMsgType.TEXT:
                    return  # closed, broken, or not from Slack
                if not await self._accept(socket, message.json()):
                    leave.set()
        except Exception as error:  # noqa: BLE001  # as in run; the message may be anything
            log.debug("connection to Slack closed", reason=type(error).__name__)
        finally:
            leave.set()
            await socket.close()

    async def _accept(self, socket: aiohttp.ClientWebSocketResponse, envelope: dict[str, Any]) -> bool:
        """Pass on and acknowledge an envelope; return False when Slack asks to replace the connection."""
        kind = envelope.get("type")
        if kind == "disconnect":
            return False
        payload, shown = envelope.get("payload"), None
        if isinstance(payload, dict):
            if kind == "interactive":
                shown = self._receiver.on_action(payload)
            elif kind == "slash_commands":
                self._receiver.on_command({name: str(value) for name, value in payload.items()})
        if isinstance(identity := envelope.get("envelope_id"), str):
            await socket.send_json({"envelope_id": identity} | ({} if shown is None else {"payload": shown}))
        return True

    def _on_connected(self) -> None:
        self.connected = True
        if self._trouble is not None:
            log.info("Socket Mode reconnected")
        self._trouble = None

    def _on_failure(self, error: Exception) -> float:
        """Log a new reason once; return the minimum number of seconds to wait."""
        outcome, reason = outcome_of(error), reason_of(error)
        refused = outcome.result not in (Result.RETRY, Result.UNKNOWN)
        if reason != self._trouble:
            self._trouble = reason
            log.warning(
                "Slack refuses Socket Mode: buttons do not work until the app token is valid"
                if refused
                else "Socket Mode is not connected; retrying",
                reason=reason,
            )
        return LONGEST_WAIT if refused else outcome.retry_after or 0.0


async def open_address(token: str, base_url: str, session: aiohttp.ClientSession) -> str:
    """Request the address of a WebSocket from Slack.

    Raises
    ------
    SlackApiError, aiohttp.ClientError, TimeoutError
        When Slack refuses or does not answer.
    ValueError
        When the address is not secure.
    """
    client = slack_client(token, base_url, session)
    url = str((await client.apps_connections_open(app_token=token)).get("url"))
    if not url.startswith("wss://" if base_url.startswith("https://") else ("wss://", "ws://")):
        raise ValueError("the address is not secure")
    return url


def reason_of(error: Exception) -> str:
    """Return the loggable part of an error: Slack's error code or the kind of error, never its text."""
    return outcome_of(error).error.partition(":")[0]
