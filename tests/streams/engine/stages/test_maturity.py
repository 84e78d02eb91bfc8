"""Baselines in the digest, from records on."""

import pytest

from alerting.incidents.notice import Action, Notice
from config.settings import DigestSettings, JudgeSettings, Settings
from detectors.watch.maturity import merged
from tests.streams.engine.stages.engine_run import HOUR, EngineRun, backend, gathered, records

SETTINGS = Settings(judge=JudgeSettings(young=3 * HOUR), digest=DigestSettings(at="02:30"))
LATER = Settings(judge=JudgeSettings(young=3 * HOUR), digest=DigestSettings(at="05:00"))


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return gathered(records(backend(hours=-18)))


@pytest.fixture(scope="module")
def whole(lines: list[bytes]) -> list[Notice]:
    return digests(EngineRun(lines, LATER))


def digests(run: EngineRun) -> list[Notice]:
    return [notice for notice in run.notices if notice.action is Action.DIGEST]


def test_a_first_digest_says_how_much_is_learnt_and_a_later_one_what_became_judgeable(
    lines: list[bytes], whole: list[Notice]
) -> None:
    [early] = digests(EngineRun(lines, SETTINGS))
    [later] = whole
    before, after = merged(early.maturity), merged(later.maturity)
    assert (before.judgeable, after.learning) == ({}, [])
    assert sum(after.judgeable.values()) == sum(before.learning) > 0
    assert len(before.learning) == 1  # the first day of one
    assert [scope.kind for scope in after.named][:1] == ["service"]


@pytest.mark.release
def test_neither_shards_nor_chunks_nor_a_restart_change_what_it_says(
    lines: list[bytes], whole: list[Notice]
) -> None:
    assert digests(EngineRun(lines, LATER, shards=3)) == whole
    run = EngineRun(lines, LATER, chunk=777, keep=(0.52, 0.8))
    assert digests(run) == digests(run.restarted(0.52)) == digests(run.restarted(0.8)) == whole
