"""Blame rests on independent requests: however often each calls a table, it is one."""

import json
from collections.abc import Callable, Sequence

from config.settings import JudgeSettings, Settings
from detectors.model.finding import Finding, RestsOn, RiseCause
from detectors.model.measures import Measure
from detectors.model.scope import TENANT
from tests.streams.engine.stages.engine_run import EngineRun

START = 1_756_684_800
LEARNT = 3 * 3600
BEGINS = START + LEARNT
CUSTOMERS = ("acme", "bobs", "coop")
SETTINGS = Settings(judge=JudgeSettings(young=2 * 3600))

Customers = Callable[[int], str]
"""The customer of a request, by its number since the incident began."""


def in_turn(number: int) -> str:
    return CUSTOMERS[number % 3]


def request(ts: float, customer: str, calls: int) -> bytes:
    event = {
        "ts": ts,
        "id": f"{ts}",
        "cloud": "aws",
        "account": "1",
        "region": "eu-west-1",
        "service": "shop",
        "route": "PUT /items",
        "function": "put-item",
        "client": {"tenant": customer},
        "status": 200,
        "ms": {"total": 40.0},
        "tables": [{"name": "items", "op": "UpdateItem", "wcu": 1.0}] * calls,
    }
    return json.dumps(event).encode()


def world(
    apart: float, minutes: int, calls: Callable[[str], int], customers: Customers = in_turn
) -> list[bytes]:
    """Return requests ``apart`` seconds: of one call each, then for some minutes of ``calls`` each."""
    usual = [request(START + at * apart, in_turn(at), 1) for at in range(int(LEARNT / apart))]
    changed = [(BEGINS + at * apart, customers(at)) for at in range(int(60 * minutes / apart))]
    after = [request(BEGINS + 60 * minutes + at * apart, in_turn(at), 1) for at in range(int(1800 / apart))]
    return [*usual, *(request(ts, customer, calls(customer)) for ts, customer in changed), *after]


def of_table(records: Sequence[bytes]) -> list[Finding]:
    """Return what is found of the table's calls and units, revision by revision."""
    found = EngineRun(records, SETTINGS).findings
    kept = [finding for finding in found if finding.about.kind == "table" and finding.start >= BEGINS - 60]
    assert {finding.measure for finding in kept} & {Measure.REQUESTS, Measure.WCU}
    return kept


def counted(records: Sequence[bytes], rests_on: RestsOn) -> int:
    return sum(rests_on.since <= json.loads(record)["ts"] < rests_on.until for record in records)


def test_calls_of_three_requests_blame_nobody() -> None:
    first = ("acme", "acme", "bobs")
    records = world(20.0, 10, lambda _: 58, lambda at: first[at] if at < 3 else in_turn(at))
    findings = of_table(records)
    assert [[share.scope.name for share in found.suspects] for found in findings if found.suspects] == []
    defects = {
        found.concentration.kind
        for found in findings
        if found.concentration and found.concentration.cause is RiseCause.DEFECT
    }
    assert TENANT not in defects
    assert {found.rests_on.requests for found in findings if found.rests_on} > {3}


def test_one_request_with_many_calls_blames_nobody() -> None:
    records = world(20.0, 10, lambda _: 1)
    records.append(request(BEGINS + 30.5, "acme", 58))
    findings = of_table(sorted(records, key=lambda record: json.loads(record)["ts"]))
    assert [found.suspects for found in findings if found.suspects] == []


def test_the_customer_whose_requests_call_more_is_named_with_its_share_and_their_number() -> None:
    records = world(5.0, 20, lambda customer: 20 if customer == "acme" else 1)
    findings = [found for found in of_table(records) if found.suspects]
    assert {share.scope.name for found in findings for share in found.suspects} == {"acme"}
    last = findings[-1]
    assert [round(share.share, 1) for share in last.suspects] == [1.0]
    assert last.rests_on is not None
    assert last.rests_on.requests == counted(records, last.rests_on) > 200
    assert not last.rests_on.alike


def test_customers_that_share_it_as_they_share_the_traffic_are_said_to_be_alike() -> None:
    records = world(1.0, 15, lambda _: 5)
    findings = of_table(records)
    assert not any(found.suspects for found in findings)
    assert findings[-1].rests_on is not None
    assert findings[-1].rests_on.alike == TENANT


def test_what_was_counted_before_a_restart_counts_after_it() -> None:
    records = world(5.0, 20, lambda customer: 20 if customer == "acme" else 1)
    whole, anew = (EngineRun(records, SETTINGS, chunk=50, restart=part).findings for part in (None, 0.85))
    assert [found.rests_on for found in whole if found.rests_on]
    assert whole == anew
