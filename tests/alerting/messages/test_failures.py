"""Messages about errors, and about multiples of nearly nothing."""

import re

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
from tests.alerting.given import T0, finding, incident, scope

BUY = scope("route", "POST /buy")
MULTIPLE = re.compile(r"×|倍|\btimes\b|[+＋]\d")


def explained(of: Finding) -> Finding:
    return replace(of, sentence=explain_change(of))


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
                words.incident.sentence(reported, words.place(BUY), is_now=True),
                words.incident.severity_of(reported),
                words.incident.why(of),
                words.incident.ending(reported),
                words.incident.alt_text(of, observed, 4),
                *(
                    words.incident.milestone(what, reported, "", is_now=True)
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
