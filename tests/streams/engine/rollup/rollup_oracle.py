"""The oracle of rollup: one loop over the events, one dictionary, no arrays."""

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from config.settings import TimeSettings
from detectors.model.measures import (
    CALLING_REQUESTS,
    KEPT_ON_EDGES,
    MOST_SQUARED,
    SOURCES_INTO,
    SQUARED_CALLS,
    SUMMED,
    Measure,
)
from detectors.model.scope import Edge, Scope, ScopeOrEdge
from streams.engine.rollup.blocks.block import Block
from tests.streams.engine.measure.fanned_out import fan_out_block

Event = dict[str, Any]
Totals = dict[tuple[int, ScopeOrEdge, Measure], float]
ALL = "account,service,route,function,table,client"
REQUEST_SCOPES = ("account", "service", "route", "function", "client")


class Oracle:
    """Totals per (bucket, scope or edge, measure) of events in order, stamps all near each other."""

    def __init__(self, time: TimeSettings) -> None:
        self.totals: Totals = defaultdict(float)
        self.records: dict[int, int] = defaultdict(int)
        self.tags: dict[tuple[int, ScopeOrEdge, str, str], float] = defaultdict(float)
        self.values: dict[tuple[int, ScopeOrEdge, str], float] = defaultdict(float)
        self.late = 0
        self.duplicates = 0
        self._time = time
        self._newest = self._arrived = -math.inf
        self._known: dict[
            tuple[str, ...], int
        ] = {}  # id and service -> watermark from which on it is forgotten

    def watermark(self) -> int:
        """Return the watermark after the newest event."""
        width = self._time.bucket
        return math.floor((self._newest - self._time.lateness) / width) * width

    def feed(self, record: bytes, reached: float | None = None) -> None:
        """Count one event; ``reached`` is the event time then, by default the newest stamp."""
        event = json.loads(record)
        self._arrived = max(self._arrived, event["ts"])
        ts = _when(event, self._arrived)
        self._newest = max(self._newest, ts if reached is None else reached)
        bucket = math.floor(ts / self._time.bucket) * self._time.bucket
        watermark = self.watermark()
        late = bucket + self._time.bucket <= watermark
        if event.get("id"):
            owner = (
                *(event.get(key) or "" for key in ("cloud", "account", "region", "service")),
                event["id"],
            )
            if self._known.get(owner, -1) > watermark:
                self.duplicates += 1
                return
            newest = max(math.floor(self._newest / self._time.bucket) * self._time.bucket, bucket)
            self._known[owner] = newest + self._time.bucket
        self.late += late
        self.records[bucket] += 1
        self._count(event, bucket)

    def _count(self, event: Event, bucket: int) -> None:
        scopes = {kind: scope for kind in (*REQUEST_SCOPES, "tenant") if (scope := _scope(event, kind))}
        weight = event.get("weight") or 1.0
        kinds, targets, froms = _counted(event)
        for key, amount in (event.get("values") or {}).items():
            for scope in (scopes[kind] for kind in ("account", "service") if kind in scopes):
                self.values[bucket, scope, key] += amount * weight
        self._count_calls(event, bucket, scopes, kinds, froms if "table" in targets else set())
        if event.get("kind") != "call":
            self._count_request(event, bucket, scopes)

    def _count_request(self, event: Event, bucket: int, scopes: dict[str, Scope]) -> None:
        weight = event.get("weight") or 1.0
        kinds, targets, froms = _counted(event)
        ms = event.get("ms") or {}
        busy = ms.get("function", ms.get("total", 0.0)) / 1000
        error = _error(event)
        request = {
            Measure.REQUESTS: 1.0,
            Measure.COLD_STARTS: float(bool(event.get("cold_start"))),
            Measure.ERRORS_USER: float(error == "user"),
            Measure.ERRORS_BACKEND: float(error == "backend"),
            Measure.ERRORS_FATAL: float(error == "fatal"),
            Measure.THROTTLES: float(bool(event.get("throttled"))),
            Measure.BUSY: busy,
        }

        def counts(source: str, target: str) -> bool:
            return target in targets and source in froms

        request = {measure: value * weight for measure, value in request.items()}
        for kind in REQUEST_SCOPES:
            if kind in scopes and kind in kinds:
                left_out = () if kind in ("account", "function") else (Measure.BUSY,)
                self._add(bucket, scopes[kind], {m: v for m, v in request.items() if m not in left_out})
        for target, sources in SOURCES_INTO.items():
            for source in sources:
                if target != "table" and {source, target} <= scopes.keys() and counts(source, target):
                    kept = {m: request[m] for m in KEPT_ON_EDGES[target]}
                    self._add(bucket, Edge(scopes[source], scopes[target]), kept)
        self._tag(
            event, bucket, {kind: scopes[kind] for kind in REQUEST_SCOPES if kind in scopes and kind in kinds}
        )

    def _tag(self, event: Event, bucket: int, counted: dict[str, Scope]) -> None:
        weight, error = event.get("weight") or 1.0, _error(event)
        if error == "backend":
            for scope in counted.values():
                self.tags[bucket, scope, "failure", _failure(event)] += weight
        tagged = next((counted[kind] for kind in ("function", "service", "route") if kind in counted), None)
        if tagged is None:
            return
        if error == "fatal":
            self.tags[bucket, tagged, "error_type", event.get("error_type") or "unnamed error"] += weight
        if event.get("throttled"):
            self.tags[bucket, tagged, "throttle", event["throttled"]] += weight

    def _count_calls(
        self, event: Event, bucket: int, scopes: dict[str, Scope], kinds: set[str], froms: set[str]
    ) -> None:
        weight, made = event.get("weight") or 1.0, dict[Scope, float]()
        for call in event.get("tables") or ():
            table = Scope(
                "table",
                event.get("cloud") or "",
                event.get("account") or "",
                event.get("region") or "",
                call["name"],
            )
            counted = {
                Measure.REQUESTS: 1.0,
                Measure.THROTTLES: float(bool(call.get("throttled"))),
                Measure.READS: float(call.get("op") == "GetItem" or call.get("rcu", 0.0) > 0),
                Measure.WRITES: float(call.get("op") == "UpdateItem" or call.get("wcu", 0.0) > 0),
                Measure.RCU: call.get("rcu") or 0.0,
                Measure.WCU: call.get("wcu") or 0.0,
            }
            counted = {measure: value * weight for measure, value in counted.items()}
            if "table" in kinds:
                self._add(bucket, table, counted)
                made[table] = made.get(table, 0.0) + weight
            for source in SOURCES_INTO["table"]:
                if source in scopes and source in froms:
                    self._add(bucket, Edge(scopes[source], table), counted)
            if call.get("throttled") and "table" in kinds:
                self.tags[bucket, table, "throttle", call["throttled"]] += weight
        for table, calls in made.items():
            calling = float(event.get("kind") != "call")
            squares = float(math.ceil(min(calls, MOST_SQUARED) ** 2))
            self._add(bucket, table, {CALLING_REQUESTS: calling, SQUARED_CALLS: squares})

    def _add(self, bucket: int, about: ScopeOrEdge, values: dict[Measure, float]) -> None:
        for measure, value in values.items():
            if value:
                self.totals[bucket, about, measure] += value


