"""The gate of ``--fail-on``: reasons to fail a replay after a change of the configuration."""

from collections.abc import Collection
from enum import StrEnum

from alerting.evaluation.comparison import Comparison
from alerting.evaluation.evaluation import Evaluation, Missed


class FailOn(StrEnum):
    """A condition that fails the gate."""

    NEW_PAGES = "new-pages"  # B pages where A does not
    MISSED_LABELS = "missed-labels"  # a label is not found; with --against: found by A and missed by B


def unanswerable(fail_on: Collection[FailOn], *, against: bool, labels: bool) -> str | None:
    """Return which option is missing to evaluate the gate, or None.

    Examples
    --------
    >>> unanswerable([FailOn.NEW_PAGES], against=False, labels=True)
    '--fail-on new-pages compares two configurations; add --against'
    """
    if FailOn.NEW_PAGES in fail_on and not against:
        return "--fail-on new-pages compares two configurations; add --against"
    if FailOn.MISSED_LABELS in fail_on and not labels:
        return "--fail-on missed-labels needs known incidents; add --labels"
    return None


def failures(
    fail_on: Collection[FailOn],
    *,
    comparison: Comparison | None = None,
    evaluation: Evaluation | None = None,
    against: Evaluation | None = None,
) -> list[str]:
    """Return a line for each condition that fails; an empty list passes the gate.

    Parameters
    ----------
    comparison
        Of configurations A and B; None without B.
    evaluation
        Of A.
    against
        Of B, the change under test; None without B. With B, only labels that A finds and B misses fail.

    Examples
    --------
    >>> failures([])
    []
    """
    lines = []
    if FailOn.NEW_PAGES in fail_on and comparison is not None and (new := len(comparison.new_pages)):
        lines.append(f"new-pages: {new} not in A")
    if FailOn.MISSED_LABELS in fail_on and evaluation is not None:
        if against is None:
            if missed := len(evaluation.missed):
                lines.append(f"missed-labels: {missed} of {evaluation.total.labels} not found")
        elif lost := len(lost_labels(evaluation, against)):
            lines.append(f"missed-labels: {lost} found by A and missed by B")
    return lines


def lost_labels(evaluation: Evaluation, against: Evaluation) -> list[Missed]:
    """Return the labels that ``against`` misses and ``evaluation`` finds."""
    found = {one.label for one in evaluation.found}
    return [one for one in against.missed if one.label in found]
