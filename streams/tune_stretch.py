"""The stretches of time of a search: what baselines need, what is searched, what stays unseen."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from alerting.label_fit import TOLERANCE, of_nothing
from alerting.labels import Label
from config.settings import Settings
from streams.recording import Totals
from streams.replay_source import ReplayError

_WEEK: Final = 7 * 86400
_DAY: Final = 86400


class Stretches(NamedTuple):
    """Epoch seconds: warm-up from ``begin``, searched from ``first`` to ``split``, unseen up to ``last``."""

    begin: int
    first: int
    split: int
    last: int


def stretches(totals: Totals, settings: Settings, labels: Sequence[Label] | None, share: float) -> Stretches:
    """Cut the history that was recorded.

    Where a label lies across the cut, or begins right after it, the cut comes before it: what begins in one
    stretch is told in the same.

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
    step = settings.time.step
    young, length = settings.judge.young, totals.last - totals.first
    if not totals.steps or length <= young:
        raise ReplayError(
            f"the history has {_days(length)}, and baselines need {_days(young)} before anything is told "
            "(judge.young); take more of it"
        )
    first = totals.first + young
    split = totals.last - round(share * (totals.last - first) / step) * step
    known = [label for label in labels or () if not of_nothing(label)]
    across = [one for one in known if one.start - TOLERANCE <= split < (one.end or one.start) + 2 * TOLERANCE]
    if across:
        split = (min(one.start for one in across) - TOLERANCE) // step * step
    found = Stretches(totals.first, first, split, totals.last)
    if labels is not None:
        _check(known, found)
    if not first < split < totals.last:
        raise ReplayError(
            "nothing is left to search, or to validate on; take more history or another --validate-share"
        )
    return found


def _check(known: Sequence[Label], found: Stretches) -> None:
    searched = [one for one in known if found.first <= one.start < found.split]
    if searched:
        return
    inside = [one for one in known if found.begin <= one.start < found.last]
    if not known:
        why = "the file has no label of an incident, and what is found is measured by those"
        raise ReplayError(f"{why}; add some, or leave --labels out and give --pages-per-week")
    if not inside:
        raise ReplayError("no label lies within the history; check the times of both")
    if all(one.start >= found.split for one in inside):
        raise ReplayError(
            "all labels lie in the stretch that is kept unseen; make it smaller with --validate-share, "
            "or take earlier ones in"
        )
    raise ReplayError(
        "no label lies in the stretch that is searched: what comes before it teaches the baselines "
        "(judge.young); take earlier history, or later labels in"
    )


def _days(seconds: int) -> str:
    days = seconds / _DAY
    return f"{days:.1f} days" if seconds else "nothing"
