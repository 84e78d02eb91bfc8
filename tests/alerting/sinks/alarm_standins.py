"""Local receivers that call somebody, which hold to the documentation of their public APIs.

What it does not allow is refused as the documentation has it, so that a test sees every wrong body.
"""

import asyncio
import base64
import email
import json
import ssl
from datetime import datetime
from email import policy
from email.message import EmailMessage
from typing import Any, ClassVar, Self

from aiohttp import web

from tests.alerting.http_standin import HttpStandin

ROUTING_KEY = "0123456789abcdefcanary6180339887"  # made up
API_KEY = "canary-61803398-8749-8948-4820"
TOKEN = "canary-token-68343656381177"  # noqa: S105  made up
SMTP_PASSWORD = "canary password 2360679774997"  # noqa: S105  made up
ALARM_SECRETS = (ROUTING_KEY, API_KEY, TOKEN)


class AlarmStandin(HttpStandin):
    """Keeps the calls that it accepted, and alarms by their ids with their state."""

    SECRET: ClassVar[str]
    PATH: ClassVar[str] = ""  # where the secret is the address: with the secret in it

    @property
    def address(self) -> str:
        """What the sink needs to know: its base address, or the whole."""
        return self.url + self.PATH

    def __init__(self, now: Any = None) -> None:
        super().__init__(now)
        self.secret = self.SECRET
        self.accepted: list[tuple[str, dict[str, Any]]] = []  # what was done, and the body
        self.alarms: dict[str, str] = {}  # triggered, acknowledged or closed, by id
        self.paged: list[str] = []  # ids, each time somebody was called

    @property
    def done(self) -> list[str]:
        """The verbs of the calls that it accepted."""
        return [verb for verb, _ in self.accepted]

    def bodies(self, verb: str) -> list[dict[str, Any]]:
        """Return the bodies of the calls of a verb."""
        return [body for done, body in self.accepted if done == verb]

    def take(self, verb: str, identity: str, body: dict[str, Any], state: str) -> None:
        """Accept a call: an alarm that is open is not opened again, one that is not is not changed."""
        self.accepted.append((verb, body))
        is_open = self.alarms.get(identity, "closed") != "closed"
        if state == "triggered" and not is_open:
            self.paged.append(identity)
            self.alarms[identity] = state
        elif state != "triggered" and is_open:
            self.alarms[identity] = state


