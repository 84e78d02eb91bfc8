"""What the address of a scope's page asks for."""

from typing import Final, NamedTuple

FEWEST_POINTS: Final = 4
"""Points of a chart, for who asks for few."""


class AskedRange(NamedTuple):
    """A name of ``scope_range.RANGES``, or a beginning and perhaps an end; nothing where it is not said.

    ``points`` is how many a chart has at most, for who has little room; empty for as many as the page shows.
    """

    name: str = ""
    since: str = ""
    until: str = ""
    points: str = ""


class AskedScope(NamedTuple):
    """A scope, and the range that somebody looks at."""

    about: str  # kind:name
    given: tuple[tuple[str, str], ...] = ()  # cloud, account, region, version, as far as they are known
    range: AskedRange = AskedRange()
