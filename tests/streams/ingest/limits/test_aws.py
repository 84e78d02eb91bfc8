"""Reading from AWS, part by part, and its messages when AWS refuses."""

from typing import Any

import pytest

from config.settings import AwsSettings
from streams.ingest.limits import aws as aws_module
from streams.ingest.limits.aws import SERVICES, read_aws
from streams.ingest.limits.reading import AwsError, PartReading
from tests.streams.ingest.limits.aws_standin import (
    OTHER,
    OWN,
    REGION,
    ROLE,
    AwsStandin,
    make_function,
    make_table,
)

Limits = dict[tuple[str, str, str], tuple[float, str]]


def read(*services: str, **settings: Any) -> list[PartReading]:
    """Read some services, or all: to open the clients of each takes long."""
    with pytest.MonkeyPatch.context() as patch:
        if services:
            patch.setattr(aws_module, "SERVICES", {name: SERVICES[name] for name in services})
        return read_aws(AwsSettings(**settings))


def limits_of(parts: list[PartReading], service: str, account: str = OWN, region: str = REGION) -> Limits:
    (found,) = (part.found for part in parts if part.key == (account, region, service))
    return {(limit.kind, limit.name, limit.measure): (limit.value, limit.source) for limit in found}


def errors_of(parts: list[PartReading]) -> dict[tuple[str, str, str], str]:
    return {part.key: part.error for part in parts if part.error}


def test_a_table_has_its_provisioned_capacity_and_so_have_its_indexes(aws: AwsStandin) -> None:
    index = {
        "IndexName": "by-id",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
        "ProvisionedThroughput": {"ReadCapacityUnits": 7, "WriteCapacityUnits": 3},
    }
    make_table(aws.client("dynamodb"), "items", rcu=50, wcu=20, GlobalSecondaryIndexes=[index])
    found = limits_of(read("dynamodb"), "dynamodb")
    assert found["table", "items", "rcu"] == (50, "provisioned")
    assert found["table", "items", "wcu"] == (20, "provisioned")
    assert found["index", "items/by-id", "rcu"] == (7, "provisioned")
    assert found["index", "items/by-id", "wcu"] == (3, "provisioned")
    assert found["account", "all tables", "rcu"] == (20_000, "account limit")


def test_autoscaling_raises_a_provisioned_table_to_its_maximum(aws: AwsStandin) -> None:
    make_table(aws.client("dynamodb"), "items", rcu=50, wcu=20)
    aws.client("application-autoscaling").register_scalable_target(
        ServiceNamespace="dynamodb",
        ResourceId="table/items",
        ScalableDimension="dynamodb:table:WriteCapacityUnits",
        MinCapacity=20,
        MaxCapacity=400,
    )
    found = limits_of(read("dynamodb"), "dynamodb")
    assert found["table", "items", "wcu"] == (400, "autoscaling maximum")
    assert found["table", "items", "rcu"] == (50, "provisioned")


def test_a_table_on_demand_has_its_own_maximum_or_that_of_the_account(aws: AwsStandin) -> None:
    client = aws.client("dynamodb")
    make_table(client, "free")
    make_table(client, "bounded")
    aws.most_on_demand["bounded"] = {"MaxReadRequestUnits": 900, "MaxWriteRequestUnits": 300}
    found = limits_of(read("dynamodb"), "dynamodb")
    assert found["table", "free", "wcu"] == (10_000, "account limit")
    assert found["table", "bounded", "rcu"] == (900, "on-demand maximum")
    assert found["table", "bounded", "wcu"] == (300, "on-demand maximum")


def test_every_page_is_read(aws: AwsStandin) -> None:
    client = aws.client("dynamodb")
    for number in range(103):  # AWS lists 100 tables on a page
        make_table(client, f"table-{number}", rcu=1, wcu=1)
    parts = read("dynamodb", "servicequotas")
    assert len([key for key in limits_of(parts, "dynamodb") if key[::2] == ("table", "wcu")]) == 103
    assert aws.asked.count("dynamodb:ListTables") == 2
    quotas = limits_of(parts, "servicequotas")
    assert len(quotas) == 15  # of three services, each on three pages
    assert quotas["quota", "lambda/L-00000005 quota 5", "quota"][0] == 50


def test_concurrency_is_that_of_the_account_and_what_functions_reserve(aws: AwsStandin) -> None:
    make_function(aws, "put", reserved=100)
    make_function(aws, "get")
    found = limits_of(read("lambda"), "lambda")
    assert found == {
        ("account", "all functions", "concurrency"): (1000, "account limit"),
        ("account", "functions without reservation", "concurrency"): (900, "account limit"),
        ("function", "put", "concurrency"): (100, "reserved"),
    }


def test_functions_are_not_asked_one_by_one_when_nothing_is_reserved(aws: AwsStandin) -> None:
    aws.reserved = 0
    make_function(aws, "get")
    aws.asked.clear()
    read("lambda")
    assert "lambda:ListFunctions" not in aws.asked


