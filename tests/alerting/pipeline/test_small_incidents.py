"""What is too small to page is known to all that list incidents, and nobody gets a message."""

from msgspec.structs import replace

from alerting.commands.dispatch import Dispatch, Form
from alerting.incidents.incidents import Incidents
from alerting.pipeline.pipeline import Pipeline
from config.settings import Settings
from detectors.model.finding import Finding
from tests.alerting.given import PUT, T0, finding

SMALL = finding(PUT, observed=10.0, expected=8.0)


def told(*found: Finding, until: int) -> tuple[Pipeline, list[Dispatch]]:
    incidents, pipeline, sent = Incidents(Settings()), Pipeline(Settings()), list[Dispatch]()
    for known in found:
        sent += pipeline.feed(incidents.feed([known], known.seen), known.seen)
    sent += pipeline.feed(incidents.feed([], until), until)
    return pipeline, [dispatch for dispatch in sent if dispatch.form is not Form.DIGEST]


def test_a_small_incident_is_listed_with_its_size_and_sent_to_nobody() -> None:
    pipeline, sent = told(SMALL, until=T0 + 120)
    [listed] = pipeline.ongoing()
    assert (listed.sent, sent) == ("digest", [])
    assert listed.reason.endswith("0.25 times what pages by incidents.page.demand")
    assert [held.held and held.held.stage for held in pipeline.held()] == ["size"]
    assert pipeline.stage_actions() == []


def test_a_small_incident_that_becomes_large_pages_with_the_size_that_let_it_out() -> None:
    large = replace(SMALL, observed=20.0, state="update", revision=1, seen=T0 + 300)
    pipeline, sent = told(SMALL, large, until=T0 + 600)
    [listed] = pipeline.ongoing()
    assert [dispatch.form for dispatch in sent] == [Form.PARENT]
    assert (listed.sent, sent[0].reason) == ("page", listed.reason)
    assert listed.reason.endswith("1.5 times what pages by incidents.page.demand")


def test_many_updates_of_a_small_incident_are_one_hold_and_its_end_is_known() -> None:
    grows = [
        replace(SMALL, observed=10.0 + number / 10, state="update", revision=number, seen=T0 + 300 * number)
        for number in range(1, 5)
    ]
    over = replace(SMALL, state="end", revision=5, seen=T0 + 1500, end=T0 + 1440)
    pipeline, sent = told(SMALL, *grows, over, until=T0 + 7200)
    assert (pipeline.ongoing(), sent, pipeline.counts) == ([], [], {"size": 1})
    assert [ended.reason.partition(";")[0] for ended in pipeline.tracked()] == [
        "certain, but too small to page: in the digest and on the board"
    ]
