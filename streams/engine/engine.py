"""The whole path in one process: decode → rollup → detect → incidents, fed and returning values.

The local driver feeds it; replay feeds its two halves (``rolling.py``, ``judging.py``), of which it may have
several; the Kafka driver feeds the same stages one by one.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from alerting.incidents.incidents import Incidents
from config.settings import Settings
from streams.engine.judging import Emitted, Judging
from streams.engine.rolling import Rolled, Rolling


class RecordTotals(NamedTuple):
    """What became of records, of all sources: running totals."""

    late: int  # came after their bucket had closed
    duplicates: int  # dropped: their id was known
    folded: int  # names folded into ``other``
    blocks: int  # since this process began
    steps: int  # since this process began


class Engine:
    """All stages for a fixed set of sources.

    Parameters
    ----------
    settings
        What to judge by.
    sources
        The source partitions that will be fed: ``local/0``, ``requests/3``, a file's name.
    shards
        Shards that series are spread over; the findings are the same for any number.
    on_step
        Called with the start of every step of shard 0 that was judged (progress).
    remember_all
        Keep every incident, as a replay does, which tells of all at its end; a daemon forgets old ones.
    """

    def __init__(
        self,
        settings: Settings,
        sources: Sequence[str],
        shards: int = 1,
        on_step: Callable[[int], None] | None = None,
        *,
        remember_all: bool = False,
    ) -> None:
        self._rolling = Rolling(settings, sources, shards)
        self._judging = Judging(settings, sources, shards, on_step, remember_all=remember_all)

    def feed(self, source: str, records: Sequence[bytes]) -> Emitted:
        """Feed consecutive records of one source partition."""
        return self._judge(self._rolling.feed(source, records))

    def idle(self, source: str) -> Emitted:
        """Say that the source is silent: it no longer holds time back."""
        return self._judge(self._rolling.idle(source))

    def finish(self, source: str) -> Emitted:
        """Say that the source has ended: everything it holds is closed."""
        return self._judge(self._rolling.finish(source))

    def watermark(self, source: str) -> int:
        """Event time up to which this source is complete."""
        return self._rolling.watermark(source)

    @property
    def incidents(self) -> Incidents:
        """What became of findings."""
        return self._judging.incidents

    @property
    def judged_until(self) -> int | None:
        """Event time up to which everything was judged, epoch seconds."""
        return self._judging.watermark

    @property
    def series(self) -> int:
        """How many series are kept."""
        return self._judging.series

    @property
    def totals(self) -> RecordTotals:
        """What became of the records so far."""
        rolling, judging = self._rolling, self._judging
        return RecordTotals(rolling.late, rolling.duplicates, rolling.folded, judging.blocks, judging.steps)

    def _judge(self, rolled: Rolled) -> Emitted:
        return self._judging.feed(rolled.blocks, rolled.rejected)

    def snapshot(self) -> dict[str, bytes]:
        """Return the state of every stage, its parts named ``stage|part``."""
        return self._rolling.snapshot() | self._judging.snapshot()

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Go on from a snapshot of an engine with the same sources and shards."""
        self._rolling.restore(parts)
        self._judging.restore(parts)
