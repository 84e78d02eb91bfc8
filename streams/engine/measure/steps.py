"""Merges the blocks of all source partitions into steps; a step closes once every source has passed it."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
import structlog
from numpy.typing import NDArray

from config.settings import MoneySettings
from detectors.explain.examples import MOST, at_most
from detectors.judge.evidence import CORRECTED_SECONDS
from detectors.model.array_types import Floats, Ints
from detectors.model.measures import SUMMED, Measure
from detectors.model.request_example import RequestExample
from detectors.model.scope import ScopeOrEdge
from detectors.model.stated import LevelName, StatedChange, StatedLevel, merge_changes, merge_levels
from detectors.state.state import pack, unpack
from streams.engine.decode.cells import PER_ID, renumbered
from streams.engine.decode.values import Value
from streams.engine.measure.fan_out import FanOut, Latency
from streams.engine.measure.interner import Interner
from streams.engine.measure.path_costs import PathCosts, ProvisionedCosts
from streams.engine.measure.step import OpenStep, Step, StepRun
from streams.engine.measure.step_fanning import StepFanning, ValueRows
from streams.engine.rollup.blocks.block import Block
from streams.engine.rollup.blocks.counts import Counts


class LostBlockError(RuntimeError):
    """A block of a source is missing: all later figures would be wrong, so processing stops."""


class StrayBlockError(ValueError):
    """A block belongs to another shard, or to another number of shards."""


log = structlog.get_logger("uneri.steps")

_LATE: Final = "late/"

_ALL: Final = sys.maxsize
"""What an idle source had read that names no offset: it is idle until its next block."""

LEAP_SECONDS: Final = 35 * 86400
"""A longer stretch without a record is not judged step by step: no baseline reaches beyond it, and the years
behind stamps of a clock that was never set would keep a daemon busy for hours.
"""


class _Source(msgspec.Struct, array_like=True):
    sequence: int = -1  # of the newest block merged
    watermark: int | None = None
    idle: bool = False
    waiting: int = 0  # of versions in which an idle source kept records in open buckets
    read: int = _ALL  # the offset up to which it had been read when it fell idle
    end: int = 0  # the offset at which it ends, as told last

    @property
    def is_passed_over(self) -> bool:
        """Whether nothing waits for it. That it was idle says nothing of what has arrived since."""
        return self.idle and self.read >= self.end


class _OpenState(msgspec.Struct, array_like=True):
    start: int
    records: int
    tags: list[tuple[int, str, str, float]]
    levels: list[tuple[LevelName, StatedLevel]] = []
    changes: list[StatedChange] = []
    examples: list[RequestExample] = []


class _Meta(msgspec.Struct, array_like=True):
    sources: dict[str, _Source]
    open: list[_OpenState]
    late_open: list[tuple[int, list[_OpenState]]]  # by the step that they are reported with
    closed: int | None
    late: int
    shard: tuple[int, int] | None  # its number, and how many shards there are
    values: list[Value]
    turns: list[int]
    handed_over: bool = False
    begins: int | None = None
    returned: list[tuple[int, list[int]]] = []
    value_series: list[tuple[int, str]] = []
    unheard: int = 0


class Steps:
    """Open steps of one shard, which its first block determines.

    Counts of a step are kept per path and per call. They are fanned out to scopes and edges once, when the
    step closes.

    Parameters
    ----------
    sources
        Every source partition that feeds this shard. A step stays open until each of them has passed its
        end or is idle. One that is idle counts as such up to the offset that it had read: once it is told to
        end beyond, it is waited for.
    width
        Seconds of a step.
    most
        Series that are kept apart; beyond half of it, names that do not come back are folded into ``other``,
        and beyond it all new ones.
    money
        Prices, and what is known of functions, routes and tables; by default the prices shipped.
    """

    VERSION = 9

    def __init__(
        self, sources: Sequence[str], width: int, most: int = sys.maxsize, money: MoneySettings | None = None
    ) -> None:
        self.width = width
        self._most = most
        self.late = 0  # records that arrived after their step had been judged
        self._names = Interner()
        money = money or MoneySettings()
        self._costs = PathCosts(money), ProvisionedCosts(money, width)
        self._fan_out: FanOut | None = None  # None before the first block
        self._fanning: StepFanning | None = None
        self._value_names: dict[Value, int] = {}  # ids, in the order in which they appeared
        self._value_rows: ValueRows | None = None
        self._sources = {source: _Source() for source in sources}
        self._read = frozenset(sources)  # others were read once: nothing waits for them
        self._open: dict[int, OpenStep] = {}
        # corrections, by the step that they are reported with, then by the step that they correct
        self._late: dict[int, dict[int, OpenStep]] = {}
        self._closed: int | None = None  # end of the newest closed step
        self._handed_over = False  # to sources of which no step has closed yet
        self._begins: int | None = None  # the first step that they have blocks of, as far as is known
        self._unheard = 0  # before which nobody listened

    @property
    def scopes(self) -> list[ScopeOrEdge]:
        """Scopes and edges by row, those that appeared in closed steps."""
        return self._fan_out.scopes if self._fan_out else []

    @property
    def values(self) -> list[tuple[int, Measure]]:
        """Business values by number: row of the scope, and measure; those that appeared in closed steps."""
        return self._value_rows.series if self._value_rows else []

    @property
    def wholes(self) -> list[int]:
        """By part, the row of the scope whose times it is a part of."""
        return self._fan_out.wholes if self._fan_out else []

    @property
    def opened(self) -> int:
        """The number of open steps."""
        return len(self._open)

    @property
    def levels(self) -> dict[str, int]:
        """The watermark of each source that holds time back, epoch seconds."""
        return {
            name: source.watermark
            for name, source in self._sources.items()
            if source.watermark is not None and not source.is_passed_over
        }

    @property
    def series(self) -> int:
        """The number of series of scopes and edges, without business values and levels."""
        return self._fan_out.series if self._fan_out else 0

    @property
    def folded(self) -> int:
        """The number of scopes and edges folded into ``other``."""
        return self._fan_out.folded if self._fan_out else 0

    def services_of(self, about: ScopeOrEdge) -> tuple[str, ...]:
        """Return the services whose requests a scope or edge has (``FanOut.services_of``)."""
        return self._fan_out.services_of(about) if self._fan_out else ()

    @property
    def watermark(self) -> int | None:
        """The event time up to which every source is complete; None until each has sent a block.

        While every source is idle, the furthest decides.
        """
        reported = [source.watermark for source in self._sources.values() if not source.is_passed_over]
        if not reported:
            return max((s.watermark for s in self._sources.values() if s.watermark is not None), default=None)
        known = [watermark for watermark in reported if watermark is not None]
        return min(known) if len(known) == len(reported) else None

    def feed(self, blocks: Iterable[Block]) -> Iterator[Step]:
        """Merge blocks; yield the steps that they complete, in order; as ``runs`` does."""
        for run in self.runs(blocks):
            yield from run.steps

    def runs(self, blocks: Iterable[Block]) -> Iterator[StepRun]:
        """Merge blocks; yield the steps that they complete, in order, those of the same names together.

        A block that was merged before is ignored.

        Raises
        ------
        LostBlockError
            When a source skips a sequence number.
        StrayBlockError
            When a block belongs to another shard than those before it.
        """
        closed: list[OpenStep] = []
        for block in blocks:
            if block.idle or block.ends:  # the judge of a step needs to know which sources are idle
                yield from self._fanned_out(closed)
                closed = []
            try:
                closed += self._merge_next(block)
            except (LostBlockError, StrayBlockError):
                yield from self._fanned_out(closed)
                raise
        yield from self._fanned_out(closed)

    def _merge_next(self, block: Block) -> Iterator[OpenStep]:
        self._check_shard(block)
        if block.early:  # the block of its bucket follows
            return
        if block.ends:
            for name in self._read & block.ends.keys():
                self._sources[name].end = block.ends[name]
            return
        source = self._sources.setdefault(block.source, _Source())
        if block.idle:  # it repeats the last number: idleness is not a function of the records
            if block.sequence >= source.sequence:
                source.idle, source.read = True, _ALL if block.read is None else block.read
                yield from self._close()
            return
        if block.sequence <= source.sequence:
            return
        if block.sequence != source.sequence + 1 and source.sequence >= 0:
            raise LostBlockError(
                f"{block.source}: block {block.sequence} follows block {source.sequence}: blocks lost; "
                "replay the requests topic from before that time"
            )
        if self._handed_over and block.records:
            start = block.bucket - block.bucket % self.width
            self._begins = start if self._begins is None else min(start, self._begins)
        source.sequence = block.sequence
        source.watermark = max(block.watermark, source.watermark or block.watermark)
        source.idle = (source.idle and block.by_clock) or block.source not in self._read
        self._merge(block)
        yield from self._close()

    @property
    def closed(self) -> int | None:
        """Where the newest step ends that has closed, epoch seconds."""
        return self._closed

    def early_times(self, blocks: Iterable[Block]) -> tuple[dict[Measure, Latency], dict[Measure, Latency]]:
        """Return the times in some blocks, of scopes and of parts, as in ``Step``; of known names."""
        cells, counts = [np.zeros(0, np.int64)], [np.zeros(0)]
        for block in blocks:
            ids = np.array(self._names.known_ids(block), np.int64)
            if self._fan_out is None or not len(ids):
                continue
            kept = self._fan_out.has(ids)[block.cells // PER_ID]
            cells.append(renumbered(block.cells[kept], ids))
            counts.append(block.counts[kept])
        if self._fan_out is None:
            return {}, {}
        every = np.concatenate(cells)
        ((latency, part_times),) = self._fan_out.times_of(every, np.concatenate(counts), [len(every)])
        return latency, part_times

    def nothing(self) -> Floats:
        """Return zeros for the scopes and edges that have appeared, (scopes, len(SUMMED))."""
        return np.zeros((len(self.scopes), len(SUMMED)))

    def early(self, block: Block) -> Floats:
        """Return the counts of a block for the scopes and edges that have appeared, (scopes, len(SUMMED))."""
        ids = np.array(self._names.known_ids(block), np.int64)
        if self._fan_out is None or not len(ids):
            return self.nothing()
        known = self._fan_out.has(ids)
        return self._fan_out.sums(ids[known], block.sums[known])

    def hand_over(self, sources: Sequence[str]) -> None:
        """Go on with other sources: those so far have ended, and all their blocks are merged."""
        self._sources = {source: _Source() for source in sources}
        self._read = frozenset(sources)
        self._handed_over, self._begins = True, None

    def pass_over(self, until: int) -> None:
        """Take steps before ``until`` that have no record for unknown: nobody listened."""
        self._unheard = until

    @property
    def begun(self) -> set[int]:
        """The steps that have blocks and are not complete, epoch seconds at which they start."""
        return set(self._open)

    def begin_anew(self, start: int) -> None:
        """Forget what has come of a step that is not complete."""
        del self._open[start]

    @property
    def heard(self) -> set[str]:
        """The sources that have sent a block."""
        return {name for name, source in self._sources.items() if source.watermark is not None}

    def excuse(self, sources: Iterable[str]) -> None:
        """Do not wait for the first block of these sources."""
        for name in sources:
            self._sources.setdefault(name, _Source()).idle = True

    def _check_shard(self, block: Block) -> None:
        if self._fan_out is None:
            self._start(block.shard, block.shards)
        elif (block.shard, block.shards) != (self._fan_out.shard, self._fan_out.shards):
            raise StrayBlockError(
                f"{block.source}: a block of shard {block.shard} of {block.shards} arrived at shard "
                f"{self._fan_out.shard} of {self._fan_out.shards}; the shards of a running app cannot be "
                "changed: use another kafka.app"
            )

    def _start(self, shard: int, shards: int) -> None:
        self._fan_out = FanOut(shard, shards, self._most)
        self._value_rows = ValueRows(self._fan_out)
        self._fanning = StepFanning(
            self._names.known, self._value_names, self._fan_out, self._value_rows, self._costs
        )

    def _merge(self, block: Block) -> None:
        start = block.bucket - block.bucket % self.width
        if not (block.records or block.paths or block.values):
            return
        steps = self._open
        reported_with = self._reported_with(block, start)
        if reported_with is not None:
            self.late += block.records
            if start < reported_with - CORRECTED_SECONDS:
                return  # too old to correct anything: only counted
            steps = self._late.setdefault(reported_with, {})
        into = steps.get(start)
        if into is None:
            into = steps[start] = OpenStep(start)
        into.records += block.records
        merge_levels(into.levels, block.levels)
        merge_changes(into.changes, block.changes)
        into.examples += block.examples
        if len(into.examples) > 2 * MOST:
            into.examples = at_most(into.examples)
        ids = self._names.ids(block)
        if len(ids):
            self._merge_counts(block, ids, into)

    def _merge_counts(self, block: Block, ids: Ints, into: OpenStep) -> None:
        into.counts.sums.add(ids, block.sums)
        billed = np.flatnonzero(block.gb_seconds.any(axis=1))
        if len(billed):
            into.billed.add(ids[billed], block.gb_seconds[billed])
        if len(block.cells):
            into.counts.latency.add(renumbered(block.cells, ids), block.counts)
        if block.values:
            known = self._value_names
            numbers = [known.setdefault(value, len(known)) for value in block.values]
            into.values.add(np.array(numbers, np.int64), block.amounts)
        tags = into.counts.tags
        for row, key, text, count in block.tags:
            place = (int(ids[row]), key, text)
            tags[place] = tags.get(place, 0.0) + count

    def _reported_with(self, block: Block, start: int) -> int | None:
        """Return the step that a late block is reported with; None when its own step still accepts it.

        A block is late if its source marks it so, even while another source holds the step open: the progress
        of others is not a function of the records. It is reported with the step that its source was in. A
        source that was idle may find steps closed that it would have held open; these are reported with the
        next one.
        """
        passed = block.watermark - block.watermark % self.width
        if self._closed is not None and start < self._closed:
            return max(passed, self._closed)
        return passed if (block.late or block.corrects) and start < passed else None

    def _close(self) -> Iterator[OpenStep]:
        watermark = self.watermark
        if watermark is None:
            return
        if self._closed is None:
            first = min((*self._open, *self._late), default=watermark)
            if first + self.width > watermark:
                return  # a source that starts earlier may still add a step before this one
            self._closed = first
        while self._closed + self.width <= watermark:
            start = self._closed = self._behind_a_leap(self._closed, watermark)
            self._closed = start + self.width
            step = self._open.pop(start, None) or OpenStep(start, has_counts=False)
            step.late = [late for _, late in sorted(self._late.pop(start, {}).items())]
            step.between = self._is_between(start) or (not step.records and start < self._unheard)
            step.completeness = 0.0 if step.between else self._completeness(self._closed)
            yield step

    def _is_between(self, start: int) -> bool:
        """Return whether a step lies between a history and the first block that followed."""
        if not self._handed_over:
            return False
        self._handed_over = self._begins is None or start < self._begins
        return self._handed_over

    def _behind_a_leap(self, closed: int, watermark: int) -> int:
        """Return the step to close next: the one at ``closed``, or the first behind years without a record.

        Every source has passed ``watermark``, so what is open there is all there is.
        """
        if watermark - closed <= LEAP_SECONDS:
            return closed
        last = watermark - watermark % self.width - self.width
        behind = min((at for at in (*self._open, *self._late) if at >= closed), default=last)
        return behind if behind - closed > LEAP_SECONDS else closed

    def _completeness(self, end: int) -> float:
        """Return the share of the sources that have passed ``end`` or are idle."""
        complete = [
            source.is_passed_over or (source.watermark is not None and source.watermark >= end)
            for source in self._sources.values()
        ]
        return sum(complete) / len(complete)

    def _fanned_out(self, closed: Sequence[OpenStep]) -> Iterator[StepRun]:
        return self._fanning.runs(closed) if self._fanning else iter(())

    def snapshot(self) -> dict[str, bytes]:
        """Return the open steps, the names of all rows and the position of each source."""
        arrays: dict[str, NDArray[Any]] = {}
        opened = _packed(self._open, "", arrays)
        late = [
            (reported_with, _packed(steps, f"{_LATE}{reported_with}/", arrays))
            for reported_with, steps in sorted(self._late.items())
        ]
        shard = (self._fan_out.shard, self._fan_out.shards) if self._fan_out else None
        turns, returned, series = list[int](), list[tuple[int, list[int]]](), list[tuple[int, str]]()
        if self._fan_out and self._value_rows:
            arrays["order"], turns = self._fan_out.order()
            arrays["values"] = np.array(self._value_rows.order, np.int64)
            returned = self._fan_out.returned
            if len(times := self._fan_out.times):
                arrays["times"] = times
            series = self._value_rows.numbers()
        values = list(self._value_names)
        meta = _Meta(
            self._sources, opened, late, self._closed, self.late, shard, values, turns,
            self._handed_over, self._begins, returned, series, self._unheard,
        )  # fmt: skip
        return {"steps": pack("steps", self.VERSION, meta, arrays), **self._names.snapshot()}

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Continue from a snapshot."""
        meta, arrays = unpack(parts["steps"], "steps", self.VERSION, _Meta)
        self._names.restore(parts)
        self._fan_out = self._value_rows = self._fanning = None
        self._value_names = {value: number for number, value in enumerate(meta.values)}
        if meta.shard is not None:
            self._start(*meta.shard)
        if self._fan_out is not None and self._value_rows is not None:
            self._fan_out.restore(
                self._names.known, arrays["order"], meta.turns, meta.returned, arrays.get("times")
            )
            self._value_rows.restore(meta.values, arrays["values"], meta.value_series)
        self._sources |= meta.sources
        for name in self._sources.keys() - self._read:
            self._sources[name].idle, self._sources[name].end = True, 0
        self._closed, self.late = meta.closed, meta.late
        self._handed_over, self._begins = meta.handed_over, meta.begins
        self._unheard = meta.unheard
        self._open = _unpacked(meta.open, "", arrays)
        self._late = {
            reported_with: _unpacked(states, f"{_LATE}{reported_with}/", arrays)
            for reported_with, states in meta.late_open
        }


