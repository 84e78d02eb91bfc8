"""The phrases of messages, as parts that each language fills (docs/adr/0013).

A part is a protocol, and a language implements it as a module of functions: mypy holds each to its protocol.

Functions that take a finding, an incident or a scope return plain text that may hold names from events: the
caller escapes it as a whole. Functions that take strings insert them unchanged, so these may be escaped or
marked up already; what such a function adds is safe in mrkdwn, with no markup but the bold that its
description mentions.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from alerting.commands.command import CommandKind
from alerting.commands.dispatch import CommandResult
from alerting.commands.slash import Fault
from alerting.incidents.incident import Incident
from alerting.incidents.severity import Grade, Severity, of_finding
from alerting.incidents.worth import Size
from alerting.words.labels import Labels
from alerting.words.mrkdwn import clean, cut, when
from alerting.words.stated_texts import NAMED_CHANGES, stated_texts
from detectors.model.finding import AddedUp, Concentration, Failures, Finding, Growth, Share, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import ACCOUNT, TABLE, ScopeOrEdge
from detectors.watch.rankings import Hot, Use

NAMED_ROUTES: Final = 3
LONGEST_ROUTE: Final = 50

NOBODY: Final[Mapping[str, str]] = MappingProxyType({})


class Figures(Protocol):
    """Numbers, names and times: what all other parts are made of."""

    def kind(self, of: str) -> str:
        """Name a kind of scope: ``table``."""

    def about(self, scope: ScopeOrEdge) -> str:
        """Name a scope or edge: ``table items``, ``function put → table items``."""

    def verdict(self, of: Verdict) -> str:
        """Name a verdict, as titles do."""

    def measure(self, of: Measure, about: ScopeOrEdge | None = None) -> str:
        """Name a measure; the requests of a table are calls."""

    def unit(self, of: Measure, about: ScopeOrEdge | None = None) -> str:
        """Return the unit that values of a measure are shown in."""

    def quantity(self, value: float, of: Measure, about: ScopeOrEdge | None = None) -> str:
        """Return a value with its unit."""

    def added_up(self, of: AddedUp, finding: Finding) -> str:
        """Return the mean over some minutes: ``0.33 requests/s over 13 min``."""

    def change(self, observed: float, expected: float, of: Measure) -> str:
        """Return the change from ``expected`` to ``observed``: ``+412 %``; from next to nothing, both."""

    def failures(self, of: Failures, about: ScopeOrEdge) -> str:
        """Return the count of failed requests: ``40 of 98 requests in 10 min``."""

    def failure_kinds(self, of: Failures) -> str:
        """Return how they failed: ``502 Timeout (40 of 52), 500 KeyError (12, new)``; empty if unknown."""

    def usually(self, of: Failures) -> str:
        """Return the usual share of failures: ``0`` or ``2 %``."""

    def percent(self, share: float) -> str:
        """Return a share, rounded so that only the whole is 100 %."""

    def per_day(self, fraction: float) -> str:
        """Return a rate of growth."""

    def days_to_limit(self, growth: Growth) -> str:
        """Return the range of days until a limit is reached; empty where no day is named."""

    def duration(self, seconds: int) -> str:
        """Return a duration in at most two units."""

    def times(self, count: int) -> str:
        """Return the number of occurrences in words."""

    def clock(self, epoch: int, zone: ZoneInfo) -> str:
        """Return a time in the channel's zone, with the zone."""

    def slack_time(self, epoch: int, zone: ZoneInfo, *, day: bool = True) -> str:
        """Return a time as Slack shows it to a reader of this language, with or without its day."""

    def date(self, at: datetime) -> str:
        """Return a date with its day of the week."""

    def account(self, account: str, name: str) -> str:
        """Return the id of an account, after its name if that is known: ``game-prod (123456789012)``."""

    def place(self, scope: ScopeOrEdge, name: str) -> str:
        """Return cloud, account and region; ``name`` is that of the account, empty if it has none."""

    def interval(self, finding: Finding) -> str:
        """Return the expected value with its interval."""

    def series(self, finding: Finding) -> str:
        """Name the series of a finding: its scope and measure."""

    def headroom(self, value: float, finding: Finding) -> str:
        """Return the part of the known limit that is left at ``value``."""

    def costs(self, an_hour: float) -> str:
        """Return the costs of a deviation, in US dollars an hour more than expected, or less."""

    def completeness(self, share: float) -> str:
        """Return the completeness of the data."""

    def count(self, what: str, number: int) -> str:
        """Return ``what: number``."""

    def state(self, of: Incident) -> str:
        """Name the state an incident is in."""

    def stage(self, of: str) -> str:
        """Name a stage of the notification pipeline."""

    def and_more(self, more: int) -> str:
        """Return the line that counts the entries not shown."""

    def more_in_file(self, more: int) -> str:
        """Return the line that counts the entries shown only in the attached file."""


