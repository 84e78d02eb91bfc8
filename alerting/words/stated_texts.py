"""The texts that a source wrote about a change, short enough for a line."""

import re
from typing import Final, NamedTuple

from alerting.words.mrkdwn import clean, cut
from detectors.model.stated import StatedChange

LONGEST: Final = 40  # a hash of git
LONGEST_NAME: Final = 60
LONGEST_URL: Final = 400  # with its entities
NAMED_CHANGES: Final = 3
"""Changes before one incident that a message names."""

# A host in ASCII and no user before it: what people see of the address is where it leads.
_URL: Final = re.compile(
    r"https://[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(:[0-9]{1,5})?([/?#][!#-;=?-\[\]^_a-{}~]*)?"
)


class StatedTexts(NamedTuple):
    """Plain text, never trusted; each may be empty."""

    what: str
    version: str
    of: str
    by: str


def stated_texts(change: StatedChange) -> StatedTexts:
    """Return the texts of a change, without characters that hide or spoof."""
    what, version, by = (cut(clean(text), LONGEST) for text in (change.what, change.version, change.by))
    return StatedTexts(what, version, cut(clean(change.about.label), LONGEST_NAME), by)


def stated_url(change: StatedChange) -> str | None:
    """Return the address of a change if it may become a link.

    Examples
    --------
    >>> from detectors.model.scope import Scope
    >>> change = StatedChange(0.0, Scope("function", "aws", "1", "", "put"))
    >>> stated_url(change._replace(url="https://ci.example.com/runs/42?a=1#b"))
    'https://ci.example.com/runs/42?a=1#b'
    >>> [stated_url(change._replace(url=url)) for url in ("javascript:alert(1)", "https://a.io@evil.io/", "")]
    [None, None, None]
    """
    return safe_url(change.url)


def safe_url(url: str) -> str | None:
    """Return an address that a source wrote if it may become a link."""
    return url if len(url) + 4 * url.count("&") <= LONGEST_URL and _URL.fullmatch(url) else None
