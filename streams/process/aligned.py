"""Lines for a terminal: columns under each other, one incident on a line."""

from collections.abc import Collection, Sequence
from typing import Final
from zoneinfo import ZoneInfo

from alerting.incidents.incident import Incident
from alerting.words.locales import ENGLISH
from alerting.words.mrkdwn import clean, cut

_ID: Final = 8  # the beginning of an id is enough to find it in incidents.jsonl
_SUBJECT: Final = 60


def aligned(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """Return a line for each row, its columns under each other.

    Parameters
    ----------
    rows
        All of the same length.
    right
        Columns that end under each other, as figures do.

    Examples
    --------
    >>> aligned([["pages", "9"], ["digest", "10"]], right={1})
    ['pages    9', 'digest  10']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            text.rjust(width) if place in right else text.ljust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def cells(incident: Incident, zone: ZoneInfo) -> list[str]:
    """Return what names an incident on a line: when it began, verdict, what it is about, its id."""
    return [
        ENGLISH.clock(incident.start, zone),
        incident.verdict.value,
        subject(incident),
        incident.id[:_ID],
    ]


def subject(incident: Incident) -> str:
    """Return what an incident is about, harmless and not too long."""
    return cut(clean(ENGLISH.named(incident.primary)), _SUBJECT)


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> counted(1, "new page"), counted(0, "entry", "entries")
    ('1 new page', '0 entries')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
