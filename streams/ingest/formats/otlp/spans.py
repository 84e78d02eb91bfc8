"""The meaning of the spans of a message: requests with their table calls, and calls without their request.

Nothing waits for a complete trace. A call whose request is not in the message becomes a record of its own, so
that the totals do not depend on how a sender divides its spans into messages.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from streams.engine.decode.event import Event, TableCall
from streams.engine.decode.operations import kind_of
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.access_logs.routes import path_templates
from streams.ingest.formats.format import Reading, Record, RefusalError, Refused, Surroundings, with_defaults
from streams.ingest.formats.otlp.database import is_database, table_calls
from streams.ingest.formats.otlp.origin import Origin, origin_of, origin_with_defaults
from streams.ingest.formats.otlp.request import absorb, id_of, request_of
from streams.ingest.formats.otlp.span import (
    CLIENT,
    CONSUMER,
    PRODUCER,
    SERVER,
    OtlpSpan,
    ResourceSpans,
    seconds,
    weight_of,
)

MOST_CALLS: Final = 1000
"""Table calls that are kept with their request, so that its record stays small; further ones stand alone."""

NO_TABLE: Final = "a database span without a table"
SENT_TWICE: Final = "a span sent twice in one message"
PART_OF_REQUEST: Final = "a span inside the request of the same function"
PART_OF_CALL: Final = "a database span inside the call of the same table"
NO_DATABASE: Final = "a client span of no database"
PRODUCED: Final = "a producer span"
INSIDE: Final = "an internal span"

_IDENTIFIED: Final = frozenset(
    {"aws.lambda.invoked_arn", "cloud.resource_id", "faas.id", "faas.name", "cloud.account.id"}
)


@dataclass(slots=True, eq=False)
class _Seen:
    span: OtlpSpan
    origin: Origin
    weight: float | None
    request: Event | None = None
    calls: Sequence[TableCall] = ()


class _Above(NamedTuple):
    """The request and the call on the way from a span to the root of its trace."""

    request: _Seen | None = None  # the nearest
    crossed: bool = False  # a call lies between: the request is the caller's
    call: _Seen | None = None  # the nearest of a database before the request


_NOTHING_ABOVE: Final = _Above()


def read_spans(resources: Iterable[ResourceSpans], around: Surroundings) -> Reading:
    """Return the records of the spans of a message, in the order of the spans."""
    reading = _SpanReading(around)
    for resource in resources:
        reading.add(resource)
    return reading.finished()


class _SpanReading:
    """The spans of one message and their relations."""

    def __init__(self, around: Surroundings) -> None:
        self._around: Final = around
        self._paths: Final = path_templates(around.templates)
        self._refused: Final[list[Refused]] = []
        self._skipped: Final[Counter[str]] = Counter()
        self._seen: Final[dict[str, _Seen]] = {}  # by trace and span
        self._above: Final[dict[str, _Above]] = {}

    def add(self, resource: ResourceSpans) -> None:
        """Add the spans of one resource."""
        self._refused.extend(resource.refused)
        origin = origin_with_defaults(_completed(resource), self._around)
        for span in resource.spans:
            try:
                self._add(span, origin)
            except RefusalError as error:
                self._refused.append(error.of(_sample(span)))

    def _add(self, span: OtlpSpan, origin: Origin) -> None:
        if not span.trace or not span.id:
            raise RefusalError(RejectReason.DAMAGED, "a span without a valid trace id and span id")
        key = span.key
        if key in self._seen:
            self._skipped[SENT_TWICE] += 1
            return
        seen = _Seen(span, origin, weight_of(span.state) if self._around.sampled and span.state else None)
        if span.kind in {SERVER, CONSUMER}:
            seen.request = self._named(request_of(span, origin, seen.weight, self._paths))
        elif span.kind != CLIENT:
            self._skipped[PRODUCED if span.kind == PRODUCER else INSIDE] += 1
        elif not is_database(span):
            self._skipped[NO_DATABASE] += 1
        elif calls := table_calls(span):
            seconds(span.start, "the span")
            seen.calls = calls
        else:
            self._skipped[NO_TABLE] += 1
        self._seen[key] = seen

    def _named(self, record: Event) -> Event:
        with_defaults(record, self._around)
        if record.service is None and record.route is None and record.function is None:
            raise RefusalError(
                RejectReason.NO_NAME,
                "neither the resource nor the span names a service, a function or a route",
            )
        return record

    def finished(self) -> Reading:
        """Return the records of all spans."""
        requests = self._requests()
        alone = self._alone(requests)
        attached: dict[str, list[TableCall]] = {}
        records: list[Record] = []
        for key, seen in self._seen.items():
            if seen.request is not None:
                if requests[key] is seen:
                    records.append(seen.request)
            elif seen.calls and not self._is_part_of_call(key, seen):
                owner = self._owner(seen, self._find_above(key), requests, alone)
                calls = attached.setdefault(owner, []) if owner else []
                if owner and len(calls) + len(seen.calls) <= MOST_CALLS:
                    calls += seen.calls
                else:
                    self._add_call(seen, records)
        for key, calls in attached.items():
            request = self._seen[key].request
            if request is not None and calls:
                request.tables = tuple(calls)
        reading = Reading()
        reading.add(Reading(records, self._refused, self._skipped))
        return reading

    def _is_part_of_call(self, key: str, seen: _Seen) -> bool:
        outer = self._find_above(key).call
        if outer is None or not _same_call(outer.calls, seen.calls):
            return False
        _complete(outer.calls, seen.calls)
        self._skipped[PART_OF_CALL] += 1
        return True

    def _add_call(self, seen: _Seen, records: list[Record]) -> None:
        try:
            records.append(self._named(_call_of(seen)))
        except RefusalError as error:
            self._refused.append(error.of(_sample(seen.span)))

    def _requests(self) -> dict[str, _Seen]:
        """Return for every span of a request the one that is counted: the outermost of its function."""
        outermost: dict[str, _Seen] = {}
        for start, seen in self._seen.items():
            if seen.request is None or start in outermost:
                continue
            path: dict[str, _Seen] = {}
            key, at = start, seen
            while key not in outermost and key not in path:
                path[key] = at
                above = self._find_above(key)
                if above.request is None or above.crossed or above.request.origin != at.origin:
                    break
                at = above.request
                key = at.span.key
            found = outermost.get(key, at)
            outermost |= dict.fromkeys(path, found)
        for key, found in outermost.items():
            inner = self._seen[key]
            if inner is not found and inner.request and found.request:
                absorb(found.request, inner.request)
                self._skipped[PART_OF_REQUEST] += 1
        return outermost

    def _alone(self, requests: dict[str, _Seen]) -> dict[tuple[str, Origin], _Seen | None]:
        """Return the only request of a trace and an origin, None where there are several."""
        found: dict[tuple[str, Origin], _Seen | None] = {}
        for key, seen in requests.items():
            if self._seen[key] is seen:
                where = (seen.span.trace, seen.origin)
                found[where] = None if where in found else seen
        return found

    @staticmethod
    def _owner(
        call: _Seen, above: _Above, requests: dict[str, _Seen], alone: dict[tuple[str, Origin], _Seen | None]
    ) -> str | None:
        """Return the key of the request that made a call, None if none of the message did."""
        if above.request is not None and above.request.origin == call.origin:
            owner: _Seen | None = requests[above.request.span.key]
        else:
            owner = alone.get((call.span.trace, call.origin))
        return owner.span.key if owner is not None and owner.weight == call.weight else None

    def _find_above(self, start: str) -> _Above:
        """Return the request and call above a span; no span is visited twice, so a circle ends."""
        known = self._above.get(start)
        if known is not None:
            return known
        path: dict[str, _Seen | None] = {}  # a span, and its parent
        key: str | None = start
        found = _NOTHING_ABOVE
        while key is not None:
            known = self._above.get(key)
            if known is not None:
                found = known
                break
            span = self._seen[key].span
            above = span.trace + span.parent if span.parent else ""
            parent = self._seen.get(above)
            if above in path:
                parent = None  # the circle is cut here
            path[key] = parent
            key = above if parent is not None and parent.request is None else None
        for below, parent in reversed(path.items()):
            if parent is not None and parent.request is not None:
                found = _Above(parent)
            elif parent is not None:
                found = _Above(
                    found.request,
                    found.crossed or parent.span.kind in {CLIENT, PRODUCER},
                    parent if parent.calls else found.call,
                )
            self._above[below] = found
        return found


def _completed(resource: ResourceSpans) -> Origin:
    """Return the names of a resource, completed by its own requests."""
    origin = origin_of(resource.attributes)
    if origin.function is None or origin.account is None:
        if resource.identified is not None:
            return origin_of(resource.attributes, resource.identified)
        for span in resource.spans:
            if span.kind in {SERVER, CONSUMER} and not _IDENTIFIED.isdisjoint(span.attributes):
                return origin_of(resource.attributes, span.attributes)
    return origin


def _call_of(seen: _Seen) -> Event:
    span, origin = seen.span, seen.origin
    return Event(
        ts=seconds(span.start, "the span"),
        id=id_of(span),
        cloud=origin.cloud,
        account=origin.account,
        region=origin.region,
        service=origin.service,
        function=origin.function,
        tables=tuple(seen.calls),
        kind="call",
        weight=seen.weight,
        joins=span.trace,
        trace=span.trace,
    )


def _same_call(outer: Sequence[TableCall], inner: Sequence[TableCall]) -> bool:
    """Return whether two spans, one in the other, are of one call: an SDK's and its driver's."""
    names = {call.name for call in outer}
    return kind_of(outer[0].op) == kind_of(inner[0].op) and any(call.name in names for call in inner)


def _complete(outer: Sequence[TableCall], inner: Sequence[TableCall]) -> None:
    """Add the fields that only the inner span has, such as the throttling of an attempt."""
    by_name = {call.name: call for call in inner}
    for call in outer:
        other = by_name.get(call.name)
        if other is None:
            continue
        if call.rcu is None and call.wcu is None:
            call.rcu, call.wcu = other.rcu, other.wcu
        call.throttled = call.throttled or other.throttled


def _sample(span: OtlpSpan) -> bytes:
    return f"{span.name[:256]} {span.trace}/{span.id}".encode(errors="replace")
