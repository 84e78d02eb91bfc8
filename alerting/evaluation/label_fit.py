"""What a label means: which incidents are about it, and which of those tell of it."""

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

People write down the time at which they noticed, to five or ten minutes; and what ended less than ten minutes
ago is in the window that the present is judged by.
"""

_PART: Final = 0.05  # of an excess: who carries less of it is listed, but is not what it is about
_SUDDEN: Final = {Verdict.SPIKE.value, Verdict.DROP.value, Verdict.ABSENCE.value, Verdict.FATAL.value}


def about(
    label: Label, incidents: Sequence[Incident], last: int, tolerance: int = TOLERANCE
) -> list[Incident]:
    """Return the incidents that a label is about, in their order.

    One that it names by id is meant alone. Where none has that id, as another configuration may tell the same
    under another, all that it ``concerns`` are.
    """
    named = [one for one in incidents if label.incident and one.id == label.incident]
    return named or [one for one in incidents if concerns(label, one, last, tolerance)]


def concerns(label: Label, incident: Incident, last: int, tolerance: int = TOLERANCE) -> bool:
    """Tell whether an incident is about what a label is about, at that time, told or not.

    The times overlap within the tolerance, and one of its findings fits all that the label names: the
    measure, and as scope what the finding is about or what carries a part of it (callers, suspects, causes),
    in the label's account. Growth and what happens suddenly are two things, even in one place. An id that the
    label names is left to ``about``.

    Parameters
    ----------
    last
        Epoch seconds: until when a label without an end, or an open incident, lasts.
    tolerance
        Seconds.
    """
    begun, over = label.start - tolerance, (last if label.end is None else label.end) + tolerance
    ended = max(incident.start, last) if incident.end is None else incident.end
    if incident.start > over or ended < begun or _worlds_apart(label, incident):
        return False
    return any(True for _ in fitting(label, incident))


def fitting(label: Label, incident: Incident) -> Iterator[Finding]:
    """Yield the findings of an incident that fit the scope, account and measure of a label."""
    for finding in (incident.primary, *incident.members):
        if label.measure in ("", finding.measure.value) and _fits(label, finding):
            yield finding


def tells(label: Label, incident: Incident, tolerance: int = TOLERANCE) -> bool:
    """Tell whether an incident that ``concerns`` a label lets people know of it: told in time, and as asked.

    One that was told before the label began is about something else, even if it is open still. Growth is for
    the digest: a page does not tell of it.
    """
    if incident.sent == "none" or incident.alerted is None or incident.alerted < label.start - tolerance:
        return False
    return label.verdict != Verdict.GROWTH or incident.sent == "digest"


def excuses(label: Label, incident: Incident, tolerance: int = TOLERANCE) -> bool:
    """Tell whether a page that ``concerns`` a label is right because of it.

    It is when it tells of it. At a known growth it is when it says that the limit is near.
    """
    if label.verdict == Verdict.GROWTH and incident.verdict is Verdict.LIMIT:
        return True
    return tells(label, incident, tolerance)


def named_rightly(label: Label, incident: Incident) -> bool:
    """Tell whether an incident has the verdict that a label asks for, where it asks for one.

    A spike that stays becomes a shift: the verdict of any finding that fits counts.
    """
    return label.verdict in ("", incident.verdict.value) or any(
        finding.verdict.value == label.verdict for finding in fitting(label, incident)
    )


def of_nothing(label: Label) -> bool:
    """Tell whether a label says that nobody wants to be told."""
    return label.kind is not LabelKind.INCIDENT


def _worlds_apart(label: Label, incident: Incident) -> bool:
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
