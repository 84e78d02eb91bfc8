"""The tables of docs/architecture.md that say which way an event takes, and whether it took it."""

import re
from typing import NamedTuple

from tests.streams.drivers.trace import ROOT, Call

PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
LINK = re.compile(r"\[`([\w.]+)`\]\(\.\./([\w/]+\.py)\)")


class Row(NamedTuple):
    """A call of a table."""

    module: str
    name: str
    thread: str


def table(title: str) -> list[Row]:
    """Return the calls of a table, row by row."""
    rows: list[Row] = []
    for line in PAGE.partition(f"\n### {title}\n")[2].partition("\n### ")[0].splitlines():
        if line.startswith("| ") and LINK.search(line):
            calls, thread, *_ = line.strip("| ").split(" | ")
            rows += [Row(path, name, thread.strip()) for name, path in LINK.findall(calls)]
    return rows


def hold_to(rows: list[Row], calls: list[Call]) -> None:
    """Assert that all calls of a table were made, in its order and on its threads."""
    places = {(call.module, call.name): place for place, call in reversed([*enumerate(calls)])}
    assert not [row for row in rows if (row.module, row.name) not in places]
    order = [places[row.module, row.name] for row in rows]
    late = [after.name for after, place, next_ in zip(rows, order, order[1:], strict=False) if place > next_]
    assert not late, "called before others that stand above it"
    for row, place in zip(rows, order, strict=True):
        assert (row.thread == "loop") == (calls[place].thread == "MainThread"), row
