"""A function that loads boto3 with its first request, and one that calls a table while it is loaded."""

import os
import sys
from typing import Any

from senders.python.uneri_lambda import observed

AT_LOADING = os.environ.get("CALL_AT_LOADING")
assert "botocore" not in sys.modules  # a function without tables starts as fast as before

if AT_LOADING:
    import boto3

    boto3.client("dynamodb").get_item(TableName=AT_LOADING, Key={"id": {"S": "a"}})


@observed
def handler(event: dict[str, Any], context: Any) -> Any:
    """Load boto3 only when it is needed."""
    import boto3  # noqa: PLC0415

    del context
    found = boto3.client("dynamodb").get_item(TableName=event["table"], Key={"id": {"S": "a"}})
    return found["Item"]
