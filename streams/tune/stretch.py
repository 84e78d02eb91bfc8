"""The stretches of time of a search: what baselines need, what is searched, what stays unseen."""

from collections.abc import Sequence
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from alerting.commands.labels import Label
from alerting.commands.local_time import shown
from alerting.evaluation.label_fit import TOLERANCE
from config.settings import Settings
from detectors.model.finding import Verdict
from streams.history.source import ReplayError
from streams.tune.labels import check_labels, named, wanted
from streams.tune.recording import Totals

_DAY: Final = 86400
LONGEST: Final = _DAY
"""Seconds: what lasts longer does not move the cut. Before the start of a growth of weeks little is left."""

_SHARES: Final = (0.3, 0.25, 0.2, 0.15, 0.1, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
"""Other shares that may be advised, the most usual first."""


class Stretches(NamedTuple):
    """Epoch seconds: warm-up from ``begin``, searched from ``first`` to ``split``, unseen up to ``last``."""

    begin: int
    first: int
    split: int
    last: int


def stretches(totals: Totals, settings: Settings, labels: Sequence[Label] | None, share: float) -> Stretches:
    """Cut the history that was recorded.

    Where a label lies across the cut, or begins right after it, the cut comes before it: what begins in one
    stretch is told in the same. Growth, and what lasts longer than a day, leaves the cut where it is, and
    counts where it begins. A label without an end lasts until the end of the history.

    Parameters
    ----------
    labels
        None: nothing is known, and nothing is asked of the stretches but some length.
    share
        Which part of the time after the warm-up stays unseen.

    Raises
    ------
    ReplayError
        When there is too little of something; the text says of what.
    """
    young, length = settings.judge.young, totals.last - totals.first
    if not totals.steps or length <= young:
        raise ReplayError(
            f"the history has {_days(length)}, and baselines need {_days(young)} before anything is told "
            "(judge.young); take more of it"
        )
    known = wanted(labels or ())
    found, moved = _cut(totals, settings, known, share)
    if labels is not None:
        _check(known, found)
        if not _labels_before(known, found) or found.split <= found.first:
            raise ReplayError(_nothing_searched(totals, settings, known, found, moved))
    if not found.first < found.split < found.last:
        raise ReplayError(
            "nothing is left to search, or to validate on; take more history or another --validate-share"
        )
    return found


def _cut(
    totals: Totals, settings: Settings, known: Sequence[Label], share: float
) -> tuple[Stretches, Label | None]:
    """Return the stretches, and the label that the cut was moved before, where one moved it."""
    step, first, last = settings.time.step, totals.first + settings.judge.young, totals.last
    split = last - round(share * (last - first) / step) * step
    moved = None
    ordered = sorted((one for one in known if _moves(one, last)), key=lambda one: one.start, reverse=True)
    for one in ordered:  # the latest first: none that begins later can lie across where the cut comes to
        if one.start - TOLERANCE <= split < _end(one, last) + 2 * TOLERANCE:
            split = (one.start - TOLERANCE) // step * step
            moved = one
    return Stretches(totals.first, first, split, last), moved


def _moves(label: Label, last: int) -> bool:
    return label.verdict != Verdict.GROWTH and _end(label, last) - label.start <= LONGEST


def _end(label: Label, last: int) -> int:
    return last if label.end is None else label.end


def _labels_before(known: Sequence[Label], at: Stretches) -> bool:
    return any(at.first <= one.start < at.split for one in known)


def _check(known: Sequence[Label], found: Stretches) -> None:
    check_labels(known)
    inside = [one for one in known if found.begin <= one.start < found.last]
    if not inside:
        raise ReplayError("no label lies within the history; check the times of both")
    if all(one.start < found.first for one in inside):
        raise ReplayError(
            "no label lies in the stretch that is searched: what comes before it teaches the baselines "
            "(judge.young); take earlier history, or later labels in"
        )


def _nothing_searched(
    totals: Totals, settings: Settings, known: Sequence[Label], found: Stretches, moved: Label | None
) -> str:
    """Say why no label is left to search by, and what helps."""
    zone = ZoneInfo(settings.digest.timezone)
    if moved is not None:
        why = (
            f"the label{named(moved, zone)} lies where the unseen stretch begins, "
            "so that it begins before that label, and no label is left before it"
        )
    else:
        first = min(one.start for one in known if found.first <= one.start < found.last)
        why = f"all labels, from {shown(first, zone)} on, lie in the stretch that is kept unseen"
    for share in _SHARES:
        other, _ = _cut(totals, settings, known, share)
        if _labels_before(known, other) and any(other.split <= one.start < other.last for one in known):
            return f"{why}; make it another with --validate-share {share:g}, or take earlier labels in"
    return f"{why}; take more history, with earlier labels, in"


def _days(seconds: int) -> str:
    days = seconds / _DAY
    return f"{days:.1f} days" if seconds else "nothing"
