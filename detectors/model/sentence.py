"""The one sentence that explains a finding. Numbers are rounded for people; rates are per second."""

import math

import msgspec

from detectors.model.finding import Cause, Failures, Finding, Growth, Verdict
from detectors.model.measures import LATENCIES, RATIO_OF, Measure
from detectors.model.scope import ROUTE, TABLE, Edge, Scope, ScopeOrEdge

NAMED = 3  # of a list; the rest are counted
MOST_OF_IT = 0.5  # of a finding: a cause that explains less is not mentioned

_WORDS = {
    Measure.REQUESTS: "requests",
    Measure.COLD_STARTS: "cold starts",
    Measure.ERRORS_USER: "user errors",
    Measure.ERRORS_BACKEND: "backend errors",
    Measure.ERRORS_FATAL: "fatal errors",
    Measure.THROTTLES: "throttles",
    Measure.READS: "reads",
    Measure.WRITES: "writes",
    Measure.RCU: "read capacity units",
    Measure.WCU: "write capacity units",
    Measure.BUSY: "concurrency",
    Measure.COST: "cost",
    Measure.LATENCY: "p95 latency",
    Measure.LATENCY_CODE: "p95 code latency",
    Measure.LATENCY_AUTH: "p95 authorizer latency",
}
_SINGULAR = (*LATENCIES, Measure.BUSY, Measure.COST)

LEAST_USUAL = 1 / 60
"""One a minute. Less is nearly nothing, and a multiple of nearly nothing means nothing."""

_LEAST_USUAL = {
    **dict.fromkeys(LATENCIES, 1.0),  # milliseconds
    **dict.fromkeys((Measure.RCU, Measure.WCU, Measure.BUSY), 0.1),
    Measure.COST: 0.01 / 3600,  # a cent an hour
}

LARGEST_SHOWN = 1e18
"""What is larger, or infinite, is shown as so much."""

LARGEST_MULTIPLE = 1000
"""Beyond, the two values mean more than a multiple."""


def quantity(value: float) -> str:
    """Return a number with two to three significant digits, never in scientific notation.

    Examples
    --------
    >>> [quantity(x) for x in (0.0, 0.0312, 7.95, 8.204, 41.3, 999.6, 1234.5, 4_200_000)]
    ['0', '0.031', '8', '8.2', '41', '1,000', '1,230', '4,200,000']
    >>> quantity(1.8e308) == quantity(math.inf) == quantity(LARGEST_SHOWN)
    True
    """
    size = abs(value)
    if size > LARGEST_SHOWN:
        value, size = math.copysign(LARGEST_SHOWN, value), LARGEST_SHOWN
    if size >= 1000:  # noqa: PLR2004  three digits are enough for a thousand and more
        digits = len(str(int(size))) - 3
        return f"{round(value, -digits):,.0f}"
    if size >= 9.95:  # noqa: PLR2004  what would round to 10.0
        return f"{value:,.0f}"
    if size >= 0.995:  # noqa: PLR2004  what would round to 1.00
        return f"{value:.1f}".removesuffix(".0")
    if size < 1e-4:  # noqa: PLR2004  too small to act on
        return "0"
    return f"{value:.2g}" if size >= 1e-3 else f"{value:.4f}"  # noqa: PLR2004  2g would turn to 1e-05 below


def an_hour(a_second: float) -> float:
    """Return a cost an hour: people do not think in costs a second."""
    return 3600 * a_second


def money(amount: float) -> str:
    """Return an amount of money: two decimals, none from a thousand on, more of what is less than a cent.

    Examples
    --------
    >>> [money(amount) for amount in (3.1, 0.0, 1235.6, 0.00312, 41.006, 1e-9)]
    ['3.10', '0', '1,236', '0.0031', '41.01', '0']
    """
    size = abs(amount)
    if size < 0.01:  # noqa: PLR2004  a cent
        return quantity(amount)
    return f"{amount:,.0f}" if size >= 1000 else f"{amount:.2f}"  # noqa: PLR2004


