"""What tests of the senders share: one DynamoDB."""

from collections.abc import Iterator

import pytest

from tests.senders.dynamo import Dynamo, dynamo

collect_ignore = ["functions"]  # loaded in processes of their own


@pytest.fixture(scope="package")
def served() -> Iterator[Dynamo]:
    with dynamo() as found:
        yield found


@pytest.fixture
def store(served: Dynamo) -> Dynamo:
    """Return a DynamoDB of which nothing was asked yet."""
    served.hot.clear()
    served.asked.clear()
    served.without_reasons = False
    return served
