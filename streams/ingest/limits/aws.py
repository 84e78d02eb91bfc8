"""Reads limits from AWS: every region of every account, each service on its own."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from config.settings import AwsSettings
from streams.ingest.limits.aws_errors import words_of
from streams.ingest.limits.aws_services import SERVICES
from streams.ingest.limits.reading import AwsError, FoundLimit, PartReading

SELF: Final = "self"
SESSION_NAME: Final = "uneri-limits"

_CLIENTS: Final = Config(
    retries={"mode": "standard", "total_max_attempts": 8},  # what AWS throttles is asked again, ever later
    connect_timeout=10,
    read_timeout=30,
    user_agent_extra="uneri",
)


class AwsAccount(NamedTuple):
    """An account and the way into it."""

    account: str
    session: Any  # boto3.Session
    error: str = ""  # why it cannot be read at all


def read_aws(
    aws: AwsSettings, progress: Callable[[str, str, str], None] = lambda *_: None
) -> list[PartReading]:
    """Read every service in every region of every account.

    What AWS refuses is an error of that part and leaves the others alone.

    Parameters
    ----------
    aws
        Regions and roles.
    progress
        Called with account, region and service before each part.

    Raises
    ------
    AwsError
        When nothing at all can be read: there are no credentials, or no region.
    """
    accounts, regions = accounts_of(aws)
    return [
        _read_part(account, region, service, progress)
        for account in accounts
        for region in regions
        for service in SERVICES
    ]


def accounts_of(aws: AwsSettings) -> tuple[list[AwsAccount], list[str]]:
    """Assume the roles; return the accounts and the regions to read in each.

    Raises
    ------
    AwsError
        When nothing at all can be read: there are no credentials, or no region.
    """
    try:
        own = boto3.Session()
        regions = list(dict.fromkeys(aws.regions)) or [own.region_name]
        if regions == [None]:
            raise AwsError("no region is set; name some in limits.aws.regions, or set AWS_REGION")
        if own.get_credentials() is None:
            raise AwsError(
                "no AWS credentials were found; set AWS_PROFILE, or give the machine or the pod a role"
            )
    except BotoCoreError as error:
        raise AwsError(words_of(error)) from error
    accounts = [
        _own_account(own, regions[0]) if role == SELF else _assumed(own, role, aws.external_id, regions[0])
        for role in dict.fromkeys(aws.roles or [SELF])
    ]
    return accounts, regions


def _own_account(own: Any, region: str) -> AwsAccount:
    try:
        identity = own.client("sts", region_name=region, config=_CLIENTS).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise AwsError(words_of(error)) from error
    return AwsAccount(identity["Account"], own)


def _assumed(own: Any, role: str, external_id: str | None, region: str) -> AwsAccount:
    account = role.split(":")[4]
    more = {} if external_id is None else {"ExternalId": external_id}
    try:
        sts = own.client("sts", region_name=region, config=_CLIENTS)
        lent = sts.assume_role(RoleArn=role, RoleSessionName=SESSION_NAME, **more)["Credentials"]
    except (BotoCoreError, ClientError) as error:
        return AwsAccount(account, None, f"{role}: {words_of(error)}")
    session = boto3.Session(lent["AccessKeyId"], lent["SecretAccessKey"], lent["SessionToken"])
    return AwsAccount(account, session)


def _read_part(
    one: AwsAccount, region: str, service: str, progress: Callable[[str, str, str], None]
) -> PartReading:
    if one.error:
        return PartReading(one.account, region, service, error=one.error)
    progress(one.account, region, service)

    def client(name: str) -> Any:
        return one.session.client(name, region_name=region, config=_CLIENTS)

    try:
        found = tuple(_unique(SERVICES[service](client)))
    except (BotoCoreError, ClientError) as error:
        return PartReading(one.account, region, service, error=words_of(error))
    return PartReading(one.account, region, service, found)


def _unique(found: Iterable[FoundLimit]) -> Iterator[FoundLimit]:
    """Leave out repeats: AWS may list what changes meanwhile on two pages."""
    seen = set()
    for limit in found:
        key = limit.kind, limit.name, limit.measure
        if key not in seen:
            seen.add(key)
            yield limit
