"""Scopes that grow together are one entry of the digest."""

from alerting.incidents.growth import growth_groups
from alerting.incidents.incident import Incident
from detectors.model.measures import Measure
from tests.alerting.given import GET, PUT, ROUTE, SERVICE, T0, TABLE, growth_finding, scope, share
from tests.alerting.message_makers import digest, said
from tests.alerting.messages.gallery import GROWING_TOGETHER
from tests.alerting.messages.made_incidents import WHOLE, listed

LEDGER = scope("table", "ledger")


def labels(groups: list[list[Incident]]) -> list[set[str]]:
    return [
        {f"{incident.primary.about.kind} {incident.primary.measure}" for incident in group}
        for group in groups
    ]


def test_a_table_its_function_route_service_and_account_that_grow_together_are_one_entry() -> None:
    [group] = growth_groups(listed(*GROWING_TOGETHER))
    assert group[0].primary.about == TABLE, "its limit is reached first"
    assert {incident.primary.about for incident in group} == {TABLE, PUT, ROUTE, SERVICE, WHOLE}


def test_a_service_and_an_account_do_not_connect_what_grows_in_them() -> None:
    ledger = growth_finding(LEDGER, days=80.0, callers=[share(GET, 1.0)])
    reader = growth_finding(GET, days=None, callers=[], limit=None)
    groups = growth_groups(listed(*GROWING_TOGETHER, ledger, reader))
    assert [{incident.primary.about for incident in group} for group in groups] == [
        {TABLE, PUT, ROUTE, SERVICE, WHOLE},
        {LEDGER, GET},
    ]


def test_two_measures_of_one_table_are_one_entry() -> None:
    reads = growth_finding(TABLE, identity="reads", days=90.0, measure=Measure.RCU)
    assert labels(growth_groups(listed(GROWING_TOGETHER[0], reads))) == [{"table wcu", "table rcu"}]


def test_what_is_not_connected_has_an_entry_of_its_own() -> None:
    other = growth_finding(LEDGER, days=10.0)
    assert [len(group) for group in growth_groups(listed(GROWING_TOGETHER[0], other))] == [1, 1]
    assert said(digest(listed(GROWING_TOGETHER[0], other), at=T0)).startswith("DIGEST · 2 series growing\n")


def test_the_same_scopes_of_two_accounts_are_two_entries() -> None:
    elsewhere = TABLE._replace(account="210987654321")
    found = growth_groups(listed(GROWING_TOGETHER[0], growth_finding(elsewhere, identity="other", days=30.0)))
    assert [len(group) for group in found] == [1, 1]
