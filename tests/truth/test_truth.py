"""Nothing untrue is told: of drawn worlds, every figure and every word is compared with the raw events."""

import os
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import pytest

from alerting.incidents.notice import Action
from alerting.messages.incident_answer import KnownIncident
from alerting.messages.incident_markdown import IncidentMarkdown
from alerting.messages.render import Renderer
from alerting.words.locales import LANGUAGES
from config.links import Links
from config.settings import Settings
from detectors.model.scope import Scope
from tests.alerting.message_makers import said
from tests.truth.assistant import listed
from tests.truth.board import LIMITS, told
from tests.truth.facts import claims_in, facts_in, facts_of
from tests.truth.oracle import Oracle
from tests.truth.worlds import World, drawn

SETTINGS: Final = Settings.model_validate(
    {
        "judge": {"young": 2 * 3600},
        "limits": {"tables": {name: {"wcu": limit} for name, limit in LIMITS.items()}},
    }
)
FIGURES: Final = 2_000  # of a board that can be recomputed, at least
WORLDS: Final = int(os.environ.get("UNERI_TRUTH", "1"))  # `make truth` draws a thousand


def untrue(world: World, place: Path) -> list[str]:
    """Return what is told of a world and is not so."""
    oracle = Oracle(world)
    found: list[str] = []
    renderers = [Renderer(Links(SETTINGS.links), ZoneInfo("UTC"), words) for words in LANGUAGES]
    all_ = told(world, place, SETTINGS)
    for notice in all_.notices:
        if notice.action is Action.DIGEST or notice.incident.state == "withdrawn":
            continue
        incident = notice.incident
        found += oracle.untrue(facts_of(incident))
        for render in renderers:
            text = said(render(notice))
            document = IncidentMarkdown(render.links, render.words, render.zone).document
            text += "\n" + document(KnownIncident(incident, notice.at)).markdown  # and reports
            found += oracle.untrue(facts_in(text, incident.primary, render.words.locale))
            found += oracle.misleading(claims_in(text, incident.primary))
        if isinstance(incident.primary.about, Scope):
            found += oracle.untrue(facts_in(listed(notice), incident.primary, "en"))
        found += oracle.mistaken(incident)
        found += oracle.innocent(incident)
    for moment in all_.moments:
        facts = [fact for fact in moment.facts() if oracle.knows(fact)]
        assert len(facts) > FIGURES, "the board must show something"
        found += oracle.untrue(facts)
        found += moment.stale()
    return list(dict.fromkeys(found))


@pytest.mark.parametrize("seed", range(WORLDS))
def test_nothing_untrue_is_told_of_a_drawn_world(seed: int, tmp_path: Path) -> None:
    found = untrue(drawn(seed), tmp_path)
    assert not found, "\n".join(found[:20])
