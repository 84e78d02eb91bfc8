"""Answers as Prometheus writes them. Arrow formats the values, which does not delay the judge."""

from typing import Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from detectors.model.array_types import Floats
from streams.record.query.query_bounds import QueryBounds, execution
from streams.record.query.query_times import QueryTimes
from streams.record.query.sample_table import SampleTable

_NOT_FINITE: Final = (("nan", "NaN"), ("inf", "+Inf"), ("-inf", "-Inf"))


def success(data: object, warnings: list[str] | None = None) -> bytes:
    """Return an answer without errors."""
    answer: dict[str, object] = {"status": "success", "data": data}
    return msgspec.json.encode(answer | ({"warnings": warnings} if warnings else {}))


def instant(found: float | SampleTable, times: QueryTimes, bounds: QueryBounds, *, ordered: bool) -> bytes:
    """Return a number, or a value of each series, at one time.

    With ``ordered``, the highest ones come first, otherwise they are sorted by labels.
    """
    if not isinstance(found, SampleTable):
        [sample] = _samples(np.array([found]), _stamps(times)).to_pylist()
        return _framed("scalar", sample)
    rows = np.flatnonzero(found.there[:, 0])
    if ordered:
        rows = rows[np.argsort(-found.values[rows, 0], kind="stable")]
    table = found.select(rows)
    _allow(table, bounds)
    labels = [msgspec.json.encode(named).decode() for named in table.labels.to_dicts()]
    stamps = _stamps(times).take(pa.array(np.zeros(len(rows), np.int64)))
    samples = _samples(table.values[:, 0], stamps).to_pylist()
    result = [f'{{"metric":{named},"value":{value}}}' for named, value in zip(labels, samples, strict=True)]
    return _framed("vector", f"[{','.join(result if ordered else sorted(result))}]")


def matrix(found: float | SampleTable, times: QueryTimes, bounds: QueryBounds) -> bytes:
    """Return the values of series over a range of time."""
    stamps = _stamps(times)
    if not isinstance(found, SampleTable):
        joined = pc.binary_join(_list([0, times.points], _samples(np.full(times.points, found), stamps)), ",")
        return _framed("matrix", f'[{{"metric":{{}},"values":[{joined[0]}]}}]')
    table = found.known()
    _allow(table, bounds)
    labels = [msgspec.json.encode(named).decode() for named in table.labels.to_dicts()]
    which = np.nonzero(table.there)[1]
    bounds.check_time()
    samples = _samples(table.values[table.there], stamps.take(pa.array(which)))
    ends = np.cumsum(table.there.sum(axis=1))
    joined = pc.binary_join(_list([0, *ends.tolist()], samples), ",").to_pylist()
    bounds.check_time()
    series = zip(labels, joined, strict=True)
    result = sorted(f'{{"metric":{named},"values":[{values}]}}' for named, values in series)
    return _framed("matrix", f"[{','.join(result)}]")


def _framed(kind: str, result: str) -> bytes:
    return f'{{"status":"success","data":{{"resultType":"{kind}","result":{result}}}}}'.encode()


def _list(ends: list[int], samples: pa.Array) -> pa.ListArray:
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), samples)


def _stamps(times: QueryTimes) -> pa.Array:
    stamps = pa.array(times.first + times.step * np.arange(times.points))
    return pc.cast(pc.divide(pc.cast(stamps, pa.float64()), 1000.0), pa.string())


def _samples(values: Floats, stamps: pa.Array) -> pa.Array:
    """Return (n,) pairs of a time and a value."""
    texts = pc.cast(pa.array(values), pa.string())
    if not np.isfinite(values).all():
        for arrows, theirs in _NOT_FINITE:
            texts = pc.if_else(pc.equal(texts, arrows), theirs, texts)
    return pc.binary_join_element_wise("[", stamps, ',"', texts, '"]', "")


def _allow(table: SampleTable, bounds: QueryBounds) -> None:
    series, values = table.labels.size, int(np.count_nonzero(table.there))
    if series > bounds.series or values > bounds.values:
        raise execution(
            f"the answer has {series:,} series with {values:,} values, and {bounds.series:,} with "
            f"{bounds.values:,} are the most; aggregate, choose fewer series, or a longer step"
        )
