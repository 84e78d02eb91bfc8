"""Tables and counts as lines for a terminal or a log."""

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
    """Return one line per row, all of one length, with aligned columns; those of ``right`` to the right.

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
    """Return counts with their names, the largest first.

    Examples
    --------
    >>> by_name(Counter(no_ts=2, not_json=7))
    '7 not_json, 2 no_ts'
    """
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())


def counted(number: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> counted(1, "new page"), counted(0, "entry", "entries")
    ('1 new page', '0 entries')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def nothing_read(records: int, bad: Counter[str], *, between: bool = False) -> str:
    """Return the records read and the remedy: the rest of a line about a source with nothing to judge.

    ``records`` includes the bad ones; ``between`` is whether a part of the time was asked for: bad records
    have no time, and are read all the same.

    Examples
    --------
    >>> nothing_read(0, Counter())
    '(0 records); check the source and its times'
    >>> nothing_read(72, Counter(no_ts=70, not_json=2))
    '(72 records, all bad: 70 no_ts, 2 not_json); `uneri try` shows what is wrong with a record'
    >>> nothing_read(9, Counter(no_ts=2))
    '(9 records, 2 bad: 2 no_ts); check the source and its times'
    """
    count = bad.total()
    only_bad = 0 < count == records
    how_many = "all" if only_bad else f"{count:,}"
    reasons = f", {how_many} bad: {by_name(bad)}" if bad else ""
    return f"({counted(records, 'record')}{reasons}); {remedy(only_bad=only_bad, between=between)}"


def remedy(*, only_bad: bool, between: bool) -> str:
    """Return the remedy for a source, or a part of it, with no records or only bad ones."""
    if only_bad and not between:
        return "`uneri try` shows what is wrong with a record"
    return "check the source and its times"
