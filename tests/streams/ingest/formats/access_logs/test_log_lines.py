"""A log is read line by line, whatever packs it and however long it is."""

import gzip

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.access_log_keys import meaning_of, target_of
from streams.engine.decode.event import Event
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.access_logs.log_lines import first_line, read_lines
from streams.ingest.formats.access_logs.user_agents import client_of
from streams.ingest.formats.format import MOST_RECORDS, RefusalError, Surroundings
from streams.ingest.formats.formats import FORMATS

LINE = b'203.0.113.9 - - [26/Nov/2025:10:00:00 +0000] "GET /items/%d HTTP/1.1" 200 512'
OTHERS = st.sampled_from([b"", b"# a comment", b"damaged", LINE % 1, LINE % 2 + b' "-" "app/1.0" 0.250'])


def event(line: str) -> Event:
    return Event(ts=1764151200.0, route=line)


@given(st.lists(OTHERS, min_size=1, max_size=8), st.lists(OTHERS, min_size=1, max_size=8), st.booleans())
def test_a_log_may_be_split_between_any_lines(one: list[bytes], other: list[bytes], packed: bool) -> None:
    def read(lines: list[bytes]) -> tuple[list[Event], list[RejectReason]]:
        payload = b"\n".join(lines)
        try:
            found = FORMATS["clf"].read(gzip.compress(payload) if packed else payload, Surroundings())
        except RefusalError:  # only empty lines
            return [], []
        records = [record for record in found.records if isinstance(record, Event)]
        return records, [refused.reason for refused in found.refused]

    (records, refused), (more, also) = read(one), read(other)
    assert read(one + other) == (records + more, refused + also)


@pytest.mark.parametrize(
    ("seconds", "before_its_end"), [("0.250", 0.25), ("30.000", 30.0), ("1150.000", 30.0)]
)
def test_a_request_that_was_held_open_counts_when_it_ends(seconds: str, before_its_end: float) -> None:
    line = LINE % 1 + b' "-" "app/1.0" ' + seconds.encode()
    [record] = FORMATS["clf"].read(line, Surroundings()).records
    assert isinstance(record, Event)
    assert record.ms is not None
    assert (record.ts, record.ms.total) == (1764151200.0 - before_its_end, 1000 * float(seconds))


def test_too_many_lines_are_refused_as_a_whole() -> None:
    assert len(read_lines(b"a\n" * MOST_RECORDS, event).records) == MOST_RECORDS
    with pytest.raises(RefusalError) as refusal:
        read_lines(b"a\n" * (MOST_RECORDS + 1), event)
    assert refusal.value.reason is RejectReason.TOO_LARGE


def test_a_line_that_is_too_long_is_refused_alone() -> None:
    found = read_lines(b"a\n" + b"b" * (1 << 20) + b"b\nc", event)
    assert [refused.reason for refused in found.refused] == [RejectReason.TOO_LARGE]
    assert len(found.records) == 2


def test_the_first_line_is_seen_in_packed_logs_too() -> None:
    assert first_line(gzip.compress(b"\n# a\n  b c\nd" + b"e" * 10**6)) == "b c"
    assert first_line(b"\x1f\x8bno gzip") == ""
    assert first_line(b"") == ""


@pytest.mark.parametrize(
    ("agent", "name", "version"),
    [
        ("myapp/3.2.1", "myapp", "3.2.1"),
        ("Shop/412 CFNetwork/1240.0.4 Darwin/20.6.0", "Shop", "412"),
        ("com.example.shop/v2.0.0-rc.1 (Android 14)", "com.example.shop", "2.0.0-rc.1"),
        ("aws-sdk-js/3.500.0 os/linux", "aws-sdk-js", "3.500.0"),
        ("curl/8.4.0", "curl", "8.4.0"),
    ],
)
def test_a_product_token_is_a_client(agent: str, name: str, version: str) -> None:
    found = client_of(agent)
    assert found is not None
    assert (found.name, found.version, found.tenant) == (name, version, None)


@pytest.mark.parametrize(
    "agent",
    [
        None,
        "",
        "-",
        "myapp",
        "my app 3.2.1",
        "3.2.1/myapp",
        "myapp/latest",
        "myapp/1.0\u202e",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Safari/604.1",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
        "Opera/9.80 (Windows NT 6.1) Presto/2.12.388 Version/12.18",
        "Dalvik/2.1.0 (Linux; U; Android 13; Pixel 7 Build/TQ3A)",
    ],
)
def test_what_names_no_application_is_no_client(agent: str | None) -> None:
    assert client_of(agent) is None


@pytest.mark.parametrize(
    "key",
    [
        "identity.apiKey",
        "identity.sourceIp",
        "identity.accountId",
        "authorizer.principalId",
        "user",
        "ip",
        "",
    ],
)
def test_secrets_and_people_are_not_read(key: str) -> None:
    assert meaning_of(key) is None
    assert target_of(f"$context.{key}") is None


def test_a_line_of_ingress_nginx_has_no_id_which_its_caller_chooses() -> None:
    line = LINE % 1 + b' "-" "okhttp/4.12.0" 331 0.084 [shop-80] [] 10.0.0.5:8080 512 0.083 200 ' + b"7c" * 16
    (record,) = FORMATS["clf"].read(line, Surroundings()).records
    assert isinstance(record, Event)
    assert (record.service, record.id) == ("shop-80", None)


@pytest.mark.parametrize(
    "user",
    ["a[b", "a] [b", "[30/Nov/2026:23:48:08 +0000] ", "[", "x" * 6000, r"\x22 200 5 [x] \x22", r"\"GET"],
)
def test_whatever_a_visitor_calls_himself_his_request_is_counted(user: str) -> None:
    line = (LINE % 1).decode().replace(" - - ", f" - {user} ")
    (record,) = FORMATS["clf"].read(line.encode(), Surroundings()).records
    assert isinstance(record, Event)
    assert (record.ts, record.route, record.status) == (1764151200.0, "GET /items/{id}", 200)


def test_a_caller_of_a_balancer_chooses_no_id() -> None:
    line = (
        b"http 2025-11-26T10:00:00.186641Z app/shop/50dc6c495c0c9188 203.0.113.9:2817 10.0.0.1:80 "
        b"0.001 0.041 0.000 "
        b'200 200 34 366 "GET http://shop.example.com:80/items/1 HTTP/1.1" "curl/8" - - - '
        b'"CalledFrom=ASelf=fixed;Root=1-67891233-%024d" "-" "-" 0 2025-11-26T10:00:00.144000Z "forward" "-"'
    )
    payload = b"\n".join(line % number for number in range(3))
    records = FORMATS["alb"].read(payload, Surroundings()).records
    assert len({record.id for record in records if isinstance(record, Event)}) == 3
