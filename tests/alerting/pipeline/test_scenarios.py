"""Plays each scenario of ``scenarios``, with and without restarts."""

from pathlib import Path

import pytest

from tests.alerting.pipeline.scenario_language import Scenario, ScenarioError, parse, read
from tests.alerting.pipeline.scenario_stage import ScenarioFailed, play

FOLDER = Path(__file__).parent / "scenarios"
SCENARIOS = [scenario for path in sorted(FOLDER.glob("*.txt")) for scenario in read(path)]


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
async def test_people_see_what_the_scenario_expects(scenario: Scenario) -> None:
    await play(scenario)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=[scenario.name for scenario in SCENARIOS])
async def test_people_see_the_same_when_the_process_dies_again_and_again(scenario: Scenario) -> None:
    await play(scenario, restarting=True)


PAGE = "scenario: a page\nat 0: finding spike table items wcu 41 expected 8.2\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("at 0: expect nothing", "s.txt:1: the first line of a scenario is"),
        ("scenario: a\n\n# b\nfoo: bar", "s.txt:4: expected scenario, settings, starts or at, not 'foo'"),
        ("scenario: a\nwhatever", "s.txt:2: expected 'keyword: …'"),
        ("scenario: a\nat soon: expect nothing", "s.txt:2: 'soon' is not a time"),
        ("scenario: a\nat 5: expect nothing", "s.txt:2: '5' is not a time"),
        ("scenario: a\nat 2 min: expect nothing\nat 90 s: expect nothing", "s.txt:3: this is earlier"),
        ("scenario: a\nat 0: tell items", "s.txt:2: 'tell items' does not begin with one of: finding"),
        ("scenario: a\nat 0: expect wonder", "s.txt:2: 'expect wonder': expect one of page"),
        ('scenario: a\nat 0: expect page "items', "s.txt:2: 'expect page \"items': No closing quotation"),
        ("scenario: a\nsettings: {notify: {flod: 3}}", "s.txt:2: invalid settings"),
        ("scenario: a\nsettings: {notify", "s.txt:2: invalid settings"),
        ("scenario: a\nstarts: monday", "s.txt:2: Invalid isoformat string"),
        (PAGE, "s.txt:1: the scenario 'a page' expects nothing"),
    ],
)
def test_a_line_that_cannot_be_read_is_named_with_what_is_wrong(text: str, said: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        list(parse(text, "s.txt"))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("at 0: finding spike table items", "write it like: finding VERDICT KIND NAME MEASURE VALUE"),
        ("at 0: finding wonder table items wcu 4", "'wonder' is not a verdict; known: spike"),
        ("at 0: finding spike tabel items wcu 4", "'tabel' is not a kind"),
        ("at 0: finding spike table items wcu 4 caller x", "'caller' is not one of account"),
        ("at 0: finding spike table items wcu 4 callers x", "callers are NAME SHARE"),
        ("at 0: finding spike table items wcu 4; finding items ends", "'ends' is not one of now"),
        ("at 0: press acknowledge items", "no incident about 'items' was reported"),
        ("at 0: silence table:items soon", "'soon' is not a duration"),
        ("at 0: slack 429 for ever", "for how long?"),
    ],
)
async def test_what_cannot_be_done_is_named_by_its_line(line: str, said: str) -> None:
    [scenario] = parse(f"scenario: a\n{line}\nat 1 min: expect nothing", "s.txt")
    with pytest.raises(ScenarioError) as caught:
        await play(scenario)
    assert str(caught.value).startswith("s.txt:2: ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "at 1 min: expect nothing",
            "unexpected:\n        0 s  page   #uneri  SPIKE · table items",
        ),
        ("at 1 min: expect thread Worsening", "missing thread"),
        ("at 1 min: expect page users", "missing page"),
        ("at 1 min: expect page items in #spare", "missing page"),
        ("at 1 min: expect page x2 items", "missing page (number 2)"),
        ("at 1 min: expect held items", "none of these matches:\n  none"),
        ("at 1 min: expect open resolved", "none of these matches:\n  open spike table items"),
        ("at 1 min: expect edit items", "missing edit"),
        ("at 1 min: expect page items; finding spike table users wcu 9 expected 1", "unexpected:"),
    ],
)
async def test_what_was_not_reported_as_expected_fails_with_what_people_saw(line: str, said: str) -> None:
    [scenario] = parse(f"{PAGE}{line}", "s.txt")
    with pytest.raises(ScenarioFailed) as caught:
        await play(scenario)
    assert str(caught.value).startswith("s.txt:3: at 60 s: ")
    assert said in str(caught.value)
    assert "seen until then:\n        0 s  page   #uneri  SPIKE · table items" in str(caught.value)


def test_there_are_enough_scenarios_with_names_of_their_own() -> None:
    names = [scenario.name for scenario in SCENARIOS]
    assert len(names) == len(set(names)) >= 40
