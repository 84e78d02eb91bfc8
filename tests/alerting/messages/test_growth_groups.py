"""Scopes that grow together are one entry of the digest."""

from alerting.incidents.incident import Incident
from alerting.incidents.incidents import Incidents
from alerting.messages.digest import growth_groups
from alerting.words.locales import JAPANESE
from config.settings import Settings
from detectors.model.finding import Finding
from detectors.model.measures import Measure
from tests.alerting.given import ACCOUNT, GET, PUT, ROUTE, SERVICE, T0, TABLE, growth_finding, scope, share
from tests.alerting.message_makers import digest, said

WHOLE = scope("account", ACCOUNT)
LEDGER = scope("table", "ledger")


def listed(*findings: Finding) -> list[Incident]:
    incidents = Incidents(Settings())
    incidents.feed(findings, T0)
    [notice] = [item for item in incidents.feed([], T0 + 86400) if item.incidents]
    return notice.incidents


def labels(groups: list[list[Incident]]) -> list[set[str]]:
    return [
        {f"{incident.primary.about.kind} {incident.primary.measure}" for incident in group}
        for group in groups
    ]


FIVE = (
    growth_finding(TABLE, days=53.0, callers=[share(PUT, 1.0)]),
    growth_finding(PUT, days=None, callers=[share(ROUTE, 1.0)], limit=None),
    growth_finding(ROUTE, days=None, callers=[], limit=None),
    growth_finding(SERVICE, days=None, callers=[share(PUT, 0.9), share(GET, 0.1)], limit=None),
    growth_finding(WHOLE, days=None, callers=[share(SERVICE, 1.0)], limit=None),
)


def test_a_table_its_function_route_service_and_account_that_grow_together_are_one_entry() -> None:
    [group] = growth_groups(listed(*FIVE))
    assert group[0].primary.about == TABLE, "its limit is reached first"
    assert {incident.primary.about for incident in group} == {TABLE, PUT, ROUTE, SERVICE, WHOLE}


def test_the_entry_names_what_grows_with_it() -> None:
    shown = said(digest(listed(*FIVE), at=T0))
    assert shown.splitlines()[0] == "DIGEST · 5 series growing in 1 group"
    assert shown.count("limit in 42 to 84 days") == 1
    assert "Growing with it: " in shown
    assert "service inventory (requests +3.0 % a day)" in shown
    assert "連動して増加: " in said(digest(listed(*FIVE), at=T0, words=JAPANESE))


def test_two_limits_of_one_entry_are_both_shown() -> None:
    soon = growth_finding(PUT, days=20.0, callers=[share(ROUTE, 1.0)], measure=Measure.BUSY)
    shown = said(digest(listed(*FIVE[:1], soon), at=T0))
    assert "*limit in 16 to 32 days* (80 %)" in shown
    assert "limit in 42 to 84 days" in shown


def test_a_service_and_an_account_do_not_connect_what_grows_in_them() -> None:
    ledger = growth_finding(LEDGER, days=80.0, callers=[share(GET, 1.0)])
    reader = growth_finding(GET, days=None, callers=[], limit=None)
    groups = growth_groups(listed(*FIVE, ledger, reader))
    assert [{incident.primary.about for incident in group} for group in groups] == [
        {TABLE, PUT, ROUTE, SERVICE, WHOLE},
        {LEDGER, GET},
    ]


def test_two_measures_of_one_table_are_one_entry() -> None:
    reads = growth_finding(TABLE, identity="reads", days=90.0, measure=Measure.RCU)
    assert labels(growth_groups(listed(FIVE[0], reads))) == [{"table wcu", "table rcu"}]


def test_what_is_not_connected_has_an_entry_of_its_own() -> None:
    other = growth_finding(LEDGER, days=10.0)
    assert [len(group) for group in growth_groups(listed(FIVE[0], other))] == [1, 1]
    assert said(digest(listed(FIVE[0], other), at=T0)).startswith("DIGEST · 2 series growing\n")


def test_the_same_scopes_of_two_accounts_are_two_entries() -> None:
    elsewhere = TABLE._replace(account="210987654321")
    found = growth_groups(listed(FIVE[0], growth_finding(elsewhere, identity="other", days=30.0)))
    assert [len(group) for group in found] == [1, 1]
