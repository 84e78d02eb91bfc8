"""One table, one function, one service."""

from typing import Final

from grafana_foundation_sdk.builders.dashboard import Dashboard

from release.dashboards.pages import OF_SCOPE, scope_page
from release.dashboards.panels import Amount, Asked, banded, curves, stacked, states

_BAND: Final = "Solid, what was observed; dotted, a week before; the area is what would have been usual."
_REQUESTS: Final = Amount("requests", "reqps")
_LATENCY: Final = Amount("latency", "ms", "max")


def _of(kind: str) -> str:
    return f'kind="{kind}",{OF_SCOPE}'


def _callers(kind: str, source: str, measure: str, by: str = "source_name") -> Asked:
    labels = f'{_of(kind)},source_kind="{source}",measure="{measure}"'
    return Asked(f"topk(10, sum by ({by}) (uneri_observed{{{labels}}}))", _legend(by))


def _called(kind: str, target: str, measure: str) -> Asked:
    source = f'source_kind="{kind}",source_account="$account",source_name="$name"'
    labels = f'kind="{target}",{source},measure="{measure}"'
    return Asked(f"topk(10, sum by (name) (uneri_observed{{{labels}}}))", "{{name}}")


def _legend(by: str) -> str:
    return " ".join(f"{{{{{name.strip()}}}}}" for name in by.split(","))


def _measures(kind: str, *measures: tuple[str, str], share: bool = False) -> list[Asked]:
    def observed(measure: str) -> str:
        return f'sum(uneri_observed{{{_of(kind)},source_kind="",measure="{measure}"}})'

    requests = f" / {observed('requests')}" if share else ""
    return [Asked(observed(measure) + requests, legend) for measure, legend in measures]


def table() -> Dashboard:
    """Return the dashboard of a table."""
    kind = "table"
    reasons = f'sum by (measure) (uneri_observed{{{_of(kind)},source_kind="",measure=~"throttles:.+"}})'
    return scope_page(
        kind,
        [
            states(_of(kind)),
            banded(
                "Written",
                f"Write capacity units a second. {_BAND}",
                _of(kind),
                Amount("wcu", "suffix: WCU/s"),
            ),
            banded(
                "Read", f"Read capacity units a second. {_BAND}", _of(kind), Amount("rcu", "suffix: RCU/s")
            ),
            stacked(
                "Written by functions",
                "Who writes the most.",
                "suffix: WCU/s",
                _callers(kind, "function", "wcu"),
            ),
            stacked(
                "Read by functions", "Who reads the most.", "suffix: RCU/s", _callers(kind, "function", "rcu")
            ),
            stacked(
                "Written by clients",
                "Builds of clients behind the functions.",
                "suffix: WCU/s",
                _callers(kind, "client", "wcu", "source_name, source_version"),
            ),
            stacked("Written by routes", "Routes in front.", "suffix: WCU/s", _callers(kind, "route", "wcu")),
            banded("Calls", f"A second. {_BAND}", _of(kind), _REQUESTS),
            banded("Response time", f"p95. {_BAND}", _of(kind), _LATENCY),
            curves(
                "Throttles",
                "A second, and the reasons that were given.",
                "short",
                *_measures(kind, ("throttles", "all")),
                Asked(reasons, "{{measure}}"),
                span=24,
            ),
        ],
    )


def function() -> Dashboard:
    """Return the dashboard of a function."""
    kind = "function"
    errors = (("errors_user", "user"), ("errors_backend", "backend"), ("errors_fatal", "fatal"))
    return scope_page(
        kind,
        [
            states(_of(kind)),
            banded("Requests", f"A second. {_BAND}", _of(kind), _REQUESTS),
            banded("Duration", f"p95. {_BAND}", _of(kind), _LATENCY),
            curves(
                "Errors", "As a share of its requests.", "percentunit", *_measures(kind, *errors, share=True)
            ),
            banded(
                "Concurrency", f"Executions at the same time. {_BAND}", _of(kind), Amount("busy", "short")
            ),
            stacked("Called by routes", "Requests a second.", "reqps", _callers(kind, "route", "requests")),
            stacked(
                "Called by clients",
                "Requests a second, of each build.",
                "reqps",
                _callers(kind, "client", "requests", "source_name, source_version"),
            ),
            stacked("Writes to tables", "What it consumes.", "suffix: WCU/s", _called(kind, "table", "wcu")),
            stacked("Reads from tables", "What it consumes.", "suffix: RCU/s", _called(kind, "table", "rcu")),
            banded(
                "Its code",
                f"p95 without the runtime. {_BAND}",
                _of(kind),
                Amount("latency_code", "ms", "max"),
            ),
            curves("Throttles", "A second.", "short", *_measures(kind, ("throttles", "throttles"))),
        ],
    )


def service() -> Dashboard:
    """Return the dashboard of a service."""
    kind = "service"
    errors = (("errors_user", "user"), ("errors_backend", "backend"), ("errors_fatal", "fatal"))
    return scope_page(
        kind,
        [
            states(_of(kind)),
            banded("Requests", f"A second. {_BAND}", _of(kind), _REQUESTS),
            banded("Response time", f"p95. {_BAND}", _of(kind), _LATENCY),
            curves(
                "Errors", "As a share of its requests.", "percentunit", *_measures(kind, *errors, share=True)
            ),
            banded("Backend errors", f"A second. {_BAND}", _of(kind), Amount("errors_backend", "short")),
            stacked("Functions", "Requests a second.", "reqps", _callers(kind, "function", "requests")),
            stacked(
                "Clients",
                "Requests a second, of each build.",
                "reqps",
                _callers(kind, "client", "requests", "source_name, source_version"),
            ),
            curves("Throttles", "A second.", "short", *_measures(kind, ("throttles", "throttles")), span=24),
        ],
    )
