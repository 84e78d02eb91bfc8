"""A way by which a real backend sends its requests to Uneri, as deliveries to the receivers of a daemon."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple, Protocol

from config.settings import Settings
from detectors.model.measures import Measure
from detectors.model.scope import Edge, ScopeOrEdge
from streams.engine.decode.event import Event
from streams.engine.decode.parse import parse
from streams.ingest.formats.inputs import Inputs
from streams.ingest.receivers.payload_lines import from_reading

GATHERED: Final = 10
"""Seconds of requests in one delivery: senders gather for a few seconds."""

Carried = Mapping[str, frozenset[Measure]]
"""The sums that a way carries, by kind of scope; an edge has those of its target."""


class Delivery(NamedTuple):
    """A body that a sender posts."""

    body: bytes
    form: str  # the format that the receiver reads it by
    source: str | None = None

    @property
    def path(self) -> str:
        """Where it is posted."""
        paths = {"firehose": "/firehose", "otlp_proto": "/v1/traces", "pubsub": "/pubsub"}
        path, named = paths.get(self.form), f"source={self.source}" if self.source else ""
        if path is None:
            return f"/events?format={self.form}" + (f"&{named}" if named else "")
        return path + (f"?{named}" if named else "")

    @property
    def type(self) -> str:
        """Its content type."""
        return "application/x-protobuf" if self.form == "otlp_proto" else "application/json"


class Way(Protocol):
    """Turns native events into what a backend sends of the same requests."""

    inputs: Sequence[Mapping[str, Any]]  # its section sources.inputs
    carried: Carried

    def native(self, event: Event) -> Event:
        """Return an event as this backend names it: another cloud has other names."""
        ...

    def deliveries(self, events: Sequence[Event]) -> Iterator[Delivery]:
        """Yield what is sent of some consecutive events."""
        ...


def events_of(lines: Sequence[bytes]) -> list[Event]:
    """Return native lines as events."""
    events, _, problems = parse(lines)
    assert not problems
    return list(events)


def gathered(events: Iterable[Event]) -> Iterator[list[Event]]:
    """Yield the events of a few seconds each."""
    for _, some in groupby(events, lambda event: int(stamp(event)) // GATHERED):
        yield list(some)


def stamp(event: Event) -> float:
    """Return when a request started, epoch seconds."""
    assert isinstance(event.ts, float)
    return event.ts


def received(way: Way, events: Iterable[Event]) -> list[bytes]:
    """Return the lines that the receivers of a daemon store of these events; nothing may be refused."""
    inputs = Inputs(Settings.model_validate({"sources": {"inputs": list(way.inputs)}}).sources)
    lines: list[bytes] = []
    for some in gathered(events):
        for delivery in way.deliveries(some):
            reading = inputs.of(delivery.source, delivery.form).read(delivery.body)
            assert not reading.refused, reading.refused[0]
            lines += from_reading(reading).lines
    return lines


def carries(way: Way, about: ScopeOrEdge, measure: Measure) -> bool:
    """Return whether a way carries this."""
    target = about.target if isinstance(about, Edge) else about
    known = target.kind in way.carried and (
        not isinstance(about, Edge) or about.source.kind in {*way.carried, "tenant"}
    )
    return known and measure in way.carried[target.kind]
