"""One pass over history, judged with any number of configurations at once."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from config.settings import Settings
from streams.detect.detect import Watch
from streams.engine.rolling import SECTIONS, Rolled, Rolling
from streams.engine.stage_parts import parts_of, parts_under
from streams.history.source import History, Piece
from streams.replay.judge import ReplayJudge, SourceRun
from streams.replay.replayed import Replayed
from streams.replay.state import Progressed

SAVED_EVERY: Final = 30.0
"""Seconds between two states, and at least twenty times what writing one takes."""

Show = Callable[[float, int, int], None]
"""Is told the fraction read, the records so far and the event time reached (0 before the first step)."""


class Stopped(Exception):  # noqa: N818 - asked for, no error
    """A replay was asked to stop, and did so between two pieces."""


class _Group(NamedTuple):
    """Configurations that roll up alike: the records are decoded once for all of them."""

    rolling: Rolling
    judges: list[ReplayJudge]


class ReplayPass:
    """Reads a history once and judges it with every configuration.

    Parameters
    ----------
    history
        What is read.
    configs
        The configurations; those with equal ``time`` and ``rollup`` sections share decoding and rollup.
    watch
        Is shown every judgement of the first configuration.
    """

    def __init__(self, history: History, configs: Sequence[Settings], watch: Watch | None = None) -> None:
        self._history = history
        self._judges: list[ReplayJudge] = []
        self._groups: list[_Group] = []
        known: dict[str, _Group] = {}
        for number, settings in enumerate(configs):
            judge = ReplayJudge(settings, history.partitions, None if number else watch)
            self._judges.append(judge)
            key = settings.model_dump_json(include=set(SECTIONS))
            if key not in known:
                known[key] = _Group(Rolling(settings, history.partitions), [])
                self._groups.append(known[key])
            known[key].judges.append(judge)
        self._places: dict[str, object] = {}
        self._begun: Counter[str] = Counter()
        self._done = 0.0
        self._seconds = 0.0

    @property
    def done(self) -> float:
        """The fraction of the history that was taken in."""
        return self._done

    @property
    def series(self) -> int:
        """How many series the first configuration keeps."""
        return self._judges[0].series

    def run(
        self,
        progress: Show | None = None,
        save: Callable[[], None] | None = None,
        stopping: Callable[[], bool] = lambda: False,
    ) -> list[Replayed]:
        """Read to the end; return what each configuration found, in their order.

        Parameters
        ----------
        progress
            Is told how far it has come.
        save
            Is called now and then between two pieces, to keep ``state``.
        stopping
            Asked between two pieces.

        Raises
        ------
        Stopped
            When ``stopping`` says so; ``save`` was called then.
        streams.history.source.ReplayError
            When history cannot be read on.
        """
        began = time.perf_counter()
        saved, took = began, 0.0
        for piece in self._history.pieces(self._level):
            self._take(piece)
            now = time.perf_counter()
            if save and (stopping() or now - saved >= max(SAVED_EVERY, 20 * took)):
                save()
                saved = time.perf_counter()
                took = saved - now
            if progress:
                progress(piece.done, self._begun.total(), self._judges[0].reached)
            if stopping():
                raise Stopped
        self._seconds = time.perf_counter() - began
        rolling = {id(judge): group.rolling for group in self._groups for judge in group.judges}
        return [
            judge.result(self._begun.total(), rolling[id(judge)], self._seconds) for judge in self._judges
        ]

    def _level(self, partition: str) -> int:
        return self._groups[0].rolling.watermark(partition)

    def _take(self, piece: Piece) -> None:
        count = len(piece.records) if piece.records is not None else 0
        begin = self._begun[piece.partition]
        run = SourceRun(piece.partition, begin, piece.offsets or range(begin, begin + count))
        for rolling, judges in self._groups:
            rolled = _rolled(rolling, piece)
            for judge in judges:
                judge.feed(run, rolled)
        self._begun[piece.partition] += count
        self._places[piece.partition] = piece.place
        self._done = piece.done

    def state(self, asked: str, series_parts: int = 0) -> Progressed:
        """Return how far it has come; see ``Progressed`` for what is put to it."""
        parts: dict[str, bytes] = {}
        for number, group in enumerate(self._groups):
            parts |= parts_under(f"rolling/{number}", group.rolling.snapshot())
        for number, judge in enumerate(self._judges):
            parts |= parts_under(f"judge/{number}", judge.snapshot())
        return Progressed(
            asked=asked,
            bounds=dict(self._history.bounds),
            places=self._places,
            begun=self._begun,
            done=self._done,
            series_parts=series_parts,
            parts=parts,
        )

    def resume(self, progressed: Progressed) -> None:
        """Go on from a state of the same history and configurations.

        Raises
        ------
        streams.history.source.ReplayError
            When the history has changed since.
        detectors.state.state.StateError
            When it was written by another version.
        """
        self._history.resume(progressed.bounds, progressed.places)
        for number, group in enumerate(self._groups):
            group.rolling.restore(parts_of(f"rolling/{number}", progressed.parts))
        for number, judge in enumerate(self._judges):
            judge.restore(parts_of(f"judge/{number}", progressed.parts))
        self._places, self._begun = progressed.places, Counter(progressed.begun)
        self._done = progressed.done


def _rolled(rolling: Rolling, piece: Piece) -> Rolled:
    if piece.records is None:
        return rolling.finish(piece.partition)
    return rolling.feed(piece.partition, piece.records)
