"""How complete the data of a judged step was."""

import itertools

import numpy as np
import pytest

from config.settings import Settings
from detectors.model.measures import COLUMN, SUMMED, Measure
from streams.engine.decode.paths import Path
from streams.engine.detect.detect import Detect
from streams.engine.detect.gather import JudgedStep
from streams.engine.rollup.blocks.block import Block

SOURCES = ["requests/0", "requests/1"]
SERVICE = Path("aws", "1", "eu", "shop", "", "", "", "", "")


def block(source: str, step: int, requests: int, sequence: int | None = None) -> Block:
    sums = np.zeros((1, len(SUMMED)))
    sums[0, COLUMN[Measure.REQUESTS]] = requests
    named = {"paths": [SERVICE], "sums": sums} if requests else {}
    number = step if sequence is None else sequence
    return Block(source, 0, 1, number, step * 60, 10, step * 60 + 60, requests, **named)  # type: ignore[arg-type]


def idle(source: str, sequence: int, watermark: int) -> Block:
    return Block(source, 0, 1, sequence, 0, 10, watermark, idle=True)


def completeness(judged: list[JudgedStep]) -> dict[int, float]:
    return {step.start // 60: step.completeness for step in judged}


def test_a_lagging_source_holds_a_step_back_and_an_idle_one_does_not() -> None:
    detect = Detect(0, SOURCES, Settings())
    assert not detect.feed([block("requests/0", step, 50) for step in range(5)])
    assert completeness(detect.feed([block("requests/1", step, 50) for step in range(2)])) == {0: 1.0, 1: 1.0}
    assert completeness(detect.feed([idle("requests/1", 1, 120)])) == {2: 1.0, 3: 1.0, 4: 1.0}


def test_a_step_without_records_is_incomplete_where_many_are_usual_and_later_ones_are_complete() -> None:
    detect = Detect(0, SOURCES, Settings())
    judged = [
        closed
        for step in range(80)
        for closed in detect.feed(block(source, step, 0 if step == 70 else 50) for source in SOURCES)
    ]
    assert completeness(judged) == {step: float(step != 70) for step in range(80)}


def test_a_single_source_without_records_is_not_a_gap() -> None:
    detect = Detect(0, SOURCES, Settings())
    judged = [
        closed
        for step in range(80)
        for closed in detect.feed(
            block(source, step, 0 if (step, source) == (70, "requests/1") else 50) for source in SOURCES
        )
    ]
    assert set(completeness(judged).values()) == {1.0}


@pytest.mark.parametrize("ahead", [1, 5, 40])
def test_completeness_does_not_depend_on_who_reports_first(ahead: int) -> None:
    """One source runs ahead: the steps close later, with the same result."""
    ways = []
    for leads in (0, ahead):
        detect = Detect(0, SOURCES, Settings())
        first = (block("requests/0", step, 0 if step == 65 else 50) for step in range(80))
        second = [block("requests/1", step, 0 if step == 65 else 50) for step in range(80)]
        judged = detect.feed(itertools.islice(first, leads))
        for at, closed in enumerate(second):
            judged += detect.feed([*itertools.islice(first, 1), closed])
            assert len(judged) <= at + 1
        ways.append(completeness(judged))
    assert ways[0] == ways[1]
    assert ways[0][65] == 0.0
