"""What messages say of many incidents in English: floods, digests, answers to commands."""

from typing import Final

from alerting.commands.answer import CommandResult
from alerting.commands.slash import Fault
from alerting.incidents.incident import Incident
from alerting.words import numbers
from alerting.words.en.life import EnglishLife
from detectors.model.finding import Finding, Growth
from detectors.model.measures import Measure
from detectors.model.scope import TABLE
from detectors.watch.hottest import Hot
from detectors.watch.standings import Use

NAME: Final = 60
_SAID: Final = {
    CommandResult.DONE: "Done",
    CommandResult.REPEATED: "That was done already",
    CommandResult.UNKNOWN: "There is no such incident or silence any more",
    CommandResult.OVER: "This incident is over: there is nothing to do",
    CommandResult.PAST: "That would end before it begins",
    CommandResult.CONFIGURED: "This silence stands in the configuration: end it there",
}


_FAULTS: Final = {
    Fault.UNKNOWN: "I do not know this word",
    Fault.WHOM: "Say what is to be silenced, such as table:items",
    Fault.HOW_LONG: "Say for how long, such as 30m, 2h or 3d",
    Fault.TOO_LONG: "That is too long or too short",
    Fault.WHICH: "Say which silence ends, by its id: /uneri silences lists them",
    Fault.ALONE: "Everything stands alone: name what is meant, or everything, not both",
    Fault.TEXT: "That is too much text",
}


