"""What late records change in a reported finding."""

import numpy as np
import pytest

from detectors.judge.evidence import Course, corrected
from detectors.model.finding import Finding, Verdict
from detectors.model.measures import Measure
from detectors.model.scope import Scope


def reported(verdict: Verdict = Verdict.DROP, observed: float = 2.0) -> Finding:
    return Finding(
        id="a",
        revision=1,
        state="update",
        verdict=verdict,
        scope=Scope("route", "aws", "1", "eu", "GET /items"),
        measure=Measure.REQUESTS,
        start=0,
        seen=300,
        observed=observed,
        expected=10.0,
        lower=8.0,
        upper=12.0,
        score=0.9,
        sentence="It fell.",
    )


def course(*observed: float) -> Course:
    of = np.array(observed)
    return Course(of, np.full(len(of), 10.0), np.full(len(of), 8.0), np.full(len(of), 12.0))


def test_a_fall_that_late_records_fill_up_is_withdrawn_and_says_why() -> None:
    found = corrected(reported(), course(9.8, 10.1, 9.5, 9.9), 2)
    assert found is not None
    assert found.state == "withdrawn"
    assert "records of route GET /items arrived late" in found.sentence
    assert "reached 10/s" in found.sentence


def test_what_is_left_of_a_fall_must_persist_as_a_new_one() -> None:
    one, two = (
        corrected(reported(), course(9.8, 3.0, 9.5), 2),
        corrected(reported(), course(9.8, 3.0, 4.0), 2),
    )
    assert one is not None
    assert one.state == "withdrawn"
    assert two is not None
    assert (two.state, two.observed) == ("update", 3.0)


def test_a_fall_of_which_less_than_a_third_is_left_is_withdrawn() -> None:
    found = corrected(reported(), course(7.5, 7.6, 7.7), 2)
    assert found is not None
    assert found.state == "withdrawn"


def test_a_finding_whose_worst_did_not_move_stands() -> None:
    assert corrected(reported(), course(2.0, 2.0, 9.0), 2) is None


@pytest.mark.parametrize("persist", [1, 2])
def test_a_rise_is_never_withdrawn_but_its_figures_change(persist: int) -> None:
    found = corrected(reported(Verdict.SPIKE, 40.0), course(11.0, 45.0, 50.0), persist)
    assert found is not None
    assert (found.state, found.observed, found.sentence) == ("update", 50.0, "It fell.")


def test_an_absence_stands_while_steps_without_a_request_are_left() -> None:
    absent = reported(Verdict.ABSENCE, 0.0)
    assert corrected(absent, course(np.nan, np.nan, 0.0), 2) is None
    found = corrected(absent, course(9.0, 0.1, 11.0), 2)
    assert found is not None
    assert found.state == "withdrawn"
