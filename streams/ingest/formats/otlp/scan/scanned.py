"""What the scanner made of a message, and what it left."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple


class LeftSpans(NamedTuple):
    """Spans of one resource that are left to the plain reader."""

    resource: bytes
    rows: Sequence[int]  # of each span, its number in the message
    spans: Sequence[bytes]
    identified: bytes | None  # the first span that names the function, wherever it was


class Scanned(NamedTuple):
    """What the scanner made of a message."""

    lines: list[bytes]
    skipped: Counter[str]
    left: list[LeftSpans]
    rows: list[int]  # of each line, its span in the message; not told if nothing is left
