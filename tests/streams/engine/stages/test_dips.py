"""A spike has minutes without a request, and a message about it is due in one of them."""

import json
from collections.abc import Iterator

from config.settings import Settings
from tests.streams.engine.stages.engine_run import DAY, HOUR, START, EngineRun, gathered, label_of

AT = START + DAY + 2 * HOUR
DIP = AT + 300
"""The minute of the first update."""


def times() -> Iterator[tuple[float, str]]:
    """Yield what calls the table: two functions as often as each other, until one calls it far more."""
    for minute in range(START, AT + 600, 60):
        hammers = minute >= AT and minute != DIP
        yield from (
            (minute + 7 + number, "put-item")
            for number in range(40 if hammers else 0 if minute == DIP else 2)
        )
        yield from ((minute + 30 + number, "get-items") for number in range(2))


def lines() -> list[bytes]:
    return [
        json.dumps(
            {
                "ts": at,
                "id": f"{number:016x}",
                "account": "1",
                "region": "eu-west-1",
                "service": "shop",
                "function": function,
                "status": 200,
                "tables": [{"name": "items", "op": "PutItem", "wcu": 1.0}],
            }
        ).encode()
        for number, (at, function) in enumerate(sorted(times()))
    ]


def test_it_names_who_calls_more_though_nobody_does_at_that_minute() -> None:
    run = EngineRun(gathered(lines()), Settings.model_validate({"judge": {"young": 12 * HOUR}}))
    found = [finding for finding in run.findings if label_of(finding) == "items" and finding.measure == "wcu"]
    [update] = [finding for finding in found if finding.state == "update" and finding.seen == DIP + 60]
    assert update.observed < update.expected, "it is a dip"
    assert [(caller.scope.name, caller.share > 0.9) for caller in update.callers[:1]] == [("put-item", True)]
