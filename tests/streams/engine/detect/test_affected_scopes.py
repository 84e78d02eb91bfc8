"""Affected scopes: the requests since a finding began, and the routes that reach its scope."""

from dataclasses import replace

import numpy as np
import pytest

from alerting.incidents.severity import Grade, reached, severity
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import COLUMN, SUMMED, Measure
from detectors.model.scope import Scope
from streams.engine.decode.paths import Call, Path
from streams.engine.decode.touched import shard_of
from streams.engine.detect.detect import Detect
from streams.engine.rollup.blocks.block import Block
from tests.streams.engine.detect.test_detect import DAY, SETTINGS, calls, minute

ROUTES = ("PUT /", "GET /", "POST /batch")
QUIET = "GET /never"


def three_routes(number: int, wcu: float) -> Block:
    """Return the block of one minute in which three routes call a function, and that a table."""
    made = minute(number, {Measure.REQUESTS: 600.0}, calls(300, 60, wcu))
    paths = [Path("aws", "1", "eu", "shop", route, "put", "", "", "") for route in (*ROUTES, QUIET)]
    sums = np.zeros((8, len(SUMMED)))
    for row, share in enumerate((0.5, 0.3, 0.2, 0.0)):
        sums[row, COLUMN[Measure.REQUESTS]] = 600.0 * share
        for measure, value in calls(300, 60, wcu).items():
            sums[4 + row, COLUMN[measure]] = value * share
    return replace(made, paths=paths, calls=[Call(number, "items") for number in range(4)], sums=sums)


def of_table(minutes: int) -> list[Finding]:
    blocks = [three_routes(number, 600.0 if number < DAY else 6000.0) for number in range(DAY + minutes)]
    found = [finding for judged in Detect(0, ["one/0"], SETTINGS).feed(blocks) for finding in judged.findings]
    return [finding for finding in found if finding.measure is Measure.WCU and finding.about.kind == "table"]


def two_services(number: int, written: float) -> Block:
    """Return the block of one minute in which two services call a table, one to write."""
    paths = [
        Path("aws", "1", "eu", service, f"GET /{service}", f"{service}-call", "", "", "")
        for service in ("shop", "search")
    ]
    sums = np.zeros((4, len(SUMMED)))
    sums[:2, COLUMN[Measure.REQUESTS]] = 600.0
    for row, of_call in ((2, calls(0, 60, written)), (3, calls(600, 0, 0))):
        for measure, value in of_call.items():
            sums[row, COLUMN[measure]] = value
    block = minute(number, {Measure.REQUESTS: 1200.0}, {})
    return replace(block, paths=paths, calls=[Call(0, "items"), Call(1, "items")], sums=sums)


@pytest.mark.parametrize("shards", [1, 3])
def test_a_table_names_the_services_whose_functions_carry_its_rise(shards: int) -> None:
    about = Scope("table", "aws", "1", "eu", "items")
    shard = shard_of(about, shards)
    blocks = [
        replace(two_services(number, 60.0 if number < DAY else 600.0), shard=shard, shards=shards)
        for number in range(DAY + 6)
    ]
    found = [
        one
        for judged in Detect(shard, ["one/0"], SETTINGS).feed(blocks)
        for one in judged.findings
        if one.measure is Measure.WCU and one.about == about and one.state == "open"
    ]
    assert [one.services for one in found] == [["shop"]]


def test_after_a_restart_it_is_known_whose_requests_something_has() -> None:
    detect, again = (Detect(0, ["one/0"], SETTINGS) for _ in range(2))
    detect.feed([two_services(number, 60.0) for number in range(DAY)])
    again.restore(detect.snapshot())
    blocks = [two_services(number, 0.0) for number in range(DAY, DAY + 20)]
    for block in blocks:
        block.sums[:] = 0.0
    known = {one.about.kind: one.services for judged in again.feed(blocks) for one in judged.findings}
    assert known["account"] == []
    blocks = [two_services(number, 600.0) for number in range(DAY + 20, DAY + 40)]
    known = {one.about.kind: one.services for judged in again.feed(blocks) for one in judged.findings}
    assert known["table"] == ["shop"]


def test_failing_requests_are_critical_and_counted_from_the_events_on() -> None:
    quiet, broken = {Measure.REQUESTS: 60.0}, {Measure.REQUESTS: 60.0, Measure.ERRORS_BACKEND: 24.0}
    blocks = [minute(n, quiet if n < DAY else broken, calls(30, 6, 60)) for n in range(DAY + 12)]
    found = [finding for judged in Detect(0, ["one/0"], SETTINGS).feed(blocks) for finding in judged.findings]
    failing = [finding for finding in found if finding.measure is Measure.ERRORS_BACKEND]
    assert {finding.about.kind for finding in failing} >= {"route", "function", "service"}
    assert severity(failing).level is Grade.CRITICAL
    assert severity(failing).share == pytest.approx(0.4, abs=0.05)
    assert [route.name for route in reached(failing).routes] == ["PUT /"]


def test_a_finding_counts_what_came_since_it_began_and_names_the_routes_with_the_most_first() -> None:
    first, *_, last = of_table(20)
    assert first.verdict is Verdict.SPIKE
    assert first.affected is not None
    assert last.affected is not None
    assert [route.name for route in first.affected.routes] == list(ROUTES)
    assert first.affected.seconds == first.seen - first.start
    assert first.affected.requests == 360 / 60 * first.affected.seconds  # calls to the table
    assert last.affected.seconds == last.seen - first.start > first.affected.seconds
    assert last.affected.requests == 360 / 60 * last.affected.seconds
