import itertools
import json
from collections import Counter
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.engine.decode.decoder import Decoder
from streams.offline.simulate.scenario import Scenario
from streams.offline.simulate.scenario_incidents import EXPECTED
from streams.offline.simulate.scenario_load import load_scenario
from streams.offline.simulate.simulation import Simulation

START = 1_756_652_400  # 2025-09-01 00:00 in Tokyo, a Monday

BACKEND: dict[str, Any] = {
    "start": "2025-09-01T00:00:00+09:00",
    "length": "4h",
    "time_zone": "Asia/Tokyo",
    "daily": {"depth": 0},
    "noise": {"drift": 0},
    "accounts": {"main": {"account": "123456789012", "region": "ap-northeast-1"}},
    "clients": {"ios": {"share": 3, "versions": {"3.2.1": 2, "3.2.0": 1}}, "web": {"versions": {"9": 1}}},
    "tenants": {'a "b" ü': 1, "game-42": 3},
    "functions": {
        "put": {"calls": [{"table": "items", "op": "UpdateItem", "wcu": 2.5}], "errors": {"user": 0.02}},
        "buy": {
            "calls": [
                {"table": "items", "op": "GetItem", "rcu": 1},
                {"table": "ledger", "op": "PutItem", "wcu": 3, "per_request": 1.5},
            ]
        },
    },
    "services": {
        "inventory": {"account": "main", "routes": {"PUT /items": {"function": "put", "rate": 1.0}}},
        "shop": {
            "account": "main",
            "routes": {"POST /buy": {"function": "buy", "rate": 0.5, "values": {"sales": {"mean": 480}}}},
        },
    },
}


def simulation(**changes: Any) -> Simulation:
    return Simulation(Scenario.model_validate(BACKEND | changes))


def events(of: Simulation, start: float | None = None, end: float | None = None) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for _, _, lines in of.lines(start, end) for line in lines]


