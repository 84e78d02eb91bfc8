"""The lines of a message about what was deployed or configured."""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from alerting.incidents.incident import Incident
from alerting.messages.message import NAME
from alerting.words.mrkdwn import escape, link
from alerting.words.phrases import Phrases
from alerting.words.stated_texts import NAMED_CHANGES, stated_texts, stated_url
from detectors.model.stated import StatedChange


def change_lines(incident: Incident, words: Phrases) -> list[str]:
    """Return after which changes an incident began, the nearest first; none of a withdrawn one."""
    if incident.state == "withdrawn":  # nothing began
        return []
    lines = []
    for one in incident.changes[:NAMED_CHANGES]:
        change, of, by = _shown(one.change, words)
        lines.append(words.incident.after_change(one.after, change, of, by))
    more = len(incident.changes) - len(lines)
    return [*lines, words.incident.more_changes(more)] if more > 0 else lines


def listed_changes(changes: Sequence[StatedChange], words: Phrases, zone: ZoneInfo) -> list[str]:
    """Return changes as a list: when, what, of which scope, by whom."""
    return [_listed(change, words, zone) for change in changes]


def _listed(change: StatedChange, words: Phrases, zone: ZoneInfo) -> str:
    shown, of, by = _shown(change, words)
    kind = escape(words.figures.kind(change.about.kind), NAME)
    return words.answers.deployed(words.when(int(change.ts), zone), shown, f"{kind} {of}", by)


def _shown(change: StatedChange, words: Phrases) -> tuple[str, str, str]:
    """Return the change as a link where it has a safe one, its scope, and by whom, as mrkdwn."""
    what, version, of, by = stated_texts(change)
    named = words.incident.change(what, version)
    # whoever wrote the record chose this name: it is no person to be called
    return link(stated_url(change), named, 2 * NAME), escape(of, NAME) or "–", escape(by, NAME)
