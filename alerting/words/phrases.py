"""Everything a message says, as parts that each language fills (docs/adr/0013).

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
from alerting.words.labels import Labels
from alerting.words.mrkdwn import clean, cut, when
from alerting.words.stated_texts import NAMED_CHANGES, stated_texts
from detectors.model.finding import AddedUp, Failures, Finding, Growth, Share, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import ACCOUNT, TABLE, ScopeOrEdge
from detectors.watch.hottest import Hot, Use

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
        """Return what minutes added up to, and over how long: ``0.33 requests/s over 13 min``."""

    def change(self, observed: float, expected: float, of: Measure) -> str:
        """Return how far ``observed`` is from ``expected``: ``+412 %``; of nearly nothing, both values."""

    def failures(self, of: Failures, about: ScopeOrEdge) -> str:
        """Return how many requests failed, and in what time: ``40 of 98 requests in 10 min``."""

    def usually(self, of: Failures) -> str:
        """Return how many of them usually fail: ``0`` or ``2 %``."""

    def percent(self, share: float) -> str:
        """Return a share, rounded so that only the whole is 100 %."""

    def per_day(self, fraction: float) -> str:
        """Return a rate of growth."""

    def days_to_limit(self, growth: Growth) -> str:
        """Return when a limit is reached, as a range of days; nothing where no day is named."""

    def duration(self, seconds: int) -> str:
        """Return a duration in at most two units."""

    def times(self, count: int) -> str:
        """Say how often something occurred."""

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
        """Return what was expected, with its interval."""

    def series(self, finding: Finding) -> str:
        """Name the series of a finding: its scope and measure."""

    def headroom(self, value: float, finding: Finding) -> str:
        """Say how much of the known limit is left at ``value``."""

    def costs(self, an_hour: float) -> str:
        """Say what a deviation costs, in US dollars an hour more than expected, or less."""

    def completeness(self, share: float) -> str:
        """Say how complete the data is."""

    def count(self, what: str, number: int) -> str:
        """Return ``what: number``."""

    def state(self, of: Incident) -> str:
        """Name the state an incident is in."""

    def stage(self, of: str) -> str:
        """Name a stage of the notification pipeline."""

    def and_more(self, more: int) -> str:
        """Say how many are not shown."""

    def more_in_file(self, more: int) -> str:
        """Say how many are not shown here but in the attached file."""


class IncidentPhrases(Protocol):
    """What is said of one incident: in its page, its thread and its chart."""

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
        """Say how it ended, as a sentence."""

    def share_of(self, finding: Finding) -> str:
        """Return what follows ``labels.callers``: what the callers' shares are shares of."""

    def because(self, share: Share, finding: Finding) -> str:
        """Say whether a caller calls more often or uses more per call; may be empty."""

    def stands_out(self, kind: str, who: str, part: str) -> str:
        """Say that a client or tenant stands out."""

    def throttled(self, reasons: Sequence[tuple[str, str]]) -> str:
        """Say why calls were throttled: reasons with their counts."""

    def link_name(self, suffix: str) -> str:
        """Name a link by the suffix of its kind: ``logs``, ``metrics``; others as they are."""

    def grade(self, of: Grade) -> str:
        """Name how bad something is."""

    def severity(self, of: Severity, *, over: bool, is_table: bool = False) -> str:
        """Return how bad it is, or was once it is over, with the reason in one phrase.

        ``is_table`` is True if requests are calls of a table.
        """

    def reached_by(self, requests: float, lasted: str, *, is_table: bool) -> str:
        """Say how many requests (of a table, calls) there were in a time."""

    def missing(self, requests: float, lasted: str, *, is_table: bool) -> str:
        """Say how many requests (of a table, calls) are missing in a time."""

    def routes(self, names: Sequence[str], more: int) -> str:
        """Name the routes that are hurt; empty without any."""

    def compared(self, finding: Finding) -> str:
        """Say what it is compared with: which weeks, and which were excluded."""

    def forecast(self, growth: Growth) -> str:
        """Say when the limit is reached, in bold, and what the forecast is based on."""

    def also_affected(self, names: Sequence[str], more: int) -> str:
        """Name what else is affected."""

    def whole_span(self, span: str) -> str:
        """Say when everything that was affected began and ended; ``span`` is markup already."""

    def as_of(self, when: str, incident: str, reopened: int) -> str:
        """Say when this was so, and of which incident."""

    def seen_before(self, link: str) -> str:
        """Link the message of the previous time."""

    def alt_text(self, finding: Finding, peak: float, hours: int) -> str:
        """Describe a chart, for those who cannot see it."""

    def milestone(self, what: str, of: Incident, detail: str) -> str:
        """Return the thread line of a ``Milestone``; ``detail`` is a name from an event."""

    def action(self, kind: CommandKind, who: str, until: str, why: str, *, teaches: bool = False) -> str:
        """Say who did what, the verb in bold; all but ``kind`` may be empty.

        ``teaches``: a mark of its incident asks more of the next one like it.
        """

    def change(self, what: str, version: str) -> str:
        """Name a change: ``deploy 42``; both may be empty, and hold what a source wrote."""

    def after_change(self, after: int, change: str, of: str, by: str) -> str:
        """Say how many seconds after a change it began, and nothing about a cause; 0 is about the same time.

        ``by`` may be empty.
        """

    def more_changes(self, more: int) -> str:
        """Say how many other changes came shortly before it."""

    def memo(self, title: str, when: str, who: str, text: str) -> str:
        """Return a memo: whose, of when, and what it says; ``title`` is a label, in bold."""

    def snooze_expired(self) -> str:
        """Say that a snooze expired while its incident is still open."""


