"""A page says how bad it is and who is hurt, in both languages and wherever it is shown."""

import io

import pytest
from msgspec.structs import replace
from rich.console import Console

from alerting.sinks.terminal import Terminal
from alerting.words.locales import LANGUAGES
from alerting.words.phrases import Phrases
from detectors.model.finding import Verdict
from tests.alerting.given import T0, finding, incident, scope, table_finding
from tests.alerting.message_makers import ZONE, page
from tests.alerting.messages.made_incidents import about, purchases


def test_a_terminal_says_it_too() -> None:
    one = about(purchases())
    written = io.StringIO()
    Terminal(Console(file=written), ZONE).show(page(one), at=T0, incident=one)
    assert "Severity: CRITICAL · 41 % of requests fail\n" in written.getvalue()
    assert "98 requests in 10 min · POST /buy" in written.getvalue()


@pytest.mark.parametrize("words", LANGUAGES)
def test_who_is_called_again_reads_of_what_is_severe_and_not_of_what_took_it_in(words: Phrases) -> None:
    gone = finding(scope("service", "shop"), "gone", verdict=Verdict.ABSENCE)
    one = replace(incident(table_finding()), members=[gone])
    line = words.incident.milestone("escalated", one, "", is_now=True)
    assert "shop" in line
    assert "items" not in line
