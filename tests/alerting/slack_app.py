"""The stand-in's interactive part: Socket Mode, signed requests, modals, user groups and response URLs.

After Slack's "Using Socket Mode" (hello, envelopes, acknowledgements, disconnect), "Verifying requests from
Slack", "Handling user interaction" (payloads, three seconds, ``response_url`` five times in 30 minutes) and
"Slash commands" (the form).
"""

import asyncio
import hashlib
import hmac
import itertools
import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import aiohttp
from aiohttp import web

from tests.alerting.slack_standin import Posted, SlackStandin, content_error, view_error

APP_TOKEN = "xapp-canary-27182818284"  # noqa: S105  made up; tests look for it where it must not be
SECRET = "signing-canary-16180339887"  # noqa: S105  as above
PATIENCE = 60.0  # seconds; Slack waits for three, to which the tests of the socket hold


@dataclass
class Envelope:
    """One thing that was sent over a socket, and after how many seconds it was acknowledged."""

    id: str
    sent: float
    acked: asyncio.Future[float]


@dataclass
class SlackApp(SlackStandin):
    """``daemon`` is where signed requests go, such as ``http://127.0.0.1:8765``."""

    groups: dict[str, list[str]] = field(default_factory=dict)
    views: list[dict[str, Any]] = field(default_factory=list)
    answers: list[dict[str, Any]] = field(default_factory=list)  # what only the person who asked saw
    daemon: str = ""
    tickets: int = 0

    def __post_init__(self) -> None:
        self.sockets: list[web.WebSocketResponse] = []
        self.hello = True
        self.shown: dict[str, Any] = {}  # what the newest acknowledgement holds
        self._numbers = itertools.count(1)
        self._envelopes: dict[str, Envelope] = {}
        self._uses: dict[str, int] = {}
        self.connected = asyncio.Event()

    def more_routes(self, application: web.Application) -> None:
        application.router.add_get("/link", self._link)
        application.router.add_post("/response/{number}", self._response)
        application.on_shutdown.append(self._hang_up)

    def more_handlers(self) -> dict[str, Any]:
        return {
            "apps.connections.open": self._open,
            "views.open": self._views,
            "usergroups.users.list": self._members,
        }

    def token_for(self, method: str) -> str:
        return APP_TOKEN if method == "apps.connections.open" else super().token_for(method)

    # -- methods and sockets ----------------------------------------------------------------------

    def _open(self, _: dict[str, Any]) -> dict[str, Any]:
        self.tickets += 1
        return {"ok": True, "url": f"ws://127.0.0.1:{self._port}/link?ticket=canary-ticket-{self.tickets}"}

    def _views(self, given: dict[str, Any]) -> dict[str, Any] | str:
        view = given["view"] if isinstance(given["view"], dict) else json.loads(given["view"])
        if not given.get("trigger_id"):
            return "invalid_trigger_id"
        if error := view_error(view):
            return error
        self.views.append(view)
        return {"ok": True, "view": {"id": f"V{len(self.views)}"}}

    def _members(self, given: dict[str, Any]) -> dict[str, Any] | str:
        group = given.get("usergroup", "")
        return {"ok": True, "users": self.groups[group]} if group in self.groups else "no_such_subteam"

    async def _link(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("ticket") != f"canary-ticket-{self.tickets}":
            return web.Response(status=403)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        if self.hello:
            await socket.send_json(
                {"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A1"}}
            )
        self.sockets.append(socket)
        self.connected.set()
        try:
            async for message in socket:
                envelope = self._envelopes.get(message.json().get("envelope_id"))
                if envelope is not None and not envelope.acked.done():
                    envelope.acked.set_result(time.monotonic() - envelope.sent)
                    self.shown = message.json().get("payload") or {}
        finally:
            self.sockets.remove(socket)
            if not self.sockets:
                self.connected.clear()
        return socket

    async def _hang_up(self, _: web.Application) -> None:
        for socket in list(self.sockets):
            await socket.close()

    async def _response(self, request: web.Request) -> web.Response:
        number = request.match_info["number"]
        self._uses[number] = self._uses.get(number, 0) + 1
        if self._uses[number] > 5:
            return web.Response(status=404, text="used_url")
        given = await request.json()
        if error := content_error(given):  # an answer keeps the limits of a message
            return web.Response(status=400, text=error)
        self.answers.append(given)
        return web.Response(text="ok")

    def response_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/response/{next(self._numbers)}"

    async def disconnect(self, reason: str = "warning") -> None:
        """Announce, on every socket, that it will be closed."""
        for socket in list(self.sockets):
            await socket.send_json({"type": "disconnect", "reason": reason, "debug_info": {"host": "h"}})

    def cut(self) -> None:
        """Break every socket without a word."""
        for socket in list(self.sockets):
            assert socket._req is not None
            assert socket._req.transport is not None
            socket._req.transport.abort()

    # -- what a person does -----------------------------------------------------------------------

    async def send(
        self, kind: str, payload: dict[str, Any], over: str = "socket", envelope: str = ""
    ) -> float:
        """Send a payload as Slack does; return after how many seconds it was acknowledged."""
        if over == "http":
            form = payload if kind == "slash_commands" else {"payload": json.dumps(payload)}
            path = "/slack/commands" if kind == "slash_commands" else "/slack/actions"
            begun = time.monotonic()
            assert await self.signed(path, urlencode(form).encode()) == 200
            return time.monotonic() - begun
        async with asyncio.timeout(PATIENCE):
            while not self.sockets:
                await asyncio.sleep(0.01)
        identity = envelope or f"E{next(self._numbers)}"
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._envelopes[identity] = Envelope(identity, time.monotonic(), future)
        given = {"envelope_id": identity, "type": kind, "accepts_response_payload": True, "payload": payload}
        await self.sockets[-1].send_json(given)
        async with asyncio.timeout(PATIENCE):
            return await future

    async def signed(
        self,
        path: str,
        body: bytes,
        *,
        at: float | None = None,
        secret: str = SECRET,
        headers: dict[str, str] | None = None,
    ) -> int:
        """Post a signed request to the daemon; return the status."""
        given = {**signature_of(body, at, secret), **(headers or {})}
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"{self.daemon}{path}", data=body, headers=given) as answer,
        ):
            if answer.content_type == "application/json":
                self.shown = await answer.json()
            return answer.status

    def pressed(
        self, message: Posted, action: str, *, choice: str = "", user: str = "U0MIKA", **changes: Any
    ) -> dict[str, Any]:
        """Return the payload of a press of a button, or of a choice in a menu, under a message."""
        element = next(
            element
            for block in message.blocks
            if block["type"] == "actions"
            for element in block["elements"]
            if element["action_id"] == action
        )
        press: dict[str, Any] = {
            "type": element["type"],
            "action_id": action,
            "block_id": "b1",
            "action_ts": f"{time.time():.6f}",
        }
        if choice:
            press["selected_option"] = next(
                option for option in element["options"] if option["value"].startswith(f"{choice}:")
            )
        else:
            press["value"] = element["value"]
        return {
            "type": "block_actions",
            "user": {"id": user, "username": "mika", "team_id": "T0UNERI"},
            "team": {"id": "T0UNERI", "domain": "uneri"},
            "channel": {"id": message.channel, "name": "uneri"},
            "container": {"type": "message", "message_ts": message.ts, "channel_id": message.channel},
            "message": {"ts": message.ts, "text": message.text, "blocks": message.blocks},
            "trigger_id": f"{next(self._numbers)}.1.a",
            "response_url": self.response_url(),
            "actions": [press],
        } | changes

    async def press(self, message: Posted, action: str, *, over: str = "socket", **given: Any) -> float:
        """Press a button under a message; return after how many seconds it was acknowledged."""
        return await self.send("interactive", self.pressed(message, action, **given), over)

    async def slash(self, text: str, *, over: str = "socket", user: str = "U0MIKA") -> float:
        """Write ``/uneri text``; return after how many seconds it was acknowledged."""
        return await self.send("slash_commands", self.slashed(text, user), over)

    def slashed(self, text: str, user: str = "U0MIKA") -> dict[str, Any]:
        """Return the form of a slash command."""
        return {
            "command": "/uneri",
            "text": text,
            "user_id": user,
            "user_name": "mika",
            "team_id": "T0UNERI",
            "channel_id": "C0UNERI",
            "channel_name": "uneri",
            "response_url": self.response_url(),
            "trigger_id": f"{next(self._numbers)}.2.b",
        }

    async def submit(
        self, view: dict[str, Any], values: dict[str, Any], *, over: str = "socket", user: str = "U0MIKA"
    ) -> float:
        """Send a modal with what was put into its inputs, by action id."""
        state: dict[str, Any] = {}
        for block in view["blocks"]:
            element = block.get("element") or {}
            if block["type"] == "input" and element["action_id"] in values:
                field_ = "selected_date" if element["type"] == "datepicker" else "value"
                given = {"type": element["type"], field_: values[element["action_id"]]}
                state[block["block_id"]] = {element["action_id"]: given}
        payload = {
            "type": "view_submission",
            "user": {"id": user, "username": "mika"},
            "view": {**view, "id": f"V{next(self._numbers)}", "state": {"values": state}},
        }
        return await self.send("interactive", payload, over)


def signature_of(body: bytes, at: float | None = None, secret: str = SECRET) -> dict[str, str]:
    """Return the headers that Slack signs a body with."""
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), b"v0:%s:%s" % (stamp.encode(), body), hashlib.sha256).hexdigest()
    return {
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": f"v0={digest}",
        "Content-Type": "application/x-www-form-urlencoded",
    }
