"""How large a finding is, in the few words that head a message: what there is to say differs by verdict."""

from alerting import numbers
from detectors.finding import Finding, Verdict
from detectors.scope import TABLE
from detectors.silence import RETIRED_SECONDS


def size(finding: Finding, value: float) -> str:
    """Return measure and size, ``wcu +400 %``; ``value`` is what was observed, or where it was furthest.

    Examples
    --------
    >>> from detectors.measures import Measure
    >>> from detectors.scope import Scope
    >>> told = Finding(id="", revision=0, state="open", verdict=Verdict.FATAL, measure=Measure.ERRORS_FATAL,
    ...     scope=Scope("function", "aws", "1", "", "put"), start=0, seen=60, observed=0.05, expected=0.0,
    ...     lower=0.0, upper=0.0, score=0.75, error_type="KeyError", times=3, sentence="")
    >>> size(told, 0.05)
    'KeyError, 3 times'
    """
    name = numbers.name(finding.measure)
    match finding.verdict:
        case Verdict.SILENCE:
            return "no calls" if finding.about.kind == TABLE else f"no {name}"
        case Verdict.FATAL:
            return f"{finding.error_type}, {times(finding)}"
        case Verdict.LIMIT | Verdict.GROWTH if finding.growth is not None:
            return f"{name} {numbers.per_day(finding.growth.per_day)}"
        case Verdict.LIMIT if finding.limit:
            return f"{name} at {numbers.percent(value / finding.limit)} of its limit"
        case Verdict.SHIFT:
            return f"{name} {numbers.change(value, finding.expected)}, to stay"
        case _:
            return f"{name} {numbers.change(value, finding.expected)}"


def times(finding: Finding) -> str:
    """Say how often an exception came."""
    return "once" if finding.times == 1 else f"{finding.times:,} times"


def over(finding: Finding, peak: float) -> str:
    """Say how something ended that was told, as the end of a sentence."""
    match finding.verdict:
        case Verdict.SILENCE if (finding.end or 0) - finding.start >= RETIRED_SECONDS:
            return "it stayed silent for a week and is taken as retired"
        case Verdict.SILENCE:
            return "traffic is back"
        case Verdict.FATAL:
            return f"it came {times(finding)} and has ceased; it is known from now on"
        case Verdict.LIMIT:
            return f"it is no longer near; it peaked at {numbers.quantity(peak, finding.measure)}"
        case _:
            expected = numbers.number(finding.expected)
            peaked = numbers.quantity(peak, finding.measure)
            return f"it is back to normal. It peaked at {peaked} where {expected} was expected"
