"""Blocks become findings, and findings become incidents: detection of all shards, assembled."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from alerting.incidents.incidents import Incidents
from alerting.incidents.notice import Notice
from config.capacity import Capacity
from config.settings import Settings
from detectors.model.array_types import Floats
from detectors.model.finding import Finding
from streams.engine.decode.rejected import Rejected
from streams.engine.detect.detect import Detect, OnJudgement
from streams.engine.detect.gather import Gather
from streams.engine.detect.successor import Successor
from streams.engine.rollup.blocks.block import Block
from streams.engine.stages.checkpoint import parts_of, parts_under


@dataclass(slots=True)
class Emitted:
    """The output of one feed, in order."""

    rejected: list[Rejected] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)  # that were judged, or wait for other sources
    watermark: int | None = None  # event time up to which everything was judged; None if unchanged
    records: list[bytes] = field(default_factory=list)  # of judged steps, if they are asked for


class DetectionEngine:
    """Judges the blocks of a fixed set of sources.

    Several instances may share the same blocks, which are not modified.

    Parameters
    ----------
    on_step
        Called with the start of every judged step of shard 0, to show progress.
    remember_all
        Keep every incident, for the results of a replay; a daemon forgets old ones.
    on_judgement
        Called with every judgement of every shard.
    capacity
        The known limits; those of the settings when absent.
    records
        Record every judged step, for the history.
    """

    def __init__(
        self,
        settings: Settings,
        sources: Sequence[str],
        shards: int = 1,
        on_step: Callable[[int], None] | None = None,
        *,
        remember_all: bool = False,
        on_judgement: OnJudgement | None = None,
        capacity: Capacity | None = None,
        records: bool = False,
    ) -> None:
        self._another: Callable[[int], Detect] = lambda shard: Detect(
            shard, sources, settings, capacity=capacity, records=records
        )
        self.detect = [
            Detect(
                shard,
                sources,
                settings,
                None if shard else on_step,
                on_judgement,
                capacity=capacity,
                records=records,
            )
            for shard in range(shards)
        ]
        self._gather = Gather(shards)
        self._step = settings.time.step
        self.incidents = Incidents(settings, remember_all=remember_all)
        self.blocks = self.steps = 0  # fed and judged since the process started

    def limit(self, capacity: Capacity) -> None:
        """Go on with other limits, from the next step on."""
        for detect in self.detect:
            detect.limit(capacity)

    def feed(self, blocks: Sequence[Block], rejected: Iterable[Rejected] = ()) -> Emitted:
        """Feed the blocks of one source; ``rejected`` is added to the output."""
        emitted = Emitted(list(rejected))
        self.blocks += len(blocks)
        for shard, detect in enumerate(self.detect):
            judged = detect.feed(block for block in blocks if block.shard == shard)
            self.steps += len(judged)
            emitted.records += detect.take_records()
            for step in self._gather.feed(judged):
                emitted.watermark = step.watermark
                emitted.findings += step.findings
                emitted.notices += step.to_notices(self.incidents)
        return emitted

    def evaluate_early(self, blocks: Sequence[Block]) -> Emitted:
        """Add early blocks of one source; return strong deviations in the minute that they complete."""
        emitted = Emitted()
        for shard, detect in enumerate(self.detect):
            found = detect.evaluate_early([block for block in blocks if block.shard == shard])
            for step in self._gather.feed(found):
                emitted.findings += step.findings
                emitted.notices += step.to_notices(self.incidents)
        return emitted

    def successor(self, shard: int, history: Mapping[str, bytes] | None, until: int) -> Successor:
        """Return a detector that re-evaluates a shard's blocks with a different history."""
        return Successor(self._another(shard), history, until)

    def succeed(self, shard: int, by: Successor) -> None:
        """Go on with a successor that has judged the same blocks of a shard."""
        self.detect[shard] = by.replace(self.detect[shard])

    def hand_over(self, sources: Sequence[str]) -> None:
        """Go on with the blocks of other sources: those so far have ended."""
        for detect in self.detect:
            detect.hand_over(sources)

    @property
    def watermark(self) -> int | None:
        """Event time up to which everything was judged, epoch seconds."""
        start = self._gather.complete
        return None if start is None else start + self._step

    @property
    def series(self) -> int:
        """Number of series."""
        return sum(detect.series for detect in self.detect)

    def ages(self) -> list[Floats]:
        """Return the seconds since the first value of each judged series, by shard."""
        return [detect.ages() for detect in self.detect]

    def snapshot(self) -> dict[str, bytes]:
        """Return the state of every stage, with parts named ``stage|part``."""
        parts: dict[str, bytes] = {}
        for shard, detect in enumerate(self.detect):
            parts |= parts_under(f"detect/{shard}", detect.snapshot())
        parts |= parts_under("gather", self._gather.snapshot())
        return parts | parts_under("incidents", self.incidents.snapshot())

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore a snapshot of the same sources and shards."""
        for shard, detect in enumerate(self.detect):
            detect.restore(parts_of(f"detect/{shard}", parts))
        self._gather.restore(parts_of("gather", parts))
        self.incidents.restore(parts_of("incidents", parts))
