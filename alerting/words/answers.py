"""The phrases of answers to buttons and slash commands."""

from collections.abc import Mapping

import msgspec

from alerting.commands.dispatch import CommandResult
from alerting.commands.slash import Fault
from alerting.words.phrase import Phrase


class AnswerPhrases(msgspec.Struct, frozen=True, kw_only=True):
    """The phrases of answers to buttons and slash commands."""

    results: Mapping[CommandResult, str]
    result: Phrase  # line, until
    faults: Mapping[Fault, str]
    fault_alone: Phrase  # fault
    fault_named: Phrase  # fault, word
    open: Phrase  # count, behind
    none_open: Phrase  # behind
    silence: Phrase  # identity, what, until, by, why: one of a list
    changes: Phrase  # since: the title of the changes
    deployed: Phrase  # when, change, of, by: one deployment or other change of a list
    new_leader: Phrase  # label, former, account: the table that leads its account now

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
