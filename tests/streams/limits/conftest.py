"""Tests of limits talk to an AWS on this machine, with made-up keys, and to no other."""

from collections.abc import Iterator

import pytest

from tests.streams.limits.aws_standin import REGION, AwsStandin


@pytest.fixture(scope="module")
def _server() -> Iterator[AwsStandin]:
    with pytest.MonkeyPatch.context() as patch:
        _no_other_aws(patch)
        server = AwsStandin()
        yield server
        server.close()


@pytest.fixture
def aws(_server: AwsStandin, monkeypatch: pytest.MonkeyPatch) -> AwsStandin:
    """Return an AWS without anything in it."""
    _no_other_aws(monkeypatch)
    monkeypatch.setenv("AWS_ENDPOINT_URL", _server.url)
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)  # between retries
    _server.reset()
    return _server


def _no_other_aws(patch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_REGION", "AWS_ROLE_ARN"):
        patch.delenv(name, raising=False)
    patch.setenv("AWS_ACCESS_KEY_ID", "testing")
    patch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    patch.setenv("AWS_DEFAULT_REGION", REGION)
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        patch.setenv(name, "/dev/null")
