"""Novelty of a plain series: how rare its present behaviour is in all its past.

For series without weeks to compare with: it works on rows and not on clock time, and needs neither a season
nor training. It is causal, independent of the unit of the values, and symmetric for rises and falls.

1. *Views.* There are four: the value, the median of the last few, the mean of the last two dozen (a level
   that creeps), and the logarithm of the spread of the last four dozen (a series that becomes restless or
   goes flat).
2. *Past.* Each view keeps a sample of its own past, evenly spaced in time, of fixed size.
3. *Rarity.* Above its 95 % quantile and below its 5 % quantile a view is assumed to have an exponential tail,
   as peaks over a threshold have (Siffer et al. 2017, "Anomaly detection in streams with extreme value
   theory"). The scale is derived from quantiles and not from the mean excess: one spike must not raise the
   bar for the next. Rarity is in decades: 3 is one row in a thousand. The views are joined by a norm.
4. *Habituation.* Novelty is how far a rarity exceeds the usual largest rarity of a hundred rows of the
   series: a job that bursts every hour is not new.
5. *Onset.* After an onset only something far stronger counts, until the series has been calm.
"""

import math
from typing import Final, NamedTuple

import numpy as np

from detectors.model.array_types import Floats, Ints
from detectors.state.compiled import compiled

SHORT: Final = 6
"""Rows whose median is the second view: a burst, without single outliers."""

LEVEL: Final = 24
"""Rows whose mean is the third view: a level, two hours of five-minute rows."""

RECENT: Final = 48
"""Rows whose spread is the fourth view, and that are kept."""

VIEWS: Final = 4

SPREAD_VIEW: Final = 3
"""The view that is a spread, compared on a logarithmic scale."""

SAMPLE: Final = 256
"""Rows of the past in the sample: 13 lie beyond the 95 % quantile, 3 beyond the 98.75 %."""

STRIDE: Final = 32
"""Largest distance of rows in the sample, which then spans 8192 rows: a month of five-minute rows."""

WARM_UP: Final = 50
"""Rows in the sample before anything is judged: fewer have no 98.75 % quantile."""

BODY: Final = 0.95
"""Quantile at which the tail starts."""

FAR: Final = 0.9875
"""Quantile beyond which lies a quarter of the tail: an exponential is ``scale ln 4`` further out there."""

SHRINK: Final = 200.0
"""Weight, in rows of the tail, of the prior that it continues as the body ends (median to ``BODY``)."""

LEAST: Final = 0.3
"""Smallest scale as a part of the mean deviation: the few levels of a discrete series have no tail."""

FLAT: Final = 0.01
"""Part of its own 95 % quantile below which a spread is flat, and flatter is not new."""

ROUNDING: Final = 1e-9
"""Part of the usual value up to which a deviation is rounding."""

RAREST: Final = 30.0
"""Decades, at most: beyond, nothing was ever seen."""

JOIN: Final = 4.0
"""Norm that joins the views: nearly the largest of them, but views that agree count a little more."""

BLOCK: Final = 100
"""Rows of which the largest rarity is learnt."""

BLOCKS: Final = 100.0
"""Blocks that are remembered: the inverse is the least gain of the running means."""

PRIOR_MEAN: Final = 2.2
"""Prior of the largest rarity of a block: log10 of a hundred rows, and a fifth for the skew."""

PRIOR_SPREAD: Final = 0.45
"""Prior of its mean deviation: that of the maximum of any number of exponentials, in decades."""

PRIOR_BLOCKS: Final = 3.0
"""Weight of the prior in blocks."""

OUTLIER: Final = 1.5
"""Spreads by which a block may exceed the usual one when learnt, so that an incident makes no habit."""

LEAST_SPREAD: Final = 0.05
"""Smallest spread of the largest rarities, in decades."""

ONSET: Final = 3.5
"""Spreads above the usual largest rarity at which something starts; 2.5 to 4 work as well."""

REST: Final = 50
"""Least rows after an onset in which nothing below ``STRONGER`` counts."""

REST_SHARE: Final = 0.03
"""The same as a share of the rows seen: on a longer curve, one event has more rows."""

STRONGER: Final = 4.0  # times the novelty at the onset
CALM: Final = 2.0
"""Novelty above which an onset continues."""

CALM_ROWS: Final = 100
"""Rows below that before the next onset counts."""

LARGEST: Final = 1e150
"""Larger values count as this: the square must be finite."""

AT_BODY: Final = -math.log10(1 - BODY)
"""Decades at which the tail starts."""

LN_FAR: Final = math.log((1 - BODY) / (1 - FAR))
LN_BODY: Final = math.log(0.5 / (1 - BODY))
LN_10: Final = math.log(10.0)


