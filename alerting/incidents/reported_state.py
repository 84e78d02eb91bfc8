"""The state of an incident that people know, between its page and its end, and the changes to report.

Curves move all the time; a thread that reports every movement is not read. So each change is measured against
the worst state that was reported, and reported once:

- it has *worsened* when its excess is half as large again as the largest reported, or twice as many of its
  findings are open; from then on that is what people know;
- it *eases* when its excess is half of the largest reported; that is reported again only after it became
  worse than ever in between;
- between half and one and a half, nothing is reported, however often the curve crosses.

Each line raises the bar for the next of its kind, so their number grows with the logarithm of the excess.
Lines that can wait (trends, joined parts, callers) are sent together, at most every ``GAP`` seconds.
"""

import math
from typing import Final, Literal

import msgspec

from alerting.incidents.correlation import DOWN, direction
from alerting.incidents.fingerprint import fingerprint
from alerting.incidents.notice import Milestone
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import RATIO_OF, Measure
from detectors.model.scope import CLIENT, TENANT, Edge, Scope, ScopeOrEdge

WORSE: Final = 1.5
"""Multiple of the reported excess. Below it, a number in the edited message is enough."""

EASES: Final = 0.5
"""Fraction of the reported excess. Far enough from ``WORSE`` that noise does not cross both."""

REBOUND: Final = 0.8
"""Fraction above which an easing incident no longer eases. Not reported: people know how bad it was."""

SPREADS: Final = (2.0, 5)
"""Multiple of the reported number of open findings, and the least number of additional ones."""

GAP: Final = 600
"""Seconds between two lines that can wait: an open finding is updated every five minutes, so what is reported
has held for two updates."""

LATE: Final = 1800
"""Seconds between two lines about late data, which arrives in bursts."""

SETTLES: Final = 1800
"""Seconds after which an incident that worsened and stayed so is plainly open again."""

TOP: Final = 3  # callers that a message names
CARRIES: Final = 0.2  # a caller with a smaller share of the excess is not notable

Trend = Literal["open", "worsening", "easing"]
_MINUTE: Final = 60
_COUNTED: Final = (Measure.REQUESTS, Measure.RCU, Measure.WCU, *RATIO_OF)
_TURNS: Final = (Milestone.WORSENED, Milestone.EASED)


def excess_size(finding: Finding) -> float:
    """Return the size of a finding: the excess of a rise, the missing part of a fall, the share of a limit.

    A fraction, so that a total outage does not count as worsening while the expected traffic rises in the
    morning. What is expected says nothing of a limit.
    """
    if finding.state in ("end", "withdrawn"):
        return 0.0
    if finding.verdict is Verdict.LIMIT and finding.limit:
        return finding.observed / finding.limit
    if direction(finding) == DOWN:
        return (finding.expected - finding.observed) / max(abs(finding.expected), 1e-9)
    return abs(finding.observed - finding.expected)


def most_size(finding: Finding) -> float:
    """Return the size of which its newest minute may be by chance: two deviations more than ``excess_size``.

    Of a few failures a minute, two minutes without any say little.
    """
    if finding.verdict is Verdict.LIMIT or finding.measure not in _COUNTED:
        return excess_size(finding)
    chance = 2 * math.sqrt(max(finding.observed, 0.0) * _MINUTE + 1) / _MINUTE
    observed = finding.observed - chance if direction(finding) == DOWN else finding.observed + chance
    return excess_size(msgspec.structs.replace(finding, observed=max(observed, 0.0)))


