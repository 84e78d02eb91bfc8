"""``series.parquet``: every series of a replay, step by step."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from detectors.judge.judge import Judgement
from detectors.judge.kernel.arrays import CODES
from detectors.model.measures import LATENCIES, Series
from streams.offline.replay.state import PARTS, ReplayStateError, drop_parts
from streams.process.files.atomic_file import atomic_file

ROWS: Final = 500_000
"""Rows per group: those held in memory at a time, about 40 MB."""

_TEXT: Final = pa.dictionary(pa.int32(), pa.string())
_FACTS: Final = ("kind", "cloud", "account", "region", "name", "version", "measure")

SCHEMA: Final = pa.schema(
    [
        pa.field("start", pa.int64(), nullable=False, metadata={"unit": "epoch seconds, start of the step"}),
        *(pa.field(name, _TEXT, nullable=False) for name in _FACTS),
        *(
            pa.field(name, pa.float32(), metadata={"unit": "per second; ms of a latency"})
            for name in ("observed", "expected", "lower", "upper")
        ),
        pa.field("score", pa.float32()),
        pa.field("verdict", _TEXT, metadata={"meaning": "of the finding that is open; null without one"}),
    ]
)
"""Columns of ``series.parquet``, which has one row per step and judged series."""

_VERDICTS: Final = pa.array([code.value for code in CODES if code is not None], pa.string())


class _Facts:
    """The constant columns of a shard: one entry per series."""

    def __init__(self) -> None:
        self._facts: list[tuple[str, ...]] = []
        self.latency = np.zeros(0, np.bool_)
        self.columns: dict[str, pa.DictionaryArray] = {}

    def add(self, series: Sequence[Series]) -> None:
        """Add the series that are new since the last step."""
        new = series[len(self._facts) :]
        if not new:
            return
        self._facts += [(*one.place[:5], one.place.version, one.measure.value) for one in new]
        self.latency = np.array([known.measure in LATENCIES for known in series], np.bool_)
        self.columns = {
            name: pa.array(column, pa.string()).dictionary_encode()
            for name, column in zip(_FACTS, zip(*self._facts, strict=True), strict=True)
        }


class SeriesParquet:
    """Writes ``series.parquet`` in constant memory. To be passed as ``watch``.

    Rows are first written to part files, each completed by ``flush``, so that a replay resumed after a kill
    neither loses nor repeats any. The parts stay until ``drop_parts``: a replay can still be killed after
    ``series.parquet`` is complete and before its state is deleted. ``parts`` had been completed when an
    earlier run saved its state; later ones are deleted.

    Raises
    ------
    ReplayStateError
        When one of them is missing.
    OSError
        When the folder cannot be written.
    """

    def __init__(self, out: Path, step: int, parts: int = 0) -> None:
        self._out = out
        self._step = step
        self._folder = out / PARTS
        drop_parts(out, parts)
        self._folder.mkdir(parents=True, exist_ok=True)
        for number in range(parts):
            if not (self._folder / f"{number}.parquet").is_file():
                raise ReplayStateError(
                    f"{self._folder}: rows of the unfinished replay are missing; start over with --restart"
                )
        self.parts = parts
        self._rows = 0
        self._groups: list[pa.RecordBatch] = []
        self._facts: dict[int, _Facts] = {}

    def __call__(self, judgement: Judgement, series: Sequence[Series]) -> None:
        """Add a judged step."""
        facts = self._facts.setdefault(id(series), _Facts())
        facts.add(series)
        per = np.where(facts.latency, 1.0, float(self._step))
        count = len(series)
        columns: dict[str, Any] = {"start": pa.array(np.full(count, judgement.start, np.int64))}
        columns |= facts.columns
        for name in ("observed", "expected", "lower", "upper"):
            column = (getattr(judgement, name) / per).astype(np.float32)
            columns[name] = pa.array(column, from_pandas=True)
        columns["score"] = pa.array(judgement.score.astype(np.float32), from_pandas=True)
        codes = judgement.verdict.astype(np.int32)
        columns["verdict"] = pa.DictionaryArray.from_arrays(
            pa.array(codes - 1, pa.int32(), mask=codes == 0), _VERDICTS
        )
        self._groups.append(pa.RecordBatch.from_pydict(columns, schema=SCHEMA))
        self._rows += count
        if self._rows >= ROWS:
            self.flush()

    def flush(self) -> None:
        """Complete a part."""
        if not self._groups:
            return
        table = pa.Table.from_batches(self._groups, SCHEMA).unify_dictionaries().combine_chunks()
        with atomic_file(self._folder / f"{self.parts}.parquet") as part:
            pq.write_table(table, part, compression="zstd", row_group_size=ROWS)
        self.parts += 1
        self._rows, self._groups = 0, []

    def close(self) -> Path:
        """Assemble the parts into ``series.parquet``; return its path."""
        self.flush()
        path = self._out / "series.parquet"
        with atomic_file(path) as whole, pq.ParquetWriter(whole, SCHEMA, compression="zstd") as writer:
            for group in _groups(self._parts()):
                writer.write_table(group)
        return path

    def _parts(self) -> Iterator[pa.Table]:
        for number in range(self.parts):
            with pq.ParquetFile(self._folder / f"{number}.parquet") as part:
                for group in range(part.num_row_groups):
                    yield part.read_row_group(group).cast(SCHEMA)


def _groups(parts: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Yield row groups that depend only on the rows, not on how they are divided into parts."""
    held: list[pa.Table] = []
    for part in parts:
        held.append(part)
        count = sum(table.num_rows for table in held)
        if count >= ROWS:
            rows = pa.concat_tables(held)
            whole = count - count % ROWS
            for begin in range(0, whole, ROWS):
                yield _canonical(rows.slice(begin, ROWS))
            held = [rows.slice(whole)]
    if any(table.num_rows for table in held):
        yield _canonical(pa.concat_tables(held))


def _canonical(rows: pa.Table) -> pa.Table:
    """Return the rows in one chunk, with dictionaries in order of appearance."""
    rows = rows.unify_dictionaries().combine_chunks()
    columns = []
    for column in rows.columns:
        chunk = column.chunk(0)
        columns.append(_in_order(chunk) if pa.types.is_dictionary(chunk.type) else chunk)
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def _in_order(column: pa.DictionaryArray) -> pa.DictionaryArray:
    codes = column.indices.dictionary_encode()
    return pa.DictionaryArray.from_arrays(codes.indices, column.dictionary.take(codes.dictionary))