class Sample(NamedTuple):
    """The past of all views. Numbers are arrays of one element, here and below, to be changed in place."""

    views: Floats  # (VIEWS, SAMPLE) in order of time while growing, then a ring
    filled: Ints  # (1,) rows in it
    oldest: Ints  # (1,) where the ring starts
    stride: Ints  # (1,) every such row enters
    skipped: Ints  # (1,) rows since the last one that did


class Tails(NamedTuple):
    """Where the tails of each view start, and their scales; (VIEWS,) each."""

    high: Floats
    high_scale: Floats
    low: Floats
    low_scale: Floats
    offset: Floats  # added before taking the logarithm; 0 for none


class Usual(NamedTuple):
    """The usual largest rarity of a block; (1,) each."""

    mean: Floats
    spread: Floats  # mean deviation
    blocks: Floats  # that these are based on
    largest: Floats  # of the present block
    rows: Ints  # of that block


class Onset(NamedTuple):
    """The last onset; (1,) each."""

    until: Ints  # row up to which it continues
    peak: Floats  # novelty then


class Past(NamedTuple):
    """The past of one series, 9 kB."""

    rows: Ints  # (1,) rows measured
    recent: Floats  # (RECENT,) the last values, a ring
    sample: Sample
    tails: Tails
    usual: Usual
    onset: Onset


def fresh() -> Past:
    """Return an empty past."""

    def count(value: int) -> Ints:
        return np.full(1, value, np.int64)

    def number(value: float) -> Floats:
        return np.full(1, value, np.float64)

    return Past(
        rows=count(0),
        recent=np.zeros(RECENT),
        sample=Sample(
            views=np.zeros((VIEWS, SAMPLE)),
            filled=count(0),
            oldest=count(0),
            stride=count(1),
            skipped=count(0),
        ),
        tails=Tails(*np.zeros((len(Tails._fields), VIEWS))),
        usual=Usual(
            mean=number(PRIOR_MEAN),
            spread=number(PRIOR_SPREAD),
            blocks=number(PRIOR_BLOCKS),
            largest=number(0.0),
            rows=count(0),
        ),
        onset=Onset(until=count(0), peak=number(0.0)),
    )


