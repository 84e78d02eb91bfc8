"""What replay keeps of every series, step by step: as a Parquet file, or as arrays."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from detectors.judge.codes import CODES
from detectors.judge.judge import Judgement
from detectors.model.measures import LATENCIES, Measure
from detectors.model.scope import ScopeOrEdge
from detectors.model.series import Series
from streams.process.whole_file import whole_file
from streams.replay.state import ReplayStateError

Floats = NDArray[np.float64]

ROWS: Final = 500_000
"""Rows of a group: what is in memory at a time, some 40 MB."""

PARTS: Final = ".series"
"""The folder in the folder: rows of a replay that is not at its end."""

_TEXT: Final = pa.dictionary(pa.int32(), pa.string())

SCHEMA: Final = pa.schema(
    [
        pa.field("start", pa.int64(), nullable=False, metadata={"unit": "epoch seconds, start of the step"}),
        pa.field("kind", _TEXT, nullable=False),
        pa.field("cloud", _TEXT, nullable=False),
        pa.field("account", _TEXT, nullable=False),
        pa.field("region", _TEXT, nullable=False),
        pa.field("name", _TEXT, nullable=False),
        pa.field("version", _TEXT, nullable=False),
        pa.field("measure", _TEXT, nullable=False),
        *(
            pa.field(name, pa.float32(), metadata={"unit": "per second; ms of a latency"})
            for name in ("observed", "expected", "lower", "upper")
        ),
        pa.field("score", pa.float32()),
        pa.field("verdict", _TEXT, metadata={"meaning": "of the finding that is open; null without one"}),
    ]
)
"""Columns of ``series.parquet``: one row a step and judged series."""

_FACTS: Final = ("kind", "cloud", "account", "region", "name", "version", "measure")
_VERDICTS: Final = pa.array([code.value for code in CODES if code is not None], pa.string())


class _Facts:
    """What never changes of the series of a shard: columns with an entry a series."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, int]] = {name: {} for name in _FACTS}
        self._codes: dict[str, list[int]] = {name: [] for name in _FACTS}
        self._known = 0
        self.latency = np.zeros(0, np.bool_)
        self.columns: dict[str, pa.DictionaryArray] = {}

    def learn(self, series: Sequence[Series]) -> None:
        """Take in the series that came up since the last step."""
        if self._known == len(series):
            return
        for one in series[self._known :]:
            about = one.place
            facts = (*about[:5], about.version, one.measure.value)
            for name, fact in zip(_FACTS, facts, strict=True):
                seen = self._seen[name]
                self._codes[name].append(seen.setdefault(fact, len(seen)))
        self._known = len(series)
        self.latency = np.array([one.measure in LATENCIES for one in series], np.bool_)
        self.columns = {
            name: pa.DictionaryArray.from_arrays(
                pa.array(self._codes[name], pa.int32()), pa.array(list(self._seen[name]), pa.string())
            )
            for name in _FACTS
        }


@dataclass(frozen=True, slots=True)
class Curve:
    """One series over a replay: arrays of one entry a step, (n,).

    Rates are per second, latencies in milliseconds; NaN where nothing was measured, or nothing expected yet.
    """

    about: ScopeOrEdge
    measure: Measure
    start: NDArray[np.int64]  # epoch seconds
    observed: Floats
    expected: Floats
    lower: Floats
    upper: Floats
    score: Floats  # 0.5 where a deviation begins to be told


Wanted = Callable[[ScopeOrEdge, Measure], bool]
"""Says which series are kept."""