class ReportedState(msgspec.Struct, kw_only=True):
    """The reported state of an incident. Times are epoch seconds of event time."""

    trend: Trend = "open"
    size: float = 0.0  # the largest excess reported
    breadth: int = 0  # the most open findings reported
    easing_reported: bool = False  # since it last worsened
    shift_reported: bool = False
    opened_at: int = 0  # when the message left
    turned_at: int = 0  # when the trend last changed
    last_line: int = 0  # when a line that can wait was last sent
    last_amendment: int | None = None  # when a line about late data was last sent
    fingerprint: str = ""  # of the primary that was reported
    callers: list[Scope] = []  # those reported
    pending: dict[Milestone, list[str]] = {}  # lines that wait, with the names in them

    def start(self, primary: Finding, breadth: int, at: int) -> None:
        """Note that a message about ``primary`` leaves, with ``breadth`` findings open."""
        self.opened_at = self.last_line = self.turned_at = at
        self.last_amendment, self.pending = None, {}
        self.breadth = breadth
        self._set_primary(primary)

    def add_line(self, milestone: Milestone, name: str = "") -> None:
        """Add a line that may wait."""
        names = self.pending.setdefault(milestone, [])
        if name and name not in names:
            names.append(name)

    @property
    def next_line_at(self) -> int | None:
        """The time at which the first pending line may be sent; None when none is pending."""
        return min(map(self._not_before, self.pending), default=None)

    def update(self, primary: Finding, breadth: int, at: int) -> dict[Milestone, list[str]]:
        """Return the lines to send now, with the names in them.

        ``primary`` is the finding that the message is about, ``breadth`` the number of open findings: 0 while
        the incident waits to be resolved, and afterwards.
        """
        lines: dict[Milestone, list[str]] = {}
        if fingerprint(primary) != self.fingerprint:
            if Milestone.AMENDED not in self.pending:
                lines[Milestone.DEEPER] = [name_of(primary.about)]
            self._set_primary(primary)
        if primary.verdict is Verdict.SHIFT and not self.shift_reported:
            self.shift_reported = True
            lines[Milestone.SHIFTED] = []
        self._update_trend(primary, breadth, at)
        if breadth and self.trend != "easing":
            self._add_callers(primary)
        for milestone in [waiting for waiting in self.pending if self._not_before(waiting) <= at]:
            lines[milestone] = self.pending.pop(milestone)
            if milestone is Milestone.AMENDED:
                self.last_amendment = at
            elif milestone is not Milestone.PRECEDED:
                self.last_line = at
        if Milestone.WORSENED in lines:
            self.trend, self.turned_at, self.easing_reported = "worsening", at, False
            self.size, self.breadth = max(self.size, excess_size(primary)), max(self.breadth, breadth)
        elif Milestone.EASED in lines:
            self.trend, self.turned_at, self.easing_reported = "easing", at, True
        return lines

    def _set_primary(self, primary: Finding) -> None:
        self.trend, self.size, self.easing_reported = "open", excess_size(primary), False
        self.fingerprint, self.shift_reported = fingerprint(primary), primary.verdict is Verdict.SHIFT
        self.callers = _top_callers(primary)
        for milestone in (*_TURNS, Milestone.CALLER):
            self.pending.pop(milestone, None)

    def _update_trend(self, primary: Finding, breadth: int, at: int) -> None:
        """Add the line of a new trend since the last report; drop the line of one that no longer holds."""
        for milestone in _TURNS:
            self.pending.pop(milestone, None)
        if not breadth or primary.state == "end":
            self.trend = "easing"  # without a line: next, all of it is resolved or recurs
            return
        now = excess_size(primary)
        times, more = SPREADS
        if at < self.opened_at + GAP:  # what joins in the first minutes began with it
            self.breadth = max(self.breadth, breadth)
        spreads = breadth >= max(times * self.breadth, self.breadth + more)
        reached = primary.verdict is Verdict.LIMIT and self.size < 1 <= now
        if spreads or reached or (now > 0 and now >= WORSE * self.size):
            self.add_line(Milestone.WORSENED)
        elif most_size(primary) <= EASES * self.size:
            if self.easing_reported:
                self.trend = "easing"
            else:
                self.trend = "open"
                self.add_line(Milestone.EASED)
        elif (self.trend == "easing" and now > REBOUND * self.size) or (
            self.trend == "worsening" and at >= self.turned_at + SETTLES
        ):
            self.trend = "open"

    def _add_callers(self, primary: Finding) -> None:
        new = [scope for scope in _top_callers(primary) if scope not in self.callers]
        if self.callers:
            for scope in new:
                self.add_line(Milestone.CALLER, scope.label)
        self.callers += new

    def _not_before(self, milestone: Milestone) -> int:
        if milestone is Milestone.PRECEDED:
            return 0
        if milestone is Milestone.AMENDED:
            return 0 if self.last_amendment is None else self.last_amendment + LATE
        return self.last_line + GAP


def _top_callers(primary: Finding) -> list[Scope]:
    """Return the top callers of one kind, functions if there are any, that carry a large part."""
    callers = [share for share in primary.callers if share.scope.kind not in (CLIENT, TENANT)]
    return [
        share.scope
        for share in callers[:TOP]
        if share.share >= CARRIES and share.scope.kind == callers[0].scope.kind
    ]


def name_of(about: ScopeOrEdge) -> str:
    """Return the name of a scope or an edge in a line of a thread."""
    return f"{about.source.label} → {about.target.label}" if isinstance(about, Edge) else about.label
