from collections.abc import Iterator

import pytest

from tests.alerting.slack_standin import SlackStandin, in_a_thread


@pytest.fixture
def slack() -> Iterator[SlackStandin]:
    with in_a_thread(SlackStandin()) as standin:
        yield standin
