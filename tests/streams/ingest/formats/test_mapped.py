"""Mappings, beyond the corpus of the mapping ``orders``."""

import base64
import gzip
import json
import time
from typing import Any

import msgspec
import pytest

from config.load import ConfigError, load_settings
from config.native_fields import CALL_FIELDS, FIELDS, LIMITS, NEEDED, VALUES, FieldType, field_type
from config.presets import PRESETS
from config.sections.sources import FORMAT_NAMES, MappingSettings
from streams.engine.decode.event import ChangeRecord, Event, SampleRecord, TableCall
from streams.engine.decode.parse import stamp_of
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.format import MOST_RECORDS, Reading, RefusalError, Surroundings, to_json_line
from streams.ingest.formats.formats import FORMATS, recognised, with_mappings
from streams.ingest.formats.mapped import mapped


def mapping(text: str) -> MappingSettings:
    indented = "\n".join(f"      {line}" for line in text.strip().splitlines())
    return load_settings(None, f"sources:\n  mappings:\n    - name: own\n{indented}\n").sources.mappings[0]


def read(text: str, payload: Any, **around: Any) -> Reading:
    sent = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return mapped(mapping(text)).read(sent, Surroundings(**around))


def records(text: str, payload: Any, **around: Any) -> list[dict[str, Any]]:
    found = read(text, payload, **around)
    assert not found.refused
    return [json.loads(to_json_line(record)) for record in found.records]


NUMBERS = (FieldType.NUMBER, FieldType.WHOLE, FieldType.DURATION, FieldType.MEMORY)
SIMPLE = "fields: {ts: $.t, service: $.s}"
T = 1760000000


@pytest.mark.parametrize(
    ("unit", "given", "seconds"),
    [
        ("s", T, T),
        ("ms", T * 1000 + 250, T + 0.25),
        ("us", T * 10**6 + 250_000, T + 0.25),
        ("ns", str(T * 10**9 + 250_000_000), T + 0.25),
        ("s", f"{T}.25", T + 0.25),
    ],
)
def test_a_time_in_any_unit_becomes_seconds(unit: str, given: object, seconds: float) -> None:
    (found,) = records(f"fields: {{ts: {{path: $.t, unit: {unit}}}, service: $.s}}", {"t": given, "s": "a"})
    assert found["ts"] == seconds


@pytest.mark.parametrize(
    ("field", "unit", "given", "becomes"),
    [
        ("ms.total", "min", 1, 60_000),
        ("ms.function", "s", 0.25, 250),
        ("ms.code", "us", 500, 0.5),
        ("billed_ms", "ns", 2_000_000, 2),
        ("memory_mb", "KiB", 131_072, 128),
        ("memory_mb", "GiB", "1.5", 1536),
    ],
)
def test_a_unit_becomes_that_of_the_field(field: str, unit: str, given: object, becomes: float) -> None:
    text = f"fields: {{ts: $.t, service: $.s, {field}: {{path: $.x, unit: {unit}}}}}"
    found: Any = records(text, {"t": T, "s": "a", "x": given})[0]
    for part in field.split("."):
        found = found[part]
    assert found == becomes


@pytest.mark.parametrize("agent", [b"\xff", rb"\ud800"])
def test_what_a_visitor_sends_costs_no_record_of_the_log_that_it_is_in(agent: bytes) -> None:
    line = b'{"t": %d, "s": "a", "agent": "%s"}' % (T, agent)
    assert [found["service"] for found in records(SIMPLE, b"\n".join([line, line]))] == ["a", "a"]
    named = records("fields: {ts: $.t, service: $.agent}", line)
    assert named[0]["service"] == "\ufffd"


def test_a_list_at_the_top_and_lists_in_lists_hold_records() -> None:
    each = "each: '$[*]'\n" + SIMPLE
    assert len(records(each, [{"t": T, "s": "a"}, {"t": T, "s": "b"}])) == 2
    deep = "each: '$.groups[*].entries[*]'\n" + SIMPLE
    groups = [{"entries": [{"t": T, "s": "a"}]}, {"entries": None}, {"entries": [{"t": T, "s": "b"}] * 2}]
    assert [record["service"] for record in records(deep, {"groups": groups})] == ["a", "b", "b"]
    found = read(deep, {"groups": [{"entries": {"t": T}}, {}, *groups]})
    assert [refused.reason.value for refused in found.refused] == ["not_object"]
    assert len(found.records) == 3, "what is no list costs none of the others"


