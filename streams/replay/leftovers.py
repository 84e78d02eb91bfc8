"""What an earlier replay left in a folder: taken away where the new one leaves none of it."""

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Final

AGAINST: Final = "against"
"""The folder in the folder: what the other configuration found."""

SERIES: Final = "series.parquet"
COMPARISON: Final = "comparison.json"
EVALUATION: Final = "evaluation.json"
DEAD: Final = "dead-letters.jsonl"

_SOMETIMES: Final = (
    SERIES,
    COMPARISON,
    EVALUATION,
    DEAD,
    *(f"{AGAINST}/{name}" for name in ("findings.jsonl", "incidents.jsonl", DEAD, EVALUATION)),
)
"""Files that not every replay leaves."""


def drop_leftovers(out: Path, kept: Collection[str]) -> None:
    """Delete what an earlier replay left and this one leaves none of; what else lies there is not touched.

    Parameters
    ----------
    out
        The folder.
    kept
        Files that this one leaves, by their names in the folder.

    Raises
    ------
    OSError
        When one cannot be deleted; it names the file.
    """
    gone = [out / name for name in _SOMETIMES if name not in kept and (out / name).is_file()]
    for file in gone:
        file.unlink()
    if any(file.parent.name == AGAINST for file in gone):
        with suppress(OSError):  # something else is in it
            (out / AGAINST).rmdir()
