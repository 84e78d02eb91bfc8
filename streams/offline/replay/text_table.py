"""Tables as lines for a terminal or a log, one incident per line."""

from collections import Counter
from collections.abc import Collection, Sequence
from io import StringIO
from typing import Final
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table
from rich.text import Text

from alerting.incidents.incident import Incident
from alerting.words.locales import ENGLISH
from alerting.words.mrkdwn import clean, cut

_ID: Final = 8  # enough of an id to find it in incidents.jsonl
_SUBJECT: Final = 60
_WIDE: Final = 10_000  # characters: the terminal wraps, not the table


def table_lines(rows: Sequence[Sequence[str]], right: Collection[int] = ()) -> list[str]:
    """Return one line per row, with aligned columns.

    Parameters
    ----------
    rows
        All of the same length.
    right
        Columns to align to the right, such as numbers.

    Examples
    --------
    >>> table_lines([["pages", "9"], ["digest", "10"]], right={1})
    ['pages    9', 'digest  10']
    """
    table = Table.grid(padding=(0, 2))
    for column in range(len(rows[0]) if rows else 0):
        table.add_column(justify="right" if column in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    out = StringIO()
    Console(file=out, width=_WIDE, color_system=None, force_jupyter=False).print(table)
    return [line.rstrip() for line in out.getvalue().splitlines()] if rows else []


def section(title: str, rows: Sequence[Sequence[str]], most: int, file: str) -> list[str]:
    """Return a title with its rows indented below it; nothing if there are none.

    Rows past ``most`` are left out, with a note that ``file`` contains them.
    """
    if not rows:
        return []
    lines = [title, *(f"  {line}" for line in table_lines(rows[:most]))]
    return lines if len(rows) <= most else [*lines, f"  and {len(rows) - most:,} more in {file}"]


def incident_cells(incident: Incident, zone: ZoneInfo) -> list[str]:
    """Return the columns that identify an incident: start, verdict, subject, id."""
    return [
        ENGLISH.figures.clock(incident.start, zone),
        incident.verdict.value,
        subject(incident),
        incident.id[:_ID],
    ]


def subject(incident: Incident) -> str:
    """Return the scope and measure of an incident, without control characters, shortened."""
    return cut(clean(ENGLISH.figures.series(incident.primary)), _SUBJECT)


def by_name(counts: Counter[str]) -> str:
    """Return counts with what they are of, the largest first.

    Examples
    --------
    >>> by_name(Counter(no_ts=2, not_json=7))
    '7 not_json, 2 no_ts'
    """
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> counted(1, "new page"), counted(0, "entry", "entries")
    ('1 new page', '0 entries')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"
