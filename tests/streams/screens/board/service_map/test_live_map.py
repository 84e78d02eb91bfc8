"""The service map of a daemon shows the figures of its engine."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from alerting.messages import examples
from config.settings import Settings
from detectors.model.finding import Share, Trace, Verdict
from detectors.model.measures import Measure, Series
from detectors.model.scope import CLIENT, FUNCTION, ROUTE, TABLE, Scope
from streams.record.history.segments import Segments
from streams.screens.board.board_data import BoardDataError, BoardIncidents, StepSignal
from streams.screens.board.live_board import LiveBoard
from streams.screens.board.service_map.service_map import MapEdge, MapNode, ServiceMap
from tests.streams.record.history.backend import START, Backend, requests

MINUTES = 90  # the first hour could be in a file; the newest five minutes are not
PER_MINUTE = 6
SETTINGS = Settings.model_validate(
    {
        "judge": {"young": 3600},
        "limits": {"tables": {"items": {"wcu": 1.0}}},
        "accounts": {"1": {"name": "game-prod"}},
    }
)
ITEMS = Scope(TABLE, "aws", "1", "eu-west-1", "items")
PUT = Scope(FUNCTION, "aws", "1", "eu-west-1", "put-0")
IOS = Scope(CLIENT, "aws", "1", "", "ios", "3.2.1")
TRACE = Trace(start=0, step=60, now=[1.0], last_week=[1.0], lower=[0.0], upper=[2.0])


def lines() -> list[bytes]:
    """Return requests of which some fail, one has no function, and one no route."""
    made = [json.loads(line) for line in requests(MINUTES, per_minute=PER_MINUTE, late=False)]
    for number, event in enumerate(made):
        if number % 6 == 1:
            event["status"] = 500
        if number % 6 == 2:
            event |= {"function": "nightly", "tables": []}
            del event["route"]
    return [json.dumps(event).encode() for event in made]


class Daemon:
    """A daemon after an hour and a half."""

    def __init__(self) -> None:
        self.held = Segments(1)
        self.backend = Backend(settings=SETTINGS)
        self.held.feed(self.backend.feed(lines()))
        self.held.feed(self.backend.finish())

    def board(self, place: Path | None, *open_: Any) -> LiveBoard:
        return LiveBoard(
            StepSignal(),
            lambda: SETTINGS,
            None if place is None else str(place),
            self.held.recent,
            lambda: BoardIncidents(open_, []),
            clock=lambda: START + MINUTES * 60.0,
        )

    def judged(self, scope: Scope, measure: Measure) -> float:
        """Return the judge's values of a series in the last five minutes, per second."""
        total = 0.0
        for judgement, series in self.backend.judgements[-5:]:
            [row] = [
                row
                for row, key in enumerate(series)
                if isinstance(key, Series) and (key.about, key.measure) == (scope, measure)
            ]
            total += float(np.nan_to_num(judgement.observed[row]))
        return total / 300


@pytest.fixture(scope="module")
def daemon() -> Daemon:
    return Daemon()


@pytest.fixture
async def shown(daemon: Daemon, tmp_path: Path) -> ServiceMap:
    return await daemon.board(tmp_path).map()


def node(of: ServiceMap, kind: str, label: str) -> MapNode:
    [found] = [node for node in of.nodes if (node.kind, node.label) == (kind, label)]
    return found


def edge(of: ServiceMap, source: str, target: str) -> MapEdge:
    [found] = [
        edge
        for edge in of.edges
        if (of.nodes[edge.source].label, of.nodes[edge.target].label) == (source, target)
    ]
    return found


def test_nodes_have_the_figures_of_the_engine(daemon: Daemon, shown: ServiceMap) -> None:
    assert (shown.at, shown.seconds) == (START + MINUTES * 60, 300)
    assert shown.accounts == [("aws", "1", "game-prod")]
    put = node(shown, "function", "put-0")
    assert put.scope == PUT.as_answer()
    assert put.requests == daemon.judged(PUT, Measure.REQUESTS) > 0
    failed = daemon.judged(PUT, Measure.ERRORS_BACKEND) + daemon.judged(PUT, Measure.ERRORS_FATAL)
    assert put.failed == failed
    items = node(shown, "table", "items")
    assert items.wcu == pytest.approx(daemon.judged(ITEMS, Measure.WCU), rel=1e-6)
    assert items.cost == pytest.approx(daemon.judged(ITEMS, Measure.COST), rel=1e-6)
    assert put.cost == pytest.approx(daemon.judged(PUT, Measure.COST), rel=1e-6)
    assert put.cost, "AWS bills its invocations"
    assert (items.failed, items.user_errors) == (None, None), "nobody counts errors of a table"
    assert items.requests == daemon.judged(ITEMS, Measure.REQUESTS)
    judgement, series = daemon.backend.judgements[-1]
    newest = {
        (key.about, key.measure): value
        for key, value in zip(series, judgement.observed.tolist(), strict=False)
        if isinstance(key, Series)
    }
    assert put.latency is None, "a p95 rests on at least 200 calls in an hour"
    assert items.latency == pytest.approx(newest[ITEMS, Measure.LATENCY], rel=1e-6)
    assert items.share == pytest.approx(newest[ITEMS, Measure.WCU] / 60 / 1.0, rel=1e-6)
    assert items.threshold is None
    assert edge(shown, "POST /items", "put-1").threshold == "critical", "a third of its requests fail"


