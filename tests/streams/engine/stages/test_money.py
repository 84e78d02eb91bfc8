"""Costs of requests in the whole engine: judged, attributed, named in pages, in the digest."""

from datetime import UTC, datetime

import pytest

from alerting.incidents.answers import incident_entry
from alerting.incidents.notice import Action
from alerting.words.locales import ENGLISH, JAPANESE
from config.settings import (
    DigestSettings,
    FunctionCost,
    JudgeSettings,
    MoneySettings,
    PriceSettings,
    Settings,
)
from detectors.model.finding import Finding
from detectors.model.measures import Measure
from streams.engine.stages.engine import Engine
from tests.alerting.message_makers import digest, page, said
from tests.laws.arrivals import prompt
from tests.streams.engine.stages.engine_run import (
    DAY,
    HAMMER,
    HOUR,
    LEARNT,
    SOURCE,
    START,
    EngineRun,
    backend,
    gathered,
    records,
)

# A small backend at prices a thousand times those of a cloud: dollars instead of mills an hour.
DEAR = MoneySettings(
    functions=[FunctionCost(match="*", memory_mb=512)],
    prices=[
        PriceSettings(item="dynamodb_write_unit", price=6.25e-3),
        PriceSettings(item="lambda_request", price=2e-4),
        PriceSettings(item="lambda_gb_second_x86_64", price=1.66667e-3),
    ],
)
SETTINGS = Settings(judge=JudgeSettings(young=12 * HOUR), money=DEAR, digest=DigestSettings(at="02:30"))

SOON = SETTINGS.model_copy(update={"judge": JudgeSettings(young=6 * HOUR)})


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    bad = HAMMER | {"at": DAY + HOUR, "for": "25m"}
    return gathered(records(backend(bad, hours=3, noise={"drift": 0})))


@pytest.fixture(scope="module")
def run(lines: list[bytes]) -> EngineRun:
    return EngineRun(lines, SETTINGS)


@pytest.fixture(scope="module")
def short() -> list[bytes]:
    """Return hours in place of a day, for what needs no yesterday and no second digest."""
    return gathered(records(backend(HAMMER, before=LEARNT, hours=2, noise={"drift": 0})))


def opened(run: EngineRun, kind: str, measure: Measure) -> Finding:
    [found] = [
        finding
        for finding in run.findings
        if finding.state == "open"
        and finding.scope
        and finding.scope.kind == kind
        and finding.measure is measure
    ]
    return found


def test_a_build_that_hammers_a_table_pages_as_its_money_with_the_function_and_the_build(
    run: EngineRun,
) -> None:
    table = opened(run, "table", Measure.COST)
    assert table.scope is not None
    assert table.scope.name == "items"
    assert table.costs == pytest.approx((table.observed - table.expected) * 3600)
    assert [(caller.scope.label, caller.share > 0.9) for caller in table.callers[:1]] == [
        ("inventory-put-item", True)
    ]
    named = next(found for found in run.findings if found.id == table.id and found.suspects)
    assert named.seen - named.start <= 300
    assert [(suspect.scope.label, suspect.share > 0.8) for suspect in named.suspects] == [("ios 3.2.1", True)]
    assert table.sentence.startswith("Cost of table items rose to ")
    assert " USD an hour" in table.sentence
    account = opened(run, "account", Measure.COST)
    assert [caller.scope.label for caller in account.callers if caller.share > 0.9] == ["inventory"]


def test_the_page_says_what_the_excess_costs_an_hour_in_both_languages(run: EngineRun) -> None:
    [first] = [notice for notice in run.notices if notice.action is Action.OPEN]
    (incident,) = first.incidents
    costs = incident.primary.costs
    assert costs is not None
    assert costs > 5
    assert incident_entry(incident).costs == round(costs, 4)
    assert f"*Costs, about*\n{costs:.2f} USD an hour more" in said(page(incident))
    assert f"*コスト概算*\n1時間あたり +{costs:.2f} USD" in said(page(incident, words=JAPANESE))
    assert ENGLISH.figures.costs(-2.5) == "2.50 USD an hour less"


