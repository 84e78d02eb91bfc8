"""Messages about levels that samples state."""

from typing import Any

import pytest
from msgspec.structs import replace

from alerting.incidents.incidents import Incidents
from alerting.words.locales import ENGLISH, JAPANESE
from alerting.words.phrases import Phrases
from config.settings import Settings
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import level_of
from detectors.model.scope import Scope
from detectors.model.sentence import explain_limit
from tests.alerting.given import T0, ended, finding, growth_finding, incident
from tests.alerting.message_makers import page, said
from tests.alerting.slack_standin import content_error

ACCOUNT = Scope("account", "aws", "123456789012", "", "123456789012")
CONCURRENCY = level_of("lambda.concurrent_executions", "1")


def near(unit: str = "1", **changes: Any) -> Finding:
    given: dict[str, Any] = {
        "verdict": Verdict.LIMIT,
        "measure": level_of("lambda.concurrent_executions", unit),
        "observed": 950.0,
        "expected": 500.0,
        "limit": 1000.0,
        "near": True,
        "minutes": 5,
    }
    made = finding(ACCOUNT, **(given | changes))
    return finding(
        ACCOUNT, **(given | {"sentence": explain_limit(made, minutes=5, throttled=False)} | changes)
    )


@pytest.mark.parametrize(
    ("words", "unit", "reported"),
    [
        (
            ENGLISH,
            "1",
            [
                "LIMIT · account 123456789012 · lambda.concurrent_executions at 95 % of its limit",
                "lambda.concurrent_executions of account 123456789012 is at 950, 95 % of the limit of 1,000",
                "5 % left of 1,000",
                "Compared with its limit",
            ],
        ),
        (ENGLISH, "By", ["is at 950 By, 95 % of the limit of 1,000 By", "5 % left of 1,000 By"]),
        (ENGLISH, "1/s", ["is at 950/s, 95 % of the limit of 1,000/s", "5 % left of 1,000/s"]),
        (
            JAPANESE,
            "1",
            [
                "アカウント 123456789012 の lambda.concurrent_executions が上限の 95% に到達",
                "直近5分間の平均で 950（上限 1,000の 95%）に達しています",
                "残り 5%（上限 1,000）",
                "上限と比較",
            ],
        ),
        (JAPANESE, "By", ["950 By（上限 1,000 By の 95%）", "残り 5%（上限 1,000 By）"]),
        (JAPANESE, "1/s", ["950/秒（上限 1,000/秒の 95%）", "残り 5%（上限 1,000/秒）"]),
    ],
)
def test_a_page_names_scope_level_value_limit_and_unit(
    words: Phrases, unit: str, reported: list[str]
) -> None:
    message = page(incident(near(unit)), words=words)
    shown = said(message) + message.text
    missing = [text for text in reported if text not in shown]
    assert not missing, shown


def test_nobody_is_named_as_the_caller_of_a_level() -> None:
    shown = said(page(incident(near(callers=[], suspects=[]))))
    assert "Called by" not in shown


@pytest.mark.parametrize(
    ("words", "reported"),
    [
        (ENGLISH, "No record of it has arrived since, so what became of it is unknown."),
        (JAPANESE, "以後データが届いていないため、その後の状況は不明です。"),
    ],
)
def test_a_level_whose_samples_stopped_is_not_said_to_be_well(words: Phrases, reported: str) -> None:
    incidents = Incidents(Settings())
    incidents.feed([near()], T0)
    incidents.feed([], T0 + 300)
    lost = replace(ended(near(), T0 + 600), lost=True)
    notices = [*incidents.feed([lost], T0 + 600), *incidents.feed([], T0 + 1300)]
    assert reported in said(page(notices[-1].incident, words=words, at=T0 + 1300))


@pytest.mark.parametrize(
    ("words", "reported"),
    [
        (ENGLISH, "now 41, 59 % left of 100"),
        (JAPANESE, "現在 41、残り 59%（上限 100）"),
    ],
)
def test_the_digest_says_where_a_growing_level_stands(words: Phrases, reported: str) -> None:
    growing = growth_finding(ACCOUNT, 0.03, days=9.0, measure=CONCURRENCY, verdict=Verdict.LIMIT)
    assert words.digest.level(growing) == reported


@pytest.mark.parametrize(
    ("words", "reported"),
    [
        (ENGLISH, "lambda.concurrent_executions up from 0 to 41"),
        (JAPANESE, "lambda.concurrent_executions が急増（0 → 41）"),
    ],
)
def test_a_leap_of_a_level_from_nothing_has_no_rate(words: Phrases, reported: str) -> None:
    leap = finding(ACCOUNT, measure=CONCURRENCY, observed=41.0, expected=0.0, verdict=Verdict.SPIKE)
    assert reported in said(page(incident(leap), words=words))


@pytest.mark.parametrize("words", [ENGLISH, JAPANESE])
@pytest.mark.parametrize(("name", "unit"), [("<!channel> *x* & `y`", "<b>"), ("n" * 256, "u" * 256)])
def test_no_name_of_a_level_breaks_a_message(words: Phrases, name: str, unit: str) -> None:
    message = page(incident(near(measure=level_of(name, unit))), words=words)
    assert content_error({"text": message.text, "blocks": message.blocks}) is None
    assert "<!channel>" not in said(message) + message.text
