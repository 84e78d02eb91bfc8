"""Slack's mrkdwn, taken apart: what the terminal and the preview show in Slack's place."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

_TOKEN: Final = re.compile(r"<(?P<inner>[^<>]*)>|\*(?P<bold>[^*\n]+)\*")
_DATE: Final = re.compile(r"!date\^(\d+)\^")


class Piece(NamedTuple):
    """A run of text with one look."""

    text: str
    bold: bool = False
    url: str | None = None


def pieces(mrkdwn: str, zone: ZoneInfo, *, bold: bool = False) -> Iterator[Piece]:
    """Yield the runs of the mrkdwn that Uneri writes: bold, links, dates and escaped text.

    Examples
    --------
    >>> [tuple(piece) for piece in pieces("*Now* <https://x.io/?a&amp;b|it&amp;ms>", ZoneInfo("UTC"))]
    [('Now', True, None), (' ', False, None), ('it&ms', False, 'https://x.io/?a&b')]
    """
    done = 0
    for found in _TOKEN.finditer(mrkdwn):
        if found.start() > done:
            yield Piece(unescape(mrkdwn[done : found.start()]), bold)
        done = found.end()
        if found["bold"] is not None:
            yield from pieces(found["bold"], zone, bold=True)
            continue
        date = _DATE.match(found["inner"])
        if date is not None:
            yield Piece(friendly(int(date[1]), zone), bold)
            continue
        url, _, label = found["inner"].partition("|")
        yield Piece(unescape(label or url), bold, unescape(url))
    if done < len(mrkdwn):
        yield Piece(unescape(mrkdwn[done:]), bold)


def friendly(epoch: int, zone: ZoneInfo) -> str:
    """Return a time as Slack would show it to a reader in ``zone``.

    Examples
    --------
    >>> friendly(1760000000, ZoneInfo("Asia/Tokyo"))
    'Oct 9, 2025 17:53'
    """
    at = datetime.fromtimestamp(epoch, zone)
    return f"{at:%b} {at.day}, {at:%Y %H:%M}"


def unescape(text: str) -> str:
    """Undo Slack's three entities."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
