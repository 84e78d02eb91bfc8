"""Counts what became of the records of one source, for metrics and for operators."""

from collections.abc import Sequence

from streams.engine.decode.rejected import Rejected
from streams.engine.stages.late_watch import LateWatch
from streams.engine.stages.rollup_engine import RecordTotals
from streams.process.metrics import Metrics


class RecordCounts:
    """Counts run by run; ``totals`` are those of the state before the first one."""

    def __init__(self, source: str, metrics: Metrics, totals: RecordTotals) -> None:
        self.lateness = LateWatch(source)
        self.totals = totals
        self._metrics = metrics

    def count(self, records: int, rejected: Sequence[Rejected], totals: RecordTotals, watermark: int) -> None:
        """Count a run of records, some of them rejected, after which these are the totals."""
        metrics, before, self.totals = self._metrics, self.totals, totals
        metrics.records.inc(records)
        for bad in rejected:
            metrics.rejected.labels(bad.reason.value).inc()
        late = totals.late - before.late
        metrics.late.inc(late)
        self.lateness.feed(records, late, rejected, watermark)
        self.lateness.note_delay(totals.usual_delay)
        metrics.duplicates.inc(totals.duplicates - before.duplicates)
        metrics.folded.inc(totals.folded - before.folded)
        for reason, count in (totals.unjoined - before.unjoined).items():
            metrics.unjoined.labels(reason).inc(count)