class DigestPhrases(Protocol):
    """The daily digest, and the message of a flood."""

    def title(self, growing: int, near: int, groups: int) -> str:
        """Return the title; ``near`` of the ``growing`` series are near a limit without growing.

        ``groups`` is the number of entries: series that grow together are one.
        """

    def together(self, names: Sequence[str], more: int) -> str:
        """Name what grows together with what an entry is about."""

    def limit_in(self, growth: Growth) -> str:
        """Say in how many days a limit is reached; nothing where no day is named."""

    def sentence(self, when: str, title: str, first: str) -> str:
        """Return the sentence for notifications."""

    def level(self, finding: Finding) -> str:
        """Say where a growing series stands, and how much is left."""

    def footer(self, when: str, more: int) -> str:
        """Return the last line."""

    def hottest(self, hot: Hot, account: str, label: str, former: str, measure: str) -> str:
        """Say which table leads its account and which led before, or how near concurrency is to its limit."""

    def usage(self, use: Use, name: str) -> str:
        """Say what an API or a business value came to in a day, and last week; ``name`` is mrkdwn."""

    def cost(self, use: Use, name: str) -> str:
        """Say what something cost in a day and in 30 days, and before; ``name`` is mrkdwn."""

    def expiring(self, what: str, until: str, by: str) -> str:
        """Say that a snooze or silence ends soon."""

    def precision(self, weeks: int, pages: int, expected: int, not_an_anomaly: int) -> str:
        """Say how many pages of the last weeks were actionable."""

    def less_sensitive(self, times: float, left_out: int, lost: int) -> str:
        """Propose a setting that would have left out most of the marked pages."""

    def held(self, stage: str, pages: int) -> str:
        """Say how many pages a stage of the pipeline held until they were resolved."""

    def judgeable(self, names: Sequence[str], more: int) -> str:
        """Say what is old enough to be judged since the last digest."""

    def learnt(self, counts: Mapping[str, int]) -> str:
        """Say how many scopes of which kinds became judgeable in history."""

    def learning(self, scopes: int, first: int, last: int, days: int) -> str:
        """Say how many scopes are still learnt, on the ``first`` to ``last`` of the ``days`` it takes."""

    def flood_title(self, incidents: int, still_open: int) -> str:
        """Return the title of the one message of many incidents."""

    def flood_sentence(self, incidents: int, still_open: int) -> str:
        """Say why they share one message."""


class AnswerPhrases(Protocol):
    """What people get back for a button or a slash command."""

    def reply(self, result: CommandResult, until: str) -> str:
        """Answer a command; ``until`` says how long its effect lasts, and may be empty."""

    def fault(self, fault: Fault, word: str) -> str:
        """Say what was not understood of a slash command; ``word`` is the offending word."""

    def status(self, still_open: int, behind: str) -> str:
        """Say how many incidents are open and how far the data lags (may be empty)."""

    def silence(self, identity: str, what: str, until: str, by: str, why: str) -> str:
        """Return one silence of a list, its id in bold."""

    def changes(self, since: str) -> str:
        """Return the title of what changed."""

    def deployed(self, when: str, change: str, of: str, by: str) -> str:
        """Return one deployment or other change of a list; ``by`` may be empty."""

    def new_leader(self, label: str, former: str, account: str) -> str:
        """Say that a table leads its account now."""


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
        """Return how bad an incident is or was, with the reason."""
        found, primary = incident.severity, incident.primary
        is_table = primary.about.kind == TABLE and of_finding(primary) == found  # it may be of another
        return self.incident.severity(found, over=incident.ended, is_table=is_table)

    def affected_by(self, incident: Incident) -> str:
        """Return who an incident hurts; empty if that is unknown."""
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
        """Return after which changes an incident began, the nearest first, as plain text."""
        said = []
        for change in incident.changes[:most]:
            what, version, of, by = stated_texts(change.change)
            said.append(self.incident.after_change(change.after, self.incident.change(what, version), of, by))
        return said

    def named(self, incident: Incident) -> Incident:
        """Return an incident, for its title and sentence: an account under the name that people use."""
        about, primary = incident.primary.scope, incident.primary
        if about is None or about.kind != ACCOUNT or about.account not in self.accounts:
            return incident
        shown = about._replace(name=self.account(about.account))
        return replace(incident, primary=replace(primary, scope=shown))

    def account(self, account: str) -> str:
        """Return the id of an account, after the name that people call it by."""
        return self.figures.account(account, self.accounts.get(account, ""))

    def place(self, scope: ScopeOrEdge) -> str:
        """Return cloud, account (with its name) and region."""
        return self.figures.place(scope, self.accounts.get(scope.account, ""))

    def when(self, epoch: int, zone: ZoneInfo, *, day: bool = True) -> str:
        """Return a time as mrkdwn, which Slack shows in the reader's time zone and language."""
        return when(epoch, self.figures.clock(epoch, zone), day=day)
