"""Checks of the labels of a search that need no history."""

from collections import defaultdict
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from alerting.commands.labels import Label
from alerting.commands.local_time import shown
from alerting.evaluation.label_fit import is_negative
from streams.offline.sources.replay_error import ReplayError


def incident_labels(labels: Sequence[Label]) -> list[Label]:
    """Return the labels of incidents: those that a configuration should find."""
    return [label for label in labels if not is_negative(label)]


def check_labels(labels: Sequence[Label]) -> None:
    """Check that there is something to find.

    Raises
    ------
    ReplayError
        When no label describes an incident.
    """
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
        f"contradictory labels{described(one[0], zone)}: "
        f"{' and '.join(sorted({each.kind for each in one}))}; keep one of them"
        for one in alike.values()
        if len({is_negative(label) for label in one}) > 1
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
