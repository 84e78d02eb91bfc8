"""The costs of an incident: what is billed apart adds up, and nothing is counted twice."""

import pytest
from msgspec.structs import replace

from alerting.incidents.answers import incident_entry
from alerting.incidents.incident import Incident
from detectors.model.finding import Finding
from detectors.model.measures import Measure
from tests.alerting.given import IOS, PUT, ROUTE, SERVICE, T0, TABLE, finding, scope, written
from tests.alerting.made import made
from tests.alerting.message_makers import page, said


def costing(primary: Finding, *members: Finding) -> Incident:
    return replace(made("a", lasts=None), primary=primary, members=list(members))


AT_ROUTE, AT_FUNCTION, AT_TABLE = (
    finding(ROUTE, costs=2.0),
    finding(PUT, costs=3.0),
    finding(TABLE, costs=5.0),
)


@pytest.mark.parametrize(
    "incident", [costing(AT_ROUTE, AT_FUNCTION, AT_TABLE), costing(AT_TABLE, AT_ROUTE, AT_FUNCTION)]
)
def test_a_page_shows_what_a_route_costs_with_the_function_and_the_table_behind_it(
    incident: Incident,
) -> None:
    assert "*Costs, about*\n10.00 USD an hour more" in said(page(incident))
    assert incident_entry(incident).costs == 10.0


def test_a_scope_with_several_findings_counts_once_the_primary_as_it_says_the_others_by_the_newest() -> None:
    slow = finding(PUT, "slow", measure=Measure.LATENCY, seen=T0 + 60, costs=4.0)
    later = finding(TABLE, "later", measure=Measure.COST, seen=T0 + 60, costs=7.0)
    assert (
        costing(AT_TABLE, later, AT_FUNCTION, slow).costs
        == costing(AT_TABLE, slow, AT_FUNCTION, later).costs
        == 9.0
    )


def test_what_an_account_or_a_service_costs_has_all_of_it_already() -> None:
    whole = finding(SERVICE, costs=10.0)
    assert costing(whole, AT_ROUTE, AT_FUNCTION, AT_TABLE).costs == 10.0
    members = (AT_FUNCTION, whole, finding(scope("account", "1"), costs=11.0), finding(IOS, costs=9.0))
    assert costing(AT_TABLE, *members).costs == 8.0


def test_what_has_ended_or_is_unknown_is_not_counted() -> None:
    assert costing(finding(ROUTE), finding(PUT)).costs is None
    assert "costs" not in written(incident_entry(costing(finding(ROUTE))))
    assert costing(finding(ROUTE), AT_TABLE).costs == 5.0
