"""What sections of the report beside the incidents are made of: a few figures, sentences and tables."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from alerting.report.card import Fact

MOST: Final = 100
"""Rows of a table; the files beside the report have all."""


class Cell(NamedTuple):
    """One cell of a table."""

    text: str
    incident: str = ""  # on the page, to be linked
    verdict: str = ""  # shown by its colour


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table; the columns ``right`` hold figures."""

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
    """Return a table that is cut where it is long, or nothing where it has no rows."""
    if not rows:
        return []
    shown = rows[:MOST]
    return [Table(title=title, head=head, rows=shown, right=right, more=len(rows) - len(shown))]
