"""The answers of a whole daemon's read API equal what was counted: by HTTP, and by promtool."""

import json
import os
import shutil
import subprocess
import urllib.parse
from collections.abc import Callable
from itertools import pairwise
from typing import Any, Protocol

import pytest

from tests.streams.record.query.prometheus import program

HOUR = 3600
ITEMS = 'kind="table",name="items",measure="wcu"'
OWN = f'uneri_observed{{{ITEMS},source_kind=""}}'
CALLERS = f'sum by (source_name) (uneri_observed{{{ITEMS},source_kind="function"}})'
OPEN = f'uneri_state{{{ITEMS},verdict="spike"}}'


class CountedUnits(Protocol):
    """Capacity units, counted from the events."""

    def units(self, table: str, unit: str, first: int, end: int) -> float:
        """Return those of a table."""

    def by_function(self, table: str, unit: str, first: int, end: int) -> dict[str, float]:
        """Return the same by caller."""


def hold_the_queries(ask: Callable[[str], Any], url: str, end: int, counted: CountedUnits) -> None:
    """Compare the last hour of the table ``items``, which is in a spike at ``end``."""
    first, last = end - HOUR, end - 180
    minutes = list(pairwise(range(first, last + 120, 60)))
    known = [counted.units("items", "wcu", *minute) / 60 for minute in minutes]

    def found(path: str, **parameters: object) -> Any:
        return ask(f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")["data"]["result"]

    [own] = found("query_range", query=OWN, start=first, end=last, step=60)
    assert [at for at, _ in own["values"]] == [begin for begin, _ in minutes]
    assert [float(value) for _, value in own["values"]] == pytest.approx(known, rel=1e-5, abs=1e-9)
    by_function = counted.by_function("items", "wcu", last, last + 60)
    callers = {
        series["metric"]["source_name"]: float(series["value"][1]) * 60
        for series in found("query", query=CALLERS, time=last)
    }
    assert callers == pytest.approx({name: units for name, units in by_function.items() if units}, rel=1e-5)
    assert [series["value"][1] for series in found("query", query=OPEN, time=last)] == ["1"]
    if shutil.which("promtool") or os.environ.get("UNERI_REQUIRE_PROMETHEUS") == "1":
        sampled = _by_promtool(url, OWN, first, last)
        assert [float(value) for _, value in sampled] == [float(value) for _, value in own["values"]]


def _by_promtool(url: str, query: str, first: int, last: int) -> Any:
    done = subprocess.run(
        [
            *(program("promtool"), "query", "range", "-o", "json"),
            *(f"--start={first}", f"--end={last}", "--step=60s", url.rstrip("/"), query),
        ],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    [series] = json.loads(done.stdout)
    return series["values"]
