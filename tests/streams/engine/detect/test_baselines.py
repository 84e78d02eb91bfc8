"""The state of a daemon says how much past stands behind its baselines."""

from config.settings import JudgeSettings, Settings
from streams.cli.daemon_call import status_lines
from streams.engine.detect.baselines import baselines
from streams.engine.stages.engine import Engine
from tests.streams.engine.stages.engine_run import SOURCE, backend, records


def test_every_judged_series_has_an_age_and_the_status_shows_it() -> None:
    engine = Engine(Settings(), [SOURCE])
    engine.feed(SOURCE, records(backend(hours=-12)))
    (ages,) = engine.ages()
    assert 0 < len(ages) <= engine.series
    assert all(0 <= age <= 12 * 3600 for age in ages)
    shown = baselines([ages], JudgeSettings())
    assert shown == {"learning (day 1 of 7)": len(ages)}
    assert status_lines({"baselines": shown}) == [f"baselines         {len(ages)} learning (day 1 of 7)"]
