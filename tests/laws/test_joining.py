"""Laws of several sources that report one request: any interleaving counts the same, nothing twice."""

import itertools
import json
from collections import defaultdict
from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detectors.model.measures import Measure
from detectors.model.scope import Edge, Scope, ScopeOrEdge
from tests.laws.events import T0, steady
from tests.laws.partition import counted, fed
from tests.streams.engine.rollup.rollup_oracle import Totals, totals_of

AWS = {"cloud": "aws", "account": "1", "region": "eu"}
ITEMS = Scope("table", "aws", "1", "eu", "items")
numbers = st.integers(0, 2**32 - 1)


def records_of_request(number: int, ts: float, random: Random) -> list[bytes]:
    """Return the access log, the report and two spans of a request, with keys in common."""
    function = random.choice(("put-item", "get-item"))
    client = {"name": random.choice(("ios", "android")), "tenant": random.choice(("game-1", "game-2"))}
    request, trace = f"request-{number}", f"trace-{number}"
    table: dict[str, Any] = {"name": random.choice(("items", "users")), "op": "UpdateItem", "wcu": 2.5}
    parts: list[dict[str, Any]] = [
        {
            "service": "api", "route": random.choice(("GET /", "PUT /")), "client": client,
            "status": random.choice((200, 429, 503)), "ms": {"total": 41.5},
            "counts": "account,service,route,client", "joins": f"{request} {trace}",
        },
        {
            "function": function, "ms": {"function": 33.25}, "error": random.choice((None, "fatal")),
            "memory_mb": 512, "billed_ms": 34, "counts": "function", "joins": request,
        },
        {"function": function, "kind": "call", "tables": [table, table], "joins": trace},
        {"function": function, "kind": "call", "tables": [table], "joins": trace, "weight": 2},
    ]  # fmt: skip
    return [
        json.dumps({"ts": ts, "id": f"{number}-{part}"} | AWS | fields).encode()
        for part, fields in enumerate(parts)
    ]


def whole(parts: Sequence[bytes]) -> list[bytes]:
    """Return the same request from a source that knows everything, span by span."""
    log, report, *spans = (json.loads(part) for part in parts)
    names = {"route": log["route"], "client": log["client"], "function": report["function"]}
    full = []
    for record in (log, report, *spans):
        del record["joins"]
        if record is not log:
            names |= {"service": "api"}
        full.append(json.dumps(record | names).encode())
    return full


def totals(bodies: Sequence[bytes], sizes: Sequence[int] = (10**9,)) -> Totals:
    return {key: value for key, value in totals_of(fed(bodies, sizes).blocks).items() if value}


def edges_once(bodies: Sequence[Sequence[bytes]]) -> Totals:
    """Return the totals of requests each sent at once by sources that know all names.

    A record with all names counts the edges into the scopes that it counts, from every name.
    """
    return totals([raw for parts in bodies for raw in whole(parts)])


@settings(steady)
@given(st.integers(1, 6), numbers, st.lists(st.integers(1, 9), min_size=1, max_size=3))
def test_any_interleaving_of_the_sources_gives_the_totals_of_sources_that_know_all_names(
    requests: int, seed: int, sizes: Sequence[int]
) -> None:
    random = Random(seed)  # noqa: S311
    parts = [records_of_request(number, T0 + random.choice((0, 3, 12)), random) for number in range(requests)]
    mixed = [raw for part in parts for raw in part]
    random.shuffle(mixed)
    mixed += random.sample(mixed, random.randrange(len(mixed)))  # repeats
    assert totals(mixed, sizes) == edges_once(parts)


def test_every_order_of_one_request_names_the_client_of_the_table() -> None:
    parts = records_of_request(1, T0, Random(7))  # noqa: S311
    table = json.loads(parts[2])["tables"][0]["name"]
    client = json.loads(parts[0])["client"]["name"]
    expected = edges_once([parts])
    items = Scope("table", "aws", "1", "eu", table)
    edge = Edge(Scope("client", "aws", "1", "", client), items)
    assert expected[T0, edge, Measure.WCU] == expected[T0, items, Measure.WCU] == 3 * 2.5 + 2.5
    for order in itertools.permutations(parts):
        assert totals(order) == expected


