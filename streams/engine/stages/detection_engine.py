"""Blocks become findings, and findings become incidents: detection of all shards, assembled."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import ClassVar

from alerting.incidents.incidents import Incidents
from alerting.incidents.notice import Notice
from config.capacity import Capacity
from config.settings import Settings
from detectors.model.array_types import Floats
from detectors.model.finding import Finding
from detectors.state.declared import Owned, Stateful
from streams.engine.decode.rejected import Rejected
from streams.engine.detect.detect import Detect, OnJudgement
from streams.engine.detect.gather import Gather
from streams.engine.detect.successor import Successor
from streams.engine.rollup.blocks.block import Block


@dataclass(slots=True)
class Emitted:
    """The output of one feed, in order."""

    rejected: list[Rejected] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)  # that were judged, or wait for other sources
    watermark: int | None = None  # event time up to which everything was judged; None if unchanged
    records: list[bytes] = field(default_factory=list)  # of judged steps, if they are asked for


class DetectionEngine(Stateful):
    """Judges the blocks of a fixed set of sources.

    Several instances may share the same blocks, which are not modified. A snapshot is restored with the same
    sources and shards.

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

    STATE: ClassVar[tuple[Owned, ...]] = (
        Owned("detect", "detect/{}|"),
        Owned("_gather", "gather|"),
        Owned("incidents", "incidents|"),
    )

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
        def make(shard: int, given: Settings, limits: Capacity | None, *, shown: bool) -> Detect:
            watching = (None if shard else on_step, on_judgement) if shown else (None, None)
            return Detect(shard, sources, given, *watching, capacity=limits, records=records)

        self._make = make
        self._shards = shards
        self._remember_all = remember_all
        self._assemble(settings, capacity)
        self.steps = 0  # judged since the process started

    def _assemble(self, settings: Settings, capacity: Capacity | None) -> None:
        self._given = settings, capacity
        self.detect = [self._make(shard, *self._given, shown=True) for shard in range(self._shards)]
        self._gather = Gather(self._shards)
        self._step = settings.time.step
        self.incidents = Incidents(settings, remember_all=self._remember_all)

    def judge_by(self, settings: Settings, capacity: Capacity | None = None) -> None:
        """Judge by other settings from here on, exactly as an engine restored with them would.

        The settings in ``config.reload.RESTART`` must be the same. ``capacity`` are the known limits; by
        default those of the settings.
        """
        other = copy(self)
        other._assemble(settings, capacity)  # noqa: SLF001 - one of its kind
        for declared in DetectionEngine.STATE:
            declared.restore(other, declared.snapshot(self))
        vars(self).update(vars(other))

    def limit(self, capacity: Capacity) -> None:
        """Go on with other limits, from the next step on; any thread may call this."""
        for detect in self.detect:
            detect.limit(capacity)

    def judge(self, blocks: Sequence[Block], rejected: Iterable[Rejected] = ()) -> Emitted:
        """Judge the blocks of one source; ``rejected`` is added to the output.

        Early blocks give strong deviations in the minute that they complete.
        """
        emitted = Emitted(list(rejected), blocks=[block for block in blocks if not block.early])
        for shard, detect in enumerate(self.detect):
            judged = detect.feed(block for block in blocks if block.shard == shard)
            self.steps += sum(not step.early for step in judged)
            emitted.records += detect.take_records()
            for step in self._gather.feed(judged):
                emitted.watermark = emitted.watermark if step.early else step.watermark
                emitted.findings += step.findings
                emitted.notices += step.to_notices(self.incidents)
        return emitted

    def successor(self, history: Mapping[str, bytes] | None, until: int, shard: int = 0) -> Successor:
        """Return a detector that re-evaluates a shard's blocks with a different history."""
        return Successor(self._make(shard, *self._given, shown=False), history, until)

    def succeed(self, by: Successor, shard: int = 0) -> None:
        """Go on with a successor that has judged the same blocks of a shard."""
        self.detect[shard] = by.replace(self.detect[shard])

    def hand_over(self, sources: Sequence[str]) -> None:
        """Go on with the blocks of other sources: those so far have ended."""
        for detect in self.detect:
            detect.hand_over(sources)

    def pass_over(self, until: int) -> None:
        """Take steps before ``until`` that have no record for unknown: nobody listened."""
        for detect in self.detect:
            detect.pass_over(until)

    @property
    def judged_until(self) -> int | None:
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
