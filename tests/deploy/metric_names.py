"""The metrics that a daemon serves, by the names that Prometheus keeps them under."""

import re
from functools import cache

from prometheus_client import CollectorRegistry, ProcessCollector

from streams.process.metrics import Metrics


@cache
def served() -> dict[str, frozenset[str]]:
    """Return the labels by name; a histogram has several names."""
    found: dict[str, frozenset[str]] = {}
    for metric in vars(Metrics()).values():
        if hasattr(metric, "_labelnames"):
            suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
            for suffix in suffixes.get(metric._type, ("",)):
                more = {"le"} if suffix == "_bucket" else set()
                found[metric._name + suffix] = frozenset({*metric._labelnames, *more})
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    found |= {sample.name: frozenset[str]() for family in registry.collect() for sample in family.samples}
    return found


def named_in(expression: str) -> set[str]:
    """Return the names of the metrics in a query."""
    return set(re.findall(r"\b(?:uneri|process)_\w+", re.sub(r'"[^"]*"', "", expression)))
