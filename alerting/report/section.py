"""The parts of the report's extra sections: figures, sentences and tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from alerting.report.card import Fact

MOST: Final = 100
"""Rows of a table; the files beside the report have all of them."""


class Cell(NamedTuple):
    """One cell of a table."""

    text: str
    incident: str = ""  # id of an incident on the page to link to
    verdict: str = ""  # sets the colour


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table; the columns ``right`` are right-aligned figures."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    right: Sequence[int] = ()
    more: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportSection:
    """A section with its heading."""

    id: str
    title: str
    facts: Sequence[Fact] = ()
    lines: Sequence[str] = ()
    tables: Sequence[Table] = ()


def table(
    title: str, head: Sequence[str], rows: Sequence[Sequence[Cell]], right: Sequence[int] = ()
) -> list[Table]:
    """Return a table of at most ``MOST`` rows, or nothing if it has no rows."""
    if not rows:
        return []
    shown = rows[:MOST]
    return [Table(title=title, head=head, rows=shown, right=right, more=len(rows) - len(shown))]
