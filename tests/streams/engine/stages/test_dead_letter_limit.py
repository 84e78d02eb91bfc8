"""Reading stops where too much is bad, at the same record however the records come."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st

from config.settings import DeadLetterSettings, KafkaSettings, Settings
from streams.cli.replay import ReplayOptions, run_replay
from streams.drivers.kafka.stages import RollupStage
from streams.drivers.kafka.topics import Topics
from streams.engine.decode.rejected import Rejected, RejectReason
from streams.engine.stages.dead_letter_limit import DeadLetterLimit, DeadLetterLimitError, LimitExceeded
from streams.ingest.batch_consumer.chunk import Chunk
from streams.offline.replay import replay, summary
from streams.offline.sources.files import FileSource


def rejected(index: int) -> Rejected:
    return Rejected(RejectReason.NOT_JSON, index, "no JSON", b"")


def first_passed(outcomes: Sequence[bool], limit: DeadLetterLimit, cuts: Sequence[int] = ()) -> int | None:
    """Feed good (False) and bad (True) records in runs; return the place of the record that passes."""
    for start, end in pairwise([0, *sorted(cuts), len(outcomes)]):
        bad = [rejected(at) for at, is_bad in enumerate(outcomes[start:end]) if is_bad]
        if passed := limit.feed(end - start, bad):
            return start + passed.rejected.index
    return None


@pytest.mark.parametrize(("bad", "at"), [(50, None), (51, 52)])
def test_fifty_bad_records_in_a_row_are_allowed_and_the_next_one_is_not(bad: int, at: int | None) -> None:
    outcomes = [False, False, *[True] * bad, False]
    assert first_passed(outcomes, DeadLetterLimit(DeadLetterSettings())) == at


@pytest.mark.parametrize(("every", "at"), [(10, None), (9, 900)])
def test_a_tenth_of_the_last_thousand_may_be_bad(every: int, at: int | None) -> None:
    outcomes = [number % every == 0 for number in range(5000)]
    assert first_passed(outcomes, DeadLetterLimit(DeadLetterSettings())) == at


def test_what_was_bad_a_thousand_records_ago_no_longer_counts() -> None:
    outcomes = ([True] * 40 + [False] * 500) * 20
    assert first_passed(outcomes, DeadLetterLimit(DeadLetterSettings())) is None


def test_a_good_record_never_stops_anything() -> None:
    limit = DeadLetterLimit(DeadLetterSettings(in_a_row=1))
    assert limit.feed(3, [rejected(0), rejected(1), rejected(2)]) is not None
    assert limit.feed(1000, []) is None


@tries(max_examples=60)
@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 40)), min_size=1, max_size=60),
    st.lists(st.integers(0, 1200), max_size=8),
    st.integers(1, 30),
)
def test_it_stops_at_the_same_record_whatever_the_runs_and_restarts(
    stretches: list[tuple[bool, int]], cuts: list[int], in_a_row: int
) -> None:
    outcomes = [bad for bad, length in stretches for _ in range(length)]
    settings = DeadLetterSettings(in_a_row=in_a_row, share=0.1)
    whole = first_passed(outcomes, DeadLetterLimit(settings))
    limit, found = DeadLetterLimit(settings), None
    for start, end in pairwise([0, *sorted(min(cut, len(outcomes)) for cut in cuts), len(outcomes)]):
        again = DeadLetterLimit(settings)
        again.restore(limit.snapshot())
        limit = again
        bad = [rejected(at) for at, is_bad in enumerate(outcomes[start:end]) if is_bad]
        if passed := limit.feed(end - start, bad):
            found = start + passed.rejected.index
            break
    assert found == whole


def test_a_record_that_turns_out_bad_later_counts_at_its_place() -> None:
    limit = DeadLetterLimit(DeadLetterSettings(in_a_row=3))
    assert limit.feed(4, [rejected(0), rejected(1), rejected(3)]) is None
    passed = limit.feed(1, [rejected(-2)])  # the third one: all four were bad
    assert passed == LimitExceeded(rejected(-2), "4 bad records in a row")


def test_a_lowered_limit_applies_only_to_new_records() -> None:
    before = DeadLetterLimit(DeadLetterSettings(in_a_row=20))
    assert before.feed(110, [rejected(index) for index in range(10)]) is None
    lowered = DeadLetterLimit(DeadLetterSettings(in_a_row=5))
    lowered.restore(before.snapshot())
    assert lowered.feed(1, [rejected(0)]) is None


def test_would_exceed_counts_nothing() -> None:
    limit = DeadLetterLimit(DeadLetterSettings(in_a_row=3))
    bad = [rejected(index) for index in range(3)]
    assert limit.would_exceed(3, bad) is None
    assert limit.would_exceed(3, bad) is None
    assert limit.feed(3, bad) is None
    assert limit.would_exceed(1, [rejected(0)]) is not None


GOOD = b'{"ts": %d, "service": "shop"}'
KAFKA = KafkaSettings(app="app", requests="requests")


def stage(settings: Settings) -> RollupStage:
    return RollupStage(3, settings, 1, Topics.of(KAFKA))


def chunk(values: list[bytes], start: int = 100) -> Chunk:
    return Chunk("requests", 3, start, start + len(values), range(start, start + len(values)), values)


def test_a_partition_of_garbage_stops_with_place_reason_and_remedy() -> None:
    settings = Settings(dead_letters=DeadLetterSettings(in_a_row=5))
    values = [GOOD % (1_760_000_000 + number) for number in range(20)]
    values[10:16] = [b"nope"] * 6
    with pytest.raises(DeadLetterLimitError) as caught:
        stage(settings).feed(chunk(values))
    assert "requests, partition 3, offset 115: 6 bad records in a row" in str(caught.value)
    assert "not_json" in str(caught.value)
    assert "dead_letters.stop: false" in str(caught.value)


def test_a_restart_ends_at_the_same_offset_as_the_first_time() -> None:
    settings = Settings(dead_letters=DeadLetterSettings(in_a_row=5))
    values = [GOOD % 1_760_000_000, GOOD % 1_760_000_001, *[b"nope"] * 4]
    first = stage(settings)
    assert len(list(first.feed(chunk(values)))) == 4, "four dead letters, within the limit"
    for _ in range(3):
        again = stage(settings)
        again.restore(first.snapshot())
        with pytest.raises(DeadLetterLimitError, match=r"offset 107: 6 bad records in a row"):
            again.feed(chunk([b"nope"] * 4, 106))


def test_a_setting_disables_the_limit_which_restarts_when_it_is_enabled_again() -> None:
    strict = Settings(dead_letters=DeadLetterSettings(in_a_row=5))
    lenient = Settings(dead_letters=DeadLetterSettings(in_a_row=5, stop=False))
    passing = stage(lenient)
    assert len(list(passing.feed(chunk([b"nope"] * 30)))) == 30
    again = stage(strict)
    again.restore(passing.snapshot())
    assert len(list(again.feed(chunk([b"nope"] * 5, 130)))) == 5


def test_no_number_of_records_with_wrong_clocks_stops_the_records_of_others() -> None:
    settings = Settings(dead_letters=DeadLetterSettings(share=0.002, in_a_row=2))
    feeding = stage(settings)
    letters = []
    for number in range(60):
        now = 1_760_000_000 + number
        values = [GOOD % now, *[GOOD % (1_860_000_000 - number * 4000)] * 5]
        run = replace(chunk(values, 100 + 6 * number), arrived=np.full(6, now + 1.0))
        letters += [
            emission for emission in feeding.feed(run) if emission.topic == Topics.of(KAFKA).dead_letters
        ]
    assert len(letters) == 300
    assert all(b"far_future" in letter.value for letter in letters)


def test_replay_reads_on_and_reports_where_the_daemon_would_have_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "events.ndjson"
    lines = [GOOD % (1_760_000_000 + number) for number in range(600)]
    lines[100:160] = [b"nope"] * 60
    file.write_bytes(b"\n".join(lines))
    found = replay(FileSource([file]), Settings())
    assert found.records == 600
    assert len(found.dead) == 60
    assert found.stopped.startswith("51 bad records in a row at files/0, offset 150 (not_json")
    assert any("the daemon would have stopped here" in line for line in summary(found))
    lenient = Settings(dead_letters=DeadLetterSettings(stop=False))
    assert run_replay(ReplayOptions([str(file)], tmp_path / "out", Settings())) == 1
    assert run_replay(ReplayOptions([str(file)], tmp_path / "lenient", lenient)) == 0
    assert "60 bad records: 60 not_json" in capsys.readouterr().out
