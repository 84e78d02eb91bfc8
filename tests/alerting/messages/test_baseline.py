"""Every message says how many weeks stand behind what was expected; if they are few, the thread does, too."""

from typing import Any

import pytest

from alerting.commands.dispatch import Form, Line
from alerting.incidents.notice import Milestone
from alerting.messages.render import Renderer
from alerting.words.locales import ENGLISH, JAPANESE
from alerting.words.phrases import Phrases
from detectors.model.finding import Finding, Verdict
from tests.alerting.given import PUT, T0, finding, incident
from tests.alerting.incidents.test_absence_incidents import absence, fatal
from tests.alerting.message_makers import LINKS, ZONE, dispatch, notice, page, said
from tests.alerting.messages.made_incidents import near

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