def test_calls_lie_in_lists_of_lists_and_none_is_lost() -> None:
    text = SIMPLE + "\ntables: [{each: '$.batches[*].calls[*]', fields: {name: $.n}}]"
    batches = [{"calls": [{"n": "items"}]}, {}, {"calls": None}, {"calls": [{"n": "orders"}]}]
    (found,) = records(text, {"t": T, "s": "a", "batches": batches})
    assert [call["name"] for call in found["tables"]] == ["items", "orders"]
    assert "tables" not in records(text, {"t": T, "s": "a"})[0]
    (refused,) = read(text, {"t": T, "s": "a", "batches": {"calls": []}}).refused
    assert refused.reason.value == "bad_type"


def test_a_record_may_be_a_row_of_a_list() -> None:
    text = "each: '$.rows[*]'\nfields: {ts: '$[0]', service: '$[1]', status: '$[2]'}"
    assert records(text, {"rows": [[T, "a", 200], [T, "b"]]}) == [
        {"ts": T, "service": "a", "status": 200},
        {"ts": T, "service": "b"},
    ]


def test_names_with_any_characters_can_be_quoted() -> None:
    text = """fields: {ts: "$['@time']", service: '$["a.b"][''it\\''s'']'}"""
    assert records(text, {"@time": T, "a.b": {"it's": "x"}})[0]["service"] == "x"


def test_calls_see_their_record_as_outer() -> None:
    text = SIMPLE + "\ntables: [{each: '$.c[*]', fields: {name: $.n, op: $$.op}}]"
    (found,) = records(text, {"t": T, "s": "a", "op": "Query", "c": [{"n": "items"}, {"n": "orders"}]})
    assert found["tables"] == [{"name": "items", "op": "Query"}, {"name": "orders", "op": "Query"}]


def test_a_mapping_of_calls_of_samples_and_of_changes() -> None:
    call = "kind: call\nfields: {ts: $.t, function: $.f}\ntables: [{fields: {name: $.table}}]"
    assert records(call, {"t": T, "f": "g", "table": "items"}) == [
        {"ts": T, "function": "g", "tables": [{"name": "items"}], "kind": "call"}
    ]
    sample = (
        "kind: sample\nfields: {ts: $.t, of.kind: {const: function}, of.name: $.f, name: $.m, value: $.v}"
    )
    assert records(sample, {"t": T, "f": "g", "m": "concurrency", "v": "7"}, account="1", service="s") == [
        {
            "kind": "sample",
            "ts": T,
            "account": "1",
            "of": {"kind": "function", "name": "g"},
            "name": "concurrency",
            "value": 7,
        }
    ]
    change = (
        "kind: change\nfields: {ts: $.t, of.kind: $.k, of.name: $.f, what: {const: deploy}, version: $.v}"
    )
    assert records(change, {"t": T, "k": "function", "f": "g", "v": 42}) == [
        {
            "kind": "change",
            "ts": T,
            "of": {"kind": "function", "name": "g"},
            "what": "deploy",
            "version": "42",
        }
    ]
    assert [
        refused.reason.value for refused in read(change, {"t": T, "k": "database", "f": "g"}).refused
    ] == ["bad_type"]


def test_a_name_may_come_from_around_and_is_needed() -> None:
    text = "fields: {ts: $.t}"
    assert records(text, {"t": T}, function="f") == [{"ts": T, "function": "f"}]
    assert [refused.reason.value for refused in read(text, {"t": T}).refused] == ["no_name"]


def test_conditions_compare_as_text_and_all_must_hold() -> None:
    text = (
        SIMPLE + "\nwhen:\n  - {path: $.code, one_of: [200, '404', true]}\n  - {path: $.x, exists: false}\n"
        "  - {path: $.debug, equals: true, then: skip}"
    )
    base = {"t": T, "s": "a"}
    lines = [
        {**base, "code": "200"}, {**base, "code": 404.0}, {**base, "code": True}, {**base, "code": 500}, base,
        {**base, "code": 200, "x": 0}, {**base, "code": 200, "debug": "true"}, {**base, "code": [200]},
    ]  # fmt: skip
    found = read(text, b"\n".join(json.dumps(line).encode() for line in lines))
    assert len(found.records) == 3
    assert found.skipped == {
        "not $.code is 200 or 404 or true": 3,
        "not $.x is not there": 1,
        "$.debug is true": 1,
    }


