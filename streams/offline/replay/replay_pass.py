"""One pass over a source, judged with any number of configurations."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from config.settings import Settings
from streams.engine.detect.detect import OnJudgement
from streams.engine.stages.checkpoint import parts_of, parts_under
from streams.engine.stages.rollup_engine import SECTIONS, RollupEngine
from streams.offline.replay.replay_judge import ReplayJudge, SourceRun
from streams.offline.replay.replayed import Replayed
from streams.offline.replay.state import ReplayState
from streams.offline.sources.reading import Read, reader_of
from streams.offline.sources.source import OnProgress, RecordSource

if TYPE_CHECKING:
    from streams.record.history.history_filling import HistoryFilling


class Stopped(Exception):  # noqa: N818 - requested, not an error
    """A replay has stopped between two pieces, on request."""


class _Group(NamedTuple):
    """Configurations with equal rollup, which share decoding and rollup."""

    rollup: RollupEngine
    judges: list[ReplayJudge]


class ReplayPass:
    """Reads a source once and judges it with every configuration.

    Parameters
    ----------
    configs
        Configurations; those with equal ``time`` and ``rollup`` sections share decoding and rollup.
    watch
        Called with every judgement of the first configuration.
    filling
        Gets the record of each step of the first configuration, for a history.
    """

    def __init__(
        self,
        source: RecordSource,
        configs: Sequence[Settings],
        watch: OnJudgement | None = None,
        filling: "HistoryFilling | None" = None,
    ) -> None:
        self._source = source
        self._judges: list[ReplayJudge] = []
        self._groups: list[_Group] = []
        known: dict[str, _Group] = {}
        for number, settings in enumerate(configs):
            first = number == 0
            judge = ReplayJudge(
                settings, source.partitions, watch if first else None, filling if first else None
            )
            self._judges.append(judge)
            key = settings.model_dump_json(include=set(SECTIONS))
            if key not in known:
                known[key] = _Group(RollupEngine(settings, source.partitions, whole_steps=True), [])
                self._groups.append(known[key])
            known[key].judges.append(judge)
        self._places: dict[str, object] = {}
        self._begun: Counter[str] = Counter()
        self._done = 0.0
        self._seconds = 0.0

    @property
    def done(self) -> float:
        """The fraction of the source that has been read."""
        return self._done

    @property
    def series(self) -> int:
        """Number of series of the first configuration."""
        return self._judges[0].series

    def run(
        self,
        progress: OnProgress | None = None,
        save: Callable[[], None] | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> list[Replayed]:
        """Read to the end; return one result per configuration, in order.

        Parameters
        ----------
        save
            Called now and then between two pieces, to save ``state``.
        stopping
            Called between two pieces; returns whether to stop.

        Raises
        ------
        Stopped
            When ``stopping`` returned true; ``save`` has been called.
        ReplayError
            When the source cannot be read.
        """
        began = time.perf_counter()
        reader = reader_of(self._source, [group.rollup for group in self._groups])

        def show(read: Read) -> None:
            if progress:
                progress(read.done, self._begun.total(), self._judges[0].reached)

        if not reader.run(self._judge, show, save, stopping):
            raise Stopped
        self._seconds = time.perf_counter() - began
        rollups = {id(judge): group.rollup for group in self._groups for judge in group.judges}
        return [
            judge.result(self._begun.total(), rollups[id(judge)], self._seconds) for judge in self._judges
        ]

    def _judge(self, read: Read) -> None:
        begin = self._begun[read.partition]
        run = SourceRun(read.partition, begin, read.offsets or range(begin, begin + read.parts))
        for (_, judges), rolled in zip(self._groups, read.rolled, strict=True):
            for judge in judges:
                judge.judge(run, rolled)
        self._begun[read.partition] += read.parts
        self._places[read.partition] = read.place
        self._done = read.done

    def state(self, asked: str, series_parts: int = 0) -> ReplayState:
        """Return the state to resume from."""
        parts: dict[str, bytes] = {}
        for number, group in enumerate(self._groups):
            parts |= parts_under(f"rolling/{number}", group.rollup.snapshot())
        for number, judge in enumerate(self._judges):
            parts |= parts_under(f"judge/{number}", judge.snapshot())
        return ReplayState(
            asked=asked,
            bounds=dict(self._source.bounds),
            places=self._places,
            begun=self._begun,
            done=self._done,
            series_parts=series_parts,
            parts=parts,
        )

    def resume(self, state: ReplayState) -> None:
        """Resume from a state of the same source and configurations.

        Raises
        ------
        ReplayError
            When the source has changed.
        StateError
            When another version wrote the state.
        """
        self._source.resume(state.bounds, state.places)
        for number, group in enumerate(self._groups):
            group.rollup.restore(parts_of(f"rolling/{number}", state.parts))
        for number, judge in enumerate(self._judges):
            judge.restore(parts_of(f"judge/{number}", state.parts))
        self._places, self._begun = state.places, Counter(state.begun)
        self._done = state.done
