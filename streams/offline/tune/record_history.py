"""One pass over history that records its measured steps in a file, for trials and for later searches."""

from collections import Counter
from pathlib import Path

from config.settings import Settings
from detectors.state.state import StateError
from streams.engine.measure.measuring import Measuring
from streams.engine.stages.rollup_engine import RollupEngine
from streams.offline.sources.source import History, OnProgress
from streams.offline.tune.recording import NAME, Recording, RecordingWriter
from streams.process.files.atomic_file import atomic_file


def load_recording(fingerprint: str, folder: Path) -> Recording | None:
    """Return the intact recording with this fingerprint in a folder; None when there is none."""
    try:
        found = Recording(folder / NAME, fingerprint)
        found.check()
    except (FileNotFoundError, StateError):
        return None
    return found


def record(
    history: History, settings: Settings, fingerprint: str, folder: Path, progress: OnProgress | None = None
) -> Recording:
    """Read a whole history and record its measured steps in a folder.

    Parameters
    ----------
    settings
        Only the ``time`` and ``rollup`` sections matter here.
    fingerprint
        Identifies history and settings.

    Raises
    ------
    streams.offline.sources.source.ReplayError
        When the history cannot be read.
    OSError
        When the file cannot be written; it names the file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rolling = RollupEngine(settings, history.partitions, at_once=True)
    measuring = Measuring(history.partitions, settings)
    read: Counter[str] = Counter()
    bad = reached = 0
    with atomic_file(folder / NAME) as part, part.open("wb") as file:
        writer = RecordingWriter(file, fingerprint)
        for piece in history.pieces(rolling.watermark):
            if piece.records is None:
                rolled = rolling.finish(piece.partition)
            else:
                read[piece.partition] += piece.parts
                rolled = rolling.feed(piece.partition, piece.records, piece.arrived)
                rolled = rolled._replace(rejected=piece.placed(rolled.rejected))
            bad += len(rolled.rejected)
            for step in measuring.feed(rolled.blocks):
                writer.add(step)
                reached = step.start
            if progress:
                progress(piece.done, read.total(), reached)
        writer.close(settings.time.step, bad)
    return Recording(folder / NAME, fingerprint)