def test_only_null_of_a_map_or_of_a_default_says_that_there_was_no_error() -> None:
    text = "fields: {ts: $.t, service: $.s, status: $.c, error: {path: $.e, default: null}}"
    base = {"t": T, "s": "a", "c": 500}
    assert records(text, base)[0]["error"] is None
    assert records(text, {**base, "e": "fatal"})[0]["error"] == "fatal"
    without = "fields: {ts: $.t, service: $.s, status: $.c, error: $.e}"
    assert "error" not in records(without, {**base, "e": None})[0]
    assert [refused.reason.value for refused in read(without, {**base, "e": "5xx"}).refused] == [
        "unknown_error"
    ]


def test_a_long_text_is_cut() -> None:
    (found,) = records(SIMPLE, {"t": T, "s": "x" * 100_000})
    assert len(found["service"]) == 2048


def test_more_records_than_a_payload_may_hold_are_refused_in_bounded_time() -> None:
    each = "each: '$[*]'\n" + SIMPLE
    begun = time.process_time()
    with pytest.raises(RefusalError, match="more than") as refused:
        read(each, b"[" + b"0," * (MOST_RECORDS + 1) + b"0]")
    assert refused.value.reason.value == "too_large"
    assert time.process_time() - begun < 5
    with pytest.raises(RefusalError, match="more than"):
        read(SIMPLE, b"{}\n" * (MOST_RECORDS + 1))


def test_a_packed_payload_is_refused_by_name() -> None:
    with pytest.raises(RefusalError, match="gzip"):
        read(SIMPLE, gzip.compress(b"{}"))


def test_a_mapping_is_recognised_behind_all_others() -> None:
    formats = with_mappings([mapping("fields: {ts: $.head.moment, service: $.s}")])
    assert list(formats) == [*FORMATS, "own"]
    own = formats["own"]
    assert recognised(b'{"head": {"moment": 1760000000}, "s": "a"}', formats) is own
    assert recognised(b'{"head": {"time": 1760000000}, "s": "a"}', formats) is not own
    native_too = b'{"ts": 1760000000, "service": "a", "head": {"moment": 1}}'
    assert recognised(native_too, formats) is FORMATS["uneri"]


def test_an_envelope_may_hold_what_a_mapping_reads() -> None:
    formats = with_mappings([mapping("fields: {ts: $.moment, service: $.s}")])
    data = base64.b64encode(b'{"moment": 1760000000, "s": "a"}').decode()
    push = json.dumps({"message": {"data": data, "messageId": "1"}, "subscription": "s"}).encode()
    found = formats["pubsub"].read(push, Surroundings())
    assert [json.loads(to_json_line(record)) for record in found.records] == [
        {"ts": T, "id": "pubsub:1", "service": "a"}
    ]


def test_no_mapping_can_have_the_name_of_a_format() -> None:
    assert set(FORMATS) < {*FORMAT_NAMES, *PRESETS}
    for name in FORMAT_NAMES:
        with pytest.raises(ConfigError, match="choose another name"):
            load_settings(None, f"sources: {{mappings: [{{name: {name}, fields: {{ts: $.t}}}}]}}")


@pytest.mark.parametrize(
    ("kind", "record"),
    [("request", Event), ("call", Event), ("sample", SampleRecord), ("change", ChangeRecord)],
)
def test_every_field_of_a_record_can_be_mapped(kind: str, record: type[msgspec.Struct]) -> None:
    apart = {"tables", "values", "kind"}  # written otherwise
    known = {name.partition(".")[0] for name in FIELDS[kind]}
    assert known == {field.name for field in msgspec.structs.fields(record)} - apart
    assert set(NEEDED[kind]) <= set(FIELDS[kind])
    assert {field.name for field in msgspec.structs.fields(TableCall)} == set(CALL_FIELDS)
    for outer in msgspec.structs.fields(record):
        parts = [name for name in FIELDS[kind] if name.startswith(f"{outer.name}.")]
        if parts:
            inner = msgspec.inspect.type_info(outer.type)
            structs = [kind for kind in getattr(inner, "types", [inner]) if hasattr(kind, "fields")]
            assert {f"{outer.name}.{field.name}" for field in structs[0].fields} == set(parts)


