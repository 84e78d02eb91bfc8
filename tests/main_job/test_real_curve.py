"""The main job on traffic that follows a real web service, minute by minute."""

from pathlib import Path

import pytest

from alerting.incidents.incident import Incident
from config.settings import Settings
from streams.engine.stages.engine import Engine
from streams.offline.simulate.scenario_load import load_scenario
from streams.offline.simulate.simulation import Simulation
from streams.offline.simulate.traffic import read_shape

pytestmark = pytest.mark.release

HERE = Path(__file__).parent
KPI = HERE.parent / "data" / "kpi" / "431a8542-c468-3988-a508-3afd06a218da.csv.xz"


def test_a_table_hammered_on_a_real_curve_is_paged_with_the_function_and_the_client_version() -> None:
    simulation = Simulation(load_scenario(HERE / "backend.yaml"), shape=read_shape(KPI))
    hammer = next(label for label in simulation.labels() if label["kind"] == "hammer")
    engine = Engine(Settings(), ["curve/0"])
    paged: list[Incident] = []
    for _, _, lines in simulation.lines():
        output = engine.feed("curve/0", lines)
        paged += [notice.incident for notice in output.notices if notice.is_page]
    start, end = int(str(hammer["start"])), int(str(hammer["end"]))
    (page,) = [
        incident for incident in paged if incident.alerted is not None and start <= incident.alerted <= end
    ]
    assert page.alerted is not None
    assert page.alerted <= start + 180
    assert page.primary.about.as_answer().name == "items"
    assert page.primary.callers[0].scope.name == "inventory-put-item"
    assert page.primary.callers[0].share >= 0.8
    assert [suspect.scope.label for suspect in page.primary.suspects] == ["ios 3.2.1"]
    # The curve has incidents of its own: that it is quiet otherwise is not asked of it here.
    grown = [incident for incident in engine.incidents.all() if incident.sent == "digest"]
    assert {
        incident.primary.about.as_answer().name for incident in grown if incident.primary.measure == "wcu"
    } == {"ledger"}
