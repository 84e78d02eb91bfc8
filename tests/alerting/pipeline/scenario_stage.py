"""Plays a scenario through incidents, pipeline, outbox and the Slack stand-in, on a clock that it holds."""

import asyncio
import contextlib
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self
from zoneinfo import ZoneInfo

from alerting.commands.command import Command, CommandKind, Matcher
from alerting.commands.dispatch import Dispatch, Form
from alerting.incidents.incidents import Incidents
from alerting.incidents.notice import Notice, identify
from alerting.messages.render import Renderer
from alerting.outbox.courier import Courier
from alerting.outbox.outbox import Outbox
from alerting.pipeline.pipeline import Pipeline
from alerting.sinks.slack import SlackSink
from config.links import Links
from config.settings import Settings
from detectors.model.finding import Finding
from detectors.model.scope import Scope
from tests.alerting.delivery_world import Memory
from tests.alerting.pipeline.scenario_findings import Findings
from tests.alerting.pipeline.scenario_language import Scenario, Statement, seconds
from tests.alerting.slack_standin import CHANNELS, TOKEN, Posted, SlackStandin

STEP: Final = 60
CLOSE: Final = 1800  # seconds after a statement in which the watermark moves every step
FAR: Final = 900  # seconds between two watermarks when nothing is near
DAY: Final = 86400
CHECKPOINT: Final = 300
_KINDS: Final = {Form.PARENT: "page", Form.DIGEST: "digest", Form.FLOOD: "flood"}
_NAMES: Final = {number: name for name, number in CHANNELS.items() if name.startswith("#")}


class ScenarioFailed(AssertionError):  # noqa: N818  it is a failed assertion
    """The posts are not those that were expected."""


class HeldClock:
    """Wall time that moves only on command."""

    def __init__(self, start: int) -> None:
        self.time = float(start)
        self._waiting: dict[asyncio.Event, float] = {}

    def now(self) -> float:
        return self.time

    async def wait(self, event: asyncio.Event, delay: float | None) -> None:
        self._waiting[event] = float("inf") if delay is None else self.time + delay
        try:
            await event.wait()
        finally:
            self._waiting.pop(event, None)

    async def rest(self) -> None:
        """Return when everyone waits."""
        while not self._waiting or any(event.is_set() for event in self._waiting):
            await asyncio.sleep(0)

    def next(self) -> float:
        """Return when the first waiter is due."""
        return min(self._waiting.values(), default=float("inf"))

    def move(self, to: float) -> None:
        """Let time pass up to ``to``, and wake whoever is due."""
        self.time = max(self.time, to)
        for event, deadline in self._waiting.items():
            if deadline <= self.time:
                event.set()


class Watched(Pipeline):
    """A pipeline that keeps its dispatches, to identify each message by its form."""

    def __init__(self, settings: Settings, seen: dict[str, Dispatch]) -> None:
        super().__init__(settings)
        self._seen = seen

    def feed(self, notices: Iterable[Notice], watermark: int) -> list[Dispatch]:
        return self._keep(super().feed(notices, watermark))

    def command(self, command: Command) -> Any:
        answer = super().command(command)
        self._keep(answer.dispatches)
        return answer

    def _keep(self, dispatches: list[Dispatch]) -> list[Dispatch]:
        self._seen.update((identify(dispatch.id, dispatch.destination), dispatch) for dispatch in dispatches)
        return dispatches


@dataclass
class Effect:
    """Something that people saw in Slack."""

    at: int  # seconds from the start
    kind: str
    channel: str
    text: str
    expected: bool = False

    def __str__(self) -> str:
        first, *_ = self.text.split("\n")
        known = " (expected)" if self.expected else ""
        return f"{self.at:>7} s  {self.kind:<6} {self.channel}  {first[:110]}{known}"