class PagerdutyStandin(AlarmStandin):
    """PagerDuty's Events API v2 (developer.pagerduty.com, "Send an Alert Event")."""

    SECRET = ROUTING_KEY
    _STATES: ClassVar = {"trigger": "triggered", "acknowledge": "acknowledged", "resolve": "closed"}
    _EVENT: ClassVar = {
        "routing_key", "event_action", "dedup_key", "payload", "images", "links", "client", "client_url",
    }  # fmt: skip
    _PAYLOAD: ClassVar = {
        "summary", "source", "severity", "timestamp", "component", "group", "class", "custom_details",
    }  # fmt: skip

    async def answer(self, request: web.Request, body: bytes) -> web.Response:
        if request.path != "/v2/enqueue" or request.method != "POST":
            return web.Response(status=404)
        event = json.loads(body)
        if errors := list(self._errors(event)):
            told = {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
            return web.json_response(told, status=400)
        verb, key = event["event_action"], event["dedup_key"]
        self.take(verb, key, event, self._STATES[verb])
        told = {"status": "success", "message": "Event processed", "dedup_key": key}
        return web.json_response(told, status=202)

    def _errors(self, event: dict[str, Any]) -> Any:
        if len(event["routing_key"]) != 32:
            yield "Length of 'routing_key' is incorrect (should be 32 characters)"
        elif event["routing_key"] != self.secret:
            yield "Invalid routing key"
        if event["event_action"] not in self._STATES or set(event) - self._EVENT:
            yield "unknown"
        if not 0 < len(event["dedup_key"]) <= 255:
            yield "dedup_key"
        if event["event_action"] == "trigger":
            payload = event["payload"]
            yield from (name for name in ("summary", "source", "severity") if not payload.get(name))
            if set(payload) - self._PAYLOAD or len(payload["summary"]) > 1024:
                yield "payload"
            if payload["severity"] not in ("critical", "error", "warning", "info"):
                yield "severity"
            datetime.fromisoformat(payload["timestamp"])
            yield from (link for link in event["links"] if set(link) - {"href", "text"} or not link["href"])


class OpsgenieStandin(AlarmStandin):
    """The Alert API of Opsgenie (docs.opsgenie.com), which is that of Jira Service Management's events."""

    SECRET = API_KEY
    _STATES: ClassVar = {"create": "triggered", "acknowledge": "acknowledged", "close": "closed"}
    _LONGEST: ClassVar = {
        "message": 130, "alias": 512, "description": 15_000, "entity": 512, "source": 100, "user": 100,
        "note": 25_000, "priority": 2,
    }  # fmt: skip

    async def answer(self, request: web.Request, body: bytes) -> web.Response:
        if request.headers.get("Authorization") != f"GenieKey {self.secret}":
            return web.json_response({"message": "Key format is not valid!", "took": 0.001}, status=422)
        what, parts = json.loads(body), request.path.removeprefix("/v2/alerts").strip("/").split("/")
        verb = parts[1] if len(parts) > 1 else "create"
        if request.method != "POST" or verb not in (*self._STATES, "notes"):
            return web.Response(status=404)
        if verb != "create" and request.query_string != "identifierType=alias":
            return web.Response(status=400)
        long = [name for name, most in self._LONGEST.items() if len(what.get(name, "")) > most]
        details = what.get("details", {})
        told: dict[str, Any]
        if long or set(what) - {*self._LONGEST, "details"} or sum(map(len, details.values())) > 8000:
            told = {"message": "Request body is not processable. Please check the errors.", "errors": long}
            return web.json_response(told, status=422)
        if verb == "create" and (not what["message"] or what["priority"] not in ("P1", "P2", "P3", "P4")):
            return web.Response(status=422)
        identity = what["alias"] if verb == "create" else parts[0]
        self.take(verb, identity, what, self._STATES.get(verb, self.alarms.get(identity, "")))
        told = {"result": "Request will be processed", "took": 0.302, "requestId": "43a29c5c-3dbf-4fa4"}
        return web.json_response(told, status=202)


class TeamsStandin(AlarmStandin):
    """The webhook of a workflow of Teams ("Create incoming webhooks with Workflows", "Adaptive Cards")."""

    SECRET = TOKEN
    PATH = f"/workflows/1/triggers/manual/paths/invoke?api-version=1&sig={TOKEN}"

    async def answer(self, request: web.Request, body: bytes) -> web.Response:
        if request.query.get("sig") != self.secret:
            return web.json_response({"error": {"code": "DirectApiInvalidAuthorizationScheme"}}, status=401)
        message = json.loads(body)
        [attached] = message["attachments"]
        assert set(message) == {"type", "attachments"}
        assert message["type"] == "message"
        assert attached["contentType"] == "application/vnd.microsoft.card.adaptive"
        card = attached["content"]
        assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
        assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
        assert {run["type"] for block in card["body"] for run in block["inlines"]} == {"TextRun"}
        assert all(run["text"] for block in card["body"] for run in block["inlines"])
        if len(body) > 28 * 1024 or len(card["actions"]) > 6 or request.method != "POST":
            return web.Response(status=400)
        over = card["body"][0]["inlines"][0]["color"] == "good"
        identity = card["actions"][0]["url"] if card["actions"] else "flood"
        state = "closed" if over else "acknowledged" if b" Ai" in body else "triggered"
        self.take("post", identity, message, "triggered" if state == "acknowledged" else state)
        self.alarms[identity] = state
        return web.Response(status=202)


class DiscordStandin(AlarmStandin):
    """Discord's webhooks of channels (docs.discord.com, "Webhook Resource", "Message Resource")."""

    SECRET = TOKEN
    PATH = f"/api/webhooks/1100/{TOKEN}?thread_id=7"

    def __init__(self, now: Any = None) -> None:
        super().__init__(now)
        self.messages: dict[str, dict[str, Any]] = {}

    async def answer(self, request: web.Request, body: bytes) -> web.Response:
        path = f"/api/webhooks/1100/{self.secret}"
        if not request.path.startswith(path):
            return web.json_response({"message": "Invalid Webhook Token", "code": 50027}, status=401)
        assert request.query["thread_id"] == "7"
        message, identity = json.loads(body), request.path.removeprefix(path).removeprefix("/messages/")
        if request.method == "PATCH" and identity not in self.messages:
            return web.json_response({"message": "Unknown Message", "code": 10008}, status=404)
        [embed] = message["embeds"]
        texts = [embed["title"], embed["description"], embed["footer"]["text"]]
        texts += [text for field in embed["fields"] for text in (field["name"], field["value"])]
        within = len(texts[0]) <= 256 and len(texts[1]) <= 4096 and len(embed["fields"]) <= 25
        within &= all(len(field["name"]) <= 256 for field in embed["fields"])
        within &= all(0 < len(field["value"]) <= 1024 for field in embed["fields"])
        if not within or not all(texts) or sum(map(len, texts)) > 6000:
            return web.json_response({"message": "Invalid Form Body", "code": 50035}, status=400)
        if request.method == "POST":
            assert request.query["wait"] == "true"
            identity = str(1200 + len(self.messages))
        over, alarm = embed["color"] == 0x2EB67D, embed["footer"]["text"]
        state = "closed" if over else "acknowledged" if b" Ai" in body else "triggered"
        posted = request.method == "POST" and not over
        self.take(
            "post" if request.method == "POST" else "edit", alarm, message, "triggered" if posted else state
        )
        self.alarms[alarm] = state
        self.messages[identity] = message
        return web.json_response({"id": identity, "channel_id": "7", **message})


class EmailStandin(AlarmStandin):
    """A mail server (RFC 5321, with AUTH PLAIN of RFC 4954 and STARTTLS of RFC 3207).

    ``always`` is a status as of HTTP: it has no time for anybody then. ``says`` are replies in place of its
    own, by the command.
    """

    SECRET = SMTP_PASSWORD

    @property
    def address(self) -> str:
        """As the settings have it."""
        return f"smtp://{self.url}"

    def __init__(self, now: Any = None, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(now)
        self.mails: list[EmailMessage] = []
        self.says: dict[str, str] = {}
        self.to: list[str] = []
        self._tls = tls

    async def __aenter__(self) -> Self:
        self._clock = self.now or asyncio.get_running_loop().time
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        self.url = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.calls.append((self._clock(), "connect"))
        said = "421 later" if self.always else "220 mail.example"
        try:
            while True:
                writer.write(f"{said}\r\n".encode())
                if said.startswith(("421", "221")):
                    break
                line = (await reader.readline()).decode().strip()
                command = line.split(":")[0].split(" ")[0].upper()
                said = self.says.get(command) or self._reply(command, line)
                if said == "endless":
                    while True:
                        writer.write(b"250-go on\r\n" * 100)
                        await writer.drain()
                        await asyncio.sleep(0.01)
                if command == "STARTTLS" and self._tls:
                    writer.write(f"{said}\r\n".encode())
                    await writer.start_tls(self._tls)
                    self._tls, said = None, ""
                    command = (await reader.readline()).decode().split(" ")[0].strip().upper()
                    said = self._reply(command, command)
                if said.startswith("354"):
                    writer.write(f"{said}\r\n".encode())
                    said = self._accept((await reader.readuntil(b"\r\n.\r\n")).removesuffix(b".\r\n"))
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        writer.close()

    def _reply(self, command: str, line: str) -> str:
        if command == "EHLO":
            return "250-mail.example\r\n" + ("250 STARTTLS" if self._tls else "250 AUTH PLAIN")
        if command == "AUTH":
            given = base64.b64decode(line.split(" ")[2]).decode()
            return "235 ok" if given == f"\0uneri\0{self.secret}" else f"535 no, not {given!r}"
        if command == "RCPT":
            self.to.append(line.partition("<")[2].rstrip(">"))
        return {"STARTTLS": "220 go", "DATA": "354 go on", "QUIT": "221 bye", "": "221 bye"}.get(
            command, "250 ok"
        )

    def _accept(self, written: bytes) -> str:
        mail = email.message_from_bytes(written, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        assert all(len(line) <= 998 for line in written.split(b"\r\n"))
        alarm, over = mail["References"], "RESOLVED" in mail["Subject"] or "resolved" in mail["Subject"]
        text = mail.get_content().replace("\r\n", "\n")
        self.mails.append(mail)
        body = {"subject": mail["Subject"], "text": text}
        self.take("mail", alarm, body, "closed" if over else "triggered")
        self.alarms[alarm] = "closed" if over else "acknowledged" if "Ai" in text else "triggered"
        return "250 queued"
