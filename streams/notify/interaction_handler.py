"""Handles interactions (buttons, modals, slash commands): authorises, executes, answers."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import structlog
from msgspec.structs import replace
from prometheus_client import Counter

from alerting.commands.command import Command, CommandKind
from alerting.commands.dispatch import Answer, CommandResult
from alerting.commands.slack_interactions import (
    DETAILS,
    NOTE,
    ButtonPress,
    ModalRequest,
    ModalSubmission,
    UnknownPayload,
    name_of,
    parse_interaction,
    pattern_of,
)
from alerting.commands.slash import (
    Fault,
    Help,
    NoteRequest,
    Query,
    SilenceRequest,
    UnsilenceRequest,
    WhatChanged,
    parse,
    tomorrow,
)
from alerting.incidents.notice import identify
from alerting.messages.answers import Answers, Changes
from alerting.messages.blocks import Message
from alerting.messages.modals import NOTE_BLOCK, UNTIL_BLOCK, details, note, pattern
from alerting.pipeline.pipeline import Pipeline
from config.settings import DigestSettings
from detectors.model.stated import StatedChange
from detectors.watch.rankings import Hot
from streams.notify.operators import Operators
from streams.notify.slack_api import SlackApi

MAX_PENDING: Final = 100
"""Interactions handled at a time, far more than people produce. More are dropped, with a warning."""

DOUBLE_SECONDS: Final = 10.0
"""The same press by the same person within this time counts once: a double click, or impatience."""

_REMEMBERED: Final = 1000

log = structlog.get_logger("uneri.slack")


class NotKeptError(Exception):
    """A command could not be made durable; the cause is the storage's error."""