def _failure(event: Event) -> str:
    said = [str(event.get(name) or "") for name in ("status", "error_type")]
    return " ".join(filter(None, said)) or "unnamed error"


def _counted(event: Event) -> tuple[set[str], set[str], set[str]]:
    """Return the kinds of scopes that an event counts, and of the targets and sources of edges."""
    named, limited, sources = (event.get("counts") or ALL).partition("<")
    targets = set(named.split(",")) & ({"table"} if event.get("kind") == "call" else set(ALL.split(",")))
    froms = set((sources or ALL).split(","))
    return set() if limited else targets, targets, froms | ({"tenant"} if "client" in froms else set())


def _scope(event: Event, kind: str) -> Scope | None:
    client = event.get("client") or {}
    name = {
        "account": event.get("account"),
        "service": event.get("service") or event.get("function"),
        "route": event.get("route"),
        "function": event.get("function"),
        "client": client.get("name"),
        "tenant": client.get("tenant"),
    }[kind]
    if not name:
        return None
    region = "" if kind in ("account", "client", "tenant") else event.get("region") or ""
    version = (client.get("version") or "") if kind == "client" else ""
    return Scope(kind, event.get("cloud") or "", event.get("account") or "", region, name, version)


def _error(event: Event) -> str | None:
    if "error" in event:
        error: str | None = event["error"]
        return error
    status = event.get("status") or 0
    if status == 429 and event.get("throttled"):
        return "backend"
    return "backend" if status >= 500 else "user" if status >= 400 else None


def _when(event: Event, arrived: float) -> float:
    """Return when an event counts that arrived by then: when it began, or a long one when it ended."""
    ms = event.get("ms") or {}
    lasted: float = (ms.get("function") if ms.get("total") is None else ms["total"]) or 0.0
    ts: float = event["ts"]
    return min(ts + lasted / 1000, arrived) if 30_000 < lasted <= 3_600_000 else ts


def counted(events: Iterable[bytes], time: TimeSettings) -> Oracle:
    """Return the totals of the events."""
    oracle = Oracle(time)
    for event in events:
        oracle.feed(event)
    return oracle


def totals_of(blocks: Sequence[Block]) -> Totals:
    """Add blocks up to what the oracle counts."""
    totals: Totals = defaultdict(float)
    for block in blocks:
        fanned = fan_out_block(block)
        for about, row in zip(fanned.scopes, fanned.sums.tolist(), strict=True):
            for measure, value in zip(SUMMED, row, strict=True):
                if value:
                    totals[block.bucket, about, measure] += value
    return totals


def tags_of(blocks: Sequence[Block]) -> dict[tuple[int, ScopeOrEdge, str, str], float]:
    """Add the tags of blocks up to what the oracle counts."""
    tags: dict[tuple[int, ScopeOrEdge, str, str], float] = defaultdict(float)
    for block in blocks:
        fanned = fan_out_block(block)
        for (row, key, text), count in fanned.tags.items():
            tags[block.bucket, fanned.scopes[row], key, text] += count
    return tags


def values_of(blocks: Sequence[Block]) -> dict[tuple[int, ScopeOrEdge, str], float]:
    """Add the business values of blocks up to what the oracle counts."""
    values: dict[tuple[int, ScopeOrEdge, str], float] = defaultdict(float)
    for block in blocks:
        fanned = fan_out_block(block)
        for (row, measure), amount in fanned.values.items():
            values[block.bucket, fanned.scopes[row], measure.key] += amount
    return values
