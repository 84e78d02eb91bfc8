"""Messages about a deviation that minutes add up to and none of them shows."""

from typing import Any

import pytest
from msgspec.structs import replace

from alerting.incidents.answers import finding_entry
from alerting.incidents.severity import Grade, Harm, Severity, of_finding
from alerting.messages.modals import details
from alerting.words.locales import ENGLISH, JAPANESE
from alerting.words.phrases import Phrases
from detectors.model.finding import AddedUp, Finding, Plan, Verdict
from detectors.model.measures import Measure
from detectors.model.sentence import explain_change
from tests.alerting.given import PUT, T0, finding, incident, share, written
from tests.alerting.message_makers import ZONE, page, said
from tests.alerting.slack_standin import content_error

THIRD = AddedUp(observed=0.33, expected=0.22, seconds=780)
HALF = AddedUp(observed=0.07, expected=0.14, seconds=7500)


def lasting(**changes: Any) -> Finding:
    """Return a rise by half of which the newest minute shows a tenth."""
    reported: dict[str, Any] = {
        "observed": 0.23,
        "expected": 0.22,
        "lower": 0.05,
        "upper": 0.5,
        "peak": 0.45,
        "added_up": THIRD,
    }
    made = finding(PUT, **(reported | changes))
    return replace(made, sentence=explain_change(made))


@pytest.mark.parametrize(
    ("words", "reported"),
    [
        (
            ENGLISH,
            [
                "SPIKE · function inventory-put-item · requests +50 %",
                "averaged 0.33/s over 13 minutes, 1.5 times the 0.22/s expected from the same time",
                "*Now*\n0.33 requests/s over 13 min",
                "*Expected*\n0.22 requests/s\n",
            ],
        ),
        (
            JAPANESE,
            [
                "関数 inventory-put-item のリクエスト数が急増（+50%）",
                "13分間の平均が 0.33件/秒で、過去3週の同時刻から想定される 0.22件/秒の 1.5倍です。",
                "*現在値*\n13分間の平均 0.33件/秒",
                "0.22件/秒\n",
            ],
        ),
    ],
    ids=["en", "ja"],
)
def test_a_page_shows_what_minutes_added_up_to_and_over_how_long(words: Phrases, reported: list[str]) -> None:
    message = page(incident(lasting()), at=T0, words=words)
    shown = said(message) + "\n"
    for text in reported:
        assert text in shown
    assert "0.23" not in shown + message.text
    assert "0.45" not in shown + message.text, "nor the largest minute: that is chance"
    assert content_error({"text": message.text, "blocks": message.blocks}) is None


@pytest.mark.parametrize(
    ("words", "now", "end"),
    [
        (
            ENGLISH,
            "0.07 requests/s over 2 h 5 min, 0.14 expected",
            "Back to normal after averaging 0.07 requests/s over 2 h 5 min (expected 0.14).",
        ),
        (
            JAPANESE,
            "2時間5分間の平均 0.07件/秒、想定 0.14",
            "平常値に戻りました（2時間5分間の平均 0.07件/秒、想定 0.14）。",
        ),
    ],
    ids=["en", "ja"],
)
def test_so_do_notifications_and_the_end_of_a_fall(words: Phrases, now: str, end: str) -> None:
    fall = lasting(verdict=Verdict.DROP, expected=0.14, added_up=HALF)
    one = incident(fall)
    assert now in words.incident.sentence(one, "aws")
    over = replace(one, state="resolved", end=T0 + 600, primary=replace(fall, state="end", end=T0 + 540))
    assert words.incident.ending(over) == end


def test_shares_are_those_of_the_rise_though_the_newest_minute_is_below_what_is_expected() -> None:
    below = lasting(observed=0.1, callers=[share(PUT, 0.9)])
    assert ENGLISH.incident.share_of(below) == "share of the increase in requests"
    assert JAPANESE.incident.share_of(below).endswith("増加分に占める割合")
    assert of_finding(below) == Severity(Grade.LOW, Harm.LOAD)
    fall = lasting(verdict=Verdict.DROP, observed=0.15, expected=0.14, added_up=HALF)
    assert of_finding(fall) == Severity(Grade.MEDIUM, Harm.FEWER_REQUESTS, 0.5), "half are missing"


def test_a_planned_event_is_named_with_the_mean_that_it_multiplies() -> None:
    planned = lasting(planned=Plan(name="sale", factor=2.0))
    assert (
        "over 13 minutes, 1.5 times the 0.22/s planned for “sale”, 2 times the 0.11/s expected"
    ) in planned.sentence
    assert "予定「sale」（過去3週の同時刻の 2倍）で見込まれる 0.22件/秒の 1.5倍です。" in (
        JAPANESE.incident.why(planned)
    )


@pytest.mark.parametrize(
    ("words", "now"), [(ENGLISH, "0.33 requests/s over 13 min"), (JAPANESE, "0.33件/秒")]
)
def test_details_show_the_mean_as_the_message_does(words: Phrases, now: str) -> None:
    view = details(incident(lasting()), words, ZONE, at=T0)
    shown = {
        field["text"].split("\n")[0]: field["text"].split("\n")[1]
        for block in view["blocks"]
        for field in block.get("fields", ())
    }
    assert now in shown[f"*{words.labels.now}*"]
    assert shown[f"*{words.labels.expected}*"].startswith("0.22")
    assert f"*{words.labels.interval}*" not in shown


def test_programs_get_the_minute_and_what_was_added_up() -> None:
    line = written(finding_entry(lasting()))
    assert (line["observed"], line["lower"]) == (0.23, 0.05)
    assert line["added_up"] == {"observed": 0.33, "expected": 0.22, "seconds": 780}
    assert "added_up" not in written(finding_entry(finding(PUT)))


def test_capacity_and_concurrency_are_shown_in_their_units() -> None:
    assert "Write capacity units of function inventory-put-item averaged 0.33/s" in (
        lasting(measure=Measure.WCU).sentence
    )
    assert "Concurrency of function inventory-put-item averaged 0.33 over" in (
        lasting(measure=Measure.BUSY).sentence
    )