class Stage:
    """One scenario, played once."""

    def __init__(self, scenario: Scenario, slack: SlackStandin, clock: HeldClock) -> None:
        self._scenario, self._slack, self._clock = scenario, slack, clock
        self._storage = Memory()
        self._seen: dict[str, Dispatch] = {}
        self._effects: list[Effect] = []
        self._edits: dict[str, int] = {}
        self._files = 0
        self._findings = Findings()
        self._incidents = Incidents(scenario.settings)
        self._checkpoint: tuple[int, Mapping[str, bytes]] = (scenario.start, self._incidents.snapshot())
        self._since: list[tuple[list[Finding], int]] = []  # fed after the checkpoint
        self._stated: list[Finding] = []
        self._fed = 0.0  # the watermark
        self._presses = 0
        self._silence = ""
        self._slack_is_back: float = float("inf")
        self._begin()

    def _begin(self) -> None:
        settings = self._scenario.settings
        zone = ZoneInfo(settings.digest.timezone)
        self._sink = SlackSink(TOKEN, self._slack.base_url, Renderer(Links(settings.links), zone), timeout=5)
        self._pipeline = Watched(settings, self._seen)
        outbox = Outbox(
            self._storage,
            random.Random(7),  # noqa: S311  spreads retries
            fallback=self._pipeline.routing.fallback,
        )
        self._courier = Courier(outbox, {"slack": self._sink}, self._pipeline, clock=self._clock)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._die()

    async def _start(self) -> None:
        await self._courier.start()
        self._task = asyncio.create_task(self._courier.run())
        await self._rest()

    async def _die(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        await self._sink.close()

    # -- time -------------------------------------------------------------------------------------

    async def play(self, *, restarting: bool) -> None:
        """Let everything happen, and check what is expected when it is."""
        for statement in self._scenario.statements:
            time = self._scenario.start + statement.at
            if restarting and (left := time - int(self._clock.time)) > 0:
                await self._restart()
                await self._until(time - left // 2)
                await self._restart()
            await self._until(time)
            await self._do(statement)
        await self._flush()
        self._nothing_else(self._scenario.statements[-1])

    async def _until(self, time: int) -> None:
        """Let time pass up to ``time``; what is sent at that very time is there when this returns."""
        if self._clock.time < time:
            await self._flush()
        begun = int(self._clock.time)
        while self._clock.time < time:
            now = int(self._clock.time)
            near = now - begun < CLOSE or time - now <= STEP
            step = STEP if near else FAR if time - now < DAY else DAY // 4
            await self._wall(min(time, now - now % STEP + step))
            if self._clock.time < time:
                await self._feed([])

    async def _wall(self, to: float) -> None:
        """Let wall time pass: who waits goes on at its own time."""
        while (due := min(self._clock.next(), self._slack_is_back)) <= to:
            self._clock.move(due)
            if due >= self._slack_is_back:
                self._slack.always, self._slack_is_back = None, float("inf")
            await self._rest()
        self._clock.move(to)
        await self._rest()

    async def _rest(self) -> None:
        await self._clock.rest()
        for message in self._slack.messages:
            self._look(message)
        for channel, _, body in self._slack.files[self._files :]:
            if not body.startswith(b"\x89PNG"):
                self._effects.append(self._effect("file", channel, body.decode("utf-8-sig")))
        self._files = len(self._slack.files)

    def _look(self, message: Posted) -> None:
        known = self._edits.get(message.ts)
        if known == message.edits:
            return
        line = "call" if message.aloud else "thread"
        fresh = line if message.thread else self._kind(message)
        kind = fresh if known is None else "edit"
        self._edits[message.ts] = message.edits
        text = "\n".join([message.text, *_strings(message.blocks)])
        self._effects.append(self._effect(kind, message.channel, text))

    def _kind(self, message: Posted) -> str:
        dispatch = self._seen.get(message.id)
        return "?" if dispatch is None else _KINDS[dispatch.form]

    def _effect(self, kind: str, channel: str, text: str) -> Effect:
        at = int(self._clock.time) - self._scenario.start
        return Effect(at, kind, _NAMES.get(channel, channel), text)

    # -- what happens -----------------------------------------------------------------------------

    async def _do(self, statement: Statement) -> None:
        verb, *words = statement.words
        try:
            match verb:
                case "finding":
                    self._stated += self._findings.parse(words, int(self._clock.time))
                case "press":
                    await self._press(words)
                case "silence":
                    await self._silence_pattern(words)
                case "unsilence":
                    await self._flush()
                    await self._ask(CommandKind.UNSILENCE, incident=self._silence)
                case "slack":
                    await self._flush()
                    self._fault(words)
                case "restart":
                    await self._restart()
                case _:
                    await self._flush()
                    self._expect(statement, words)
        except (ValueError, IndexError) as error:
            raise self._scenario.error(statement, str(error) or "something is missing") from error

    async def _flush(self) -> None:
        """Give the findings of this moment to the incidents, and let their watermark reach it."""
        if self._stated or self._fed < self._clock.time:
            reported, self._stated = self._stated, []
            await self._feed(reported)
        await self._rest()

    async def _feed(self, findings: list[Finding]) -> None:
        self._fed = now = int(self._clock.time)
        self._since.append((findings, now))
        await self._courier.put(self._incidents.feed(findings, now), now)
        await self._rest()
        if now - self._checkpoint[0] >= CHECKPOINT:
            self._checkpoint, self._since = (now, self._incidents.snapshot()), []

    async def _restart(self) -> None:
        await self._flush()
        await self._die()
        self._incidents = Incidents(self._scenario.settings)
        self._incidents.restore(self._checkpoint[1])
        self._begin()
        await self._start()
        again, self._since = self._since, []
        for findings, watermark in again:  # the engine reads again what came after its checkpoint
            self._since.append((findings, watermark))
            await self._courier.put(self._incidents.feed(findings, watermark), watermark)
            await self._rest()

    async def _press(self, words: list[str]) -> None:
        ask, name, *more = words
        await self._flush()
        found = [
            tracked
            for tracked in self._pipeline.tracked()
            if isinstance(about := tracked.incident.primary.about, Scope) and about.label == name
        ]
        if not found:
            raise ValueError(f"no incident about {name!r} was reported")
        await self._ask(CommandKind(ask), more, incident=found[-1].incident.id)

    async def _silence_pattern(self, words: list[str]) -> None:
        pattern, *more = words
        await self._flush()
        self._silence = await self._ask(CommandKind.SILENCE, more, matcher=Matcher(scopes=[pattern]))

    async def _ask(self, ask: CommandKind, words: Iterable[str] = (), **about: Any) -> str:
        left, given = list(words), dict[str, Any](by="U1", why="")
        length: list[str] = []
        while left:
            word = left.pop(0)
            if word in given:
                given[word] = left.pop(0)
            else:
                length.append(word)
        lasts = seconds(" ".join(length)) if length else None
        if length and lasts is None:
            raise ValueError(f"{' '.join(length)!r} is not a duration")
        self._presses += 1
        now = int(self._clock.time)
        command = Command(
            id=f"press-{self._presses}",
            kind=ask,
            at=now,
            until=None if lasts is None else now + lasts,
            **given,
            **about,
        )
        answer = await self._courier.command(command)
        if str(answer.result) not in ("done", "repeated"):
            raise ValueError(f"the answer is {answer.result}")
        await self._rest()
        return command.id

    def _fault(self, words: list[str]) -> None:
        if words[-1] == "once":
            self._slack.faults.append(" ".join(words[:-1]))
            return
        if words == ["back"]:
            self._slack_is_back = self._clock.time
            return
        if words[0] == "closes":
            self._slack.closed[CHANNELS[words[1]]] = "is_archived"
            return
        at = words.index("for")
        lasts = seconds(" ".join(words[at + 1 :]))
        if lasts is None:
            raise ValueError("for how long?")
        self._slack.always, self._slack.retry_after = " ".join(words[:at]), 30
        self._slack_is_back = self._clock.time + lasts

    # -- what is expected -------------------------------------------------------------------------

    def _expect(self, statement: Statement, words: list[str]) -> None:
        kind, *rest = words
        if kind == "nothing":
            self._nothing_else(statement)
        elif kind == "held":
            self._one_of([_reason(tracked) for tracked in self._pipeline.held()], rest, statement)
        elif kind == "open":
            self._one_of([_stands(tracked.incident) for tracked in self._pipeline.ongoing()], rest, statement)
        else:
            self._expect_effect(statement, kind, rest)

    def _expect_effect(self, statement: Statement, kind: str, words: list[str]) -> None:
        count, channel = 1, None
        if words and words[0][:1] == "x" and words[0][1:].isdigit():
            count, words = int(words[0][1:]), words[1:]
        if len(words) > 1 and words[-2] == "in" and words[-1].startswith("#"):
            words, channel = words[:-2], words[-1]
        for number in range(count):
            fitting = (
                effect
                for effect in self._effects
                if not effect.expected
                and effect.kind == kind
                and channel in (None, effect.channel)
                and _has(effect.text, words)
            )
            effect = next(fitting, None)
            if effect is None:
                which = f" (number {number + 1})" if count > 1 else ""
                raise self._failed(statement, f"missing {kind}{which}")
            effect.expected = True

    def _one_of(self, found: list[str], words: list[str], statement: Statement) -> None:
        if not any(_has(text, words) for text in found):
            listed = "\n  ".join(found) or "none"
            raise self._failed(statement, f"none of these matches:\n  {listed}")

    def _nothing_else(self, statement: Statement) -> None:
        surprises = [effect for effect in self._effects if not effect.expected and effect.kind != "edit"]
        if surprises:
            listed = "\n  ".join(str(surprise) for surprise in surprises)
            raise self._failed(statement, f"unexpected:\n  {listed}")

    def _failed(self, statement: Statement, problem: str) -> ScenarioFailed:
        seen = "\n  ".join(str(effect) for effect in self._effects) or "nothing"
        where = f"{self._scenario.place}:{statement.line}: at {statement.at} s: {statement.text}"
        return ScenarioFailed(f"{where}\n{problem}\nseen until then:\n  {seen}")


async def play(scenario: Scenario, *, restarting: bool = False) -> None:
    """Play a scenario; raise ``ScenarioFailed`` when what was posted is not what was expected.

    ``restarting``: the process dies after all that happens at one time, and halfway to the next.
    """
    clock = HeldClock(scenario.start)
    async with SlackStandin(now=clock.now) as slack, Stage(scenario, slack, clock) as stage:
        await stage.play(restarting=restarting)


def _has(text: str, words: list[str]) -> bool:
    return all(word.casefold() in text.casefold() for word in words)


def _reason(tracked: Any) -> str:
    return f"{_stands(tracked.incident)}: {tracked.held.reason if tracked.held else ''}"


def _stands(incident: Any) -> str:
    about = incident.primary.about
    return f"{incident.state} {incident.verdict} {about.kind} {getattr(about, 'label', about)}"


def _strings(of: Any) -> Iterator[str]:
    """Yield every text of blocks."""
    if isinstance(of, dict):
        if isinstance(of.get("text"), str):
            yield of["text"]
        for part in of.values():
            yield from _strings(part)
    elif isinstance(of, list):
        for item in of:
            yield from _strings(item)
