"""``uneri send-test``: a message of every verdict and state, or a call, so that a team sees its set-up."""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, closing
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import typer
from msgspec import structs

from alerting.commands.dispatch import SLACK, Destination, Dispatch
from alerting.incidents.notice import Notice
from alerting.messages.blocks import Message, marked_as_test
from alerting.messages.examples import Example, examples
from alerting.messages.render import Renderer
from alerting.outbox.courier import Clock, Courier
from alerting.outbox.outbox import PACE, Outbox
from alerting.outbox.outbox_sqlite import SqliteOutbox
from alerting.outbox.ports import DeliveryOutcome, Result, Sink, SubjectState
from alerting.outbox.row import OutboxRow, Send
from alerting.pipeline.pipeline import Pipeline
from alerting.sinks.slack import SlackSink
from alerting.sinks.slack_errors import trouble
from alerting.sinks.terminal import TerminalSink
from alerting.words.locales import phrases_of
from config.links import Links
from config.sections.values import slack_channel
from config.settings import Settings
from streams.notify.http_sinks import ALARMS, alarm_sinks
from streams.notify.interactions import slack_secrets, transports
from streams.process.command_error import CommandError, UsageError
from streams.process.logs import configure_logs

LASTS: Final = 15.0  # seconds between two steps of the test of an alarm
_LIFE: Final = {"spike": "opened", "acknowledged": "acknowledged", "resolved": "closed"}  # by example
TIMEOUT: Final = 300.0  # seconds for all messages: Slack takes one a second, and edits more slowly


class _TestRenderer(Renderer):
    """Marks each message as a test."""

    earlier: Mapping[str, str | None]  # by subject: the URL of the message that it follows

    def __call__(self, of: Dispatch | Notice, earlier: str | None = None) -> Message:
        known = self.earlier[of.subject] if isinstance(of, Dispatch) else earlier
        return marked_as_test(super().__call__(of, known), self.words)


class _AnnouncingSink:
    """Prints a line for each message that was posted."""

    def __init__(self, sink: Sink, say: Callable[[str], None]) -> None:
        self._sink, self._say = sink, say

    def render(self, dispatch: Dispatch, known: SubjectState) -> OutboxRow | None:
        return self._sink.render(dispatch, known)

    async def deliver(self, row: OutboxRow) -> DeliveryOutcome:
        outcome = await self._sink.deliver(row)
        if outcome.result is Result.SENT and row.send is Send.POST:
            self._say(f"posted  {row.subject}")
        return outcome


def send_test(settings: Settings, to: str | None) -> None:
    """Send the messages to a Slack channel, or show them here without Slack; or call somebody, for a test.

    Raises
    ------
    CommandError, config.secret.SecretError
        When they cannot be sent, or a token cannot be read.
    """
    slack, token = settings.slack, slack_secrets(settings.slack).token
    if to is not None and (kind := Destination.of(to).sink) in ALARMS:
        known = alarm_sinks(settings, Links(settings.links))
        if to not in known:
            has = f"configured: {', '.join(known) or 'none'}"
            raise UsageError(f"--to {to}: not in notify.{kind}; {has}")
        if (problem := asyncio.run(call_somebody(settings, to))) is not None:
            raise CommandError(problem)
        return
    if to is not None:
        try:
            slack_channel(to)
        except ValueError as error:
            raise UsageError(f"--to {to}: {error}") from None
        if not token:
            remedy = "set it to the bot token, or omit --to to see the messages here"
            raise UsageError(f"{slack.token_env} is not set; {remedy}")
    configure_logs(level="critical")  # a problem becomes one line at the end
    channel = to or slack.channel
    problem = asyncio.run(deliver_examples(settings, channel))
    if problem is not None:
        raise CommandError(problem)
    if token:
        typer.echo(f"done    {channel} has a message of every verdict and state, each marked as a test")


