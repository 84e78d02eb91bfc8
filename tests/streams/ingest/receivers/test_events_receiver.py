import base64
import gzip
import json
from typing import Any

import pytest

from config.settings import Settings
from tests.streams.ingest.receivers.conftest import Serve, Serving

NATIVE = b'{"ts": 1760000000, "service": "shop"}'
ALB = (
    b"https 2025-10-09T08:53:20.186641Z app/shop/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 "
    b'0.048 0.037 200 200 0 57 "GET https://www.example.com:443/items/7 HTTP/1.1" "curl/7.46.0" '
    b"ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:123456789012:"
    b'targetgroup/shop/73e2d6bc24d8a067 "Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" '
    b'"arn:aws:acm:us-east-2:123456789012:certificate/12345678-1234-1234-1234-123456789012" 1 '
    b'2025-10-09T08:53:20.065000Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-"'
)
SHOP = Settings.model_validate(
    {
        "sources": {
            "inputs": [
                {"name": "shop-alb", "format": "alb", "service": "shop", "templates": ["/items/{id}"]},
                {"name": "own", "format": "own-json", "region": "eu-west-1"},
            ],
            "mappings": [{"name": "own-json", "fields": {"ts": "$.time", "route": "$.path"}}],
        }
    }
)


async def post(served: Serving, path: str, body: bytes, **headers: str) -> tuple[int, dict[str, Any]]:
    async with served.http.post(served.url + path, data=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def test_a_payload_of_a_named_source_is_stored_as_native_records(serve: Serve) -> None:
    async with serve(SHOP) as served:
        assert await post(served, "/events?source=shop-alb", ALB + b"\n" + ALB + b"\n") == (
            202,
            {"accepted": 2},
        )
        first, _ = served.stored
        assert (first["service"], first["route"], first["status"]) == ("shop", "GET /items/{id}", 200)


async def test_a_format_alone_is_enough_and_auto_recognises_it(serve: Serve) -> None:
    async with serve() as served:
        assert (await post(served, "/events?format=alb", ALB))[0] == 202
        assert (await post(served, "/events?format=auto", ALB))[0] == 202
        first, second = served.stored
        assert first == second


async def test_a_mapping_of_the_configuration_reads_json_of_ones_own(serve: Serve) -> None:
    async with serve(SHOP) as served:
        body = b'{"time": 1760000000, "path": "GET /items"}'
        assert await post(served, "/events?source=own", body) == (202, {"accepted": 1})
        assert served.stored == [{"ts": 1760000000.0, "region": "eu-west-1", "route": "GET /items"}]


async def test_an_unknown_source_is_not_found_and_an_unknown_format_is_a_mistake(serve: Serve) -> None:
    async with serve(SHOP) as served:
        status, answer = await post(served, "/events?source=nope", NATIVE)
        assert (status, answer["error"]) == (404, "no source 'nope' in sources.inputs: shop-alb, own")
        status, answer = await post(served, "/events?format=nope", NATIVE)
        assert status == 400
        assert answer["error"].startswith("no format 'nope'; formats: auto, ")
        status, _ = await post(served, "/events?source=own&format=nope", NATIVE)
        assert status == 400
        assert served.store.end == 0
        assert served.counted("uneri_intake_refused_requests_total", "unknown_format") == 2


async def test_what_cannot_be_read_is_reported_and_kept_as_a_dead_letter_beside_the_rest(
    serve: Serve,
) -> None:
    async with serve() as served:
        status, answer = await post(served, "/events?format=alb", ALB + b"\nnonsense\n")
        assert (status, answer["accepted"]) == (202, 1)
        (bad,) = answer["refused"]
        assert set(bad) == {"reason", "detail"}
        _, dead = served.stored
        assert (dead["kind"], dead["reason"]) == ("refused", bad["reason"])
        assert base64.b64decode(str(dead["sample"])) == b"nonsense"


async def test_a_payload_of_which_nothing_can_be_read_leaves_nothing(serve: Serve) -> None:
    async with serve() as served:
        status, answer = await post(served, "/events?format=alb", b"nonsense\nmore of it\n")
        assert status == 400
        assert answer["error"].startswith("nothing was stored: no part of it can be read as a record (")
        assert len(answer["refused"]) == 2
        assert served.store.end == 0
        assert (await post(served, "/events?format=auto", b"\x00\xff\x00"))[0] == 400
        assert (await post(served, "/events?format=auto", b""))[0] == 400


@pytest.mark.parametrize("line", [b"\xff\xfe{", b'"\xff"', b"[" * 5000 + b"]" * 5000, b'{"a":' * 5000])
async def test_a_line_that_no_parser_takes_is_refused_and_the_others_are_stored(
    serve: Serve, line: bytes
) -> None:
    async with serve() as served:
        status, answer = await post(served, "/events", line + b"\n" + NATIVE)
        assert (status, answer["accepted"]) == (202, 1)
        assert [refused["line"] for refused in answer["refused"]] == [1]


async def test_what_is_no_record_by_design_is_counted_with_the_reason(serve: Serve) -> None:
    control = {"messageType": "CONTROL_MESSAGE", "owner": "CloudwatchLogs", "logGroup": "", "logStream": ""}
    body = gzip.compress(json.dumps(control | {"subscriptionFilters": [], "logEvents": []}).encode())
    async with serve() as served:
        status, answer = await post(served, "/events?format=cloudwatch_logs", body)
        assert (status, answer["accepted"]) == (202, 0)
        ((reason, count),) = answer["skipped"].items()
        assert count == 1
        assert served.counted("uneri_skipped_parts_total", reason) == 1


async def test_without_a_source_a_body_is_native_lines_as_ever(serve: Serve) -> None:
    async with serve() as served:
        status, answer = await post(served, "/events", NATIVE + b"\nnope\n")
        assert (status, answer["accepted"], answer["refused"][0]["line"]) == (202, 1, 2)
        status, answer = await post(served, "/events", b"\n")
        assert status == 400
        assert "POST /events?format=auto" in answer["error"]


async def test_what_a_format_finds_too_much_is_to_be_sent_in_parts(serve: Serve) -> None:
    async with serve() as served:
        packed = {"Content-Encoding": "gzip"}
        body = gzip.compress(b"\n".join([NATIVE] * 100_001))
        status, answer = await post(served, "/events?format=auto", body, **packed)
        assert status == 413
        assert answer["error"].endswith("send it in parts")


async def test_lines_of_several_formats_are_accepted_as_what_they_are(serve: Serve) -> None:
    async with serve() as served:
        body = b"\n".join([b"START RequestId: 8f5c1f4e Version: 3", NATIVE, ALB])
        status, answer = await post(served, "/events?format=auto", body)
        assert (status, answer["accepted"], answer["skipped"]) == (202, 2, {"platform line": 1})


@pytest.mark.parametrize("path", ["/events?format=otlp_proto", "/events?format=auto"])
async def test_line_ends_in_binary_are_no_lines(serve: Serve, path: str) -> None:
    async with serve() as served:
        status, answer = await post(served, path, b"\n" * 300_000)
        assert status == 400
        assert "lines" not in answer["error"]
