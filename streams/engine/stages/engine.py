"""The whole path in one process: decode → rollup → detect → incidents.

The local driver feeds it. Replay feeds its two engines (``rollup_engine.py``, ``detection_engine.py``),
possibly several of each, and the Kafka driver feeds the same stages one by one.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from alerting.incidents.incidents import Incidents
from config.capacity import Capacity
from config.settings import Settings
from detectors.model.array_types import Floats
from streams.engine.detect.successor import Successor
from streams.engine.stages.detection_engine import DetectionEngine, Emitted
from streams.engine.stages.rollup_engine import RollupEngine, RollupOutput


class RecordTotals(NamedTuple):
    """Running totals over all sources."""

    late: int  # records that arrived after their bucket had closed
    duplicates: int  # records dropped because their id was known
    folded: int  # names counted as ``other``
    blocks: int  # since the process started
    steps: int  # judged since the process started


class Engine:
    """All stages for a fixed set of sources; other parameters as in ``DetectionEngine``.

    Parameters
    ----------
    sources
        The source partitions to feed: ``local/0``, ``requests/3``, a file's name.
    shards
        Number of shards; it does not change the findings.
    """

    def __init__(
        self,
        settings: Settings,
        sources: Sequence[str],
        shards: int = 1,
        on_step: Callable[[int], None] | None = None,
        *,
        remember_all: bool = False,
        capacity: Capacity | None = None,
        records: bool = False,
    ) -> None:
        self._rollup = RollupEngine(settings, sources, shards)
        self._new_detection: Callable[[Settings, Capacity | None], DetectionEngine] = lambda given, limits: (
            DetectionEngine(
                given, sources, shards, on_step, remember_all=remember_all, capacity=limits, records=records
            )
        )
        self._detection = self._new_detection(settings, capacity)

    def limit(self, capacity: Capacity) -> None:
        """Go on with other limits, from the next step on; any thread may call this."""
        self._detection.limit(capacity)

    def feed(self, source: str, records: Sequence[bytes], arrived: Floats | None = None) -> Emitted:
        """Feed consecutive records of one source partition, with the time of their arrival if known."""
        return self._judge(self._rollup.feed(source, records, arrived))

    def idle(self, source: str, seconds: float = 0.0) -> Emitted:
        """Mark the source as idle for ``seconds``: time goes on by the clock."""
        return self._judge(self._rollup.idle(source, seconds))

    def evaluate_early(self, source: str, now: float) -> Emitted:
        """Evaluate the last minute of a source whose records are recent; ``now`` in epoch seconds.

        The findings are no function of the records: make them durable before they are reported.
        """
        blocks = self._rollup.early(source, now)
        return self._detection.evaluate_early(blocks) if blocks else Emitted()

    def finish(self, source: str) -> Emitted:
        """Mark the source as ended, and close everything it holds."""
        return self._judge(self._rollup.finish(source))

    def judge_by(self, settings: Settings, capacity: Capacity | None = None) -> None:
        """Judge by other settings from here on, exactly as an engine restored with them would.

        The settings in ``config.reload.RESTART`` must be the same. ``capacity`` are the known limits; by
        default those of the settings.
        """
        other = self._new_detection(settings, capacity)
        other.restore(self._detection.snapshot())
        other.blocks, other.steps = self._detection.blocks, self._detection.steps
        self._detection = other

    def successor(self, history: Mapping[str, bytes] | None, until: int, shard: int = 0) -> Successor:
        """Return a detector that re-evaluates this shard's blocks with a different history."""
        return self._detection.successor(shard, history, until)

    def succeed(self, by: Successor, shard: int = 0) -> None:
        """Go on with a successor that has judged the same blocks as this engine."""
        self._detection.succeed(shard, by)

    def watermark(self, source: str) -> int:
        """Return the event time up to which this source is complete."""
        return self._rollup.watermark(source)

    @property
    def incidents(self) -> Incidents:
        """Incidents made of the findings."""
        return self._detection.incidents

    @property
    def judged_until(self) -> int | None:
        """Event time up to which everything was judged, epoch seconds."""
        return self._detection.watermark

    @property
    def series(self) -> int:
        """Number of series."""
        return self._detection.series

    def ages(self) -> list[Floats]:
        """Return the seconds since the first value of each judged series, by shard."""
        return self._detection.ages()

    @property
    def totals(self) -> RecordTotals:
        """Running totals."""
        rollup, detection = self._rollup, self._detection
        return RecordTotals(rollup.late, rollup.duplicates, rollup.folded, detection.blocks, detection.steps)

    @property
    def unjoined(self) -> Counter[str]:
        """Records that count a part of their request and were not joined with another source's, by reason."""
        return self._rollup.unjoined

    def _judge(self, output: RollupOutput) -> Emitted:
        emitted = self._detection.feed(output.blocks, output.rejected)
        emitted.blocks = output.blocks
        return emitted

    def snapshot(self) -> dict[str, bytes]:
        """Return the state of every stage, with parts named ``stage|part``."""
        return self._rollup.snapshot() | self._detection.snapshot()

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore a snapshot of an engine with the same sources and shards."""
        self._rollup.restore(parts)
        self._detection.restore(parts)
