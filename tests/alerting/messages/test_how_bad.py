"""A page says how bad it is and who is hurt, in both languages and wherever it is shown."""

import io
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console

from alerting.commands.dispatch import Form
from alerting.incidents.incident import Incident
from alerting.incidents.severity import Grade, Harm, Severity
from alerting.messages.blocks import Message
from alerting.messages.render import Renderer
from alerting.report.report import write_report
from alerting.sinks.terminal import Terminal
from alerting.words.locales import ENGLISH, JAPANESE, LANGUAGES
from alerting.words.phrases import Phrases
from detectors.model.finding import Affected, Failures, Finding
from detectors.model.measures import Measure
from tests.alerting.given import T0, TABLE, finding, incident, scope
from tests.alerting.incidents.test_absence_incidents import absence
from tests.alerting.message_makers import LINKS, ZONE, dispatch, notice, page, said
from tests.alerting.slack_standin import content_error

BUY = scope("route", "POST /buy")
ROUTES = [BUY, *(scope("route", f"GET /{name}") for name in ("a", "b", "c"))]


def failing(**more: Any) -> Finding:
    given: dict[str, Any] = {
        "measure": Measure.ERRORS_BACKEND,
        "failures": Failures(failed=40, requests=98, seconds=600),
        "affected": Affected(requests=98, seconds=600, routes=[BUY]),
        "sentence": "41 % of POST /buy fail.",
    }
    return finding(BUY, **(given | more))


def of(primary: Finding, **more: Any) -> Incident:
    return replace(incident(), primary=primary, verdict=primary.verdict, **more)


def shown(one: Incident, words: Phrases = ENGLISH) -> str:
    message = page(one, words=words)
    assert content_error({"text": message.text, "blocks": message.blocks}) is None
    return said(message)


def test_a_page_begins_with_how_bad_it_is_and_who_is_hurt() -> None:
    text = shown(of(failing()))
    assert "\n*Severity*\nCRITICAL · 41 % of requests fail\n*Affected*\n98 requests in 10 min" in text
    assert " in 10 min · POST /buy\n" in text
    assert page(of(failing())).text.endswith(" Severity: CRITICAL · 41 % of requests fail.")
    text = shown(of(failing()), JAPANESE)
    assert "\n*深刻度*\n緊急 · リクエストの 41% が失敗\n*影響範囲*\n10分間に" in text
    assert "リクエスト 98件 · POST /buy\n" in text


def test_many_routes_are_counted_and_a_table_has_calls() -> None:
    affected = Affected(requests=41_230, seconds=1440, routes=ROUTES, more_routes=5)
    text = shown(of(finding(TABLE, affected=affected)))
    assert "41,200 calls in 24 min · POST /buy, GET /a, GET /b and 6 more routes" in text


def test_of_an_absence_it_says_what_is_missing() -> None:
    missing = absence(BUY, missed=1730.0, affected=Affected(requests=0, seconds=1440, routes=[BUY]))
    assert "*Affected*\nabout 1,730 requests missing in 24 min · POST /buy" in shown(of(missing))


def test_once_it_is_over_it_says_how_bad_it_was_and_withdrawn_nothing() -> None:
    over = of(failing(state="end"), state="resolved", end=T0)
    assert "CRITICAL · 41 % of requests failed" in shown(over)
    assert "Severity" not in shown(replace(over, state="withdrawn"))


def test_a_name_of_a_route_is_no_markup() -> None:
    evil = scope("route", "<!channel> *x* " + "y" * 200)
    text = shown(of(failing(affected=Affected(requests=98, seconds=600, routes=[evil]))))
    assert "<!channel>" not in text


def test_a_terminal_and_a_report_say_it_too(tmp_path: Path) -> None:
    one = of(failing())
    written = io.StringIO()
    Terminal(Console(file=written), ZONE).show(page(one), at=T0, incident=one)
    assert "Severity: CRITICAL · 41 % of requests fail\n" in written.getvalue()
    reported = [replace(one, alerted=T0, sent="page")]
    write_report(tmp_path / "r.html", reported, [notice(*reported)], Renderer(LINKS, ZONE))
    html = (tmp_path / "r.html").read_text("utf-8")
    assert "Severity" in html
    assert "CRITICAL" in html
    assert "41 % of requests fail" in html
    assert "98 requests in 10 min · POST /buy" in html


def test_the_worst_of_a_flood_stand_first() -> None:
    mild = [replace(of(finding(TABLE, score=0.9999)), id=f"{number:02}") for number in range(30)]
    flood: Message = Renderer(LINKS, ZONE)(
        dispatch(notice(mild[0]), Form.FLOOD, of_flood=[*mild, of(failing(score=0.6))])
    )
    assert "POST /buy" in said(flood)
    rows = [row for row in said(flood).splitlines() if row.startswith("*SPIKE*")]
    assert rows[0].endswith(" · CRITICAL")
    assert rows[1].endswith(" · LOW")


@pytest.mark.parametrize("words", LANGUAGES, ids=lambda words: words.locale)
@pytest.mark.parametrize("over", [False, True])
def test_every_reason_has_its_phrase(words: Phrases, over: bool) -> None:
    said_of = [
        words.incident.severity(Severity(level, harm, share), over=over)
        for harm in Harm
        for level, share in ((Grade.HIGH, 0.4), (Grade.LOW, 0.0))
    ]
    assert all(" · " in text and len(text) < 60 for text in said_of)
