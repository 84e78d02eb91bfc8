"""Functions as people write them, and a line or two more each."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
from botocore.config import Config

from senders.python.uneri_lambda import note, observed

QUICK = Config(retries={"max_attempts": 2, "mode": "standard"})
client = boto3.client("dynamodb", config=QUICK)


def _key(value: str = "a") -> dict[str, Any]:
    return {"id": {"S": value}}


def _each(event: dict[str, Any], context: Any) -> Any:  # noqa: C901, PLR0912 - a list of ways
    """Do what the event says, in one of many ways."""
    del context
    table = event.get("table", "")
    for step in event["steps"]:
        match step:
            case "get":
                client.get_item(TableName=table, Key=_key())
            case "without capacity":
                client.get_item(TableName=table, Key=_key(), ReturnConsumedCapacity="NONE")
            case "put by resource":
                boto3.resource("dynamodb", config=QUICK).Table(table).put_item(Item={"id": "b"})
            case "update":
                client.update_item(
                    TableName=table, Key=_key(), UpdateExpression="SET n = :n",
                    ExpressionAttributeValues={":n": {"N": "1"}},
                )  # fmt: skip
            case "query by arn":
                client.query(
                    TableName=f"arn:aws:dynamodb:eu-west-1:123456789012:table/{table}",
                    KeyConditionExpression="id = :a", ExpressionAttributeValues={":a": {"S": "a"}},
                )  # fmt: skip
            case "scan by pages":
                list(client.get_paginator("scan").paginate(TableName=table))
            case "batch":
                client.batch_get_item(RequestItems={name: {"Keys": [_key()]} for name in event["tables"]})
            case "transact":
                client.transact_write_items(
                    TransactItems=[{"Put": {"TableName": name, "Item": _key()}} for name in event["tables"]]
                )
            case "select":
                client.execute_statement(Statement=f'SELECT * FROM "{table}"')  # noqa: S608 - its own table
            case "condition fails":
                client.put_item(TableName=table, Item=_key(), ConditionExpression="attribute_not_exists(id)")
            case "describe":
                client.describe_table(TableName=table)
            case "threads":
                with ThreadPoolExecutor(2) as pool:
                    list(pool.map(lambda _: client.get_item(TableName=table, Key=_key()), range(3)))
            case "raise":
                raise KeyError("sku")
            case "sleep":
                time.sleep(4)
            case "note":
                note(route="GET /noted", tenant="game-42", values={"sales": 120, "none": float("nan")})
    return event.get("result", {"statusCode": 200})


handler = observed(_each)


@observed
def nested(event: dict[str, Any], context: Any) -> Any:
    """Call another handler, as routers do."""
    return handler(event, context)


@observed
async def awaited(event: dict[str, Any], context: Any) -> Any:
    """Wait for calls in other threads, as asyncio does with boto3."""
    del context
    await asyncio.sleep(0.01)
    await asyncio.to_thread(client.get_item, TableName=event["table"], Key=_key())
    await asyncio.sleep(0.01)
    return event["table"]
