"""Which requests illustrate a finding: those that failed, were slowest, or consumed most, where it is."""

import zlib
from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from heapq import nsmallest
from typing import Final, NamedTuple

from detectors.model.finding import Finding, Verdict
from detectors.model.measures import Measure
from detectors.model.request_example import ExampleLayers, RequestExample
from detectors.model.scope import FUNCTION, TABLE, Edge, Scope, ScopeOrEdge

EACH: Final = 3
"""Examples of one finding, and of one incident for each reason."""

MOST: Final = 1000
"""Examples of one step that are compared with findings."""

MOST_REPORTED: Final = 60
"""Examples of one step and shard that are reported."""


class Why(StrEnum):
    """Why a request is an example of an incident."""

    FAILED = "failed"
    SLOWEST = "slowest"
    COSTLIEST = "costliest"


class Illustration(NamedTuple):
    """A request, and the findings of the same step that it illustrates, by id."""

    example: RequestExample
    findings: list[str]


_FELL: Final = (Verdict.DROP, Verdict.ABSENCE, Verdict.GROWTH)
_ERROR: Final = {
    Measure.ERRORS_USER: "user",
    Measure.ERRORS_BACKEND: "backend",
    Measure.ERRORS_FATAL: "fatal",
}
_LAYER: Final = {Measure.LATENCY_CODE: "code", Measure.LATENCY_AUTH: "auth"}
_UNITS: Final = {
    Measure.RCU: ("rcu",),
    Measure.READS: ("rcu",),
    Measure.WCU: ("wcu",),
    Measure.WRITES: ("wcu",),
    Measure.REQUESTS: ("rcu", "wcu"),
}


def why(measure: Measure) -> Why | None:
    """Return why requests are examples of a measure; None if no request shows it."""
    if measure in _ERROR or measure is Measure.THROTTLES:
        return Why.FAILED
    if measure in (Measure.LATENCY, Measure.BUSY, Measure.COLD_STARTS) or measure in _LAYER:
        return Why.SLOWEST
    return Why.COSTLIEST if measure in _UNITS else None


def weight(finding: Finding, example: RequestExample) -> float | None:
    """Return how well a request that went through its scope illustrates a finding; None if it does not."""
    measure, about = finding.measure, finding.about
    scope = about.target if isinstance(about, Edge) else about
    if finding.verdict in _FELL:
        return None
    if measure in _ERROR:
        fits = example.error == _ERROR[measure]
        if finding.verdict is Verdict.FATAL and finding.error_type and example.error_type:
            fits = fits and example.error_type == finding.error_type
        return _worth_reading(example) if fits else None
    if measure is Measure.THROTTLES:
        calls = [call for call in example.tables or () if scope.kind != TABLE or call.name == scope.name]
        refused = any(call.throttled for call in calls) or (scope.kind != TABLE and bool(example.throttled))
        return _worth_reading(example) if refused else None
    if measure in _UNITS:
        calls = [call for call in example.tables or () if scope.kind != TABLE or call.name == scope.name]
        units: float = sum(getattr(call, unit) or 0.0 for call in calls for unit in _UNITS[measure])
        return units if units or measure is Measure.REQUESTS else None
    return _ms(measure, scope, example) if why(measure) is Why.SLOWEST else None


def _worth_reading(example: RequestExample) -> float:
    """Weigh a failure by its details; an exception explains more than a refused call."""
    return 2.0 * (example.error == "fatal") + bool(example.sample) + bool(example.trace)


def _ms(measure: Measure, scope: Scope, example: RequestExample) -> float | None:
    layers = example.ms or ExampleLayers()
    if measure in _LAYER:
        ms: float | None = getattr(layers, _LAYER[measure])
        return ms
    if scope.kind == TABLE:
        calls = [call.ms for call in example.tables or () if call.name == scope.name and call.ms is not None]
        return max(calls, default=None)
    if scope.kind == FUNCTION and layers.function is not None:
        return layers.function
    return example.ms_total


def at_most(examples: Sequence[RequestExample], most: int = MOST) -> list[RequestExample]:
    """Return examples, each once, in order; of more than ``most``, the same part however they came."""
    found = {example.order: example for example in examples}
    if len(found) > most:
        kept = nsmallest(most, found, key=lambda order: (zlib.crc32(order[1]), order))
        found = {order: found[order] for order in kept}
    return [found[order] for order in sorted(found)]


def illustrated(findings: Iterable[Finding], examples: Sequence[RequestExample]) -> list[Illustration]:
    """Return the requests that illustrate findings best, a few each, for the newest findings first."""
    newest = sorted(findings, key=lambda finding: (-finding.start, finding.id))
    if not examples or not newest:
        return []
    by_scope: dict[Scope, list[RequestExample]] = {}
    for example in examples:
        for scope in dict.fromkeys(example.scopes):
            by_scope.setdefault(scope, []).append(example)
    found: dict[int, Illustration] = {}
    for finding in newest:
        for example in _best(finding, by_scope):
            known = found.get(id(example))
            if known is None:
                if len(found) >= MOST_REPORTED:
                    continue
                known = found[id(example)] = Illustration(example, [])
            known.findings.append(finding.id)
    return sorted(found.values(), key=lambda illustration: illustration.example.order)


def _best(finding: Finding, by_scope: Mapping[Scope, list[RequestExample]]) -> list[RequestExample]:
    weighed = [
        (-found, example.order, example)
        for example in _through(finding.about, by_scope)
        if (found := weight(finding, example)) is not None
    ]
    return [example for *_, example in nsmallest(EACH, weighed)]


def _through(about: ScopeOrEdge, by_scope: Mapping[Scope, list[RequestExample]]) -> list[RequestExample]:
    if not isinstance(about, Edge):
        return by_scope.get(about, [])
    source = {id(example) for example in by_scope.get(about.source, ())}
    return [example for example in by_scope.get(about.target, ()) if id(example) in source]