class IncidentPhrases(Protocol):
    """The phrases about one incident: in its page, its thread and its chart."""

    def title(self, of: Incident) -> str:
        """Return the title: verdict and state, what it is about, how large it is."""

    def size(self, finding: Finding, value: float) -> str:
        """Return measure and size; ``value`` is what was observed, or the furthest from the expected."""

    def sentence(self, of: Incident, where: str) -> str:
        """Return the whole story in one or two sentences, for notifications and screen readers.

        ``where`` is the place (``Phrases.place``).
        """

    def why(self, finding: Finding) -> str:
        """Explain the finding in one sentence with the numbers used."""

    def ending(self, of: Incident) -> str:
        """Return the sentence about its end."""

    def share_of(self, finding: Finding) -> str:
        """Return the text after ``labels.callers``: the whole that the shares belong to."""

    def because(self, share: Share, finding: Finding) -> str:
        """Return whether a caller calls more often or uses more per call, in words; may be empty."""

    def concentration(self, of: Concentration) -> str:
        """Return in a short phrase how the sources of a rise share it."""

    def stands_out(self, kind: str, label: str, part: str) -> str:
        """Return the line about a client or tenant that stands out."""

    def throttled(self, reasons: Sequence[tuple[str, str]]) -> str:
        """Return the line about throttled calls: reasons with their counts."""

    def link_name(self, suffix: str) -> str:
        """Name a link by the suffix of its kind: ``logs``, ``metrics``; others as they are."""

    def grade(self, of: Grade) -> str:
        """Name how bad something is."""

    def severity(self, of: Severity, *, over: bool, is_table: bool = False) -> str:
        """Return the severity, in the past tense once it is over, with the reason in one phrase.

        ``is_table`` is True if requests are calls of a table.
        """

    def reached_by(self, requests: float, lasted: str, *, is_table: bool) -> str:
        """Return the number of requests (of a table, calls) in a time."""

    def missing(self, requests: float, lasted: str, *, is_table: bool) -> str:
        """Return the number of missing requests (of a table, calls) in a time."""

    def routes(self, names: Sequence[str], more: int) -> str:
        """Name the routes that are hurt; empty without any."""

    def compared(self, finding: Finding) -> str:
        """Return the basis of the comparison: the weeks used, and those excluded."""

    def forecast(self, growth: Growth) -> str:
        """Return the days until the limit, in bold, with the basis of the forecast."""

    def also_affected(self, names: Sequence[str], more: int) -> str:
        """Name the other series affected."""

    def whole_span(self, span: str) -> str:
        """Return the span of everything affected; ``span`` is markup already."""

    def rule(self, of: Size) -> str:
        """Return the size of an incident and the setting that let its page out."""

    def as_of(self, when: str, incident: str, reopened: int) -> str:
        """Return the small print: the time of the message and the incident."""

    def seen_before(self, link: str) -> str:
        """Link the message of the previous time."""

    def alt_text(self, finding: Finding, peak: float, hours: int) -> str:
        """Return the alternative text of a chart."""

    def milestone(self, what: str, of: Incident, detail: str) -> str:
        """Return the thread line of a ``Milestone``; ``detail`` is a name from an event."""

    def action(self, kind: CommandKind, who: str, until: str, why: str, *, teaches: bool = False) -> str:
        """Return the line about a command, its verb in bold; all but ``kind`` may be empty.

        ``teaches``: a mark of its incident asks more of the next one like it.
        """

    def change(self, what: str, version: str) -> str:
        """Name a change: ``deploy 42``; both may be empty, and hold what a source wrote."""

    def after_change(self, after: int, change: str, of: str, by: str) -> str:
        """Return the seconds from a change to the begin, without claiming a cause; 0 is about the same time.

        ``by`` may be empty.
        """

    def more_changes(self, more: int) -> str:
        """Return the number of other changes shortly before it, in words."""

    def memo(self, title: str, when: str, who: str, text: str) -> str:
        """Return a memo with its author and time; ``title`` is a label, in bold."""

    def snooze_expired(self) -> str:
        """Return the line about a snooze that expired while its incident is still open."""


