"""Some hours of history and some of live records, with a hammered table in both."""

from collections.abc import Sequence
from functools import cache
from typing import Final, NamedTuple

import numpy as np

from alerting.incidents.notice import Action, Notice
from config.settings import JudgeSettings, Settings
from streams.drivers.local.log_judge import SOURCE
from streams.engine.rollup.blocks.block import Block
from streams.engine.stages.engine import Engine
from streams.offline.backfill.lesson import Learnt, Lesson
from tests.laws.arrivals import prompt
from tests.streams.engine.stages.engine_run import HOUR, LEARNT, START, backend, gathered
from tests.streams.engine.stages.engine_run import records as records_of
from tests.streams.offline.sources.memory_source import MemorySource

SETTINGS: Final = Settings(judge=JudgeSettings(young=6 * HOUR))
HAMMER: Final = {
    "at": LEARNT + 5 * HOUR + 1200,
    "for": "20m",
    "kind": "hammer",
    "function": "inventory-put-item",
    "table": "items",
    "times": 15,
}
HAMMERED: Final = START + LEARNT + 5 * HOUR + 1200
BEGIN: Final = START + LEARNT + 2 * HOUR  # of what is live, at a whole minute


@cache
def records() -> list[bytes]:
    earlier = HAMMER | {"at": 4 * HOUR}
    lines = records_of(backend(earlier, HAMMER, before=LEARNT, hours=8))
    minutes = prompt(lines) // 60
    ends = np.append(minutes[1:] != minutes[:-1], True)  # stay, or a minute that ends a history is unknown
    return [line if end else moved for line, moved, end in zip(lines, gathered(lines), ends, strict=True)]


def at(moment: float) -> int:
    """Return the index of the first record from a moment on."""
    return int(np.searchsorted(prompt(records()), moment))


@cache
def learn(until: float, parts: int = 1, sources: tuple[str, ...] = (SOURCE,)) -> Learnt:
    before = records()[: at(until)]
    history = {f"part/{part}": before[part::parts] for part in range(parts)}
    lesson = Lesson(SETTINGS, MemorySource(history, (5000,)), int(until))
    assert lesson.run()
    return lesson.learnt(sources)


class Judged(NamedTuple):
    notices: list[Notice]
    blocks: list[Block]


def judge(engine: Engine, first: float, last: float, chunk: int = 2000) -> Judged:
    """Feed the records between two moments."""
    some = records()[at(first) : at(last)]
    arrived = prompt(some)
    judged = Judged([], [])
    for index in range(0, len(some), chunk):
        emitted = engine.feed(SOURCE, some[index : index + chunk], arrived[index : index + chunk])
        judged.notices.extend(emitted.notices)
        judged.blocks.extend(emitted.blocks)
    return judged


def reported(notices: Sequence[Notice], since: float = 0) -> list[tuple[str, str, int]]:
    return [
        (notice.incident.id, notice.action, notice.at)
        for notice in notices
        if notice.action is not Action.DIGEST and notice.incident.start >= since
    ]
