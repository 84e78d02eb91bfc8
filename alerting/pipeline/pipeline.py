"""The notification pipeline: decides which notices are sent, where, and why the others are not.

A notice passes these stages in this order. Each lets it through, holds it or combines it; what is not sent
has a reason, which is logged, counted and shown by ``uneri status``.

==============  ========================  ===============================================================
stage           module                    does
==============  ========================  ===============================================================
grouping        ``incidents.py``          before this: findings of one cause are one incident
dedupe          ``pipeline.py``           drops repeats, as after a crash
size            ``hold_stages.py``        holds what is too small to page: it is in the digest
history         ``hold_stages.py``        holds incidents older than the daemon
silences        ``silences.py``           holds incidents that the configuration or a person has silenced
maintenance     ``hold_stages.py``        holds incidents that began in a maintenance window, until it ends
quiet_hours     ``hold_stages.py``        holds incidents in quiet hours, until they end
inhibition      ``hold_stages.py``        holds incidents inside an account that has an open one itself
routing         ``routing.py``            chooses the destinations: the first route that matches
flood           ``flood.py``              combines more than anyone reads one by one into one message
pacing          ``outbox.py``             after this: a message a second and channel, edits coalesced
==============  ========================  ===============================================================

A held incident is reported, in its newest state, when nothing holds it anymore; if it ended before, it never
is.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from typing import Final

import msgspec
from msgspec import structs

from alerting.commands.command import Command
from alerting.commands.dispatch import Answer, CommandResult, Dispatch, Form
from alerting.commands.labels import Label
from alerting.commands.memo import Memo
from alerting.incidents.digest_reporter import zone_of
from alerting.incidents.incident import Incident
from alerting.incidents.notice import Action, Milestone, Notice, identify
from alerting.pipeline import dispatches
from alerting.pipeline.command_handler import CommandHandler, label_age, remember
from alerting.pipeline.daily_digest import DailyDigest
from alerting.pipeline.flood import Floods
from alerting.pipeline.gate import Gate
from alerting.pipeline.incident_registry import MOST, IncidentRegistry, TrackedIncident
from alerting.pipeline.ledger import Ledger, StageAction
from alerting.pipeline.memos import Memos
from alerting.pipeline.routing import FirstDelivery, Routing
from alerting.pipeline.silences import Silence
from config.settings import Settings
from detectors.state.declared import Owned, Stateful, StatePart

NEVER: Final = 2**62
"""When to look again at what waits for somebody to end a silence."""

DIGESTS: Final = 60
"""Digest ids remembered: two months."""


class _Core(msgspec.Struct, kw_only=True):
    watermark: int
    sequence: int
    swept: int  # day of the last sweep
    early: list[Notice]
    commands: list[str]
    digests: list[str]
    silencing: list[Command]
    counts: dict[str, int]
    ended_held: dict[str, int]
    digest: int | None
    configured: str  # the settings under which the stages hold what they hold
    since: int = 0  # event time from which people are notified
    learnt: dict[str, int] = {}  # scopes that became judgeable before, by kind, not reported yet


_STATE: Final = StatePart("pipeline", _Core, 2)


class Pipeline(Stateful):
    """All stages, fed notices, time and commands. Pure: it knows no time but the watermark.

    Parameters
    ----------
    keep
        Never forget an incident: for replay, which reports all at its end.
    since
        The event time from which people are notified, epoch seconds; a restored state keeps its own.

    Raises
    ------
    ValueError
        When ``digest.timezone`` is not a time zone.
    """

    STATE = (Owned("_floods"), Owned("_commands.labels"), Owned("_memos"), Owned("_registry"))

    def __init__(self, settings: Settings, *, keep: bool = False, since: int = 0) -> None:
        zone = zone_of(settings.digest)
        self._ledger = Ledger()
        self._gate = Gate(settings.notify, zone, self._ledger, since)
        self._silences = self._gate.silences
        self.routing = Routing(settings)
        self._floods = Floods(settings.notify.flood)
        self._registry = IncidentRegistry(keep=keep)
        self._first_delivery = FirstDelivery(
            self.routing, self._gate, self._floods, self._registry, self._ledger
        )
        self._memos = Memos()
        self._commands = CommandHandler(self._registry, self._silences, self._memos)
        self._daily = DailyDigest(
            settings.digest,
            zone,
            routing=self.routing,
            silences=self._silences,
            known=self._registry,
            held=self._ledger.ended_held,
        )
        self._watermark = 0
        self._sequence = 0  # of the newest incident
        self._swept = 0
        self._early: list[Notice] = []  # later than the watermark
        self._later: dict[str, int] = {}  # incidents of which more is to be told, and when to look again
        self._configured = self._settings = identify(
            settings.notify.model_dump_json(), settings.digest.timezone
        )

    # -- feeding ----------------------------------------------------------------------------------

    def feed(self, notices: Iterable[Notice], watermark: int) -> list[Dispatch]:
        """Take in notices and let event time pass up to ``watermark`` (epoch seconds); return the dispatches.

        Every notice of a time up to ``watermark`` must be given by the call that passes it; a later one waits
        for its time. However they are split over calls, the dispatches are the same. Call it without notices,
        too, when the watermark moves: a held incident is reported when its hold ends.
        """
        watermark = max(watermark, self._watermark)  # an early look may have passed this time already
        by_time: dict[int, list[Notice]] = {}
        waiting, self._early = self._early, []
        for notice in (*waiting, *notices):
            if notice.at > watermark:
                self._early.append(notice)
            else:
                by_time.setdefault(max(notice.at, self._watermark), []).append(notice)
        found: list[Dispatch] = []
        while (at := min((*by_time, *self._due()), default=watermark + 1)) <= watermark:
            self._watermark = max(self._watermark, at)
            found += self._advance(by_time.pop(at, []), self._watermark)
        self._watermark = watermark
        return self._with_memos(found)

    def command(self, command: Command) -> Answer:
        """Carry out a person's command between two calls of ``feed``; a repeated one changes nothing."""
        at = self._watermark
        answer = self._commands.handle(command, at)
        sent = answer.dispatches
        if answer.result is CommandResult.DONE:  # a silence may hold others no longer, or what holds them
            sent = [
                *sent,
                *self._tell_later(self._later, at),
                *self._report_free(self._gate.held(), at),
                *self._first_delivery.flood_updates(at),
            ]
        return structs.replace(answer, dispatches=self._with_memos(sent))

    def take_over(
        self, is_gone: Callable[[str, str], bool], waiting: Container[tuple[str, str]]
    ) -> list[Dispatch]:
        """Report by the present routes what a receiver that is no longer configured would report.

        That is what is open, and what has ended and waits there. A destination that has it gets it once.

        Parameters
        ----------
        is_gone
            Whether nothing of a subject is sent to a destination anymore.
        waiting
            Destination and subject of each message that waits for such a receiver.
        """
        reported: list[tuple[TrackedIncident, bool]] = []
        for tracked in self._registry:
            gone = [message for message in tracked.messages if is_gone(message.destination, message.subject)]
            waits = any((message.destination, message.subject) in waiting for message in gone)
            if gone and not tracked.pending and (waits or tracked.ended_at is None):
                reported.append((tracked, waits))
        if not reported:
            return []
        at = self._watermark
        sent = [*self._first_delivery.take_over(reported, at), *self._first_delivery.flood_updates(at)]
        return self._with_memos(sent)

    # -- what is known ----------------------------------------------------------------------------

    def find(self, incident: str) -> TrackedIncident | None:
        """Return an incident, None when it was never to be reported or is forgotten."""
        return self._registry.known(incident, self._watermark)

    def named(self, name: str) -> TrackedIncident | None:
        """Return the incident with this id, or the only one whose id begins so; None without one."""
        return self._registry.named(name, self._watermark)

    def tracked(self) -> list[TrackedIncident]:
        """Return all incidents that are remembered, oldest first."""
        return list(self._registry)

    def ongoing(self) -> list[TrackedIncident]:
        """Return the incidents that have not ended, reported or held, oldest first."""
        return [tracked for tracked in self._registry if tracked.ended_at is None]

    def held(self) -> list[TrackedIncident]:
        """Return the incidents that are held, in order of arrival."""
        return self._gate.held()

    def silences(self) -> list[Silence]:
        """Return the active silences in order of expiry."""
        return self._silences.active(self._watermark)

    @property
    def labels(self) -> list[Label]:
        """The newest label of each incident, oldest first."""
        return sorted(self._commands.labels, key=label_age)

    @property
    def memos(self) -> list[Memo]:
        """All memos, oldest first."""
        return list(self._memos)

    def memos_of(self, incident: Incident) -> list[Memo]:
        """Return the memos on an incident and on all others of its kind, oldest first."""
        return self._memos.of(incident)

    @property
    def counts(self) -> dict[str, int]:
        """Number of incidents that each stage held, dropped or combined, by its name."""
        return dict(sorted(self._ledger.counts.items()))

    @property
    def since(self) -> int:
        """The event time from which people are notified, epoch seconds; 0 for all of it."""
        return self._gate.history.since

    @property
    def watermark(self) -> int:
        """Event time that has passed, epoch seconds."""
        return self._watermark

    @property
    def last_alert(self) -> int | None:
        """The time at which the newest remembered page left, epoch seconds; None without one."""
        return max(
            (incident.alerted for incident in self._registry if incident.alerted is not None), default=None
        )

    def stage_actions(self) -> list[StageAction]:
        """Return the actions of the stages since the last call, for a log."""
        return self._ledger.read()

    def fate(self, incident: str) -> TrackedIncident | None:
        """Return what became of an incident that was to be a page, however long ago; None for any other."""
        return self._registry.get(incident)

    # -- one step ---------------------------------------------------------------------------------

    def _due(self) -> Iterator[int]:
        """Yield the times at which something falls due by itself."""
        for due in (self._gate.due(), self._silences.due(), self._floods.due(), self._daily.due):
            if due is not None:
                yield due
        yield from self._later.values()
        if self._configured != self._settings:
            yield self._watermark

    def _advance(self, notices: list[Notice], at: int) -> Iterator[Dispatch]:
        """Do everything of one time: take in notices, end what expires, report what nothing holds."""
        recheck: dict[str, TrackedIncident] = {}
        for notice in notices:
            yield from self._take_in(notice, at, recheck)
        for silence in self._silences.expire(at):
            yield from self._commands.expired(silence, at)
        yield from self._tell_later((incident for incident, due in self._later.items() if due <= at), at)
        recheck.update((tracked.incident.id, tracked) for tracked in self._gate.ended(at))
        if self._configured != self._settings:  # since the restart: the reason of a hold may be gone
            self._configured = self._settings
            recheck.update((tracked.incident.id, tracked) for tracked in self._gate.held())
        yield from self._report_free(recheck.values(), at)
        yield from self._first_delivery.flood_updates(at)
        yield from self._daily.missed(at)
        self._sweep(at)

    def _take_in(self, notice: Notice, at: int, recheck: dict[str, TrackedIncident]) -> Iterator[Dispatch]:
        """Take in a notice at its time; add to ``recheck`` the incidents whose holds to check again."""
        digest = notice.action is Action.DIGEST
        tracked = None if digest else self._registry.known(notice.incident.id, at)
        if self._is_repeat(notice, tracked):
            self._ledger.note("dedupe", "dropped", tracked, "repeated notice", at)
            return
        if digest:
            since = self._gate.history.since
            notice = self._daily.learn(notice, since)
            if at < since:
                return
            yield from self._daily.digest(notice)
            return
        before = None if tracked is None else tracked.incident.state
        tracked = self._track(tracked, notice, at)
        inhibition = self._gate.inhibition
        if inhibition.update(tracked):
            recheck.update((held.incident.id, held) for held in self._gate.held(inhibition.name))
        if tracked.pending and tracked.ended_at is not None:
            self._gate.end(tracked, at)
            recheck.pop(tracked.incident.id, None)
        if tracked.pending:
            recheck[tracked.incident.id] = tracked
        else:
            yield from self._update(tracked, notice, at)
            for message in tracked.messages if tracked.incident.state != before else ():
                if message.form is Form.FLOOD:
                    self._floods.touch(message.subject)
        self._registry.put(tracked)

    def _is_repeat(self, notice: Notice, tracked: TrackedIncident | None) -> bool:
        """Return whether a notice was taken in before; a digest is remembered from now on."""
        if notice.action is Action.DIGEST:
            return not remember(self._daily.seen, notice.id, DIGESTS)
        return tracked is not None and notice.incident.revision <= tracked.incident.revision

    def _track(self, tracked: TrackedIncident | None, notice: Notice, at: int) -> TrackedIncident:
        incident = notice.incident
        if tracked is None:
            self._sequence += 1
            self._registry.drop([incident.id])  # forgotten, and not swept yet
            tracked = TrackedIncident(
                sequence=self._sequence, notice=notice, started=incident.start, reopened=incident.reopened
            )
        self._memos.move(incident, tracked.incident)
        tracked.notice, tracked.ended_at = notice, at if incident.ended else None
        recurred = incident.reopened > tracked.reopened
        if recurred:
            tracked.reopened, tracked.started = incident.reopened, at
        if not tracked.messages or (recurred and tracked.ended_at is None):
            tracked.pending = True
        if tracked.ended_at is not None:
            self._commands.relabel(tracked)
        return tracked

    def _update(self, tracked: TrackedIncident, notice: Notice, at: int) -> Iterator[Dispatch]:
        """Report the changes of an incident that has a message."""
        yield from dispatches.edits(tracked, notice.id, at)
        new = {milestone: notice.names.get(milestone, []) for milestone in notice.milestones}
        if tracked.ended_at is None:
            tracked.untold = _untold(tracked, new)
            yield from self._tell(tracked, at)
            yield from self._first_delivery.tell_others(tracked, at)
        else:
            tracked.untold = {}
            self._later.pop(tracked.incident.id, None)
            if self._silences.hold(tracked, at) is None:
                yield from dispatches.milestones(tracked, new, at)
        tracked.drop_trace()

    def _tell(self, tracked: TrackedIncident, at: int) -> Iterator[Dispatch]:
        """Tell what is to be told of an open incident that has a message, and note when to look again."""
        self._later.pop(tracked.incident.id, None)
        when = self._look_again(tracked, at)
        if when is None:
            return
        if when > at:
            self._later[tracked.incident.id] = when
            return
        lines, due = tracked.untold, self._call_due(tracked, at)
        tracked.untold = {}
        if due is not None and due > at:
            self._later[tracked.incident.id] = due
        elif due is not None:
            lines = {Milestone.ESCALATED: [], **lines}
            lines.pop(Milestone.WORSENED, None)  # it says as much
            tracked.grade, tracked.called_at = tracked.incident.severity.level, at
        mention = self.routing.route(tracked.incident).mention
        yield from dispatches.milestones(tracked, lines, at, mention)
        if Milestone.ESCALATED in lines:
            yield from self._first_delivery.call(tracked, mention, at)

    def _look_again(self, tracked: TrackedIncident, at: int) -> int | None:
        """Return when something of an incident may be told; None when nothing waits."""
        due, hold = self._call_due(tracked, at), self._silences.hold(tracked, at)
        if due is None and not tracked.untold:
            return None
        if hold is not None:
            return NEVER if hold.until is None else max(hold.until, at + 1)
        return at if due is None or tracked.untold else max(due, at)

    def _call_due(self, tracked: TrackedIncident, at: int) -> int | None:
        """Return when people are called again for an incident, after quiet hours; None when they are not."""
        due = tracked.call_due
        quiet = None if due is None else self._gate.quiet_hours.hold(tracked, max(due, at))
        return due if quiet is None else quiet.until

    def _tell_later(self, incidents: Iterable[str], at: int) -> Iterator[Dispatch]:
        for incident in sorted(incidents):
            tracked = self._registry.get(incident)
            if tracked is None or tracked.ended_at is not None or tracked.pending:
                del self._later[incident]
            else:
                yield from self._tell(tracked, at)
                self._registry.put(tracked)

    def _report_free(self, incidents: Iterable[TrackedIncident], at: int) -> Iterator[Dispatch]:
        """Report those of the incidents that no stage holds anymore."""
        waiting = list(incidents)
        free = self._gate.free(waiting, at)
        for tracked in waiting:
            self._registry.put(tracked)
        yield from self._first_delivery.deliver(free, at)
        for tracked in waiting:  # what holds an incident may not hold what it took in
            yield from self._first_delivery.tell_others(tracked, at)

    def _with_memos(self, sent: list[Dispatch]) -> list[Dispatch]:
        """Add people's memos on incidents of its kind to each message about one incident."""
        return [
            structs.replace(dispatch, memos=memos)
            if dispatch.form in (Form.PARENT, Form.LINE)
            and (memos := self._memos.of(dispatch.notice.incident))
            else dispatch
            for dispatch in sent
        ]

    def _sweep(self, at: int) -> None:
        """Forget incidents that have ended, once a day and when there are too many."""
        if at // 86400 == self._swept and len(self._registry) <= MOST:
            return
        self._swept = at // 86400
        self._silences.forget(self._registry.sweep(at))
        self._floods.forget(lambda flood: at >= flood.until and not any(map(self._is_open, flood.members)))

    def _is_open(self, incident: str) -> bool:
        tracked = self._registry.get(incident)
        return tracked is not None and tracked.ended_at is None

    # -- state ------------------------------------------------------------------------------------

    def snapshot(self) -> dict[str, bytes]:
        """Return the state as parts; those of unchanged incidents are the same bytes."""
        core = _Core(
            watermark=self._watermark,
            sequence=self._sequence,
            swept=self._swept,
            early=self._early,
            commands=list(self._commands.done),
            digests=list(self._daily.seen),
            silencing=self._silences.commands,
            counts=dict(self._ledger.counts),
            ended_held=dict(self._ledger.ended_held),
            digest=self._daily.due,
            configured=self._configured,
            since=self.since,
            learnt=self._daily.learnt,
        )
        return _STATE.pack(core) | super().snapshot()

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore the state that ``snapshot`` returned; without parts, start afresh.

        Raises
        ------
        detectors.state.state.StateError
            When a part is damaged or of another version.
        """
        if _STATE.name not in parts:
            return
        core = _STATE.unpack(parts)
        self._watermark, self._sequence, self._early = core.watermark, core.sequence, core.early
        self._swept, self._daily.due = core.swept, core.digest
        self._configured = core.configured
        self._gate.history.since = core.since
        self._daily.learnt = core.learnt
        self._commands.done, self._daily.seen = dict.fromkeys(core.commands), dict.fromkeys(core.digests)
        for command in core.silencing:
            self._silences.add(command)
        self._ledger.counts.update(core.counts)
        self._ledger.ended_held.update(core.ended_held)
        super().restore(parts)
        self._gate.restore(self._registry)
        told = [one for one in self._registry if one.messages and not one.pending and one.ended_at is None]
        for tracked in told:
            if not tracked.grade:  # of an older version
                tracked.grade = tracked.incident.severity.level
                self._registry.put(tracked)
            when = self._look_again(tracked, self._watermark)
            if when is not None:
                self._later[tracked.incident.id] = when


def _untold(tracked: TrackedIncident, new: Mapping[Milestone, list[str]]) -> dict[Milestone, list[str]]:
    """Return the new lines of an open incident after those that were held back."""
    lines = {
        milestone: [*tracked.untold.get(milestone, []), *new.get(milestone, [])]
        for milestone in {**tracked.untold, **new}
    }
    if Milestone.EASED in new and Milestone.WORSENED in tracked.untold:  # nobody knows that it was worse
        del lines[Milestone.WORSENED], lines[Milestone.EASED]
    return lines
