"""How long after its first record a hammer is paged, in event time.

A step of a minute is judged when event time has passed its end by the lateness. What is extraordinary within
seconds is paged with the minute in which it began or, if it began in the last of them, with the next. Nothing
else waits: neither persistence, nor the shards, nor the incident, nor the pipeline.
"""

import numpy as np
import pytest

from alerting.commands.dispatch import Form
from alerting.pipeline.pipeline import Pipeline
from config.settings import JudgeSettings, Settings
from streams.engine.stages.engine import Engine
from tests.laws.arrivals import prompt
from tests.main_job.hammer import hammer
from tests.streams.engine.stages.engine_run import HOUR, LEARNT, SOURCE, START, backend, records

SETTINGS = Settings(judge=JudgeSettings(young=6 * HOUR))
STEP, LATENESS = SETTINGS.time.step, SETTINGS.time.lateness
SHARDS = 2
MINUTE = START + LEARNT + HOUR  # in which the hammer begins
CERTAIN = 5  # seconds of it that are extraordinary in a minute


class Before:
    """Hours of the backend, judged up to the minute in which the hammer begins, and what goes on then."""

    def __init__(self) -> None:
        lines = records(backend(before=LEARNT, hours=2))
        self.stamps = prompt(lines)
        self.lines = lines
        engine = Engine(SETTINGS, [SOURCE], SHARDS)
        past = int(np.searchsorted(self.stamps, MINUTE))
        engine.feed(SOURCE, lines[:past], self.stamps[:past])
        self.parts = engine.snapshot()

    def seconds_to_page(self, offset: int) -> int:
        """Return the seconds from a hammer's start, ``offset`` seconds into the minute, to its page."""
        engine, pipeline, begins = Engine(SETTINGS, [SOURCE], SHARDS), Pipeline(SETTINGS), MINUTE + offset
        engine.restore(self.parts)
        for now in range(MINUTE + 1, begins + 10 * STEP):
            since, until = np.searchsorted(self.stamps, [now - 1, now])
            arrived = self.lines[since:until]
            if now > begins:
                arrived += hammer(self.lines, now - 1, now)
            emitted = engine.feed(SOURCE, arrived, np.full(len(arrived), float(now)))
            sent = pipeline.feed(emitted.notices, emitted.watermark) if emitted.watermark else []
            if any(dispatch.form is Form.PARENT for dispatch in sent):
                return now - begins
        raise AssertionError("no page")


@pytest.fixture(scope="module")
def before() -> Before:
    return Before()


@pytest.mark.variants
@pytest.mark.parametrize("offset", [0, 15, 30, 45, STEP - CERTAIN, STEP - 1])
def test_a_hammer_is_paged_with_its_first_minute_that_shows_it(before: Before, offset: int) -> None:
    shown = STEP - offset
    if shown < CERTAIN:
        shown += STEP
    assert shown + LATENESS <= before.seconds_to_page(offset) <= shown + LATENESS + 1
