"""What every benchmark has: ``--smoke``, and ``--page``, which writes its tables between marks of a page."""

import argparse
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


def arguments(text: str | None) -> argparse.ArgumentParser:
    """Return a parser of what every benchmark takes; ``text`` is the docstring of the benchmark."""
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smoke", action="store_true", help="all of it at about a hundredth of its size")
    parser.add_argument("--page", type=Path, help="a page between whose marks the tables are written")
    return parser


def parsed(parser: argparse.ArgumentParser, *marks: str) -> argparse.Namespace:
    """Parse; that a page has no place for a table is known now, not in twenty minutes."""
    given = parser.parse_args()
    if given.page and given.smoke:
        parser.error("figures of --smoke are none: they do not go onto a page")
    if given.page:
        page = given.page.read_text(encoding="utf-8")
        for mark in marks:
            placed(page, mark, "")
    return given


def report(tables: Mapping[str, str], page: Path | None = None) -> None:
    """Print tables; write each between its marks, below a line with date, commit and machine."""
    where = stamp()
    print("\n\n".join([where, *tables.values()]), flush=True)
    if page is not None:
        text = page.read_text(encoding="utf-8")
        for mark, table in tables.items():
            text = placed(text, mark, f"*{where}*\n\n{table}")
        page.write_text(text, encoding="utf-8")


def placed(page: str, mark: str, table: str) -> str:
    """Return the page with the table between ``<!-- mark -->`` and ``<!-- /mark -->``."""
    begin, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    head, _, rest = page.partition(begin)
    _, found, tail = rest.partition(end)
    if not found:
        raise SystemExit(f"the page has no {begin} … {end}")
    return f"{head}{begin}\n\n{table}\n\n{end}{tail}"


def markdown(heads: Sequence[str], rows: Sequence[Sequence[object]], words: Sequence[int] = (0,)) -> str:
    """Return a table; all columns but those of words are set to the right."""
    rules = ["---" if column in words else "---:" for column in range(len(heads))]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in (heads, rules, *rows))


def named(rows: Sequence[Mapping[str, object]], words: Sequence[int] = ()) -> str:
    """Return a table of rows that name their columns."""
    return markdown(list(rows[0]), [list(row.values()) for row in rows], words)


def stamp() -> str:
    """Return date, commit, machine and interpreter of what is measured."""
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty=, changed"],  # noqa: S607 - wherever it is
        cwd=ROOT, capture_output=True, text=True, check=False,
    ).stdout.strip()  # fmt: skip
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, commit {commit or 'unknown'}; {os.cpu_count()} cores, {processor()}; "
        f"Python {platform.python_version()}"
    )


def processor() -> str:
    """Return the model of the processor, where the system has it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else ()
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, platform.machine())
