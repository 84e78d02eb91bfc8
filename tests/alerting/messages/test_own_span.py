"""What a message says of a deviation is of its own span, from its first minute to its last, in one direction.

The names of the tests are sentences that messages once said.
"""

from typing import Any

import pytest
from msgspec.structs import replace

from alerting.incidents.incident import Incident
from alerting.words.locales import ENGLISH, LANGUAGES
from alerting.words.phrases import Phrases
from detectors.model.finding import AddedUp, Affected, Failures, Finding, Verdict
from detectors.model.measures import Measure
from detectors.model.sentence import explain_absence, explain_change
from tests.alerting.given import PUT, ROUTE, T0, TABLE, finding, incident, share, table_finding
from tests.alerting.message_makers import page, said
from tests.alerting.messages.made_incidents import near

SPAN = 40 * 60
CALM = 3 * 60  # after which it is still open


def risen(**changes: Any) -> Finding:
    """Return a rise to three times the usual that is over, and whose end is not certain yet."""
    given: dict[str, Any] = {
        "state": "update",
        "start": T0 - SPAN - CALM,
        "observed": 5.6,  # in a calm minute
        "peak": 98.4,
        "added_up": AddedUp(observed=24.6, expected=8.2, seconds=SPAN, until=T0 - CALM),
    }
    of = finding(PUT, **(given | changes))
    return replace(of, sentence=explain_change(of))


def of(primary: Finding, **changes: Any) -> Incident:
    known = incident(replace(primary, state="open"))
    return replace(known, **({"primary": primary, "peak": primary.peak or primary.observed} | changes))


@pytest.mark.parametrize("words", LANGUAGES, ids=lambda words: words.locale)
def test_32_percent_of_requests_are_missing(words: Phrases) -> None:
    text = said(page(of(risen()), words=words))
    assert not {"missing", "不足"} & set(text.split())
    assert "MEDIUM" not in text
    assert "中 ·" not in text


def test_share_of_the_drop_fewer_calls() -> None:
    rise = risen(scope=TABLE, measure=Measure.WCU, callers=[share(PUT, 0.9)])
    text = said(page(of(rise)))
    assert "share of the increase in wcu" in text
    assert "more calls" in text
    assert "drop" not in text
    assert "fewer" not in text


def test_responses_take_1_times_as_long() -> None:
    slow = risen(measure=Measure.LATENCY, observed=8.3, added_up=None, peak=73.7)
    assert "responses take longer" in said(page(of(slow)))
    mean = AddedUp(observed=73.0, expected=8.2, seconds=SPAN, until=T0 - CALM)
    text = said(page(of(replace(slow, added_up=mean))))
    assert "responses took 8.9 times as long" in text
    assert "latency p95 +790 %" in text.replace("\u2009", " ")


def test_about_1280_requests_missing_in_15_min_where_29_min_times_one_a_second_are() -> None:
    lasted = 29 * 60
    gone = finding(
        PUT,
        verdict=Verdict.ABSENCE,
        state="end",
        start=T0 - lasted - 600,
        end=T0 - 600,
        observed=0.0,
        missed=1740.0,
        added_up=AddedUp(observed=0.0, expected=1.0, seconds=lasted, until=T0 - 600),
        affected=Affected(requests=0, seconds=lasted, routes=[ROUTE]),
    )
    gone = replace(gone, sentence=explain_absence(gone))
    assert gone.sentence.startswith(
        "Function inventory-put-item had no requests for 29 minutes; about 1,740 were expected in that time"
    )
    text = said(page(of(gone, state="resolved", end=T0 - 600, verdict=Verdict.ABSENCE)))
    assert "about 1,740 requests missing in 29 min" in text
    assert "*Expected*\n1 requests/s" in text


def test_no_requests_for_16_minutes_about_0_were_expected() -> None:
    gone = finding(PUT, verdict=Verdict.ABSENCE, observed=0.0, start=T0 - 960, missed=1e-5)
    assert explain_absence(gone) == "Function inventory-put-item has had no requests for 16 minutes."


def test_now_28_percent_of_requests_fail() -> None:
    failing = risen(
        measure=Measure.ERRORS_BACKEND, failures=Failures(failed=400, requests=1000, seconds=SPAN)
    )
    text = said(page(of(failing)))
    assert "*Failed*\n40 % · 400 of 1,000 requests in 40 min" in text
    assert "*Now*" not in text
    assert "40 % of requests failed" in text, "nothing fails any more"


def test_requests_are_at_3_a_second_5_times_nine_minutes_after() -> None:
    over = replace(risen(), state="end", end=T0 - CALM)
    for sentence in (risen().sentence, explain_change(over)):
        assert sentence.startswith(
            "Requests of function inventory-put-item averaged 25/s over 40 minutes, 3 times the 8.2/s "
        )
    assert "*Now*" not in said(page(of(over)))


def test_now_of_a_message_that_is_edited_minutes_later() -> None:
    known = of(risen())
    assert "*Now*\n5.6 requests/s" in said(page(known, at=T0))
    edited = said(page(known, at=T0 + 180))
    assert "*Now*" not in edited
    assert "*Peak*\n98 requests/s" in edited


@pytest.mark.parametrize("state", ["open", "resolved"])
def test_plus_1100_percent_of_the_single_highest_minute(state: str) -> None:
    text = said(page(of(risen(), state=state)))
    assert "requests +200 %" in text
    assert "*On average*\n25 requests/s over 40 min" in text


def test_called_by_more_per_call_of_failures() -> None:
    failing = risen(
        measure=Measure.ERRORS_BACKEND,
        failures=Failures(failed=400, requests=1000, seconds=SPAN),
        callers=[share(ROUTE, 0.9, more_calls=0.1)],
    )
    assert "per call" not in said(page(of(failing)))


def test_41_percent_of_requests_are_throttled_of_the_calls_of_a_table() -> None:
    rise = risen(scope=TABLE, measure=Measure.ERRORS_BACKEND)
    assert "requests" not in ENGLISH.severity_of(of(rise))


def test_severity_does_not_rise_while_it_recovers() -> None:
    minutes = [98.4, 30.0, 12.0, 8.2, 5.6, 0.1]
    severities = {of(risen(observed=observed)).severity for observed in minutes}
    assert len(severities) == 1


def test_now_3_wcu_a_second_of_a_limit_for_29_hours() -> None:
    text = said(page(of(near(minutes=5))))
    assert "*Peak*\n93 wcu/s" in text
    assert "*Now*" not in text
    assert " now" not in text


def test_a_rise_that_is_new_is_told_by_its_minute() -> None:
    minute = AddedUp(observed=41.0, expected=8.2, seconds=60, until=T0)
    new = replace(table_finding(), added_up=minute)
    sentence = explain_change(new)
    assert sentence.startswith(
        "Write capacity units of table items rose to 41/s, 5 times the 8.2/s (6.1 to 11)"
    )
    assert "*Now*\n41 wcu/s" in said(page(of(replace(new, sentence=sentence))))
