"""What a source wrote about a change, short enough for a line."""

from typing import Final, NamedTuple

from alerting.words.mrkdwn import clean, cut
from detectors.model.stated import StatedChange

LONGEST: Final = 60
NAMED_CHANGES: Final = 3
"""Changes before one incident that a message names."""


class StatedTexts(NamedTuple):
    """Plain text, never trusted; each may be empty."""

    what: str
    version: str
    of: str
    by: str


def stated_texts(change: StatedChange) -> StatedTexts:
    """Return what a change says, without what hides or spoofs."""
    texts = (change.what, change.version, change.about.label, change.by)
    return StatedTexts(*(cut(clean(text), LONGEST) for text in texts))
