"""The pace of the judge: times of the configuration and constants, in steps of a given width."""

from typing import Final, NamedTuple

import config.settings
from detectors.state.past_values import DAY

THRESHOLD: Final = 3.0
"""Units of noise that both views must show, at sensitivity 1."""

MANY: Final = 4.0
"""Units that sums over minutes must show."""

CERTAIN: Final = 12.5
"""Units of evidence over hours: exp(-12.5) is how rare five standard deviations are."""

EXTRAORDINARY: Final = 1.35
"""A deviation this many times as large as one that has to persist is reported on its first step."""

BESIDE_SECONDS: Final = 120
"""Neighbours this far on each side count as the same time: clocks and cron jobs vary a little."""

MOST_BESIDE: Final = 6

WIDEST_WITH_NEIGHBOURS: Final = 600
"""Up to this step (seconds) one neighbour on each side counts regardless."""

WIDE: Final = 600
"""From this step (seconds) on, five steps are most of an hour, during which the daily shape moves."""

LONG: Final = 3600
"""From this step (seconds) on, a single one has lasted long enough to be reported; a day stands alone."""

SHORT_SECONDS: Final = 600
"""The last minutes, whose median is one view: ten steps of a minute, at least five of any width."""

FAST_SECONDS: Final = 180
"""Half-life of the means over minutes; at least three steps."""

MIDDLE_SECONDS: Final = 720
"""The same for half an hour: the mean reaches back about twice its half-life; at least twelve steps."""

SLOW_SECONDS: Final = 1200
"""Half-life of the level: slow enough that minutes of trouble stand out, fast enough to follow a morning."""

HOURS_SECONDS: Final = 7200
"""Half-life of the level over hours: measured against the other, half an hour of trouble is its own level."""

HOURS_LEVEL_SECONDS: Final = 3 * 3600
"""Half-life of the level that small lasting changes are measured against."""

HABIT_DAYS: Final = 4
"""Days in which half of a habit is forgotten."""

SHIFT_SECONDS: Final = 7200
"""A spike or drop that lasts this long is a shift."""

FEWEST_SHIFT_STEPS: Final = 6

SETTLE_SECONDS: Final = 3600
"""How long a shift stays open until its level is the usual one."""

BACK_STEPS: Final = 7
"""A shift may revert within a day, and at least within this many steps."""


class Pace(NamedTuple):
    """Numbers of steps, gains and thresholds."""

    beside: int  # neighbours on each side that count as the same time
    short: int  # steps of the last minutes
    fast: float  # gains of the means over minutes and half an hour
    middle: float
    slow: float  # gain of the level
    hours: float  # gain of the level over hours
    day: float  # gain of what changes over days
    usual: float  # gain of the usual level
    habit: float  # the rest of a habit after a day
    young: int  # steps of a past before anything is reported
    persist: int
    extraordinary: float
    recover: int
    shift: int  # steps after which a spike or drop is a shift
    settle: int  # further steps until the shift is the usual level
    back: int  # steps in which a return from a shift is not notable
    threshold: float  # units that both views must show
    many: float  # units that sums must show
    certain: float  # units that evidence over hours must show
    level_of_hours: float  # gain of the level that it is measured against
    aligned: bool  # lags are weeks: their levels are learnt
    local_later: bool  # days by the local clock are longer ago than those by the other one
    alike: bool  # yesterday was a day of the same kind: what it had alone may be missing
    wide: bool  # the last steps are compared without the shape of the weeks
    partial: bool  # of the step, only the end has come: what is low says nothing


def pace_of(settings: config.settings.JudgeSettings, step: int) -> Pace:
    """Return the pace of a judge with steps of ``step`` seconds."""
    beside = min(MOST_BESIDE, BESIDE_SECONDS // step)
    if step > BESIDE_SECONDS:
        beside = int(step <= WIDEST_WITH_NEIGHBOURS)

    def gain(seconds: float, fewest: int) -> float:
        return float(1 - 0.5 ** (1 / max(seconds / step, fewest)))

    return Pace(
        beside=beside,
        short=max(5, min(10, round(SHORT_SECONDS / step))),
        fast=gain(FAST_SECONDS, 3),
        middle=gain(MIDDLE_SECONDS, 12),
        slow=gain(SLOW_SECONDS, 20),
        hours=gain(HOURS_SECONDS, 120),
        day=gain(DAY, 1),
        usual=gain(DAY, 1) / 3,
        habit=0.5 ** (1 / HABIT_DAYS),
        young=-(-settings.young // step),
        persist=1 if LONG <= step < DAY else settings.persist,
        extraordinary=EXTRAORDINARY,
        recover=settings.recover,
        shift=max(SHIFT_SECONDS // step, FEWEST_SHIFT_STEPS),
        settle=max(SETTLE_SECONDS // step, 1) + settings.recover,
        back=max(BACK_STEPS, DAY // step),
        threshold=THRESHOLD / settings.sensitivity,
        many=MANY / settings.sensitivity,
        certain=CERTAIN / settings.sensitivity,
        level_of_hours=gain(HOURS_LEVEL_SECONDS, 1),
        aligned=True,
        local_later=False,
        alike=True,
        wide=step >= WIDE,
        partial=False,
    )
