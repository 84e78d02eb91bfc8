"""Amazon Data Firehose, as its documentation shows what it sends to an HTTP endpoint."""

import base64
import gzip
import json
from typing import Any

from config.settings import LocalSettings, Settings
from tests.streams.ingest.receivers.conftest import Serve, Serving

ID = "ed4acda5-034f-9f42-bba1-f29aea6d7d8f"
KEY = "uneri_intake_0123456789abcdef"
LOCKED = {"UNERI_INTAKE_TOKEN": KEY, "UNERI_READ_TOKEN": "uneri_read_0123456789abcdef"}
REPORT = (
    "REPORT RequestId: bf5f58db-ef7d-4cb2-b3c6-266eba1bbedb\tDuration: 395.99 ms\tBilled Duration: 396 ms\t"
    "Memory Size: 512 MB\tMax Memory Used: 301 MB\t\n"
)
LOGS = {
    "messageType": "DATA_MESSAGE",
    "owner": "123456789012",
    "logGroup": "/aws/lambda/put-item",
    "logStream": "2026/01/01/[$LATEST]ab",
    "subscriptionFilters": ["to-uneri"],
    "logEvents": [{"id": "31953106606966983378809025", "timestamp": 1764000000250, "message": REPORT}],
}


def delivery(*records: bytes, named: str = ID) -> bytes:
    data = [{"data": base64.b64encode(record).decode()} for record in records]
    return json.dumps({"requestId": named, "timestamp": 1578090901599, "records": data}).encode()


LOGGED = delivery(gzip.compress(json.dumps(LOGS).encode()))


def headers(key: str = KEY, **more: str) -> dict[str, str]:
    return {
        "X-Amz-Firehose-Protocol-Version": "1.0",
        "X-Amz-Firehose-Request-Id": ID,
        "X-Amz-Firehose-Source-Arn": "arn:aws:firehose:eu-west-1:123456789012:deliverystream/to-uneri",
        "X-Amz-Firehose-Access-Key": key,
        "Content-Type": "application/json",
        "User-Agent": "Amazon Kinesis Data Firehose Agent/1.0",
        **more,
    }


async def post(
    served: Serving, body: bytes, given: dict[str, str] | None = None, path: str = "/firehose"
) -> tuple[int, dict[str, Any]]:
    async with served.http.post(served.url + path, data=body, headers=given or headers()) as answer:
        assert answer.content_type == "application/json"
        return answer.status, await answer.json()


async def test_a_delivery_of_log_groups_is_confirmed_by_its_name_and_its_time(serve: Serve) -> None:
    async with serve(environment=LOCKED) as served:
        assert await post(served, LOGGED) == (200, {"requestId": ID, "timestamp": 1578090901599})
        (record,) = served.stored
        assert (record["function"], record["account"]) == ("put-item", "123456789012")


async def test_a_packed_delivery_is_unpacked(serve: Serve) -> None:
    async with serve(environment=LOCKED) as served:
        packed = headers(**{"Content-Encoding": "gzip"})
        assert (await post(served, gzip.compress(LOGGED), packed))[0] == 200
        assert served.store.end == 1


async def test_the_access_key_is_an_intake_token(serve: Serve) -> None:
    async with serve(environment=LOCKED) as served:
        for key, status in (("", 401), ("another", 401), (LOCKED["UNERI_READ_TOKEN"], 403)):
            found, answer = await post(served, LOGGED, headers(key))
            assert (found, answer["requestId"]) == (status, ID)
            assert isinstance(answer["timestamp"], int)
            assert "token" in answer["errorMessage"]
            assert status != 401 or (
                "set the access key of the delivery stream to a token of scope intake"
                in answer["errorMessage"]
            )
        assert served.store.end == 0


async def test_a_common_attribute_names_the_source(serve: Serve) -> None:
    settings = Settings.model_validate(
        {"sources": {"inputs": [{"name": "logs", "region": "eu-west-1", "service": "shop"}]}}
    )
    async with serve(settings) as served:
        name = "X-Amz-Firehose-Common-Attributes"
        logs = headers(**{name: '{"commonAttributes":{"source":"logs"}}'})
        assert (await post(served, LOGGED, logs))[0] == 200
        assert (await post(served, LOGGED, path="/firehose?source=logs"))[0] == 200
        assert [entry["region"] for entry in served.stored] == ["eu-west-1"] * 2
        other = headers(**{name: '{"commonAttributes":{"source":"nope"}}'})
        status, answer = await post(served, LOGGED, other)
        assert (status, answer["errorMessage"]) == (404, "no source 'nope' in sources.inputs: logs")
        status, answer = await post(served, LOGGED, headers(**{name: "[]"}))
        assert (status, answer["requestId"]) == (400, ID)


async def test_what_is_refused_in_part_is_confirmed_and_what_is_refused_as_a_whole_is_not(
    serve: Serve,
) -> None:
    async with serve() as served:
        native = b'{"ts": 1760000000, "service": "shop"}'
        assert (await post(served, delivery(native, b"nonsense")))[0] == 200
        assert [entry.get("kind") for entry in served.stored] == [None, "refused"]
        status, answer = await post(served, delivery(b"nonsense"))
        assert (status, answer["requestId"], answer["timestamp"]) == (400, ID, 1578090901599)
        assert "nothing was stored" in answer["errorMessage"]
        assert served.store.end == 2


async def test_records_that_are_none_are_refused_alone(serve: Serve) -> None:
    async with serve() as served:
        good = base64.b64encode(b'{"ts": 1760000000, "service": "shop"}').decode()
        records = [{"data": good}, {}, 7, None, {"data": 5}, {"data": None}, {"data": good}]
        assert (await post(served, json.dumps({"requestId": ID, "records": records}).encode()))[0] == 200
        assert [entry.get("kind") for entry in served.stored] == [None, None, *["refused"] * 5]
        assert all("not a record of Firehose" in str(entry["detail"]) for entry in served.stored[2:])


async def test_what_is_no_delivery_is_answered_in_the_form_that_firehose_reads(serve: Serve) -> None:
    async with serve() as served:
        for body in (b"", b"{", b"[]", b"\xff\x00", b'{"records": 1}', b'{"requestId": 5}', b"[" * 100_000):
            status, answer = await post(served, body)
            assert (status, answer["requestId"]) == (400, ID)
            assert "\n" not in answer["errorMessage"]
        status, answer = await post(served, delivery(b"{}", named="another"))
        assert (status, answer["requestId"]) == (400, "another")
        assert served.store.end == 0


async def test_while_too_far_behind_the_delivery_is_to_be_repeated(serve: Serve) -> None:
    async with serve(Settings(local=LocalSettings(backlog=1000))) as served:
        served.store.append([b"{}"] * 1000)
        async with served.http.post(f"{served.url}/firehose", data=LOGGED, headers=headers()) as answer:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
            assert "too far behind" in (await answer.json())["errorMessage"]
