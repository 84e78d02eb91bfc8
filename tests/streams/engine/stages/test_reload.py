"""Other settings in the middle of the stream: exactly as a clean restart with them at the same record."""

from typing import Any

import pytest

from config.load import load_settings
from config.reload import JUDGED, RESTART, reload_of
from config.settings import Settings
from tests.streams.engine.stages.engine_run import HAMMER, HOUR, LEARNT, EngineRun, backend, gathered, records

BEFORE: dict[str, Any] = {"judge": {"young": 6 * HOUR}}
CHANGES: list[dict[str, Any]] = [
    {"judge": {"young": 3 * HOUR, "sensitivity": 2.0, "persist": 1, "recover": 9, "near": 0.5}},
    {"judge": {"young": 6 * HOUR, "growth_per_day": 0.2, "horizon_days": 3}},
    {"floors": {"wcu": {"absolute": 1000, "relative": 5}, "values": {"absolute": 3, "relative": 1}}},
    {"limits": {"tables": {"items": {"wcu": 40, "rcu": 3}}, "functions": {"inventory-put-item": 2}}},
    {"calendar": {"timezone": "Asia/Tokyo", "holidays": "JP"}},
    {"incidents": {"gather": 60, "quiet": 120}},
    {"digest": {"at": "11:30", "timezone": "Europe/Berlin"}},
]


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    return gathered(records(backend(HAMMER, before=LEARNT, hours=2)))


def test_every_section_that_judges_may_change_in_the_stream() -> None:
    assert {name for change in CHANGES for name in change} == set(JUDGED)
    assert not set(JUDGED) & set(RESTART)


@pytest.mark.variants
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_a_reload_judges_on_as_a_clean_restart_does(lines: list[bytes], change: dict[str, Any]) -> None:
    before, then = Settings.model_validate(BEFORE), Settings.model_validate(BEFORE | change)
    last = lines[-len(lines) // 3 :]
    at: dict[str, Any] = {"chunk": len(last) // 20, "restart": 0.45, "then": then}
    restarted, reloaded = EngineRun(last, before, **at), EngineRun(last, before, **at, in_place=True)
    assert reloaded.findings == restarted.findings
    assert reloaded.notices == restarted.notices
    assert reloaded.incidents == restarted.incidents


def test_floors_that_were_raised_report_no_new_spike_and_end_the_open_one(lines: list[bytes]) -> None:
    before = load_settings(None, "judge: {young: 21600}\n")
    high = "{absolute: 1000000, relative: 1000}"
    names = ", ".join(f"{name}: {high}" for name in type(before.floors).model_fields)
    reload = reload_of(before, load_settings(None, f"judge: {{young: 21600}}\nfloors: {{{names}}}\n"))
    assert reload.judges_otherwise
    chunk = len(lines) // 100
    early = EngineRun(lines, before, chunk=chunk, restart=0.7, then=reload.settings, in_place=True)
    assert EngineRun(lines, before, chunk=chunk).pages
    assert early.pages == []
