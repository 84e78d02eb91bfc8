"""Replay equals live: of the topic of a run with crashes and rebalances, replay finds what the run found."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from alerting.incidents.notice import Notice
from detectors.model.finding import Finding
from streams.drivers.kafka.notices import NoticesPart
from streams.engine.detect.gather import JudgedStep
from streams.offline.replay import History, Replayed, replay
from streams.offline.sources.topic import TopicSource
from tests.faults.daemons import Supervisor
from tests.faults.kafka_run import Input, KafkaRun
from tests.faults.kill_passes import random_kills, rebalances
from tests.streams.offline.sources.memory_source import MemorySource

pytestmark = pytest.mark.release


class Live(NamedTuple):
    """The findings and notices of a run, up to a watermark."""

    findings: Mapping[str, Finding]  # each in its newest telling
    notices: Sequence[Notice]  # all, in order, each once
    watermark: int


def live_of(run: KafkaRun) -> Live:
    read = run._read()
    findings: dict[str, Finding] = {}
    for _, value in read[run.names.findings][0]:
        for finding in msgspec.msgpack.decode(value, type=JudgedStep).findings:
            if finding.id not in findings or finding.revision > findings[finding.id].revision:
                findings[finding.id] = finding
    parts = [msgspec.msgpack.decode(value, type=NoticesPart) for _, value in read[run.names.notices][0]]
    once = {(part.watermark, part.part): part for part in parts}
    notices = [notice for key in sorted(once) for notice in once[key].notices]
    return Live(findings, notices, max(part.watermark for part in parts))


def equal(live: Live, found: Replayed) -> None:
    """Assert that both are the same, as far as the live run had come when its topic ended.

    A topic has no end: a live run holds the last minute open, which replay closes.
    """
    assert found.last - live.watermark <= 4 * 60
    assert live.notices
    same = [notice for notice in found.notices if notice.at <= live.watermark]
    assert [notice.id for notice in live.notices] == [notice.id for notice in same]
    for first, second in zip(live.notices, same, strict=True):
        assert first.reason == second.reason
        assert [bare(incident.primary) for incident in first.incidents] == [
            bare(incident.primary) for incident in second.incidents
        ]
        assert [(incident.id, incident.state, incident.sent) for incident in first.incidents] == [
            (incident.id, incident.state, incident.sent) for incident in second.incidents
        ]
    replayed = {finding.id: finding for finding in found.findings}
    assert live.findings.keys() == {
        finding.id for finding in found.findings if finding.revision or finding.seen <= live.watermark
    }
    final = [finding for finding in replayed.values() if finding.seen <= live.watermark]
    assert final
    emitted = {finding.id: msgspec.structs.replace(finding, account=None) for finding in final}
    assert {name: bare(live.findings[name]) for name in emitted} == {
        name: bare(finding) for name, finding in emitted.items()
    }


def bare(finding: Finding) -> Finding:
    return msgspec.structs.replace(finding, trace=None)


def replayed(given: Input, run: KafkaRun) -> Replayed:
    return replay(TopicSource(run.kafka, given.requests), run.settings)


def in_memory(given: Input, sizes: Sequence[int]) -> History:
    records = dict(zip(given.sources, given.partitions, strict=True))
    return MemorySource(records, sizes, dict(zip(given.sources, given.arrived, strict=True)))


def test_the_replay_of_a_topic_finds_what_one_worker_found_that_was_killed_again_and_again(
    supervisor: Supervisor, given: Input, tmp_path: Path
) -> None:
    run = KafkaRun(given, supervisor, tmp_path)
    report = random_kills(run, random.Random(11), 6)  # noqa: S311 - a seed, no secret
    assert report.wrong == []
    assert report.kills >= 5
    live = live_of(run)
    equal(live, replayed(given, run))
    for sizes in ((1, 40, 700), (100_000,)):
        equal(live, replay(in_memory(given, sizes), run.settings))


def test_the_replay_of_a_topic_finds_what_three_workers_found_that_came_and_went(
    supervisor: Supervisor, given: Input, tmp_path: Path
) -> None:
    run = KafkaRun(given, supervisor, tmp_path)
    report = rebalances(run, random.Random(12), 4)  # noqa: S311 - a seed, no secret
    assert report.wrong == []
    equal(live_of(run), replayed(given, run))
