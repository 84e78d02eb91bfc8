"""A file of measured steps: made of a source once, judged any number of times.

It holds a head, frames of steps, and a tail with the totals; each is compressed (zstd) and prefixed with its
length. New series start only at the first step of a frame. The file appears complete or not at all.
"""

import os
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from config.settings import Settings
from detectors.model.array_types import Floats
from detectors.model.measures import Measure
from detectors.model.scope import Edge, Scope, ScopeOrEdge
from detectors.state import zstd
from detectors.state.state import StateError, pack, unpack
from streams.engine.measure.level_rows import LevelLimit
from streams.engine.measure.measuring import Measuring
from streams.engine.measure.step import Fresh, LateStep, MeasuredStep
from streams.engine.stages.rollup_engine import SECTIONS, RollupEngine
from streams.offline.sources.reading import roll_up
from streams.offline.sources.source import OnProgress, RecordSource
from streams.process.files.atomic_file import atomic_file

NAME: Final = "recording.zst"
MOST_STEPS: Final = 256
"""Steps per frame: some hours, so that reading up to a given time reads little beyond it."""

_HEAD: Final = "recording-head"
_FRAME: Final = "recording-frame"
_TAIL: Final = "recording-tail"
_VERSION: Final = 3
_LENGTH: Final = 8
_LEVEL: Final = 3
_STACKED: Final = ("values", "of_edges", "called", "requests")  # arrays of a step, of one size in a frame


class Totals(msgspec.Struct, frozen=True):
    """Totals of a whole recording. Times are epoch seconds."""

    records: int = 0
    steps: int = 0
    series: int = 0  # including those of edges
    first: int = 0  # start of the first step
    last: int = 0  # end of the last
    bad: int = 0  # records that could not be decoded


class _Fresh(msgspec.Struct, array_like=True):
    place: int
    about: tuple[str, ...]  # of an edge: its source followed by its target
    value: str


class _Frame(msgspec.Struct, array_like=True):
    fresh: list[_Fresh]  # before its first step
    scopes: list[tuple[str, ...]]  # rows added since the previous frame
    tags: dict[int, list[tuple[int, str, str, float]]]  # by step, if any
    late: dict[int, list[int]]  # by step, the starts of late steps
    limits: dict[int, list[LevelLimit]] = {}  # by step, of levels, where they change


def fingerprint(source: RecordSource, settings: Settings, asked: object = "") -> str:
    """Return a hash that is equal exactly for recordings of equal steps: the same source, rolled up alike.

    ``asked`` is the requested time range, which the bounds of files do not contain.
    """
    parts = [
        f"{_VERSION} {asked}",
        msgspec.json.encode(dict(source.bounds), order="sorted").decode(),
        *source.partitions,
        settings.model_dump_json(include=set(SECTIONS)),
    ]
    return blake2b("\x1f".join(parts).encode(), digest_size=16).hexdigest()


class RecordingWriter:
    """Writes the steps of one source in order."""

    def __init__(self, file: BinaryIO, fingerprint: str) -> None:
        self._file = file
        self._steps: list[MeasuredStep] = []
        self._scopes = 0  # rows written so far
        self._count = self._first = self._last = self._records = self._series = 0
        self._write(pack(_HEAD, _VERSION, fingerprint, {}))

    def add(self, step: MeasuredStep) -> None:
        """Append a step."""
        if self._steps and (
            step.fresh or len(step.requests) != len(self._steps[0].requests) or len(self._steps) >= MOST_STEPS
        ):
            self._flush()
        self._steps.append(step)

    def close(self, width: int, bad: int) -> Totals:
        """Write the tail; ``width`` is the length of a step in seconds."""
        self._flush()
        last = self._last + width if self._count else 0
        totals = Totals(self._records, self._count, self._series, self._first, last, bad)
        self._write(pack(_TAIL, _VERSION, totals, {}))
        return totals

    def _flush(self) -> None:
        steps, self._steps = self._steps, []
        if not steps:
            return
        first = steps[0]
        rows = len(first.requests)
        meta = _Frame(
            [_Fresh(new.place, _flat(new.about), new.value or "") for new in first.fresh],
            [_flat(about) for about in first.scopes[self._scopes : rows]],
            {
                at: [(*key, count) for key, count in step.tags.items()]
                for at, step in enumerate(steps)
                if step.tags
            },
            {at: [late.start for late in step.late] for at, step in enumerate(steps) if step.late},
            {at: list(step.limits) for at, step in enumerate(steps) if step.limits},
        )
        arrays: dict[str, NDArray[Any]] = {
            "start": np.array([step.start for step in steps], np.int64),
            "records": np.array([step.records for step in steps], np.int64),
            "completeness": np.array([step.completeness for step in steps]),
            **{name: np.stack([getattr(step, name) for step in steps]) for name in _STACKED},
        }
        for at, step in enumerate(steps):
            for number, late in enumerate(step.late):
                arrays[f"late/{at}/{number}"] = late.values
                arrays[f"late/{at}/{number}/edges"] = late.of_edges
                arrays[f"late/{at}/{number}/called"] = late.called
            if step.mixed is not None and len(rows_mixed := np.flatnonzero(~np.isnan(step.mixed))):
                arrays[f"mixed/{at}"] = np.stack((rows_mixed, step.mixed[rows_mixed]))
        self._write(pack(_FRAME, _VERSION, meta, arrays))
        self._scopes = rows
        self._first = self._first if self._count else first.start
        self._last = steps[-1].start
        self._count += len(steps)
        self._records += sum(step.records for step in steps)
        self._series = len(first.values) + len(first.of_edges)

    def _write(self, part: bytes) -> None:
        body = zstd.compress(part, _LEVEL)
        self._file.write(len(body).to_bytes(_LENGTH, "big") + body)


