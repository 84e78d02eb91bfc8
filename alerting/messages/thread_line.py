"""One line of the timeline in an incident's thread: a turn it took, or what somebody did about it."""

from zoneinfo import ZoneInfo

from alerting.commands.command import CommandKind
from alerting.commands.dispatch import Line
from alerting.incidents.incident import Incident
from alerting.messages.handled import WHY
from alerting.messages.message import SECTION, TEXT, Message, context, section
from alerting.words.mrkdwn import escape, person, when
from alerting.words.phrases import Phrases

_TURN = 500
_ASKS = {ask.value: ask for ask in CommandKind}


def thread_line(line: Line, incident: Incident, words: Phrases, zone: ZoneInfo) -> Message:
    """Render one line; what a message shows of the incident is not said again."""
    ask = _ASKS.get(line.what)
    if ask is None:
        said = escape(words.turn(line.what, incident, line.detail), _TURN)
    elif ask is CommandKind.UNSILENCE and not line.by:
        said = words.over_by_itself()
    else:
        until = "" if line.until is None else when(line.until, words.clock(line.until, zone))
        said = words.handled(ask, person(line.by), until, escape(line.detail, WHY))
    at = when(line.at, words.clock(line.at, zone))
    return Message(
        text=said.replace("*", "")[:TEXT], blocks=[section(said[:SECTION]), context([at])], look="over"
    )
