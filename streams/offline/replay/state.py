"""The saved state of an unfinished replay: a file in its output folder, and parts of its series."""

from pathlib import Path
from typing import Any, Final

import msgspec

from detectors.state import zstd
from streams.offline.sources.replay_error import ReplayError
from streams.process.files.atomic_file import refuse_link, write_atomic

NAME: Final = ".replay-state"
PARTS: Final = ".series"
"""Subfolder for the rows of an unfinished replay."""


class ReplayStateError(ReplayError):
    """An unfinished replay cannot be resumed; the text gives the cause and the remedy."""


class ReplayState(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The point that a replay has reached."""

    asked: str  # fingerprint of the request: sources as written, time range, configurations
    bounds: dict[str, Any]  # bounds of the source
    places: dict[str, Any]  # where each partition continues
    begun: dict[str, int]  # records read so far of each partition
    done: float
    series_parts: int  # completed parts of series.parquet
    parts: dict[str, bytes]


def load_state(out: Path, asked: str) -> ReplayState | None:
    """Return the state of the unfinished replay in a folder; None when there is none.

    Raises
    ------
    ReplayStateError
        When it belongs to another replay, or the file is damaged.
    OSError
        When it cannot be read.
    """
    path = out / NAME
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except IsADirectoryError:
        raise _is_folder(path) from None
    try:
        state = msgspec.msgpack.decode(zstd.decompress(data), type=ReplayState)
    except (zstd.ZstdError, msgspec.MsgspecError):
        raise ReplayStateError(
            f"{path}: the state of an unfinished replay is damaged or of another version; "
            "start over with --restart"
        ) from None
    if state.asked != asked:
        raise ReplayStateError(
            f"{out}: contains an unfinished replay of another source, time range or configuration; "
            "choose another --out, or start over with --restart"
        )
    return state


def save_state(out: Path, state: ReplayState) -> None:
    """Write the state atomically."""
    out.mkdir(parents=True, exist_ok=True)
    packed = zstd.compress(msgspec.msgpack.encode(state), 1)
    write_atomic(out / NAME, packed)


def drop_state(out: Path) -> None:
    """Delete the state of an unfinished replay; raise ``ReplayStateError`` if its path is a folder."""
    path = out / NAME
    if path.is_dir():
        raise _is_folder(path)
    path.unlink(missing_ok=True)


def _is_folder(path: Path) -> ReplayStateError:
    return ReplayStateError(f"{path}: is a folder, but must be the state file of a replay; move it away")


def drop_parts(out: Path, first: int = 0) -> None:
    """Delete the parts from number ``first`` on, and their folder if none is left.

    An ``OSError`` names a part that cannot be deleted, or their folder if it is a link.
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