def test_throttles_are_those_of_the_account_of_stages_and_of_usage_plans(aws: AwsStandin) -> None:
    rest = aws.client("apigateway")
    api = rest.create_rest_api(name="shop")["id"]
    root = rest.get_resources(restApiId=api)["items"][0]["id"]
    rest.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
    rest.put_integration(restApiId=api, resourceId=root, httpMethod="GET", type="MOCK")
    rest.create_deployment(restApiId=api, stageName="prod")
    change = {"op": "replace", "path": "/*/*/throttling/rateLimit", "value": "70"}
    rest.update_stage(restApiId=api, stageName="prod", patchOperations=[change])
    rest.create_usage_plan(name="gold", throttle={"rateLimit": 5.0, "burstLimit": 9})
    http = aws.client("apigatewayv2")
    web = http.create_api(Name="web", ProtocolType="HTTP")["ApiId"]
    own = {"ThrottlingRateLimit": 30.0, "ThrottlingBurstLimit": 60}
    http.create_stage(ApiId=web, StageName="live", DefaultRouteSettings=own)
    found = limits_of(read("apigateway"), "apigateway")
    assert found["account", "all APIs", "rate"] == (10_000, "account limit")
    assert found["account", "all APIs", "burst"] == (5_000, "account limit")
    assert found["api", "shop/prod", "rate"] == (70, "stage")
    assert found["api", "plan gold", "burst"] == (9, "usage plan")
    assert found["api", "web/live", "rate"] == (30, "stage")


def test_every_region_of_every_account_is_read_through_its_role(aws: AwsStandin) -> None:
    keys = aws.keys_of_other()
    make_table(aws.client("dynamodb", **keys), "theirs", rcu=5, wcu=5)
    make_table(aws.client("dynamodb", "us-east-1", **keys), "theirs", rcu=6, wcu=6)
    make_table(aws.client("dynamodb"), "ours", rcu=7, wcu=7)
    parts = read("dynamodb", regions=[REGION, "us-east-1"], roles=["self", ROLE], external_id="agreed")
    assert not errors_of(parts)
    assert limits_of(parts, "dynamodb")["table", "ours", "rcu"][0] == 7
    assert limits_of(parts, "dynamodb", OTHER)["table", "theirs", "rcu"][0] == 5
    assert limits_of(parts, "dynamodb", OTHER, "us-east-1")["table", "theirs", "rcu"][0] == 6
    assert ("table", "ours", "rcu") not in limits_of(parts, "dynamodb", OTHER)


def test_what_is_throttled_is_asked_again(aws: AwsStandin) -> None:
    make_table(aws.client("dynamodb"), "items", rcu=50, wcu=20)
    aws.refuse("dynamodb:DescribeTable", "ThrottlingException", times=3)
    aws.refuse("lambda:GetAccountSettings", "TooManyRequestsException", times=3)
    parts = read("dynamodb", "lambda")
    assert not errors_of(parts)
    assert limits_of(parts, "dynamodb")["table", "items", "rcu"] == (50, "provisioned")


def test_what_stays_throttled_is_said_and_leaves_the_rest_alone(aws: AwsStandin) -> None:
    aws.refuse("dynamodb:ListTables", "ThrottlingException")
    assert errors_of(read("dynamodb")) == {
        (
            OWN,
            REGION,
            "dynamodb",
        ): "throttled: dynamodb:ListTables was refused 8 times in a row; try again later"
    }


def test_a_denied_action_is_named_and_the_other_services_are_read(aws: AwsStandin) -> None:
    denied = ("dynamodb:DescribeLimits", "lambda:GetAccountSettings", "apigateway:GET")
    for action in denied:
        aws.refuse(action, "AccessDeniedException")
    parts = read()
    assert sorted(errors_of(parts).values()) == sorted(
        f"access denied: {action}; add it to the policy of the role (docs/limits.md)" for action in denied
    )
    assert [part.service for part in parts if part.found] == ["servicequotas"]


def test_a_role_that_may_not_be_assumed_is_named_and_the_other_accounts_are_read(aws: AwsStandin) -> None:
    aws.refuse("sts:AssumeRole", "AccessDenied")
    parts = read("lambda", roles=[ROLE, "self"])
    said = f"{ROLE}: access denied: sts:AssumeRole; allow it, and let the role trust this account"
    assert set(errors_of(parts).values()) == {f"{said} (docs/limits.md)"}
    assert {part.account for part in parts if part.error} == {OTHER}
    assert {part.account for part in parts if part.found} == {OWN}


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("ExpiredToken", "the credentials have expired (ExpiredToken); renew them"),
        ("InvalidClientTokenId", "AWS does not know the credentials (InvalidClientTokenId); renew them"),
    ],
)
def test_credentials_that_do_not_hold_are_reported_at_once(aws: AwsStandin, code: str, said: str) -> None:
    aws.refuse("sts:GetCallerIdentity", code)
    with pytest.raises(AwsError) as refused:
        read("lambda")
    assert str(refused.value).startswith(said)


def test_without_credentials_one_line_says_so(aws: AwsStandin, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(AwsError, match="no AWS credentials were found; set AWS_PROFILE, or give the machine"):
        read("lambda")
    assert not aws.asked


@pytest.mark.usefixtures("aws")
def test_without_a_region_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(AwsError, match=r"no region is set; name some in limits\.aws\.regions"):
        read("lambda")


@pytest.mark.usefixtures("aws")
def test_an_aws_that_cannot_be_reached_is_reported_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(AwsError, match=r"AWS does not answer \(.*127\.0\.0\.1:9/?\"\); check the region"):
        read("lambda")
