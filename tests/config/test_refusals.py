"""Every mistake in a configuration is a line with its place, what is wrong, and the remedy."""

import re

import pytest

from tests.config.refusals import Case, mistakes_in, reviewed

LINE = re.compile(r"uneri\.yaml:\d+:\d+: .+?; .+")


@pytest.mark.parametrize(("heading", "cases"), reviewed().items(), ids=lambda found: str(found)[:60])
def test_mistakes_are_those_that_were_reviewed(heading: str, cases: list[Case]) -> None:
    assert heading
    for case in cases:
        assert mistakes_in(case.text) == case.mistakes, case.text


@pytest.mark.parametrize(("heading", "cases"), reviewed().items(), ids=lambda found: str(found)[:60])
def test_a_mistake_has_a_place_and_a_remedy_and_shows_no_secret(heading: str, cases: list[Case]) -> None:
    assert {bool(case.mistakes) for case in cases} == {not heading.endswith("(valid)")}
    for line in (line for case in cases for line in case.mistakes):
        assert LINE.fullmatch(line), line
        assert line.isprintable(), line
        assert "canary" not in line


def test_a_mistake_in_the_last_line_is_the_same_without_a_line_break() -> None:
    (line,) = mistakes_in("slack:\n  channel: #cats")
    assert line.endswith('is empty; text after # is a comment: write "#cats" in quotes')