class EnglishLists(EnglishLife):
    """Tells of many incidents."""

    def flood_title(self, incidents: int, still_open: int) -> str:
        """Return the title of the one message of many incidents."""
        if not still_open:
            return f"FLOOD over · all {incidents:,} incidents resolved"
        return f"FLOOD · {incidents:,} incidents at once · {still_open:,} open"

    def flood_sentence(self, incidents: int, still_open: int) -> str:
        """Say why they are told in one message."""
        return (
            f"{incidents:,} incidents began within a short time, so they are told in one message that is "
            f"kept up to date; {still_open:,} are open. Look for what they have in common first."
        )

    def count(self, what: str, number: int) -> str:
        """Return ``what: number``."""
        return f"{what}: {number:,}"

    def row(self, verdict: str, what: str, size: str, state: str) -> str:
        """Return one line of a flood or a list."""
        return f"*{verdict}*  {what} · {size}" + (f" · {state}" if state else "")

    def state(self, incident: Incident) -> str:
        """Name the state an incident is in."""
        return incident.state

    def in_the_file(self, more: int) -> str:
        """Say how many are not shown here but in the file."""
        return f"and {more:,} more in the file of this thread"

    def and_more(self, more: int) -> str:
        """Say how many are not shown."""
        return f"and {more:,} more"

    def digest_title(self, growing: int, near: int) -> str:
        """Return the title of a digest."""
        if not growing:
            return "DIGEST · nothing grows"
        one = growing == 1
        near_limit = f" or {'is' if one else 'are'} near a limit" if near else ""
        return f"DIGEST · {growing:,} series {'grows' if one else 'grow'}{near_limit}"

    def digest_sentence(self, when: str, title: str, first: str) -> str:
        """Return the sentence for notifications."""
        return f"Digest of {when}: {title}." + (f" First: {first}." if first else "")

    def level(self, finding: Finding) -> str:
        """Say where what grows stands, and how much is left."""
        level = f"now {self.quantity(finding.observed, finding.measure)}"
        return f"{level}, {self.headroom(finding.observed, finding)}" if finding.limit else level

    def forecast(self, growth: Growth) -> str:
        """Say when the limit is met, and what this rests on."""
        interval = f"{growth.per_day_lower * 100:.1f} to {growth.per_day_upper * 100:.1f} % a day"
        rests = f"over {growth.days} days, {interval}".replace("-", "−")
        if growth.days_to_limit is None:
            return rests
        told = f"*limit in {self.days(growth.days_to_limit)}*"
        if growth.days_to_limit_lower is not None:
            late = "never" if growth.days_to_limit_upper is None else self.days(growth.days_to_limit_upper)
            told += f" ({self.days(growth.days_to_limit_lower)} to {late})"
        return f"{told} · {rests}"

    def footer(self, when: str, more: int) -> str:
        """Return the last line of a digest."""
        rest = f"and {more:,} more that grow slower or have no limit near · " if more else ""
        return f"{rest}Growth needs planning, not a reaction · as of {when}"

    def hot(self, hot: Hot, account: str, label: str, former: str, measure: str) -> str:
        """Say which table leads its account, or how near concurrency is to its limit."""
        part = self.percent(hot.share)
        if hot.scope.kind != TABLE:
            return f"{hot.scope.kind.capitalize()} {label}: {part} of its concurrency in its busiest hour"
        of = (
            f"{part} of its {measure} limit in its busiest hour"
            if measure
            else f"{part} of the capacity consumed there"
        )
        was = f"; it was {former}" if former else ""
        whose = account or "the unnamed account"
        return f"The hottest table of {whose} is {'now' if former else 'still'} {label}: {of}{was}"

    def use(self, use: Use, name: str) -> str:
        """Say what an API or a business value came to in a day, and last week."""
        if use.measure is Measure.LATENCY:
            told = f"{name}: {numbers.number(use.day)} ms"
            return told if use.week_ago is None else f"{told}, last week {numbers.number(use.week_ago)} ms"
        unit = "" if use.measure.key else " requests"
        told = f"{name}: {numbers.number(use.day)}{unit}"
        return told if use.week_ago is None else f"{told}, {self.change(use.day, use.week_ago)}"

    def expires(self, what: str, until: str, by: str) -> str:
        """Say that a snooze or silence ends."""
        return f"{what} · until {until}" + (f" · by {by}" if by else "")

    def precision(self, weeks: int, pages: int, expected: int, not_an_anomaly: int) -> str:
        """Say how good the pages of the last weeks were."""
        span = "week" if weeks == 1 else f"{weeks} weeks"
        idle = expected + not_an_anomaly
        good = self.percent(1 - idle / pages) if pages else "–"
        return (
            f"{good} of {pages:,} page{'s' * (pages != 1)} in the last {span} asked for action: "
            f"{expected:,} marked as expected, {not_an_anomaly:,} as not an anomaly"
        )

    def held(self, stage: str, pages: int) -> str:
        """Say how many pages a stage held that are over by now."""
        return f"{self.stage(stage)}: {pages:,} page{'s' * (pages != 1)}"

    def said(self, said: CommandResult, until: str) -> str:
        """Answer a command."""
        return f"{_SAID[said]}, until {until}." if until and said is CommandResult.DONE else f"{_SAID[said]}."

    def fault(self, fault: Fault, word: str) -> str:
        """Say what was not understood of a slash command."""
        about = f" ({word})" if word else ""
        return f"{_FAULTS[fault]}{about}."

    def stage(self, stage: str) -> str:
        """Name a stage of the notification pipeline."""
        return stage.replace("_", " ")

    def standing(self, still_open: int, behind: str) -> str:
        """Say how many incidents are open and how far behind the data is."""
        told = "1 incident is open" if still_open == 1 else f"{still_open:,} incidents are open"
        return f"{told}; the data is {behind} behind." if behind else f"{told}."

    def silence(self, identity: str, what: str, until: str, by: str, why: str) -> str:
        """Return one silence of a list."""
        told = (
            f"*{identity}*  {what}" + (f" · until {until}" if until else "") + (f" · by {by}" if by else "")
        )
        return f"{told} · {why}" if why else told

    def since(self, when: str) -> str:
        """Head what changed."""
        return f"What changed since {when}"

    def takes_the_lead(self, label: str, former: str, account: str) -> str:
        """Say that a table leads its account now."""
        return f"{label} is the hottest table of {account} now" + (f"; it was {former}" if former else "")
