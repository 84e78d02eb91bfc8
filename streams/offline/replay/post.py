"""``--post``: the pages of a replay in one Slack channel, for people to judge."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from alerting.commands.dispatch import SLACK, Destination
from alerting.incidents.notice import Action, Notice, NoticeReason
from alerting.messages.blocks import SECTION, Message
from alerting.messages.render import Renderer
from alerting.outbox.ports import DeliveryOutcome, Result, Sink
from alerting.outbox.row import OutboxRow, Send
from alerting.sinks.slack import SlackSink
from alerting.words.locales import phrases_of
from alerting.words.mrkdwn import escape
from config.links import Links
from config.secret import SecretError, token_in
from config.settings import Settings
from streams.offline.replay.replayed import Replayed
from streams.offline.sources.replay_error import ReplayError

MOST: Final = 20
"""Pages to post at most: no one would read more in a row."""

PACE: Final = 1.1  # seconds between two messages: Slack accepts one per second and channel
TRIES: Final = 5


class PostError(ReplayError):
    """A message could not be posted; the text names it, the cause and the remedy."""


def renderer_of(settings: Settings) -> Renderer:
    """Return what renders the pages, without buttons."""
    zone = ZoneInfo(settings.digest.timezone)
    words = phrases_of(settings.notify.locale, settings.account_names)
    return Renderer(Links(settings.links), zone, words, pressable=False)


def messages(found: Replayed) -> list[Message]:
    """Return a heading and the pages, each in its last state, in the order of their alerts."""
    renderer = renderer_of(found.settings)
    zone, words = renderer.zone, renderer.words
    pages = sorted(
        (incident for incident in found.incidents if incident.sent == "page"),
        key=lambda page: (page.alerted or 0, page.id),
    )
    first, last = (words.figures.clock(at, zone) for at in (found.first, found.last))
    text = (
        f"Replay of {first} to {last}: {len(pages)} pages, "
        f"{found.pages_per_week:.1f} a week. None of this is happening now."
    )
    if len(pages) > MOST:
        text += f" The first {MOST} follow."
    heading = {"type": "section", "text": {"type": "mrkdwn", "text": escape(text, SECTION)}}
    posts = [Message(text=text, blocks=[heading])]
    for page in pages[:MOST]:
        action = Action.OPEN if page.end is None else Action.RESOLVE
        at = page.alerted or page.start
        posts.append(
            renderer(Notice(id=page.id, action=action, at=at, reason=NoticeReason.ENDED, incidents=[page]))
        )
    return posts


async def post(
    posts: Sequence[Message],
    channel: str,
    sink: Sink,
    *,
    wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    wall: Callable[[], float] = time.time,
) -> int:
    """Post messages one after the other to ``#name`` or the id of a channel; return their number.

    Raises
    ------
    PostError
        When Slack refuses a message, or several attempts fail. Earlier messages stay posted.
    """
    for number, message in enumerate(posts):
        row = OutboxRow(
            id=f"replay-{wall():.0f}-{number}",
            destination=str(Destination(SLACK, channel)),
            subject=f"replay-{number}",
            send=Send.POST,
            urgency=0,
            sequence=number,
            created=wall(),
            message=message,
        )
        outcome = await _delivered(sink, row, wait)
        if outcome.result is not Result.SENT:
            raise PostError(
                f"{channel}: message {number + 1} of {len(posts)} could not be posted ({outcome.error}); "
                "run `uneri check` to test the token and the channel"
            )
        await wait(PACE)
    return len(posts)


async def _delivered(sink: Sink, row: OutboxRow, wait: Callable[[float], Awaitable[None]]) -> DeliveryOutcome:
    for attempt in range(TRIES):
        outcome = await sink.deliver(row)
        if outcome.result not in {Result.RETRY, Result.UNKNOWN}:
            break
        row.doubt += outcome.result is Result.UNKNOWN
        await wait(outcome.retry_after or PACE * 2**attempt)
    return outcome


def token_of(settings: Settings) -> str:
    """Return the Slack token to post with.

    Raises
    ------
    PostError
        When it is not set, or cannot be sent.
    """
    try:
        token = token_in(settings.slack.token)
    except SecretError as error:
        raise PostError(str(error)) from None
    if not token:
        raise PostError(f"{settings.slack.token_env} is not set; --post needs the Slack bot token in it")
    return token


def post_replay(found: Replayed, channel: str) -> int:
    """Post the pages of a replay; return the number of messages. Raises as ``token_of`` and ``post`` do."""
    slack = found.settings.slack
    token = token_of(found.settings)

    async def run() -> int:
        async with SlackSink(token, slack.base_url, renderer_of(found.settings)) as sink:
            return await post(messages(found), channel, sink)

    return asyncio.run(run())
