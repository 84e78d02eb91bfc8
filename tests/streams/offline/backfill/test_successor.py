"""A history learnt while a daemon runs: it goes on as one that had learnt it before its first start."""

import pytest

from alerting.incidents.notice import Action
from config.settings import DigestSettings
from detectors.state.declared import under
from detectors.watch.maturity import NAMED, merged
from streams.drivers.local.log_judge import SOURCE
from streams.engine.detect.successor import BlocksError, Successor
from streams.engine.stages.engine import Engine
from tests.alerting.given import ongoing
from tests.laws.arrivals import prompt
from tests.streams.engine.stages.engine_run import DAY, HOUR, LEARNT, START
from tests.streams.offline.backfill.hammered_history import (
    BEGIN,
    HAMMERED,
    SETTINGS,
    Judged,
    at,
    judge,
    learn,
    records,
    reported,
)

END = START + 2 * DAY
MINUTE = 60
OVER = HAMMERED + HOUR


def engine(parts: dict[str, bytes] | None = None) -> Engine:
    made = Engine(SETTINGS, [SOURCE])
    if parts:
        made.restore(parts)
    return made


def of_shard(engine: Engine) -> dict[str, bytes]:
    return under("detect/0|", engine.snapshot())


@pytest.fixture(scope="module")
def first() -> dict[str, bytes]:
    """Return the shard of a daemon that learnt the history before its first start."""
    one = engine(learn(BEGIN).engine)
    judge(one, BEGIN, END)
    return of_shard(one)


@pytest.mark.release
@pytest.mark.parametrize(
    ("moment", "restarts"),
    [
        (BEGIN + 30 * MINUTE, False),
        (HAMMERED + 5 * MINUTE + 7, True),
        (OVER, False),
    ],
    ids=["before anything happens", "while an incident is open, and restarted at once", "after it"],
)
def test_the_shard_goes_on_with_the_same_state_as_if_the_history_had_come_first(
    moment: float, restarts: bool, first: dict[str, bytes]
) -> None:
    learnt, live = learn(BEGIN), engine()
    kept = judge(live, BEGIN, moment, chunk=1700).blocks
    successor = live.successor(under("detect/0|", learnt.engine), learnt.until)
    for index in range(0, len(kept), 300):
        successor.feed(kept[index : index + 300])
    live.succeed(successor)
    if restarts:
        live = engine(live.snapshot())
    after = reported(judge(live, moment, END).notices)
    assert of_shard(live) == first
    opened = [name for name, action, _ in after if action == Action.OPEN]
    assert len(opened) == (moment < OVER)


@pytest.mark.variants
@pytest.mark.parametrize("seconds", [0, 25, 30], ids=["whole minutes", "part of a bucket", "half a minute"])
def test_what_the_history_has_of_the_daemons_own_time_is_counted_once(seconds: int) -> None:
    overlap, moment = BEGIN + 20 * MINUTE + seconds, BEGIN + HOUR
    learnt, live = learn(overlap), engine()
    kept = judge(live, BEGIN, moment).blocks
    successor = live.successor(under("detect/0|", learnt.engine), learnt.until)
    successor.feed(kept)
    live.succeed(successor)
    there = engine(learn(BEGIN).engine)
    judge(there, BEGIN, moment)
    (mine,), (theirs,) = live.detect, there.detect
    steps = (BEGIN // 60 - 60, int(moment) // 60 - 2)
    rows = range(len(mine._judge.series))
    assert mine._judge.series == theirs._judge.series
    measured, expected = (detect._judge._values.measured(list(rows), *steps) for detect in (mine, theirs))
    counts = [
        row for row, series in enumerate(mine._judge.series) if not str(series.measure).startswith("latency")
    ]
    assert (measured[:, counts] == expected[:, counts]).all()


@pytest.mark.variants
@pytest.mark.parametrize("minutes", [0, 40, 90], ids=["at once", "in the same hour", "hours later"])
def test_the_digest_names_once_what_a_history_made_judgeable(minutes: int) -> None:
    settings = SETTINGS.model_copy(update={"digest": DigestSettings(at="13:00")})
    learnt, live = learn(BEGIN), Engine(settings, [SOURCE])
    now = BEGIN + 10 * MINUTE
    judged = judge(live, BEGIN, now)
    for until in (now + minutes * MINUTE, END):  # the second time, it says nothing new
        successor = live.successor(under("detect/0|", learnt.engine), learnt.until)
        successor.feed(judged.blocks)
        live.succeed(successor)
        parts, live = live.snapshot(), Engine(settings, [SOURCE])
        live.restore(parts)
        more = judge(live, now, until)
        now = until
        judged = Judged(judged.notices + more.notices, judged.blocks + more.blocks)
    [digest] = [notice for notice in judged.notices if notice.action is Action.DIGEST]
    summary = merged(digest.maturity)
    assert summary.judgeable == {"service": 2, "table": 2, "function": 4, "route": 4, "client": 3}
    assert len(summary.named) == NAMED


def test_what_is_open_only_because_the_past_was_not_known_is_withdrawn() -> None:
    """Taking a history back, in the middle of an incident that only the history explains."""
    live = engine(learn(BEGIN).engine)
    moment = HAMMERED + 8 * MINUTE
    judged = judge(live, BEGIN, moment)
    (opened,) = [notice.incident for notice in judged.notices if notice.action is Action.OPEN]
    successor = live.successor(None, 0)
    successor.feed(judged.blocks)
    live.succeed(successor)
    after = judge(live, moment, moment + 5 * MINUTE).notices
    assert [(notice.incident.id, notice.incident.state) for notice in after] == [(opened.id, "withdrawn")]
    assert not ongoing(live.incidents)
    young = live.ages()[0].max()
    assert young < LEARNT


def test_a_source_of_which_no_block_is_kept_holds_nobody_back() -> None:
    sources = ("requests/0", "requests/1")
    there, blocks = Engine(SETTINGS, sources), []
    for source, first, last in (
        (sources[0], BEGIN, BEGIN + 10 * MINUTE),
        (sources[1], BEGIN, BEGIN + 10 * MINUTE),
        (sources[0], BEGIN + 10 * MINUTE, BEGIN + 40 * MINUTE),
    ):
        some = records()[at(first) : at(last)]
        blocks = there.feed(source, some, prompt(some)).blocks  # those before are not kept
        there.idle(sources[1])
    (present,) = there.detect
    history = under("detect/0|", learn(BEGIN, sources=sources).engine)
    waiting = there.successor(history, int(BEGIN))
    waiting.feed(blocks)
    assert waiting.missed(present) == {sources[1]}
    (new,) = Engine(SETTINGS, sources).detect
    successor = Successor(new, history, int(BEGIN), {sources[1]})
    successor.feed(blocks)
    assert successor.missed(present) == set()
    assert successor.replace(present).watermark == present.watermark


def test_blocks_that_are_missing_are_said() -> None:
    live = engine()
    blocks = judge(live, BEGIN, BEGIN + 10 * MINUTE).blocks
    successor = live.successor(None, 0)
    with pytest.raises(BlocksError, match="blocks lost"):
        successor.feed([*blocks[:10], *blocks[11:]])
