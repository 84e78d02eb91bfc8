"""One pass over history: any number of configurations, cut anywhere, resumed anywhere."""

import base64
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from config.settings import JudgeSettings, RollupSettings, Settings, TimeSettings
from detectors.model.measures import Measure
from detectors.model.scope import TABLE, Scope
from streams.engine.stages.rollup_engine import RollupEngine
from streams.offline.replay import (
    Replayed,
    replay,
    replay_curves,
    replay_pass,
    replay_together,
    series_parquet,
    write,
)
from streams.offline.replay.replay_pass import ReplayPass, Stopped
from streams.offline.replay.series_parquet import SeriesParquet
from streams.offline.replay.state import ReplayStateError, drop_parts, drop_state, load_state, save_state
from streams.offline.sources.replay_error import ReplayError
from tests.faults.traffic import Traffic, traffic
from tests.streams.offline.sources.memory_source import MemorySource

SETTINGS = Settings(judge=JudgeSettings(young=3600))
DULL = Settings(judge=JudgeSettings(young=3600, sensitivity=0.2))
FOLDED = Settings(judge=JudgeSettings(young=3600), rollup=RollupSettings(max_paths=3))
SIZES = (7, 190, 33, 401)


@pytest.fixture(scope="module")
def given() -> Traffic:
    return traffic(3)


def history(given: Traffic, sizes: tuple[int, ...] = SIZES) -> MemorySource:
    return MemorySource({f"r/{n}": records for n, records in enumerate(given.partitions)}, sizes)


@pytest.fixture(scope="module")
def found(given: Traffic) -> Replayed:
    return replay(history(given), SETTINGS)


