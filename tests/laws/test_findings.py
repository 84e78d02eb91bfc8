"""Laws of findings: they depend only on the records, not on how these arrive."""

from collections.abc import Iterable, Sequence
from itertools import cycle
from random import Random

import pytest

from detectors.model.array_types import Floats
from detectors.model.finding import Finding, Verdict
from streams.engine.decode.rejected import RejectReason
from streams.engine.stages.engine import Engine
from tests.laws.arrivals import prompt
from tests.laws.hammered import ARRIVED, DISTURBED, IN_ORDER, SETTINGS, SOURCE
from tests.laws.partition import fed


def findings_of(
    records: Sequence[bytes],
    sizes: Iterable[int] = (10**9,),
    shards: int = 1,
    restarts: Sequence[int] = (),
    arrived: Floats | None = ARRIVED,
) -> list[Finding]:
    """Return all findings of the records, fed in runs of these sizes; without ``arrived``, as of a file."""
    engine, found, at, sizes = Engine(SETTINGS, [SOURCE], shards), list[Finding](), 0, cycle(sizes)
    stops = [*sorted(restarts), len(records)]
    while at < len(records):
        to = min(at + next(sizes), next(stop for stop in stops if stop > at))
        found += engine.feed(SOURCE, records[at:to], None if arrived is None else arrived[at:to]).findings
        at = to
        if at in restarts:
            found += engine.idle(SOURCE).findings  # a restart preserves idleness
            parts, engine = engine.snapshot(), Engine(SETTINGS, [SOURCE], shards)
            engine.restore(parts)
    return found + engine.finish(SOURCE).findings


@pytest.fixture(scope="module")
def whole() -> list[Finding]:
    return findings_of(DISTURBED)


@pytest.fixture(scope="module")
def calm() -> list[Finding]:
    bodies = [event.body for event in IN_ORDER]
    return findings_of(bodies, arrived=prompt(bodies))


def test_the_input_is_disturbed_and_produces_many_findings(whole: list[Finding]) -> None:
    assert {finding.verdict for finding in whole} >= {Verdict.SPIKE, Verdict.FATAL}
    assert {finding.state for finding in whole} >= {"open", "update", "end"}
    assert len(whole) > 50
    partition = fed(DISTURBED, arrived=ARRIVED)
    assert partition.rollup.late > 50
    assert partition.rollup.duplicates > 100
    assert {bad.reason for _, bad in partition.rejected} == {RejectReason.NOT_JSON, RejectReason.FAR_FUTURE}


@pytest.mark.parametrize("seed", range(2))
def test_any_chunking_and_number_of_shards_give_the_same_findings(whole: list[Finding], seed: int) -> None:
    random = Random(seed)  # noqa: S311
    sizes = [random.choice((1, 7, 100, 700)) for _ in range(50)]
    assert findings_of(DISTURBED, sizes, shards=1 + 2 * seed) == whole


@pytest.mark.parametrize("seed", range(2))
def test_restarts_anywhere_give_the_same_findings(whole: list[Finding], seed: int) -> None:
    random = Random(seed)  # noqa: S311
    restarts = random.sample(range(len(DISTURBED) // 2, len(DISTURBED)), 25)
    assert findings_of(DISTURBED, restarts=restarts) == whole


def test_any_order_in_which_nothing_is_late_gives_the_same_findings(calm: list[Finding]) -> None:
    random = Random(1)  # noqa: S311
    delayed = sorted(IN_ORDER, key=lambda one: one.ts + 30 * random.random())
    assert [event.body for event in delayed] != [event.body for event in IN_ORDER]
    bodies = [event.body for event in delayed]
    assert findings_of(bodies, arrived=prompt(bodies)) == calm
    assert findings_of(bodies, arrived=None) == calm


def test_duplicates_within_the_lateness_give_the_same_findings(calm: list[Finding]) -> None:
    random = Random(2)  # noqa: S311
    doubled = [(event.ts, event.body) for event in IN_ORDER]
    doubled += [(ts + 30 * random.random(), body) for ts, body in doubled if random.random() < 0.2]
    bodies = [body for _, body in sorted(doubled, key=lambda each: each[0])]
    assert findings_of(bodies, arrived=prompt(bodies)) == calm
    assert findings_of(bodies, arrived=None) == calm


def test_any_split_over_partitions_gives_the_same_findings(calm: list[Finding]) -> None:
    random, sources = Random(3), ["requests/0", "requests/1", "requests/2"]  # noqa: S311
    spread: dict[str, list[bytes]] = {source: [] for source in sources}
    for event in IN_ORDER:
        spread[random.choice(sources)].append(event.body)
    engine, found = Engine(SETTINGS, sources, 2), list[Finding]()
    while any(spread.values()):
        source = random.choice([source for source in sources if spread[source]])
        some = random.choice((1, 40, 300))
        run = spread[source][:some]
        found += engine.feed(source, run, prompt(run)).findings
        del spread[source][:some]
    for source in sources:
        found += engine.finish(source).findings
    assert found == calm


def test_a_snapshot_depends_on_the_records_not_on_their_chunking() -> None:
    engines = [Engine(SETTINGS, [SOURCE], 2) for _ in range(2)]
    upto = int(len(DISTURBED) * 0.9)
    engines[0].feed(SOURCE, DISTURBED[:upto], ARRIVED[:upto])
    for at in range(0, upto, 333):
        run = slice(at, min(at + 333, upto))
        engines[1].feed(SOURCE, DISTURBED[run], ARRIVED[run])
    one, other = (engine.snapshot() for engine in engines)
    assert one.keys() == other.keys()
    assert [name for name in one if one[name] != other[name]] == []
