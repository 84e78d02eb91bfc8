"""The incidents that the pipeline holds are logged, counted and shown, never in thousands of lines."""

from collections import Counter

from prometheus_client import generate_latest
from structlog.testing import capture_logs

from alerting.incidents.notice import Action
from alerting.pipeline.pipeline import Pipeline
from config.links import Links
from config.settings import Settings
from streams.cli.daemon_call import status_lines
from streams.notify.incidents_route import ongoing_incidents
from streams.notify.pipeline_status import PipelineStatus
from streams.process.metrics import Metrics
from tests.alerting.given import T0, scope
from tests.alerting.notices import notice, opened, resolved
from tests.hand_clock import HandClock

SETTINGS = Settings.model_validate(
    {
        "notify": {
            "silences": [{"match": {"scopes": ["table:*"]}, "until": "2025-10-09T12:00", "why": "known"}]
        }
    }
)


def _watched(count: int) -> tuple[Pipeline, PipelineStatus, Metrics]:
    pipeline, metrics = Pipeline(SETTINGS), Metrics()
    watch = PipelineStatus(pipeline, SETTINGS, metrics)
    pipeline.feed([opened(f"i{number}", scope("table", f"t{number}")) for number in range(count)], T0)
    return pipeline, watch, metrics


def test_a_held_incident_is_logged_once_with_its_reason_and_counted() -> None:
    _, watch, metrics = _watched(1)
    with capture_logs() as logs:
        watch.record()
        watch.record()
    assert [(line["event"], line["stage"], line["incident"]) for line in logs] == [
        ("incident held", "silences", "i0")
    ]
    assert logs[0]["reason"] == "silenced until 2025-10-09 12:00 UTC by the configuration: known"
    assert b'uneri_notices_held_total{stage="silences"} 1.0' in generate_latest(metrics.registry)


def test_many_held_incidents_are_twenty_lines_and_a_count() -> None:
    _, watch, metrics = _watched(500)
    with capture_logs() as logs:
        watch.record()
    assert len(logs) == 21
    assert logs[-1]["more"] == 480
    assert b'uneri_notices_held_total{stage="silences"} 500.0' in generate_latest(metrics.registry)
    shown = watch.status()["held_incidents"]
    assert isinstance(shown, list)
    assert (len(shown), shown[-1]) == (21, "and 480 more")


def test_the_status_shows_which_incidents_are_held_why_and_by_which_silence() -> None:
    _, watch, _ = _watched(1)
    status = watch.status()
    assert status["held_now"] == {"silences": 1}
    assert status["silences"] == [
        "config/1  table:*  until 2025-10-09 12:00 UTC  by the configuration: known"
    ]
    lines = "\n".join(status_lines(status))
    assert "held back now     1 by silences\n" in lines
    assert "i0  silenced until 2025-10-09 12:00 UTC by the configuration: known  41 wcu/s where 8.2" in lines


def test_the_status_of_a_daemon_that_held_nothing_is_self_explanatory() -> None:
    _, watch, _ = _watched(0)
    assert status_lines(watch.status()) == [
        "open incidents    none",
        "held back now     nothing",
        "silences          config/1  table:*  until 2025-10-09 12:00 UTC  by the configuration: known",
        "held back so far  nothing",
        "last page         none yet",
    ]


def test_the_status_lists_the_open_incidents_that_the_list_of_incidents_has() -> None:
    pipeline, watch, _ = _watched(2)
    assert [incident.id for incident in ongoing_incidents(pipeline, Links(SETTINGS.links))] == ["i0", "i1"]
    sentence = pipeline.ongoing()[0].incident.primary.sentence
    assert watch.status()["open_incidents"] == [sentence, sentence]
    pipeline.feed([resolved(opened("i0", scope("table", "t0")), T0 + 900)], T0 + 900)
    assert watch.status()["open_incidents"] == [sentence]


def test_an_incident_that_resolves_while_held_is_logged() -> None:
    pipeline, watch, _ = _watched(1)
    watch.record()
    pipeline.feed([resolved(opened("i0", scope("table", "t0")), T0 + 900)], T0 + 900)
    with capture_logs() as logs:
        watch.record()
    assert Counter(line["event"] for line in logs) == {"incident resolved before it was reported": 1}


def test_the_life_of_an_incident_is_logged_with_its_id_and_a_flood_in_few_lines() -> None:
    _, watch, _ = _watched(0)
    born = [opened(f"i{number}", scope("table", f"t{number}")) for number in range(30)]
    with capture_logs() as logs:
        watch.record([*born, resolved(born[0], T0 + 900)])
    lines = [(line["event"], line.get("incident"), line.get("more")) for line in logs]
    assert lines[0] == ("incident opened", "i0", None)
    assert lines[-2:] == [("incident resolved", "i0", None), ("incident opened", None, 10)]
    assert len(lines) == 22


def test_changes_of_incidents_are_one_line_a_minute_while_a_daemon_catches_up() -> None:
    clock = HandClock(T0 + 3600.0)
    pipeline = Pipeline(SETTINGS)
    watch = PipelineStatus(pipeline, SETTINGS, Metrics(), clock)
    born = opened("i0", scope("table", "t0"))
    pipeline.feed([born], T0)
    watch.record()
    change = notice(born.incident, Action.UPDATE, T0 + 60)
    with capture_logs() as logs:
        for _ in range(3):
            watch.record([change, change])
        watch.record([resolved(born, T0 + 900)])
        clock.now += 60
        watch.record([change])
    assert [(line["event"], line.get("count")) for line in logs] == [
        ("incidents changed while catching up", 2),
        ("incident resolved", None),
        ("incidents changed while catching up", 5),
    ]
    clock.now = T0 + 1.0
    with capture_logs() as logs:
        watch.record([change])
    assert [line["event"] for line in logs] == ["incident changed"]
