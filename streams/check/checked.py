"""One thing that ``uneri check`` looked at."""

from typing import NamedTuple


class Check(NamedTuple):
    """What was found. ``ok`` is None for what is worth knowing but not wrong."""

    ok: bool | None
    text: str
