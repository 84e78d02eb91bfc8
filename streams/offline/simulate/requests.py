"""The requests of one block of a simulation, as columns."""

from typing import Final, NamedTuple

from detectors.model.array_types import Ints, Words


class RequestOutcome(NamedTuple):
    """How a request ended."""

    status: int
    error: str | None
    error_type: str | None


OUTCOMES: Final = (
    RequestOutcome(200, None, None),
    RequestOutcome(400, "user", "ValidationException"),
    RequestOutcome(404, "user", "NotFound"),
    RequestOutcome(401, "user", "Unauthorized"),
    RequestOutcome(502, "backend", "UpstreamUnavailable"),
    RequestOutcome(504, "backend", "Timeout"),
    RequestOutcome(500, "fatal", "Runtime.UnhandledException"),
)
"""The outcomes of an ordinary day; those of ``fatal`` incidents follow them."""

THROTTLED: Final = (None, "TableReadKeyRangeThroughputExceeded", "TableWriteKeyRangeThroughputExceeded")
"""DynamoDB's ThrottlingReasons for a hot key, by code."""


class Requests(NamedTuple):
    """n requests with their m table calls."""

    ts: Ints  # [n] epoch milliseconds, ascending
    ids: Words  # [n] unique
    flow: Ints  # [n] index of the flow
    tenant: Ints  # [n] index of the tenant
    outcome: Ints  # [n] index of the outcome
    ms: Ints  # [4, n] total, function, code, auth; tenths of a millisecond
    cold: Ints  # [n] 0 or 1
    amounts: Ints  # [n, largest number of values of any route]
    request: Ints  # [m] the request a call belongs to, ascending
    call: Ints  # [m] index of the scenario's call
    call_ms: Ints  # [m] tenths of a millisecond
    rcu: Ints  # [m] halves of a unit
    wcu: Ints  # [m] halves of a unit
    throttled: Ints  # [m] code, see THROTTLED