@pytest.fixture(scope="module")
def series(given: Traffic, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of all series, as an uninterrupted replay writes it."""
    writer = SeriesParquet(tmp_path_factory.mktemp("series"), SETTINGS.time.step)
    replay_together(history(given), [SETTINGS], watch=writer)
    return writer.close()


def files(found: Replayed, folder: Path) -> dict[str, bytes]:
    write(found, folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_scenario_has_something_to_report(found: Replayed) -> None:
    assert found.pages >= 1
    assert found.bad
    assert found.pages_per_week == pytest.approx(found.pages / (found.weeks))


@pytest.mark.release
def test_two_configurations_in_one_pass_find_what_each_finds_alone(
    given: Traffic,
    found: Replayed,
    tmp_path: Path,
) -> None:
    together = replay_together(history(given), [SETTINGS, DULL, FOLDED])
    alone = [found, replay(history(given), DULL), replay(history(given), FOLDED)]
    for number, (replayed, other) in enumerate(zip(together, alone, strict=True)):
        assert files(replayed, tmp_path / f"a{number}") == files(other, tmp_path / f"b{number}")
        assert replayed.notices == other.notices
    assert found.pages > together[1].pages


def test_equal_sections_of_the_rollup_are_decoded_once(
    given: Traffic, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Settings] = []

    def counted(settings: Settings, *rest: Any, **more: Any) -> RollupEngine:
        made.append(settings)
        return RollupEngine(settings, *rest, **more)

    monkeypatch.setattr(replay_pass, "RollupEngine", counted)
    ReplayPass(history(given), [SETTINGS, DULL])
    ReplayPass(history(given), [SETTINGS, Settings(time=TimeSettings(lateness=60))])
    assert len(made) == 3


@pytest.mark.variants
@pytest.mark.parametrize("seed", [1, 2])
def test_a_replay_stopped_anywhere_and_resumed_writes_what_an_uninterrupted_one_writes(
    given: Traffic,
    found: Replayed,
    series: Path,
    tmp_path: Path,
    seed: int,
) -> None:
    draw = random.Random(seed)  # noqa: S311 - a test
    state = tmp_path / "state"
    state.mkdir()
    results, lives = None, 0
    while results is None:
        lives += 1
        before = load_state(state, "asked")
        rows = SeriesParquet(state, SETTINGS.time.step, before.series_parts if before else 0)
        reading = ReplayPass(history(given), [SETTINGS, DULL], rows)
        if before:
            reading.resume(before)
        left = draw.randrange(4, 30)

        def save(reading: ReplayPass = reading, rows: SeriesParquet = rows) -> None:
            rows.flush()
            save_state(state, reading.state("asked", rows.parts))

        def stopping() -> bool:
            nonlocal left
            left -= 1
            return left == 2 or left < 0  # saves, goes on for some pieces, and dies without saving

        try:
            results = reading.run(save=save if left > 2 else None, stopping=stopping)
        except Stopped:
            results = None
    rows.close()
    assert lives > 2
    assert files(results[0], tmp_path / "a") == files(found, tmp_path / "b")
    assert results[0].notices == found.notices
    assert series.read_bytes() == (state / "series.parquet").read_bytes()


@pytest.mark.release
def test_series_are_the_same_bytes_wherever_their_parts_end(
    given: Traffic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(series_parquet, "ROWS", 3000)
    draw = random.Random(7)  # noqa: S311 - a test
    left = []
    for name, often in (("never", 0.0), ("often", 0.5), ("always", 1.0)):
        rows = SeriesParquet(tmp_path / name, SETTINGS.time.step)

        def watch(*judged: Any, rows: SeriesParquet = rows, often: float = often) -> None:
            rows(*judged)
            if draw.random() < often:
                rows.flush()

        replay_together(history(given), [SETTINGS], watch=watch)
        left.append(rows.close())
    assert len({path.read_bytes() for path in left}) == 1
    with pq.ParquetFile(left[0]) as file:
        groups = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
    assert len(groups) > 2
    assert set(groups[:-1]) == {3000}


def test_missing_parts_are_reported_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ReplayStateError, match=r"are missing; start over with --restart"):
        SeriesParquet(tmp_path, SETTINGS.time.step, parts=1)


def test_a_state_of_another_replay_or_a_damaged_one_is_refused_with_the_remedy(
    given: Traffic,
    tmp_path: Path,
) -> None:
    reading = ReplayPass(history(given), [SETTINGS])
    save_state(tmp_path, reading.state("this"))
    assert load_state(tmp_path, "this") is not None
    with pytest.raises(ReplayStateError, match=r"another source, time range or configuration; .* --restart"):
        load_state(tmp_path, "that")
    path = tmp_path / ".replay-state"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ReplayStateError, match=r"damaged.*--restart"):
        load_state(tmp_path, "this")
    drop_state(tmp_path)
    assert load_state(tmp_path, "this") is None


def test_a_changed_history_is_not_resumed(given: Traffic) -> None:
    state = ReplayPass(history(given), [SETTINGS]).state("asked")
    other = ReplayPass(MemorySource({"r/0": []}), [SETTINGS])
    with pytest.raises(ReplayError, match="has changed"):
        other.resume(state)


def test_series_and_curves_are_the_figures_of_findings(
    given: Traffic,
    series: Path,
) -> None:
    items = Scope(TABLE, "", "123456789012", "eu-west-1", "items")
    found, curves = replay_curves(
        history(given), SETTINGS, lambda about, measure: (about, measure) == (items, Measure.WCU)
    )
    (curve,) = curves
    assert (curve.about, curve.measure) == (items, Measure.WCU)
    assert curve.start[0] >= found.first
    assert curve.start[-1] == found.last - SETTINGS.time.step
    assert set(np.diff(curve.start)) == {SETTINGS.time.step}
    page = next(incident for incident in found.incidents if incident.sent == "page")
    at = curve.start.searchsorted(page.start)
    assert curve.observed[at : at + 20].max() > curve.upper[at : at + 20].max()
    rows = [
        row
        for row in pq.read_table(series).to_pylist()
        if (row["kind"], row["name"], row["measure"]) == ("table", "items", "wcu")
    ]
    assert [row["start"] for row in rows] == curve.start.tolist()
    observed = np.array([np.nan if row["observed"] is None else row["observed"] for row in rows])
    np.testing.assert_allclose(observed, curve.observed, rtol=1e-5)
    assert {row["verdict"] for row in rows} == {None, "spike"}
    drop_parts(series.parent)
    assert not (series.parent / ".series").exists()


def test_bad_records_are_listed_by_their_offsets(found: Replayed, given: Traffic, tmp_path: Path) -> None:
    write(found, tmp_path)
    dead = [json.loads(line) for line in (tmp_path / "dead-letters.jsonl").read_text().splitlines()]
    assert len(dead) == found.bad.total()
    for letter in dead:
        record = given.partitions[int(letter["partition"].removeprefix("r/"))][letter["offset"]]
        assert base64.b64decode(letter["record"]) == record[:1024]
        if letter["reason"] == "not_json":
            assert record == b"no event"
        if letter["reason"] == "no_ts":
            assert record == b'{"service": "shop"}'
