"""One incident in the report: the figures of its messages."""

from zoneinfo import ZoneInfo

from msgspec.structs import replace

from alerting.incidents.incident import Incident
from alerting.incidents.incidents import Incidents
from alerting.incidents.notice import Action, Notice
from alerting.messages.render import Renderer
from alerting.report.card import Card, Cards, ReportedIncidents
from config.links import Links
from config.settings import Settings
from detectors.model.finding import AddedUp, Failures
from detectors.model.measures import Measure
from tests.alerting.given import ROUTE, T0, TABLE, ended, finding, growth_finding, trace
from tests.alerting.message_makers import digest, said

DAY = 86400


def card(incident: Incident, notices: list[Notice]) -> Card:
    renderer = Renderer(Links(Settings().links), ZoneInfo("Asia/Tokyo"))
    return Cards(ReportedIncidents(notices), renderer, {incident.id: ""}).card(incident)


def facts(of: Card) -> dict[str, tuple[str, str]]:
    return {fact.name: (fact.value, fact.detail) for fact in of.facts}


def test_a_card_shows_the_forecast_of_the_digest() -> None:
    """The estimate of the next night is another one, which no message has shown yet."""
    incidents = Incidents(Settings())
    first = growth_finding(TABLE, days=53.0)
    notices = incidents.feed([first], T0 + DAY)
    [reported] = [notice for notice in notices if notice.action is Action.DIGEST]
    at = reported.at + 6 * 3600
    newer = growth_finding(TABLE, days=47.0, revision=1, state="update", seen=at)
    notices += incidents.feed([newer], at)
    [known] = incidents.all()
    shown = card(known, notices)
    assert facts(shown)["Met in"] == ("42 to 84 days", "80 %")
    assert "*limit in 42 to 84 days* (80 %)" in said(digest(reported.incidents, at=reported.at))
    assert facts(shown)["As of"][1].startswith("the digest of ")


def test_growth_that_is_over_is_shown_as_it_ended() -> None:
    incidents = Incidents(Settings())
    first = growth_finding(TABLE, days=53.0)
    notices = incidents.feed([first], T0 + DAY)
    over = replace(ended(growth_finding(TABLE, days=400.0), T0 + 2 * DAY), observed=8.0)
    notices += incidents.feed([over], T0 + 3 * DAY)
    [known] = incidents.all()
    assert "As of" not in facts(card(known, notices))


def test_a_card_about_errors_shows_what_part_of_the_requests_failed() -> None:
    of = finding(
        ROUTE,
        measure=Measure.ERRORS_BACKEND,
        observed=0.083,
        expected=0.0001,
        failures=Failures(failed=40, requests=98, seconds=600),
    )
    incidents = Incidents(Settings())
    notices = [*incidents.feed([of], T0), *incidents.feed([], T0 + 300)]
    [known] = incidents.all()
    shown = facts(card(known, notices))
    assert shown["Failed"] == ("41 %", "40 of 98 requests in 10 min")
    assert shown["Expected"] == ("0", "")
    assert "Peak" not in shown


def test_a_card_shows_the_mean_of_a_deviation_and_names_its_peak_as_one() -> None:
    mean = AddedUp(observed=0.33, expected=0.22, seconds=780)
    of = finding(ROUTE, measure=Measure.REQUESTS, observed=0.23, expected=0.22, peak=0.45, added_up=mean)
    incidents = Incidents(Settings())
    notices = [*incidents.feed([of], T0), *incidents.feed([], T0 + 300)]
    [known] = incidents.all()
    shown = facts(card(known, notices))
    assert shown["Averaged"] == ("0.33 requests/s", "over 13 min, +50 %")
    assert shown["Expected"] == ("0.22 requests/s", "")
    assert shown["Peak"] == ("0.45 requests/s", "+104 %")


def test_a_card_of_what_was_too_small_to_page_shows_no_message() -> None:
    incidents = Incidents(Settings())
    notices = incidents.feed([finding(TABLE, observed=9.0, expected=8.0, trace=trace())], T0)
    [known] = incidents.all()
    shown = card(known, notices)
    assert (known.sent, shown.message, shown.chart is None) == ("digest", "", False)
