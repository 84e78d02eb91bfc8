"""The limits of each service of AWS in one account and region. Lists are read to their last page."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from streams.ingest.limits.reading import FoundLimit

OpenClient = Callable[[str], Any]
"""Opens a client of boto3 by the name of its service."""

QUOTAS_OF: Final = ("apigateway", "dynamodb", "lambda")
_ON_DEMAND: Final = "PAY_PER_REQUEST"


def dynamodb(client: OpenClient) -> Iterator[FoundLimit]:
    """Yield the capacity of tables and indexes, and what the account may have at most.

    What a table can reach: the maximum of its autoscaling, else its provisioned capacity; on demand, the
    maximum it was given, else that of any table of the account.
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
    """Yield kind, label, resource of autoscaling, and description of a table and its indexes."""
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
    """Return the maxima of autoscaling, by resource and ``Read`` or ``Write``."""
    found = {}
    for page in client.get_paginator("describe_scalable_targets").paginate(ServiceNamespace="dynamodb"):
        for one in page["ScalableTargets"]:
            key = "Read" if one["ScalableDimension"].endswith("ReadCapacityUnits") else "Write"
            found[one["ResourceId"], key] = one["MaxCapacity"]
    return found


def lambda_(client: OpenClient) -> Iterator[FoundLimit]:
    """Yield the concurrency of the account, and what functions have reserved of it."""
    functions = client("lambda")
    settings = functions.get_account_settings()["AccountLimit"]
    whole, rest = settings["ConcurrentExecutions"], settings["UnreservedConcurrentExecutions"]
    yield FoundLimit("account", "all functions", "concurrency", float(whole), "account limit")
    yield FoundLimit("account", "functions without reservation", "concurrency", float(rest), "account limit")
    if whole == rest:
        return  # nothing is reserved: not a call per function
    for page in functions.get_paginator("list_functions").paginate():
        for one in page["Functions"]:
            name = one["FunctionName"]
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
            for one in page["Quotas"]:
                name = f"{service}/{one['QuotaCode']} {one['QuotaName']}"
                yield FoundLimit("quota", name, "quota", float(one["Value"]), one.get("Unit", ""))


SERVICES: Final[dict[str, Callable[[OpenClient], Iterator[FoundLimit]]]] = {
    "dynamodb": dynamodb,
    "lambda": lambda_,
    "apigateway": apigateway,
    "servicequotas": servicequotas,
}
"""What is read, by the service that is asked."""
