"""Workers judge what arrives in partitions that were idle when a daemon ended as if it had run."""

import json
from collections import defaultdict
from typing import Final

import pytest

from streams.engine.measure.steps import Steps
from streams.engine.rollup.blocks.block import Block
from streams.engine.rollup.blocks.block_codec import decode_block
from tests.kafka.kafka_app import START, KafkaApp, MakeApp

PARTITIONS: Final = 4
SECONDS: Final = 4 * 3600
STEP: Final = 60
EVENTS: Final = [
    json.dumps({"ts": START + second, "service": f"shop{second % 3}"}).encode() for second in range(SECONDS)
]
PAUSE: Final = 0.1
"""The share of the records after which nothing arrives, and the daemon ends."""


def said(app: KafkaApp) -> dict[int, list[Block]]:
    """Return what each shard is told, in order."""
    found: dict[int, list[Block]] = defaultdict(list)
    for record in app.records(app.names.rollups):
        found[record.partition].append(decode_block(record.value))
    return found


def is_idle(app: KafkaApp) -> bool:
    newest = {(block.source, shard): block.idle for shard, blocks in said(app).items() for block in blocks}
    return len(newest) == 2 * PARTITIONS and all(newest.values())


@pytest.mark.release
@pytest.mark.parametrize("killed", [False, True])
def test_a_backlog_of_partitions_that_were_idle_at_the_stop_is_judged_as_if_it_had_been_read_live(
    make_app: MakeApp, killed: bool
) -> None:
    app = make_app(partitions=PARTITIONS)
    requests = app.names.requests
    app.fill(requests, EVENTS, 1.0, 0, PAUSE)
    running = app.start()
    app.until(lambda: is_idle(app))
    running.kill() if killed else running.stop()
    app.fill(requests, EVENTS, 1.0, PAUSE, 1)
    running = app.start()
    app.until(lambda: app.committed() == [SECONDS // PARTITIONS] * PARTITIONS and is_idle(app))
    assert running.stop() == 0
    for blocks in said(app).values():
        steps = Steps([f"{requests}/{number}" for number in range(PARTITIONS)], STEP)
        judged = {step.start: step.records for step in steps.feed(blocks)}
        assert steps.late == 0
        whole = range(START - START % STEP + STEP, START + SECONDS - 2 * STEP, STEP)
        assert {start: judged.get(start) for start in whole} == dict.fromkeys(whole, STEP)
