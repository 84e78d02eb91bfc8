"""Every message says how many weeks stand behind what was expected; if they are few, the thread does, too."""

from typing import Any

import pytest

from alerting.commands.dispatch import Form, Line
from alerting.incidents.notice import Milestone
from alerting.messages.render import Renderer
from alerting.words.locales import ENGLISH, JAPANESE
from alerting.words.phrases import Phrases
from detectors.model.finding import Finding, Verdict
from tests.alerting import notices
from tests.alerting.given import PUT, T0, finding, growth_finding, incident
from tests.alerting.incidents.test_absence_incidents import absence, fatal
from tests.alerting.message_makers import LINKS, ZONE, digest, dispatch, notice, page, said
from tests.alerting.messages.test_verdict_messages import near

LAST_WEEK: dict[str, Any] = {"weeks_used": [1]}
YESTERDAY: dict[str, Any] = {"weeks_used": [], "compared_with": "yesterday"}
MINUTES: dict[str, Any] = {"weeks_used": [], "compared_with": "minutes"}


def young(verdict: Verdict, basis: dict[str, Any]) -> Finding:
    return absence(PUT, **basis) if verdict is Verdict.ABSENCE else finding(PUT, verdict=verdict, **basis)


def thread(of: Finding, words: Phrases = ENGLISH) -> str:
    line = Line(what=Milestone.OPENED.value, at=T0)
    return said(Renderer(LINKS, ZONE, words)(dispatch(notice(incident(of)), Form.LINE, line=line)))


@pytest.mark.parametrize(
    ("basis", "words", "reported"),
    [
        (LAST_WEEK, ENGLISH, "Compared with last week"),
        (YESTERDAY, ENGLISH, "No earlier week to compare with; compared with yesterday"),
        (MINUTES, ENGLISH, "No earlier day to compare with; compared with the last few minutes"),
        (LAST_WEEK, JAPANESE, "先週の同時刻と比較"),
        (YESTERDAY, JAPANESE, "比較できる過去の週がまだないため、前日と比較"),
        (MINUTES, JAPANESE, "比較できる過去の日がまだないため、直前の数分と比較"),
    ],
)
@pytest.mark.parametrize("verdict", [Verdict.SPIKE, Verdict.DROP, Verdict.SHIFT, Verdict.ABSENCE])
def test_page_and_thread_say_what_little_a_young_baseline_has(
    verdict: Verdict, basis: dict[str, Any], words: Phrases, reported: str
) -> None:
    of = young(verdict, basis)
    assert reported in said(page(incident(of), words=words)).splitlines()
    stop = words.labels.stop
    assert thread(of, words).splitlines()[0].endswith(f"{stop}{reported}")


@pytest.mark.parametrize(
    "of", [finding(PUT), finding(PUT, weeks_used=[1], weeks_left_out=[2]), near(), fatal()], ids=str
)
def test_the_thread_adds_nothing_to_a_page_whose_baseline_is_older_or_none(of: Finding) -> None:
    assert "ompared" not in thread(of)
    assert "Compared with" in said(page(incident(of)))


def test_a_holiday_is_compared_with_a_number_of_holidays() -> None:
    one, three = (
        finding(PUT, compared_with="holidays", weeks_used=used, weeks_left_out=left_out)
        for used, left_out in (([1], []), ([1, 2, 4], [3]))
    )
    assert "Holiday: compared with the last holiday or Sunday\n" in said(page(incident(one)))
    shown = said(page(incident(three)))
    assert "Holiday: compared with the last 3 holidays and Sundays (1 more excluded)\n" in shown
    shown = said(page(incident(three), words=JAPANESE))
    assert "休日のため、直近3回の休日・日曜と比較（1回は除外）\n" in shown


@pytest.mark.parametrize(("words", "reported"), [(ENGLISH, "based on 21 days"), (JAPANESE, "21日間の傾向")])
def test_growth_in_the_digest_says_how_many_days_it_was_seen(words: Phrases, reported: str) -> None:
    for days in (None, 12.0):
        grows = notices.incident(primary=growth_finding(PUT, days=days))
        assert reported in said(digest([grows], words=words))