class InteractionHandler:
    """Handles interactions after they were acknowledged.

    Only the person who asked sees the answer, which is sent only if the message itself does not show the
    result. Only the ids of a payload are trusted, and duplicates are handled once. When a command
    cannot be made durable, ``run`` raises that error, and the daemon ends as it does for a notice.

    Parameters
    ----------
    answers
        Makes the answers, with their links, time zone and language.
    digest
        When a snooze until tomorrow ends.
    counter
        Counts commands, with the labels ``ask`` and ``said``.
    leaders
        Returns the tables that recently became the hottest.
    changes
        Returns the deployments and other changes of the last days.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        execute: Callable[[Command], Awaitable[Answer]],
        *,
        slack: SlackApi,
        operators: Operators,
        answers: Answers,
        digest: DigestSettings,
        counter: Counter,
        leaders: Callable[[], Sequence[Hot]] = tuple,
        changes: Callable[[], Sequence[StatedChange]] = tuple,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._pipeline = pipeline
        self._execute = execute
        self._slack = slack
        self._operators = operators
        self._answers = answers
        self._digest = digest
        self._counter = counter
        self._leaders = leaders
        self._changes = changes
        self._now = now
        self._queue: asyncio.Queue[Coroutine[Any, Any, None]] = asyncio.Queue(MAX_PENDING)
        self._executing = asyncio.Lock()
        self._done: OrderedDict[tuple[object, ...], float] = OrderedDict()  # recent presses, with their times
        self._seen: OrderedDict[str, None] = OrderedDict()  # keys of recent interactions

    active: Final = True

    async def run(self) -> None:
        """Handle interactions until cancelled."""
        free = asyncio.Semaphore(MAX_PENDING)
        try:
            async with asyncio.TaskGroup() as group:
                while True:
                    work = await self._queue.get()
                    await free.acquire()
                    group.create_task(_guarded(work)).add_done_callback(lambda _: free.release())
        except* NotKeptError as failed:
            raise failed.exceptions[0].__cause__ or failed from None
        finally:
            while not self._queue.empty():
                self._queue.get_nowait().close()

    def on_action(self, payload: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Queue a ``block_actions`` or ``view_submission`` payload; return the errors of a modal, if any."""
        now = int(self._now())
        action = parse_interaction(payload, now, self._digest, self._answers.zone)
        match action:
            case ButtonPress(command, choice, response_url):
                self._enqueue(self._press(command, choice, response_url), command.id)
            case ModalRequest():
                self._enqueue(self._open(action), action.trigger)
            case ModalSubmission(Command(kind=CommandKind.SNOOZE, until=until)) if (until or 0) <= now:
                error = self._answers.words.answers.reply(CommandResult.PAST, "")
                return {"response_action": "errors", "errors": {UNTIL_BLOCK: error}}
            case ModalSubmission(Command(kind=CommandKind.NOTE, why="")):
                error = self._answers.words.answers.fault(Fault.EMPTY_NOTE, "")
                return {"response_action": "errors", "errors": {NOTE_BLOCK: error}}
            case ModalSubmission(command):
                self._enqueue(self._submit(command), command.id)
            case UnknownPayload(why):
                log.info("unknown interaction ignored", reason=why)
        return None

    def on_command(self, form: Mapping[str, str]) -> None:
        """Queue a slash command."""
        self._enqueue(self._slash(form), form.get("trigger_id", ""))

    def _enqueue(self, work: Coroutine[Any, Any, None], key: str) -> None:
        if key and key in self._seen:  # Slack repeats requests that it believes were not received
            work.close()
            return
        try:
            self._queue.put_nowait(work)
        except asyncio.QueueFull:
            work.close()
            log.warning("too many interactions at once; one was dropped", limit=MAX_PENDING)
            return
        self._seen[key] = None
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)

    # -- buttons and modals -----------------------------------------------------------------------

    async def _press(self, command: Command, choice: str, response_url: str) -> None:
        if not await self._allowed(command.by, command.kind, response_url):
            return
        answer = await self._execute_once(command, (command.incident, command.kind, command.by, choice))
        # the message itself shows these two
        if answer.result not in (CommandResult.DONE, CommandResult.REPEATED):
            await self._reply(response_url, self._answers.command(answer))

    async def _open(self, modal: ModalRequest) -> None:
        ask = {NOTE: CommandKind.NOTE}.get(modal.view, CommandKind.SNOOZE)
        if modal.view != DETAILS and not await self._allowed(modal.user, ask, modal.response_url):
            return
        tracked = self._pipeline.find(modal.incident)
        if tracked is None:
            await self._reply(modal.response_url, self._answers.command(Answer(result=CommandResult.UNKNOWN)))
            return
        words, zone, now = self._answers.words, self._answers.zone, int(self._now())
        if modal.view == DETAILS:
            view = details(
                tracked.incident,
                words,
                zone,
                at=tracked.notice.at,
                links=self._answers.links,
                memos=self._pipeline.memos_of(tracked.incident),
            )
        elif modal.view == NOTE:
            view = note(tracked.incident, words)
        else:
            day = datetime.fromtimestamp(tomorrow(now, self._digest, zone), zone).date()
            view = pattern(tracked.incident, pattern_of(tracked.incident), words, day=day.isoformat())
        await self._slack.open_view(modal.trigger, view)

    async def _submit(self, command: Command) -> None:
        if not await self._allowed(command.by, command.kind, ""):
            return
        if command.kind is CommandKind.SNOOZE:
            tracked = self._pipeline.find(command.incident or "")
            if tracked is None:
                log.info("snooze ignored: unknown incident", incident=command.incident)
                return
            command = replace(command, matcher=pattern_of(tracked.incident))
        await self._execute_once(command)

    async def _execute_once(self, command: Command, press: tuple[object, ...] | None = None) -> Answer:
        """Execute a command; the same ``press`` within ``DOUBLE_SECONDS`` is not executed again."""
        async with self._executing:
            now = self._now()
            while self._done and next(iter(self._done.values())) < now - DOUBLE_SECONDS:
                self._done.popitem(last=False)
            if press is not None and press in self._done:
                answer = Answer(result=CommandResult.REPEATED)
            else:
                answer = await self._make_durable(command)
                if command.kind in (CommandKind.UNSILENCE, CommandKind.TAKE_BACK, CommandKind.UNACKNOWLEDGE):
                    self._done.clear()  # this undoes an earlier press, which may be repeated now
                if press is not None and answer.result is CommandResult.DONE:
                    self._done[press] = now
        self._counter.labels(command.kind.value, answer.result.value).inc()
        log.info(
            "command received",
            ask=command.kind.value,
            by=command.by,
            incident=command.incident,
            said=answer.result,
        )
        return answer

    async def _make_durable(self, command: Command) -> Answer:
        try:  # shielded: a write in progress when the daemon stops must complete
            return await asyncio.shield(asyncio.ensure_future(self._execute(command)))
        except Exception as error:
            raise NotKeptError from error

    # -- the slash command ------------------------------------------------------------------------

    async def _slash(self, form: Mapping[str, str]) -> None:
        user, response_url = form.get("user_id", ""), form.get("response_url", "")
        request = parse(form.get("text", ""))
        if isinstance(request, SilenceRequest | UnsilenceRequest | NoteRequest):
            command = self._command(request, user, form.get("trigger_id", ""))
            command = replace(command, name=name_of(form.get("user_name", "")))
            if await self._allowed(user, command.kind, response_url):
                await self._reply(response_url, self._answers.command(await self._execute_once(command)))
            return
        await self._reply(response_url, self._query(request))

    def _command(
        self, request: SilenceRequest | UnsilenceRequest | NoteRequest, user: str, trigger: str
    ) -> Command:
        now = int(self._now())
        key = identify("slash", user, trigger or now, *request)
        if isinstance(request, UnsilenceRequest):
            return Command(id=key, kind=CommandKind.UNSILENCE, at=now, by=user, incident=request.id)
        if isinstance(request, NoteRequest):
            return Command(
                id=key,
                kind=CommandKind.NOTE,
                at=now,
                by=user,
                incident=request.incident,
                why=request.text,
                scope=request.scope,
            )
        return Command(
            id=key,
            kind=CommandKind.SILENCE,
            at=now,
            by=user,
            matcher=request.matcher,
            until=now + request.seconds,
            why=request.why,
        )

    def _query(self, request: Help | Query | WhatChanged) -> Message:
        pipeline, at = self._pipeline, self._pipeline.watermark
        if isinstance(request, Help):
            return self._answers.help(request)
        if isinstance(request, WhatChanged):
            since = (at or int(self._now())) - request.seconds
            found = Changes.of(
                since,
                pipeline.tracked(),
                leaders=self._leaders(),
                stated=self._changes(),
                memos=pipeline.memos,
                matcher=request.matcher,
            )
            return self._answers.what_changed(found, at=at)
        # what is too small to page is in the digest, and counted with what is held
        ongoing = [tracked.incident for tracked in pipeline.ongoing() if tracked.sent != "digest"]
        if request is Query.OPEN:
            return self._answers.open_incidents(ongoing, at=at)
        if request is Query.SILENCES:
            return self._answers.silences(pipeline.silences())
        held: dict[str, int] = {}
        for tracked in pipeline.held():
            if tracked.held is not None:
                held[tracked.held.stage] = held.get(tracked.held.stage, 0) + 1
        alerted = [tracked for tracked in pipeline.tracked() if tracked.alerted is not None]
        last = max(alerted, key=lambda tracked: tracked.alerted or 0, default=None)
        return self._answers.standing(
            ongoing,
            at=at,
            behind=max(0, int(self._now()) - at) if at else None,
            held=held,
            last=None if last is None else last.incident,
        )

    # -- answers ----------------------------------------------------------------------------------

    async def _allowed(self, user: str, ask: CommandKind, response_url: str) -> bool:
        if await self._operators.allowed(user):
            return True
        self._counter.labels(ask.value, "not_allowed").inc()
        log.warning("command refused: the user is not an operator", ask=ask.value, by=user)
        await self._reply(response_url, self._answers.refused())
        return False

    async def _reply(self, response_url: str, message: Message) -> None:
        if response_url:
            await self._slack.answer(response_url, {"text": message.text, "blocks": message.blocks})


async def _guarded(work: Coroutine[Any, Any, None]) -> None:
    """Handle an interaction; an error in an answer must not end the daemon."""
    try:
        await work
    except NotKeptError:
        raise
    except Exception as error:  # noqa: BLE001  # as above
        log.error("interaction failed", reason=repr(error)[:200])  # noqa: TRY400  # one line
