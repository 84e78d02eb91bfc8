"""Slack as a sink: posts, edits in place, replies and files in the thread."""

import asyncio
import io
import re
import zlib
from typing import Any, Final
from zoneinfo import ZoneInfo

import aiohttp
from msgspec import structs
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.web.async_slack_response import AsyncSlackResponse

from alerting.incidents.incident import Incident
from alerting.messages.blocks import image, with_image
from alerting.messages.render import Renderer
from alerting.outbox.ports import DeliveryOutcome, Result
from alerting.outbox.row import OutboxRow, Picture, Send, SentAs
from alerting.sinks.http_sink import TIMEOUT, HttpClient
from alerting.sinks.message_content import MessageSink
from alerting.sinks.slack_errors import outcome_of, sendable
from alerting.words.phrases import Phrases

EVENT: Final = "uneri_notice"
_BEFORE: Final = 86_400  # Slack's clock and ours may differ by this much, seconds
_PAGES: Final = 5
_SEARCHED: Final = 200
_ID: Final = re.compile(r"[CGD][A-Z0-9]{6,}")  # of a channel
_BLIND: Final = 1  # a message in doubt is posted again this often where its channel may not be searched


def slack_client(
    token: str, base_url: str, session: aiohttp.ClientSession, timeout: float = TIMEOUT
) -> AsyncWebClient:
    """Return a client of Slack's Web API that retries nothing: the SDK would post again blindly.

    Raises
    ------
    TokenError
        When the token cannot be sent.
    """
    client = AsyncWebClient(
        token=sendable(token), base_url=base_url, timeout=int(timeout) or 1, session=session
    )
    client.retry_handlers = []
    return client


