"""The number of the format of all state together, and the refusal of state that a later version wrote.

A part has a version of its own (``state.py``). This number guards what has none, such as a row of the outbox
or a table, and makes a downgrade end before it reads anything.
"""

from importlib.metadata import version
from typing import Final

import msgspec

from detectors.state.state import StateError

FORMAT: Final = 2
"""Raise it with every change of an encoding that an earlier version would not read, or would read wrongly."""


class Writer(msgspec.Struct, frozen=True, array_like=True):
    """Who wrote a state."""

    format: int = FORMAT
    version: str = ""  # of uneri, empty if unknown


def this_writer() -> Writer:
    """Return what this process writes into a state."""
    return Writer(FORMAT, version("uneri"))


class NewerStateError(StateError):
    """The state was written by a later version; the message has the remedy."""


def refuse_newer(writer: Writer, what: str) -> None:
    """Refuse state of a later format.

    Raises
    ------
    NewerStateError
        When ``writer`` has one.

    Examples
    --------
    >>> refuse_newer(Writer(FORMAT, "0.2.0"), "the state")
    """
    if writer.format > FORMAT:
        wrote, own = writer.version or "a later version", this_writer().version
        raise NewerStateError(
            f"{what} was written by uneri {wrote} (format {writer.format}), and this is uneri {own} (format "
            f"{FORMAT}): start uneri {wrote}, or restore a backup from before the upgrade (docs/upgrades.md)"
        )
