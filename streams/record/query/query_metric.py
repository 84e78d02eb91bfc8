"""The metrics of the read API."""

from typing import Final, NamedTuple


class QueryMetric(NamedTuple):
    """One metric. ``column`` is that of the rows which it shows."""

    name: str
    column: str
    help: str


_UNIT: Final = "Per second for sums, milliseconds for latencies, its own unit for a level."
OBSERVED: Final = QueryMetric("uneri_observed", "observed", f"What was measured. {_UNIT}")
STATE: Final = QueryMetric(
    "uneri_state", "verdict", "1 while a finding is open about the series; the label verdict says which."
)
METRICS: Final = (
    OBSERVED,
    QueryMetric("uneri_expected", "expected", f"What was expected. {_UNIT}"),
    QueryMetric("uneri_lower", "lower", f"The lower end of what was expected. {_UNIT}"),
    QueryMetric("uneri_upper", "upper", f"The upper end of what was expected. {_UNIT}"),
    STATE,
)
"""All of them. All are gauges, and only the first one is known of edges."""

NAMES: Final = ("", *(metric.name for metric in METRICS))
"""The values of the label ``__name__``, by code; the first is none."""
