"""The periods of a search (warm-up, search, validation), and the labels in them."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from alerting.commands.labels import Label
from alerting.commands.local_time import shown
from alerting.evaluation.label_fit import TOLERANCE, is_negative
from config.settings import Settings
from detectors.model.finding import Verdict
from streams.offline.sources.replay_error import ReplayError
from streams.offline.tune.recording import Totals

_DAY: Final = 86400
LONGEST: Final = _DAY
"""Seconds: longer incidents do not move the split. Little history is left before a growth of weeks."""

_SHARES: Final = (0.3, 0.25, 0.2, 0.15, 0.1, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Validation shares to suggest, the most usual first."""


class Periods(NamedTuple):
    """Epoch seconds: warm-up from ``begin``, search from ``first`` to ``split``, validation to ``last``."""

    begin: int
    first: int
    split: int
    last: int


def periods_of(totals: Totals, settings: Settings, labels: Sequence[Label] | None, share: float) -> Periods:
    """Divide a recording into periods; ``share`` of the time after the warm-up is for validation.

    If a label spans the split, or starts right after it, the split moves before that label, so that an
    incident is reported in the period in which it starts. Growth, and labels longer than a day, do not move
    the split and count where they start. A label without an end lasts until the end. Without labels, the
    periods only need some length.

    Raises
    ------
    ReplayError
        When the recording or the labels do not suffice; the text names what is missing.
    """
    young, length = settings.judge.young, totals.last - totals.first
    if not totals.steps or length <= young:
        raise ReplayError(
            f"the history covers {_days(length)}, but baselines need {_days(young)} before anything is "
            "reported (judge.young); provide more history"
        )
    incidents = incident_labels(labels or ())
    found, moved = _split(totals, settings, incidents, share)
    if labels is not None:
        _check(incidents, found)
        if not _labels_to_search(incidents, found) or found.split <= found.first:
            raise ReplayError(_nothing_to_search(totals, settings, incidents, found, moved))
    if not found.first < found.split < found.last:
        raise ReplayError(
            "the search or the validation period is empty; provide more history, or change --validate-share"
        )
    return found


def _split(
    totals: Totals, settings: Settings, incidents: Sequence[Label], share: float
) -> tuple[Periods, Label | None]:
    """Return the periods, and the label that moved the split, if any."""
    step, first, last = settings.time.step, totals.first + settings.judge.young, totals.last
    split = last - round(share * (last - first) / step) * step
    moved = None
    # the latest first: no label that starts later can span the split once it has moved back
    for incident in sorted(incidents, key=lambda label: label.start, reverse=True):
        end = _end(incident, last)
        if incident.verdict == Verdict.GROWTH or end - incident.start > LONGEST:
            continue
        if incident.start - TOLERANCE <= split < end + 2 * TOLERANCE:
            split = (incident.start - TOLERANCE) // step * step
            moved = incident
    return Periods(totals.first, first, split, last), moved


def _end(label: Label, last: int) -> int:
    return last if label.end is None else label.end


def _labels_to_search(incidents: Sequence[Label], at: Periods) -> bool:
    return any(at.first <= incident.start < at.split for incident in incidents)


def _check(incidents: Sequence[Label], found: Periods) -> None:
    check_labels(incidents)
    inside = [incident for incident in incidents if found.begin <= incident.start < found.last]
    if not inside:
        raise ReplayError("no label lies within the history; compare the times of both")
    if all(label.start < found.first for label in inside):
        raise ReplayError(
            "all labels lie in the warm-up, which only trains baselines (judge.young); "
            "provide earlier history or later labels"
        )


def _nothing_to_search(
    totals: Totals, settings: Settings, incidents: Sequence[Label], found: Periods, moved: Label | None
) -> str:
    """Explain why the search period has no label, and how to get one into it."""
    zone = ZoneInfo(settings.digest.timezone)
    if moved is not None:
        why = (
            f"the label{described(moved, zone)} spans the start of the validation period, which therefore "
            "starts before it and leaves no label to search by"
        )
    else:
        first = min(incident.start for incident in incidents if found.first <= incident.start < found.last)
        why = f"all labels, the first at {shown(first, zone)}, lie in the validation period"
    for share in _SHARES:
        other, _ = _split(totals, settings, incidents, share)
        if _labels_to_search(incidents, other) and any(
            other.split <= incident.start < other.last for incident in incidents
        ):
            return f"{why}; use --validate-share {share:g}, or provide earlier labels"
    return f"{why}; provide earlier history and labels"


def _days(seconds: int) -> str:
    return f"{seconds / _DAY:.1f} days"


def incident_labels(labels: Sequence[Label]) -> list[Label]:
    """Return the labels of incidents: those that a configuration should find."""
    return [label for label in labels if not is_negative(label)]


def check_labels(labels: Sequence[Label]) -> None:
    """Raise ``ReplayError`` if no label describes an incident."""
    if not incident_labels(labels):
        raise ReplayError(
            "no label describes an incident, so recall cannot be measured; "
            "add labels of incidents, or use --pages-per-week instead of --labels"
        )


def contradictions(labels: Sequence[Label], zone: ZoneInfo) -> list[str]:
    """Return a line for each scope and time that is labelled both as an incident and as none."""
    alike: dict[tuple[object, ...], list[Label]] = defaultdict(list)
    for label in labels:
        key = (label.start, label.end, label.scope, label.account, label.measure, label.incident)
        alike[key].append(label)
    return [
        f"contradictory labels{described(same[0], zone)}: "
        f"{' and '.join(sorted({label.kind for label in same}))}; keep one of them"
        for same in alike.values()
        if len({is_negative(label) for label in same}) > 1
    ]


def described(label: Label, zone: ZoneInfo) -> str:
    """Return the scope and time of a label, as words to follow *the label*.

    Examples
    --------
    >>> from alerting.commands.labels import LabelKind
    >>> described(Label(kind=LabelKind.INCIDENT, start=0, scope="table:items"), ZoneInfo("UTC"))
    ' for table:items from 1970-01-01 00:00 UTC'
    """
    scope = f" for {label.scope}" if label.scope else ""
    end = "" if label.end is None else f" to {shown(label.end, zone)}"
    return f"{scope} from {shown(label.start, zone)}{end}"
