"""The desk where presses and slash commands arrive: who may, what is meant, and what is answered."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import structlog
from prometheus_client import Counter

from alerting.commands.answer import Answer, CommandResult
from alerting.commands.command import Command, CommandKind
from alerting.commands.silence_end import tomorrow
from alerting.commands.slack_interactions import (
    DETAILS,
    ButtonPress,
    ModalRequest,
    ModalSubmission,
    UnknownPayload,
    parse_interaction,
    pattern_of,
    snooze_of,
)
from alerting.commands.slash import Help, Query, SilenceRequest, UnsilenceRequest, WhatChanged, parse
from alerting.incidents.notice import identify
from alerting.messages.answers import Answers, Quiet
from alerting.messages.changes import changes_since
from alerting.messages.message import Message
from alerting.messages.modals import UNTIL_BLOCK, details, pattern
from alerting.pipeline.pipeline import Pipeline
from alerting.words.phrases import Phrases
from config.settings import DigestSettings
from detectors.watch.hottest import Hot
from streams.notify.operators import Operators
from streams.notify.slack_calls import SlackCalls

MOST_AT_ONCE: Final = 100
"""Presses that are acted on at a time: more than people make. What comes beyond is dropped, and said."""

DOUBLE: Final = 10.0
"""Seconds in which the same press of the same person is one: a finger slipped, or nothing had moved yet."""

_REMEMBERED: Final = 1000

log = structlog.get_logger("uneri.slack")


class NotKeptError(Exception):
    """A command could not be made durable; the cause is the storage's error."""


class Look(NamedTuple):
    """What answers are made with."""

    answers: Answers
    words: Phrases
    zone: ZoneInfo
    digest: DigestSettings


