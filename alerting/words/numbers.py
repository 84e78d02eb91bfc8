"""Rounding and signs, as the figures of every language have them. Units and words belong to the language."""

from typing import Final

from detectors.model import sentence
from detectors.model.measures import Measure

MANY: Final = 10
"""From this ratio on, a factor reads better than +1,100 %."""

FEW_A_DAY: Final = 100
"""A day's total below which last week's is shown as a number: a change of nearly nothing means nothing."""


def number(value: float) -> str:
    """Return a number as the sentence of a finding writes it, so that message and sentence agree.

    Examples
    --------
    >>> [number(value) for value in (41.04, 8.249, 0.03371, 1234.6, 0.0, 1_850_000)]
    ['41', '8.2', '0.034', '1,230', '0', '1,850,000']
    """
    return sentence.quantity(value)


def of_measure(value: float, of: Measure) -> str:
    """Return a value of a measure as a number, without its unit; a cost is that of an hour."""
    return sentence.bound(of, value)


def money(amount: float) -> str:
    """Return an amount of money.

    Examples
    --------
    >>> money(3.1), money(1235.6)
    ('3.10', '1,236')
    """
    return sentence.money(amount)


def count(value: float) -> str:
    """Return a number of things: whole, and with three digits from a thousand on.

    Examples
    --------
    >>> [count(value) for value in (0.4, 98.0, 1234.0)]
    ['0', '98', '1,230']
    """
    return number(round(value))


def signed_percent(ratio: float) -> str:
    """Return a change in percent without the percent sign, rounded towards zero.

    Examples
    --------
    >>> signed_percent(5.125), signed_percent(0.25), signed_percent(1.00125), signed_percent(1.2)
    ('+412', '−75', '±0', '+20')
    """
    percent = (ratio - 1) * 100
    whole = int(abs(percent) + 1e-6)  # floor, but 1.2 times is 20 % and not 19
    sign = "±" if not whole else "+" if percent > 0 else "−"
    return f"{sign}{whole}"


def percent(share: float) -> str:
    """Return a share in percent without the percent sign; only the whole is 100.

    Examples
    --------
    >>> percent(0.912), percent(0.9991), percent(1.0), percent(0.004)
    ('91', '99', '100', '0.4')
    """
    return sentence.percent(share).replace("-", "−")


def signed(value: float) -> str:
    """Return a rate in percent with its sign, one decimal and no percent sign.

    Examples
    --------
    >>> signed(0.031), signed(-0.002)
    ('+3.1', '−0.2')
    """
    return f"{'+' if value >= 0 else '−'}{abs(value) * 100:.1f}"
