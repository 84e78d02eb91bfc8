"""Finds the changes shortly before the findings of an incident: their order in time, not a cause."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from typing import Final

import msgspec

from alerting.incidents.correlation import CARRIES, carriers, subjects
from detectors.model.finding import Cause, Finding, Verdict
from detectors.model.scope import CLIENT, TENANT, Scope
from detectors.model.stated import StatedChange
from detectors.state.state import pack, unpack

BEFORE: Final = 1800
"""Seconds before the start of a finding in which a change is named."""

WITHIN: Final = 900
"""Seconds before the end of a finding in which a change may have ended it: to be rolled out takes minutes."""

MOST_NAMED: Final = 10
"""Changes that an incident names; of more, those nearest to its start."""


class PrecedingChange(msgspec.Struct, frozen=True, kw_only=True):
    """A change, and the findings within half an hour after it at the same scope or at one that it calls."""

    change: StatedChange
    after: int  # seconds from it to the start of what the incident is about, or of the first other finding
    findings: list[str]  # ids of what began after it

    def after_start(self, finding: Finding) -> "PrecedingChange":
        """Return it with the time from the change to the start of this finding."""
        return msgspec.structs.replace(self, after=_after(self.change, finding))


class Carrying(msgspec.Struct, frozen=True):
    """The scopes that carried a large part of a finding when it was at its worst."""

    excess: float
    scopes: list[Scope]

    @classmethod
    def of(cls, finding: Finding, known: "Carrying | None" = None) -> "Carrying":
        """Return the carriers of a finding, or those known from when it was worse.

        While a finding eases, its shares are those of a small rest.
        """
        excess = abs(finding.observed - finding.expected)
        if known is not None and known.excess > excess:
            return known
        return cls(excess, sorted({*subjects(finding), *_large_parts(finding)}))


KEPT_SECONDS: Final = 7 * 86400
"""A change is forgotten once event time is this far beyond it."""


MOST: Final = 2000
"""Changes kept, a few hundred bytes each; of more, those of the account with the most, the oldest first."""


_PART: Final = "recent-changes"


_VERSION: Final = 1


class RecentChanges:
    """Deployments and other changes, each once, whatever the order in which they became known."""

    def __init__(self) -> None:
        self.all: tuple[StatedChange, ...] = ()  # oldest first; never mutated, so any thread may read it
        self._times: list[float] = []
        self._by_name: dict[tuple[str, str], list[StatedChange]] = {}
        self._packed: bytes | None = None

    def add(self, changes: Iterable[StatedChange], at: float) -> bool:
        """Add changes that became known at a time, epoch seconds; return whether any is new."""
        changes = list(changes)
        if not changes:
            return False
        known = set(self.all)
        new = {change for change in changes if change not in known and change.ts > at - KEPT_SECONDS}
        if new:
            kept = (change for change in known | new if change.ts > at - KEPT_SECONDS)
            self._keep(_newest(kept))
        return bool(new)

    def between(self, since: float, until: float) -> bool:
        """Return whether there was any change from ``since`` to before ``until``."""
        first = bisect_left(self._times, since)
        return first < len(self._times) and self._times[first] < until

    def about(self, scope: Scope, since: float, until: float) -> Iterator[StatedChange]:
        """Yield the changes of a scope from ``since`` to before ``until``.

        Deployment tools often know no account or region: what one side does not state is not compared.
        """
        for change in self._by_name.get((scope.kind, scope.name), ()):
            if since <= change.ts < until and _fits(change, scope):
                yield change

    def _keep(self, changes: list[StatedChange]) -> None:
        self._times, self._by_name, self._packed = [change.ts for change in changes], {}, None
        for change in changes:
            self._by_name.setdefault((change.about.kind, change.about.name), []).append(change)
        self.all = tuple(changes)

    def snapshot(self) -> dict[str, bytes]:
        """Return the changes as one part; unchanged, it is the same bytes."""
        if self._packed is None:
            self._packed = pack(_PART, _VERSION, list(self.all), {})
        return {_PART: self._packed}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore the state that ``snapshot`` returned; without its part, of a version that kept none."""
        part = parts.get(_PART)
        self._keep([] if part is None else unpack(part, _PART, _VERSION, list[StatedChange])[0])
        self._packed = part