class OperatorDesk:
    """Acts on what was acknowledged: authorises, looks the incident up, commands, answers.

    An answer goes to the person who asked alone, and only where the message does not show what was done. Of a
    payload only ids are believed. What arrives twice is done once. When a command cannot be made durable,
    ``run`` ends with that error, as the daemon does when a notice cannot.

    Parameters
    ----------
    stages
        What is known of incidents.
    order
        Gives a command to the courier.
    slack
        Calls that answer.
    operators
        Who may.
    look
        What answers are made with.
    counter
        Counts commands, with the labels ``ask`` and ``said``.
    leaders
        Tables that took the lead lately.
    now
        Wall time, epoch seconds.
    """

    def __init__(
        self,
        stages: Pipeline,
        order: Callable[[Command], Awaitable[Answer]],
        *,
        slack: SlackCalls,
        operators: Operators,
        look: Look,
        counter: Counter,
        leaders: Callable[[], Sequence[Hot]] = tuple,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._stages = stages
        self._order = order
        self._slack = slack
        self._operators = operators
        self._look = look
        self._answers = look.answers
        self._counter = counter
        self._leaders = leaders
        self._now = now
        self._work: asyncio.Queue[Coroutine[Any, Any, None]] = asyncio.Queue(MOST_AT_ONCE)
        self._ordering = asyncio.Lock()
        self._done: OrderedDict[tuple[object, ...], float] = OrderedDict()
        self._seen: OrderedDict[str, None] = OrderedDict()

    staffed: Final = True

    async def run(self) -> None:
        """Act on what arrives until cancelled."""
        room = asyncio.Semaphore(MOST_AT_ONCE)
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    work = await self._work.get()
                    await room.acquire()
                    group.create_task(_answering(work)).add_done_callback(lambda _: room.release())
        except* NotKeptError as failed:
            raise failed.exceptions[0].__cause__ or failed from None
        finally:
            while not self._work.empty():
                self._work.get_nowait().close()

    def pressed(self, payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Act on a ``block_actions`` or ``view_submission`` payload; return at once what a modal shows."""
        now = int(self._now())
        asked = parse_interaction(payload, now, self._look.digest, self._look.zone)
        match asked:
            case ButtonPress(command, choice, response_url):
                self._take(self._press(command, choice, response_url), command.id)
            case ModalRequest():
                self._take(self._open(asked), asked.trigger)
            case ModalSubmission() if asked.until <= now:
                said = self._look.words.said(CommandResult.PAST, "")
                return {"response_action": "errors", "errors": {UNTIL_BLOCK: said}}
            case ModalSubmission():
                self._take(self._submitted(asked), asked.key)
            case UnknownPayload(why):
                log.info("a press was not understood", reason=why)
        return None

    def commanded(self, form: Mapping[str, str]) -> None:
        """Act on a slash command. Returns at once."""
        self._take(self._slash(form), form.get("trigger_id", ""))

    def _take(self, work: Coroutine[Any, Any, None], key: str) -> None:
        if key and key in self._seen:  # Slack sends again what it believes was not heard
            work.close()
            return
        try:
            self._work.put_nowait(work)
        except asyncio.QueueFull:
            work.close()
            log.warning("more presses than can be acted on; one was dropped")
            return
        self._seen[key] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)

    # -- presses ----------------------------------------------------------------------------------

    async def _press(self, command: Command, choice: str, response_url: str) -> None:
        if not await self._may(command.by, command.kind, response_url):
            return
        answer = await self._give(command, (command.incident, command.kind, command.by, choice))
        # A command that was carried out shows in the message.
        if answer.result not in (CommandResult.DONE, CommandResult.REPEATED):
            await self._tell(response_url, self._answers.command(answer))

    async def _open(self, asked: ModalRequest) -> None:
        if asked.view != DETAILS and not await self._may(asked.user, CommandKind.SNOOZE, asked.response_url):
            return
        story = self._stages.find(asked.incident)
        if story is None:
            await self._tell(asked.response_url, self._answers.command(Answer(result=CommandResult.UNKNOWN)))
            return
        words, zone, now = self._look.words, self._look.zone, int(self._now())
        if asked.view == DETAILS:
            view = details(story.incident, words, zone, at=story.notice.at)
        else:
            day = datetime.fromtimestamp(tomorrow(now, self._look.digest, zone), zone).date()
            view = pattern(story.incident, pattern_of(story.incident), words, day=day.isoformat())
        await self._slack.open_view(asked.trigger, view)

    async def _submitted(self, asked: ModalSubmission) -> None:
        if not await self._may(asked.user, CommandKind.SNOOZE, ""):
            return
        story = self._stages.find(asked.incident)
        if story is None:
            log.info("a snooze was not done: its incident is not known any more", incident=asked.incident)
            return
        await self._give(snooze_of(asked, story.incident, int(self._now())))

    async def _give(self, command: Command, same: tuple[object, ...] | None = None) -> Answer:
        """Give a command; ``same`` is what makes a press the same as one some seconds ago."""
        async with self._ordering:
            now = self._now()
            while self._done and next(iter(self._done.values())) < now - DOUBLE:
                self._done.popitem(last=False)
            if same is not None and same in self._done:
                answer = Answer(result=CommandResult.REPEATED)
            else:
                answer = await self._kept(command)
                if command.kind is CommandKind.UNSILENCE:  # undone: the same press counts again
                    self._done.clear()
                if same is not None and answer.result is CommandResult.DONE:
                    self._done[same] = now
        self._counter.labels(command.kind.value, answer.result.value).inc()
        log.info(
            "a person asked",
            ask=command.kind.value,
            by=command.by,
            incident=command.incident,
            said=answer.result,
        )
        return answer

    async def _kept(self, command: Command) -> Answer:
        try:  # shielded: what is half written when the daemon stops is to be written
            return await asyncio.shield(asyncio.ensure_future(self._order(command)))
        except Exception as error:
            raise NotKeptError from error

    # -- the slash command ------------------------------------------------------------------------

    async def _slash(self, form: Mapping[str, str]) -> None:
        user, response_url = form.get("user_id", ""), form.get("response_url", "")
        asked = parse(form.get("text", ""))
        if isinstance(asked, SilenceRequest | UnsilenceRequest):
            ask = CommandKind.SILENCE if isinstance(asked, SilenceRequest) else CommandKind.UNSILENCE
            if await self._may(user, ask, response_url):
                command = self._command(asked, user, form.get("trigger_id", ""))
                await self._tell(response_url, self._answers.command(await self._give(command)))
            return
        await self._tell(response_url, self._said(asked))

    def _command(self, asked: SilenceRequest | UnsilenceRequest, user: str, trigger: str) -> Command:
        now = int(self._now())
        key = identify("slash", user, trigger or now, *asked)
        if isinstance(asked, UnsilenceRequest):
            return Command(id=key, kind=CommandKind.UNSILENCE, at=now, by=user, incident=asked.id)
        return Command(
            id=key,
            kind=CommandKind.SILENCE,
            at=now,
            by=user,
            matcher=asked.matcher,
            until=now + asked.seconds,
            why=asked.why,
        )

    def _said(self, asked: Help | Query | WhatChanged) -> Message:
        stages, at = self._stages, self._stages.watermark
        if isinstance(asked, Help):
            return self._answers.help(asked)
        if isinstance(asked, WhatChanged):
            since = (at or int(self._now())) - asked.seconds
            return self._answers.what_changed(changes_since(since, stages.known(), self._leaders()), at=at)
        going_on = [story.incident for story in stages.ongoing()]
        if asked is Query.OPEN:
            return self._answers.open_incidents(going_on, at=at)
        if asked is Query.SILENCES:
            return self._answers.silences(
                [Quiet(one.id, one.what, one.until, one.by, one.why) for one in stages.silences()]
            )
        held: dict[str, int] = {}
        for story in stages.held():
            if story.held is not None:
                held[story.held.stage] = held.get(story.held.stage, 0) + 1
        told = [story for story in stages.known() if story.alerted is not None]
        last = max(told, key=lambda story: story.alerted or 0, default=None)
        return self._answers.standing(
            going_on,
            at=at,
            behind=max(0, int(self._now()) - at) if at else None,
            held=held,
            last=None if last is None else last.incident,
        )

    # -- answering --------------------------------------------------------------------------------

    async def _may(self, user: str, ask: CommandKind, response_url: str) -> bool:
        if await self._operators.may(user):
            return True
        self._counter.labels(ask.value, "not_allowed").inc()
        log.warning("somebody who is no operator asked", ask=ask.value, by=user)
        await self._tell(response_url, self._answers.refused())
        return False

    async def _tell(self, response_url: str, message: Message) -> None:
        if response_url:
            await self._slack.answer(response_url, {"text": message.text, "blocks": message.blocks})


async def _answering(work: Coroutine[Any, Any, None]) -> None:
    """Do it; a mistake in an answer must not end the daemon that watches."""
    try:
        await work
    except NotKeptError:
        raise
    except Exception as error:  # noqa: BLE001  # as above
        log.error("a press could not be answered", reason=repr(error)[:200])  # noqa: TRY400  # one line
