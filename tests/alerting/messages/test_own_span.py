"""What a message says of a deviation is of its own span, from its first minute to its last, in one direction.

What pages say of such spans is reviewed (``own_spans`` in made_incidents.py). They once said of a rise that
requests are missing, that it is a share of a drop, and what its calmest minute has.
"""

import re

import pytest
from msgspec.structs import replace

from alerting.incidents.severity import Grade, Harm
from alerting.words.locales import LANGUAGES
from alerting.words.phrases import Phrases
from detectors.model.finding import (
    AddedUp,
    Affected,
    Concentration,
    FailureKind,
    Failures,
    RiseCause,
    Verdict,
)
from detectors.model.measures import Measure
from detectors.model.sentence import explain_absence, explain_change
from tests.alerting.given import PUT, SERVICE, T0, finding, table_finding
from tests.alerting.message_makers import page
from tests.alerting.messages.made_incidents import CALM, of_span, risen


def test_an_absence_in_which_next_to_nothing_was_expected_says_no_number() -> None:
    gone = finding(PUT, verdict=Verdict.ABSENCE, observed=0.0, start=T0 - 960, missed=1e-5)
    assert explain_absence(gone) == "Function inventory-put-item has had no requests for 16 minutes."


@pytest.mark.parametrize("words", LANGUAGES)
def test_an_absence_in_which_some_came_is_a_drop_by_so_much(words: Phrases) -> None:
    came = AddedUp(observed=0.018, expected=0.055, seconds=2940)
    gone = of_span(finding(PUT, verdict=Verdict.ABSENCE, observed=0.0, expected=0.055, missed=107.0))
    few = of_span(replace(gone.primary, added_up=came))
    assert gone.severity.level is Grade.HIGH
    assert (few.severity.level, few.severity.harm) == (Grade.MEDIUM, Harm.FEWER_REQUESTS)
    assert re.search("NO REQUESTS|途絶", words.incident.title(gone))
    assert re.search("67", words.incident.title(few))
    assert not re.search("(?i)no requests|absence|途絶", words.incident.title(few))


def test_a_rise_that_is_over_is_explained_as_while_it_lasted() -> None:
    assert explain_change(replace(risen(), state="end", end=T0 - CALM)) == risen().sentence


@pytest.mark.parametrize("words", LANGUAGES)
def test_what_did_not_come_is_not_back_to_normal_when_its_time_is_over(words: Phrases) -> None:
    fall = finding(PUT, verdict=Verdict.DROP, observed=0.0, state="end", end=T0, start=T0 - 3600)
    for verdict in (Verdict.DROP, Verdict.ABSENCE):
        over, missed = (
            words.incident.ending(of_span(replace(fall, verdict=verdict, unmet=unmet)))
            for unmet in (False, True)
        )
        assert over != missed
        assert re.search("did not come|届かないまま", missed)


@pytest.mark.parametrize("words", LANGUAGES)
def test_how_requests_failed_in_its_last_hour_is_said_to_be_of_that(words: Phrases) -> None:
    kinds = [FailureKind(kind="500", times=12)]
    told = {
        words.figures.failure_kinds(Failures(failed=40, requests=80, seconds=seconds, kinds=kinds))
        for seconds in (600, 7200)
    }
    assert len(told) == 2
    assert any(re.search("in its last hour|最後の1時間", text) for text in told)


@pytest.mark.parametrize("words", LANGUAGES)
def test_a_count_of_the_last_hours_of_a_long_incident_is_said_to_be_of_those(words: Phrases) -> None:
    affected = Affected(requests=1590, seconds=7 * 3600, routes=[])
    told = {
        words.affected_by(of_span(finding(PUT, start=T0 - hours * 3600, affected=affected)))
        for hours in (7, 14)
    }
    assert len(told) == 2
    assert any(re.search("in its last 7 h|最後の7時間", text) for text in told)


def test_an_edit_says_when_its_figures_were_counted_and_not_when_it_was_made() -> None:
    going = of_span(finding(PUT, seen=T0))
    assert (going.known(T0 + 240), going.known(T0)) == (T0, T0)
    over = replace(going, state="resolved")
    assert over.known(T0 + 240) == T0 + 240


def test_what_rises_with_its_whole_service_does_not_rise_alone() -> None:
    alone = Concentration(cause=RiseCause.DEFECT, share=1.0, kind="client")
    table = table_finding(concentration=alone)
    rising = finding(SERVICE, measure=Measure.REQUESTS)
    said = [
        "the rest is as usual" in str(page(of_span(table, members=members)).blocks)
        for members in ([], [rising])
    ]
    assert said == [True, False]


def test_severity_does_not_rise_while_it_recovers() -> None:
    minutes = [98.4, 30.0, 12.0, 8.2, 5.6, 0.1]
    assert len({of_span(risen(observed=observed)).severity for observed in minutes}) == 1
