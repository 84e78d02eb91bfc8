"""The requests of a table are calls, in every part of a message and in both languages."""

import pytest

from alerting.words.locales import ENGLISH, JAPANESE
from alerting.words.phrases import Phrases
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import Measure
from detectors.model.sentence import explain_deviation
from tests.alerting.given import PUT, T0, TABLE, finding, incident, share
from tests.alerting.message_makers import page, said


def drop() -> Finding:
    sentence = explain_deviation(
        Verdict.DROP,
        TABLE,
        Measure.REQUESTS,
        observed=2.0,
        expected=8.0,
        lower=6.0,
        upper=11.0,
        weeks_used=[1],
        weeks_left_out=[],
    )
    return finding(
        TABLE,
        verdict=Verdict.DROP,
        measure=Measure.REQUESTS,
        observed=2.0,
        expected=8.0,
        callers=[share(PUT, 0.8)],
        sentence=sentence,
    )


@pytest.mark.parametrize(
    ("words", "title", "never"),
    [
        (ENGLISH, "DROP · table items · calls −75 %", "request"),
        (JAPANESE, "テーブル items の呼び出し数が急減（−75%）", "リクエスト"),
    ],
)
def test_a_drop_of_a_table_is_counted_in_calls_from_the_title_to_the_callers(
    words: Phrases, title: str, never: str
) -> None:
    message = page(incident(drop()), at=T0, words=words)
    shown = said(message)
    assert title in shown.splitlines()[0]
    assert never not in shown.lower()
    assert never not in message.text.lower()
