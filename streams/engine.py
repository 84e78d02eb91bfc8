"""The whole path in one process: decode → rollup → detect → incidents, fed and returning values.

The local driver and replay feed it; the Kafka driver feeds the same stages one by one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from alerting.incidents import Incidents
from alerting.notice import Notice
from config.settings import Settings
from detectors.finding import Finding
from streams.block import Block
from streams.decode import Decoder
from streams.detect import Detect
from streams.gather import Gather
from streams.rejected import Rejected
from streams.rollup import Rollup


class Counted(NamedTuple):
    """What became of records, of all sources: running totals."""

    late: int  # came after their bucket had closed
    duplicates: int  # dropped: their id was known
    folded: int  # names folded into ``other``
    blocks: int  # since this process began
    steps: int  # since this process began


@dataclass(slots=True)
class Told:
    """What one feeding brought to light, in order."""

    rejected: list[Rejected] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    watermark: int | None = None  # event time up to which everything was judged; None when it did not move


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
        self._decoders = {source: Decoder(settings) for source in sources}
        self._rollups = {
            source: Rollup(source, shards, settings.time, decoder)
            for source, decoder in self._decoders.items()
        }
        self._detect = [
            Detect(shard, sources, settings, on_step if shard == 0 else None) for shard in range(shards)
        ]
        self._gather = Gather(shards)
        self._blocks = self._steps = 0
        self.incidents = Incidents(settings, remember_all=remember_all)

    def feed(self, source: str, records: Sequence[bytes]) -> Told:
        """Feed consecutive records of one source partition."""
        columns, rejected = self._decoders[source].decode(records)
        return self._judge(self._rollups[source].feed(columns), rejected)

    def idle(self, source: str) -> Told:
        """Say that the source is silent: it no longer holds time back."""
        return self._judge(self._rollups[source].idle(), [])

    def finish(self, source: str) -> Told:
        """Say that the source has ended: everything it holds is closed."""
        rollup = self._rollups[source]
        blocks = rollup.finish()
        return self._judge(blocks, rollup.rejected)

    def watermark(self, source: str) -> int:
        """Event time up to which this source is complete."""
        return self._rollups[source].watermark

    @property
    def series(self) -> int:
        """How many series are kept."""
        return sum(detect.series for detect in self._detect)

    @property
    def counted(self) -> Counted:
        """What became of the records so far."""
        return Counted(
            sum(rollup.late for rollup in self._rollups.values()),
            sum(rollup.duplicates for rollup in self._rollups.values()),
            sum(decoder.folded for decoder in self._decoders.values()),
            self._blocks,
            self._steps,
        )

    def _judge(self, blocks: list[Block], rejected: list[Rejected]) -> Told:
        told = Told(rejected)
        self._blocks += len(blocks)
        for shard, detect in enumerate(self._detect):
            judged = detect.feed(block for block in blocks if block.shard == shard)
            self._steps += len(judged)
            for one in self._gather.feed(judged):
                told.watermark = one.watermark
                told.findings += one.findings
                told.notices += self.incidents.feed(one.findings, one.watermark, one.loads, one.uses)
        return told

    def snapshot(self) -> dict[str, bytes]:
        """Return the state of every stage, its parts named ``stage|part``."""
        parts: dict[str, bytes] = {}
        for source, rollup in self._rollups.items():
            parts |= _under(f"rollup/{source}", rollup.snapshot())
        for shard, detect in enumerate(self._detect):
            parts |= _under(f"detect/{shard}", detect.snapshot())
        parts |= _under("gather", self._gather.snapshot())
        return parts | _under("incidents", self.incidents.snapshot())

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Go on from a snapshot of an engine with the same sources and shards."""
        for source, rollup in self._rollups.items():
            rollup.restore(_of(f"rollup/{source}", parts))
        for shard, detect in enumerate(self._detect):
            detect.restore(_of(f"detect/{shard}", parts))
        self._gather.restore(_of("gather", parts))
        self.incidents.restore(_of("incidents", parts))


def _under(stage: str, parts: Mapping[str, bytes]) -> dict[str, bytes]:
    return {f"{stage}|{name}": body for name, body in parts.items()}


def _of(stage: str, parts: Mapping[str, bytes]) -> dict[str, bytes]:
    return {
        name.removeprefix(f"{stage}|"): body for name, body in parts.items() if name.startswith(f"{stage}|")
    }
