"""Figures, names and times in English."""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from alerting.words import numbers
from alerting.words.mrkdwn import clean, cut
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import Edge, ScopeOrEdge

NAME: Final = 60


class EnglishFigures:
    """Writes what every sentence is made of."""

    def kind(self, kind: str) -> str:
        """Name a kind of scope."""
        return kind

    def about(self, scope: ScopeOrEdge) -> str:
        """Name a scope or edge: ``table items``, ``function put → table items``."""
        if isinstance(scope, Edge):
            return f"{self.about(scope.source)} → {self.about(scope.target)}"
        return f"{scope.kind} {cut(scope.label, NAME)}"

    def verdict(self, verdict: Verdict) -> str:
        """Name a verdict, as titles do."""
        return verdict.value.upper()

    def name(self, measure: Measure) -> str:
        """Name a measure."""
        return numbers.name(measure)

    def unit(self, measure: Measure) -> str:
        """Return the unit that values of a measure are shown in."""
        return numbers.unit(measure)

    def quantity(self, value: float, measure: Measure) -> str:
        """Return a value with its unit."""
        return numbers.quantity(value, measure)

    def change(self, observed: float, expected: float) -> str:
        """Say how far ``observed`` is from ``expected``."""
        return numbers.change(observed, expected)

    def percent(self, share: float) -> str:
        """Return a share."""
        return numbers.percent(share)

    def per_day(self, fraction: float) -> str:
        """Return a rate of growth."""
        return numbers.per_day(fraction)

    def days(self, value: float) -> str:
        """Return a number of days."""
        return numbers.days(value)

    def duration(self, seconds: int) -> str:
        """Return a duration in at most two units."""
        return numbers.duration(seconds)

    def times(self, count: int) -> str:
        """Say how often something came."""
        return "once" if count == 1 else f"{count:,} times"

    def clock(self, epoch: int, zone: ZoneInfo) -> str:
        """Return a time in the channel's zone.

        Examples
        --------
        >>> EnglishFigures().clock(1760000000, ZoneInfo("Asia/Tokyo"))
        '2025-10-09 17:53 JST'
        """
        return f"{datetime.fromtimestamp(epoch, zone):%Y-%m-%d %H:%M %Z}"

    def friendly(self, epoch: int, zone: ZoneInfo, *, day: bool = True) -> str:
        """Return a time as Slack shows it.

        Examples
        --------
        >>> EnglishFigures().friendly(1760000000, ZoneInfo("Asia/Tokyo"))
        'Oct 9, 2025 17:53'
        """
        at = datetime.fromtimestamp(epoch, zone)
        return f"{at:%b} {at.day}, {at:%Y %H:%M}" if day else f"{at:%H:%M}"

    def day(self, at: datetime) -> str:
        """Return a date with its day of the week."""
        return f"{at:%a %d %b %Y}"

    def place(self, scope: ScopeOrEdge) -> str:
        """Return cloud, account and region."""
        target = scope.target if isinstance(scope, Edge) else scope
        account = clean(f"{target.cloud} {target.account}").strip() or "unnamed account"
        return f"{account} · {target.region}" if target.region else account

    def interval(self, finding: Finding) -> str:
        """Return what was expected, with its interval: ``8.2 wcu/s (6.1 – 11)``."""
        expected = self.quantity(finding.expected, finding.measure)
        return f"{expected} ({numbers.number(finding.lower)} – {numbers.number(finding.upper)})"

    def named(self, finding: Finding) -> str:
        """Name what a finding is about and its measure."""
        return f"{self.about(finding.about)} ({self.name(finding.measure)})"

    def headroom(self, value: float, finding: Finding) -> str:
        """Say how much of a known limit is left."""
        limit = finding.limit or 0.0
        of = f"of {self.quantity(limit, finding.measure)}"
        return f"none left {of}" if limit <= value else f"{self.percent(1 - value / limit)} left {of}"

    def complete(self, share: float) -> str:
        """Say how complete the data is."""
        return f"{self.percent(share)} complete"
