"""Novelty of a plain series: how rare is what it does now among all it has done before?

Works on rows, not on clock time, needs no season and no training: for series that are too young for a
weekly baseline. Strictly causal, deterministic, no dependence on the unit of the values (score(c x) = score(x)).

Four views of the newest rows (streams), each judged against an evenly spaced sample of its own past:
  0 the value; 1 the median of the last 6 values; 2 the mean of the last 24; 3 the log spread of the last 48.
Rarity of a view = -log10 of an exponential tail beyond its 95 % (5 %) quantile; views are joined by a 4-norm;
the result is standardised by how large its maxima per 100 rows usually are; and after an alarm only what is
four times as strong scores, until it has been calm (onset only).
"""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.compiled import compiled

# --- views -----------------------------------------------------------------------------------------------
SHORT, LEVEL, SPREAD = (
    6,
    24,
    48,
)  # rows: a burst, a level, an activity; doubling or halving them costs 0-2 points
VIEWS = 4
RECENT = max(SHORT, LEVEL, SPREAD)
# --- the sample of the past ------------------------------------------------------------------------------
SAMPLE = 256  # 13 values beyond the 95 % quantile, 3 beyond the 98.75 %
STRIDE = 32  # at most: 256 x 32 = 8192 rows of memory (a month of 5 minutes)
WARM_UP = 50  # rows before anything is said
# --- the tail --------------------------------------------------------------------------------------------
BODY, FAR = 0.95, 0.9875  # tail begins at BODY; FAR leaves a quarter of the tail: log ratio ln 4
SHRINK = 200.0  # rows' worth of belief that the tail only continues the body (median to BODY)
LEAST = 0.3  # of the mean deviation: a discrete series has no tail scale of its own
FLAT = 0.01  # of the 95 % spread: how flat is flat
LARGEST = 30.0  # decades; beyond, only "never seen"
JOIN = 4.0  # norm that joins the views: nearly the maximum, agreement counts a little
# --- habituation -----------------------------------------------------------------------------------------
BLOCK = 100  # rows; the usual maximum is learnt per block
BLOCKS = 100.0  # memory
PRIOR_BLOCKS, PRIOR_MEAN, PRIOR_SPREAD = (
    3.0,
    2.2,
    0.45,
)  # log10 of 100 exponentials' maximum: 2 + .25, mean deviation .45
OUTLIER = 1.5  # spreads; a block counts at most so high, so an incident is not made usual
LEAST_SPREAD = 0.05
# --- onset -----------------------------------------------------------------------------------------------
ALARM = 3.5  # spreads above the usual block maximum
REST, REST_SHARE = 50, 0.03  # rows; 3 % of the rows seen (the refractory time of NAB's context detectors)
STRONGER = 4.0  # times the alarm's strength scores again while it rests
CALM, CALM_ROWS = 2.0, 100  # evidence above CALM keeps the alarm open for CALM_ROWS more

_DECADES_AT_BODY = -math.log10(1 - BODY)
_LN_FAR = math.log((1 - BODY) / (1 - FAR))
_LN_BODY = math.log(0.5 / (1 - BODY))
_LN10 = math.log(10.0)

# positions in the two state vectors
ROWS, SIZE, HEAD, STEP, PHASE, IN_BLOCK, UNTIL = range(7)
MEAN, DEV, WEIGHT, PEAK_OF_BLOCK, PEAK = range(5)


def fresh():
    """State of a series nothing is known of: (counts, levels, recent, sample, tails); 8.6 kB, 4.4 kB with float32."""
    counts = np.zeros(7, np.int64)
    counts[STEP] = 1
    levels = np.array([PRIOR_MEAN, PRIOR_SPREAD, PRIOR_BLOCKS, 0.0, 0.0])
    return counts, levels, np.zeros(RECENT), np.zeros((VIEWS, SAMPLE)), np.zeros((VIEWS, 5))