def test_edges_have_what_was_counted_from_the_nearest_caller(shown: ServiceMap) -> None:
    events = [json.loads(line) for line in lines()][-5 * PER_MINUTE :]
    calls: Counter[tuple[str, str]] = Counter()
    failed: Counter[tuple[str, str]] = Counter()
    for event in events:
        client, route, function = "ios 3.2.1", event.get("route"), event["function"]
        for pair in ((client, route), (route, function)) if route else ((client, function),):
            calls[pair] += 1
            failed[pair] += event["status"] == 500
        for table in event["tables"]:
            calls[function, table["name"]] += 1
    found = {(shown.nodes[edge.source].label, shown.nodes[edge.target].label): edge for edge in shown.edges}
    assert set(found) == set(calls)
    assert {pair: round(edge.requests * 300) for pair, edge in found.items()} == calls
    assert {pair: round(edge.failed * 300) for pair, edge in found.items() if edge.failed} == +failed
    of_client = sum(count for (source, _), count in failed.items() if source == "ios 3.2.1")
    assert round(300 * (node(shown, "client", "ios 3.2.1").failed or 0)) == of_client > 0
    units = sum(table["wcu"] for event in events if event["function"] == "put-0" for table in event["tables"])
    assert edge(shown, "put-0", "items").wcu == pytest.approx(units / 300, rel=1e-6)
    assert edge(shown, "put-0", "items").cost == pytest.approx(units / 300 * 6.25e-7, rel=1e-4)


def test_what_belongs_to_one_service_says_so(shown: ServiceMap) -> None:
    shop = shown.nodes.index(node(shown, "service", "shop"))
    for kind, label in ((FUNCTION, "put-0"), (ROUTE, "POST /items"), (TABLE, "items")):
        assert node(shown, kind, label).service == shop
    assert node(shown, CLIENT, "ios 3.2.1").service is None


async def test_open_findings_colour_what_they_are_about_and_who_contributes(
    daemon: Daemon, tmp_path: Path
) -> None:
    gone = Scope(FUNCTION, "aws", "1", "eu-west-1", "weekly")
    part = Share(scope=PUT, share=0.9, more_calls=0.9, more_per_call=0.0, observed=2.0, expected=1.0)
    spike = examples.finding(Verdict.SPIKE, ITEMS, Measure.WCU, TRACE, callers=[part])
    absence = examples.finding(Verdict.ABSENCE, gone, Measure.REQUESTS, TRACE)
    incident = examples.incident(spike, (absence,))
    shown = await daemon.board(tmp_path, incident).map()
    assert node(shown, TABLE, "items").verdict == "spike"
    assert (edge(shown, "put-0", "items").verdict, edge(shown, "put-0", "items").excess) == ("spike", 0.9)
    assert edge(shown, "put-1", "items").verdict is None
    assert node(shown, FUNCTION, "put-0").verdict is None, "who calls is not what is wrong"
    missing = node(shown, FUNCTION, "weekly")
    assert (missing.verdict, missing.requests) == ("absence", 0.0), "what is gone is on the map"
    ended = examples.incident(replace(spike, state="end"))
    shown = await daemon.board(tmp_path, ended).map()
    assert node(shown, TABLE, "items").verdict is None


async def test_a_map_before_the_first_step_is_empty_and_without_a_history_says_what_to_set(
    daemon: Daemon, tmp_path: Path
) -> None:
    empty = LiveBoard(
        StepSignal(), Settings, str(tmp_path), Segments(1).recent, lambda: BoardIncidents((), [])
    )
    assert (await empty.map()).nodes == []
    with pytest.raises(BoardDataError, match=r"set history\.keep to true"):
        await daemon.board(None).map()
