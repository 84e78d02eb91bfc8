"""The expected results of the records, computed from them: straight Python, no part of the engine.

Totals of steps come from those of buckets of ``rollup_oracle``. A finding is what a judge makes of a curve;
there, and for the final state, the truth is an engine that was fed the same records and that nobody killed.
"""

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import numpy as np

from config.settings import Settings
from detectors.model.array_types import Floats
from detectors.model.finding import Finding
from detectors.model.measures import Measure
from detectors.model.scope import ScopeOrEdge
from streams.engine.decode.event_time import EventTime
from streams.engine.rollup.blocks.block import Block
from streams.engine.stages.engine import Engine
from tests.streams.engine.rollup.rollup_oracle import Oracle, totals_of

QUANTUM = 2.0**-20  # what decode rounds an amount to
ROUNDED = (Measure.RCU, Measure.WCU, Measure.BUSY)
FUTURE = 300


class BadRecord(NamedTuple):
    """A record that is no event."""

    offset: int
    reason: str


def bad_record(record: bytes) -> str | None:
    """Return why a record of the test's traffic is no event; None when it is one."""
    try:
        event = json.loads(record)
    except ValueError:
        return "not_json"
    if "ts" not in event:
        return "no_ts"
    if not math.isfinite(event["ts"]):
        return "not_finite"
    return None


class Truth:
    """The expected results of a source partition. Laws of event time are in tests/laws/test_time.py."""

    def __init__(self, source: str, records: Sequence[bytes], arrived: Floats, settings: Settings) -> None:
        self.source = source
        self.bad: list[BadRecord] = []
        self.events = Oracle(settings.time)
        good = []
        for offset, record in enumerate(records):
            reason = bad_record(record)
            if reason is not None:
                self.bad.append(BadRecord(offset, reason))
            else:
                good.append(offset)
        stamps = np.array([json.loads(records[offset])["ts"] for offset in good])
        admitted = EventTime(FUTURE).admit(stamps, arrived[good])
        self.bad += [BadRecord(good[row], "far_future") for row in admitted.refuted]
        for row, reached in zip(admitted.accepted.tolist(), admitted.newest.tolist(), strict=True):
            self.events.feed(records[good[row]], reached)
        self._closed = self.events.watermark()
        self._step = settings.time.step

    def mismatches(self, blocks: Iterable[Block]) -> list[str]:
        """Return a line for every total that is another than it must be; of each block one is given."""
        by_shard: dict[int, list[Block]] = defaultdict(list)
        for block in blocks:
            if block.source == self.source and not block.idle:
                by_shard[block.shard].append(block)
        wrong = []
        found: dict[tuple[int, ScopeOrEdge, Measure], float] = {}
        for shard, own in by_shard.items():
            numbers = sorted(block.sequence for block in own)
            if numbers != list(range(len(own))):
                wrong.append(f"{self.source} shard {shard}: numbers of blocks have a gap or come twice")
            records: dict[int, int] = defaultdict(int)
            for block in own:
                records[block.bucket] += block.records
            wrong += self._compare(
                f"{self.source} shard {shard} records",
                self._by_step(self.events.records),
                self._by_step(records),
            )
            totals = totals_of(own)
            twice = {about for _, about, _ in totals} & {about for _, about, _ in found}
            wrong += [f"{self.source}: {about} is in two shards" for about in twice]
            found |= totals
        expected, actual = self._by_step(self.events.totals), self._by_step(found)
        return wrong + self._compare(f"{self.source} totals", expected, actual)

    def _by_step(self, totals: Mapping[Any, float]) -> dict[Any, float]:
        """Add up the totals of each step that has closed: a partition that is behind emits no buckets."""
        width = self._step
        found: dict[Any, float] = defaultdict(float)
        for key, total in totals.items():
            bucket = key[0] if isinstance(key, tuple) else key
            step = bucket - bucket % width
            if step + width <= self._closed and total:
                found[(step, *key[1:]) if isinstance(key, tuple) else step] += total
        return found

    @staticmethod
    def _compare(what: str, expected: Mapping[Any, float], found: Mapping[Any, float]) -> list[str]:
        wrong = []
        for key in expected.keys() | found.keys():
            one, other = expected.get(key, 0), found.get(key, 0)
            rounded = isinstance(key, tuple) and key[2] in ROUNDED
            # A thousand roundings of half a quantum are far below any amount that could be lost.
            if abs(one - other) > (1000 * QUANTUM if rounded else 0):
                wrong.append(f"{what} {key}: {other} instead of {one}")
        return wrong


def undisturbed(
    settings: Settings,
    partitions: Mapping[str, Sequence[bytes]],
    arrived: Mapping[str, Floats],
    shards: int,
    *,
    recorded: bool = False,
    gathered: bool = True,
) -> tuple[Engine, dict[tuple[str, int], str]]:
    """Return an engine that nobody killed, and its findings by id and revision.

    Without ``gathered`` they are as shards emit them: the requests of their account are known once all meet.
    """

    def shown(finding: Finding) -> str:
        return repr(finding if gathered else msgspec.structs.replace(finding, account=None))

    engine = Engine(settings, list(partitions), shards, records=recorded)
    findings = {}
    longest = max(map(len, partitions.values()))
    for first in range(0, longest, 500):
        for source, records in partitions.items():
            run = slice(first, first + 500)
            for finding in engine.feed(source, records[run], arrived[source][run]).findings:
                findings[finding.id, finding.revision] = shown(finding)
    for source in partitions:
        for finding in engine.idle(source).findings:
            findings[finding.id, finding.revision] = shown(finding)
    return engine, findings