async def call_somebody(
    settings: Settings, to: str, *, seconds: float = LASTS, say: Callable[[str], None] = typer.echo
) -> str | None:
    """Open an alarm of a test, acknowledge it and close it; return the problem, if there was one.

    Between two of these are ``seconds``, so that people see each.
    """
    known, place, identity = SubjectState(), None, f"test-{time.time():.0f}"
    shown = {example.name: example.dispatch for example in examples(int(time.time()))}
    async with alarm_sinks(settings, Links(settings.links), test=True)[to] as sink:
        for name in _LIFE:
            notice = shown[name].notice
            incident = structs.replace(notice.incident, id=identity)
            sent = structs.replace(
                shown[name],
                id=f"{identity}-{name}",
                destination=to,
                subject=identity,
                notice=structs.replace(notice, incidents=[incident]),
            )
            row = sink.render(sent, known)
            assert row is not None  # noqa: S101  each of them is another state
            await asyncio.sleep(0 if place is None else seconds)
            row.place = place
            outcome = await sink.deliver(row)
            if outcome.result is not Result.SENT:
                return f"{to}: {outcome.error}"
            known, place = known._replace(key=row.key), outcome.place
            say(f"{_LIFE[name]}  {to}")
    return None


async def deliver_examples(
    settings: Settings,
    channel: str,
    *,
    clock: Clock | None = None,
    say: Callable[[str], None] = typer.echo,
) -> str | None:
    """Send the messages; return the problem, if there was one, with the remedy.

    Parameters
    ----------
    channel
        ``#name`` or the id of a Slack channel; without a token the messages are shown in the terminal.
    say
        Called with a line for each message that Slack has.
    """
    slack, zone = settings.slack, ZoneInfo(settings.digest.timezone)
    words = phrases_of(settings.notify.locale, settings.account_names)
    token = slack_secrets(slack).token
    shown = [_addressed(example, channel) for example in examples(int(time.time()))]
    pressable = bool(transports(slack_secrets(slack)))
    renderer = _TestRenderer(Links(settings.links), zone, words, pressable=pressable)
    renderer.earlier = {example.name: example.earlier for example in shown}
    async with AsyncExitStack() as stack:
        sink: Sink = TerminalSink(renderer)
        if token:
            to_slack = SlackSink(token, slack.base_url, renderer)
            await stack.enter_async_context(to_slack)
            outcome = await to_slack.authorise()
            if outcome.result in (Result.RETRY, Result.UNKNOWN):
                return f"{slack.base_url} {trouble(outcome)}; try again"
            if outcome.result is not Result.SENT:
                return f"the token in {slack.token.name()} is refused ({outcome.error})"
            sink = _AnnouncingSink(to_slack, say)
        # nothing is kept: a test that was killed is started again by hand
        rows = stack.enter_context(closing(SqliteOutbox(Path(":memory:"))))
        outbox = Outbox(rows, random.Random(), pace=PACE if token else 0.0)  # noqa: S311  jitter
        courier = Courier(
            outbox,
            {SLACK: sink},
            Pipeline(settings.model_copy(update={"slack": slack.model_copy(update={"channel": channel})})),
            clock=clock,
        )
        await courier.start()
        await courier.send([example.dispatch for example in shown])
        running = asyncio.create_task(courier.run())
        try:
            async with asyncio.timeout(TIMEOUT):
                await courier.wait_until_idle()
        except TimeoutError:
            last = next((row.error for row in outbox.waiting() if row.error), "no answer")
            return f"{channel}: {len(outbox.waiting())} messages are not sent yet ({last}); try again later"
        finally:
            courier.stop()
            await running
        refused = outbox.parked()
    if not refused:
        return None
    what = "" if refused[0].send is Send.POST else f"the {refused[0].send} of {refused[0].subject}: "
    return f"{channel}: {what}{refused[0].error}"


def _addressed(example: Example, channel: str) -> Example:
    """Return an example as a dispatch of its own."""
    to = str(Destination(SLACK, channel))
    sent = structs.replace(example.dispatch, id=example.name, subject=example.name, destination=to)
    return example._replace(dispatch=sent)