def test_business_values_have_keys_of_any_kind() -> None:
    assert field_type("request", VALUES + "sales.net") is FieldType.NUMBER
    assert field_type("request", VALUES) is None
    assert field_type("sample", VALUES + "x") is None
    text = "fields: {ts: $.t, service: $.s, values.sales.net: $.n, values.cost: {const: 0.5}}"
    assert records(text, {"t": T, "s": "a", "n": 3})[0]["values"] == {"sales.net": 3, "cost": 0.5}


def _taken(name: str, value: float) -> bool:
    group, _, key = name.partition(".")
    call = group in CALL_FIELDS and not key
    given = {"name": "items", name: value} if call else {group: {key: value} if key else value}
    try:
        msgspec.convert(given, TableCall if call else Event)
    except msgspec.ValidationError:
        return False
    return True


def test_the_limits_of_numbers_are_those_of_the_records() -> None:
    for name, (least, most) in LIMITS.items():
        taken = [_taken(name, value) for value in (least - 1, least, most, most + 1)]
        assert taken == [False, True, True, False], name
    fields = {**FIELDS["request"], **CALL_FIELDS}
    numbers = {name for name, to in fields.items() if to in NUMBERS}
    assert numbers == set(LIMITS)


ROUTED = "fields: {ts: $.t, status: $.code, method: $.verb, path: $.url}"


@pytest.mark.parametrize(
    ("url", "route"),
    [
        ("/items/42?x=1", "GET /items/{id}"),
        (
            "https://api.example.com:443/Items/550e8400-e29b-41d4-a716-446655440000/notes",
            "GET /items/{id}/notes",
        ),
        ("/users/bob@example.com", "GET /users/{email}"),
        ("/items/{key}", "GET /items/{key}"),
        ("/Items", "GET /Items"),
        ("listItems", "listItems"),
    ],
)
def test_a_method_and_an_address_become_a_route(url: str, route: str) -> None:
    (found,) = records(ROUTED, {"t": T, "verb": "get", "url": url, "code": 200})
    assert found["route"] == route
    (alone,) = records("fields: {ts: $.t, route: $.r}", {"t": T, "r": f"GET {url}"})
    assert alone["route"] == (f"GET {url}" if route == url else route)


def test_templates_of_the_input_name_the_routes_of_a_mapping() -> None:
    given = {"templates": ("/shows/{show}/seats/{seat}/hold",)}
    (found,) = records(ROUTED, {"t": T, "verb": "POST", "url": "/shows/a/seats/b/hold", "code": 200}, **given)
    assert found["route"] == "POST /shows/{show}/seats/{seat}/hold"
    (found,) = records(ROUTED, {"t": T, "verb": "GET", "url": "/wp-login.php", "code": 404}, **given)
    assert found["route"] == "GET {unmatched}"


def test_a_route_of_the_framework_gets_the_method_beside_it() -> None:
    text = "fields: {ts: $.t, method: $.verb, route: $.r}"
    (found,) = records(text, {"t": T, "verb": "PUT", "r": "/orders/:id"})
    assert found["route"] == "PUT /orders/:id"


def test_a_method_without_a_path_is_a_mistake_with_its_line() -> None:
    with pytest.raises(ConfigError, match=r"settings:4:.*a method names no route alone; add path"):
        mapping("fields: {ts: $.t, method: $.verb}")


def test_a_version_without_a_client_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match=r"a version belongs to a client; add client.name"):
        mapping("fields: {ts: $.t, service: $.s, client.version: $.v}")


def test_templates_of_an_input_name_the_routes_of_native_records_too() -> None:
    line = {"ts": T, "service": "a", "route": "GET /users/bob"}
    sent = json.dumps(line).encode()
    routes = []
    for given in ((), ("/users/{name}",)):
        (found,) = FORMATS["uneri"].read(sent, Surroundings(templates=given)).records
        assert isinstance(found, Event)
        routes.append(found.route)
    assert routes == ["GET /users/bob", "GET /users/{name}"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("format: lambda_report, templates: [/items]", "lambda_report has no routes; remove them"),
        ("format: alb, keys: {took: ms.total}", "alb has no keys of its owner; write a mapping"),
        ("format: apigateway, keys: {reqTime: reqestTime}", "no meaning; write a variable"),
    ],
)
def test_a_setting_that_does_nothing_where_it_stands_is_a_mistake(given: str, said: str) -> None:
    with pytest.raises(ConfigError, match=f"settings:3:.*{said}"):
        load_settings(None, f"sources:\n  inputs:\n    - {{name: own, {given}}}\n")