@compiled
def _take_views(recent: Floats, rows: int, views: Floats) -> None:
    """Compute the views of the last rows; sums are recomputed, so that a constant has constant views."""
    newest = rows - 1
    views[0] = recent[newest % RECENT]
    count = min(rows, SHORT)
    few = np.empty(count)
    for back in range(count):
        few[back] = recent[(newest - back) % RECENT]
    few.sort()
    views[1] = 0.5 * (few[(count - 1) // 2] + few[count // 2])
    count = min(rows, RECENT)
    total, level = 0.0, 0.0
    for back in range(count):
        total += recent[(newest - back) % RECENT]
        if back < LEVEL:
            level = total
    views[2] = level / min(rows, LEVEL)
    mean = total / count
    squares = 0.0
    for back in range(count):
        apart = recent[(newest - back) % RECENT] - mean
        squares += apart * apart
    views[SPREAD_VIEW] = math.sqrt(squares / count)


@compiled
def _learn_tails(sample: Sample, tails: Tails) -> None:
    """Learn from the sample where the tails of each view start, and their scales.

    Quantiles are the nearest order statistics, lower ones counted from the top, so that -x is judged as x.
    """
    size = sample.filled[0]
    last = size - 1
    body, far = int(BODY * last + 0.5), int(FAR * last + 0.5)
    in_tail = size * (1 - BODY) * sample.stride[0]  # rows of the past that the tail of the sample represents
    known = in_tail + SHRINK
    rounding = 0.0
    for view in range(VIEWS):
        ordered = np.sort(sample.views[view, :size])
        offset = 0.0
        if view == 0:
            rounding = ROUNDING * abs(ordered[size // 2])
        if view == SPREAD_VIEW:
            offset = max(FLAT * ordered[body], rounding)
            if offset > 0:
                for at in range(size):
                    ordered[at] = math.log(ordered[at] + offset)
        middle = 0.5 * (ordered[(size - 1) // 2] + ordered[size // 2])
        least = max(LEAST * np.mean(np.abs(ordered - middle)), rounding)
        high, higher = ordered[body], ordered[far]
        low, lower = ordered[last - body], ordered[last - far]
        tails.high[view] = high
        tails.high_scale[view] = max(
            least, (in_tail * (higher - high) / LN_FAR + SHRINK * (high - middle) / LN_BODY) / known
        )
        tails.low[view] = low
        tails.low_scale[view] = max(
            least, (in_tail * (low - lower) / LN_FAR + SHRINK * (middle - low) / LN_BODY) / known
        )
        tails.offset[view] = offset


@compiled
def _rarity(tails: Tails, views: Floats) -> float:
    """Return the joint rarity of the views in decades; 0 if none lies in a tail."""
    total = 0.0
    for view in range(VIEWS):
        offset = tails.offset[view]
        place = math.log(views[view] + offset) if offset > 0 else views[view]
        if place > tails.high[view]:
            beyond, scale = place - tails.high[view], tails.high_scale[view]
        elif place < tails.low[view]:
            beyond, scale = tails.low[view] - place, tails.low_scale[view]
        else:
            continue
        near = beyond < RAREST * LN_10 * scale  # the scale may be zero
        decades = AT_BODY + beyond / scale / LN_10 if near else RAREST
        total += min(decades, RAREST) ** JOIN
    return float(total ** (1 / JOIN))


@compiled
def _sample(sample: Sample, views: Floats) -> bool:
    """Add the views to the sample if it is their turn; return whether it was.

    A full sample drops every second row and takes half as many from then on; at the widest stride it drops
    the oldest row.
    """
    sample.skipped[0] += 1
    if sample.skipped[0] < sample.stride[0]:
        return False
    sample.skipped[0] = 0
    if sample.filled[0] == SAMPLE and sample.stride[0] < STRIDE:
        for at in range(SAMPLE // 2):
            for view in range(VIEWS):
                sample.views[view, at] = sample.views[view, 2 * at + 1]
        sample.filled[0] = SAMPLE // 2
        sample.stride[0] *= 2
    if sample.filled[0] < SAMPLE:
        to = sample.filled[0]
        sample.filled[0] += 1
    else:
        to = sample.oldest[0]
        sample.oldest[0] = (to + 1) % SAMPLE
    for view in range(VIEWS):
        sample.views[view, to] = views[view]
    return True


@compiled
def _habituate(usual: Usual, rarity: float) -> None:
    """Learn the usual largest rarity of a block: winsorised mean and mean deviation."""
    usual.largest[0] = max(usual.largest[0], rarity)
    usual.rows[0] += 1
    if usual.rows[0] < BLOCK:
        return
    largest = min(usual.largest[0], usual.mean[0] + OUTLIER * usual.spread[0])
    gain = 1 / min(usual.blocks[0] + 1, BLOCKS)
    apart = abs(largest - usual.mean[0])
    usual.mean[0] += gain * (largest - usual.mean[0])
    usual.spread[0] = max(LEAST_SPREAD, usual.spread[0] + gain * (apart - usual.spread[0]))
    usual.blocks[0] += 1
    usual.largest[0] = 0.0
    usual.rows[0] = 0


@compiled
def _since_onset(onset: Onset, row: int, new: float) -> float:
    """Return the novelty of a row, 0 for the continuation of the last onset."""
    rest = max(REST, int(REST_SHARE * row))
    if row < onset.until[0]:
        if new > STRONGER * onset.peak[0]:
            onset.peak[0] = new
            onset.until[0] = max(onset.until[0], row + rest)
            return new
        if new > CALM:
            onset.until[0] = max(onset.until[0], row + CALM_ROWS)
        return 0.0
    if new > ONSET:
        onset.peak[0] = new
        onset.until[0] = row + rest
    return max(new, 0.0)


@compiled
def advance(value: float, past: Past) -> float:
    """Return the novelty of the next value and learn it; values that are not finite are skipped."""
    if not math.isfinite(value):
        return 0.0
    past.recent[past.rows[0] % RECENT] = min(max(value, -LARGEST), LARGEST)
    past.rows[0] += 1
    views = np.empty(VIEWS)
    _take_views(past.recent, past.rows[0], views)
    rarity, new = 0.0, 0.0
    if past.sample.filled[0] >= WARM_UP:
        rarity = _rarity(past.tails, views)
        new = (rarity - past.usual.mean[0]) / past.usual.spread[0]
    new = _since_onset(past.onset, past.rows[0] - 1, new)
    _habituate(past.usual, rarity)
    if _sample(past.sample, views) and past.sample.filled[0] >= WARM_UP:
        _learn_tails(past.sample, past.tails)
    return float(new)


@compiled
def _advance_all(values: Floats, past: Past) -> Floats:
    found = np.empty(len(values))
    for row in range(len(values)):
        found[row] = advance(values[row], past)
    return found


def novelty(values: Floats) -> Floats:
    """Return the novelty of each row in its series, which depends only on the rows up to it.

    Values (n,) are in any unit; those that are not finite are missing. Novelty (n,) is in spreads above the
    usual largest rarity of a hundred rows of the series, at least 0; 0 while the series is unknown and for
    the continuation of an onset. Above ``ONSET`` something starts.

    Examples
    --------
    >>> curve = np.random.default_rng(1).normal(100, 5, 1000)
    >>> curve[800:806] = 140
    >>> np.flatnonzero(novelty(curve) > ONSET).tolist()
    [800]
    """
    # a contiguous copy: strided or read-only arrays would each be compiled again
    return _advance_all(np.array(values, np.float64, order="C"), fresh())
