"""The whole path in one process: decode → rollup → detect → incidents.

The local driver feeds it. Replay feeds its two engines (``rollup_engine.py``, ``detection_engine.py``),
possibly several of each, and the Kafka driver feeds the same stages one by one.
"""

import math
from collections.abc import Callable, Sequence

from config.capacity import Capacity
from config.settings import Settings
from detectors.model.array_types import Floats
from detectors.state.declared import Owned
from streams.engine.stages.detection_engine import DetectionEngine, Emitted
from streams.engine.stages.rollup_engine import RecordTotals, RollupEngine


class Engine(DetectionEngine):
    """All stages for a fixed set of sources; parameters as in ``DetectionEngine``.

    ``sources`` are the source partitions to feed: ``local/0``, ``requests/3``, a file's name. The number of
    ``shards`` does not change the findings.
    """

    STATE = (Owned("_rollup"), *DetectionEngine.STATE)

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
        super().__init__(
            settings, sources, shards, on_step, remember_all=remember_all, capacity=capacity, records=records
        )
        self._rollup = RollupEngine(settings, sources, shards)

    def feed(self, source: str, records: Sequence[bytes], arrived: Floats | None = None) -> Emitted:
        """Feed consecutive records of one source partition, with the time of their arrival if known."""
        return self.judge(*self._rollup.feed(source, records, arrived))

    def choose_mode(self, source: str, now: float) -> None:
        """Emit whole steps while a source is far behind the clock, epoch seconds.

        Its first run is emitted by the bucket: a history that is learnt later ends where that began.
        """
        rollup = self._rollup.rollups[source]
        if math.isfinite(rollup.reached):
            rollup.switch_mode(whole_steps=rollup.wants_steps(now - rollup.reached))

    def idle(self, source: str, seconds: float = 0.0) -> Emitted:
        """Mark the source as idle for ``seconds``: time goes on by the clock."""
        return self.judge(self._rollup.rollups[source].idle(seconds))

    def evaluate_early(self, source: str, now: float) -> Emitted:
        """Evaluate the last minute of a source whose records are recent; ``now`` in epoch seconds.

        The findings are no function of the records: make them durable before they are reported.
        """
        blocks = self._rollup.rollups[source].early(now)
        return self.judge(blocks) if blocks else Emitted()

    def finish(self, source: str) -> Emitted:
        """Mark the source as ended, and close everything it holds."""
        return self.judge(*self._rollup.finish(source))

    def watermark(self, source: str) -> int:
        """Return the event time up to which this source is complete."""
        return self._rollup.watermark(source)

    def timely(self, source: str) -> int:
        """Return the number of records of this source that had a say in time."""
        return self._rollup.rollups[source].decoder.time.timely

    @property
    def totals(self) -> RecordTotals:
        """Running totals over all sources."""
        return self._rollup.totals
