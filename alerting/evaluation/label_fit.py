"""Matches labels with incidents: those that concern a label, and those that report it."""

from collections.abc import Iterator, Sequence
from typing import Final

from alerting.commands.labels import Label, LabelKind
from alerting.commands.matching import names_of
from alerting.incidents.correlation import subjects
from alerting.incidents.incident import Incident
from detectors.model.finding import Finding, Verdict
from detectors.model.scope import Scope

TOLERANCE: Final = 600
"""Seconds before and after a label that still belong to it.

People write down when they noticed, to five or ten minutes, and the judge compares with the last ten minutes.
"""

_PART: Final = 0.05  # of an excess: smaller shares are listed, but the finding is not about them
_SUDDEN: Final = {Verdict.SPIKE.value, Verdict.DROP.value, Verdict.ABSENCE.value, Verdict.FATAL.value}


def about(
    label: Label, incidents: Sequence[Incident], last: int, tolerance: int = TOLERANCE
) -> list[Incident]:
    """Return the incidents that a label is about, in order.

    An incident named by id is the only one. If none has that id, because another configuration may report the
    same under another id, all that the label ``concerns`` are.
    """
    named = [incident for incident in incidents if label.incident and incident.id == label.incident]
    return named or [incident for incident in incidents if concerns(label, incident, last, tolerance)]


def concerns(label: Label, incident: Incident, last: int, tolerance: int = TOLERANCE) -> bool:
    """Return whether an incident is about the subject and time of a label, reported or not.

    The times overlap within the tolerance, and one of its findings fits everything that the label names: the
    measure, and as scope what the finding is about or what carries a part of it (callers, suspects, causes),
    in the label's account. Growth and sudden changes never match. ``about`` handles ids.

    ``last`` is when a label without an end, or an open incident, ends, epoch seconds; ``tolerance`` is in
    seconds.
    """
    begun, over = label.start - tolerance, (last if label.end is None else label.end) + tolerance
    ended = max(incident.start, last) if incident.end is None else incident.end
    if incident.start > over or ended < begun or _incompatible(label, incident):
        return False
    return any(True for _ in fitting(label, incident))


def fitting(label: Label, incident: Incident) -> Iterator[Finding]:
    """Yield the findings of an incident that fit the scope, account and measure of a label."""
    for finding in (incident.primary, *incident.members):
        if label.measure in ("", finding.measure.value) and _fits(label, finding):
            yield finding


def reports(label: Label, incident: Incident, tolerance: int = TOLERANCE) -> bool:
    """Return whether an incident that ``concerns`` a label reports it: in time, and in the right place.

    One reported before the label began is about something else, even if it is still open. Growth belongs
    into the digest: a page does not report it.
    """
    if incident.sent == "none" or incident.alerted is None or incident.alerted < label.start - tolerance:
        return False
    return label.verdict != Verdict.GROWTH or incident.sent == "digest"


def justifies(label: Label, incident: Incident, tolerance: int = TOLERANCE) -> bool:
    """Return whether a label justifies a page that ``concerns`` it.

    It does when the page reports it, and where growth is known, when the page is about a limit that is near.
    """
    if label.verdict == Verdict.GROWTH and incident.verdict is Verdict.LIMIT:
        return True
    return reports(label, incident, tolerance)


def has_right_verdict(label: Label, incident: Incident) -> bool:
    """Return whether an incident has the verdict of a label, if the label has one.

    A spike that stays becomes a shift: the verdict of any finding that fits counts.
    """
    return label.verdict in ("", incident.verdict.value) or any(
        finding.verdict.value == label.verdict for finding in fitting(label, incident)
    )


def is_negative(label: Label) -> bool:
    """Return whether a label states that no report is wanted."""
    return label.kind is not LabelKind.INCIDENT


def _incompatible(label: Label, incident: Incident) -> bool:
    verdicts = {label.verdict, incident.verdict.value}
    return Verdict.GROWTH.value in verdicts and not verdicts.isdisjoint(_SUDDEN)


def _fits(label: Label, finding: Finding) -> bool:
    here = _scopes(finding)
    return any(
        (not label.scope or label.scope in names_of(scope))
        and label.account in ("", scope.account, finding.about.account)
        for scope in here
    )


def _scopes(finding: Finding) -> set[Scope]:
    shares = (share for share in (*finding.callers, *finding.suspects) if share.share >= _PART)
    carry = {share.scope for share in shares}
    return subjects(finding) | carry | {*finding.touches, *(cause.scope for cause in finding.causes)}