def during_and_before(incident: dict[str, Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the requests of an incident from 2 h to 3 h, and those of the hour before it."""
    made = simulation(incidents=[{"at": "2h", "for": "1h", **incident}])
    found = events(made, START + 3600, START + 3 * 3600)
    hour = [[entry for entry in found if h * 3600 <= entry["ts"] - START < (h + 1) * 3600] for h in (1, 2)]
    return hour[1], hour[0]


def calls(of: list[dict[str, Any]], table: str) -> list[dict[str, Any]]:
    return [call for entry in of for call in entry["tables"] if call["name"] == table]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not() -> None:
    first, again, other = ([block.lines for block in simulation(seed=seed).lines()] for seed in (1, 1, 2))
    assert first == again
    assert first != other


@pytest.mark.release
@given(st.integers(0, 4 * 3600), st.integers(0, 4 * 3600), st.booleans())
@settings(max_examples=15)
def test_a_stretch_drawn_alone_gives_the_lines_it_has_in_the_whole(a: int, b: int, disturbed: bool) -> None:
    changes: dict[str, Any] = {}
    if disturbed:
        changes = {
            "noise": {"drift": 0.1, "disorder": 0.4},
            "incidents": [
                {"at": "30m", "for": "2h", "kind": "late", "by": "70m", "share": 0.5},
                {"at": "1h", "for": "1h", "kind": "duplicates"},
            ],
        }
    whole = [
        (arrival, line)
        for delivery in simulation(**changes).lines()
        for arrival, line in zip(delivery.arrivals.tolist(), delivery.lines, strict=True)
    ]
    low, high = START + min(a, b), START + max(a, b)
    alone = [line for _, _, lines in simulation(**changes).lines(low, high) for line in lines]
    assert alone == [line for arrival, line in whole if low * 1000 <= arrival < high * 1000]


def test_every_line_is_an_event_in_the_form_of_the_contract() -> None:
    found = events(simulation())
    assert len({entry["id"] for entry in found}) == len(found)
    for event in found:
        assert list(event)[:8] == ["ts", "id", "cloud", "account", "region", "service", "route", "function"]
        assert list(event)[8:15] == [
            "client",
            "status",
            "error",
            "error_type",
            "ms",
            "cold_start",
            "throttled",
        ]
        assert START <= event["ts"] < START + 4 * 3600
        assert set(event["client"]) == {"name", "version", "tenant"}
        assert event["error"] in {None, "user"} | {"backend"}
        assert (event["status"] == 200) == (event["error"] is None)
        assert event["ms"]["total"] > event["ms"]["function"] > event["ms"]["code"] > 0 < event["ms"]["auth"]
        assert event["ms"]["code"] >= sum(call["ms"] for call in event["tables"]) - 0.5
        for call in event["tables"]:
            assert set(call) == {"name", "op", "ms", "rcu", "wcu", "throttled"}
        assert ("values" in event) == (event["service"] == "shop")
    assert {entry["client"]["tenant"] for entry in found} == {'a "b" ü', "game-42"}


def test_the_decoder_takes_every_line_of_every_kind_of_incident() -> None:
    made = Simulation(load_scenario("week-of-incidents"))
    for label in made.labels():
        begin = int(str(label["start"]))
        lines = [line for _, _, block in made.lines(begin, begin + 1200) for line in block]
        _, rejected = Decoder().decode(lines)
        assert lines or label["kind"] == "absence"
        assert rejected == []


def test_lines_arrive_in_the_order_of_their_ts() -> None:
    stamps = [event["ts"] for event in events(simulation())]
    assert stamps == sorted(stamps)


def test_disorder_delays_records_without_losing_any() -> None:
    ordered, mixed = (events(simulation(noise={"drift": 0, "disorder": d})) for d in (0, 0.3))
    stamps = [entry["ts"] for entry in mixed]
    assert stamps != sorted(stamps)
    assert max(np.maximum.accumulate(stamps) - stamps) <= 3.0
    assert sorted(entry["id"] for entry in mixed) == sorted(entry["id"] for entry in ordered)


def test_means_are_those_of_the_scenario() -> None:
    found = events(simulation(length="12h"))
    buys = [entry for entry in found if entry["function"] == "buy"]
    assert len(found) == pytest.approx(1.5 * 12 * 3600, rel=0.02)
    assert len(buys) == pytest.approx(0.5 * 12 * 3600, rel=0.03)
    assert len(calls(buys, "ledger")) / len(buys) == pytest.approx(1.5, rel=0.02)
    assert np.mean([call["wcu"] for call in calls(found, "ledger")]) == pytest.approx(3, rel=0.01)
    assert np.mean([buy["values"]["sales"] for buy in buys]) == pytest.approx(480, rel=0.02)
    by_build = Counter((entry["client"]["name"], entry["client"]["version"]) for entry in found)
    assert by_build["ios", "3.2.1"] / len(found) == pytest.approx(0.5, rel=0.03)
    refused = [entry for entry in found if entry["function"] == "put" and entry["error"] == "user"]
    assert len(refused) / (len(found) - len(buys)) == pytest.approx(0.02, rel=0.15)


@pytest.mark.release
def test_the_rate_of_every_hour_follows_the_shape_of_day_and_week() -> None:
    made = simulation(length="7d", daily={"peak": "20:00", "depth": 0.6}, weekly={"weekend": 1.5})
    counts: Counter[tuple[bool, int]] = Counter()
    for line in itertools.chain.from_iterable(lines for _, _, lines in made.lines()):
        local = datetime.fromtimestamp(int(line[6:16]), ZoneInfo("Asia/Tokyo"))
        counts[local.weekday() >= 5, local.hour] += 1
    for (weekend, hour), count in counts.items():
        mean = 1 + 0.6 * np.mean(np.cos(2 * np.pi * (hour + np.arange(60) / 60 - 20) / 24))
        rate = 1.5 * mean * (1.5 if weekend else 1) * 7 / 8
        assert count == pytest.approx(rate * 3600 * (2 if weekend else 5), rel=0.08)


def test_the_expected_number_of_events_is_what_comes() -> None:
    incidents = [{"at": "4h", "for": "1h", "kind": "spike", "times": 4}]
    made = simulation(length="8h", noise={"drift": 0.1}, incidents=incidents)
    assert len(events(made)) == pytest.approx(made.expected(made.start, made.end), rel=0.02)
    part = events(made, START + 14400, START + 18000)
    assert len(part) == pytest.approx(made.expected(START + 14400, START + 18000), rel=0.05)


@pytest.mark.variants
@pytest.mark.parametrize(
    ("growth", "count"),
    [
        ({"table": "ledger"}, lambda day: len(calls(day, "ledger"))),
        (
            {"table": "ledger", "by": "capacity"},
            lambda day: sum(call["wcu"] for call in calls(day, "ledger")),
        ),
        ({"function": "buy"}, lambda day: sum(entry["function"] == "buy" for entry in day)),
        ({"route": "POST /buy"}, lambda day: sum(entry["route"] == "POST /buy" for entry in day)),
    ],
)
def test_growth_compounds_from_day_to_day_and_leaves_the_rest_alone(
    growth: dict[str, Any], count: Any
) -> None:
    made = simulation(length="8d", growth=[{**growth, "per_day": 0.1}])
    first, last = (events(made, START + day, START + day + 6 * 3600) for day in (0, 7 * 86400))
    assert count(last) / count(first) == pytest.approx(1.1**7, rel=0.07)
    puts = [sum(entry["function"] == "put" for entry in day) for day in (first, last)]
    assert puts[1] == pytest.approx(puts[0], rel=0.04)


def test_a_hammer_is_more_calls_of_one_client_version_and_nothing_else() -> None:
    hit, before = during_and_before(
        {
            "kind": "hammer",
            "function": "put",
            "table": "items",
            "client": "ios",
            "version": "3.2.1",
            "times": 10,
        }
    )
    mine: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    for event in hit:
        (mine if event["function"] == "put" and event["client"]["version"] == "3.2.1" else others).append(
            event
        )
    served = [entry for entry in mine if entry["error"] != "user"]
    assert {len(entry["tables"]) for entry in served} == {10}
    assert len(calls(others, "items")) == pytest.approx(2 / 3 * len(calls(before, "items")), rel=0.1)
    assert len(hit) == pytest.approx(len(before), rel=0.1)
    assert len(calls(hit, "items")) > 3 * len(calls(before, "items"))


def test_heavier_calls_consume_more_each_and_are_not_more() -> None:
    hit, before = during_and_before({"kind": "heavier", "table": "ledger", "times": 6})
    mean = [np.mean([call["wcu"] for call in calls(hour, "ledger")]) for hour in (before, hit)]
    assert mean[1] / mean[0] == pytest.approx(6, rel=0.05)
    assert len(calls(hit, "ledger")) == pytest.approx(len(calls(before, "ledger")), rel=0.1)


@pytest.mark.parametrize(("kind", "times"), [("spike", 5), ("drop", 0.2), ("absence", 0), ("silence", 0)])
def test_traffic_changes_only_where_the_incident_is(kind: str, times: float) -> None:
    incident: dict[str, Any] = {"kind": kind, "service": "shop"} | ({"times": times} if times else {})
    hit, before = during_and_before(incident)
    shop = [sum(entry["service"] == "shop" for entry in hour) for hour in (before, hit)]
    other = [sum(entry["service"] == "inventory" for entry in hour) for hour in (before, hit)]
    assert shop[1] == pytest.approx(times * shop[0], rel=0.15)
    assert other[1] == pytest.approx(other[0], rel=0.1)


@pytest.mark.parametrize(
    ("incident", "error", "share"),
    [
        ({"kind": "outage", "service": "shop", "share": 0.5}, "backend", 0.5),
        ({"kind": "bad_client", "client": "web", "service": "shop", "share": 0.8}, "user", 0.8 / 4),
        ({"kind": "fatal", "function": "buy", "share": 0.3, "error_type": "Runtime.Odd"}, "fatal", 0.3),
    ],
)
def test_requests_fail_in_the_class_and_share_of_the_incident(
    incident: Any, error: str, share: float
) -> None:
    hit, before = during_and_before(incident)
    shop = [[entry for entry in hour if entry["service"] == "shop"] for hour in (before, hit)]
    failed = [sum(entry["error"] == error for entry in hour) / len(hour) for hour in shop]
    assert failed[1] - failed[0] == pytest.approx(share, abs=0.04)
    if error == "fatal":
        assert {entry["error_type"] for entry in shop[1] if entry["error"] == "fatal"} == {"Runtime.Odd"}


def test_a_hot_key_throttles_calls_which_then_consume_nothing() -> None:
    hit, before = during_and_before({"kind": "hot_key", "table": "items", "share": 0.4})
    assert not any(call["throttled"] for call in calls(before, "items"))
    refused = [call for call in calls(hit, "items") if call["throttled"]]
    assert len(refused) / len(calls(hit, "items")) == pytest.approx(0.4, abs=0.03)
    assert {(call["op"], call["throttled"]) for call in refused} == {
        ("UpdateItem", "TableWriteKeyRangeThroughputExceeded"),
        ("GetItem", "TableReadKeyRangeThroughputExceeded"),
    }
    assert {call["rcu"] + call["wcu"] for call in refused} == {0}
    assert not any(call["throttled"] for call in calls(hit, "ledger"))


def test_a_slow_table_slows_the_requests_that_call_it() -> None:
    hit, before = during_and_before({"kind": "slow", "table": "ledger", "times": 20})
    latency = [np.median([call["ms"] for call in calls(hour, "ledger")]) for hour in (before, hit)]
    total = [
        np.median([entry["ms"]["total"] for entry in hour if entry["function"] == "buy"])
        for hour in (before, hit)
    ]
    assert latency[1] / latency[0] == pytest.approx(20, rel=0.1)
    assert total[1] > 3 * total[0]


def test_late_records_arrive_later_and_none_is_lost() -> None:
    made = simulation(incidents=[{"at": "2h", "for": "30m", "kind": "late", "by": "40m", "share": 0.5}])
    late = [
        round(arrival / 1000 - json.loads(line)["ts"])
        for delivery in made.lines()
        for arrival, line in zip(delivery.arrivals.tolist(), delivery.lines, strict=True)
    ]
    assert set(late) == {0, 2400}
    assert late.count(2400) / len(late) == pytest.approx(0.5 * 0.5 / 4, rel=0.15)
    assert len(late) == len(events(simulation()))


def test_duplicates_are_the_same_bytes_again_within_seconds() -> None:
    made = simulation(incidents=[{"at": "1h", "for": "1h", "kind": "duplicates", "share": 0.2}])
    seen = Counter(line for _, _, lines in made.lines() for line in lines)
    again = [json.loads(line)["ts"] - START for line, times in seen.items() if times == 2]
    assert set(seen.values()) == {1, 2}
    assert min(again) >= 3600
    assert max(again) < 7200
    assert len(again) / 5400 == pytest.approx(0.2, rel=0.15)


def test_what_is_outside_an_incident_stays_byte_for_byte_the_same() -> None:
    quiet = [lines for _, _, lines in simulation().lines()]
    for kind in ("hammer", "outage"):
        share: dict[str, Any] = {"function": "put", "table": "items", "times": 3} if kind == "hammer" else {}
        loud = [
            lines
            for _, _, lines in simulation(
                incidents=[{"at": "2h", "for": "1h", "kind": kind, **share}]
            ).lines()
        ]
        assert [a == b for a, b in zip(quiet, loud, strict=True)] == [True, True, False, True]


def test_labels_say_when_what_and_where() -> None:
    made = simulation(
        growth=[{"table": "ledger", "per_day": 0.02}],
        incidents=[
            {
                "at": "2h",
                "for": "25m",
                "kind": "hammer",
                "function": "put",
                "table": "items",
                "client": "ios",
                "times": 9,
            }
        ],
    )
    growth, hammer = made.labels()
    assert (growth["kind"], growth["verdict"]) == ("growth", "growth")
    assert (growth["start"], growth["end"], growth["table"]) == (START, START + 4 * 3600, "ledger")
    assert hammer == {
        "start": START + 7200,
        "end": START + 8700,
        "kind": "hammer",
        "verdict": "spike",
        "measure": "wcu",
        "account": "123456789012",
        "table": "items",
        "service": None,
        "route": None,
        "function": "put",
        "client": "ios",
        "version": None,
    }


def test_an_incident_of_reads_shows_in_what_reads_consume() -> None:
    heavy = {"at": "2h", "for": "25m", "kind": "heavier", "table": "items", "times": 9}
    both, reads = simulation(incidents=[heavy, heavy | {"function": "buy"}]).labels()
    assert (both["measure"], reads["measure"]) == ("wcu", "rcu")


def test_the_shipped_week_has_every_kind_after_three_quiet_weeks() -> None:
    made = Simulation(load_scenario("week-of-incidents"))
    labels = made.labels()
    assert {label["kind"] for label in labels} == set(EXPECTED)
    assert min(int(str(label["start"])) for label in labels) >= made.start + 21 * 86400
    for earlier, other in itertools.pairwise([label for label in labels if label["kind"] != "growth"]):
        assert int(str(earlier["end"])) < int(str(other["start"]))


def test_the_shipped_demo_hammers_items_fivefold_while_ledger_grows() -> None:
    made = Simulation(load_scenario("demo"))
    growth, hammer = made.labels()
    begin, end = int(str(hammer["start"])), int(str(hammer["end"]))
    assert (growth["table"], hammer["table"], hammer["version"]) == ("ledger", "items", "3.2.1")
    assert made.end - end == 40 * 60

    def units(table: str, low: int, high: int) -> float:
        return float(sum(call["wcu"] for call in calls(events(made, low, high), table)))

    week = 7 * 86400
    assert 4 < units("items", begin, end) / units("items", begin - week, end - week) < 7
    day, part = 86400, 6 * 3600
    assert (
        1.3
        < units("ledger", made.start + 14 * day, made.start + 14 * day + part)
        / units("ledger", made.start, made.start + part)
        < 1.5
    )
    assert made.expected(made.start, made.end) / (made.end - made.start) == pytest.approx(1.0, abs=0.1)


def test_a_relative_start_counts_days_back_from_the_midnight_before_now() -> None:
    made = Simulation(Scenario.model_validate(BACKEND | {"start": -2}), now=START + 3 * 86400 + 4000)
    assert made.start == START + 86400
    with pytest.raises(ValueError, match="pass now"):
        simulation(start=-2)
