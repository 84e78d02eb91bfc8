"""The report of ``uneri try`` says what was seen, what was left out and why, and what to mend."""

import json
from collections import Counter

from streams.cli.try_report import TryReport
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.format import Reading, RefusalError, Surroundings
from streams.ingest.formats.native import NATIVE

NOW = 1_760_000_000.0


def request(**more: object) -> dict[str, object]:
    return {"ts": NOW, "account": "1", "service": "shop", "route": "GET /items", "status": 200, **more}


def report(*records: dict[str, object] | Reading) -> dict[str, list[str]]:
    """Return the texts by their label."""
    found, texts = TryReport(NOW), dict[str, list[str]]()
    for number, given in enumerate(records, 1):
        content = b"" if isinstance(given, Reading) else json.dumps(given).encode()
        reading = given if isinstance(given, Reading) else NATIVE.read(content, Surroundings())
        found.add(f"line {number}", content, NATIVE.name, reading)
    last = ""
    for label, text in found.lines():
        last = label or last
        texts.setdefault(last, []).append(text)
    return texts


def test_it_counts_what_is_named_and_measured_and_says_what_is_not() -> None:
    first = request(
        client={"name": "ios", "version": "3.2"}, ms={"total": 12}, tables=[{"name": "items", "wcu": 2.5}]
    )
    routes = [request(route=f"GET /{name}", ms={"total": 40}) for name in ("items", "orders", "carts", "faq")]
    assert report(first, *routes) == {
        "": ["5 payloads: 5 records (request 5), 0 refused, 0 skipped"],
        "read as": ["uneri 5; times from 2025-10-09 08:53:20Z to 2025-10-09 08:53:20Z"],
        "routes": ["4: GET /items, GET /orders, GET /carts, …"],
        "services": ["1: shop"],
        "tables": ["1: items"],
        "clients": ["1: ios 3.2"],
        "accounts": ["1: 1"],
        "units": ["total 12 to 40 ms, wcu 2.5"],
        "not named": ["functions"],
    }


def test_what_is_left_out_has_its_reason_and_its_first_line() -> None:
    lost: dict[str, object] = {"service": "shop"}
    start = Reading(skipped=Counter({"START line": 2}))
    said = report(request(), lost, start, lost)["left out"]
    assert said == [
        "2 × no_ts, first at line 2: an event needs ts, the epoch seconds at which the request started",
        "by design: 2 × START line (first at line 3)",
    ]
    refusal = [RefusalError(reason, "why").of(b"") for reason in RejectReason]
    assert report(Reading(refused=refusal))["left out"][3] == f"{len(refusal) - 3} more reasons"


def test_a_clean_file_has_nothing_to_look_at() -> None:
    assert "look at" not in report(request(ms={"total": 3}))


def test_requests_without_an_end_and_without_an_account_are_told() -> None:
    bare = request(ms={"total": 3})
    del bare["status"], bare["account"]
    said = report(bare)["look at"]
    assert [text.partition(":")[0] for text in said] == [
        "no request has a status or an error",
        "no record names its account",
    ]
    assert "look at" not in report(request(status=None, error=None, ms={"total": 3}))


def test_times_ahead_and_years_ago_are_told_if_all_are() -> None:
    ahead, past = request(ts=NOW + 3 * 86400, ms={"total": 3}), request(ts=NOW - 9e7, ms={"total": 3})
    assert report(ahead)["look at"][0].startswith("all times are in the future, by 3 days at least:")
    assert report(past)["look at"][0].startswith("all times are over a year old:")
    assert "look at" not in report(ahead, past)


def test_routes_of_their_own_are_told() -> None:
    def visits(count: int) -> list[dict[str, object]]:
        return [request(route=f"GET /users/u{chr(97 + number)}", ms={"total": 3}) for number in range(count)]

    assert report(*visits(20))["look at"][0].startswith("20 routes of 20 requests: name the places of ids")
    assert "look at" not in report(*visits(5)), "five may well all differ"
    assert "look at" not in report(*visits(20), *visits(20))


def test_a_number_called_as_a_time_is_told_if_no_time_was_read() -> None:
    (said,) = report(request(latency_ms=41.2, http={"responseTime": 7}, items=3))["look at"]
    assert said.startswith("nothing reads latency_ms (41.2 at line 1), http.responseTime (7 at line 1):")
    assert "look at" not in report(request(latency_ms=41.2, ms={"total": 41.2}))
