"""Everything a message says, as one protocol that each language implements whole (docs/adr/0013)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from alerting.commands.answer import CommandResult
from alerting.commands.command import CommandKind
from alerting.commands.slash import Fault
from alerting.incidents.incident import Incident
from alerting.words.phrases_fixed import Labels
from detectors.model.finding import Finding, Growth, Share, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import ScopeOrEdge
from detectors.watch.hottest import Hot
from detectors.watch.standings import Use


class Phrases(Protocol):
    """The words of one language.

    Methods that take a finding, an incident or a scope return plain text that may hold names from events:
    whoever shows it escapes it whole. Methods that take strings put them in as they are, so that they may
    hold what was escaped or marked up before; what such a method adds is safe in mrkdwn, and holds no markup
    but the bold that its description names.
    """

    @property
    def locale(self) -> str:
        """``en`` or ``ja``."""

    @property
    def labels(self) -> Labels:
        """What is said the same way every time."""

    # Figures

    def kind(self, kind: str) -> str:
        """Name a kind of scope: ``table``."""

    def about(self, scope: ScopeOrEdge) -> str:
        """Name a scope or edge: ``table items``, ``function put → table items``."""

    def verdict(self, verdict: Verdict) -> str:
        """Name a verdict, as titles do."""

    def name(self, measure: Measure) -> str:
        """Name a measure."""

    def unit(self, measure: Measure) -> str:
        """Return the unit that values of a measure are shown in."""

    def quantity(self, value: float, measure: Measure) -> str:
        """Return a value with its unit."""

    def change(self, observed: float, expected: float) -> str:
        """Say how far ``observed`` is from ``expected``: ``+412 %``."""

    def percent(self, share: float) -> str:
        """Return a share, rounded so that 100 % is only said of the whole."""

    def per_day(self, fraction: float) -> str:
        """Return a rate of growth."""

    def days(self, value: float) -> str:
        """Return a number of days."""

    def duration(self, seconds: int) -> str:
        """Return a duration in at most two units."""

    def times(self, count: int) -> str:
        """Say how often something came."""

    def clock(self, epoch: int, zone: ZoneInfo) -> str:
        """Return a time in the channel's zone, with the zone."""

    def friendly(self, epoch: int, zone: ZoneInfo, *, day: bool = True) -> str:
        """Return a time as Slack shows it to a reader of this language, with its ``day`` or alone."""

    def day(self, at: datetime) -> str:
        """Return a date with its day of the week."""

    # An incident

    def title(self, incident: Incident) -> str:
        """Return the title: verdict and state, what it is about, how large it is."""

    def size(self, finding: Finding, value: float) -> str:
        """Return measure and size; ``value`` is what was observed, or where it was furthest."""

    def sentence(self, incident: Incident) -> str:
        """Return the whole story in one or two sentences, for notifications and screen readers."""

    def why(self, finding: Finding) -> str:
        """Say why it is told, in one sentence with the numbers used."""

    def over(self, incident: Incident) -> str:
        """Say how it ended, as a sentence."""

    def interval(self, finding: Finding) -> str:
        """Return what was expected, with its interval."""

    def named(self, finding: Finding) -> str:
        """Name what a finding is about and its measure."""

    def headroom(self, value: float, finding: Finding) -> str:
        """Say how much of the known limit is left at ``value``."""

    def complete(self, share: float) -> str:
        """Say how complete the data is."""

    def place(self, scope: ScopeOrEdge) -> str:
        """Return cloud, account and region."""

    def called_by(self, finding: Finding) -> str:
        """Return what follows ``labels.callers`` above the callers: what their shares are shares of."""

    def because(self, share: Share, finding: Finding) -> str:
        """Say whether a caller calls more often or asks for more with each call; may be empty."""

    def carries(self, kind: str, who: str, part: str) -> str:
        """Say that a client or tenant stands out."""

    def throttled(self, reasons: Sequence[tuple[str, str]]) -> str:
        """Say why calls were throttled: reasons with their counts."""

    def door(self, kind: str) -> str:
        """Name a link by the suffix of its kind: ``logs``, ``metrics``; others as they are."""

    def compared(self, finding: Finding) -> str:
        """Say what it is compared with: which weeks, which were left out."""

    def with_it(self, names: Sequence[str], more: int) -> str:
        """Name what else is affected."""

    def all_of_it(self, span: str) -> str:
        """Say when all that was affected began and ended; ``span`` is markup already."""

    def as_of(self, when: str, incident: str, reopened: int) -> str:
        """Say when this was so, and of which incident."""

    def came_back(self, link: str) -> str:
        """Lead to the message of the last time."""

    def alternative(self, finding: Finding, peak: float, hours: int) -> str:
        """Say in words what a chart shows, for those who cannot see it."""

    # Its life

    def turn(self, what: str, incident: Incident, detail: str) -> str:
        """Say what turn an incident took (``Milestone``); ``detail`` is a name from an event."""

    def handled(self, ask: CommandKind, who: str, until: str, why: str) -> str:
        """Say who did what, the verb in bold; all but ``ask`` may be empty."""

    def over_by_itself(self) -> str:
        """Say that a snooze ended while its incident goes on."""

    # A flood

    def flood_title(self, incidents: int, still_open: int) -> str:
        """Return the title of the one message of many incidents."""

    def flood_sentence(self, incidents: int, still_open: int) -> str:
        """Say why they are told in one message."""

    def count(self, what: str, number: int) -> str:
        """Return ``what: number``."""

    def row(self, verdict: str, what: str, size: str, state: str) -> str:
        """Return one line of a flood or a list; ``state`` may be empty."""

    def state(self, incident: Incident) -> str:
        """Name the state an incident is in."""

    def in_the_file(self, more: int) -> str:
        """Say how many are not shown here but in the file."""

    def and_more(self, more: int) -> str:
        """Say how many are not shown."""

    # The digest

    def digest_title(self, growing: int, near: int) -> str:
        """Return the title of a digest; ``near`` of the ``growing`` are near a limit without growing."""

    def digest_sentence(self, when: str, title: str, first: str) -> str:
        """Return the sentence for notifications."""

    def level(self, finding: Finding) -> str:
        """Say where what grows stands, and how much is left."""

    def forecast(self, growth: Growth) -> str:
        """Say when the limit is met, in bold, and what this rests on."""

    def footer(self, when: str, more: int) -> str:
        """Return the last line of a digest."""

    def hot(self, hot: Hot, account: str, label: str, former: str, measure: str) -> str:
        """Say which table leads its account, and who led before, or how near concurrency is to its limit."""

    def use(self, use: Use, name: str) -> str:
        """Say what an API or a business value came to in a day, and last week; ``name`` is mrkdwn."""

    def expires(self, what: str, until: str, by: str) -> str:
        """Say that a snooze or silence ends."""

    def precision(self, weeks: int, pages: int, expected: int, not_an_anomaly: int) -> str:
        """Say how good the pages of the last weeks were."""

    def held(self, stage: str, pages: int) -> str:
        """Say how many pages a stage of the pipeline held that are over by now."""

    # Answers to commands

    def said(self, said: CommandResult, until: str) -> str:
        """Answer a command; ``until`` says how long what it made holds, and may be empty."""

    def fault(self, fault: Fault, word: str) -> str:
        """Say what was not understood of a slash command; ``word`` is the word it stumbled over."""

    def stage(self, stage: str) -> str:
        """Name a stage of the notification pipeline."""

    def standing(self, still_open: int, behind: str) -> str:
        """Say how many incidents are open and how far behind the data is (may be empty)."""

    def silence(self, identity: str, what: str, until: str, by: str, why: str) -> str:
        """Return one silence of a list."""

    def since(self, when: str) -> str:
        """Head what changed."""

    def takes_the_lead(self, label: str, former: str, account: str) -> str:
        """Say that a table leads its account now."""
