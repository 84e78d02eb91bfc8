"""One pass over history that leaves every step measured, in a file that a second run finds again."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from config.settings import Settings
from detectors.state.state import StateError
from streams.engine.rolling import Rolling
from streams.history.source import History
from streams.measure.measuring import Measuring
from streams.process.whole_file import whole_file
from streams.tune.recording import NAME, Recording, RecordingWriter

Show = Callable[[float, int, int], None]
"""Is told the fraction read, the records so far and the event time reached (0 before the first step)."""


def recorded(mark: str, folder: Path) -> Recording | None:
    """Return the recording with this fingerprint that lies in a folder, whole; None where none does."""
    try:
        found = Recording(folder / NAME, mark)
        found.check()
    except (FileNotFoundError, StateError):
        return None
    return found


def record(
    history: History, settings: Settings, mark: str, folder: Path, progress: Show | None = None
) -> Recording:
    """Read all of a history and leave its measured steps in a folder.

    Parameters
    ----------
    settings
        Their ``time`` and ``rollup`` sections are gone by.
    mark
        The fingerprint of both.

    Raises
    ------
    streams.history.source.ReplayError
        When the history cannot be read.
    OSError
        When the file cannot be written; it names it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rolling, measuring = (
        Rolling(settings, history.partitions),
        Measuring(history.partitions, settings),
    )
    begun: Counter[str] = Counter()
    bad = reached = 0
    with whole_file(folder / NAME) as part, part.open("wb") as file:
        writer = RecordingWriter(file, mark)
        for piece in history.pieces(rolling.watermark):
            if piece.records is None:
                rolled = rolling.finish(piece.partition)
            else:
                begun[piece.partition] += len(piece.records)
                rolled = rolling.feed(piece.partition, piece.records)
            bad += len(rolled.rejected)
            for step in measuring.feed(rolled.blocks):
                writer.add(step)
                reached = step.start
            if progress:
                progress(piece.done, begun.total(), reached)
        writer.close(settings.time.step, bad)
    return Recording(folder / NAME, mark)
