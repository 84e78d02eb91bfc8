"""The life of an incident between its page and its end: what people know of it, and what is news to them.

Curves move all the time; a thread that says so all the time is not read. So every turn is measured against
the worst that people were told of, and told once:

- it has *worsened* when its excess is half as large again as the largest they know of, or twice as many of
  its findings are open; from then on that is what they know;
- it *eases* when the excess is half of the largest they know of; that is told again only after it was worse
  than ever in between;
- between half and one and a half nothing is said, however often the curve crosses.

Every line makes the next of its kind need a larger change, so their number grows with the logarithm of the
excess. What can wait (turns, joined parts, callers) leaves at most once in ``GAP`` seconds, together.
"""

from typing import Final, Literal

import msgspec

from alerting.incidents.correlation import DOWN, direction
from alerting.incidents.fingerprint import fingerprint
from alerting.incidents.notice import Milestone
from detectors.model.finding import Finding, Verdict
from detectors.model.scope import CLIENT, TENANT, Edge, Scope, ScopeOrEdge

WORSE: Final = 1.5
"""Times the excess that people know of. Below that a number in the edited message is enough."""

EASES: Final = 0.5
"""Part of the excess that people know of. Far enough from ``WORSE`` that noise does not cross both."""

BACK: Final = 0.8
"""Part of it from which what eased does so no more. Nothing is told of it: people know how bad it was."""

SPREADS: Final = (2.0, 5)
"""Times as many open findings as people know of, and at least so many more."""

GAP: Final = 600
"""Seconds between two lines that can wait: an open finding is told anew every five minutes, so what is said
has stood for two tellings."""

LATE: Final = 1800
"""Seconds between two lines about late data, which comes in bursts."""

SETTLES: Final = 1800
"""Seconds after which what worsened and stays is plainly open again."""

TOP: Final = 3  # callers that a message names
CARRIES: Final = 0.2  # a caller with less of the excess than this is no news

LONGEST_QUIET: Final = 7200
"""Seconds. What comes back for longer than this is better told anew than never told to be over."""

Mood = Literal["open", "worsening", "easing"]
_TURNS: Final = (Milestone.WORSENED, Milestone.EASED)


def grown(quiet: int, flaps: int) -> int:
    """Return how long nothing may be open before it is resolved: doubled each time it came back.

    Examples
    --------
    >>> [grown(600, flaps) // 60 for flaps in range(6)]
    [10, 20, 40, 80, 120, 120]
    """
    longest = max(quiet, LONGEST_QUIET)
    return longest if flaps > 16 else min(longest, quiet * 2**flaps)  # noqa: PLR2004 - beyond any longest


def size(finding: Finding) -> float:
    """Return how large it is now: the excess of a rise; of a fall the part that is missing.

    What is missing cannot be more than all of it, however much more traffic the morning would have brought.
    """
    if finding.state in ("end", "withdrawn"):
        return 0.0
    if direction(finding) == DOWN:
        return (finding.expected - finding.observed) / max(abs(finding.expected), 1e-9)
    return abs(finding.observed - finding.expected)