def _packed(steps: Mapping[int, OpenStep], stem: str, arrays: dict[str, NDArray[Any]]) -> list[_OpenState]:
    """Add the arrays of open steps to ``arrays``; return the rest of their state."""
    found = []
    for start, counted in sorted(steps.items()):
        arrays |= counted.counts.arrays(f"{stem}{start}")
        arrays[f"{stem}{start}/values"], arrays[f"{stem}{start}/amounts"] = counted.values.merged()
        arrays[f"{stem}{start}/billed"], arrays[f"{stem}{start}/gb_seconds"] = counted.billed.merged()
        levels = list(counted.levels.items())
        found.append(
            _OpenState(
                start,
                counted.records,
                counted.counts.listed_tags(),
                levels,
                counted.changes,
                counted.examples,
            )
        )
    return found


def _unpacked(
    states: Iterable[_OpenState], stem: str, arrays: dict[str, NDArray[Any]]
) -> dict[int, OpenStep]:
    steps = {}
    for state in states:
        counts = Counts().restore(arrays, f"{stem}{state.start}", state.tags)
        opened = OpenStep(state.start, records=state.records, counts=counts)
        opened.values.add(arrays[f"{stem}{state.start}/values"], arrays[f"{stem}{state.start}/amounts"])
        if f"{stem}{state.start}/billed" in arrays:
            billed = arrays[f"{stem}{state.start}/billed"]
            opened.billed.add(billed, arrays[f"{stem}{state.start}/gb_seconds"])
        opened.levels, opened.changes = dict(state.levels), state.changes
        opened.examples = state.examples
        steps[state.start] = opened
    return steps