class DigestPhrases(Protocol):
    """The daily digest, and the message of a flood."""

    def title(self, growing: int, near: int, groups: int) -> str:
        """Return the title; ``near`` of the ``growing`` series are near a limit without growing.

        ``groups`` is the number of entries: series that grow together are one.
        """

    def together(self, names: Sequence[str], more: int) -> str:
        """Name the series that grow together with that of an entry."""

    def limit_in(self, growth: Growth) -> str:
        """Return the days until a limit, in words; empty where no day is named."""

    def sentence(self, when: str, title: str, first: str) -> str:
        """Return the sentence for notifications."""

    def level(self, finding: Finding) -> str:
        """Return the level of a growing series, and its headroom."""

    def footer(self, when: str, more: int) -> str:
        """Return the last line."""

    def lasting(self, since: str, until: str) -> str:
        """Return the span of a small change; ``until`` is empty while it lasts."""

    def hottest(self, hot: Hot, account: str, label: str, former: str, measure: str) -> str:
        """Return the table that leads its account and its predecessor, or the concurrency near a limit."""

    def usage(self, use: Use, name: str) -> str:
        """Return the day of an API or a business value, and that of last week; ``name`` is mrkdwn."""

    def cost(self, use: Use, name: str) -> str:
        """Return the costs of a day and of 30 days, and those before; ``name`` is mrkdwn."""

    def expiring(self, what: str, until: str, by: str) -> str:
        """Return the line about a snooze or silence that ends soon."""

    def precision(self, weeks: int, pages: int, expected: int, not_an_anomaly: int) -> str:
        """Return the share of pages of the last weeks that were actionable."""

    def less_sensitive(self, times: float, left_out: int, lost: int) -> str:
        """Propose a setting that would have left out most of the marked pages."""

    def held(self, stage: str, pages: int) -> str:
        """Return the number of pages that a stage held until they were resolved."""

    def judgeable(self, names: Sequence[str], more: int) -> str:
        """Return the scopes judged since the last digest."""

    def learnt(self, counts: Mapping[str, int]) -> str:
        """Return the number of scopes judged before the start, by kind."""

    def learning(self, scopes: int, first: int, last: int, days: int) -> str:
        """Return the number of scopes still learnt, on the ``first`` to ``last`` of the ``days`` it takes."""

    def flood_title(self, incidents: int, still_open: int) -> str:
        """Return the title of the one message of many incidents."""

    def flood_sentence(self, incidents: int, still_open: int) -> str:
        """Return the sentence about incidents that share one message."""


class AnswerPhrases(Protocol):
    """The answers to buttons and slash commands."""

    def reply(self, result: CommandResult, until: str) -> str:
        """Answer a command; ``until`` is the end of its effect, and may be empty."""

    def fault(self, fault: Fault, word: str) -> str:
        """Name the fault in a slash command; ``word`` is the offending word."""

    def status(self, still_open: int, behind: str) -> str:
        """Return the number of open incidents, and the lag of the data (may be empty)."""

    def silence(self, identity: str, what: str, until: str, by: str, why: str) -> str:
        """Return one silence of a list, its id in bold."""

    def changes(self, since: str) -> str:
        """Return the title of the changes."""

    def deployed(self, when: str, change: str, of: str, by: str) -> str:
        """Return one deployment or other change of a list; ``by`` may be empty."""

    def new_leader(self, label: str, former: str, account: str) -> str:
        """Return the line about a table that leads its account now."""


class Phrases(NamedTuple):
    """The phrases of one language, part by part."""

    locale: str  # as in ``notify.locale``
    labels: Labels
    figures: Figures
    incident: IncidentPhrases
    digest: DigestPhrases
    answers: AnswerPhrases
    accounts: Mapping[str, str] = NOBODY  # what people call accounts, by id

    def severity_of(self, incident: Incident) -> str:
        """Return the severity of an incident, with the reason."""
        found, primary = incident.severity, incident.primary
        is_table = primary.about.kind == TABLE and of_finding(primary) == found  # it may be of another
        over = incident.ended or not any(
            finding.deviates for finding in (incident.primary, *incident.members)
        )
        return self.incident.severity(found, over=over, is_table=is_table)

    def affected_by(self, incident: Incident) -> str:
        """Return the requests and routes that an incident hurts; empty if they are unknown."""
        requests, seconds, routes, more = incident.reached
        named = [cut(clean(route.name), LONGEST_ROUTE) for route in routes[:NAMED_ROUTES]]
        among, primary = "", incident.primary
        is_table, lasted = primary.about.kind == TABLE, self.figures.duration(seconds)
        if primary.missed and requests is not None:
            among = self.incident.missing(primary.missed, lasted, is_table=is_table)
        elif requests is not None:
            among = self.incident.reached_by(requests, lasted, is_table=is_table)
        rest = more + max(0, len(routes) - NAMED_ROUTES)
        return " · ".join(part for part in (among, self.incident.routes(named, rest)) if part)

    def after_changes(self, incident: Incident, most: int = NAMED_CHANGES) -> list[str]:
        """Return the changes before an incident, the nearest first, as plain text."""
        lines = []
        for change in incident.changes[:most]:
            what, version, of, by = stated_texts(change.change)
            lines.append(
                self.incident.after_change(change.after, self.incident.change(what, version), of, by)
            )
        return lines

    def named(self, incident: Incident) -> Incident:
        """Return an incident, for its title and sentence: an account under the name that people use."""
        about, primary = incident.primary.scope, incident.primary
        if about is None or about.kind != ACCOUNT or about.account not in self.accounts:
            return incident
        shown = about._replace(name=self.account(about.account))
        return replace(incident, primary=replace(primary, scope=shown))

    def account(self, account: str) -> str:
        """Return the id of an account after its configured name: plain text, which the caller escapes."""
        return self.figures.account(account, self.accounts.get(account, ""))

    def place(self, scope: ScopeOrEdge) -> str:
        """Return cloud, account (with its name) and region."""
        return self.figures.place(scope, self.accounts.get(scope.account, ""))

    def when(self, epoch: int, zone: ZoneInfo, *, day: bool = True) -> str:
        """Return a time as mrkdwn, which Slack shows in the reader's time zone and language."""
        return when(epoch, self.figures.clock(epoch, zone), day=day)
