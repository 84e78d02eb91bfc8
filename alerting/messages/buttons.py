"""The buttons of a page, by the state of its incident."""

from typing import Final

from alerting.commands.command import MARKS, CommandKind
from alerting.commands.slack_interactions import DETAILS, NOTE, PATTERN
from alerting.incidents.incident import Incident
from alerting.messages.message import Block, actions, button, select
from alerting.words.phrases import Phrases

_HOUR: Final = "1h"
_TOMORROW: Final = "tomorrow"


def buttons(incident: Incident, words: Phrases, asked: frozenset[CommandKind] = frozenset()) -> Block:
    """Return the row of buttons.

    ``value`` is ``incident:revision``, and ``1h:incident:revision`` for an entry of the snooze menu: the
    handler of a press looks the incident up and trusts nothing else in a message.

    Parameters
    ----------
    asked
        What people did already: an acknowledged incident needs no second acknowledgement, and a mark can be
        taken back.
    """
    labels = words.labels
    value = f"{incident.id}:{incident.revision}"
    shown: list[Block] = []
    if incident.end is None and not incident.ended:
        if CommandKind.ACKNOWLEDGE not in asked:
            shown.append(button(CommandKind.ACKNOWLEDGE, labels.acknowledge, value, style="primary"))
        entries = ((labels.an_hour, _HOUR), (labels.tomorrow, _TOMORROW), (labels.pattern, PATTERN))
        shown.append(
            select(CommandKind.SNOOZE, labels.snooze, [(text, f"{what}:{value}") for text, what in entries])
        )
    if asked & MARKS:
        shown.append(button(CommandKind.TAKE_BACK, labels.take_back, value))
    elif incident.state != "withdrawn":
        shown.append(button(CommandKind.EXPECTED, labels.as_expected, value))
        shown.append(button(CommandKind.NOT_AN_ANOMALY, labels.not_an_anomaly, value))
    shown.append(button(NOTE, labels.note, value))
    shown.append(button(DETAILS, labels.details, value))
    return actions(shown)