@compiled
def _views(recent, rows, out):
    """The four views of the last rows; sums are taken afresh, so that a constant gives exactly a constant."""
    newest = rows - 1
    out[0] = recent[newest % RECENT]
    k = min(rows, SHORT)
    few = np.empty(k)
    for j in range(k):
        few[j] = recent[(newest - j) % RECENT]
    few.sort()
    out[1] = 0.5 * (few[(k - 1) // 2] + few[k // 2])
    k = min(rows, LEVEL)
    total = 0.0
    for j in range(k):
        total += recent[(newest - j) % RECENT]
    out[2] = total / k
    k = min(rows, SPREAD)
    total = 0.0
    for j in range(k):
        total += recent[(newest - j) % RECENT]
    centre, square = total / k, 0.0
    for j in range(k):
        d = recent[(newest - j) % RECENT] - centre
        square += d * d
    out[3] = math.sqrt(square / k)


@compiled
def _at(ordered, q):
    """Nearest order statistic; below the median counted from the top, so that -x is judged as x."""
    last = len(ordered) - 1
    return ordered[int(q * last + 0.5)] if q > 0.5 else ordered[last - int((1 - q) * last + 0.5)]


@compiled
def _learn_tails(sample, size, stride, tails):
    """From the sample: upper start and scale, lower start and scale, offset of the logarithm, per view."""
    in_tail = size * (1 - BODY) * stride  # rows the sample's tail stands for
    noise = 0.0
    for g in range(VIEWS):
        ordered = np.sort(sample[g, :size])
        offset = 0.0
        if g == 0:
            noise = 1e-9 * abs(ordered[size // 2])  # rounding is no deviation
        if g == 3:
            offset = max(FLAT * _at(ordered, BODY), noise)
            if offset > 0:
                ordered = np.log(ordered + offset)
        middle = 0.5 * (ordered[(size - 1) // 2] + ordered[size // 2])
        deviation = np.mean(np.abs(ordered - middle))
        least = max(LEAST * deviation, noise)
        high, higher = _at(ordered, BODY), _at(ordered, FAR)
        low, lower = _at(ordered, 1 - BODY), _at(ordered, 1 - FAR)
        whole = in_tail + SHRINK
        tails[g, 0] = high
        tails[g, 1] = max(
            least, (in_tail * (higher - high) / _LN_FAR + SHRINK * (high - middle) / _LN_BODY) / whole
        )
        tails[g, 2] = low
        tails[g, 3] = max(
            least, (in_tail * (low - lower) / _LN_FAR + SHRINK * (middle - low) / _LN_BODY) / whole
        )
        tails[g, 4] = offset


@compiled
def _rarity(views, tails):
    """Decades of rarity of the views, joined."""
    total = 0.0
    for g in range(VIEWS):
        y = math.log(views[g] + tails[g, 4]) if tails[g, 4] > 0 else views[g]
        if y > tails[g, 0]:
            beyond, scale = y - tails[g, 0], tails[g, 1]
        elif y < tails[g, 2]:
            beyond, scale = tails[g, 2] - y, tails[g, 3]
        else:
            continue
        decades = _DECADES_AT_BODY + beyond / scale / _LN10 if scale > 0 else LARGEST
        total += min(decades, LARGEST) ** JOIN
    return total ** (1 / JOIN)


@compiled
def _remember(counts, sample, views):
    """Every STEP-th row enters the sample; when it is full every second goes, until STRIDE; then the oldest goes."""
    counts[PHASE] += 1
    if counts[PHASE] < counts[STEP]:
        return False
    counts[PHASE] = 0
    size = counts[SIZE]
    if size == SAMPLE and counts[STEP] < STRIDE:
        for j in range(SAMPLE // 2):
            for g in range(VIEWS):
                sample[g, j] = sample[g, 2 * j + 1]
        size = counts[SIZE] = SAMPLE // 2
        counts[STEP] *= 2
    if size < SAMPLE:
        where = size
        counts[SIZE] += 1
    else:
        where = counts[HEAD]
        counts[HEAD] = (where + 1) % SAMPLE
    for g in range(VIEWS):
        sample[g, where] = views[g]
    return True


@compiled
def _habituate(counts, levels, rarity):
    """Learn the usual maximum of a block: winsorised mean and mean deviation, shrunk to the prior."""
    levels[PEAK_OF_BLOCK] = max(levels[PEAK_OF_BLOCK], rarity)
    counts[IN_BLOCK] += 1
    if counts[IN_BLOCK] < BLOCK:
        return
    peak = min(levels[PEAK_OF_BLOCK], levels[MEAN] + OUTLIER * levels[DEV])
    gain = 1 / min(levels[WEIGHT] + 1, BLOCKS)
    off = abs(peak - levels[MEAN])
    levels[MEAN] += gain * (peak - levels[MEAN])
    levels[DEV] = max(LEAST_SPREAD, levels[DEV] + gain * (off - levels[DEV]))
    levels[WEIGHT] += 1
    levels[PEAK_OF_BLOCK] = 0.0
    counts[IN_BLOCK] = 0


@compiled
def _onset(counts, levels, z):
    """z where it begins something; 0 while the last alarm is still open."""
    row = counts[ROWS] - 1
    rest = max(REST, int(REST_SHARE * row))
    if row < counts[UNTIL]:
        if z > STRONGER * levels[PEAK]:
            levels[PEAK] = z
            counts[UNTIL] = max(counts[UNTIL], row + rest)
            return z
        if z > CALM:
            counts[UNTIL] = max(counts[UNTIL], row + CALM_ROWS)
        return 0.0
    if z > ALARM:
        levels[PEAK] = z
        counts[UNTIL] = row + rest
    return max(z, 0.0)


@compiled
def advance(value, counts, levels, recent, sample, tails):
    """Take one row in, in place; return its z (0 and no change for a missing value)."""
    if not math.isfinite(value):
        return 0.0
    recent[counts[ROWS] % RECENT] = value
    counts[ROWS] += 1
    views = np.empty(VIEWS)
    _views(recent, counts[ROWS], views)
    rarity, z = 0.0, 0.0
    if counts[SIZE] >= WARM_UP:
        rarity = _rarity(views, tails)
        z = (rarity - levels[MEAN]) / levels[DEV]
    z = _onset(counts, levels, z)
    _habituate(counts, levels, rarity)
    if _remember(counts, sample, views) and counts[SIZE] >= WARM_UP:
        _learn_tails(sample, counts[SIZE], counts[STEP], tails)
    return z


@compiled
def _run(values, counts, levels, recent, sample, tails):
    out = np.empty(len(values))
    for i in range(len(values)):
        out[i] = advance(values[i], counts, levels, recent, sample, tails)
    return out


def novelty(values):
    """Return z a row, (n,) float64: spreads above the usual maximum of this series; 0 where nothing begins."""
    return _run(np.asarray(values, np.float64), *fresh())
