"""A page says how bad it is and who is hurt, in both languages and wherever it is shown."""

import io
from pathlib import Path

from msgspec.structs import replace
from rich.console import Console

from alerting.messages.render import Renderer
from alerting.report.report import write_report
from alerting.sinks.terminal import Terminal
from tests.alerting.given import T0
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