def bound(measure: Measure, value: float) -> str:
    """Return a value of a measure without its unit."""
    return money(an_hour(value)) if measure is Measure.COST else quantity(value)


_MOST_PERCENT = 99_999  # larger ones are not written out: a sender may state any limit


def percent(share: float) -> str:
    """Return a share in percent without the percent sign; only the whole is 100.

    Examples
    --------
    >>> [percent(share) for share in (0.912, 0.9991, 1.0, 0.004, 0.0003, 0.0, 1e300)]
    ['91', '99', '100', '0.4', '0.03', '0', '99,999+']
    """
    value = share * 100
    if value > _MOST_PERCENT:
        return f"{_MOST_PERCENT:,}+"
    if 0 < abs(value) < 1:
        return f"{value:.1f}" if abs(value) >= 0.05 else quantity(value)  # noqa: PLR2004  what rounds to 0.0
    return "99" if 99 < value < 100 else f"{value:.0f}"  # noqa: PLR2004  nearly all is not all


def has_multiple(measure: Measure, observed: float, expected: float) -> bool:
    """Return whether "N times the expected" means something: not of nearly nothing, and not of failures.

    Of failures the part of the requests means more (``Failures``), and where that is unknown the two values.

    Examples
    --------
    >>> has_multiple(Measure.WCU, 41, 8.2), has_multiple(Measure.REQUESTS, 0.087, 0.0001)
    (True, False)
    """
    if measure in RATIO_OF or expected < _LEAST_USUAL.get(measure, LEAST_USUAL):
        return False
    return observed / expected < LARGEST_MULTIPLE


def usually_failed(failures: Failures) -> str:
    """Return how many of the same requests usually fail: a percentage, or 0 where that is less than one."""
    few = failures.usual * failures.requests < 0.5  # noqa: PLR2004  rounds to none
    return "0" if few else f"{percent(failures.usual)} %"


def of_level(measure: Measure, shown: str) -> str:
    """Return a level, written as ``shown``, with its unit.

    Examples
    --------
    >>> [of_level(Measure(f"level:x{unit}"), "812") for unit in ("", "[/s]", "[ms]", "[messages]", "[%]")]
    ['812', '812/s', '812 ms', '812 messages', '812 %']
    """
    return f"{shown}{measure.unit}" if measure.unit.startswith("/") else f"{shown} {measure.unit}".rstrip()


def rate(measure: Measure, value: float) -> str:
    """Return a value of a measure with its unit."""
    if measure.level:
        return of_level(measure, quantity(value))
    if measure in LATENCIES:
        return f"{quantity(value)} ms"
    if measure is Measure.COST:
        return f"{money(an_hour(value))} USD an hour"
    return quantity(value) if measure is Measure.BUSY else f"{quantity(value)}/s"


def _word(measure: Measure, about: ScopeOrEdge) -> str:
    """Name a measure; the requests of a table are calls."""
    of_table = about.kind == TABLE and measure is Measure.REQUESTS
    return "calls" if of_table else measure.key or measure.level or _WORDS[measure]


def _is_one(measure: Measure) -> bool:
    """Return whether a measure is one thing: ``concurrency is``, ``requests are``."""
    return measure in _SINGULAR or bool(measure.level)


def _first(measure: Measure, about: ScopeOrEdge) -> str:
    """Begin a sentence with a measure; a level is written as its samples do."""
    return measure.level or _begin(_word(measure, about))


def named(about: ScopeOrEdge) -> str:
    """Name a scope or edge: ``table items``, ``function put → table items``."""
    if isinstance(about, Edge):
        return f"{named(about.source)} → {named(about.target)}"
    return f"{about.kind} {about.label}"


