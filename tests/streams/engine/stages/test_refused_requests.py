"""What callers do wrong they may stop: only requests that were served are missed."""

import json
from typing import Final

import numpy as np
import pytest

from config.settings import Settings
from tests.streams.engine.stages.engine_run import DAY, HOUR, START, EngineRun

STOPS: Final = START + DAY + 2 * HOUR
OFTEN: Final = 30  # a minute
SETTINGS: Final = Settings.model_validate({"judge": {"young": 12 * HOUR}})


def lines(status: int, left: int) -> list[bytes]:
    """Return a route that is asked for all day, and another one of which a part of the requests stops."""

    draw, asked = np.random.default_rng(1), list[tuple[float, str, int]]()
    for minute in range(START, STOPS + HOUR, 60):
        often = OFTEN if minute < STOPS else left
        for route, answer, mean in (("GET /items", 200, OFTEN), ("GET /wp-login.php", status, often)):
            asked += [(minute + number / 10, route, answer) for number in range(draw.poisson(mean))]
    return [
        json.dumps(
            {
                "ts": at,
                "id": f"{number:016x}",
                "account": "1",
                "region": "eu-west-1",
                "service": "shop",
                "route": route,
                "status": answer,
            }
        ).encode()
        for number, (at, route, answer) in enumerate(sorted(asked))
    ]


@pytest.mark.variants
@pytest.mark.parametrize("left", [0, 4])
@pytest.mark.parametrize(("status", "pages"), [(404, False), (200, True)])
def test_a_scanner_that_stops_wakes_nobody(status: int, left: int, pages: bool) -> None:
    run = EngineRun(lines(status, left), SETTINGS)
    paged = {notice.incident.id for notice in run.notices if notice.is_page}
    assert bool(paged) is pages
