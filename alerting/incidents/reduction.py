"""The reduction of findings to incidents: what one finding changes of its record, and what falls due then."""

from typing import Final

from alerting.incidents.correlation import GROWTH, taken_over
from alerting.incidents.incident_record import IncidentRecord
from alerting.incidents.notice import NoticeReason
from alerting.incidents.timing import quiet_period
from alerting.incidents.worth import size
from config.settings import Settings
from detectors.model.finding import Finding, RiseCause, Verdict
from detectors.model.scope import ACCOUNT, TABLE


def reduce(record: IncidentRecord, finding: Finding, at: int, settings: Settings) -> IncidentRecord:
    """Return a record after one of its findings, new or in a newer revision, became known at ``at``.

    It depends on nothing else and changes nothing else. The record is the given one, changed: in a flood it
    has ten thousand findings.
    """
    if record.findings.get(finding.id) is not finding:  # else the record began with it
        record.put(finding)
    if finding.state in ("open", "update"):
        for cause in RiseCause:
            found = size(finding, cause, settings.incidents.page)
            record.sizes[cause] = max(found, record.sizes.get(cause, found))
    if record.withdrawn and not record.all_withdrawn:  # a part of the incident was real after all
        record.withdrawn = False
        if record.sent != "page":
            record.reason = NoticeReason.ENDED
    if record.closed_at is None:
        _plan(record, at, settings)
    else:
        record.worst, record.carrying = {}, {}  # the causes of its findings were written down when it closed
        if record.all_withdrawn:
            record.withdraw(at)
    return record


STRONG: Final = 0.8
"""Score from which on a page leaves at once: that of twice the deviation that is reported."""

_SUDDEN: Final = (Verdict.SPIKE, Verdict.DROP, Verdict.SHIFT)
"""Verdicts whose score is their size. An absence may be a part of a wider fall that is not certain yet."""


def _plan(record: IncidentRecord, at: int, settings: Settings) -> None:
    """Set the times at which a live record is reported and resolved."""
    if record.open_ids:
        record.resolve_due = record.calm_at = None
        if record.resolved_at is not None:
            record.reopen()
    elif record.resolved_at is None and record.resolve_due is None:
        # A verdict ends some minutes after its deviation, and those minutes were quiet, too. But what flaps
        # has to be quiet from the moment on in which that is certain.
        record.calm_at = at
        quiet = 0 if _is_over(record) else quiet_period(settings.incidents.quiet, record.flaps)
        record.resolve_due = max(at, (at if record.flaps else record.last_end) + quiet)
    if record.all_withdrawn:
        record.withdraw(at)
    elif record.direction == GROWTH:
        record.sent, record.reason = "digest", NoticeReason.GROWTH
    elif record.sent != "page":
        _plan_page(record, at, settings)


def _is_over(record: IncidentRecord) -> bool:
    """Return whether nothing came at all, for the first time, and everything is back: no noise looks so."""
    primary = record.primary
    return primary.verdict is Verdict.ABSENCE and primary.about.kind == ACCOUNT and not record.flaps


def _plan_page(record: IncidentRecord, at: int, settings: Settings) -> None:
    """Set the time of a page that has not left yet, and the reason for its waiting."""
    if taken_over(record.findings.values()):
        record.page_due, record.reason = None, NoticeReason.TAKEN_OVER
    elif not record.open_ids:
        record.page_due = None
        record.reason = NoticeReason.ENDED if record.sent == "none" else NoticeReason.SMALL
    elif not is_worth_a_page(record):
        record.page_due, record.sent, record.reason = None, "digest", NoticeReason.SMALL
    elif immediate_reason(record) is not None:
        record.page_due = at
    else:
        due = at + _patience(record, settings)
        record.page_due = due if record.page_due is None else min(due, record.page_due)
        record.reason = NoticeReason.WAITING


def is_worth_a_page(record: IncidentRecord) -> bool:
    """Return whether an incident is, or was, large enough to page."""
    found = record.size  # by the cause, which may be unknown at first: an update tells
    return found is not None and found.times >= 1


def immediate_reason(record: IncidentRecord) -> NoticeReason | None:
    """Return the reason for which a page leaves at once, None when it waits for a deeper finding."""
    primary = record.primary
    if primary.verdict is Verdict.FATAL:
        return NoticeReason.NEW
    if primary.verdict is Verdict.LIMIT:
        return NoticeReason.NEAR
    if primary.gap:
        return NoticeReason.GAP
    if primary.about.kind == TABLE and primary.verdict is not Verdict.ABSENCE:
        return NoticeReason.TABLE
    # an early finding is strong, and all that deviates was found with it
    is_strong = primary.early or (primary.verdict in _SUDDEN and primary.score >= STRONG)
    return NoticeReason.STRONG if is_strong else None


def _patience(record: IncidentRecord, settings: Settings) -> int:
    # A table without calls is explained by its callers, whose absence takes longer to be certain of.
    return settings.incidents.gather if record.primary.about.kind == TABLE else settings.time.step