def _of_weeks(finding: Finding) -> str:
    if not finding.weeks_used:
        return "the last few minutes" if finding.compared_with == "minutes" else "the same time yesterday"
    count, left_out = len(finding.weeks_used), len(finding.weeks_left_out)
    if finding.compared_with == "holidays":
        last = "on the last holiday or Sunday" if count == 1 else f"on the last {count} holidays and Sundays"
    else:
        last = "last week" if finding.weeks_used == [1] else f"in {count} earlier week{'s' * (count > 1)}"
    without = f" ({left_out} more excluded because of an incident)" if left_out else ""
    return f"the same time {last}{without}"


def _explain_deviation(finding: Finding) -> str:
    """Explain a spike or a drop; values per second (ms for latency).

    The expected value includes the planned event already: the event and what it multiplies are both named. Of
    failures, their part of the requests is named. Means over the span of a deviation have no interval, which
    is that of a step; values of one minute do, which is over when somebody reads of it.
    """
    about, measure, planned = finding.about, finding.measure, finding.planned
    observed, expected = finding.figures
    if finding.failures is not None:
        return f"{_of_failures(finding, finding.failures)}, based on {_of_weeks(finding)}."
    if quantity(expected) == "0":  # nothing has no multiple
        compared = "compared with"
    elif expected > 0 and finding.verdict is Verdict.DROP:
        compared = f"{100 * observed / expected:.0f} % of"
    elif has_multiple(measure, observed, expected):
        compared = f"{quantity(observed / expected)} times"
    else:
        compared = "compared with"
    basis = f"expected from {_of_weeks(finding)}"
    if planned is not None:
        usual = rate(measure, expected / planned.factor)
        known = has_multiple(measure, expected, expected / planned.factor)
        times = f"{quantity(planned.factor)} times the {usual} {basis}" if known else f"{usual} {basis}"
        basis = f"planned for “{planned.name}”, {times}"
    word = f"{_first(measure, about)} of {named(about)}"
    if finding.added_up is not None and not finding.is_minute:
        now = f"averaged {rate(measure, observed)} over {_duration(finding.added_up.seconds)}"
        return f"{word} {now}, {compared} the {rate(measure, expected)} {basis}."
    return (
        f"{word} {'fell' if observed < expected else 'rose'} to {rate(measure, observed)}, "
        f"{compared} the {rate(measure, expected)} "
        f"({bound(measure, finding.lower)} to {bound(measure, finding.upper)}) {basis}."
    )


def _of_failures(finding: Finding, failures: Failures) -> str:
    about, measure, ended = finding.about, finding.measure, not finding.deviates
    is_table, is_route = about.kind == TABLE, about.kind == ROUTE and not isinstance(about, Edge)
    what = "calls" if is_table else "requests"
    of = about.label if is_route and isinstance(about, Scope) else f"{what} of {named(about)}"
    if measure is Measure.THROTTLES:
        verb = "were throttled" if ended else "are throttled"
    elif measure is Measure.COLD_STARTS:
        verb = "were cold starts" if ended else "are cold starts"
    else:
        verb = f"{'failed' if ended else 'fail'} with {_WORDS[measure]}"
    counted = f"{failures.failed:,.0f} of {failures.requests:,.0f} {what} in {_duration(failures.seconds)}"
    return f"{percent(failures.share)} % of {of} {verb}: {counted}, normally {usually_failed(failures)}"


def _explain_growth(finding: Finding, growth: Growth) -> str:
    """Explain growth, or that it is no longer certain."""
    about, measure, limit = finding.about, finding.measure, finding.limit
    word = _word(measure, about)
    if growth.per_day_lower <= 0:
        middle, slow, fast = (
            f"{round(100 * rise, 1) + 0.0:.1f}"  # -0.0 is 0
            for rise in (growth.per_day, growth.per_day_lower, growth.per_day_upper)
        )
        how = (
            f"{middle} % a day ({slow} to {fast} %) over {growth.days} days"
            if growth.days
            else "too few recent days have data"
        )
        return f"Growth of {word} of {named(about)} is no longer certain: {how}."
    verb = "has" if _is_one(measure) else "have"
    pace = (
        f"{_first(measure, about)} of {named(about)} {verb} grown by {100 * growth.per_day:.1f} % a day "
        f"({100 * growth.per_day_lower:.1f} to {100 * growth.per_day_upper:.1f} %) over {growth.days} days"
    )
    if limit is None or growth.days_to_limit is None:
        return pace + "."
    if growth.days_to_limit == 0:
        return pace + f"; peaks already reach the limit of {rate(measure, limit)}."
    verb = "reaches" if _is_one(measure) else "reach"
    it = "it" if _is_one(measure) else "they"
    return f"{pace}; {it} {verb} the limit of {rate(measure, limit)} in {days_to_limit(growth)} (80 %)."