class Curves:
    """Keeps series in memory, for notebooks. To be given as ``watch``.

    Parameters
    ----------
    step
        Seconds of a step.
    wanted
        Which ones. A series takes some 200 bytes a step.
    """

    def __init__(self, step: int, wanted: Wanted) -> None:
        self._step = step
        self._wanted = wanted
        self._rows: dict[int, list[tuple[int, Series]]] = {}  # by shard, told apart by its list of series
        self._seen: dict[int, int] = {}
        self._kept: dict[tuple[ScopeOrEdge, Measure], list[list[float]]] = {}

    def __call__(self, judgement: Judgement, series: Sequence[Series]) -> None:
        """Take a judged step in."""
        shard = id(series)
        rows = self._rows.setdefault(shard, [])
        for row in range(self._seen.get(shard, 0), len(series)):
            if self._wanted(series[row].about, series[row].measure):
                rows.append((row, series[row]))
        self._seen[shard] = len(series)
        arrays = (judgement.observed, judgement.expected, judgement.lower, judgement.upper)
        for row, one in rows:
            per = 1 if one.measure in LATENCIES else self._step
            kept = self._kept.setdefault((one.about, one.measure), [])
            kept.append([judgement.start, *(array[row] / per for array in arrays), judgement.score[row]])

    def curves(self) -> list[Curve]:
        """Return what was kept, in the order in which the series came up."""
        found = []
        for (about, measure), kept in self._kept.items():
            start, *columns = np.array(kept, np.float64).reshape(-1, 6).T
            found.append(Curve(about, measure, start.astype(np.int64), *columns))
        return found


class SeriesParquet:
    """Writes ``series.parquet``. To be given as ``watch``; memory stays flat.

    The rows lie in parts beside it, of which ``flush`` ends one, so that a replay that goes on after a kill
    loses and doubles none. They stay until ``drop_parts``: ``series.parquet`` may be whole, and the replay
    still be killed before it has forgotten its state.

    Parameters
    ----------
    out
        The folder.
    step
        Seconds of a step.
    parts
        How many parts an earlier run had ended; what lies beyond is of after its state, and thrown away.

    Raises
    ------
    ReplayStateError
        When one of them is gone.
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
                    f"{self._folder}: series of the unfinished replay are gone; begin anew with --restart"
                )
        self.parts = parts
        self._rows = 0
        self._groups: list[pa.RecordBatch] = []
        self._facts: dict[int, _Facts] = {}

    def __call__(self, judgement: Judgement, series: Sequence[Series]) -> None:
        """Take a judged step in."""
        facts = self._facts.setdefault(id(series), _Facts())
        facts.learn(series)
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
        """End a part.

        Raises
        ------
        OSError
            When it cannot be written.
        """
        if not self._groups:
            return
        table = pa.Table.from_batches(self._groups, SCHEMA).unify_dictionaries().combine_chunks()
        with whole_file(self._folder / f"{self.parts}.parquet") as part:
            pq.write_table(table, part, compression="zstd", row_group_size=ROWS)
        self.parts += 1
        self._rows, self._groups = 0, []

    def close(self) -> Path:
        """Put the parts together to ``series.parquet``; return its path."""
        self.flush()
        path = self._out / "series.parquet"
        with whole_file(path) as whole, pq.ParquetWriter(whole, SCHEMA, compression="zstd") as writer:
            for group in _groups(self._parts()):
                writer.write_table(group)
        return path

    def _parts(self) -> Iterator[pa.Table]:
        for number in range(self.parts):
            with pq.ParquetFile(self._folder / f"{number}.parquet") as part:
                for group in range(part.num_row_groups):
                    yield part.read_row_group(group).cast(SCHEMA)


def _groups(parts: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Yield rows in row groups that follow from the rows alone, however they were cut into parts."""
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
    """Return rows in one chunk, their texts listed in the order in which they come up."""
    rows = rows.unify_dictionaries().combine_chunks()
    columns = []
    for column in rows.columns:
        one = column.chunk(0)
        columns.append(_in_order(one) if pa.types.is_dictionary(one.type) else one)
    return pa.Table.from_arrays(columns, schema=SCHEMA)


def _in_order(column: pa.DictionaryArray) -> pa.DictionaryArray:
    codes = column.indices.dictionary_encode()
    return pa.DictionaryArray.from_arrays(codes.indices, column.dictionary.take(codes.dictionary))


def drop_parts(out: Path, first: int = 0) -> None:
    """Delete the parts of ``series.parquet`` from a number on, and, of all, the folder that they lie in.

    Raises
    ------
    OSError
        When one cannot be deleted.
    """
    folder = out / PARTS
    if not folder.is_dir():
        return
    for part in folder.iterdir():
        number = part.name.removeprefix(".").removesuffix(".part").removesuffix(".parquet")
        if number.isdigit() and (part.name.startswith(".") or int(number) >= first):
            part.unlink()
    if not first and not any(folder.iterdir()):
        folder.rmdir()
