"""The part files of an unfinished ``series.parquet``."""

from pathlib import Path
from typing import Final

from streams.process.files.atomic_file import refuse_link

PARTS: Final = ".series"
"""Subfolder for the rows of an unfinished replay."""


def drop_parts(out: Path, first: int = 0) -> None:
    """Delete the parts from number ``first`` on, and their folder if none is left.

    Raises
    ------
    OSError
        When a part cannot be deleted, or their folder is a link.
    """
    folder = out / PARTS
    refuse_link(folder)
    if not folder.is_dir():
        return
    for part in folder.iterdir():
        number = part.name.removeprefix(".").removesuffix(".part").removesuffix(".parquet")
        if number.isdigit() and (part.name.startswith(".") or int(number) >= first):
            part.unlink()
    if not first and not any(folder.iterdir()):
        folder.rmdir()
