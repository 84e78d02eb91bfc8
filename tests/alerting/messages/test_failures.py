"""Messages about errors, and about multiples of nearly nothing."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from alerting.words.locales import ENGLISH, JAPANESE, LANGUAGES
from alerting.words.phrases import Phrases
from detectors.model.finding import Failures, Finding, Plan, Verdict
from detectors.model.measures import Measure
from detectors.model.sentence import LEAST_USUAL, explain_change
from detectors.watch.rankings import Use
from tests.alerting.given import T0, TABLE, finding, incident, scope
from tests.alerting.message_makers import page, said

BUY = scope("route", "POST /buy")
MULTIPLE = re.compile(r"×|倍|\btimes\b|[+＋]\d")


def purchases(**changes: Any) -> Finding:
    """Return the finding of 98 purchases in ten minutes, of which 40 failed."""
    reported: dict[str, Any] = {
        "measure": Measure.ERRORS_BACKEND,
        "observed": 0.083,
        "expected": 0.0001,
        "lower": 0.0,
        "upper": 0.004,
        "failures": Failures(failed=40, requests=98, seconds=600, usual=0.0002),
    }
    return explained(finding(BUY, **(reported | changes)))


def explained(of: Finding) -> Finding:
    return replace(of, sentence=explain_change(of))


def test_a_page_about_errors_says_how_many_of_how_many_requests_fail() -> None:
    message = page(incident(purchases()), at=T0)
    shown = said(message)
    assert shown.splitlines()[0] == "SPIKE · route POST /buy · 41 % of requests fail (backend errors)"
    assert (
        "41 % of POST /buy fail with backend errors: 40 of 98 requests in 10 minutes, normally 0, "
        "based on the same time in 3 earlier weeks."
    ) in shown
    assert "*Now*\n41 % · 40 of 98 requests in 10 min" in shown
    assert "*Expected*\n0" in shown
    assert "40 of 98 requests in 10 min, normally 0" in message.text
    assert not MULTIPLE.search(shown + message.text)


def test_it_says_so_in_japanese() -> None:
    shown = said(page(incident(purchases()), at=T0, words=JAPANESE))
    assert shown.splitlines()[0].endswith("のバックエンドエラーが急増（リクエストの 41%）")
    assert "10分間のリクエスト 98件中 40件（41%）がバックエンドエラーで失敗しています。" in shown
    assert "過去3週の同時刻に基づく平常時の割合は 0% です。" in shown
    assert not MULTIPLE.search(shown)


def test_a_resolved_page_says_how_many_failed_in_all() -> None:
    whole = Failures(failed=112, requests=260, seconds=1500, usual=0.021)
    over = purchases(state="end", end=T0 + 1500, failures=whole)
    resolved = replace(incident(purchases()), primary=over, state="resolved", end=T0 + 1500)
    message = page(resolved, at=T0 + 2200)
    assert "*Failed*\n43 % · 112 of 260 requests in 25 min" in said(message)
    assert "Back to normal after 112 of 260 requests in 25 min failed (normally 2 %)." in message.text
    assert "0.083" not in said(message) + message.text


@pytest.mark.parametrize("words", [ENGLISH, JAPANESE], ids=["en", "ja"])
def test_throttled_calls_are_shown_as_a_part_of_all_calls(words: Phrases) -> None:
    reported = explained(
        finding(
            TABLE,
            measure=Measure.THROTTLES,
            observed=2.0,
            expected=0.0,
            failures=Failures(failed=330, requests=2750, seconds=600),
        )
    )
    shown = said(page(incident(reported), at=T0, words=words))
    assert "12 %" in shown or "12%" in shown
    assert "throttled" in shown or "スロットリング" in shown


def test_a_finding_of_a_state_that_knew_no_requests_says_absolute_numbers() -> None:
    shown = said(page(incident(purchases(failures=None)), at=T0))
    assert "backend errors up from 0.0001 to 0.083/s" in shown.splitlines()[0]
    assert "are at 0.083/s, compared with the 0.0001/s" in shown


_TINY = st.floats(1e-6, LEAST_USUAL * 0.99)
# What costs 1/60 of a dollar a second is not nearly nothing.
_MEASURES = st.sampled_from([measure for measure in Measure if measure is not Measure.COST])


@given(
    expected=_TINY,
    observed=st.floats(0.02, 1e5),
    measure=_MEASURES,
    verdict=st.sampled_from([Verdict.SPIKE, Verdict.SHIFT]),
    failures=st.none() | st.just(Failures(failed=3, requests=8, seconds=120)),
    planned=st.none() | st.just(Plan(name="sale", factor=3.0)),
)
def test_no_multiple_of_nearly_nothing_is_ever_shown(  # noqa: PLR0917  drawn by name
    expected: float,
    observed: float,
    measure: Measure,
    verdict: Verdict,
    failures: Failures | None,
    planned: Plan | None,
) -> None:
    of = finding(
        BUY,
        verdict=verdict,
        measure=measure,
        observed=observed,
        expected=expected,
        lower=0.0,
        upper=expected,
        failures=failures,
        planned=planned,
    )
    of = explained(of)
    for words in LANGUAGES:
        for state in ("open", "worsening", "resolved"):
            reported = replace(incident(of), state=state, end=T0 + 60 if state == "resolved" else None)
            texts = [
                words.incident.title(reported),
                words.incident.sentence(reported, words.place(BUY)),
                words.severity_of(reported),
                words.incident.why(of),
                words.incident.ending(reported),
                words.incident.alt_text(of, observed, 4),
                *(
                    words.incident.milestone(what, reported, "")
                    for what in ("opened", "worsened", "reopened")
                ),
            ]
            for text in texts:
                assert not MULTIPLE.search(text), text


@pytest.mark.parametrize("words", [ENGLISH, JAPANESE], ids=["en", "ja"])
def test_the_digest_compares_no_day_with_one_of_nearly_nothing(words: Phrases) -> None:
    rare = words.digest.usage(Use(BUY, Measure.REQUESTS, 640.0, 2.0), "*POST /buy*")
    assert not MULTIPLE.search(rare)
    assert "640" in rare
    assert "2" in rare
    assert MULTIPLE.search(words.digest.usage(Use(BUY, Measure.REQUESTS, 6400.0, 300.0), "*POST /buy*"))
