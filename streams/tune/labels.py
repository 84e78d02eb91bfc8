"""What can be seen of the labels of a search without their history."""

from collections import defaultdict
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from alerting.commands.labels import Label
from alerting.commands.local_time import shown
from alerting.evaluation.label_fit import of_nothing
from streams.history.source import ReplayError


def wanted(labels: Sequence[Label]) -> list[Label]:
    """Return the labels of incidents, which are to be found."""
    return [label for label in labels if not of_nothing(label)]


def check_labels(labels: Sequence[Label]) -> None:
    """Check that there is something to find.

    Raises
    ------
    ReplayError
        When no label is of an incident.
    """
    if not wanted(labels):
        raise ReplayError(
            "the file has no label of an incident, and what is found is measured by those; "
            "add some, or leave --labels out and give --pages-per-week"
        )


def contradictions(labels: Sequence[Label], zone: ZoneInfo) -> list[str]:
    """Say which labels are of an incident, and of none, of the same place at the same time."""
    said: dict[tuple[object, ...], list[Label]] = defaultdict(list)
    for label in labels:
        said[(label.start, label.end, label.scope, label.account, label.measure, label.incident)].append(
            label
        )
    return [
        f"the label{named(one[0], zone)} is there as {' and as '.join(sorted({each.kind for each in one}))}: "
        "keep one of them"
        for one in said.values()
        if len({of_nothing(label) for label in one}) > 1
    ]


def named(label: Label, zone: ZoneInfo) -> str:
    """Return what a label is of and its time, as words behind *the label*.

    Examples
    --------
    >>> from alerting.commands.labels import LabelKind
    >>> named(Label(kind=LabelKind.INCIDENT, start=0, scope="table:items"), ZoneInfo("UTC"))
    ' of table:items from 1970-01-01 00:00 UTC'
    """
    of = f" of {label.scope}" if label.scope else ""
    end = "" if label.end is None else f" to {shown(label.end, zone)}"
    return f"{of} from {shown(label.start, zone)}{end}"
