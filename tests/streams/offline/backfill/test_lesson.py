"""A daemon that learnt from history judges what follows as one that was there all along."""

import numpy as np
import pytest

from alerting.commands.dispatch import Form
from alerting.incidents.notice import Action
from alerting.pipeline.pipeline import Pipeline
from config.settings import DigestSettings
from detectors.watch.maturity import merged
from streams.drivers.local.log_judge import SOURCE
from streams.engine.detect.baselines import baselines
from streams.engine.stages.engine import Engine
from streams.offline.backfill.lesson import Lesson, OtherHistoryError
from tests.streams.engine.stages.engine_run import DAY, HOUR, START
from tests.streams.offline.backfill.hammered_history import (
    BEGIN,
    SETTINGS,
    at,
    judge,
    learn,
    records,
    reported,
)
from tests.streams.offline.sources.memory_source import MemorySource

END = START + 2 * DAY


@pytest.fixture(scope="module")
def there() -> list[tuple[str, str, int]]:
    """Return the reports of a daemon that was there all along, once it would have learnt."""
    engine = Engine(SETTINGS, [SOURCE])
    judge(engine, 0, BEGIN)
    return reported(judge(engine, BEGIN, END).notices, BEGIN)


@pytest.mark.release
@pytest.mark.parametrize("parts", [1, 3], ids=["one file", "three files at once"])
def test_what_follows_is_judged_as_if_the_daemon_had_been_there(
    parts: int, there: list[tuple[str, str, int]]
) -> None:
    learnt = learn(BEGIN, parts)
    assert learnt.records == at(BEGIN)
    engine = Engine(SETTINGS, [SOURCE])
    engine.restore(learnt.engine)
    after = reported(judge(engine, BEGIN, END).notices, BEGIN)
    assert after == there
    assert any(action == Action.OPEN for _, action, _ in after)


def test_a_daemon_knows_how_old_its_baselines_are_before_the_first_live_record() -> None:
    engine = Engine(SETTINGS, [SOURCE])
    engine.restore(learn(BEGIN).engine)
    known = baselines(engine.ages(), SETTINGS.judge)
    assert known == {"learning (day 1 of 1)": 8, "with less than a week": 90}


def test_the_first_digest_says_in_one_line_what_became_judgeable_in_history() -> None:
    settings = SETTINGS.model_copy(update={"digest": DigestSettings(at="11:00")})  # an hour after its start
    lesson = Lesson(settings, MemorySource({"part/0": records()[: at(BEGIN)]}, (5000,)), BEGIN)
    assert lesson.run()
    learnt = lesson.learnt([SOURCE])
    engine, pipeline = Engine(settings, [SOURCE]), Pipeline(settings)
    engine.restore(learnt.engine)
    pipeline.restore(learnt.pipeline)
    notices = judge(engine, BEGIN, END).notices
    [digest] = [dispatch for dispatch in pipeline.feed(notices, END) if dispatch.form is Form.DIGEST]
    assert digest.learnt == {"service": 2, "table": 2, "function": 4, "route": 4, "client": 3}
    assert not merged(digest.notice.maturity).judgeable


def test_a_stop_anywhere_changes_nothing_and_only_the_same_history_goes_on() -> None:
    def lesson(asked: str = "a") -> Lesson:
        return Lesson(SETTINGS, MemorySource({"part/0": records()[: at(BEGIN)]}, (3000,)), 0, asked)

    whole = lesson()
    whole.run()
    stopped = lesson()
    count = iter(range(100))
    assert not stopped.run(stopping=lambda: next(count) == 4)
    again = lesson()
    again.resume(stopped.state())
    assert again.run()
    first, second = whole.learnt([SOURCE]), again.learnt([SOURCE])
    assert first == second
    with pytest.raises(OtherHistoryError):
        lesson("b").resume(stopped.state())


def test_the_time_between_a_history_and_the_first_live_record_is_not_known_and_makes_nobody_older() -> None:
    """Ten minutes of an old log are no week of baseline, and no weeks without a request."""
    old = START + 600
    engine = Engine(SETTINGS, [SOURCE])
    engine.restore(learn(old).engine)
    judge(engine, BEGIN, BEGIN + 2 * HOUR)
    assert engine.judged_until is not None
    assert engine.judged_until > BEGIN + HOUR
    assert max(ages.max() for ages in engine.ages()) <= 600 + 2 * HOUR
    (detect,) = engine.detect
    rows = list(range(len(detect._judge.series)))
    between = detect._judge._values.measured(rows, int(old) // 60 + 1, int(BEGIN) // 60)
    assert np.isnan(between).all()