@settings(steady, max_examples=40)
@given(st.integers(1, 8), numbers, st.lists(st.integers(1, 5), min_size=1, max_size=3), st.booleans())
def test_chunks_and_restarts_change_no_byte_of_what_is_joined(
    requests: int, seed: int, sizes: Sequence[int], restart: bool
) -> None:
    random = Random(seed)  # noqa: S311
    mixed = [raw for number in range(requests) for raw in records_of_request(number, T0 + 9 * number, random)]
    mixed.sort(key=lambda one: json.loads(one)["ts"] + random.random() * 20)
    one, other = fed(mixed), fed(mixed, sizes, restart=restart)
    assert counted(one.blocks) == counted(other.blocks)
    assert one.rollup.snapshot() == other.rollup.snapshot()


def test_a_late_source_corrects_the_edges_of_minutes_that_were_reported() -> None:
    log, report, *spans = records_of_request(1, T0, Random(3))  # noqa: S311
    clock = [
        json.dumps({"ts": T0 + at, "service": "clock", "id": f"c{at}"}).encode() for at in range(0, 600, 5)
    ]
    expected = totals([log, report, *spans, *clock])
    partition = fed([report, *spans, *clock, log])
    late = [block for block in partition.blocks if block.late or (block.sums.any() and not block.records)]
    assert {key: value for key, value in totals_of(partition.blocks).items() if value} == expected
    assert late
    assert partition.rollup.late == 1, "what is counted once more is no late record"


@settings(steady, max_examples=40)
@given(st.integers(1, 6), numbers, st.lists(st.integers(1, 9), min_size=1, max_size=3))
def test_any_interleaving_costs_what_sources_cost_that_know_all_names(
    requests: int, seed: int, sizes: Sequence[int]
) -> None:
    random = Random(seed)  # noqa: S311
    parts = [records_of_request(number, T0 + random.choice((0, 3, 12)), random) for number in range(requests)]
    mixed = [raw for part in parts for raw in part]
    random.shuffle(mixed)
    found = costs(mixed, sizes)
    assert found == pytest.approx(costs([raw for part in parts for raw in whole(part)]), rel=1e-6)
    (account,) = (cost for about, cost in found.items() if about == Scope("account", "aws", "1", "", "1"))
    for kinds in (("route", "function", "table"), ("client",)):
        bill = sum(cost for about, cost in found.items() if isinstance(about, Scope) and about.kind in kinds)
        assert bill == pytest.approx(account, rel=1e-6), kinds


def costs(bodies: Sequence[bytes], sizes: Sequence[int] = (10**9,)) -> dict[ScopeOrEdge, float]:
    """Return the costs by scope and edge; which service a function belongs to is not revealed by others."""
    found = defaultdict[ScopeOrEdge, float](float)
    for (_, about), cost in counted(fed(bodies, sizes).blocks).costs.items():
        if (about.source if isinstance(about, Edge) else about).kind != "service":
            found[about] += cost
    return dict(found)


def test_what_finds_no_partner_is_counted_with_the_reason() -> None:
    log, report, *_ = records_of_request(1, T0, Random(3))  # noqa: S311
    keyless = json.dumps({"ts": T0, "function": "f", "counts": "function"}).encode()
    clock = [json.dumps({"ts": T0 + at, "service": "clock"}).encode() for at in range(0, 3600, 60)]
    assert dict(fed([log, keyless, *clock]).rollup.unjoined) == {"alone": 1, "without_key": 1}
    assert dict(fed([log, report, *clock]).rollup.unjoined) == {}


