"""The notification pipeline: from what is to be told to what is told, where, and why not.

A notice passes these in this order; each lets it through, holds it or reshapes it, and says why:

========================  ================================================================================
grouping                  findings of one cause are one incident (``alerting/incidents.py``, before this)
``dedupe.py``             what was given before, after a crash, changes nothing
``routing.py``            who is told: the first route that matches
pacing                    a message a second and channel, edits coalesced (``alerting/outbox.py``, after)
========================  ================================================================================
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

import msgspec
from msgspec import structs

from alerting.answer import Answer, Said
from alerting.command import Command
from alerting.dispatch import Dispatch, Form, Line
from alerting.incident import Sent
from alerting.notice import Action, Milestone, Notice, identify
from alerting.routing import Routing
from alerting.story import Story, Told, is_over, without_trace
from config.settings import Settings
from detectors.state import pack, unpack

_CORE: Final = "pipeline"
_STORY: Final = "story/"


class Fate(NamedTuple):
    """What became of an incident: ``alerted`` is the watermark at which its first message left."""

    sent: Sent
    reason: str
    alerted: int | None


class _Core(msgspec.Struct, kw_only=True):
    watermark: int
    early: list[Notice]
    commands: list[str]
    digests: list[str]


class Pipeline:
    """Decides what is told of what is to be told. Pure: time is what ``feed`` and commands say it is."""

    def __init__(self, settings: Settings) -> None:
        self._routing = Routing(settings)
        self._watermark = 0
        self._early: list[Notice] = []  # told after the watermark: their time has not come
        self._stories: dict[str, Story] = {}
        self._commands: dict[str, None] = {}  # ids of those that were given, oldest first
        self._digests: dict[str, None] = {}

    def feed(self, notices: Iterable[Notice], watermark: int) -> list[Dispatch]:
        """Take in notices and let event time pass up to ``watermark`` (epoch seconds).

        Every notice of a time up to ``watermark`` must be given by the call that passes it; a later one
        waits for its time. However they are cut into calls, the dispatches are the same. To be called
        without notices too when the watermark moved: what is held is told when what held it ends.

        Returns
        -------
        list of Dispatch
            What is to be told, in order.
        """
        by_time: dict[int, list[Notice]] = {}
        waiting, self._early = self._early, []
        for notice in (*waiting, *notices):
            if notice.at > watermark:
                self._early.append(notice)
            else:
                by_time.setdefault(max(notice.at, self._watermark), []).append(notice)
        told: list[Dispatch] = []
        for at in sorted(by_time):
            self._watermark = max(self._watermark, at)
            told += self._together(by_time[at], at)
        self._watermark = max(self._watermark, watermark)
        return told

    def command(self, command: Command) -> Answer:
        """Do what a person asks for; the same command given again changes nothing."""
        if command.id in self._commands:
            return Answer(said=Said.REPEATED)
        story = self._stories.get(command.incident or "")
        if story is None:
            return Answer(said=Said.UNKNOWN)
        self._commands[command.id] = None
        story.commands = [*story.commands, command]
        return Answer(
            said=Said.DONE,
            dispatches=[*self._edits(story, command.id, command.at), *self._asked(story, command)],
            incident=story.incident,
            until=command.until,
        )

    def fate(self, incident: str) -> Fate | None:
        """Return what became of an incident that was to be told as a page; None for any other."""
        story = self._stories.get(incident)
        if story is None:
            return None
        return Fate("page" if story.alerted is not None else "none", story.reason, story.alerted)

    # -- one moment -------------------------------------------------------------------------------

    def _together(self, notices: list[Notice], at: int) -> Iterator[Dispatch]:
        """Take in the notices of one moment, then tell what they open."""
        opened: list[Story] = []
        for notice in notices:
            if notice.action is Action.DIGEST:
                yield from self._digest(notice)
                continue
            story = self._stories.get(notice.incident.id)
            if story is not None and story.incident.revision >= notice.incident.revision:
                continue
            story = self._know(notice)
            if story.waits:
                opened.append(story)
            else:
                yield from self._edits(story, notice.id, at)
                yield from self._lines(story, notice, at)
        for story in opened:
            yield from self._open(story, at)

    def _know(self, notice: Notice) -> Story:
        incident = notice.incident
        story = self._stories.get(incident.id)
        if story is None:
            story = self._stories[incident.id] = Story(notice=notice, began=incident.start, waits=True)
        story.notice = notice
        story.over = notice.at if is_over(incident) else None
        if incident.reopened > story.reopened and story.over is None:
            story.reopened, story.began, story.waits = incident.reopened, notice.at, True
        return story

    def _open(self, story: Story, at: int) -> Iterator[Dispatch]:
        former = story.subject if story.parents else story.incident.follows
        way = self._routing.way(story.incident)
        story.waits, story.reason = False, story.notice.reason.value
        story.mention = way.mention if story.alerted is None else ""
        story.alerted = at if story.alerted is None else story.alerted
        story.parents += 1
        story.told = [
            Told(destination=to, subject=story.subject, form=Form.PARENT) for to in way.destinations
        ]
        for told in story.told:
            yield self._parent(story, told, story.notice.id, at, follows=former)
        story.notice = structs.replace(story.notice, incidents=[without_trace(story.incident)])

    # -- dispatches -------------------------------------------------------------------------------

    def _parent(self, story: Story, told: Told, cause: str, at: int, follows: str | None = None) -> Dispatch:
        return Dispatch(
            id=identify(cause, told.destination, told.subject, Form.PARENT),
            destination=told.destination,
            form=Form.PARENT,
            subject=told.subject,
            notice=story.notice,
            mention="" if story.over is not None else story.mention,
            follows=follows,
            commands=story.commands,
            said=story.reason,
            at=at,
        )

    def _edits(self, story: Story, cause: str, at: int) -> Iterator[Dispatch]:
        for told in story.told:
            if told.form is Form.PARENT:
                yield self._parent(story, told, cause, at)

    def _lines(self, story: Story, notice: Notice, at: int) -> Iterator[Dispatch]:
        for milestone in notice.milestones:
            if milestone is not Milestone.OPENED:
                yield from self._line(story, notice.id, Line(what=milestone, at=at))

    def _asked(self, story: Story, command: Command) -> Iterator[Dispatch]:
        yield from self._line(
            story,
            command.id,
            Line(what=command.ask, at=command.at, by=command.by, until=command.until, detail=command.why),
        )

    def _line(self, story: Story, cause: str, line: Line) -> Iterator[Dispatch]:
        for told in story.told:
            yield Dispatch(
                id=identify(cause, told.destination, told.subject, Form.LINE, line.what),
                destination=told.destination,
                form=Form.LINE,
                subject=told.subject,
                notice=story.notice,
                line=line,
                commands=story.commands,
                at=line.at,
            )

    def _digest(self, notice: Notice) -> Iterator[Dispatch]:
        if notice.id in self._digests:
            return
        self._digests[notice.id] = None
        found = self._routing.digest(notice.incidents)
        found.setdefault(self._routing.digests, [])
        for destination, incidents in found.items():
            hottest = notice.hottest if destination == self._routing.digests else []
            if incidents or hottest:
                yield Dispatch(
                    id=identify(notice.id, destination),
                    destination=destination,
                    form=Form.DIGEST,
                    subject=notice.id,
                    notice=structs.replace(notice, incidents=incidents, hottest=hottest),
                    at=notice.at,
                )

    # -- state ------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, bytes]:
        """Return the state as parts; those of incidents about which nothing was told do not change."""
        core = _Core(
            watermark=self._watermark,
            early=self._early,
            commands=list(self._commands),
            digests=list(self._digests),
        )
        parts = {_CORE: pack("pipeline", 1, core, {})}
        for key, story in self._stories.items():
            parts[f"{_STORY}{key}"] = pack("story", 1, story, {})
        return parts

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Take up the state of ``snapshot``; without parts, begin anew.

        Raises
        ------
        detectors.state.StateError
            When a part is damaged or of another version.
        """
        if _CORE not in parts:
            return
        core, _ = unpack(parts[_CORE], "pipeline", 1, _Core)
        self._watermark, self._early = core.watermark, core.early
        self._commands, self._digests = dict.fromkeys(core.commands), dict.fromkeys(core.digests)
        self._stories = {
            name.removeprefix(_STORY): unpack(part, "story", 1, Story)[0]
            for name, part in parts.items()
            if name.startswith(_STORY)
        }
