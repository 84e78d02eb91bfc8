"""An incident: findings that belong together, reported as one."""

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from alerting.incidents.preceding import PrecedingChange
from alerting.incidents.severity import Reached, Severity, reached, severity
from alerting.incidents.worth import Size, concentration
from detectors.explain.examples import EACH, Why, weight, why
from detectors.model.finding import Concentration, Finding, Verdict
from detectors.model.request_example import RequestExample
from detectors.model.scope import FUNCTION, ROUTE, TABLE

State = Literal["open", "worsening", "easing", "resolved", "withdrawn"]
Sent = Literal["page", "digest", "none"]
WITHDRAWN: Final = "late data showed no deviation"

_BILLED: Final = (ROUTE, FUNCTION, TABLE)
"""Kinds of scope that cost what is billed there; all others have the whole cost of their requests."""


ILLUSTRATED: Final = 200
"""Live incidents that have examples, those that began first."""


_ORDER: Final = tuple(Why)


class IncidentExample(msgspec.Struct, frozen=True, kw_only=True):
    """A request, and why it is an example."""

    why: Why
    weight: float  # milliseconds, capacity units, or of a failure how much of it can be read
    request: RequestExample

    @classmethod
    def of(cls, finding: Finding, request: RequestExample) -> "IncidentExample | None":
        """Return a request as an example of a finding; None if it does not illustrate it."""
        found, reason = weight(finding, request), why(finding.measure)
        return None if found is None or reason is None else cls(why=reason, weight=found, request=request)


def worst(examples: Iterable[IncidentExample], most: int = EACH) -> list[IncidentExample]:
    """Return the worst examples of each kind; a request is an example once."""
    found: list[IncidentExample] = []
    used: set[RequestExample] = set()
    ordered = sorted(
        examples, key=lambda example: (_ORDER.index(example.why), -example.weight, example.request.order)
    )
    for example in ordered:
        of_kind = sum(worse.why is example.why for worse in found)
        if of_kind < most and example.request not in used:
            used.add(example.request)
            found.append(example)
    return found


class Incident(msgspec.Struct, frozen=True, kw_only=True):
    """One incident in one of its states; a later state is another value with a higher ``revision``.

    All times are epoch seconds of event time. ``primary`` is the finding that explains the others, in its
    newest revision; ``members`` are the others, deepest first, without their traces.
    """

    id: str
    revision: int  # counts the states that were reported, from 0
    verdict: Verdict
    state: State
    start: int  # the earliest start of its findings
    alerted: int | None  # the watermark at which its message left; None before that
    end: int | None  # the latest end of its findings; None while any is open
    primary: Finding
    members: list[Finding]
    sent: Sent
    reason: str  # why it was, or was not, reported
    peak: float  # the primary's observed value where it was furthest from the expected one
    reopened: int = 0  # how often it recurred after it was resolved
    fingerprint: str = ""  # the same for incidents of the same thing: scope, measure, direction
    follows: str | None = None  # id of the last reported incident with this fingerprint, if remembered
    changes: list[PrecedingChange] = []  # shortly before its findings began, the nearest first
    examples: list[IncidentExample] = []  # a few of its requests
    size: Size | None = None  # None of growth, and in old states
    ended_after: PrecedingChange | None = None  # the change shortly before its end; ``after`` is up to that

    @property
    def rule(self) -> str:
        """Its size and the setting that decided about its page; empty where none did."""
        return "" if self.size is None else self.size.reason

    @property
    def ended(self) -> bool:
        """True once it is resolved or withdrawn."""
        return self.state in ("resolved", "withdrawn")

    @property
    def severity(self) -> Severity:
        """The worst of its findings."""
        return severity([self.primary, *self.members])

    def known(self, at: int) -> int:
        """Return when the figures of a message at ``at`` were counted, both in epoch seconds."""
        return at if self.ended else min(at, self.primary.seen)

    @property
    def concentration(self) -> Concentration | None:
        """What its rise is due to; None while that is unknown, and of anything else."""
        return concentration(self.primary)

    @property
    def reached(self) -> Reached:
        """The requests and routes that it hurts."""
        return reached([self.primary, *self.members])

    @property
    def costs(self) -> float | None:
        """US dollars an hour that it costs, or cost, more than expected; None if unknown.

        Routes, functions and tables are billed apart: those that deviate add up, each in its newest
        finding, but the primary as it is. All other scopes have the whole cost of their requests.
        """
        if self.primary.scope is None or self.primary.scope.kind not in _BILLED:
            return self.primary.costs
        known = {
            finding.scope: finding.costs
            for finding in (*sorted(self.members, key=lambda member: member.seen), self.primary)
            if finding.costs is not None and finding.scope is not None and finding.scope.kind in _BILLED
        }
        return sum(known.values()) if known else None

    @property
    def primary_span(self) -> tuple[int, int | None]:
        """Start and end of the primary's own series, over all its findings; no end while it is open.

        Other members may end later; readers would take the end of the slowest for that of the table.
        """
        primary = self.primary
        series = (primary.about, primary.measure)
        same = [primary, *(member for member in self.members if (member.about, member.measure) == series)]
        ends = [finding.end for finding in same if finding.end is not None]
        return min(finding.start for finding in same), None if self.end is None else max(
            ends, default=self.end
        )
