"""The answers to buttons and slash commands in English (``AnswerPhrases``)."""

from typing import Final

from alerting.commands.dispatch import CommandResult
from alerting.commands.memo import LONGEST as LONGEST_MEMO
from alerting.commands.slash import LONGEST_TEXT, Fault

_REPLIES: Final = {
    CommandResult.DONE: "Done",
    CommandResult.REPEATED: "Already done",
    CommandResult.UNKNOWN: "Incident or silence not found, perhaps expired; "
    "/uneri open and /uneri silences list the current ones",
    CommandResult.OVER: "This incident is resolved; there is nothing to do",
    CommandResult.PAST: "The end time has already passed; choose a later one",
    CommandResult.CONFIGURED: "This silence is defined in the configuration; remove it there",
}

_FAULTS: Final = {
    Fault.UNKNOWN: "Unknown command",
    Fault.WHOM: "Name what to silence, for example table:items",
    Fault.HOW_LONG: "Give a duration, for example 30m, 2h or 3d",
    Fault.TOO_LONG: "Choose a duration between 1 minute and 90 days",
    Fault.SINCE: "Name a scope or a service, for example table:items, and then a duration, for example 2h",
    Fault.WHICH: "Give the ID of the silence to end; /uneri silences lists them",
    Fault.ALONE: 'Write "everything" on its own, or name what to silence, but not both',
    Fault.TEXT: f"The text is too long; shorten it to {LONGEST_TEXT:,} characters",
    Fault.NOTE: 'Give the ID of an incident, from the last line of its message, or "now"; then what to note',
    Fault.EMPTY_NOTE: "Write what to note",
    Fault.LONG_NOTE: f"A memo holds up to {LONGEST_MEMO:,} characters; shorten it",
}


def reply(result: CommandResult, until: str) -> str:
    line = _REPLIES[result]
    return f"{line}, until {until}." if until and result is CommandResult.DONE else f"{line}."


def fault(fault: Fault, word: str) -> str:
    offending = f" ({word})" if word else ""
    return f"{_FAULTS[fault]}{offending}."


def status(still_open: int, behind: str) -> str:
    count = f"{still_open:,}" if still_open else "No"
    line = f"{count} open incident{'s' * (still_open != 1)}"
    return f"{line}; data is {behind} behind." if behind else f"{line}."


def silence(identity: str, what: str, until: str, by: str, why: str) -> str:
    line = f"*{identity}*  {what}" + (f" · until {until}" if until else "") + (f" · by {by}" if by else "")
    return f"{line} · {why}" if why else line


def changes(since: str) -> str:
    return f"Changes since {since}"


def deployed(when: str, change: str, of: str, by: str) -> str:
    return f"{when} · {change} of {of}" + (f" by {by}" if by else "")


def new_leader(label: str, former: str, account: str) -> str:
    return f"{label} is now the hottest table in {account}" + (f"; previously {former}" if former else "")