def _newest(changes: Iterable[StatedChange]) -> list[StatedChange]:
    """Return the changes to keep, oldest first: accounts take turns, each with its newest."""
    turns = Counter[str]()
    ranked: list[tuple[int, StatedChange]] = []
    for change in sorted(changes, reverse=True):
        ranked.append((turns[change.about.account], change))
        turns[change.about.account] += 1
    ranked.sort(key=itemgetter(0))
    return sorted(change for _, change in ranked[:MOST])


def _fits(change: StatedChange, scope: Scope) -> bool:
    of = change.about
    stated = ((of.cloud, scope.cloud), (of.account, scope.account), (of.region, scope.region))
    builds = (of.version or change.version, scope.version)  # of a client
    return all(not own or not other or own == other for own, other in (*stated, builds))


def preceding(
    findings: Iterable[Finding],
    recent: RecentChanges,
    *,
    primary: str,
    known: Sequence[PrecedingChange],
    carrying: Mapping[str, Carrying],
    causes: Mapping[str, Sequence[Cause]],
    step: int,
) -> list[PrecedingChange]:
    """Return the changes that came before findings, the nearest first.

    A finding begins with a step, and when in that step is not known: a change in the same step counts as
    before it. Growth has no such beginning. What came once the incident had begun is named only if what the
    incident is about began after it.

    Parameters
    ----------
    primary
        Id of the finding that the incident is about.
    known
        The changes named before: a finding keeps its own as long as it began within half an hour after
        them.
    carrying
        The scopes that carried a large part of the findings, by id.
    step
        Seconds of a step.
    """
    named = [(change.change, frozenset(change.findings)) for change in known]
    after: dict[StatedChange, dict[str, int]] = {}
    valid = [
        finding
        for finding in findings
        if finding.state != "withdrawn" and finding.verdict is not Verdict.GROWTH
    ]
    for finding in valid:
        since, until = finding.start - BEFORE, finding.start + step
        found = {change for change, ids in named if finding.id in ids and since <= change.ts < until}
        if recent.between(since, until):
            involved = (carrying.get(finding.id) or Carrying.of(finding)).scopes
            blamed = (cause.scope for cause in causes.get(finding.id, ()) if cause.score >= CARRIES)
            for scope in (*involved, *blamed):
                found.update(recent.about(scope, since, until))
        for change in found:
            after.setdefault(change, {})[finding.id] = _after(change, finding)
    begun = min((finding.start for finding in valid), default=0) + step
    ordered = [
        PrecedingChange(change=change, after=began.get(primary, min(began.values())), findings=sorted(began))
        for change, began in after.items()
        if primary in began or change.ts < begun
    ]
    ordered.sort(key=lambda change: (primary not in change.findings, change.after, change.change))
    return ordered[:MOST_NAMED]


def ending(
    finding: Finding, recent: RecentChanges, scopes: Iterable[Scope], step: int
) -> PrecedingChange | None:
    """Return the last change of ``scopes`` before the end of a finding, such as a rollback; None without one.

    It came while the finding deviated: what came before that is ``preceding``.
    """
    end = finding.end or finding.seen
    since, until = max(finding.start + step, end - WITHIN), end + step
    found = [change for scope in scopes for change in recent.about(scope, since, until)]
    if not found:
        return None
    last = max(found, key=lambda change: (change.ts, change))
    return PrecedingChange(change=last, after=max(0, int(end - last.ts)), findings=[finding.id])


def may_precede(finding: Finding, recent: RecentChanges, step: int) -> bool:
    """Return whether there was any change shortly before a finding, whatever it was about."""
    return recent.between(finding.start - BEFORE, finding.start + step)


def _after(change: StatedChange, finding: Finding) -> int:
    return max(0, int(finding.start - change.ts))


def _large_parts(finding: Finding) -> Iterator[Scope]:
    if finding.callers:
        yield from carriers(finding)
        return
    # a latency has no shares: callers with a large part of the calls may be the reason, others hardly
    yield from (share.scope for share in finding.suspects if share.share >= CARRIES)
    most = CARRIES * finding.calls
    calling = (rate for rate in finding.traffic if rate.calls >= most)
    yield from (rate.scope for rate in calling if rate.scope.kind not in (CLIENT, TENANT))
