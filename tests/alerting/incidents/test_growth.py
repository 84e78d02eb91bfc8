"""Growth is one entry: what grows together has the name of its service, wherever it is listed."""

from alerting.incidents.growth import leading, together
from alerting.incidents.incidents import Incidents
from config.settings import Settings
from detectors.model.finding import Finding
from detectors.model.scope import Scope
from tests.alerting.given import (
    PUT,
    ROUTE,
    SERVICE,
    T0,
    TABLE,
    growth_finding,
    ongoing,
    scope,
    share,
    table_finding,
)

LEDGER = scope("table", "ledger")
TOGETHER = [
    growth_finding(PUT, callers=[share(ROUTE, 0.95)], days=None),
    growth_finding(ROUTE, days=None),
    growth_finding(TABLE, callers=[share(PUT, 0.9)]),
    growth_finding(SERVICE, callers=[share(PUT, 0.9)]),
]


def _of(finding: Finding) -> Scope:
    assert finding.scope is not None
    return finding.scope


def listed(*findings: Finding) -> list[tuple[Scope, set[Scope]]]:
    incidents = Incidents(Settings())
    incidents.feed(findings, T0)
    return [
        (_of(incident.primary), {_of(member) for member in incident.members})
        for incident in together(ongoing(incidents))
    ]


def test_a_growth_is_one_entry_named_by_its_service_with_the_others_as_members() -> None:
    assert listed(*TOGETHER) == [(SERVICE, {TABLE, PUT, ROUTE})]


def test_what_grows_apart_and_what_does_not_grow_stay_as_they_are() -> None:
    other = scope("table", "other")
    found = listed(*TOGETHER, growth_finding(LEDGER), table_finding(id="spike", scope=other))
    assert {about for about, _ in found} == {SERVICE, LEDGER, other}


def test_without_one_service_a_growth_has_the_name_of_what_reaches_its_limit_first() -> None:
    assert listed(*TOGETHER[:3])[0] == (TABLE, {PUT, ROUTE})


def test_a_growth_of_two_services_has_the_name_of_their_account() -> None:
    incidents = Incidents(Settings())
    account, other = Scope("account", "aws", TABLE.account, "", TABLE.account), scope("service", "other")
    incidents.feed([growth_finding(about) for about in (SERVICE, other, account)], T0)
    assert leading(ongoing(incidents)).primary.scope == account
