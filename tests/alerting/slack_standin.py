"""A local HTTP server that speaks the documented Slack Web API methods and refuses what Slack would refuse.

Limits: "Block Kit" reference (header 150, section text 3,000, 10 fields of 2,000, 10 context elements, 50
blocks), ``chat.postMessage`` (text 40,000), "Working with files" (the three-step upload), "Formatting text"
(what is a link, a mention, a date), "Block elements" (25 in a row, button text 75 and value 2,000, action_id
255, 100 options of 75 and 150), "Modals" (title 24, 100 blocks).
"""

import asyncio
import json
import re
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

from aiohttp import web

_Standin = TypeVar("_Standin", bound=AbstractAsyncContextManager[Any])

Fault = str  # 429, 500, 502, 503, html, hang, drop before, drop after (it was accepted), or a Slack error
CHANNELS = {
    "#uneri": "C0UNERI",
    "C0UNERI": "C0UNERI",
    "#digest": "C0DIGEST",
    "C0DIGEST": "C0DIGEST",
    "#spare": "C0SPARE",
    "C0SPARE": "C0SPARE",
}
TOKEN = "xoxb-canary-31415926535"  # noqa: S105  made up; tests look for it where it must not be
TOTAL = 13_200
_MARKUP = re.compile(r"<([^<>]*)>")
_CALLED = re.compile(r"@[UW][A-Z0-9]+|!here|!subteam\^S[A-Z0-9]+")
_DATE = re.compile(r"!date\^\d+\^[^|^]+(\^https://[^|]+)?\|[^|]+")


@dataclass
class Posted:
    ts: str
    channel: str
    at: float
    text: str
    blocks: list[dict[str, Any]]
    metadata: dict[str, Any]
    edits: int = 0
    thread: str | None = None  # ts of the message it replies to
    aloud: bool = False  # of a reply: in the channel, too

    @property
    def id(self) -> str:
        """The sender's name for it."""
        return str(self.metadata["event_payload"]["id"])


