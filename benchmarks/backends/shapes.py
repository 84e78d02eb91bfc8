"""Shapes of traffic over the week; the mean of each is about 1."""

import numpy as np
from backends.backend import DAY, HOUR, Floats, Shape

SATURDAY = 5
CLOSED = 0.01  # less is nothing


def _bump(hour: Floats, centre: float, width: float) -> Floats:
    away = (hour - centre + 12) % 24 - 12
    bump: Floats = np.exp(-0.5 * (away / width) ** 2)
    return bump


def consumer(night: float = 0.15, weekend: float = 0.7, shift: float = 0.0) -> Shape:
    """A lunch and an evening peak; on weekends later, broader and of another size."""

    def shape(seconds: Floats) -> Floats:
        hour = (seconds / HOUR + shift) % 24
        off = (((seconds / HOUR + shift) / 24).astype(int) % 7) >= SATURDAY
        week = night + 0.9 * _bump(hour, 12.5, 2.2) + 1.5 * _bump(hour, 20.0, 2.6) + 0.4 * _bump(hour, 8, 1.2)
        rest = night + 1.1 * _bump(hour, 15.0, 4.0) + 1.0 * _bump(hour, 21.0, 3.0)
        found: Floats = np.where(off, weekend * rest, week) / 0.72
        return found

    return shape


def office(shift: float = 0.0, night: float = 0.0, weekend: float = 0.0) -> Shape:
    """Office hours with a lunch dip; nothing (or little) at night and on weekends."""

    def shape(seconds: Floats) -> Floats:
        hour = (seconds / HOUR + shift) % 24
        off = (((seconds / HOUR + shift) / 24).astype(int) % 7) >= SATURDAY
        work = 1 / (1 + np.exp(-(hour - 8.2) / 0.35)) - 1 / (1 + np.exp(-(hour - 17.6) / 0.5))
        work = np.maximum(work - 0.35 * _bump(hour, 12.6, 0.6), 0.0)
        work[work < CLOSED] = 0.0
        found: Floats = (np.where(off, weekend * work, work) + night) / (0.27 + night)
        return found

    return shape


def by_hour(hours: tuple[float, ...], days: tuple[float, ...] = (1.0,) * 7, shift: float = 0.0) -> Shape:
    """Traffic by the 24 hours of a day, as it changes from one to the next, times a factor by weekday."""
    mean = sum(hours) / len(hours) * sum(days) / len(days)

    def shape(seconds: Floats) -> Floats:
        at = seconds / HOUR + shift
        level = np.interp(at % 24, np.arange(len(hours) + 1), (*hours, hours[0]))
        found: Floats = level * np.array(days)[(at // 24).astype(int) % 7] / mean
        return found

    return shape


def flat(seconds: Floats) -> Floats:
    """Machines do not sleep."""
    return np.ones_like(seconds)


def hours_after(day: float, hour: float) -> float:
    """Return the seconds since the start of an hour of a day (both from 0)."""
    return day * DAY + hour * HOUR
