"""The records that were chosen become examples: redacted, and no longer than they may be."""

from collections.abc import Iterable, Sequence
from heapq import nlargest
from typing import Final

import msgspec

from detectors.model.request_example import (
    MOST_CALLS,
    ExampleCall,
    ExampleClient,
    ExampleLayers,
    RequestExample,
)
from streams.engine.decode.columns import BACKEND, FATAL, NO_ERROR, USER, Columns, ExampleRow
from streams.engine.decode.event import Event, TableCall
from streams.engine.decode.paths import cut
from streams.engine.rollup.redaction import Redaction

_ERRORS: Final = {NO_ERROR: None, USER: "user", BACKEND: "backend", FATAL: "fatal"}
_SHORT: Final = 256  # bytes of an id
_DECODE: Final = msgspec.json.Decoder(Event).decode


def examples_of(columns: Columns, rows: Iterable[int], redaction: Redaction) -> list[ExampleRow]:
    """Return the examples that these rows of a run are."""
    return [ExampleRow(row, _example(columns, row, redaction)) for row in rows]


def _example(columns: Columns, row: int, redaction: Redaction) -> RequestExample:
    read = _DECODE(columns.body(row))
    client, layers = read.client, read.ms
    return RequestExample(
        ts=float(columns.ts[row]),
        id=redaction.shown(read.id, _SHORT),
        trace=redaction.shown(read.trace, _SHORT),
        cloud=_name(read.cloud),
        account=_name(read.account),
        region=_name(read.region),
        service=_name(read.service),
        route=_name(read.route),
        function=_name(read.function),
        client=None
        if client is None
        else ExampleClient(_name(client.name), _name(client.version), _name(client.tenant)),
        status=read.status,
        error=_ERRORS[int(columns.error[row])],
        error_type=redaction.shown(read.error_type, _SHORT),
        throttled=redaction.shown(read.throttled, _SHORT),
        ms=None if layers is None else ExampleLayers(layers.total, layers.function, layers.code, layers.auth),
        tables=_calls(read.tables or (), redaction),
        sample=redaction.shown(read.sample),
    )


def _calls(calls: Sequence[TableCall], redaction: Redaction) -> tuple[ExampleCall, ...] | None:
    """Return the calls that consumed most."""
    kept = nlargest(MOST_CALLS, calls, key=lambda call: (call.rcu or 0.0) + (call.wcu or 0.0))
    made = (
        ExampleCall(
            cut(call.name),
            _name(call.op),
            call.ms,
            call.rcu,
            call.wcu,
            redaction.shown(call.throttled, _SHORT),
        )
        for call in kept
    )
    return tuple(made) or None


def _name(text: str | None) -> str | None:
    return cut(text) or None
