"""A finding about errors says how requests failed: status and type, counted, and which are new."""

from collections.abc import Iterator, Sequence
from functools import cache

import pytest

from detectors.model.finding import OTHER_KINDS, Failures, Finding, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import SERVICE
from streams.engine.decode.columns import FAILURE
from streams.engine.detect.detect import Detect
from streams.engine.detect.failure_kinds import LISTED
from streams.engine.rollup.blocks.block import Block
from tests.streams.engine.detect.test_detect import LEARNT, SETTINGS, calls, minute

GATEWAY, USUAL = "502 PaymentGatewayTimeout after 3001 ms", "500 KeyError"
MINUTES = 12
Kinds = dict[str, float]


def at(number: int, kinds: Kinds) -> Block:
    failed = sum(kinds.values())
    block = minute(number, {Measure.REQUESTS: 600.0, Measure.ERRORS_BACKEND: failed}, calls(0, 600, 600))
    block.tags = [(0, FAILURE, text, count) for text, count in kinds.items()]
    return block


def blocks(outage: Kinds, minutes: int = MINUTES) -> Iterator[Block]:
    """Yield hours in which one request of each ten minutes fails as usual; then an outage, and its end."""
    for number in range(LEARNT):
        yield at(number, {USUAL: 1.0} if number % 10 == 0 else {})
    for number in range(LEARNT, LEARNT + minutes):
        yield at(number, outage)
    for number in range(LEARNT + minutes, LEARNT + minutes + 30):
        yield at(number, {})


def of_service(detect: Detect, given: Sequence[Block]) -> list[Finding]:
    found = [finding for judged in detect.feed(given) for finding in judged.findings]
    return [
        finding
        for finding in found
        if finding.measure is Measure.ERRORS_BACKEND and finding.about.kind == SERVICE
    ]


@cache
def findings() -> list[Finding]:
    return of_service(Detect(0, ["one/0"], SETTINGS), list(blocks({GATEWAY: 240.0, USUAL: 6.0})))


def failures(finding: Finding) -> Failures:
    assert finding.failures is not None
    return finding.failures


def test_each_of_its_messages_counts_all_that_failed_by_status_and_type() -> None:
    assert findings()[0].state == "open"
    assert findings()[-1].state == "end"
    for finding in findings():
        kinds = failures(finding).kinds
        assert [kind.kind for kind in kinds] == ["502 PaymentGatewayTimeout after <n> ms", USUAL]
        assert sum(kind.times for kind in kinds) == pytest.approx(failures(finding).failed)
        assert kinds[0].times == 40 * kinds[1].times
    assert failures(findings()[-1]).failed == pytest.approx(MINUTES * 246)


def test_a_kind_that_never_occurred_before_is_new() -> None:
    assert [kind.new for kind in failures(findings()[0]).kinds] == [True, False]


def test_kinds_are_new_only_once_it_is_known_which_are_usual() -> None:
    given, detect = list(blocks({GATEWAY: 240.0})), Detect(0, ["one/0"], SETTINGS)
    for block in given[: LEARNT - 60]:
        block.tags = []  # of a version that did not count them
    detect.feed(given[: LEARNT - 60])
    upgraded = Detect(0, ["one/0"], SETTINGS)
    known = ("failure_kinds", "recent_failures")
    upgraded.restore({name: part for name, part in detect.snapshot().items() if name not in known})
    found = of_service(upgraded, given[LEARNT - 60 :])
    assert found
    assert not any(kind.new for finding in found for kind in failures(finding).kinds)


def test_many_kinds_are_counted_together_behind_the_most_frequent() -> None:
    names = [f"500 Error{letter}" for letter in "ABCDEFGH"]
    outage = {name: 50.0 - at for at, name in enumerate(names)}
    last = of_service(Detect(0, ["one/0"], SETTINGS), list(blocks(outage)))[-1]
    kinds = failures(last).kinds
    assert [kind.kind for kind in kinds] == [*names[:LISTED], OTHER_KINDS]
    assert sum(kind.times for kind in kinds) == pytest.approx(failures(last).failed)


def test_of_a_long_incident_they_are_those_of_its_last_hour() -> None:
    found = of_service(Detect(0, ["one/0"], SETTINGS), list(blocks({GATEWAY: 100.0}, minutes=150)))
    longest = max((finding for finding in found if finding.deviates), key=lambda finding: finding.seen)
    assert failures(longest).failed > 60 * 100
    assert sum(kind.times for kind in failures(longest).kinds) == 60 * 100


@pytest.mark.parametrize("stop", [LEARNT - 5, LEARNT + 3])
def test_a_restart_changes_nothing(stop: int) -> None:
    given = list(blocks({GATEWAY: 240.0, USUAL: 6.0}))
    before, after = Detect(0, ["one/0"], SETTINGS), Detect(0, ["one/0"], SETTINGS)
    first = of_service(before, given[:stop])
    after.restore(before.snapshot())
    assert first + of_service(after, given[stop:]) == findings()


def test_errors_without_a_kind_are_findings_as_before() -> None:
    given = list(blocks({GATEWAY: 240.0}))
    for block in given:
        block.tags = []
    found = of_service(Detect(0, ["one/0"], SETTINGS), given)
    assert found[0].verdict is Verdict.SPIKE
    assert failures(found[0]).kinds == []
