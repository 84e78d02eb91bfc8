"""Which living cases a finding belongs to, without looking at all of them or all that they hold."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Final

from alerting.cause import broad, carriers, parts, subjects
from detectors.finding import Finding, Verdict
from detectors.measures import Measure
from detectors.scope import ACCOUNT, Scope, ScopeOrEdge

JOINS_SECONDS: Final = 2 * 3600
"""What begins longer after all that an incident holds has a cause of its own: a level that stayed for days,
or a function that is gone, must not hide what happens to the same scopes later."""

_Starts = dict[str, Counter[int]]  # case → when those of its findings began that stand here


class Reach:
    """An index of what the findings of living cases are about, carry and begin with.

    It answers ``alerting.cause.connected`` for all findings of all cases at once, so that a flood of findings
    stays linear, be it ten thousand incidents or one. A finding that was told newer stands in it as it is
    now, so the answers are the same after a restart.
    """

    def __init__(self) -> None:
        self._held: dict[str, dict[str, Finding]] = {}  # case → finding id → as it stands in the index
        self._subject: defaultdict[Scope, _Starts] = defaultdict(dict)
        self._part: defaultdict[Scope, _Starts] = defaultdict(dict)
        self._carrier: defaultdict[Scope, _Starts] = defaultdict(dict)
        self._series: defaultdict[tuple[ScopeOrEdge, Measure], _Starts] = defaultdict(dict)
        self._account: defaultdict[str, _Starts] = defaultdict(dict)
        self._wide: defaultdict[str, _Starts] = defaultdict(dict)  # findings about the whole account
        self._silent: defaultdict[str, _Starts] = defaultdict(dict)

    def put(self, case: str, finding: Finding) -> None:
        """Index a finding of a case, in the place of what was told of it before."""
        held = self._held.setdefault(case, {})
        former = held.get(finding.id)
        if former is not None:
            self._take_out(case, former)
        held[finding.id] = finding
        for starts in self._places(finding):
            starts.setdefault(case, Counter())[finding.start] += 1

    def remove(self, case: str) -> None:
        """Forget a case."""
        for finding in self._held.pop(case, {}).values():
            self._take_out(case, finding)

    def same_series(self, finding: Finding) -> set[str]:
        """Return the cases that hold a finding of the same series."""
        return set(self._series.get((finding.about, finding.measure), ()))

    def related(self, finding: Finding, gather: int) -> set[str]:
        """Return the cases that hold a finding with the same cause; ``gather`` seconds apart is together."""
        found: set[str] = set()
        for scope, starts in self._meets(finding):
            within = min(gather, JOINS_SECONDS) if broad(scope) else JOINS_SECONDS
            found.update(_begun(starts, finding.start, within))
        account = finding.about.account
        together = [self._wide.get(account, {})]
        if finding.about.kind == ACCOUNT:
            together.append(self._account.get(account, {}))
        if finding.verdict is Verdict.SILENCE:
            together.append(self._silent.get(account, {}))
        for starts in together:
            found.update(_begun(starts, finding.start, min(gather, JOINS_SECONDS)))
        return found

    def _meets(self, finding: Finding) -> Iterator[tuple[Scope, _Starts]]:
        for scopes, indices in (
            (subjects(finding), (self._subject, self._part)),
            (parts(finding), (self._subject,)),
            (carriers(finding), (self._carrier,)),
        ):
            for index in indices:
                yield from ((scope, index[scope]) for scope in scopes if scope in index)

    def _places(self, finding: Finding) -> Iterator[_Starts]:
        account = finding.about.account
        yield self._series[finding.about, finding.measure]
        yield self._account[account]
        if finding.about.kind == ACCOUNT:
            yield self._wide[account]
        if finding.verdict is Verdict.SILENCE:
            yield self._silent[account]
        yield from (self._subject[scope] for scope in subjects(finding))
        yield from (self._part[scope] for scope in parts(finding))
        yield from (self._carrier[scope] for scope in carriers(finding))

    def _take_out(self, case: str, finding: Finding) -> None:
        for starts in self._places(finding):
            begun = starts[case]
            begun[finding.start] -= 1
            if not begun[finding.start]:
                del begun[finding.start]
            if not begun:
                del starts[case]
        for scope in subjects(finding) | parts(finding) | carriers(finding):
            for index in (self._subject, self._part, self._carrier):
                if not index.get(scope, True):
                    del index[scope]
        if not self._series[finding.about, finding.measure]:
            del self._series[finding.about, finding.measure]


def _begun(starts: _Starts, start: int, within: int) -> Iterator[str]:
    return (case for case, begun in starts.items() if any(abs(each - start) <= within for each in begun))
