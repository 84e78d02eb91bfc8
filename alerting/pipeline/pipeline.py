"""The notification pipeline: from what is to be told to what is told, where, and why not.

What is to be told passes these stages in this order. Each lets it through, holds it or reshapes it; what it
did not let through it gives a reason for, which is logged, counted and shown by ``uneri status``.

==============  ====================  ===================================================================
stage           module                does
==============  ====================  ===================================================================
grouping        ``incidents.py``      before this: findings of one cause are one incident
dedupe          ``dedupe.py``         drops what was given before, as after a crash
silences        ``silences.py``       holds what the configuration or a person has silenced
maintenance     ``maintenance.py``    holds what began in planned work, until that ends
quiet_hours     ``quiet_hours.py``    holds what comes while nobody is to be called, until that ends
inhibition      ``inhibition.py``     holds what lies inside an account about which an incident is open
routing         ``routing.py``        says who is told: the first route that matches
flood           ``flood.py``          makes one message of more than anybody reads one by one
pacing          ``outbox.py``         after this: a message a second and channel, edits coalesced
==============  ====================  ===================================================================

What is held is told when nothing holds it any more, in its newest state; what is over by then never is.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec
from msgspec import structs

from alerting.commands.answer import Answer, CommandResult
from alerting.commands.command import Command, CommandKind
from alerting.commands.dispatch import Dispatch
from alerting.incidents.notice import Notice, identify
from alerting.pipeline import dispatches
from alerting.pipeline.flood import FloodState
from alerting.pipeline.incident_registry import MOST
from alerting.pipeline.known import PipelineStages
from alerting.pipeline.tracked_incident import TrackedIncident
from config.settings import Settings
from detectors.state.state import pack, unpack

_CORE: Final = "pipeline"
_FLOODS: Final = "floods"


class _Core(msgspec.Struct, kw_only=True):
    watermark: int
    sequence: int
    swept: int  # day of the last sweep
    early: list[Notice]
    commands: list[str]
    digests: list[str]
    silencing: list[Command]
    counts: dict[str, int]
    over: dict[str, int]
    digest: int | None
    configured: str  # the settings by which the stages held what they hold


class Pipeline(PipelineStages):
    """All stages, fed notices, time and commands. Pure: time is what it is told.

    Parameters
    ----------
    settings
        Its ``notify``, ``slack`` and ``digest`` sections.
    keep
        Never forget an incident: for replay, which tells of all at its end.

    Raises
    ------
    ValueError
        When ``digest.timezone`` is not a time zone.
    """

    def __init__(self, settings: Settings, *, keep: bool = False) -> None:
        super().__init__(settings, keep=keep)
        self._swept = 0
        self._early: list[Notice] = []  # told after the watermark: their time has not come
        self._configured = self._settings = _fingerprint(settings)

    # -- feeding ----------------------------------------------------------------------------------

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
        while (at := min((*by_time, *self._due()), default=watermark + 1)) <= watermark:
            self._watermark = max(self._watermark, at)
            told += self._moment(by_time.pop(at, []), self._watermark)
        self._watermark = max(self._watermark, watermark)
        return told

    def command(self, command: Command) -> Answer:
        """Do what a person asks for, between two feedings; the same command given again changes nothing."""
        at = self._watermark
        answer = self._asked.take(command, at)
        if answer.result is not CommandResult.DONE or command.kind is not CommandKind.UNSILENCE:
            return answer
        told = [
            *self._let_out(self._gate.held(self._silences.name), at),
            *self._opening.flooded(at),
        ]
        return structs.replace(answer, dispatches=[*answer.dispatches, *told])

    # -- one moment -------------------------------------------------------------------------------

    def _due(self) -> Iterator[int]:
        """Yield when something falls due by itself."""
        for due in (self._gate.due(), self._silences.due(), self._floods.due(), self._daily.due):
            if due is not None:
                yield due
        if self._configured != self._settings:
            yield self._watermark

    def _moment(self, notices: list[Notice], at: int) -> Iterator[Dispatch]:
        """Do all of one moment: take notices in, end what ends, tell what nothing holds."""
        again: dict[str, TrackedIncident] = {}
        for notice in notices:
            yield from self._intake.take(notice, at, again)
        for silence in self._silences.ended(at):
            yield from self._asked.ended(silence, at)
        again.update((story.incident.id, story) for story in self._gate.ended(at))
        if self._configured != self._settings:  # since the restart: what held something may be gone
            self._configured = self._settings
            again.update((story.incident.id, story) for story in self._gate.held())
        yield from self._let_out(again.values(), at)
        yield from self._opening.flooded(at)
        yield from self._daily.missed(at, self._routing, self._silences, self._stories, self._ledger.over)
        if self._ledger.over:
            self._daily.expect(at)
        self._sweep(at)

    def _let_out(self, stories: Iterable[TrackedIncident], at: int) -> Iterator[Dispatch]:
        """Tell those of the incidents that no stage holds any more."""
        waiting = list(stories)
        free = self._gate.free(waiting, at)
        new = {story.incident.id for story in free}
        for story in waiting:
            self._stories.put(story)
            if not story.waits and story.incident.id not in new:  # it came back, and nothing is to be posted
                yield from dispatches.edits(story, story.notice.id, at)
        yield from self._opening.open(free, at)

    def _sweep(self, at: int) -> None:
        """Once a day, and where there are too many: forget what is over."""
        if at // 86400 == self._swept and len(self._stories) <= MOST:
            return
        self._swept = at // 86400
        for incident in self._stories.sweep(at):
            self._silences.forget(incident)
        for flood in self._floods.every:
            members = (self._stories.get(member) for member in flood.members)
            if at >= flood.until and all(one is None or one.over is not None for one in members):
                self._floods.forget(flood.subject)

    # -- state ------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, bytes]:
        """Return the state as parts; those of incidents of which nothing is new are the very same bytes."""
        commands, digests = self._dedupe.state()
        core = _Core(
            watermark=self._watermark,
            sequence=self._intake.sequence,
            swept=self._swept,
            early=self._early,
            commands=commands,
            digests=digests,
            silencing=self._silences.commands,
            counts=dict(self._ledger.counts),
            over=dict(self._ledger.over),
            digest=self._daily.due,
            configured=self._configured,
        )
        return {
            _CORE: pack("pipeline", 1, core, {}),
            _FLOODS: pack("floods", 1, self._floods.state(), {}),
            **self._asked.snapshot(),
            **self._stories.snapshot(),
        }

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Take up the state of ``snapshot``; without parts, as before the first start, there is none.

        Raises
        ------
        detectors.state.state.StateError
            When a part is damaged or of another version.
        """
        if _CORE not in parts:
            return
        core, _ = unpack(parts[_CORE], "pipeline", 1, _Core)
        self._watermark, self._intake.sequence, self._early = core.watermark, core.sequence, core.early
        self._swept, self._daily.due = core.swept, core.digest
        self._configured = core.configured
        self._dedupe.restore(core.commands, core.digests)
        for command in core.silencing:
            self._silences.add(command)
        self._ledger.counts.update(core.counts)
        self._ledger.over.update(core.over)
        self._floods.restore(unpack(parts[_FLOODS], "floods", 1, FloodState)[0])
        self._asked.restore(parts)
        self._stories.restore(parts)
        self._gate.restore(self._stories)


def _fingerprint(settings: Settings) -> str:
    return identify(settings.notify.model_dump_json(), settings.digest.timezone)
