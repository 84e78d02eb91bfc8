"""What was said once and was not so: one test for each sentence, on small worlds whose truth is known.

docs/untruths.md says which sentence each of them is about.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from alerting.commands.dispatch import Form, Line
from alerting.incidents.incident import Incident
from alerting.incidents.notice import Action, Notice
from alerting.messages.render import Renderer
from config.links import Links
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import Scope
from streams.engine.stages.engine import Engine
from tests.alerting.message_makers import dispatch, said
from tests.laws.arrivals import prompt
from tests.truth.board import SOURCE
from tests.truth.facts import MINUTE, Fact, Place, claims_in, facts_in, facts_of, rounding
from tests.truth.oracle import Oracle
from tests.truth.test_truth import SETTINGS
from tests.truth.worlds import CALLS, World, drawn

SEEDS: Final = {"rise": 0, "absence": 2, "outage": 3, "slow": 4, "added up": 11}
"""Worlds with more requests, none of a route, failures of all, and calls of twenty times the capacity."""

NUMBER: Final = r"([\d,]+(?:\.\d+)?)"


class Told(NamedTuple):
    """A notice, and all that people read of it: the message and the lines of its thread."""

    notice: Notice
    text: str

    @property
    def incident(self) -> Incident:
        """What it is about."""
        return self.notice.incident

    @property
    def about(self) -> Place:
        """What its figures are of."""
        return place(self.incident.primary)

    def rate(self, figure: str, seconds: int, until: int, within: float | None = None) -> Fact:
        """Return a rate that was read, as a fact about the seconds before a time."""
        measure = str(self.incident.primary.measure)
        within = rounding(figure, "rate") if within is None else within
        return Fact(self.text, "rate", self.about, measure, until - seconds, until, number(figure), within)


class Story(NamedTuple):
    """A world, and what is told of it."""

    oracle: Oracle
    told: list[Told]

    @property
    def world(self) -> World:
        """What happened."""
        return self.oracle.world

    def over(self) -> list[Told]:
        """Return what is told while its end is awaited, and of its end: two minutes and more after it."""
        return [of for of in self.told if of.notice.at > self.world.ends + 2 * MINUTE]


def place(of: Finding) -> Place:
    assert isinstance(of.about, Scope)
    return Place(of.about.kind, of.about.name, of.about.account)


def number(text: str) -> float:
    return float(text.replace(",", ""))


def slow(of: World) -> World:
    """Return a world in which each request calls as often as ever, and takes nine times as long."""
    inside = (of.ts >= of.begins) & (of.ts < of.ends) & (of.accounts == 0)
    times = np.where(inside, 9, 1)
    return of._replace(
        calls=np.array(CALLS)[of.routes],
        total_ms=(of.total_ms * times).round(3),
        function_ms=(of.function_ms * times).round(3),
    )


@cache
def story(name: str) -> Story:
    world = drawn(SEEDS[name])
    if name == "slow":
        world = slow(world)
    lines, engine = world.records(), Engine(SETTINGS, [SOURCE])
    notices = [*engine.feed(SOURCE, lines, prompt(lines)).notices, *engine.finish(SOURCE).notices]
    told = [Told(of, "\n".join(_texts(of))) for of in notices if of.action is not Action.DIGEST]
    assert told, "there must be something to tell"
    return Story(Oracle(world), told)


def silent(of: World) -> World:
    """Return a world in which no request of the first account comes while it lasts."""
    kept = (of.ts < of.begins) | (of.ts >= of.ends) | (of.accounts != 0)
    by_request = {name: rows[kept] for name, rows in of._asdict().items() if isinstance(rows, np.ndarray)}
    return of._replace(**by_request)


def second_by_second(world: World, since: float, until: float) -> Iterator[Notice]:
    """Yield what is told in a time, early evaluation included."""
    lines, engine = world.records(), Engine(SETTINGS, [SOURCE])
    fed = int(world.ts.searchsorted(since))
    engine.feed(SOURCE, lines[:fed], prompt(lines[:fed]))
    for now in np.arange(since, until) + 1.0:
        end = int(world.ts.searchsorted(now))
        yield from engine.feed(SOURCE, lines[fed:end], world.ts[fed:end]).notices
        yield from engine.evaluate_early(SOURCE, now).notices
        fed = end


def _texts(of: Notice) -> Iterator[str]:
    render = Renderer(Links(SETTINGS.links), ZoneInfo("UTC"))
    yield said(render(of))
    for milestone in of.milestones:
        line = Line(what=milestone.value, at=of.at)
        yield said(render(dispatch(of, Form.LINE, line=line)))


def test_while_the_end_of_a_rise_is_awaited_nothing_is_missing_and_nobody_calls_less() -> None:
    rise = story("rise")
    calm = [of for of in rise.over() if of.incident.primary.observed < of.incident.primary.expected]
    assert calm, "its newest minute is below the usual"
    for of in rise.told:
        assert list(rise.oracle.misleading(claims_in(of.text, of.incident.primary))) == []


def test_responses_take_as_many_times_as_long_as_they_did_in_its_span() -> None:
    slower = story("slow")
    world = slower.world
    inside = (world.ts >= world.begins) & (world.ts < world.ends)
    of_account = world.accounts == 0
    truth = np.quantile(world.total_ms[inside & of_account], 0.95) / np.quantile(
        world.total_ms[(world.ts < world.begins) & of_account], 0.95
    )
    told = [of for of in slower.over() if of.incident.primary.measure is Measure.LATENCY]
    assert told
    for of in told:
        [times] = re.findall(rf"responses (?:take|took) {NUMBER} times as long", of.text)
        title = of.text.splitlines()[0]
        [(percent, multiple)] = re.findall(rf"latency p95 (?:\+{NUMBER} %|{NUMBER}×)", title)
        for value in (number(times), number(multiple) if multiple else 1 + number(percent) / 100):
            assert value == pytest.approx(truth, rel=0.25), of.text


def test_an_absence_says_how_many_requests_are_missing_until_its_end() -> None:
    absence = story("absence")
    world = absence.world
    part = float((world.routes[world.ts < world.begins] == world.route).mean())
    for of in absence.told:
        [(missing, minutes)] = re.findall(rf"about {NUMBER} requests missing in (\d+) min", of.text)
        until = of.incident.primary.until
        usual = (
            world.usual(until - MINUTE * int(minutes), until) * part / 1.2
        )  # the other account has a fifth
        assert number(missing) == pytest.approx(usual, rel=0.2), of.text
    assert int(minutes) == pytest.approx((world.ends - world.begins) / MINUTE, abs=2)


@pytest.mark.variants
@pytest.mark.parametrize("name", ["rise", "absence", "outage", "added up"])
def test_what_callers_have_is_of_the_span_of_the_incident(name: str) -> None:
    of_callers = [
        fact for of in story(name).told for fact in facts_of(of.incident) if fact.said.startswith("caller of")
    ]
    assert len(of_callers) > len(story(name).told)
    assert list(story(name).oracle.untrue(of_callers)) == []


def test_the_part_of_requests_that_fails_is_of_what_the_message_is_about_or_of_what_it_names() -> None:
    outage = story("outage")
    for of in outage.told:
        primary = of.incident.primary
        failing = {f"{place(one).kind} {place(one).name}": one for one in of.incident.members if one.failures}
        read = re.findall(rf"{NUMBER} % of requests (?:of [^\n]+? )?fail(?:ed)?(?: \((\w+ \S+)\))?", of.text)
        assert len(read) > 1, "title and severity"
        for part, name in read:
            finding = failing.get(name, primary)
            assert finding.failures is not None
            value, until = finding.failures.requests * number(part) / 100, finding.until
            since, within = until - finding.failures.seconds, 0.0051 * finding.failures.requests
            fact = Fact(name, "count", place(finding), "errors_backend", since, until, value, within)
            assert list(outage.oracle.untrue([fact])) == []


@pytest.mark.parametrize("name", ["rise", "outage", "added up"])
def test_now_is_the_newest_minute(name: str) -> None:
    found = []
    for of in story(name).told:
        read = re.findall(rf"\*Now\*\n{NUMBER}|, {NUMBER} wcu/s now", of.text)
        found += [of.rate(one or other, MINUTE, of.notice.at) for one, other in read]
    assert found or name == "outage", "of failures, a count in minutes is said"
    assert list(story(name).oracle.untrue(found)) == []


def test_what_status_says_after_a_rise_is_of_its_span() -> None:
    rise = story("rise")
    open_ = [of for of in rise.over() if not of.incident.ended]
    assert open_
    for of in open_:
        sentence = of.incident.primary.sentence
        [(mean, minutes)] = re.findall(rf"averaged {NUMBER}/s over (\d+) minutes", sentence)
        fact = of.rate(mean, MINUTE * int(minutes), of.incident.primary.until)
        assert list(rise.oracle.untrue([fact])) == []
        assert of.incident.primary.until <= rise.world.ends + MINUTE


@pytest.mark.parametrize("name", ["rise", "outage", "added up"])
def test_affected_requests_are_those_of_the_incident_and_of_no_minute_after_it(name: str) -> None:
    told = story(name)
    for of in told.over():
        primary = of.incident.primary
        [(_, minutes)] = re.findall(rf"\*Affected\*\n{NUMBER} (?:requests?|calls?) in (\d+) min", of.text)
        lasted = (told.world.ends - told.world.begins) / MINUTE
        assert int(minutes) == pytest.approx(lasted, abs=2), of.text
        facts = list(facts_in(of.text, primary, "en"))
        assert "Affected" in " ".join(fact.said for fact in facts)
        assert list(told.oracle.untrue(facts)) == []


def test_errors_end_with_the_last_minute_that_has_some() -> None:
    outage = story("outage")
    last = outage.told[-1].incident
    assert last.state == "resolved"
    world, about = outage.world, outage.told[-1].about
    of_it = outage.oracle._of(about) & world.failed & (world.ts < world.ends)
    newest = float(world.ts[of_it][-1])
    assert last.primary_span[1] == MINUTE * (int(newest) // MINUTE + 1)


@pytest.mark.parametrize("name", ["rise", "added up"])
def test_the_multiple_in_a_title_is_of_its_span_and_not_of_its_highest_minute(name: str) -> None:
    told = story(name)
    furthest = 0.0
    for of in told.told:
        primary = of.incident.primary
        usual = primary.figures[1]
        assert primary.added_up is not None
        [(percent, multiple)] = re.findall(rf"wcu (?:\+{NUMBER} %|{NUMBER}×)", of.text.splitlines()[0])
        ratio = number(multiple) if multiple else 1 + number(percent) / 100
        fact = of.rate(
            str(ratio * usual), primary.added_up.seconds, primary.until, within=0.06 * usual * ratio
        )
        assert list(told.oracle.untrue([fact])) == []
        furthest = max(furthest, of.incident.peak / usual / ratio)
    assert furthest > 1.15, "the highest minute is further"


def test_failures_are_not_split_into_calls_and_what_each_takes() -> None:
    for of in story("outage").told:
        assert of.incident.primary.callers
        assert "per call" not in of.text
        assert "calls" not in of.text


def test_a_verdict_that_minutes_added_up_to_says_their_mean() -> None:
    told = story("added up")
    first = told.told[0]
    primary = first.incident.primary
    assert primary.added_up is not None
    assert primary.added_up.seconds > MINUTE, "one minute was not enough"
    facts = [fact for fact in facts_in(first.text, primary, "en") if fact.figure == "rate"]
    assert facts
    assert list(told.oracle.untrue(facts)) == []
    assert f"averaged {primary.figures[0]:.0f}/s over 2 minutes" in primary.sentence


def test_no_drop_is_told_of_an_account_before_its_absence() -> None:
    world = silent(drawn(SEEDS["absence"]))
    told = list(second_by_second(world, world.begins - 2 * MINUTE, world.begins + 6 * MINUTE))
    assert {of.incident.verdict for of in told} == {Verdict.ABSENCE}
    assert {of.incident.primary.about.kind for of in told} == {"account"}