class Recording:
    """A recording in a file.

    Attributes
    ----------
    totals : Totals

    Raises
    ------
    StateError
        When the file is not a recording, is damaged, or belongs to another source, rollup or version.
    OSError
        When it cannot be read.
    """

    def __init__(self, path: Path, fingerprint: str) -> None:
        self.path = path
        with path.open("rb") as file:
            head, _ = unpack(_read(file), _HEAD, _VERSION, str)
            if head != fingerprint:
                raise StateError("the recording belongs to another history or rollup")
            at = file.tell()
            size = file.seek(0, 2)
            tail_at = at
            while at < size:
                file.seek(at)
                tail_at, at = at, at + _LENGTH + int.from_bytes(file.read(_LENGTH), "big")
            file.seek(tail_at)
            self.totals, _ = unpack(_read(file), _TAIL, _VERSION, Totals)
        self._end = tail_at

    def check(self) -> None:
        """Read the whole file once, without decoding its steps; ``StateError`` when any part is damaged."""
        with self.path.open("rb") as file:
            _read(file)
            while file.tell() < self._end:
                unpack(_read(file), _FRAME, _VERSION, _Frame)

    def steps(self, until: int | None = None) -> Iterator[MeasuredStep]:
        """Yield the steps in order, without those that end after ``until`` (epoch seconds)."""
        width = (self.totals.last - self.totals.first) // max(self.totals.steps, 1)
        scopes: list[ScopeOrEdge] = []
        with self.path.open("rb") as file:
            _read(file)
            while file.tell() < self._end:
                for step in _steps_of(_read(file), scopes):
                    if until is not None and step.start + width > until:
                        return
                    yield step


def _steps_of(part: bytes, scopes: list[ScopeOrEdge]) -> Iterator[MeasuredStep]:
    meta, arrays = unpack(part, _FRAME, _VERSION, _Frame)
    scopes += [_about(flat) for flat in meta.scopes]
    fresh: Sequence[Fresh] = [
        Fresh(new.place, _about(new.about), Measure(new.value) if new.value else None) for new in meta.fresh
    ]
    columns = zip(
        arrays["start"].tolist(),
        arrays["records"].tolist(),
        arrays["completeness"].tolist(),
        *(arrays[name] for name in _STACKED),
        strict=True,
    )
    for at, (start, records, completeness, values, of_edges, called, requests) in enumerate(columns):
        late = [
            LateStep(of, *(arrays[f"late/{at}/{number}{part}"] for part in ("", "/edges", "/called")))
            for number, of in enumerate(meta.late.get(at, ()))
        ]
        yield MeasuredStep(
            start=start,
            records=records,
            completeness=completeness,
            fresh=fresh if at == 0 else (),
            values=values,
            of_edges=of_edges,
            called=called,
            requests=requests,
            scopes=scopes,
            tags={(row, key, text): count for row, key, text, count in meta.tags.get(at, ())},
            late=late,
            limits=meta.limits.get(at, ()),
            mixed=_mixed(arrays.get(f"mixed/{at}"), len(values)),
        )


def _mixed(known: Floats | None, series: int) -> Floats | None:
    if known is None:
        return None
    mixed = np.full(series, np.nan)
    mixed[known[0].astype(np.intp)] = known[1]
    return mixed


def _read(file: BinaryIO) -> bytes:
    length = int.from_bytes(file.read(_LENGTH), "big")
    if length > os.fstat(file.fileno()).st_size - file.tell():
        raise StateError("the recording is truncated")
    body = file.read(length)
    try:
        return zstd.decompress(body)
    except zstd.ZstdError as error:
        raise StateError(f"the recording is damaged ({error})") from error


def _flat(about: ScopeOrEdge) -> tuple[str, ...]:
    return (*about.source, *about.target) if isinstance(about, Edge) else tuple(about)


def _about(flat: tuple[str, ...]) -> ScopeOrEdge:
    size = len(Scope._fields)
    return Edge(Scope(*flat[:size]), Scope(*flat[size:])) if len(flat) > size else Scope(*flat)


def load_recording(fingerprint: str, folder: Path) -> Recording | None:
    """Return the intact recording with this fingerprint in a folder; None when there is none."""
    try:
        found = Recording(folder / NAME, fingerprint)
        found.check()
    except (FileNotFoundError, StateError):
        return None
    return found


def record_steps(
    source: RecordSource,
    settings: Settings,
    fingerprint: str,
    folder: Path,
    progress: OnProgress | None = None,
) -> Recording:
    """Read a whole source and record its measured steps in a folder.

    Only the ``time`` and ``rollup`` sections of the settings matter here.

    Raises
    ------
    ReplayError
        When the source cannot be read.
    OSError
        When the file cannot be written; it names the file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rollup = RollupEngine(settings, source.partitions, whole_steps=True)
    measuring = Measuring(source.partitions, settings)
    read = bad = reached = 0
    with atomic_file(folder / NAME) as part, part.open("wb") as file:
        writer = RecordingWriter(file, fingerprint)
        for piece in source.pieces(rollup.watermark):
            read += piece.parts
            rolled = roll_up(rollup, piece)
            bad += len(rolled.rejected)
            for step in measuring.feed(rolled.blocks):
                writer.add(step)
                reached = step.start
            if progress:
                progress(piece.done, read, reached)
        writer.close(settings.time.step, bad)
    return Recording(folder / NAME, fingerprint)
