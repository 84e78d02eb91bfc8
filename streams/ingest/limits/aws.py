"""Reads limits from AWS, each service in every region of every account. Lists are read to their last page."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionError,  # noqa: A004  # botocore's own
    HTTPClientError,
    NoCredentialsError,
    ProfileNotFound,
)

from config.settings import AwsSettings
from streams.ingest.limits.reading import AwsError, FoundLimit, PartReading

SELF: Final = "self"
SESSION_NAME: Final = "uneri-limits"

_CLIENTS: Final = Config(
    retries={"mode": "standard", "total_max_attempts": 8},  # throttled calls are repeated, ever later
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

    A refusal is an error of that part and leaves the others alone. ``progress`` is called with account,
    region and service before each part.

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
        raise AwsError(describe_error(error)) from error
    accounts = [
        _own_account(own, regions[0]) if role == SELF else _assumed(own, role, aws.external_id, regions[0])
        for role in dict.fromkeys(aws.roles or [SELF])
    ]
    return accounts, regions


def _own_account(own: Any, region: str) -> AwsAccount:
    try:
        identity = own.client("sts", region_name=region, config=_CLIENTS).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise AwsError(describe_error(error)) from error
    return AwsAccount(identity["Account"], own)


def _assumed(own: Any, role: str, external_id: str | None, region: str) -> AwsAccount:
    account = role.split(":")[4]
    more = {} if external_id is None else {"ExternalId": external_id}
    try:
        sts = own.client("sts", region_name=region, config=_CLIENTS)
        lent = sts.assume_role(RoleArn=role, RoleSessionName=SESSION_NAME, **more)["Credentials"]
    except (BotoCoreError, ClientError) as error:
        return AwsAccount(account, None, f"{role}: {describe_error(error)}")
    session = boto3.Session(lent["AccessKeyId"], lent["SecretAccessKey"], lent["SessionToken"])
    return AwsAccount(account, session)


def _read_part(
    account: AwsAccount, region: str, service: str, progress: Callable[[str, str, str], None]
) -> PartReading:
    if account.error:
        return PartReading(account.account, region, service, error=account.error)
    progress(account.account, region, service)

    def client(name: str) -> Any:
        return account.session.client(name, region_name=region, config=_CLIENTS)

    try:
        found = tuple(_unique(SERVICES[service](client)))
    except (BotoCoreError, ClientError) as error:
        return PartReading(account.account, region, service, error=describe_error(error))
    return PartReading(account.account, region, service, found)


def _unique(found: Iterable[FoundLimit]) -> Iterator[FoundLimit]:
    """Leave out repeats: AWS may list an entry that changes meanwhile on two pages."""
    seen = set()
    for limit in found:
        key = limit.kind, limit.name, limit.measure
        if key not in seen:
            seen.add(key)
            yield limit


_DENIED: Final = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "ForbiddenException"}
_THROTTLED: Final = {
    "Throttling", "ThrottlingException", "ThrottledException", "TooManyRequestsException",
    "RequestLimitExceeded", "LimitExceededException", "ProvisionedThroughputExceededException",
}  # fmt: skip
_STALE: Final = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_UNKNOWN: Final = {
    "InvalidClientTokenId", "UnrecognizedClientException", "AuthFailure", "SignatureDoesNotMatch",
    "InvalidSignatureException",
}  # fmt: skip

_ACTION_OF: Final = {
    "DescribeScalableTargets": "application-autoscaling:DescribeScalableTargets",
    "DescribeLimits": "dynamodb:DescribeLimits",
    "DescribeTable": "dynamodb:DescribeTable",
    "ListTables": "dynamodb:ListTables",
    "GetAccountSettings": "lambda:GetAccountSettings",
    "GetFunctionConcurrency": "lambda:GetFunctionConcurrency",
    "ListFunctions": "lambda:ListFunctions",
    "ListServiceQuotas": "servicequotas:ListServiceQuotas",
    "AssumeRole": "sts:AssumeRole",
    "GetCallerIdentity": "sts:GetCallerIdentity",
}
"""The action that a policy must allow, by operation; API Gateway has one for all that reads."""


def action_of(operation: str) -> str:
    """Return the action that a policy must allow for an operation.

    Examples
    --------
    >>> action_of("ListTables"), action_of("GetRestApis")
    ('dynamodb:ListTables', 'apigateway:GET')
    """
    return _ACTION_OF.get(operation, "apigateway:GET")


def describe_error(error: BotoCoreError | ClientError) -> str:
    """Return one line: the error and the remedy."""
    if isinstance(error, ClientError):
        return _refused(error)
    if isinstance(error, NoCredentialsError):
        return "no AWS credentials were found; set AWS_PROFILE, or give the machine or the pod a role"
    if isinstance(error, ProfileNotFound):
        return f"{_line(error)}; correct AWS_PROFILE"
    if isinstance(error, ConnectionError | HTTPClientError):
        return f"AWS does not answer ({_line(error)}); check the region, the network and its proxy"
    return f"{_line(error)}; check the credentials and the region"


def _refused(error: ClientError) -> str:
    code = error.response.get("Error", {}).get("Code", "")
    action = action_of(error.operation_name)
    if code in _DENIED:
        if action == "sts:AssumeRole":
            return f"access denied: {action}; allow it, and let the role trust this account (docs/limits.md)"
        return f"access denied: {action}; add it to the policy of the role (docs/limits.md)"
    if code in _THROTTLED:
        return f"throttled: {action} was refused {_attempts(error)} times in a row; try again later"
    if code in _STALE:
        return f"the credentials have expired ({code}); renew them"
    if code in _UNKNOWN:
        return f"AWS does not know the credentials ({code}); renew them, or enable the region for the account"
    return f"{action}: {_line(error)}; try again later"


def _attempts(error: ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("RetryAttempts", 0)) + 1


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")


OpenClient = Callable[[str], Any]
"""Opens a client of boto3 by the name of its service."""

QUOTAS_OF: Final = ("apigateway", "dynamodb", "lambda")
_ON_DEMAND: Final = "PAY_PER_REQUEST"


def dynamodb(client: OpenClient) -> Iterator[FoundLimit]:
    """Yield the capacity of tables and indexes, and the limits of the account.

    The capacity of a table is the maximum of its autoscaling, else its provisioned capacity; on demand, its
    own maximum, else that of any table of the account.
    """
    tables = client("dynamodb")
    most = tables.describe_limits()
    for key, measure in (("Read", "rcu"), ("Write", "wcu")):
        for scope, name in (("Account", "all tables"), ("Table", "any table")):
            value = most[f"{scope}Max{key}CapacityUnits"]
            yield FoundLimit("account", name, measure, float(value), "account limit")
    scaled = _autoscaled(client("application-autoscaling"))
    for page in tables.get_paginator("list_tables").paginate():
        for name in page["TableNames"]:
            try:
                table = tables.describe_table(TableName=name)["Table"]
            except tables.exceptions.ResourceNotFoundException:
                continue  # deleted meanwhile
            on_demand = table.get("BillingModeSummary", {}).get("BillingMode") == _ON_DEMAND
            for kind, label, resource, part in _throughputs(name, table):
                for key, measure in (("Read", "rcu"), ("Write", "wcu")):
                    value, source = _capacity(part, key, on_demand, scaled.get((resource, key)), most)
                    yield FoundLimit(kind, label, measure, float(value), source)


def _throughputs(name: str, table: Mapping[str, Any]) -> Iterator[tuple[str, str, str, Mapping[str, Any]]]:
    yield "table", name, f"table/{name}", table
    for index in table.get("GlobalSecondaryIndexes", ()):
        label = f"{name}/{index['IndexName']}"
        yield "index", label, f"table/{name}/index/{index['IndexName']}", index


def _capacity(
    part: Mapping[str, Any], key: str, on_demand: bool, scaled: int | None, most: Mapping[str, Any]
) -> tuple[float, str]:
    if on_demand:
        own = part.get("OnDemandThroughput", {}).get(f"Max{key}RequestUnits", -1)
        return (
            (own, "on-demand maximum") if own > 0 else (most[f"TableMax{key}CapacityUnits"], "account limit")
        )
    if scaled is not None:
        return scaled, "autoscaling maximum"
    return part.get("ProvisionedThroughput", {}).get(f"{key}CapacityUnits", 0), "provisioned"


def _autoscaled(client: Any) -> dict[tuple[str, str], int]:
    found = {}
    for page in client.get_paginator("describe_scalable_targets").paginate(ServiceNamespace="dynamodb"):
        for target in page["ScalableTargets"]:
            key = "Read" if target["ScalableDimension"].endswith("ReadCapacityUnits") else "Write"
            found[target["ResourceId"], key] = target["MaxCapacity"]
    return found


def lambda_(client: OpenClient) -> Iterator[FoundLimit]:
    """Yield the concurrency of the account, and that reserved by functions."""
    functions = client("lambda")
    settings = functions.get_account_settings()["AccountLimit"]
    whole, rest = settings["ConcurrentExecutions"], settings["UnreservedConcurrentExecutions"]
    yield FoundLimit("account", "all functions", "concurrency", float(whole), "account limit")
    yield FoundLimit("account", "functions without reservation", "concurrency", float(rest), "account limit")
    if whole == rest:
        return  # nothing is reserved: not a call per function
    for page in functions.get_paginator("list_functions").paginate():
        for function in page["Functions"]:
            name = function["FunctionName"]
            try:
                reserved = functions.get_function_concurrency(FunctionName=name)
            except functions.exceptions.ResourceNotFoundException:
                continue  # deleted meanwhile
            if (value := reserved.get("ReservedConcurrentExecutions")) is not None:
                yield FoundLimit("function", name, "concurrency", float(value), "reserved")


def apigateway(client: OpenClient) -> Iterator[FoundLimit]:
    """Yield the throttles of the account, of the stages of its APIs, and of usage plans."""
    rest = client("apigateway")
    of_account = rest.get_account().get("throttleSettings", {})
    yield from _throttle("account", "all APIs", of_account, "account limit")
    for page in rest.get_paginator("get_rest_apis").paginate():
        for api in page["items"]:
            yield from _rest_stages(rest, api)
    for page in rest.get_paginator("get_usage_plans").paginate():
        for plan in page["items"]:
            yield from _throttle("api", f"plan {plan['name']}", plan.get("throttle", {}), "usage plan")
    http = client("apigatewayv2")
    for page in http.get_paginator("get_apis").paginate():
        for api in page["Items"]:
            yield from _http_stages(http, api)


def _rest_stages(rest: Any, api: Mapping[str, Any]) -> Iterator[FoundLimit]:
    for stage in rest.get_stages(restApiId=api["id"]).get("item", ()):
        for path, method in stage.get("methodSettings", {}).items():
            # "*/*" is every method; others are "~1items/GET"
            at = "" if path == "*/*" else " " + path.replace("~1", "/")
            name = f"{api['name']}/{stage['stageName']}{at}"
            rate, burst = method.get("throttlingRateLimit", -1), method.get("throttlingBurstLimit", -1)
            yield from _throttle("api", name, {"rateLimit": rate, "burstLimit": burst}, "stage")


def _http_stages(http: Any, api: Mapping[str, Any]) -> Iterator[FoundLimit]:
    for page in http.get_paginator("get_stages").paginate(ApiId=api["ApiId"]):
        for stage in page["Items"]:
            of = stage.get("DefaultRouteSettings", {})
            rate, burst = of.get("ThrottlingRateLimit", -1), of.get("ThrottlingBurstLimit", -1)
            name = f"{api['Name']}/{stage['StageName']}"
            yield from _throttle("api", name, {"rateLimit": rate, "burstLimit": burst}, "stage")


def _throttle(kind: str, name: str, settings: Mapping[str, float], source: str) -> Iterator[FoundLimit]:
    for key, measure in (("rateLimit", "rate"), ("burstLimit", "burst")):
        value = settings.get(key, -1)
        if value >= 0:  # -1: none of its own
            yield FoundLimit(kind, name, measure, float(value), source)


def servicequotas(client: OpenClient) -> Iterator[FoundLimit]:
    """Yield the quotas of the services above, as applied to the account."""
    quotas = client("service-quotas")
    for service in QUOTAS_OF:
        for page in quotas.get_paginator("list_service_quotas").paginate(ServiceCode=service):
            for quota in page["Quotas"]:
                name = f"{service}/{quota['QuotaCode']} {quota['QuotaName']}"
                yield FoundLimit("quota", name, "quota", float(quota["Value"]), quota.get("Unit", ""))


SERVICES: Final[dict[str, Callable[[OpenClient], Iterator[FoundLimit]]]] = {
    "dynamodb": dynamodb,
    "lambda": lambda_,
    "apigateway": apigateway,
    "servicequotas": servicequotas,
}
"""The readers, by service."""
