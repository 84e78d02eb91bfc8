"""An incident that has every part and mark that one may have, though no real one has it all."""

from msgspec.structs import replace

from alerting.commands.command import Command, CommandKind
from alerting.incidents.incident import IncidentExample
from alerting.incidents.preceding import PrecedingChange
from detectors.explain.examples import Why
from detectors.model.finding import (
    AddedUp,
    Affected,
    Cause,
    Concentration,
    FailureKind,
    Failures,
    Finding,
    Growth,
    Plan,
    RestsOn,
    RiseCause,
    Verdict,
)
from detectors.model.measures import Measure, value_of
from detectors.model.request_example import ExampleCall, ExampleClient, ExampleLayers, RequestExample
from detectors.model.scope import CLIENT, Edge
from detectors.model.stated import StatedChange
from tests.alerting.given import IOS, PUT, ROUTE, TABLE, finding, share
from tests.streams.screens.board.incidents.incidents_given import GivenIncidents, notice_of


def finding_with_everything(at: int) -> Finding:
    """Return a finding with all evidence that one may have."""
    return finding(
        TABLE,
        "primary",
        verdict=Verdict.FATAL,
        measure=Measure.WCU,
        start=at - 600,
        weeks_left_out=[2],
        planned=Plan(name="campaign", factor=2.0),
        limit=100.0,
        failures=Failures(failed=1.0, requests=2.0, seconds=60, kinds=[FailureKind(kind="500", times=1.0)]),
        added_up=AddedUp(observed=3.0, expected=1.0, seconds=600),
        costs=4.25,
        throttle_reasons={"provisioned": 3.0},
        error_type="KeyError",
        times=3,
        growth=Growth(
            per_day=0.1,
            per_day_lower=0.05,
            per_day_upper=0.2,
            days=30,
            days_to_limit=3.0,
            days_to_limit_lower=2.0,
            days_to_limit_upper=4.0,
        ),
        callers=[share(PUT, 0.7)],
        suspects=[share(IOS, 0.6)],
        affected=Affected(requests=10.0, seconds=600, routes=[ROUTE]),
        concentration=Concentration(cause=RiseCause.DEFECT, share=0.9, kind="function", carriers=1),
        rests_on=RestsOn(requests=41, since=at - 600, until=at, alike=CLIENT),
        causes=[Cause(scope=IOS, measure=Measure.LATENCY, score=0.5)],
    )


def incidents_with_everything(at: int) -> GivenIncidents:
    """Return incidents of which one has every part and mark that one may have."""
    primary = finding_with_everything(at)
    member = replace(
        primary, id="member", scope=None, edge=Edge(PUT, TABLE), measure=value_of("sales"), end=at
    )
    client = replace(primary, id="client", scope=IOS)
    change = StatedChange(at - 700.0, PUT, "deploy", "42", "ci", "https://ci.example.com/42")
    named = ("cloud", "account", "region", "service", "route", "function", "error", "error_type", "throttled")
    request = RequestExample(
        ts=at - 500.0,
        id="r1",
        trace="1-5759e988-bd862e3fe1be46a994272793",
        **dict.fromkeys(named, "text"),
        client=ExampleClient("ios", "3.2.1", "game-42"),
        status=500,
        ms=ExampleLayers(4.0, 3.0, 2.0, 1.0),
        tables=(ExampleCall("items", "put", 1.0, 1.0, 2.0, "provisioned", 3),),
        sample="{}",
    )
    notice = notice_of(
        "spike",
        at,
        "whole",
        primary=primary,
        members=[member, client],
        follows="earlier",
        changes=[PrecedingChange(change=change, after=100, findings=["primary"])],
        ended_after=PrecedingChange(change=change, after=700, findings=["primary"]),
        end=at,
        examples=[IncidentExample(why=Why.FAILED, weight=1.0, request=request)],
    )
    service = GivenIncidents([notice], at)
    for kind in (CommandKind.SNOOZE, CommandKind.ACKNOWLEDGE, CommandKind.EXPECTED, CommandKind.NOTE):
        until = at + 3600 if kind is CommandKind.SNOOZE else None
        service.pipeline.command(
            Command(
                id=kind.value,
                kind=kind,
                at=at,
                by="mika",
                name="Mika",
                incident="whole",
                why="known",
                until=until,
            )
        )
    return service
