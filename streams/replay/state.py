"""The state of a replay that is under way: one file in its output folder, so that a killed one goes on."""

from pathlib import Path
from typing import Any, Final

import msgspec
import zstandard

from streams.process.whole_file import write_whole

NAME: Final = ".replay-state"


class ReplayStateError(Exception):
    """The file of an unfinished replay cannot be gone on from; the text says why, and what helps."""


class Progressed(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How far a replay has come."""

    asked: str  # fingerprint of what was asked: the source as written, the stretch, every configuration
    bounds: dict[str, Any]  # what the source fixed when it was opened
    places: dict[str, Any]  # where each partition goes on
    begun: dict[str, int]  # how many records each partition gave so far
    done: float
    series_parts: int  # parts of series.parquet that are ended
    parts: dict[str, bytes]


def load_state(out: Path, asked: str) -> Progressed | None:
    """Return how far the unfinished replay in a folder has come; None when there is none.

    Raises
    ------
    ReplayStateError
        When it was another replay, or the file is damaged or none.
    OSError
        When it cannot be read.
    """
    path = out / NAME
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except IsADirectoryError:
        raise _no_file(path) from None
    try:
        progressed = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(data), type=Progressed)
    except (zstandard.ZstdError, msgspec.MsgspecError):
        raise ReplayStateError(
            f"{path}: the state of an unfinished replay is damaged or of another version; "
            "begin anew with --restart"
        ) from None
    if progressed.asked != asked:
        raise ReplayStateError(
            f"{out}: holds an unfinished replay of another source, stretch or configuration; "
            "choose another --out, or begin anew with --restart"
        )
    return progressed


def save_state(out: Path, progressed: Progressed) -> None:
    """Write how far a replay has come, as a whole.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    packed = zstandard.ZstdCompressor(level=1).compress(msgspec.msgpack.encode(progressed))
    write_whole(out / NAME, packed)


def drop_state(out: Path) -> None:
    """Forget an unfinished replay.

    Raises
    ------
    ReplayStateError
        When a folder is in its place.
    OSError
        When it cannot be deleted.
    """
    path = out / NAME
    if path.is_dir():
        raise _no_file(path)
    path.unlink(missing_ok=True)


def _no_file(path: Path) -> ReplayStateError:
    return ReplayStateError(f"{path}: is a folder, and not the state of a replay; move it away")