def days_to_limit(growth: Growth) -> str:
    """Return when a limit is reached, in whole days; nothing where no day is named."""
    if growth.days_to_limit is None:
        return ""
    return in_days(growth.days_to_limit, growth.days_to_limit_lower, growth.days_to_limit_upper)


def in_days(middle: float, lower: float | None, upper: float | None) -> str:
    """Return a range of days; without ``upper``, it has no end.

    Examples
    --------
    >>> in_days(11, 9, 14), in_days(11, 9, None), in_days(1, 1, 1)
    ('9 to 14 days', '9 days or more', '1 day')
    """
    first, last = whole_days(middle, lower, upper)
    if first == last or last is None:
        return f"{first} day{'s' * (first > 1)}{' or more' * (last is None)}"
    return f"{first} to {last} days"


def whole_days(middle: float, lower: float | None, upper: float | None) -> tuple[int, int | None]:
    """Return the first and the last day of a range; today is 1."""
    first = max(1, math.floor(middle if lower is None else lower))
    return first, None if upper is None else max(first, math.ceil(upper))


def explain_change(finding: Finding) -> str:
    """Explain a spike, a drop, a shift or growth by its own figures."""
    if finding.growth is not None:
        return _explain_growth(finding, finding.growth)
    return _explain_deviation(finding)


EASED = 0.05
"""Part of a limit by which its use has fallen where the sentence says from what."""


def explain_limit(finding: Finding, *, minutes: int, throttled: bool) -> str:
    """Explain a limit; ``observed`` is the newest mean over ``minutes``, ``peak`` the largest of all."""
    measure, limit = finding.measure, finding.limit
    word = _first(measure, finding.about)
    if not limit:
        has = "has" if _is_one(measure) else "have"
        return f"{word} of {named(finding.about)} {has} no known limit any longer."
    used = f"{100 * finding.observed / limit:.0f} % of the limit of {rate(measure, limit)}"
    if measure.level:
        used = f"{rate(measure, finding.observed)}, {used}"
    most = max(finding.peak or 0.0, finding.observed) / limit
    eased = f", after {100 * most:.0f} %" if most - finding.observed / limit >= EASED else ""
    if not finding.near:
        return f"{word} of {named(finding.about)} peaked at {used} in the last day, as on the days before."
    refused = "; calls are throttled" if throttled else ""
    verb, last = "is" if _is_one(measure) else "are", " last"
    if finding.state == "end":  # the largest, not the present value
        verb, last = "was" if _is_one(measure) else "were", ""
    span = f"the{last} {minutes} minutes" if last else f"{minutes} minutes"
    return f"{word} of {named(finding.about)} {verb} at {used}, averaged over {span}{eased}{refused}."


def with_causes(finding: Finding, causes: list[Cause]) -> Finding:
    """Return a finding with its causes; one that explains most of it is added to the sentence.

    Examples
    --------
    >>> from detectors.model.scope import Scope
    >>> items = Scope("table", "aws", "1", "eu-west-1", "items")
    >>> slow = Finding(id="a", revision=0, state="open", verdict=Verdict.SPIKE,
    ...                scope=Scope("route", "aws", "1", "eu-west-1", "GET /items"), measure=Measure.LATENCY,
    ...                start=0, seen=60, observed=300, expected=50, lower=40, upper=70, score=0.9,
    ...                sentence="p95 latency of route GET /items is at 300 ms.")
    >>> with_causes(slow, [Cause(scope=items, measure=Measure.LATENCY, score=0.9)]).sentence
    'p95 latency of route GET /items is at 300 ms; the time is spent in table items.'
    """
    if not causes:
        return finding
    sentence = finding.sentence
    if causes[0].score >= MOST_OF_IT:
        cause = named(causes[0].scope)
        if finding.measure in LATENCIES:
            because = f"the time is spent in {cause}"
        elif causes[0].measure is Measure.THROTTLES:
            because = f"{cause} throttles"
        else:
            because = f"they come from {cause}"
        sentence = f"{sentence.removesuffix('.')}; {because}."
    return msgspec.structs.replace(finding, causes=causes, sentence=sentence)


