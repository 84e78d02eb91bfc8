"""More names than a shard keeps series of."""

import dataclasses
import random
from collections.abc import Sequence

import numpy as np
import pytest
import structlog.testing

from config.settings import RollupSettings, Settings
from detectors.model.measures import COLUMN, SUMMED, Measure
from detectors.model.scope import Edge, Scope
from streams.engine.decode.paths import OTHER, Path
from streams.engine.decode.returning_names import RETURNS
from streams.engine.decode.values import Value
from streams.engine.detect.detect import Detect
from streams.engine.measure.step import Step
from streams.engine.measure.steps import Steps
from streams.engine.rollup.blocks.block import Block

MOST = 300
STEP = 60
SOURCES = ("requests/0", "requests/1")


def path(number: int) -> Path:
    return Path("aws", "1", "eu", f"service-{number}", "", f"function-{number}", "", "", "")


def block(source: str, sequence: int, bucket: int, used: dict[int, int]) -> Block:
    sums = np.zeros((len(used), len(SUMMED)))
    sums[:, COLUMN[Measure.REQUESTS]] = list(used.values())
    paths = [path(number) for number in used]
    records = sum(used.values())
    return Block(source, 0, 1, sequence, bucket, 10, bucket + 10, records, paths=paths, sums=sums)


def traffic(steps: int = 12) -> dict[str, list[Block]]:
    """Two sources; every step brings new functions, each with another number of requests."""
    blocks: dict[str, list[Block]] = {source: [] for source in SOURCES}
    for step in range(steps):
        for at, source in enumerate(SOURCES):
            used = {step * 8 + n: 1 + (5 * n + 3 * at) % 17 for n in range(at, 8)}
            for bucket in range(0, STEP, 10):
                number = len(blocks[source])
                blocks[source].append(block(source, number, step * STEP + bucket, used if not bucket else {}))
    return blocks


def interleaved(blocks: dict[str, list[Block]], seed: int) -> list[Block]:
    """The blocks of each source in their order, sources interleaved at random."""
    draw = random.Random(seed)  # noqa: S311 - an order
    waiting = {source: list(reversed(some)) for source, some in blocks.items()}
    order = []
    while any(waiting.values()):
        source = draw.choice([source for source, some in waiting.items() if some])
        order.append(waiting[source].pop())
    return order


def counted(steps: Steps, fed: Sequence[Block], restart: int | None = None) -> list[dict[object, float]]:
    """Requests of every scope and edge, step by step."""
    found = []
    for number, entry in enumerate(fed):
        if number == restart:
            parts = steps.snapshot()
            steps = Steps(SOURCES, STEP, MOST)
            steps.restore(parts)
        found += [requests(steps, step) for step in steps.feed([entry])]
    return found


def requests(steps: Steps, step: Step) -> dict[object, float]:
    column = step.sums[:, COLUMN[Measure.REQUESTS]].tolist()
    return {about: count for about, count in zip(steps.scopes, column, strict=True) if count}


def functions(found: dict[object, float]) -> dict[str, float]:
    return {
        about.name: count
        for about, count in found.items()
        if isinstance(about, Scope) and about.kind == "function"
    }


def test_the_number_of_series_is_bounded_over_all_sources_and_no_request_is_lost() -> None:
    steps = Steps(SOURCES, STEP, MOST)
    results = counted(steps, interleaved(traffic(40), 0))
    detect = Detect(0, SOURCES, Settings(rollup=RollupSettings(max_series=MOST)))
    detect.feed(interleaved(traffic(40), 0))
    most_of_a_name = 40
    edges_of_known_targets = 11 * sum(isinstance(about, Scope) for about in steps.scopes)
    assert detect.series < MOST + most_of_a_name + edges_of_known_targets
    grown = Detect(0, SOURCES, Settings(rollup=RollupSettings(max_series=MOST)))
    grown.feed(interleaved(traffic(80), 0))
    assert grown.series == detect.series, "twice as many names are no more series"
    for step, found in enumerate(results):
        came = sum(1 + (5 * n + 3 * at) % 17 for at in range(2) for n in range(at, 8))
        assert sum(functions(found).values()) == came, f"in step {step}"
        assert found[Scope("account", "aws", "1", "", "1")] == came


def test_those_used_least_are_folded_and_what_was_known_before_stays_apart() -> None:
    results = [functions(found) for found in counted(Steps(SOURCES, STEP, MOST), interleaved(traffic(), 0))]
    first = next(step for step, found in enumerate(results) if OTHER in found)
    assert not any(OTHER in found for found in results[:first])
    used = {
        f"function-{first * 8 + n}": sum(1 + (5 * n + 3 * at) % 17 for at in range(min(n, 1) + 1))
        for n in range(8)
    }
    apart = {name: count for name, count in results[first].items() if name != OTHER}
    assert apart
    folded = {name: count for name, count in used.items() if name not in apart}
    assert min(apart.values()) >= max(folded.values())
    assert results[first][OTHER] == sum(folded.values())


