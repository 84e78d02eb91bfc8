"""A daemon that learnt from history judges what follows as one that was there all along."""

from collections.abc import Sequence

import numpy as np
import pytest

from alerting.incidents.notice import Action, Notice
from config.settings import JudgeSettings, Settings
from streams.backfill.lesson import Lesson, OtherHistoryError
from streams.engine.engine import Engine
from streams.local.log_judge import SOURCE
from streams.simulate.simulation import Simulation
from tests.laws.arrivals import prompt
from tests.streams.engine.engine_run import DAY, HOUR, backend
from tests.streams.history.memory_history import MemoryHistory

SETTINGS = Settings(judge=JudgeSettings(young=DAY))
HAMMER = {
    "at": DAY + 5 * HOUR,
    "for": "20m",
    "kind": "hammer",
    "function": "inventory-put-item",
    "table": "items",
    "times": 15,
}
EARLIER = HAMMER | {"at": 12 * HOUR}


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return [line for _, lines in Simulation(backend(EARLIER, HAMMER, hours=7)).lines() for line in lines]


@pytest.fixture(scope="module")
def cut(lines: list[bytes]) -> int:
    """Return the first record of the history's end."""
    start = prompt(lines[:1])[0] + DAY + 2 * HOUR
    return int(np.searchsorted(prompt(lines), start - start % 60))


def judged(engine: Engine, lines: Sequence[bytes]) -> list[Notice]:
    arrived = prompt(lines)
    notices = []
    for at in range(0, len(lines), 2000):
        notices += engine.feed(SOURCE, lines[at : at + 2000], arrived[at : at + 2000]).notices
    return notices


def told(notices: Sequence[Notice], since: float) -> list[tuple[str, str, int]]:
    return [
        (one.incident.id, one.action, one.at)
        for one in notices
        if one.action is not Action.DIGEST and one.incident.start >= since
    ]


@pytest.mark.parametrize("parts", [1, 3], ids=["one file", "three files at once"])
def test_what_follows_is_judged_as_if_the_daemon_had_been_there(
    lines: list[bytes], cut: int, parts: int
) -> None:
    since = prompt(lines[cut:])[0]
    history = {f"part/{part}": lines[:cut][part::parts] for part in range(parts)}
    lesson = Lesson(SETTINGS, MemoryHistory(history, (5000,)), int(since))
    assert lesson.run()
    learnt = lesson.learnt([SOURCE])
    assert learnt.records == cut
    engine, there = Engine(SETTINGS, [SOURCE]), Engine(SETTINGS, [SOURCE])
    engine.restore(learnt.engine)
    judged(there, lines[:cut])
    after = told(judged(engine, lines[cut:]), since)
    assert after == told(judged(there, lines[cut:]), since)
    assert any(action == Action.OPEN for _, action, _ in after)


def test_a_stop_anywhere_changes_nothing_and_only_the_same_history_goes_on(
    lines: list[bytes], cut: int
) -> None:
    def lesson(asked: str = "a") -> Lesson:
        return Lesson(SETTINGS, MemoryHistory({"part/0": lines[:cut]}, (3000,)), 0, asked)

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
