"""What the address of a scope's page asks for."""

from typing import NamedTuple


class AskedRange(NamedTuple):
    """A name of ``scope_range.RANGES``, or a beginning and perhaps an end; nothing where it is not said."""

    name: str = ""
    since: str = ""
    until: str = ""


class AskedScope(NamedTuple):
    """A scope, and the range that somebody looks at."""

    about: str  # kind:name
    given: tuple[tuple[str, str], ...] = ()  # cloud, account, region, version, as far as they are known
    range: AskedRange = AskedRange()