@pytest.mark.parametrize("seed", range(1, 6))
def test_what_is_folded_does_not_depend_on_who_reports_first(seed: int) -> None:
    assert counted(Steps(SOURCES, STEP, MOST), interleaved(traffic(), seed)) == counted(
        Steps(SOURCES, STEP, MOST), interleaved(traffic(), 0)
    )


@pytest.mark.parametrize("restart", [1, 33, 60, 77, 130])
def test_a_restart_changes_nothing_of_what_is_folded(restart: int) -> None:
    fed = interleaved(traffic(), 3)
    assert counted(Steps(SOURCES, STEP, MOST), fed, restart) == counted(Steps(SOURCES, STEP, MOST), fed)


def test_what_was_folded_stays_so_when_the_setting_allows_more() -> None:
    fed = interleaved(traffic(24), 3)
    steps = Steps(SOURCES, STEP, MOST)
    list(steps.feed(fed[:140]))
    scopes, folded = list(steps.scopes), steps.folded
    roomy = Steps(SOURCES, STEP, 100 * MOST)
    roomy.restore(steps.snapshot())
    assert (roomy.scopes, roomy.folded) == (scopes, folded)
    list(roomy.feed(fed[140:]))
    assert roomy.folded == folded, "new names are kept apart again"
    assert len(roomy.scopes) > len(scopes)


def returning(steps: int = 16) -> dict[str, list[Block]]:
    """Every step brings six functions that never come back; from the fourth on, two come with every step."""
    blocks: dict[str, list[Block]] = {source: [] for source in SOURCES}
    for step in range(steps):
        for at, source in enumerate(SOURCES):
            used = {step * 6 + n: 3 for n in range(at, 6)} | ({900: 5, 901 + at: 2} if step >= 3 else {})
            for bucket in range(0, STEP, 10):
                number = len(blocks[source])
                here = used if not bucket else {}
                made = block(source, number, step * STEP + bucket, here)
                made.values = [Value("aws", "1", "eu", f"service-{n}", "sales") for n in here]
                made.amounts = np.array([[float(count), 0.0] for count in here.values()]).reshape(-1, 2)
                blocks[source].append(made)
    return blocks


def test_what_comes_back_gets_a_row_of_its_own_within_minutes_and_a_flood_does_not() -> None:
    results = [functions(found) for found in counted(Steps(SOURCES, STEP, MOST), interleaved(returning(), 0))]
    had = [step for step, found in enumerate(results) if "function-900" in found]
    assert had == list(range(3 + RETURNS - 1, 16))
    assert [results[step]["function-900"] for step in had] == [10.0] * len(had)
    for step, found in enumerate(results):
        assert sum(found.values()) == 3 * (6 + 5) + (14 if step >= 3 else 0)
        assert step < 3 or found[OTHER], "of names that come once"


@pytest.mark.parametrize("seed", range(1, 5))
@pytest.mark.parametrize("restart", [None, 50, 91, 95, 130])
def test_who_reports_first_and_restarts_change_nothing_of_what_comes_back(
    seed: int, restart: int | None
) -> None:
    expected = counted(Steps(SOURCES, STEP, MOST), interleaved(returning(), 0))
    assert counted(Steps(SOURCES, STEP, MOST), interleaved(returning(), seed), restart) == expected


@pytest.mark.parametrize("restart", [None, 100, 150])
def test_the_values_of_what_came_back_are_its_own(restart: int | None) -> None:
    steps, found = Steps(SOURCES, STEP, MOST), list[dict[str, float]]()
    for number, entry in enumerate(interleaved(returning(), 0)):
        if number == restart:
            parts = steps.snapshot()
            steps = Steps(SOURCES, STEP, MOST)
            steps.restore(parts)
        for step in steps.feed([entry]):
            scopes = [steps.scopes[row] for row, _ in steps.values]
            named = zip(scopes, step.values.tolist(), strict=True)
            found.append({about.name: value for about, value in named if isinstance(about, Scope)})
    assert found[-1]["service-900"] == 10.0
    assert found[3].get("service-900", 0.0) == 0.0
    assert found[-1]["1"] == 3 * (6 + 5) + 14, "the account has them all"


ROOMY = 20_000
BUSY = Path("aws", "2", "eu", "busy", "", "busy", "", "", "")
CALM = Path("aws", "2", "eu", "calm", "", "calm", "", "", "")


