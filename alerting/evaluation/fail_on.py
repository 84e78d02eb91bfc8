"""What a replay is refused for where a change of the configuration must pass a gate (``--fail-on``)."""

from collections.abc import Collection
from enum import StrEnum

from alerting.evaluation.comparison import Comparison
from alerting.evaluation.evaluation import Evaluation, Missed


class FailOn(StrEnum):
    """What may fail."""

    NEW_PAGES = "new-pages"  # B pages where A does not
    MISSED_LABELS = "missed-labels"  # a label is not found; with --against: that A finds and B does not


def unanswerable(fail_on: Collection[FailOn], *, against: bool, labels: bool) -> str | None:
    """Return what is missing on the command line to answer what is asked; None when nothing is.

    Examples
    --------
    >>> unanswerable([FailOn.NEW_PAGES], against=False, labels=True)
    '--fail-on new-pages compares two configurations; give the other with --against'
    """
    if FailOn.NEW_PAGES in fail_on and not against:
        return "--fail-on new-pages compares two configurations; give the other with --against"
    if FailOn.MISSED_LABELS in fail_on and not labels:
        return "--fail-on missed-labels looks for known incidents; give them with --labels"
    return None


def failures(
    fail_on: Collection[FailOn],
    *,
    comparison: Comparison | None = None,
    evaluation: Evaluation | None = None,
    against: Evaluation | None = None,
) -> list[str]:
    """Return a line for each thing asked for that fails; none: the gate is passed.

    Parameters
    ----------
    comparison
        Of the configuration, A, with the other one, B; None without another.
    evaluation
        Of A.
    against
        Of B, the change that is judged; None without another. What A misses as well is not B's fault: only
        labels that A finds and B misses fail then.

    Examples
    --------
    >>> failures([])
    []
    """
    lines = []
    if FailOn.NEW_PAGES in fail_on and comparison is not None and (new := len(comparison.new_pages)):
        lines.append(f"new-pages: {new} that A does not have")
    if FailOn.MISSED_LABELS in fail_on and evaluation is not None:
        if against is None:
            if missed := len(evaluation.missed):
                lines.append(f"missed-labels: {missed} of {evaluation.total.labels} are not found")
        elif lost := len(lost_labels(evaluation, against)):
            lines.append(f"missed-labels: {lost} that A finds and B misses")
    return lines


def lost_labels(evaluation: Evaluation, against: Evaluation) -> list[Missed]:
    """Return what the second evaluation of the same labels misses and the first does not."""
    found = {one.label for one in evaluation.found}
    return [one for one in against.missed if one.label in found]
