"""The result of one check."""

from typing import NamedTuple


class CheckResult(NamedTuple):
    """A line of ``uneri check``; ``ok`` is None for a note."""

    ok: bool | None
    text: str
