"""Where incidents get their messages: routed, and gathered in one message where they are a flood."""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import structs

from alerting.commands.dispatch import Dispatch, Form
from alerting.incidents.notice import Action, Milestone
from alerting.pipeline import dispatches
from alerting.pipeline.flood import Flood, Floods
from alerting.pipeline.incident_registry import IncidentRegistry
from alerting.pipeline.ledger import Ledger
from alerting.pipeline.routing import Routing
from alerting.pipeline.tracked_incident import MessageRef, TrackedIncident, without_curve


class FirstDelivery:
    """Gives incidents that nothing holds a message at each of their destinations, or a place in a flood's."""

    def __init__(self, routing: Routing, floods: Floods, stories: IncidentRegistry, ledger: Ledger) -> None:
        self._routing = routing
        self._floods = floods
        self._stories = stories
        self._ledger = ledger

    def open(self, stories: Sequence[TrackedIncident], at: int) -> Iterator[Dispatch]:
        """Give the messages of all incidents that are to be told at one moment."""
        ways = [self._routing.way(story.incident) for story in stories]
        together: dict[str, list[str]] = {}
        mentions: dict[str, str] = {}
        for story, way in zip(stories, ways, strict=True):
            for to in way.destinations:
                together.setdefault(to, []).append(story.incident.id)
                mentions[to] = mentions.get(to) or way.mention
        floods = {to: self._floods.take(to, new, mentions[to], at) for to, new in together.items()}
        for story, way in zip(stories, ways, strict=True):
            former = self._former(story, at)
            yield from _came_back(story, at)
            story.mention = way.mention if story.alerted is None else ""  # once an incident
            story.parents += 1
            story.told = [_told(story, to, floods[to]) for to in way.destinations]
            story.notice = structs.replace(story.notice, action=Action.OPEN)
            self._sent(story, floods, at)
            for told in story.told:
                if told.form is Form.PARENT:
                    yield dispatches.parent(story, told, story.notice.id, at, follows=former)
            without_curve(story)

    def flooded(self, at: int) -> Iterator[Dispatch]:
        """Give the messages and the files of floods that changed."""
        for flood, changed in self._floods.changed(at):
            known = (self._stories.get(member) for member in flood.members)
            members = [story for story in known if story is not None]
            if changed:
                yield dispatches.flood(flood, members, at)
                flood.made += 1
            if flood.wants_file(at):
                yield dispatches.file(flood, members, at)
                flood.made_file(at)

    def _former(self, story: TrackedIncident, at: int) -> str | None:
        """Return the subject of the message that a new one links."""
        if story.parents:
            return story.subject
        earlier = self._stories.get(story.incident.follows or "", at)
        return earlier.subject if earlier is not None and earlier.parents else None

    def _sent(self, story: TrackedIncident, floods: Mapping[str, Flood | None], at: int) -> None:
        """Say what an incident was sent as: a flood is one page, that of its first incident."""
        taken = [floods[one.destination] for one in story.told if one.form is Form.FLOOD]
        first = any(one is not None and one.members[0] == story.incident.id for one in taken)
        if len(taken) < len(story.told) or first:
            story.sent = "page"
        if taken:
            story.reason = "flood: one message tells of it and of others"
            self._ledger.did(self._floods.name, "gathered", story, story.reason, at)
        story.alerted = at if story.alerted is None else story.alerted


def _told(story: TrackedIncident, to: str, flood: Flood | None) -> MessageRef:
    if flood is None:
        return MessageRef(destination=to, subject=story.subject, form=Form.PARENT)
    return MessageRef(destination=to, subject=flood.subject, form=Form.FLOOD)


def _came_back(story: TrackedIncident, at: int) -> Iterator[Dispatch]:
    """Say in the thread of the message so far that another one goes on."""
    if story.told and Milestone.REOPENED in story.notice.milestones:
        notice = structs.replace(story.notice, milestones=[Milestone.REOPENED])
        yield from dispatches.milestones(story, notice, at)
