"""Metrics of CloudWatch that are levels (concurrency, capacity, quotas, cost), and their names here.

Metrics that count requests, their errors or their time are not among them: requests themselves are counted.
"""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from streams.engine.decode.event import ScopeName
from streams.ingest.formats.skipped import SkippedError

Statistic = Literal["max", "sum", "average", "a second"]

PERIOD: Final = 60.0
"""Seconds that a metric of a stream sums up."""


class KeptMetric(NamedTuple):
    """What a metric is kept as: about what, which of its statistics, and its limit if that is always one."""

    name: str
    of: ScopeName
    statistic: Statistic
    unit: str | None = None
    limit: float | None = None


class _Known(NamedTuple):
    name: str
    statistic: Statistic = "max"
    unit: str = "1"
    limit: float | None = None


_PERCENT: Final = 100.0

_KNOWN: Final[dict[str, dict[str, _Known]]] = {
    "AWS/Lambda": {
        "ConcurrentExecutions": _Known("lambda.concurrent_executions"),
        "UnreservedConcurrentExecutions": _Known("lambda.unreserved_concurrent_executions"),
        "ClaimedAccountConcurrency": _Known("lambda.claimed_account_concurrency"),
        "ProvisionedConcurrentExecutions": _Known("lambda.provisioned_concurrent_executions"),
        "ProvisionedConcurrencyUtilization": _Known("lambda.provisioned_concurrency_utilization", limit=1.0),
        "IteratorAge": _Known("lambda.iterator_age", unit="ms"),
        "AsyncEventAge": _Known("lambda.async_event_age", unit="ms"),
    },
    "AWS/DynamoDB": {
        "AccountMaxReads": _Known("dynamodb.account_max_reads"),
        "AccountMaxWrites": _Known("dynamodb.account_max_writes"),
        "AccountMaxTableLevelReads": _Known("dynamodb.account_max_table_reads"),
        "AccountMaxTableLevelWrites": _Known("dynamodb.account_max_table_writes"),
        "AccountProvisionedReadCapacityUtilization": _Known(
            "dynamodb.account_provisioned_read_utilization", unit="%", limit=_PERCENT
        ),
        "AccountProvisionedWriteCapacityUtilization": _Known(
            "dynamodb.account_provisioned_write_utilization", unit="%", limit=_PERCENT
        ),
        "MaxProvisionedTableReadCapacityUtilization": _Known(
            "dynamodb.max_table_read_utilization", unit="%", limit=_PERCENT
        ),
        "MaxProvisionedTableWriteCapacityUtilization": _Known(
            "dynamodb.max_table_write_utilization", unit="%", limit=_PERCENT
        ),
        "ProvisionedReadCapacityUnits": _Known("dynamodb.provisioned_read_units"),
        "ProvisionedWriteCapacityUnits": _Known("dynamodb.provisioned_write_units"),
        "OnDemandMaxReadRequestUnits": _Known("dynamodb.on_demand_max_read_units"),
        "OnDemandMaxWriteRequestUnits": _Known("dynamodb.on_demand_max_write_units"),
        "ConsumedReadCapacityUnits": _Known("dynamodb.consumed_read_units", "a second", "1/s"),
        "ConsumedWriteCapacityUnits": _Known("dynamodb.consumed_write_units", "a second", "1/s"),
    },
}

_FUNCTION: Final = ("FunctionName", "function_name", "function")
_TABLE: Final = ("TableName", "table_name", "table")
_SERVICE: Final = ("service", "Service", "ServiceName", "service_name")
_INDEX: Final = "GlobalSecondaryIndexName"


def level_of(
    namespace: str, metric: str, dimensions: Mapping[str, str], unit: str | None, account: str
) -> KeptMetric:
    """Return what a metric is kept as.

    A metric comes once for each set of its dimensions; one that names more than a scope would be kept under
    the same name as its sum, so it is skipped.

    Raises
    ------
    SkippedError
        When it is no level, or has dimensions that are no scope.

    Examples
    --------
    >>> level = level_of("AWS/Lambda", "ConcurrentExecutions", {}, "Count", "123456789012")
    >>> level.name, level.of.kind, level.statistic
    ('lambda.concurrent_executions', 'account', 'max')
    """
    whole = ScopeName("account", account)
    match namespace:
        case "AWS/Billing":
            return _cost(metric, dimensions, whole)
        case "AWS/Usage":
            return _usage(metric, dimensions, whole)
        case _ if namespace.startswith("AWS/"):
            known = _KNOWN.get(namespace, {}).get(metric)
            if known is None:
                raise SkippedError("another metric")
            rest = dict(dimensions)
            index = rest.pop(_INDEX, None)
            name = f"{known.name}/{index}" if index else known.name
            return KeptMetric(name, _scope(rest, whole), known.statistic, known.unit, known.limit)
        case _:
            of = _scope(dimensions, whole)
            return KeptMetric(f"{namespace}/{metric}", of, "sum" if unit == "1" else "average", unit)


def _scope(dimensions: Mapping[str, str], whole: ScopeName) -> ScopeName:
    """Return the narrowest scope that dimensions name, if they name nothing else."""
    function, table, service = (
        next((dimensions[key] for key in keys if key in dimensions), None)
        for keys in (_FUNCTION, _TABLE, _SERVICE)
    )
    named = sum(name is not None for name in (function, table, service))
    if named < len(dimensions) or (function and table):
        raise SkippedError("other dimensions")
    if function:
        return ScopeName("function", function)
    if table:
        return ScopeName("table", table)
    return ScopeName("service", service) if service else whole


def _cost(metric: str, dimensions: Mapping[str, str], whole: ScopeName) -> KeptMetric:
    if metric != "EstimatedCharges":
        raise SkippedError("another metric")
    of, name = whole, "cost.estimated_charges"
    match sorted(dimensions):
        case ["Currency"]:
            pass
        case ["Currency", "LinkedAccount"]:
            of = ScopeName("account", dimensions["LinkedAccount"])
        case ["Currency", "ServiceName"]:
            name = f"{name}/{dimensions['ServiceName']}"
        case _:
            raise SkippedError("other dimensions")
    return KeptMetric(name, of, "max", dimensions["Currency"])


def _usage(metric: str, dimensions: Mapping[str, str], whole: ScopeName) -> KeptMetric:
    """Return how much of a service quota is used: Service Quotas has the limits under the same names."""
    service, resource = dimensions.get("Service"), dimensions.get("Resource")
    if not (service and resource):
        raise SkippedError("other dimensions")
    name = f"usage/{service}/{resource}"
    match metric:
        case "ResourceCount":
            return KeptMetric(name, whole, "max", "1")
        case "CallCount":
            return KeptMetric(name, whole, "a second", "1/s")
        case _:
            raise SkippedError("another metric")
