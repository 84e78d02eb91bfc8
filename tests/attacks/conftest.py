"""Fixtures of the attacks: both drivers, and a Slack that can misbehave."""

from collections.abc import Iterator

import pytest

from tests.alerting.slack_standin import SlackStandin, in_a_thread


@pytest.fixture
def slack() -> Iterator[SlackStandin]:
    with in_a_thread(SlackStandin()) as standin:
        yield standin


@pytest.fixture(params=["embedded", "kafka"])
def broker(request: pytest.FixtureRequest) -> str | None:
    """The broker's address for the driver ``kafka``, None for ``embedded``: the test runs with both."""
    return None if request.param == "embedded" else request.getfixturevalue("kafka")