def flooded(flood: list[Path], of: range, ours: dict[Path, int], since: int, until: int) -> list[Block]:
    """A flood of names with a request each in some steps, and names of our own ``since`` a step."""
    blocks = []
    for step in range(until):
        used = dict.fromkeys(flood, 1) if step in of else {CALM._replace(function="known"): 1}
        used |= ours if step >= since else {}
        sums = np.zeros((len(used), len(SUMMED)))
        sums[:, COLUMN[Measure.REQUESTS]] = list(used.values())
        at, records = step * STEP, sum(used.values())
        blocks.append(Block(SOURCES[0], 0, 1, step, at, 10, at + STEP, records, paths=list(used), sums=sums))
    return [*blocks, Block(SOURCES[0], 0, 1, until, until * STEP, 10, (until + 1) * STEP, 0)]


def steps_with(name: str, fed: list[Block], most: int, restart: int | None = None) -> list[int]:
    """The steps in which a function has a row of its own."""
    steps, found = Steps(SOURCES[:1], STEP, most), []
    for number, entry in enumerate(fed):
        if number == restart:
            parts = steps.snapshot()
            steps = Steps(SOURCES[:1], STEP, most)
            steps.restore(parts)
        found += [requests(steps, step) for step in steps.feed([entry])]
    return [step for step, counts in enumerate(found) if name in functions(counts)]


def test_after_a_flood_of_names_that_come_back_for_minutes_a_new_function_has_its_place() -> None:
    fed = flooded([path(number) for number in range(1000)], range(12), {BUSY: 1}, since=13, until=20)
    assert steps_with("busy", fed, ROOMY) == list(range(13 + RETURNS - 1, 20))


@pytest.mark.parametrize("restart", [None, 8, 10])
def test_in_a_flood_without_end_what_carries_traffic_has_its_place_in_five_steps(restart: int | None) -> None:
    fed = flooded([path(number) for number in range(1000)], range(20), {BUSY: 30}, since=8, until=16)
    assert steps_with("busy", fed, ROOMY, restart) == list(range(8 + RETURNS - 1, 16))


def test_no_service_takes_all_places_however_long_it_sends_new_names() -> None:
    flood = [CALM._replace(service="s", route=f"/{n}", function=f"f-{n}") for n in range(300)]
    fed = flooded(flood, range(100), {CALM: 1}, since=60, until=68)
    assert steps_with("calm", fed, 2000) == list(range(60 + RETURNS - 1, 68))


@pytest.mark.release
@pytest.mark.parametrize("restarts", [{40}, {7, 8, 30, 61}])
def test_a_restart_changes_nothing_of_what_a_service_has_taken(restarts: set[int]) -> None:
    flood = [CALM._replace(service="s", route=f"/{n}", function=f"f-{n}") for n in range(300)]
    steps = restarted = Steps(SOURCES[:1], STEP, 2000)
    for number, entry in enumerate(flooded(flood, range(70), {BUSY: 2}, since=60, until=68)):
        if number in restarts:
            parts = restarted.snapshot()
            restarted = Steps(SOURCES[:1], STEP, 2000)
            restarted.restore(parts)
        list(steps.feed([entry]))
        if restarted is not steps:
            list(restarted.feed([entry]))
    assert restarted.scopes == steps.scopes
    assert restarted.snapshot() == steps.snapshot()


def test_late_records_give_no_places() -> None:
    *fed, end = flooded(
        [path(number) for number in range(300)], range(RETURNS - 1), {}, since=9, until=RETURNS
    )
    late = [dataclasses.replace(block, sequence=block.sequence + RETURNS) for block in fed[: RETURNS - 1]]
    late = [dataclasses.replace(block, watermark=RETURNS * STEP) for block in late]
    steps = Steps(SOURCES[:1], STEP, 4000)
    list(steps.feed(fed))
    had = steps.series
    assert had < 4000 // 2 + 80
    list(steps.feed([*late, dataclasses.replace(end, sequence=2 * RETURNS - 1)]))
    assert (steps.late, steps.series) == (300 * len(late), had)


def test_folding_is_logged_once() -> None:
    with structlog.testing.capture_logs() as logged:
        counted(Steps(SOURCES, STEP, MOST), interleaved(traffic(), 0), restart=100)
    assert [(entry["log_level"], entry["shard"]) for entry in logged] == [("warning", 0)]


def test_an_edge_from_a_folded_source_still_leads_to_its_target() -> None:
    steps = Steps(SOURCES, STEP, MOST)
    counted(steps, interleaved(traffic(), 0))
    into = [about for about in steps.scopes if isinstance(about, Edge) and about.target.name == "1"]
    assert Edge(Scope("service", "aws", "1", "", OTHER), Scope("account", "aws", "1", "", "1")) in into