def explain_absence(finding: Finding) -> str:
    """Explain an absence, with the requests that were expected in its span."""
    what = "calls" if finding.about.kind == TABLE else "requests"
    lasts = finding.until - finding.start
    waited = _duration(lasts)
    weeks = _of_weeks(finding)
    if finding.planned is not None:
        weeks = f"{weeks} and the planned “{finding.planned.name}”"
    expected = ""
    if finding.missed >= 0.5:  # noqa: PLR2004  less rounds to none
        known = lasts if finding.added_up is None else finding.added_up.seconds
        time = "that time" if known >= lasts else f"the last {_duration(known)} of it"
        expected = f"about {quantity(finding.missed)} were expected in {time}, based on {weeks}"
    over = not finding.deviates
    if finding.gap:
        alone = f"; from {named(finding.about)} alone, {expected}" if expected else ""
        return (
            f"No record of anything {'' if over else 'has '}arrived for {waited}{alone}. "
            "Check the pipeline first: the senders, the stream between, their credentials."
        )
    came = finding.came
    no = f"only {quantity(came)} {what}" if came >= 0.5 else f"no {what}"  # noqa: PLR2004
    had = "had" if over else "has had"
    return f"{_begin(named(finding.about))} {had} {no} for {waited}{'; ' if expected else ''}{expected}."


def explain_withdrawal(drop: Finding, most: float) -> str:
    """Explain that late records left nothing of a drop; ``most`` is the level with them included."""
    word = _word(drop.measure, drop.about)
    return (
        f"No anomaly: records of {named(drop.about)} arrived late. With them, {word} reached "
        f"{rate(drop.measure, most)}, where {rate(drop.measure, drop.expected)} was expected."
    )


def explain_retirement(about: ScopeOrEdge) -> str:
    """Explain that a scope is considered retired."""
    return f"{_begin(named(about))} has received nothing for a week and is considered retired."


def explain_fatal_error(finding: Finding) -> str:
    """Explain a fatal error: how often, where, on which routes and by which clients."""
    times = "once" if finding.times == 1 else f"{finding.times:,} times"
    if (failures := finding.failures) is not None:
        of = f"{failures.requests:,.0f} requests in {_duration(failures.seconds)}"
        times = f"{times} ({percent(failures.share)} % of {of})"
    routes = [share.scope.label for share in finding.callers if share.scope.kind == ROUTE and share.share > 0]
    on = f" on {_listed('route', routes)}" if routes else ""
    by = [named(share.scope) for share in finding.suspects]
    of = f", called by {_listed('', by)}" if by else ""
    return (
        f"Requests of {named(finding.about)} failed with {finding.error_type} {times}{on}{of}; "
        "this error was never seen there before."
    )


def _begin(words: str) -> str:
    return words[:1].upper() + words[1:]


def _listed(word: str, names: list[str]) -> str:
    rest = len(names) - NAMED
    return f"{word} {', '.join(names[:NAMED])}".strip() + (f" and {rest} more" if rest > 0 else "")


def _duration(seconds: int) -> str:
    minutes = round(seconds / 60)
    if minutes < 120:  # noqa: PLR2004 - two hours read better in minutes
        return f"{minutes} minute{'s' * (minutes != 1)}" if minutes else f"{seconds} seconds"
    return f"{round(seconds / 3600)} hours"
