"""Fixtures of the attacks: both drivers, and a Slack that can misbehave."""

import pytest

from tests.main_job.conftest import slack

__all__ = ["broker", "slack"]


@pytest.fixture(params=["embedded", "kafka"])
def broker(request: pytest.FixtureRequest) -> str | None:
    """The broker's address for the driver ``kafka``, None for ``embedded``: the test runs with both."""
    return None if request.param == "embedded" else request.getfixturevalue("kafka")
