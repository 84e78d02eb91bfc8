"""``uneri try`` ends with a configuration that reads what nothing else does, and proves it."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from config.load import load_settings
from config.sections.sources import MappingSettings
from config.settings import SourcesSettings
from streams.cli.guess import Guess, Guesser
from streams.cli.try_format import of_file, try_files
from streams.engine.decode.event import Event
from streams.engine.decode.parse import stamp_of
from streams.ingest.formats.format import Surroundings, to_json_line
from streams.ingest.formats.inputs import Inputs
from tests.streams.cli import forked

AT = 1796031200.25  # 2026-11-30 09:33:20.250 UTC
UUIDS = [f"643af4e3-975a-4cc7-9e7a-1eda11539d{number}" for number in range(10, 99)]
CLOUDFRONT = (
    "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) "
    "cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol "
    "cs-bytes time-taken"
)
CLOUDFRONT_LINE = (
    "2026-11-30 09:33:20 NRT57 392 192.0.2.1 GET d111.cloudfront.net /items/17 200 - "
    "shop-ios/3.2.1%20(iPhone) - - Hit SOX4xwn4XV6Q4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ== "
    "d111.cloudfront.net https 23 0.041"
)
FULL = {"route": "GET /items/{id}", "status": 200, "ms": {"total": 41.0}}
IOS = {"client": {"name": "shop-ios", "version": "3.2.1"}}
SHAPES: dict[str, tuple[list[object], dict[str, Any]]] = {
    "pino without pino-http": (
        [
            {"level": 30, "time": 1796031200250, "pid": 14, "hostname": "h", "msg": "listening"},
            {
                "level": 30, "time": 1796031200250, "pid": 14, "hostname": "h", "reqId": UUIDS[0],
                "method": "GET", "url": "/items/17", "statusCode": 200, "responseTime": 41,
            },
        ],
        {**FULL, "id": UUIDS[0], "ts": AT},
    ),
    "fastify": (
        [
            {"level": 30, "time": 1796031200209, "reqId": "req-1", "req": {"method": "GET", "url": "/a"}},
            {"level": 30, "time": 1796031200250, "res": {"statusCode": 200}, "responseTime": 41},
        ],
        {"service": "own", "status": 200, "ms": {"total": 41.0}, "ts": AT},
    ),
    "winston": (
        [
            {
                "level": "info", "message": "GET /items/17", "service": "user-service", "method": "GET",
                "url": "/items/17", "status": 200, "responseTime": 41, "timestamp": "2026-11-30 09:33:20",
            },
        ],
        {**FULL, "service": "user-service", "ts": AT - 0.25},
    ),
    "fastly": (
        [
            {
                "timestamp": "2026-11-30T09:33:20+0000", "client_ip": "192.0.2.1", "geo_country": "japan",
                "host": "shop.example.com", "url": "/items/17?x=1", "request_method": "GET",
                "request_protocol": "HTTP/1.1", "request_referer": "", "request_user_agent": "shop-ios/3.2.1",
                "response_state": "HIT-CLUSTER", "response_status": 200, "response_body_size": 1234,
                "fastly_server": "cache-nrt18321-NRT", "time_elapsed_us": 41000,
            },
        ],
        {**FULL, **IOS, "ts": AT - 0.25},
    ),
    "vercel": (
        [
            [
                {
                    "id": "1573817187330377061717300000", "source": "lambda", "level": "info",
                    "host": "my-app.vercel.app", "timestamp": 1796031200250, "projectId": "gdufoJ",
                    "message": "done", "entrypoint": "api/index.js", "requestId": UUIDS[0], "statusCode": 200,
                    "path": "/items/17", "executionRegion": "sfo1", "environment": "production",
                    "proxy": {
                        "timestamp": 1796031200250, "method": "GET", "path": "/items/17?page=1",
                        "userAgent": ["shop-ios/3.2.1"], "statusCode": 200, "clientIp": "192.0.2.1",
                    },
                },
            ],
        ],
        {
            **IOS, "route": "GET /items/{id}", "status": 200, "function": "api/index.js", "id": UUIDS[0],
            "ts": AT,
        },
    ),
    "cloud run, an own line": (
        [
            {
                "severity": "INFO", "message": "request", "time": "2026-11-30T09:33:20.25Z",
                "component": "shop",
                "httpRequest": {
                    "requestMethod": "GET", "requestUrl": "https://shop.example.com/items/17", "status": 200,
                    "latency": "0.041s", "userAgent": "shop-ios/3.2.1",
                },
            },
        ],
        {**FULL, **IOS, "service": "shop", "ts": AT},
    ),
    "cloudfront": (
        ["#Version: 1.0", f"#Fields: {CLOUDFRONT}", CLOUDFRONT_LINE.replace(" ", "\t")],
        {**FULL, **IOS, "ts": AT - 0.25, "id": "SOX4xwn4XV6Q4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ=="},
    ),
    "logfmt": (
        [
            'level=info msg="starting up" port=80 pid=1',
            f"ts=2026-11-30T09:33:20.25Z method=GET path=/items/17 status=200 took=41ms req_id={UUIDS[0]}",
        ],
        {**FULL, "id": UUIDS[0], "ts": AT},
    ),
    "nginx": (
        [
            {
                "time_local": "30/Nov/2026:09:33:20 +0000", "remote_addr": "192.0.2.1", "status": "200",
                "request": "GET /items/17 HTTP/1.1", "request_time": "0.041",
                "upstream_response_time": "0.040", "http_user_agent": "shop-ios/3.2.1",
            },
        ],
        {**FULL, **IOS, "ms": {"total": 41.0, "function": 40.0}, "ts": AT - 0.25},
    ),
    "a list in a document": (
        [
            {
                "batch": 17,
                "events": [
                    {
                        "startedAt": AT, "route": "/items/:id", "verb": "GET", "http": {"code": "200"},
                        "elapsed_s": 0.041, "client_name": "shop-ios", "client_version": "3.2.1",
                        "customerId": 42,
                    },
                ],
            },
        ],
        {
            "route": "GET /items/:id", "status": 200, "ms": {"total": 41.0}, "ts": AT,
            "client": {"name": "shop-ios", "version": "3.2.1", "tenant": "42"},
        },
    ),
    "event.md in part": (
        [
            {
                "ts": AT, "service": "shop", "method": "GET", "path": "/items/17", "status": 200,
                "cold_start": True, "latency": 0.041, "account": "7", "values": {"sales": 3},
            },
        ],
        {**FULL, "service": "shop", "account": "7", "cold_start": True, "values": {"sales": 3.0}, "ts": AT},
    ),
}  # fmt: skip


def look(file: Path, *lines: object) -> Guess | None:
    """Return what the records of a file need, proven to be valid and to read what it says."""
    file.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
    guesser = Guesser(str(file), Surroundings())
    for payload, form, reading in of_file(file, Inputs(SourcesSettings()).of(None), lambda *_: None):
        guesser.add(payload.content, form, reading)
    guess = guesser.mapping()
    if guess is not None:
        assert len(records(guess, file)) == guess.records
    return guess


def records(guess: Guess, file: Path) -> list[dict[str, Any]]:
    source = Inputs(load_settings(None, guess.text).sources).of(guess.name)
    read = [record for _, _, reading in of_file(file, source, lambda *_: None) for record in reading.records]
    assert all(isinstance(record, Event) for record in read)
    return [{**json.loads(to_json_line(record)), "ts": stamp_of(record.ts)} for record in read]


def mapping(guess: Guess | None) -> MappingSettings:
    assert guess is not None
    return load_settings(None, guess.text).sources.mappings[0]


@pytest.mark.parametrize("name", SHAPES)
def test_the_shape_of_a_known_log_is_read(tmp_path: Path, name: str) -> None:
    lines, expected = SHAPES[name]
    guess = look(file := tmp_path / "own.log", *lines)
    assert guess is not None
    (record,) = records(guess, file)
    assert {"service": "own", **record} == {"service": "own", **expected}
    assert (guess.records, guess.refused) == (1, 0)


@pytest.mark.parametrize(
    ("key", "value", "settings"),
    [
        ("t", AT, {}),
        ("t", AT * 1e3, {"unit": "ms"}),
        ("at_us", 1796031200250000, {"unit": "us"}),
        ("nanos", 1796031200250000000, {"unit": "ns"}),
        ("time", "2026-11-30T09:33:20.250Z", {}),
        ("asctime", "2026-11-30 09:33:20,250", {"unit": "utc"}),
    ],
)
def test_the_unit_of_the_time_is_that_which_its_values_have(
    tmp_path: Path, key: str, value: object, settings: dict[str, str]
) -> None:
    guess = look(file := tmp_path / "own.log", {key: value, "path": "/", "status": 200})
    found = mapping(guess).fields["ts"]
    assert {"path": f"$.{key}", **settings} == found.model_dump(exclude_defaults=True)
    assert guess is not None
    assert records(guess, file)[0]["ts"] == AT


@pytest.mark.parametrize(
    ("key", "values", "unit"),
    [
        ("latency_ms", [3, 41.5], None),
        ("elapsed_s", [3, 41], "s"),
        ("durationNanos", [3, 41], "ns"),
        ("duration", [0.002, 0.04], "s"),
        ("duration", [2000000, 41000000], "ns"),
        ("duration", [3, 41], None),
        ("took", ["3ms", "1.5s"], None),
    ],
)
def test_the_unit_of_a_duration_is_named_written_or_taken_from_its_size(
    tmp_path: Path, key: str, values: list[object], unit: str | None
) -> None:
    found = look(tmp_path / "own.log", *({"t": AT, "url": "/", key: value} for value in values))
    assert mapping(found).fields["ms.total"].unit == unit


def test_each_guess_has_an_example_and_what_is_not_found_says_what_it_would_be_for(tmp_path: Path) -> None:
    guess = look(tmp_path / "shop.log", {"t": AT, "url": "/a\u009b\u202e", "latency": 0.041})
    assert guess is not None
    assert guess.text.splitlines() == [
        "sources:",
        "  inputs:",
        "    - name: shop                                # --source shop, POST /events?source=shop",
        "      format: shop                              # the mapping below",
        '      # cloud: "…"                              # aws, gcp, …',
        '      # account: "…"                            # account or project',
        "      service: shop                             # no record names its service: correct this",
        "  mappings:",
        "    - name: shop",
        "      fields:",
        "        ts: $.t                                 # 1796031200.25",
        "        path: $.url                             # /a··",
        "        ms.total: {path: $.latency, unit: s}    # 0.041, taken as seconds by its size",
        "        # status: $.…                           # how it ended; without it, none counts as failed",
        "        # function: $.…                         # which function served it",
        "        # id: $.…                               # its id: what comes twice counts once",
        "        # client.name: $.…                      # which application asked; or user_agent",
        "        # client.tenant: $.…                    # for which customer",
        f"      # sample: {tmp_path / 'shop.log'}".ljust(46) + "  # `uneri check` reads it with this mapping",
    ]


def test_lines_that_are_no_requests_are_left_out_and_counted(tmp_path: Path) -> None:
    lines = [{"t": AT + number, "url": "/", "status": 200} for number in range(3)]
    guess = look(tmp_path / "own.log", {"t": AT, "msg": "started"}, *lines)
    assert guess is not None
    assert guess.proof == "3 of 4 records (1 skipped)"


def test_numbers_that_every_process_gives_are_no_ids(tmp_path: Path) -> None:
    lines = [{"t": AT, "url": "/", "request_id": number} for number in range(3)]
    assert "id" not in mapping(look(tmp_path / "own.log", *lines)).fields
    same = [{"t": AT, "url": "/", "request_id": UUIDS[0]} for _ in range(3)]
    assert "id" not in mapping(look(tmp_path / "own.log", *same)).fields


def test_keys_of_any_kind_are_written_so_that_they_are_found_again(tmp_path: Path) -> None:
    line = {"@timestamp": AT, "it's \\ a\nurl": "/a", "http.status_code": 200, "日 status": 404}
    guess = look(file := tmp_path / "own.log", line)
    assert guess is not None
    assert records(guess, file) == [{"ts": AT, "service": "own", "route": "/a", "status": 200}]


def test_a_key_that_no_path_can_name_and_a_list_that_is_none_cost_only_themselves(tmp_path: Path) -> None:
    line = {"t": AT, "url": "/a", "": {"status": 200}, "huge": 10**400}
    assert set(mapping(look(tmp_path / "own.log", line)).fields) == {"ts", "path"}
    rows = {"rows": [{"t": AT, "url": "/a"}]}
    assert mapping(look(tmp_path / "own.log", rows, {"rows": 7})).each == "$.rows[*]"


@pytest.mark.parametrize(
    "lines",
    [
        ({"ts": AT, "service": "shop", "route": "GET /", "ms": {"total": 3}},),
        ({"t": AT, "level": "info", "msg": "started"},),
        ({"url": "/", "status": 200},),
        ({"t": "yesterday", "url": "/", "status": 200},),
        ("plain text", "and more of it"),
        ('192.0.2.1 - - [30/Nov/2026:09:33:20 +0000] "GET / HTTP/1.1" 200 17 "-" "-"', "nope"),
    ],
)
def test_nothing_is_guessed_where_a_format_reads_as_much_or_no_request_is_there(
    tmp_path: Path, lines: tuple[object, ...]
) -> None:
    assert look(tmp_path / "own.log", *lines) is None


def test_a_name_of_a_format_is_not_taken(tmp_path: Path) -> None:
    for name, taken in (("uneri.log", "my-uneri"), ("Über Shop.log.1", "ber-shop"), ("_.log", "records")):
        guess = look(tmp_path / name, {"t": AT, "url": "/"})
        assert guess is not None
        assert guess.name == taken


def test_it_stands_below_the_report_with_its_proof_and_says_how_to_have_it_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    guess = look(file := tmp_path / "shop.log", {"t": AT, "url": "/", "latency_ms": 3})
    assert guess is not None
    source = Inputs(SourcesSettings()).of(None)
    assert try_files([file], source, as_json=False, now=AT) == 1
    out = capsys.readouterr().out
    assert out.endswith(
        f"\n\nWith this in uneri.yaml it reads 1 of 1 records; correct what is guessed wrong. "
        f"`uneri init --from {file}` writes the file.\n\n{guess.text}"
    )
    try_files([file], source, as_json=True, now=AT)
    *_, last = capsys.readouterr().err.splitlines()
    assert msgspec.json.decode(last) == {
        "configuration": guess.text, "name": "shop", "records": 1, "skipped": 0, "refused": 0,
    }  # fmt: skip


def test_a_format_that_is_named_is_kept_and_facts_of_the_source_are_written(tmp_path: Path) -> None:
    file = tmp_path / "shop.log"
    file.write_text(json.dumps({"t": AT, "url": "/", "latency_ms": 3}))
    said = forked.uneri("try", file, "--format", "uneri").stdout.decode()
    assert "refused" in said
    assert "sources:" not in said
    said = forked.uneri("try", file, "--source", "service=web", "--source", "account=007").stdout.decode()
    (found,) = load_settings(None, said[said.index("sources:") :]).sources.inputs
    assert (found.service, found.account) == ("web", "007")