class Life(msgspec.Struct, kw_only=True):
    """What people know of an incident. Times are epoch seconds of event time."""

    mood: Mood = "open"
    known: float = 0.0  # the largest size that they were told of
    breadth: int = 0  # the most open findings that they were told of
    eased: bool = False  # they know that it eased since
    shifted: bool = False  # they know that it stays
    begun: int = 0  # when the message left
    turned: int = 0  # when it last took a turn
    spoke: int = 0  # when a line that can wait was last told
    amended: int | None = None  # when a line about late data was last told
    about: str = ""  # fingerprint of what the message is about
    callers: list[Scope] = []  # those that they were told of
    owed: dict[Milestone, list[str]] = {}  # lines that wait, with the names they are about

    def begin(self, first: Finding, breadth: int, at: int) -> None:
        """Take in that a message about ``first`` leaves, with ``breadth`` findings open."""
        self.begun = self.spoke = self.turned = at
        self.amended, self.owed = None, {}
        self.breadth = breadth
        self._lead(first)

    def owe(self, what: Milestone, name: str = "") -> None:
        """Note a line that may wait."""
        names = self.owed.setdefault(what, [])
        if name and name not in names:
            names.append(name)

    @property
    def look(self) -> int | None:
        """When the next of the lines that wait may be told; None when none waits."""
        times = [self._not_before(what) for what in self.owed]
        return min(times, default=None)

    def hear(self, first: Finding, breadth: int, at: int) -> dict[Milestone, list[str]]:
        """Return the lines that are told now, with the names that they are about.

        Parameters
        ----------
        first
            The finding that the message is about, in its newest telling.
        breadth
            How many findings are open; 0 while it waits to be resolved, or is.
        at
            Now.
        """
        lines: dict[Milestone, list[str]] = {}
        if fingerprint(first) != self.about:
            if Milestone.AMENDED not in self.owed:
                lines[Milestone.DEEPER] = [name_of(first.about)]
            self._lead(first)
        if first.verdict is Verdict.SHIFT and not self.shifted:
            self.shifted = True
            lines[Milestone.SHIFTED] = []
        self._turn(first, breadth, at)
        if breadth and self.mood != "easing":
            self._notice_callers(first)
        for what in [what for what in self.owed if self._not_before(what) <= at]:
            lines[what] = self.owed.pop(what)
            if what is Milestone.AMENDED:
                self.amended = at
            else:
                self.spoke = at
        if Milestone.WORSENED in lines:
            self.mood, self.turned, self.eased = "worsening", at, False
            self.known, self.breadth = max(self.known, size(first)), max(self.breadth, breadth)
        elif Milestone.EASED in lines:
            self.mood, self.turned, self.eased = "easing", at, True
        return lines

    def _lead(self, first: Finding) -> None:
        self.mood, self.known, self.eased = "open", size(first), False
        self.about, self.shifted = fingerprint(first), first.verdict is Verdict.SHIFT
        self.callers = _top(first)
        for what in (*_TURNS, Milestone.CALLER):
            self.owed.pop(what, None)

    def _turn(self, first: Finding, breadth: int, at: int) -> None:
        """Owe the turn it has taken since people were last told; take back one that it has not any more."""
        for what in _TURNS:
            self.owed.pop(what, None)
        if not breadth or first.state == "end":
            self.mood = "easing"  # no line: what follows is that all of it is resolved, or comes back
            return
        now = size(first)
        times, more = SPREADS
        if at < self.begun + GAP:  # what joins in the first minutes began with it
            self.breadth = max(self.breadth, breadth)
        spread = breadth >= max(times * self.breadth, self.breadth + more)
        if spread or (now > 0 and now >= WORSE * self.known):
            self.owe(Milestone.WORSENED)
        elif now <= EASES * self.known:
            if self.eased:
                self.mood = "easing"
            else:
                self.owe(Milestone.EASED)
        elif (self.mood == "easing" and now > BACK * self.known) or (
            self.mood == "worsening" and at >= self.turned + SETTLES
        ):
            self.mood = "open"

    def _notice_callers(self, first: Finding) -> None:
        top = _top(first)
        if self.callers:
            for scope in top:
                if scope not in self.callers:
                    self.owe(Milestone.CALLER, scope.label)
        self.callers += [scope for scope in top if scope not in self.callers]

    def _not_before(self, what: Milestone) -> int:
        if what is Milestone.AMENDED:
            return 0 if self.amended is None else self.amended + LATE
        return self.spoke + GAP


def _top(first: Finding) -> list[Scope]:
    """Return the first callers of one kind, functions where there are any, that carry a good part."""
    callers = [share for share in first.callers if share.scope.kind not in (CLIENT, TENANT)]
    return [
        share.scope
        for share in callers[:TOP]
        if share.share >= CARRIES and share.scope.kind == callers[0].scope.kind
    ]


def name_of(about: ScopeOrEdge) -> str:
    """Return what a line calls a scope or an edge."""
    return f"{about.source.label} → {about.target.label}" if isinstance(about, Edge) else about.label
