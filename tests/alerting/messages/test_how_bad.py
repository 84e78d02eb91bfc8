"""A page says how bad it is and who is hurt, in both languages and wherever it is shown."""

import io
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console

from alerting.messages.render import Renderer
from alerting.report.report import write_report
from alerting.sinks.terminal import Terminal
from alerting.words.locales import LANGUAGES
from alerting.words.phrases import Phrases
from detectors.model.finding import Verdict
from tests.alerting.given import T0, finding, incident, scope, table_finding
from tests.alerting.message_makers import LINKS, ZONE, notice, page
from tests.alerting.messages.made_incidents import about, purchases


def test_a_terminal_and_a_report_say_it_too(tmp_path: Path) -> None:
    one = about(purchases())
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


@pytest.mark.parametrize("words", LANGUAGES)
def test_who_is_called_again_reads_of_what_is_severe_and_not_of_what_took_it_in(words: Phrases) -> None:
    gone = finding(scope("service", "shop"), "gone", verdict=Verdict.ABSENCE)
    one = replace(incident(table_finding()), members=[gone])
    line = words.incident.milestone("escalated", one, "", is_now=True)
    assert "shop" in line
    assert "items" not in line
