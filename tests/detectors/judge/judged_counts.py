"""Counts of a few weeks, drawn and judged."""

import numpy as np

from config.settings import JudgeSettings
from detectors.judge.judge import Judge
from detectors.model.measures import Measure, Series
from detectors.model.scope import Scope

MINUTE, DAY, WEEK = 60, 1440, 10_080  # the latter two in steps
BEGIN = 1_759_708_800  # a Monday, 00:00 UTC
AT = 3 * WEEK + 2 * DAY + 14 * 60  # a Wednesday, 14:00
ROWS = 12


def usual(level: float, amplitude: float = 0.4) -> np.ndarray:
    """Return (steps, ROWS) of a daily shape, until a day after ``AT``."""
    at = np.arange(AT + DAY)
    shape = 1 + amplitude * np.sin(2 * np.pi * at / DAY - 2)
    return np.repeat(level * shape[:, None], ROWS, axis=1)


def counts(mean: np.ndarray, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).poisson(mean).astype(float)


def series(rows: int = ROWS) -> list[Series]:
    return [
        Series(
            Scope("function", "aws", "1", "eu-west-1", f"pages-{row}"),
            Measure.REQUESTS,
            floor_absolute=0.01,
            floor_relative=0.3,
        )
        for row in range(rows)
    ]


def a_judge(rows: int = ROWS, **changed: float) -> Judge:
    judge = Judge(JudgeSettings(**changed), MINUTE)
    judge.add(series(rows))
    return judge


def openings(judge: Judge, values: np.ndarray) -> list[tuple[int, int, int]]:
    """Judge all; return (step, row, verdict) of every onset."""
    found = []
    for first in range(0, len(values), 720):
        out, _ = judge.judge_steps(BEGIN + MINUTE * first, values[first : first + 720])
        found += [(first + int(at), int(row), int(out.code[at, row])) for at, row in np.argwhere(out.opened)]
    return found


def delays(found: list[tuple[int, int, int]], verdict: int) -> list[int]:
    """Return the steps after ``AT`` at which each series was reported first, sorted."""
    first: dict[int, int] = {}
    for step, row, code in found:
        if step >= AT and code == verdict:
            first.setdefault(row, step - AT + 1)
    return sorted(first.values())