class SlackSink(MessageSink, HttpClient):
    """Delivers rows through Slack's Web API, one call at a time and without retries of its own.

    Parameters
    ----------
    token
        A bot token with ``chat:write`` and ``files:write``; with ``channels:history`` a message in doubt is
        searched for before it is posted again.
    base_url
        Of the Web API, with a trailing slash.
    renderer
        Makes the messages; charts are in its zone and language.
    timeout
        Total seconds for one call.
    """

    def __init__(self, token: str, base_url: str, renderer: Renderer, timeout: float = TIMEOUT) -> None:
        MessageSink.__init__(self, renderer)
        HttpClient.__init__(self, timeout)
        self._token = token
        self._base_url = base_url if base_url.endswith("/") else f"{base_url}/"

    def __repr__(self) -> str:
        return f"SlackSink({self._base_url!r})"

    async def deliver(self, row: OutboxRow) -> DeliveryOutcome:
        """Post, edit or upload, by the kind of row. Raises nothing but a cancellation."""
        methods = {
            Send.POST: self._post,
            Send.LINE: self._post,
            Send.EDIT: self._edit,
            Send.CHART: self._chart,
            Send.FILE: self._file,
            Send.LINK: self._link,
        }
        try:
            return await methods[row.send](row)
        except Exception as error:  # noqa: BLE001  whatever went wrong, the outbox needs an outcome
            return outcome_of(error)

    async def authorise(self) -> DeliveryOutcome:
        """Verify the token without posting anything."""
        try:
            await self._client().auth_test()
        except Exception as error:  # noqa: BLE001  as in deliver
            return outcome_of(error)
        return DeliveryOutcome(result=Result.SENT)

    def _client(self) -> AsyncWebClient:
        return slack_client(self._token, self._base_url, self._open(), self._timeout)

    async def _post(self, row: OutboxRow) -> DeliveryOutcome:
        if row.send is Send.LINE and row.place is None:
            return DeliveryOutcome(result=Result.REFUSED, error="there is no message to reply to")
        channel = row.place.channel if row.place is not None else row.home
        if channel is None and _ID.fullmatch(row.channel):
            channel = row.channel
        if row.doubt and channel is not None:  # an unknown one tells its id when it is posted to again
            found, failed = await self._search(row, channel)
            if found is not None:
                return DeliveryOutcome(result=Result.SENT, place=found)
            if isinstance(failed, DeliveryOutcome):
                if failed.result in (Result.RETRY, Result.UNKNOWN):  # wait until a search succeeds
                    wait, why = failed.retry_after, failed.error
                    return DeliveryOutcome(result=Result.RETRY, retry_after=wait, error=why)
                if row.doubt > _BLIND:
                    return DeliveryOutcome(
                        result=Result.REFUSED,
                        error="it may have been posted and cannot be searched for: grant channels:history",
                    )
        thread = row.place if row.send is Send.LINE else None
        answer = await self._client().chat_postMessage(
            channel=row.channel if thread is None else thread.channel,
            thread_ts=None if thread is None else thread.ts,
            reply_broadcast=None if row.message is None or not row.message.aloud else True,
            **self._content(row),
            metadata={"event_type": EVENT, "event_payload": {"id": row.id}},
            unfurl_links=False,
            unfurl_media=False,
            link_names=False,
            parse="none",
        )
        place = SentAs(_text(answer, "channel"), _text(answer, "ts"))
        return DeliveryOutcome(result=Result.SENT, place=place)

    async def _search(self, row: OutboxRow, channel: str) -> tuple[SentAs | None, DeliveryOutcome | None]:
        """Search the channel or thread for the row's id; the outcome is set when the search failed."""
        cursor: str | None = None
        try:
            for _ in range(_PAGES):
                answer = await self._messages(row, channel, cursor)
                messages: list[dict[str, Any]] = answer.get("messages") or []
                for message in messages:
                    metadata = message.get("metadata") or {}
                    if (metadata.get("event_payload") or {}).get("id") == row.id:
                        return SentAs(channel, str(message["ts"])), None
                cursor = (answer.get("response_metadata") or {}).get("next_cursor") or None
                if cursor is None:
                    break
        except Exception as error:  # noqa: BLE001  as in deliver
            return None, outcome_of(error)
        return None, None

    async def _messages(self, row: OutboxRow, channel: str, cursor: str | None) -> AsyncSlackResponse:
        oldest = f"{row.created - _BEFORE:.6f}"
        if row.place is None:
            return await self._client().conversations_history(
                channel=channel, oldest=oldest, include_all_metadata=True, limit=_SEARCHED, cursor=cursor
            )
        return await self._client().conversations_replies(
            channel=channel,
            ts=row.place.ts,
            oldest=oldest,
            include_all_metadata=True,
            limit=_SEARCHED,
            cursor=cursor,
        )

    async def _edit(self, row: OutboxRow) -> DeliveryOutcome:
        if row.place is None:
            return DeliveryOutcome(result=Result.GONE, error="there is no message to edit")
        await self._client().chat_update(
            channel=row.place.channel,
            ts=row.place.ts,
            **self._content(row),
            metadata={"event_type": EVENT, "event_payload": {"id": row.id}},
            link_names=False,
            parse="none",
        )
        return DeliveryOutcome(result=Result.SENT, place=row.place)

    async def _chart(self, row: OutboxRow) -> DeliveryOutcome:
        if row.place is None or row.incident is None:
            return DeliveryOutcome(result=Result.REFUSED, error="there is no message to put the chart under")
        words = self._renderer.words
        picture, text = await asyncio.to_thread(_drawn, row.incident, self._renderer.zone, words)
        title = words.labels.chart_caption
        return await self._attach(row, picture, f"{row.incident.id}.png", title, text)

    async def _file(self, row: OutboxRow) -> DeliveryOutcome:
        if row.place is None or row.body is None:
            return DeliveryOutcome(result=Result.REFUSED, error="there is no message to put the file under")
        return await self._attach(row, zlib.decompress(row.body), f"{row.subject}.csv", f"{row.subject}.csv")

    async def _attach(
        self, row: OutboxRow, body: bytes, name: str, title: str, alternative: str | None = None
    ) -> DeliveryOutcome:
        """Add a file to the thread of the message at ``row.place``."""
        place, client = row.place, self._client()
        assert place is not None  # noqa: S101  checked by the callers
        try:
            answer = await client.files_getUploadURLExternal(
                filename=name, length=len(body), alt_txt=alternative
            )
            await self._upload(_text(answer, "upload_url"), body)
        except Exception as error:  # noqa: BLE001  as in deliver
            return _harmless(outcome_of(error))  # not visible yet
        await client.files_completeUploadExternal(
            files=[{"id": _text(answer, "file_id"), "title": title}],
            channel_id=place.channel,
            thread_ts=place.ts,
        )
        shown = None if alternative is None else Picture(_text(answer, "file_id"), title, alternative)
        return DeliveryOutcome(result=Result.SENT, place=place, picture=shown)

    async def _link(self, row: OutboxRow) -> DeliveryOutcome:
        """Fetch the permalink of a message."""
        if row.place is None:
            return DeliveryOutcome(result=Result.REFUSED, error="there is no message to link to")
        try:
            answer = await self._client().chat_getPermalink(
                channel=row.place.channel, message_ts=row.place.ts
            )
        except Exception as error:  # noqa: BLE001  as in deliver
            return _harmless(outcome_of(error))
        link = str(answer.get("permalink"))
        return DeliveryOutcome(
            result=Result.SENT,
            place=structs.replace(row.place, link=link if link.startswith("https://") else None),
        )

    async def _upload(self, url: str, body: bytes) -> None:
        async with self._open().post(url, data=io.BytesIO(body), allow_redirects=False) as answer:
            if answer.status != 200:  # noqa: PLR2004  HTTP's OK
                raise aiohttp.ClientResponseError(
                    answer.request_info,
                    answer.history,
                    status=answer.status,
                    message="the upload was rejected",
                )

    def _content(self, row: OutboxRow) -> dict[str, Any]:
        if row.message is None:
            raise ValueError(f"row {row.id} has no message")
        if row.plain:
            return {"text": row.message.text, "blocks": []}
        blocks = row.message.blocks
        if (shown := row.picture) is not None:
            blocks = with_image(blocks, image(shown.file, shown.title, shown.text))
        return {"text": row.message.text, "blocks": blocks}


def _text(answer: AsyncSlackResponse, name: str) -> str:
    """Return a text that every answer of Slack has: what lacks it was not Slack, and has taken nothing.

    Raises
    ------
    ValueError
        When it is not there.
    """
    found = answer.get(name)
    if not isinstance(found, str) or not found:
        raise ValueError(name)
    return found


def _harmless(outcome: DeliveryOutcome) -> DeliveryOutcome:
    """Return the outcome of a failed call that may be repeated even if it succeeded."""
    return structs.replace(outcome, result=Result.RETRY) if outcome.result is Result.UNKNOWN else outcome


def _drawn(incident: Incident, zone: ZoneInfo, words: Phrases) -> tuple[bytes, str]:
    """Return the chart of an incident and its alternative text."""
    from alerting.sinks.chart import alternative, draw

    return draw(incident, zone, words), alternative(incident, words)