@pytest.mark.parametrize(
    ("field", "given"),
    [
        ("$.t", "2025-10-09T08:53:20+0000"),
        ("$.t", "09/Oct/2025:08:53:20 +0000"),
        ("{path: $.t, unit: utc}", "2025-10-09 08:53:20,000"),
        ("{path: $.t, unit: utc}", "2025-10-09 10:53:20 +02:00"),
        ("{path: $.t, unit: utc, time: $.clock}", "2025-10-09"),
    ],
)
def test_a_time_as_logs_write_it_becomes_seconds(field: str, given: str) -> None:
    (found,) = records(f"fields: {{ts: {field}, service: $.s}}", {"t": given, "clock": "08:53:20", "s": "a"})
    assert stamp_of(found["ts"]) == T


def test_a_time_without_an_offset_is_refused_unless_its_mapping_says_utc() -> None:
    (refused,) = read(SIMPLE, {"t": "2025-10-09 08:53:20", "s": "a"}).refused
    assert "is not an RFC 3339 time with an offset" in refused.detail


@pytest.mark.parametrize(("given", "ms"), [("41.5ms", 41.5), ("1.5s", 1500), ("820µs", 0.82), ("41", 41000)])
def test_a_unit_behind_a_duration_wins(given: str, ms: float) -> None:
    text = "fields: {ts: $.t, service: $.s, ms.total: {path: $.took, unit: s}}"
    (found,) = records(text, {"t": T, "s": "a", "took": given})
    assert found["ms"]["total"] == ms


def test_a_request_line_is_a_method_and_a_path() -> None:
    (found,) = records("fields: {ts: $.t, path: $.r}", {"t": T, "r": "GET /items/12?x=1 HTTP/1.1"})
    assert found["route"] == "GET /items/{id}"


def test_lines_of_logfmt_are_records() -> None:
    text = "lines: logfmt\nfields: {ts: {path: $.ts, unit: utc}, method: $.m, path: $.path, ms.total: $.took}"
    lines = b'level=info ts=2025-10-09T08:53:20Z m=GET path="/items/1" took=41ms done\n\nts=- m=GET path=/'
    found = read(text, lines)
    (record,) = (json.loads(to_json_line(record)) for record in found.records)
    assert record == {"ts": "2025-10-09T08:53:20Z", "route": "GET /items/{id}", "ms": {"total": 41.0}}
    assert [refused.reason for refused in found.refused] == [RejectReason.NO_TS]
    assert mapped(mapping(text)).looks_like(lines)
    assert not mapped(mapping(text)).looks_like(b'{"ts=": 1}')


def test_lines_of_columns_are_records_and_their_comments_are_none() -> None:
    text = """
columns: [date, time, cs-method, cs-uri-stem, sc-status, cs(User-Agent)]
fields:
  ts: {path: $.date, time: $.time, unit: utc}
  method: $['cs-method']
  path: $['cs-uri-stem']
  status: $['sc-status']
  user_agent: $['cs(User-Agent)']
"""
    line = b"2025-10-09 08:53:20 GET /items/7 200 shop-ios/3.2%20(iPhone)"
    found = read(
        text, b"#Version: 1.0\n" + line + b"\n" + line.replace(b" ", b"\t") + b"\n2025-10-09 08:53\n"
    )
    assert [json.loads(to_json_line(record)) for record in found.records] == 2 * [
        {
            "ts": "2025-10-09T08:53:20Z",
            "route": "GET /items/{id}",
            "status": 200,
            "client": {"name": "shop-ios", "version": "3.2"},
        }
    ]
    assert found.skipped == {"comment": 1}
    (refused,) = found.refused
    assert refused.detail == "the line has 2 columns in place of 6; correct columns"
    assert not mapped(mapping(text)).looks_like(line), "nothing in it says what it is"


def test_the_items_of_a_list_of_objects_are_records() -> None:
    found = read(SIMPLE, [{"t": T, "s": "a"}, {"t": T, "s": "b"}, {"s": "c"}])
    assert [record.service for record in found.records if isinstance(record, Event)] == ["a", "b"]
    assert [refused.reason for refused in found.refused] == [RejectReason.NO_TS]
