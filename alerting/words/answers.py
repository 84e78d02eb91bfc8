"""The phrases of answers to buttons and slash commands."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from alerting.commands.dispatch import CommandResult
from alerting.commands.memo import LONGEST as LONGEST_MEMO
from alerting.commands.slash import LONGEST_TEXT, Fault
from alerting.words.phrase import Phrase


class AnswerPhrases(msgspec.Struct, frozen=True, kw_only=True):
    """The phrases of answers to buttons and slash commands."""

    results: Mapping[CommandResult, str] = MappingProxyType(
        {
            CommandResult.DONE: "Done",
            CommandResult.REPEATED: "Already done",
            CommandResult.UNKNOWN: "Incident or silence not found, perhaps expired; "
            "/uneri open and /uneri silences list the current ones",
            CommandResult.OVER: "This incident is resolved; there is nothing to do",
            CommandResult.PAST: "The end time has already passed; choose a later one",
            CommandResult.CONFIGURED: "This silence is defined in the configuration; remove it there",
        }
    )
    result: Phrase = Phrase("{line}[, until {until}].")
    faults: Mapping[Fault, str] = MappingProxyType(
        {
            Fault.UNKNOWN: "Unknown command",
            Fault.WHOM: "Name what to silence, for example table:items",
            Fault.HOW_LONG: "Give a duration, for example 30m, 2h or 3d",
            Fault.TOO_LONG: "Choose a duration between 1 minute and 90 days",
            Fault.SINCE: "Name a scope or a service, for example table:items, and then a duration, "
            "for example 2h",
            Fault.WHICH: "Give the ID of the silence to end; /uneri silences lists them",
            Fault.ALONE: 'Write "everything" on its own, or name what to silence, but not both',
            Fault.TEXT: f"The text is too long; shorten it to {LONGEST_TEXT:,} characters",
            Fault.NOTE: 'Give the ID of an incident, from the last line of its message, or "now"; '
            "then what to note",
            Fault.EMPTY_NOTE: "Write what to note",
            Fault.LONG_NOTE: f"A memo holds up to {LONGEST_MEMO:,} characters; shorten it",
        }
    )
    fault_alone: Phrase = Phrase("{fault}.")
    fault_named: Phrase = Phrase("{fault} ({word}).")
    open: Phrase = Phrase("{count:,} open incident{count:?|s}[; data is {behind} behind].")
    none_open: Phrase = Phrase("No open incidents[; data is {behind} behind].")
    silence: Phrase = Phrase("*{identity}*  {what}[ · until {until}][ · by {by}][ · {why}]")  # one of a list
    changes: Phrase = Phrase("Changes since {since}")  # the title of the changes
    # one deployment or other change of a list
    deployed: Phrase = Phrase("{when} · {change} of {of}[ by {by}]")
    # the table that leads its account now
    new_leader: Phrase = Phrase("{label} is now the hottest table in {account}[; previously {former}]")

    def reply(self, result: CommandResult, until: str) -> str:
        """Answer a command; ``until`` is the end of its effect, and may be empty."""
        return self.result(line=self.results[result], until=until if result is CommandResult.DONE else "")

    def fault(self, fault: Fault, word: str) -> str:
        """Name the fault in a slash command; ``word`` is the offending word."""
        text = self.faults[fault]
        return self.fault_named(fault=text, word=word) if word else self.fault_alone(fault=text)

    def status(self, still_open: int, behind: str) -> str:
        """Return the number of open incidents, and the lag of the data (may be empty)."""
        line = self.open if still_open else self.none_open
        return line(count=still_open, behind=behind)
