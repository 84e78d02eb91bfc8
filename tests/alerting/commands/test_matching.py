"""Which incidents a route, a silence, a window or a command means."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from alerting.commands.command import Matcher
from alerting.commands.matching import matches
from config.settings import MatchSettings
from detectors.model.scope import Edge
from tests.alerting.given import IOS, PUT, ROUTE, SERVICE, TABLE, finding, scope, share
from tests.alerting.notices import incident


@pytest.mark.parametrize(
    ("parts", "fits"),
    [
        ({}, True),
        ({"scopes": ["table:items"]}, True),
        ({"scopes": ["table:it*"]}, True),
        ({"scopes": ["table:*ms"]}, True),
        ({"scopes": ["table:item"]}, False),
        ({"scopes": ["function:items"]}, False),
        ({"scopes": ["table:others", "table:items"]}, True),
        ({"accounts": ["123456789012"], "verdicts": ["spike"], "measures": ["wcu"]}, True),
        ({"accounts": ["123*"]}, True),
        ({"accounts": ["2"]}, False),
        ({"verdicts": ["drop"]}, False),
        ({"measures": ["rcu"]}, False),
        ({"scopes": ["table:items"], "verdicts": ["drop"]}, False),
    ],
)
def test_every_part_that_is_given_must_fit_in_one_of_its_entries(parts: dict[str, Any], fits: bool) -> None:
    assert matches(Matcher(**parts), incident()) is fits
    assert matches(MatchSettings(**parts), incident()) is fits


@given(st.text(alphabet="a.[]()?+|^$\\{}é\n", min_size=1), st.text(alphabet="a.[]()?+|^$\\{}é\n", min_size=1))
def test_only_the_star_is_special(name: str, other: str) -> None:
    about = incident(about=scope("route", name))
    assert matches(Matcher(scopes=[f"route:{name}"]), about)
    assert matches(Matcher(scopes=[f"route:{name[:1]}*"]), about)
    assert matches(Matcher(scopes=[f"route:{other}"]), about) is (name == other)


def test_an_edge_is_about_both_its_ends() -> None:
    of = replace(finding(TABLE), scope=None, edge=Edge(PUT, TABLE))
    about = incident(primary=of)
    assert matches(Matcher(scopes=["function:inventory-put-item"]), about)
    assert matches(Matcher(scopes=["table:items"]), about)


def test_a_client_is_meant_by_its_name_or_with_its_version() -> None:
    about = incident(about=IOS)
    assert matches(Matcher(scopes=["client:ios"]), about)
    assert matches(Matcher(scopes=["client:ios 3.2.1"]), about)
    assert not matches(Matcher(scopes=["client:ios 3.2.2"]), about)


@pytest.mark.parametrize(
    "changes",
    [
        {"members": [finding(SERVICE)]},
        {"primary": finding(TABLE, touches=[SERVICE])},
        {"primary": finding(TABLE, callers=[share(SERVICE, 1.0)])},
        {"members": [replace(finding(ROUTE), scope=None, edge=Edge(SERVICE, ROUTE))]},
    ],
    ids=["a member", "carries a part", "calls", "an end of an edge"],
)
def test_a_service_takes_part_in_several_ways(changes: dict[str, Any]) -> None:
    assert matches(Matcher(services=["inventory"]), incident(**changes))
    assert not matches(Matcher(services=["other"]), incident(**changes))


def test_what_a_member_is_about_is_not_what_the_incident_is_about() -> None:
    about = incident(members=[finding(PUT)])
    assert not matches(Matcher(scopes=["function:inventory-put-item"]), about)