@dataclass
class SlackStandin:
    """``faults`` are answered one a call, oldest first; ``always`` to every call while it is set."""

    now: Any = None
    scopes: set[str] = field(default_factory=lambda: {"chat:write", "channels:history"})
    messages: list[Posted] = field(default_factory=list)
    files: list[tuple[str, str, bytes]] = field(default_factory=list)  # channel, thread, body
    appears: float = 1.0  # seconds after which a file may stand in a message
    calls: list[tuple[float, str]] = field(default_factory=list)
    faults: deque[Fault] = field(default_factory=deque)
    always: Fault | None = None
    only: str | None = None  # faults hit this method alone
    retry_after: int = 3
    closed: dict[str, str] = field(default_factory=dict)  # channel id → error of everything written there
    revoked: bool = False
    base_url: str = ""

    async def __aenter__(self) -> Self:
        self._shared: dict[str, tuple[str, float]] = {}  # file → channel and time of its upload
        self._uploads: dict[str, tuple[int, bytes | None]] = {}
        self._clock = self.now or asyncio.get_running_loop().time
        application = web.Application(client_max_size=2**24)
        application.router.add_post("/api/{method}", self._api)
        application.router.add_get("/api/{method}", self._api)
        application.router.add_post("/upload/{file}", self._upload)
        self.more_routes(application)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.base_url = f"http://127.0.0.1:{self._port}/api/"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _api(  # noqa: PLR0911  one return for each thing that can go wrong
        self, request: web.Request
    ) -> web.StreamResponse:
        method = request.match_info["method"]
        self.calls.append((self._clock(), method))
        fault = None
        if self.only in (None, method):
            fault = self.always or (self.faults.popleft() if self.faults else None)
        if fault == "429":
            headers = {"Retry-After": str(self.retry_after)}
            return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)
        if fault in ("500", "502", "503"):
            return web.json_response({"ok": False, "error": "internal_error"}, status=int(fault))
        if fault == "html":
            return web.Response(text="<html>bad gateway</html>", status=502, content_type="text/html")
        if fault == "drop before":
            return self._drop(request)
        if fault is not None and fault not in ("drop after", "hang"):
            return web.json_response({"ok": False, "error": fault})
        if self.revoked or request.headers.get("Authorization") != f"Bearer {self.token_for(method)}":
            return web.json_response(
                {"ok": False, "error": "token_revoked" if self.revoked else "invalid_auth"}
            )
        if request.content_type == "application/json":
            given = await request.json()
        else:
            given = {**request.query, **await request.post()}
        answer = self._answer(method, given)
        if fault == "hang":  # accepted, and then no answer
            await asyncio.sleep(5)
        reported = {"x-oauth-scopes": ",".join(sorted(self.scopes))}
        return self._drop(request) if fault == "drop after" else web.json_response(answer, headers=reported)

    def more_routes(self, application: web.Application) -> None:
        """Add what a larger stand-in answers."""

    def more_handlers(self) -> dict[str, Any]:
        """Return the methods of a larger stand-in."""
        return {}

    def token_for(self, method: str) -> str:  # noqa: ARG002  # a larger one has more tokens
        """Return the token that a method takes."""
        return TOKEN

    @staticmethod
    def _drop(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    def _answer(self, method: str, given: dict[str, Any]) -> dict[str, Any]:
        handlers = {
            "auth.test": self._auth,
            "chat.postMessage": self._post,
            "chat.update": self._update,
            "files.getUploadURLExternal": self._get_upload,
            "files.completeUploadExternal": self._complete,
            "conversations.history": self._history,
            "conversations.info": self._info,
            "conversations.replies": self._replies,
            "chat.getPermalink": self._permalink,
        }
        handlers |= self.more_handlers()
        if method not in handlers:
            return {"ok": False, "error": "unknown_method"}
        error = handlers[method](given)
        return error if isinstance(error, dict) else {"ok": False, "error": error}

    def _auth(self, _: dict[str, Any]) -> dict[str, Any] | str:
        return {"ok": True, "team": "uneri", "user_id": "U0BOT"}

    def _post(self, given: dict[str, Any]) -> dict[str, Any] | str:
        channel = CHANNELS.get(given.get("channel", ""))
        if channel is None:
            return "channel_not_found"
        if error := self.closed.get(channel) or content_error(given) or self._hidden(channel, given):
            return error
        thread = given.get("thread_ts")
        if thread is not None and self._message(channel, thread) is None:
            return "thread_not_found"
        ts = f"{1_700_000_000 + len(self.messages)}.000100"
        metadata = _decoded(given.get("metadata")) or {}
        text, blocks = given.get("text", ""), _decoded(given.get("blocks")) or []
        aloud = str(given.get("reply_broadcast", "")).lower() in ("1", "true")
        if aloud and thread is None:
            return "invalid_arguments"
        posted = Posted(ts, channel, self._clock(), text, blocks, metadata, thread=thread, aloud=aloud)
        self.messages.append(posted)
        return {"ok": True, "channel": channel, "ts": ts}

    def _update(self, given: dict[str, Any]) -> dict[str, Any] | str:
        if given.get("channel") not in CHANNELS.values():
            return "channel_not_found"  # an edit takes the channel's id, not its name
        channel = given["channel"]
        if error := self.closed.get(channel) or content_error(given) or self._hidden(channel, given):
            return error
        message = self._message(given["channel"], given.get("ts"))
        if message is None:
            return "message_not_found"
        message.text, message.blocks = given.get("text", ""), _decoded(given.get("blocks")) or []
        message.edits += 1
        return {"ok": True, "channel": message.channel, "ts": message.ts}

    def _hidden(self, channel: str, given: dict[str, Any]) -> str | None:
        """Refuse a file that is not in the channel, or not processed yet."""
        for block in _decoded(given.get("blocks")) or []:
            if block["type"] == "image":
                known, at = self._shared.get(block["slack_file"]["id"], ("", 0.0))
                if known != channel or self._clock() < at + self.appears:
                    return "invalid_blocks"
        return None

    def _message(self, channel: str, ts: Any) -> Posted | None:
        return next(
            (message for message in self.messages if (message.channel, message.ts) == (channel, ts)), None
        )

    def thread(self, of: Posted) -> list[Posted]:
        """Return the replies to a message, oldest first."""
        return [
            message for message in self.messages if (message.channel, message.thread) == (of.channel, of.ts)
        ]

    @property
    def parents(self) -> list[Posted]:
        """The messages of the channels themselves, oldest first."""
        return [message for message in self.messages if message.thread is None]

    def _history(self, given: dict[str, Any]) -> dict[str, Any] | str:
        if "channels:history" not in self.scopes:
            return "missing_scope"
        return self._found(
            [parent for parent in reversed(self.parents) if parent.channel == given.get("channel")], given
        )

    def _replies(self, given: dict[str, Any]) -> dict[str, Any] | str:
        if "channels:history" not in self.scopes:
            return "missing_scope"
        parent = self._message(str(given.get("channel")), given.get("ts"))
        return "thread_not_found" if parent is None else self._found([parent, *self.thread(parent)], given)

    def _info(self, given: dict[str, Any]) -> dict[str, Any] | str:
        if "channels:read" not in self.scopes:
            return "missing_scope"
        channel = given.get("channel", "")
        if channel not in CHANNELS.values():
            return "channel_not_found"  # a name is no id
        closed = self.closed.get(channel)
        about = {"name": channel[2:].lower(), "is_archived": closed == "is_archived"}
        return {"ok": True, "channel": {**about, "is_member": closed != "not_in_channel"}}

    @staticmethod
    def _found(messages: list[Posted], given: dict[str, Any]) -> dict[str, Any]:
        found = [
            {"ts": message.ts, "text": message.text, "metadata": message.metadata} for message in messages
        ]
        return {"ok": True, "messages": found[: int(given.get("limit", 100))], "has_more": False}

    def _permalink(self, given: dict[str, Any]) -> dict[str, Any] | str:
        channel, ts = str(given.get("channel")), str(given.get("message_ts"))
        if self._message(channel, ts) is None:
            return "message_not_found"
        link = f"https://uneri.slack.com/archives/{channel}/p{ts.replace('.', '')}"
        return {"ok": True, "channel": channel, "permalink": link}

    def _get_upload(self, given: dict[str, Any]) -> dict[str, Any] | str:
        if not given.get("filename") or int(given.get("length", 0)) <= 0:
            return "invalid_arguments"
        if len(given.get("alt_txt", "")) > 1000:
            return "invalid_arguments"
        file = f"F{len(self._uploads)}"
        self._uploads[file] = (int(given["length"]), None)
        return {"ok": True, "upload_url": f"http://127.0.0.1:{self._port}/upload/{file}", "file_id": file}

    async def _upload(self, request: web.Request) -> web.Response:
        file = request.match_info["file"]
        if file not in self._uploads:
            return web.Response(status=404)
        length, _ = self._uploads[file]
        body = await request.read()
        if len(body) != length:
            return web.Response(status=400, text="length does not match")
        self._uploads[file] = (length, body)
        return web.Response(text=f"OK - {length}")

    def _complete(self, given: dict[str, Any]) -> dict[str, Any] | str:
        if given.get("channel_id") not in CHANNELS.values():
            return "channel_not_found"
        if error := self.closed.get(given["channel_id"]):
            return error
        if given.get("thread_ts") not in {message.ts for message in self.messages}:
            return "invalid_thread_ts"
        for item in _decoded(given.get("files")) or []:
            _, body = self._uploads.get(item.get("id"), (0, None))
            if body is None:
                return "file_not_found"
            self.files.append((given["channel_id"], given["thread_ts"], body))
            self._shared[item["id"]] = (given["channel_id"], self._clock())
        return {"ok": True, "files": []}


@contextmanager
def in_a_thread(standin: _Standin) -> Iterator[_Standin]:
    """Serve in a thread of its own, so that a daemon can be waited for."""
    ready, done, loop = threading.Event(), asyncio.Event(), asyncio.new_event_loop()

    async def serve() -> None:
        async with standin:
            ready.set()
            await done.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    ready.wait()
    try:
        yield standin
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()
        loop.close()


def _decoded(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def content_error(given: dict[str, Any]) -> str | None:
    """Return the error Slack answers to the text and blocks of a message, None when they are fine."""
    text, blocks = given.get("text") or "", _decoded(given.get("blocks")) or []
    if not text and not blocks:
        return "no_text"
    if len(text) > 40_000 or _bad_markup(text):
        return "msg_too_long"
    if len(blocks) > 50 or any(_bad_block(block) for block in blocks):
        return "invalid_blocks"
    if sum(len(text["text"]) for text in texts(blocks)) > TOTAL:
        return "msg_blocks_too_long"
    return None


def texts(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return all text objects."""
    found: list[dict[str, Any]] = []
    for block in blocks:
        found += [block["text"]] if "text" in block else []
        if block["type"] == "actions":
            found += [element.get("text") or element["placeholder"] for element in block["elements"]]
        else:
            found += block.get("fields", []) + block.get("elements", [])
    return found


def _bad_block(block: dict[str, Any]) -> bool:  # noqa: PLR0911  one return for each kind
    match block.get("type"):
        case "header":
            return _bad_text(block.get("text"), 150, {"plain_text"})
        case "section":
            if "text" not in block and "fields" not in block:
                return True
            fields = block.get("fields", [])
            return (
                ("text" in block and _bad_text(block["text"], 3000, {"mrkdwn", "plain_text"}))
                or len(fields) > 10
                or any(_bad_text(field, 2000, {"mrkdwn", "plain_text"}) for field in fields)
            )
        case "context":
            elements = block.get("elements", [])
            return not 0 < len(elements) <= 10 or any(
                _bad_text(element, 3000, {"mrkdwn", "plain_text"}) for element in elements
            )
        case "actions":
            elements = block.get("elements", [])
            ids = [element.get("action_id") for element in elements]
            return (
                not 0 < len(elements) <= 25 or len(set(ids)) != len(ids) or any(map(_bad_element, elements))
            )
        case "image":
            return (
                bool(set(block) - {"type", "slack_file", "alt_text", "title", "block_id"})
                or set(block.get("slack_file", {})) != {"id"}
                or not 0 < len(block.get("alt_text", "")) <= 2000
                or ("title" in block and _bad_text(block["title"], 2000, {"plain_text"}))
            )
        case "divider":
            return set(block) - {"type", "block_id"} != set()
        case _:
            return True


def _bad_element(element: dict[str, Any]) -> bool:
    """Return whether Slack would refuse a button, menu, date picker or input of text."""
    kind, action = element.get("type"), element.get("action_id")
    if not isinstance(action, str) or not 0 < len(action) <= 255:
        return True
    match kind:
        case "button":
            return (
                bool(set(element) - {"type", "action_id", "text", "value", "style", "url"})
                or _bad_text(element.get("text"), 75, {"plain_text"})
                or len(element.get("value", "")) > 2000
                or len(element.get("url", "")) > 3000
                or element.get("style", "primary") not in ("primary", "danger")
            )
        case "static_select":
            options = element.get("options", [])
            return (
                _bad_text(element.get("placeholder"), 150, {"plain_text"})
                or not 0 < len(options) <= 100
                or any(
                    set(option) - {"text", "value", "description"}
                    or _bad_text(option.get("text"), 75, {"plain_text", "mrkdwn"})
                    or not 0 < len(option.get("value", "")) <= 150
                    for option in options
                )
            )
        case "datepicker":
            day = element.get("initial_date")
            return (day is not None and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", day)) or (
                "placeholder" in element and _bad_text(element["placeholder"], 150, {"plain_text"})
            )
        case "plain_text_input":
            return not 0 < element.get("max_length", 3000) <= 3000
        case _:
            return True


def view_error(view: dict[str, Any]) -> str | None:
    """Return the error Slack answers to a modal (``views.open``), None when it is fine."""
    if view.get("type") != "modal" or _bad_text(view.get("title"), 24, {"plain_text"}):
        return "invalid_arguments"
    for name in ("submit", "close"):
        if name in view and _bad_text(view[name], 24, {"plain_text"}):
            return "invalid_arguments"
    blocks = view.get("blocks", [])
    inputs = [block for block in blocks if block.get("type") == "input"]
    if not 0 < len(blocks) <= 100 or (inputs and "submit" not in view):
        return "invalid_arguments"
    if len(view.get("private_metadata", "")) > 3000 or len(view.get("callback_id", "")) > 255:
        return "invalid_arguments"
    named = [block["block_id"] for block in blocks if "block_id" in block]
    bad = any(map(_bad_input, inputs)) or any(_bad_block(block) for block in blocks if block not in inputs)
    return "invalid_arguments" if bad or len(set(named)) != len(named) else None


def _bad_input(block: dict[str, Any]) -> bool:
    return (
        bool(set(block) - {"type", "block_id", "label", "element", "optional", "hint"})
        or _bad_text(block.get("label"), 2000, {"plain_text"})
        or _bad_element(block.get("element") or {})
    )


def _bad_text(text: Any, limit: int, kinds: set[str]) -> bool:
    if not isinstance(text, dict) or text.get("type") not in kinds:
        return True
    if set(text) - {"type", "text", "emoji" if text["type"] == "plain_text" else "verbatim"}:
        return True
    said = text.get("text")
    if not isinstance(said, str) or not 0 < len(said) <= limit:
        return True
    return text["type"] == "mrkdwn" and _bad_markup(said)


def _bad_markup(text: str) -> bool:
    """Return whether angle brackets hold anything but an https link with a label or a date."""
    for inner in _MARKUP.findall(text):
        if _CALLED.fullmatch(inner):
            continue
        if inner.startswith("!date"):
            if not _DATE.fullmatch(inner):
                return True
            continue
        url, bar, label = inner.partition("|")
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname or not bar or not label or re.search(r"\s", url):
            return True
    return "<" in _MARKUP.sub("", text) or ">" in _MARKUP.sub("", text)
