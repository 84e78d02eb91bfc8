"""The checks of limits: their file, and the accounts of AWS that they are read from."""

from collections.abc import Iterator

from config.load import ConfigError
from config.read_limits import read_limits_of
from config.settings import Settings
from streams.cli.check.result import CheckResult
from streams.ingest.limits.lines import summary, trouble
from streams.ingest.limits.reading import AwsError
from streams.process.extras import MissingExtraError, need


def check_limits(settings: Settings, now: float) -> Iterator[CheckResult]:
    """Check what limits are known at ``now`` (epoch seconds), and whether AWS lets them be read."""
    limits = settings.limits
    try:
        read = read_limits_of(settings)
    except ConfigError as error:
        yield CheckResult(False, f"limits: {error}")
        return
    if limits.file is not None:
        problems = trouble(read, now)
        known = [line for line in summary(limits, read, now) if line not in problems]
        yield CheckResult(None, f"limits: {', '.join(known)}")
        for line in problems:
            yield CheckResult(False, f"limits: {line}")
    if limits.aws is None:
        return
    try:
        need("boto3", "limits.aws")
        from streams.ingest.limits.aws import accounts_of  # noqa: PLC0415  # boto3 is an extra

        accounts, regions = accounts_of(limits.aws)
    except (AwsError, MissingExtraError) as error:
        yield CheckResult(False, f"limits: {error}")
        return
    for account in accounts:
        if account.error:
            yield CheckResult(False, f"limits: {account.error}")
        else:
            yield CheckResult(
                True, f"limits: AWS account {account.account} can be read ({', '.join(regions)})"
            )
