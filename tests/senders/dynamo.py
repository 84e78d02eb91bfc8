"""A DynamoDB on this machine: moto's server, with tables that are hot on request."""

import io
import json
import logging
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import boto3
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

ACCOUNT: Final = "123456789012"
REGION: Final = "eu-west-1"
HOT: Final = "TableWriteKeyRangeThroughputExceeded"
ENVIRONMENT: Final = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
}


class Dynamo:
    """Serves at ``url``. A table in ``hot`` refuses so many calls before it takes one."""

    def __init__(self) -> None:
        self.hot: dict[str, int] = {}
        self.without_reasons = False
        self.asked: list[tuple[str, dict[str, Any]]] = []  # operations and what they were given
        self._lock = threading.Lock()
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = make_server("127.0.0.1", 0, self._answer, threaded=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def table(self, name: str) -> str:
        """Make a table whose key is ``id``, with an item ``a``."""
        client = self.client()
        client.create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        client.put_item(TableName=name, Item={"id": {"S": "a"}})
        self.asked.clear()
        return name

    def client(self) -> Any:
        """Return a client of this DynamoDB."""
        return boto3.client(
            "dynamodb", endpoint_url=self.url, region_name=REGION,
            aws_access_key_id="testing", aws_secret_access_key="testing",  # noqa: S106 - moto's
        )  # fmt: skip

    def environment(self) -> dict[str, str]:
        """Return the environment in which a function calls it."""
        return {**ENVIRONMENT, "AWS_ENDPOINT_URL_DYNAMODB": self.url}

    def _answer(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        request = Request(environ)
        op = request.headers.get("x-amz-target", "").rpartition(".")[2]
        body = request.get_data()
        environ["wsgi.input"] = io.BytesIO(body)  # to be read again
        given = json.loads(body or b"{}")
        with self._lock:
            self.asked.append((op, given))
            hot = next((name for name in self.hot if name in json.dumps(given) and self.hot[name] > 0), None)
            if hot is not None:
                self.hot[hot] -= 1
        answer = self._moto if hot is None else self._refusal(hot)
        return answer(environ, start)

    def _refusal(self, table: str) -> Response:
        said: dict[str, Any] = {
            "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
            "message": "Throughput exceeds the current capacity of your table or index.",
        }
        if not self.without_reasons:
            arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{table}"
            said["ThrottlingReasons"] = [{"reason": HOT, "resource": arn}]
        return Response(json.dumps(said), 400, mimetype="application/x-amz-json-1.0")


@contextmanager
def dynamo() -> Iterator[Dynamo]:
    """Serve a DynamoDB."""
    served = Dynamo()
    try:
        yield served
    finally:
        served.close()