def test_an_incident_that_has_ended_keeps_what_it_cost_an_hour_on_average(run: EngineRun) -> None:
    (incident,) = run.incidents
    judged = [
        finding
        for finding in run.findings
        if finding.scope == incident.primary.scope and finding.costs is not None
    ]
    (at_end,) = {
        finding.costs for finding in judged if finding.state == "end" and finding.measure is Measure.COST
    }
    going_on = [finding.costs for finding in judged if finding.state != "end" and finding.costs is not None]
    assert at_end is not None
    assert incident.ended
    assert min(going_on) < at_end < max(going_on)
    assert incident.costs is not None
    assert incident.costs >= at_end > 5


def test_the_next_digest_ranks_the_table_first_with_what_the_build_made_it_cost(run: EngineRun) -> None:
    before, after = (notice.standings for notice in run.notices if notice.action is Action.DIGEST)
    (first,), (account,) = before.costs, after.costs
    items = after.costliest[0]
    assert items.scope.label == "items"
    table = opened(run, "table", Measure.COST)
    assert table.costs is not None
    assert account.day > items.day > table.costs * 25 / 60, "25 minutes of the excess, and what is usual"
    assert first.scope == account.scope
    shown = said(digest([], standings=after))
    assert f"*table items*: {items.day:.2f} USD" in shown
    assert f"*123456789012*: {account.day:.2f} USD" in shown


@pytest.mark.release
def test_no_finding_of_a_cost_depends_on_shards_or_restarts(short: list[bytes]) -> None:
    def reports(run: EngineRun) -> list[tuple[object, ...]]:
        return sorted(
            (finding.id, finding.revision, finding.seen, finding.observed, str(finding.costs))
            for finding in run.findings
        )

    run = EngineRun(short, SOON, chunk=len(short) // 20, keep=[0.6])
    assert {finding.measure for finding in run.findings} >= {Measure.COST}
    assert reports(run.restarted(0.6)) == reports(run)
    assert reports(EngineRun(short, SOON, shards=3)) == reports(run)


@pytest.mark.parametrize("price", [1e-6, 6e-2])
def test_a_price_that_changes_is_no_reason_to_wake_anyone(price: float) -> None:
    begins, day = (datetime.fromtimestamp(START + at, UTC) for at in (DAY - LEARNT, DAY))
    changed = PriceSettings(item="dynamodb_write_unit", price=price, since=f"{day:%Y-%m-%d}")
    money = DEAR.model_copy(update={"prices": [*DEAR.prices, changed]})
    lines = gathered(
        records(backend(before=LEARNT, hours=2, noise={"drift": 0}, start=f"{begins:%Y-%m-%dT%H:%M:%SZ}"))
    )
    found = EngineRun(lines, SOON.model_copy(update={"money": money})).findings
    assert [finding for finding in found if finding.measure is Measure.COST] == []


def test_nobody_is_woken_by_prices_that_were_corrected_and_no_excess_is_stated_by_them(
    short: list[bytes],
) -> None:
    ten_times = [price.model_copy(update={"price": 10 * price.price}) for price in DEAR.prices]
    then = SOON.model_copy(update={"money": DEAR.model_copy(update={"prices": ten_times})})
    run = EngineRun(short, SOON, chunk=100, restart=0.72, then=then, in_place=True)
    assert [finding for finding in run.findings if finding.measure is Measure.COST] == []
    assert opened(run, "table", Measure.WCU).costs is None


def test_a_snapshot_of_costs_is_taken_up_as_it_is() -> None:
    head = b'{"ts":%d,"cloud":"aws","account":"1","region":"eu-west-1","service":"shop","function":"put",'
    call = head + b'"kind":"call","tables":[{"name":"items","op":"PutItem","wcu":1}]}'
    request = head + b'"memory_mb":512,"billed_ms":20}'
    lines = [(call if at < 1800 else request) % (1_760_000_400 + at) for at in range(0, 3600, 5)]
    engine, again = Engine(SETTINGS, [SOURCE]), Engine(SETTINGS, [SOURCE])
    engine.feed(SOURCE, lines[:500], prompt(lines[:500]))
    again.restore(engine.snapshot())
    for engine_ in (engine, again):
        engine_.feed(SOURCE, lines[500:], prompt(lines)[500:])
    assert again.snapshot() == engine.snapshot()
