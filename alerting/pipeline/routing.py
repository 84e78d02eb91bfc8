"""The routing stage: the first route that matches decides where pages and digests go.

An incident is then delivered for the first time: as a message of its own, or combined with others in a flood.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from msgspec import structs

from alerting.commands.dispatch import SLACK, WEBHOOK, Destination, Dispatch, Form
from alerting.commands.matching import matches
from alerting.incidents.incident import Incident
from alerting.incidents.notice import Action, Milestone, identify
from alerting.incidents.severity import of_finding
from alerting.pipeline import dispatches
from alerting.pipeline.flood import LEVELS, Arrival, Flood, Floods
from alerting.pipeline.gate import Gate
from alerting.pipeline.incident_registry import (
    CALLS,
    IncidentRegistry,
    MessageRef,
    TrackedIncident,
    calls_again,
)
from alerting.pipeline.ledger import Ledger
from config.settings import Settings


class Route(NamedTuple):
    """The destinations of an incident, and the people that its first message mentions."""

    destinations: tuple[str, ...]
    mention: str


class Routing:
    """The configured routes; what matches none goes to the channel for pages or digests."""

    name: Final = "routing"

    def __init__(self, settings: Settings) -> None:
        self._routes = settings.notify.routes
        self._pages = str(Destination(SLACK, settings.slack.channel))
        self._of_pages = Route((self._pages,), "")
        self._digests = str(Destination(SLACK, settings.slack.digest_channel or settings.slack.channel))
        self._fallback = settings.slack.fallback_channel
        routed = (str(Destination.of(to)) for route in self._routes for to in route.to)
        self._named = {self._pages, self._digests, *routed}

    @property
    def digests(self) -> str:
        """The destination of the digest of everything without a route."""
        return self._digests

    def names(self, destination: str) -> bool:
        """Return whether a destination is used: of channels, those of pages, of digests and of routes."""
        return destination in self._named or Destination.of(destination).sink != SLACK

    def fallback(self, destination: str) -> str | None:
        """Return the channel that takes over from one that permanently rejects messages, if there is one.

        That of pages takes over from a channel that nothing names anymore.
        """
        if self._fallback is not None and Destination.of(destination).sink == SLACK:
            return str(Destination(SLACK, self._fallback))
        return None if self.names(destination) else self._pages

    def route(self, incident: Incident) -> Route:
        """Return the route of a page about ``incident``."""
        return self._configured(incident) or self._of_pages

    def _configured(self, incident: Incident) -> Route | None:
        for route in self._routes:
            if matches(route.match, incident):
                destinations = tuple(dict.fromkeys(str(Destination.of(to)) for to in route.to))
                return Route(destinations, route.mention or "")
        return None

    def others(self, incident: Incident) -> Iterator[tuple[Incident, Route]]:
        """Yield what an incident took in and is severe by itself, as an incident alone, and its route.

        What has no route of its own is that of the people of the incident: only what is more severe than what
        took it in, which they may have silenced.
        """
        known = of_finding(incident.primary).level
        for finding in () if incident.ended else incident.members:
            if finding.is_open and (level := of_finding(finding).level) >= CALLS:
                alone = structs.replace(incident, primary=finding, members=[], verdict=finding.verdict)
                if (route := self._configured(alone)) is not None or level > known:
                    yield alone, route or self._of_pages

    def digest(self, incidents: list[Incident]) -> dict[str, list[Incident]]:
        """Return the incidents of each digest by destination, in the order given.

        The digests of an incident are those of the channels and webhooks on its route. No other receiver gets
        one: what is sent there calls somebody. Incidents without a route are in the digest channel.
        """
        found: dict[str, list[Incident]] = {}
        for incident in incidents:
            route = self.route(incident)
            to = [name for name in route.destinations if Destination.of(name).sink in (SLACK, WEBHOOK)]
            if route.destinations == (self._pages,):
                to = [self._digests]
            for destination in to or [self._digests]:
                found.setdefault(destination, []).append(incident)
        return found


class FirstDelivery:
    """Gives each incident a message at each of its destinations, or a place in the message of a flood."""

    def __init__(
        self, routing: Routing, gate: Gate, floods: Floods, registry: IncidentRegistry, ledger: Ledger
    ) -> None:
        self._routing = routing
        self._gate = gate
        self._floods = floods
        self._registry = registry
        self._ledger = ledger

    def deliver(self, incidents: Sequence[TrackedIncident], at: int) -> Iterator[Dispatch]:
        """Yield the messages of all incidents to report at one time."""
        routed = [(tracked, self._routing.route(tracked.incident)) for tracked in incidents]
        joined = []
        for tracked, route, floods in self._combine(routed, at):
            former = self._former(tracked, at)
            yield from _recurrence(tracked, at)
            level = tracked.incident.severity.level
            calls = tracked.alerted is None or calls_again(level, tracked.grade)
            tracked.mention = route.mention if calls else ""  # once an incident, unless it is more severe
            tracked.message_count += 1
            tracked.grade, tracked.called_at, tracked.untold = level, at, {}
            same = (message for message in tracked.messages if message.subject == tracked.subject)
            told = {message.destination: message for message in same}  # by what it took in, while it was held
            own = [_message(tracked, to, floods[to]) for to in route.destinations]
            for place, message in enumerate(own):
                if (before := told.get(message.destination)) is not None:
                    whom = f"{tracked.mention} {before.mention or ''}".strip()
                    own[place] = structs.replace(message, mention=whom)
            tracked.messages = [*own, *(told[to] for to in told if to not in route.destinations)]
            tracked.notice = structs.replace(tracked.notice, action=Action.OPEN)
            self._sent(tracked, own, floods, at)
            for message in own:
                if message.form is Form.PARENT:
                    yield dispatches.parent(tracked, message, tracked.notice.id, at, follows=former)
                if message.form is Form.PARENT and message.destination in told:
                    yield dispatches.call(tracked, message, tracked.mention, at, severe=False)
            tracked.drop_trace()
            joined.append(tracked)
        for tracked in sorted(joined, key=lambda tracked: -tracked.grade):
            yield from self.call(tracked, tracked.mention, at)

    def call(self, tracked: TrackedIncident, mention: str, at: int) -> Iterator[Dispatch]:
        """Call people in the thread of the flood that an incident is in, unless the flood called them before.

        Its message was posted already, and an edit notifies nobody. A flood calls once a severity and team.
        """
        for message in tracked.messages if tracked.ended_at is None else ():
            if message.form is Form.FLOOD:
                yield from self._call(tracked, message, mention, at)

    def _call(
        self, tracked: TrackedIncident, message: MessageRef, mention: str, at: int
    ) -> Iterator[Dispatch]:
        flood, level = self._floods.find(message.subject), tracked.incident.severity.level
        if flood is None:
            return
        severe = calls_again(level, flood.grade)
        if flood.calls(level, mention) and flood.made:
            yield dispatches.call(tracked, message, mention, at, severe=severe)

    def take_over(self, incidents: Sequence[tuple[TrackedIncident, bool]], at: int) -> Iterator[Dispatch]:
        """Yield messages by the present routes, of incidents of which a receiver is gone.

        A destination without a message of an incident gets one. If one waits for the receiver that is gone
        (True), the others get it too: those that have this state take it for a repeat, and one that was away
        for some time may not have it.
        """
        routed = []
        for tracked, waits in incidents:
            route = self._routing.route(tracked.incident)
            has = {message.destination: message for message in tracked.messages}
            if waits:  # perhaps nobody was called
                tracked.mention = tracked.mention or route.mention
            for to in route.destinations if waits else ():
                if to in has and has[to].form is Form.PARENT:
                    yield dispatches.parent(tracked, has[to], tracked.notice.id, at)
            new = tuple(to for to in route.destinations if to not in has)
            routed.append((tracked, route._replace(destinations=new)))
        yield from self._add(routed, at)

    def tell_others(self, tracked: TrackedIncident, at: int) -> Iterator[Dispatch]:
        """Tell the teams of what an incident took in, where nothing would hold it alone, each once.

        The incident itself may be held, and have no other message.
        """
        if tracked.pending and not tracked.message_count:
            for message in tracked.messages:
                if message.form is Form.PARENT:
                    yield dispatches.parent(tracked, message, tracked.notice.id, at)
        for alone, route in self._routing.others(tracked.incident):
            cause = identify(tracked.notice.id, alone.primary.id)
            notice = structs.replace(tracked.notice, id=cause, incidents=[alone])
            one = structs.replace(tracked, notice=notice)
            if self._gate.hold(one, at) is None:
                has = {message.destination for message in tracked.messages}
                new = tuple(to for to in route.destinations if to not in has)
                if new and tracked.pending and not tracked.message_count:
                    tracked.sent, tracked.reason = "page", "a part of it is severe, and nothing holds that"
                yield from self._add([(tracked, Route(new, route.mention))], at, route.mention)
                yield from self._call_team(tracked, one, route, at)

    def _call_team(
        self, tracked: TrackedIncident, one: TrackedIncident, route: Route, at: int
    ) -> Iterator[Dispatch]:
        """Call the people of a route where a message was before, and did not mention them.

        Or where its incident's own message is, if that is held by now: nobody would hear that a part of it is
        severe.
        """
        level = one.incident.severity.level
        unheard = calls_again(level, tracked.grade) and self._gate.hold(tracked, at) is not None
        for place, message in enumerate(tracked.messages):
            if message.destination not in route.destinations:
                continue
            if message.form is Form.FLOOD:
                yield from self._call(one, message, route.mention, at)
                continue
            called = (tracked.mention if message.mention is None else message.mention).split()
            new = [name for name in route.mention.split() if name not in called]
            severe = unheard and message.mention is None
            if not new and not severe:
                continue
            if new:
                tracked.messages[place] = structs.replace(message, mention=" ".join([*called, *new]))
            if severe:
                tracked.grade, tracked.called_at = level, at
            self._registry.put(tracked)
            yield dispatches.call(one, message, route.mention, at, severe=severe)

    def _add(
        self, routed: Sequence[tuple[TrackedIncident, Route]], at: int, mention: str | None = None
    ) -> Iterator[Dispatch]:
        """Yield messages at destinations that have none yet; ``mention``: whom they call instead."""
        for tracked, route, floods in self._combine(routed, at):
            added = [_message(tracked, to, floods[to], mention) for to in route.destinations]
            tracked.messages = [*tracked.messages, *added]
            self._registry.put(tracked)
            for message in added:
                if message.form is Form.PARENT:
                    yield dispatches.parent(tracked, message, tracked.notice.id, at)

    def flood_updates(self, at: int) -> Iterator[Dispatch]:
        """Yield the messages and files of floods that changed."""
        for flood, changed in self._floods.changed(at):
            known = (self._registry.get(member) for member in flood.members)
            members = [tracked for tracked in known if tracked is not None]
            if changed:
                yield dispatches.of_flood(flood, Form.FLOOD, members, at)
                flood.made += 1
            if flood.wants_file(at):
                yield dispatches.of_flood(flood, Form.FILE, members, at)
                flood.made_file(at)

    def _combine(
        self, routed: Sequence[tuple[TrackedIncident, Route]], at: int
    ) -> Iterator[tuple[TrackedIncident, Route, dict[str, Flood | None]]]:
        """Yield each incident and its route with the flood that it joins at each destination, or None."""
        together: dict[str, dict[str, Arrival]] = {}
        for tracked, route in routed:
            incident = tracked.incident
            new = Arrival(_kind(incident), incident.severity.level, route.mention)
            for to in route.destinations:
                together.setdefault(to, {})[incident.id] = new
        combined = {to: self._floods.combine(to, arrivals, at) for to, arrivals in together.items()}
        members = {to: {*flood.members} for to, flood in combined.items() if flood is not None}
        for tracked, route in routed:
            floods = {
                to: combined[to] if tracked.incident.id in members.get(to, ()) else None
                for to in route.destinations
            }
            yield tracked, route, floods

    def _former(self, tracked: TrackedIncident, at: int) -> str | None:
        """Return the subject of the message that a new one links to."""
        if tracked.message_count:
            return tracked.subject
        earlier = self._registry.known(tracked.incident.follows or "", at)
        return earlier.subject if earlier is not None and earlier.message_count else None

    def _sent(
        self,
        tracked: TrackedIncident,
        own: Sequence[MessageRef],
        floods: Mapping[str, Flood | None],
        at: int,
    ) -> None:
        """Record what an incident was sent as: a flood is one page, that of its first incident."""
        flooded = [floods[message.destination] for message in own if message.form is Form.FLOOD]
        first = any(flood is not None and flood.members[0] == tracked.incident.id for flood in flooded)
        if len(flooded) < len(own) or first:
            tracked.sent = "page"
        if flooded:
            tracked.reason = "flood: one message reports it with others"
            self._ledger.note(self._floods.name, "gathered", tracked, tracked.reason, at)
        tracked.alerted = at if tracked.alerted is None else tracked.alerted


def _kind(incident: Incident) -> str:
    """Return what a flood of such incidents is of: another kind has another cause."""
    primary = incident.primary
    if primary.measure.level:
        return LEVELS
    return f"{primary.verdict} {primary.about.kind} {primary.measure}"


def _message(
    tracked: TrackedIncident, to: str, flood: Flood | None, mention: str | None = None
) -> MessageRef:
    if flood is None:
        return MessageRef(destination=to, subject=tracked.subject, form=Form.PARENT, mention=mention)
    return MessageRef(destination=to, subject=flood.subject, form=Form.FLOOD)


def _recurrence(tracked: TrackedIncident, at: int) -> Iterator[Dispatch]:
    """Yield the line in the former message's thread that it continues in a new one."""
    if tracked.message_count:
        yield from dispatches.milestones(tracked, {Milestone.REOPENED: []}, at)
