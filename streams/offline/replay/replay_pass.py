"""One pass over a source, judged with any number of configurations."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from config.settings import Settings
from detectors.state.declared import Owned, Stateful
from streams.engine.detect.detect import OnJudgement
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


class ReplayPass(Stateful):
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

    STATE = (Owned("_rollups", "rolling/{}|"), Owned("_judges", "judge/{}|"))

    def __init__(
        self,
        source: RecordSource,
        configs: Sequence[Settings],
        watch: OnJudgement | None = None,
        filling: "HistoryFilling | None" = None,
    ) -> None:
        self._source = source
        self._judges: list[ReplayJudge] = []
        self._rollups: list[RollupEngine] = []
        self._rolled_by: list[int] = []  # by judge, the number of its rollup
        known: dict[str, int] = {}
        for number, settings in enumerate(configs):
            first = number == 0
            judge = ReplayJudge(
                settings, source.partitions, watch if first else None, filling if first else None
            )
            self._judges.append(judge)
            key = settings.model_dump_json(include=set(SECTIONS))
            if key not in known:
                known[key] = len(self._rollups)
                self._rollups.append(RollupEngine(settings, source.partitions, whole_steps=True))
            self._rolled_by.append(known[key])
        self._places: dict[str, object] = {}
        self._begun: Counter[str] = Counter()
        self.done = 0.0
        """The fraction of the source that has been read."""
        self._seconds = 0.0

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
        reader = reader_of(self._source, self._rollups)

        def show(read: Read) -> None:
            if progress:
                progress(read.done, self._begun.total(), self._judges[0].reached)

        if not reader.run(self._judge, show, save, stopping):
            raise Stopped
        self._seconds = time.perf_counter() - began
        return [
            judge.result(self._begun.total(), self._rollups[by], self._seconds)
            for judge, by in zip(self._judges, self._rolled_by, strict=True)
        ]

    def _judge(self, read: Read) -> None:
        begin = self._begun[read.partition]
        run = SourceRun(read.partition, begin, read.offsets or range(begin, begin + read.parts))
        for judge, by in zip(self._judges, self._rolled_by, strict=True):
            judge.judge(run, read.rolled[by])
        self._begun[read.partition] += read.parts
        self._places[read.partition] = read.place
        self.done = read.done

    def state(self, asked: str, series_parts: int = 0) -> ReplayState:
        """Return the state to resume from."""
        return ReplayState(
            asked=asked,
            bounds=dict(self._source.bounds),
            places=self._places,
            begun=self._begun,
            done=self.done,
            series_parts=series_parts,
            parts=self.snapshot(),
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
        self.restore(state.parts)
        self._places, self._begun = state.places, Counter(state.begun)
        self.done = state.done
