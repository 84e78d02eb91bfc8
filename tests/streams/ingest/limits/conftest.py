"""Tests of limits talk to an AWS on this machine, with made-up keys, and to no other."""

from collections.abc import Iterator

import pytest

from tests.streams.ingest.limits.aws_standin import AwsStandin, no_other_aws


@pytest.fixture(scope="module")
def _server() -> Iterator[AwsStandin]:
    with pytest.MonkeyPatch.context() as patch:
        no_other_aws(patch)
        server = AwsStandin()
        yield server
        server.close()


@pytest.fixture
def aws(_server: AwsStandin, monkeypatch: pytest.MonkeyPatch) -> AwsStandin:
    """Return an AWS without anything in it."""
    no_other_aws(monkeypatch)
    monkeypatch.setenv("AWS_ENDPOINT_URL", _server.url)
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)  # between retries
    _server.reset()
    return _server
