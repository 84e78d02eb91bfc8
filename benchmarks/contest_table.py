"""The table of a contest: for a terminal, and for the page of the docs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.roster import LANE, PATH, PLAIN_FAUST, PLAIN_UNERI, Contestant
from benchmarks.totals import Verdict

TABLE, PROFILE = "table", "profile"  # the marks of a page: <!-- table --> … <!-- /table -->
LARGE = 0.005  # share of an owner that has a row of its own
HEADS = (
    "contestant",
    "k events",
    "user s",
    "system s",
    "wall s",
    "k/s/core",
    "x Faust",
    "uneri plain is",
    "exact",
    "note",
)


@dataclass(frozen=True)
class Run:
    """The measurements of a contestant in one round."""

    records: int
    user: float
    system: float
    wall: float
    verdict: Verdict
    checkpoints: int = 0  # of each partition

    @property
    def rate(self) -> float:
        return self.records / (self.user + self.system)


@dataclass
class Row:
    """A contestant with its runs by round, or why it has none."""

    contestant: Contestant
    runs: dict[int, Run] = field(default_factory=dict)
    failure: str = ""

    @property
    def exact(self) -> bool:
        return all(run.verdict.exact for run in self.runs.values())

    def worst(self) -> Verdict:
        return max(
            (run.verdict for run in self.runs.values()),
            key=lambda verdict: verdict.missing + verdict.extra + verdict.wrong,
        )


def ratio(row: Row, base: Row | None) -> float | None:
    """Return how many times the pace of ``base`` it has: the median over rounds, each compared in itself."""
    if base is None:
        return None
    rounds = row.runs.keys() & base.runs.keys()
    return median(row.runs[number].rate / base.runs[number].rate for number in rounds) if rounds else None


def cells(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    named = {row.contestant.name: row for row in rows}
    faust, plain = named.get(PLAIN_FAUST), named.get(PLAIN_UNERI)
    made = []
    for row in rows:
        contestant = row.contestant
        if not row.runs:
            made.append((contestant.label, *[""] * (len(HEADS) - 2), f"not run: {row.failure}"))
            continue
        runs = row.runs.values()
        ours = ratio(plain, row) if plain else None
        written = max(run.checkpoints for run in runs)
        checkpoints = f" ({written} of each partition)" if written else ""
        failed = f"; failed later: {row.failure}" if row.failure else ""
        made.append(
            (
                contestant.label,
                f"{max(run.records for run in runs) / 1e3:,.0f}",
                f"{median(run.user for run in runs):,.1f}",
                f"{median(run.system for run in runs):,.1f}",
                f"{median(run.wall for run in runs):,.1f}",
                f"{median(run.rate for run in runs) / 1e3:,.1f}",
                _times(ratio(row, faust)),
                _times(ours),
                str(row.worst()),
                contestant.note + checkpoints + failed,
            )
        )
    return made


def _times(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}x" if value < 10 else f"{value:.0f}x"  # noqa: PLR2004 - two digits


def _right(column: int) -> bool:
    return 0 < column < HEADS.index("exact")


def text(rows: Sequence[Row]) -> str:
    lines = [HEADS, *cells(rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEADS))]

    def laid(line: tuple[str, ...]) -> str:
        return "  ".join(
            cell.rjust(width) if _right(column) else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()

    return "\n".join([*map(laid, lines), "", bounds(rows)])


def markdown(rows: Sequence[Row]) -> str:
    rule = tuple("---:" if _right(column) else "---" for column in range(len(HEADS)))
    join: Callable[[tuple[str, ...]], str] = lambda line: f"| {' | '.join(line)} |"  # noqa: E731 - one line of use
    return "\n".join([*map(join, (HEADS, rule, *cells(rows))), "", bounds(rows)])


def bounds(rows: Sequence[Row]) -> str:
    """Return the costs of an event: the batch consumer's part, and the reading of records."""
    costs = {
        row.contestant.name: 1e6 / median(run.rate for run in row.runs.values()) for row in rows if row.runs
    }
    if not {LANE, PLAIN_UNERI, PATH} <= costs.keys():
        return ""
    lane, plain, path = costs[LANE], costs[PLAIN_UNERI], costs[PATH]
    return (
        f"CPU of an event in uneri: {lane:.2f} µs in the lane (fetch and chunks); the plain aggregation "
        f"adds {plain - lane:.2f} µs for its decoding and windows, the whole path {path - lane:.2f} µs."
    )


def owners(
    shares: Mapping[str, float], absent: Sequence[str], rate: float, system: float, unit: str = "an event"
) -> str:
    """Return the table of who owns the CPU time of the whole path, and the share that nobody does."""
    large = {name: share for name, share in shares.items() if share >= LARGE}
    small = sum(shares.values()) - sum(large.values())
    lines = [f"| owner | share of the CPU time | µs {unit} |", "| --- | ---: | ---: |"]
    rows = {**large, "smaller ones": small, "**no owner**": 1 - sum(shares.values())}
    lines += [f"| {name} | {share:.1%} | {1e6 / rate * share:.3f} |" for name, share in rows.items()]
    missed = f" Entry points that were not found: {', '.join(absent)}." if absent else ""
    said = (
        f"{rate / 1e3:,.1f} thousand a second and core with the clocks of the profile; {system:.0%} of the "
        f"CPU time is the kernel's, whoever called it.{missed}"
    )
    return "\n".join([*lines, "", said])


def placed(page: str, mark: str, table: str) -> str:
    """Return the page with the table between its marks."""
    begin, end = f"<!-- {mark} -->", f"<!-- /{mark} -->"
    head, _, rest = page.partition(begin)
    _, found, tail = rest.partition(end)
    if not found:
        raise ValueError(f"the page has no {begin} … {end}")
    return f"{head}{begin}\n\n{table}\n\n{end}{tail}"