def test_records_that_come_hours_late_wait_for_nothing_however_they_are_cut() -> None:
    log, report, *spans = records_of_request(1, T0, Random(3))  # noqa: S311
    clock = json.dumps({"ts": T0 + 7200, "service": "clock"}).encode()
    whole, parts = fed([clock, log, report, *spans]), fed([clock, log, report, *spans], [1])
    assert counted(whole.blocks) == counted(parts.blocks)
    assert dict(whole.rollup.unjoined) == dict(parts.rollup.unjoined) == {"alone": 4}
    assert whole.rollup.snapshot() == parts.rollup.snapshot()


def test_two_sources_that_each_count_all_they_name_count_a_request_once() -> None:
    report: dict[str, Any] = {"function": "put-item", "ms": {"function": 33.25}, "joins": "r"}
    line: dict[str, Any] = {
        "service": "inventory", "route": "PUT /", "function": "put-item", "client": {"name": "ios"},
        "tables": [{"name": "items", "op": "UpdateItem", "wcu": 2.5}], "joins": "r t",
    }  # fmt: skip
    for order in itertools.permutations([report, line]):
        mixed = [json.dumps({"ts": T0} | AWS | entry).encode() for entry in order]
        counts = {
            about: value for (_, about, measure), value in totals(mixed).items() if measure == "requests"
        }
        kinds = {about.kind: value for about, value in counts.items() if isinstance(about, Scope)}
        assert kinds == dict.fromkeys(("account", "service", "route", "function", "client", "table"), 1.0)


def test_spans_and_the_middleware_count_a_request_and_its_tables_once_as_documented() -> None:
    names: dict[str, Any] = {"service": "inventory", "route": "PUT /", "function": "put-item", "joins": "r t"}
    names |= {"tables": [{"name": "items", "op": "UpdateItem", "wcu": 2.5}], "status": 500}
    told_by = [names | {"counts": "account,service,route,client"}, names | {"counts": "function,table"}]
    for order in itertools.permutations(told_by):
        found = totals([json.dumps({"ts": T0} | AWS | entry).encode() for entry in order])
        for measure, amount in (("requests", 1.0), ("wcu", 2.5)):
            seen = {v for (_, about, m), v in found.items() if m == measure and isinstance(about, Scope)}
            assert seen == {amount}


def test_an_invocation_that_was_retried_under_one_request_id_counts_twice() -> None:
    report = json.dumps({"ts": T0, "function": "put-item", "joins": "r"} | AWS).encode()
    function = Scope("function", "aws", "1", "eu", "put-item")
    assert totals([report, report])[T0, function, Measure.REQUESTS] == 2.0


def test_requests_of_one_function_in_one_trace_are_counted_each() -> None:
    routes = ("GET /cart", "POST /pay", "GET /items/{id}")
    spans = [
        {"service": "shop", "route": route, "function": "api", "status": 500 if "pay" in route else 200}
        for route in routes
    ]
    found = totals(
        [json.dumps({"ts": T0, "joins": f"trace r{n}"} | AWS | s).encode() for n, s in enumerate(spans)]
    )
    for name in ("service", "function"):
        scope = Scope(name, "aws", "1", "eu", "shop" if name == "service" else "api")
        assert found[T0, scope, Measure.REQUESTS] == len(routes)
        assert found[T0, scope, Measure.ERRORS_BACKEND] == 1.0


@pytest.mark.parametrize("agents", [["ua"] * 20, [f"ua{n}" for n in range(20)], ["a", "b"] * 10])
def test_a_visitor_with_one_trace_id_takes_no_request_out_of_the_count(
    agents: list[str],
) -> None:
    """The first comes without an agent."""
    named = [{"client": {"name": agent}} for agent in agents]
    records = [
        {"service": "shop", "route": "POST /pay", "function": "pay", "status": 500, "joins": "t"} | client
        for client in ({}, *named)
    ]
    found = totals([json.dumps({"ts": T0} | AWS | record).encode() for record in records])
    for kind, name in (("account", "1"), ("service", "shop"), ("route", "POST /pay"), ("function", "pay")):
        scope = Scope(kind, "aws", "1", "" if kind == "account" else "eu", name)
        for measure in (Measure.REQUESTS, Measure.ERRORS_BACKEND):
            assert found[T0, scope, measure] == len(agents) + 1
