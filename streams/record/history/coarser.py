"""Rows of minutes become rows of ten minutes."""

from typing import Final

import numpy as np

from detectors.model.array_types import Float32s, Floats, Ints, Places
from streams.record.history.history_rows import HistoryRows

TEN_MINUTES: Final = 600


def coarser(rows: HistoryRows, latencies: Ints, seconds: int = TEN_MINUTES) -> HistoryRows:
    """Return one row a series and ``seconds``.

    Amounts are added up, with the seconds that they are known of; what was expected is given for as many
    seconds. Quantiles cannot be added: a latency is that of its worst minute, with what was expected of
    it. The verdict is the first one within the time.

    Parameters
    ----------
    rows
        Of minutes.
    latencies
        The numbers of the series that are latencies.
    seconds
        How long a row shall be.
    """
    if not len(rows):
        return rows
    slot = rows.start // seconds
    fresh = np.ones(len(rows), np.bool_)
    fresh[1:] = (rows.series[1:] != rows.series[:-1]) | (slot[1:] != slot[:-1])
    first = np.flatnonzero(fresh)
    group = np.cumsum(fresh) - 1
    known = ~np.isnan(rows.observed)
    length = np.where(known, rows.seconds, 0)
    covered = np.add.reduceat(length, first)
    observed = np.add.reduceat(np.where(known, rows.observed, 0).astype(np.float64), first)
    observed[covered == 0] = np.nan
    expected, lower, upper = (
        _expected(each, rows, first, covered) for each in (rows.expected, rows.lower, rows.upper)
    )
    latency = np.isin(rows.series[first], latencies)
    if latency.any():
        worst = _worst(rows, group, first)[latency]
        observed[latency] = rows.observed[worst]
        expected[latency] = rows.expected[worst]
        lower[latency] = rows.lower[worst]
        upper[latency] = rows.upper[worst]
    place = np.where(rows.verdict > 0, np.arange(len(rows)), len(rows))
    with_verdict = np.minimum.reduceat(place, first)
    verdict = np.append(rows.verdict, 0)[with_verdict]
    all_seconds = np.add.reduceat(rows.seconds, first)
    return HistoryRows(
        rows.series[first],
        slot[first] * seconds,
        np.where(covered > 0, covered, all_seconds).astype(np.int32),
        observed.astype(np.float32),
        expected.astype(np.float32),
        lower.astype(np.float32),
        upper.astype(np.float32),
        verdict.astype(np.uint8),
    )


def _expected(values: Float32s, rows: HistoryRows, first: Places, covered: Ints) -> Floats:
    """Return what was expected for as many seconds as the amount is known of, at the mean rate."""
    known = ~np.isnan(values)
    seconds = np.add.reduceat(np.where(known, rows.seconds, 0), first)
    total = np.add.reduceat(np.where(known, values, 0).astype(np.float64), first)
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = total / seconds
    return np.where(seconds > 0, rate * np.where(covered > 0, covered, seconds), np.nan)


def _worst(rows: HistoryRows, group: Places, first: Places) -> Places:
    """Return the place of the largest value of each group."""
    values = np.nan_to_num(rows.observed, nan=-np.inf)
    largest = np.maximum.reduceat(values, first)
    place = np.where(values == largest[group], np.arange(len(rows)), len(rows))
    found: Places = np.minimum.reduceat(place, first)
    return found
