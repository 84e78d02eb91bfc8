"""What the page says of the figures it is given: of what, over which time, and of nothing else."""

from typing import Any

from msgspec.structs import replace

from streams.screens.board.wall.wall import WallNumber, WallQuota
from tests.streams.screens.board.page_scripts import PageScripts
from tests.streams.screens.board.wall_given import wall_given

CALM = wall_given("calm")


def number(name: str, **changes: Any) -> WallNumber:
    [found] = [found for found in CALM.numbers if found.id == name]
    return replace(found, **changes)


def test_a_tile_of_limits_shows_what_colours_it(scripts: PageScripts) -> None:
    full = WallQuota(
        label="lambda.executions", account="shop", used=98.0, limit=100.0, share=0.98, threshold="critical"
    )
    quiet = number("throttles")
    assert scripts.text("tiles.js", "LimitsTile", throttles=quiet, quotas=[full]) == (
        "quotas shop 98 % too high lambda.executions"
    )
    throttled = replace(quiet, value=4.0, verdict="spike")
    assert scripts.text("tiles.js", "LimitsTile", throttles=throttled, quotas=[full]).startswith(
        "throttles 4 /min"
    )
    assert scripts.text(
        "tiles.js", "LimitsTile", throttles=quiet, quotas=[replace(full, share=0.42, threshold=None)]
    ) == ("throttles 0 /min quotas all below 50 %")
