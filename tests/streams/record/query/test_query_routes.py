"""The API as programs reach it: parameters, forms, refusals, tokens."""

import asyncio
import gc
import threading
import time
from typing import Any

import aiohttp
import pytest

from config.settings import TokensSettings
from streams.process.web.access import Access
from streams.process.web.tokens import load_tokens
from streams.record.history.history_queries import HistoryPatience
from streams.record.query.promql import parse_query
from streams.record.query.query_bounds import QueryBounds, QueryError
from streams.record.query.query_service import QueryService
from tests.streams.record.query.judged_hours import END, STEP, JudgedHours, served

NEWEST = END - STEP
BAD = 400, "bad_data"
GIVEN = {"UNERI_READ_TOKEN": "r" * 24, "UNERI_INTAKE_TOKEN": "i" * 24}
READS = {"Authorization": f"Bearer {'r' * 24}"}
TABLE = 'uneri_observed{kind="table",measure="wcu",source_kind=""}'


async def got(url: str, path: str, *, answered: int = 200, match: str = "", **parameters: Any) -> Any:
    parameters |= {"match[]": match} if match else {}
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{url}/api/v1/{path}", params=parameters) as answer,
    ):
        found = await answer.json()
        assert answer.status == answered, found
        assert answer.content_type == "application/json"
        assert ("Retry-After" in answer.headers) == (found.get("errorType") == "timeout")
        return found


async def posted(url: str, path: str, **parameters: Any) -> Any:
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/api/v1/{path}", data=parameters) as answer,
    ):
        return await answer.json()


async def test_a_query_is_asked_in_the_address_or_in_a_form(judged: JudgedHours) -> None:
    async with served(judged.service()) as url:
        found = await got(url, "query", query=TABLE, time=NEWEST)
        assert found == await posted(url, "query", query=TABLE, time=str(NEWEST))
        assert found == await got(url, "query", query=TABLE, time="2025-11-27T04:16:00Z")
        assert found["status"] == "success"
        [one] = found["data"]["result"]
        assert one["value"][0] == NEWEST
        over: dict[str, Any] = {"query": TABLE, "start": NEWEST - 600, "end": NEWEST, "step": "1m"}
        assert await got(url, "query_range", **over) == await posted(url, "query_range", **over)


async def test_without_a_time_a_query_is_of_now(judged: JudgedHours) -> None:
    async with served(judged.service(), now=lambda: NEWEST + 0.25) as url:
        found = await got(url, "query", query=TABLE)
        assert found["data"]["result"][0]["value"][0] == NEWEST + 0.25
        assert (await got(url, "query", query="1 + 1"))["data"] == {
            "resultType": "scalar",
            "result": [NEWEST + 0.25, "2"],
        }


@pytest.mark.parametrize(
    ("path", "parameters", "refused", "said"),
    [
        ("query", {}, BAD, 'invalid parameter "query": it is missing'),
        ("query", {"query": "1", "time": "noon"}, BAD, "'noon' is no time; give epoch seconds"),
        ("query", {"query": "1", "time": "2026-11-30T08:00:00+05:99"}, BAD, "is no time; give epoch seconds"),
        (
            "query",
            {"query": "1", "timeout": "0"},
            BAD,
            'invalid parameter "timeout": zero or neg',
        ),
        ("query", {"query": "rate(x[1m])"}, BAD, "rate() is not supported"),
        (
            "query_range",
            {"query": "1", "start": 0, "end": 60},
            BAD,
            'parameter "step": it is miss',
        ),
        (
            "query_range",
            {"query": "1", "start": 60, "end": 0, "step": 1},
            BAD,
            "must not be before",
        ),
        (
            "query_range",
            {"query": "1", "start": 0, "end": 1, "step": "-1"},
            BAD,
            "zero or negative",
        ),
        *(
            ("query_range", {"query": "1", "start": 0, "end": 1, "step": step}, BAD, "is no duration")
            for step in ("x", "NaN", "Inf", "-5m", "5m5m", "9" * 30 + "y")
        ),
        *(
            ("query", {"query": f"x offset {text}"}, BAD, "this is no PromQL: ")
            for text in ("NaN", "Inf", "-Inf", "1e19", "-18446744073709551616", "1e400")
        ),
        *(
            ("query", {"query": "1", "time": f"2026-{text}Z"}, BAD, "is no time; give epoch seconds")
            for text in ("02-30T00:00:00", "11-27T25:00:00", "11-27T12:00:60")
        ),
        (
            "query_range",
            {"query": "1", "start": 0, "end": 11_001, "step": 1},
            BAD,
            "exceeded maximum resolution of 11,000 points per timeseries; choose a step of 2 seconds or more",
        ),
        ("query", {"query": '{kind="table"} * 1'}, (422, "execution"), "the same labelset"),
        ("series", {}, BAD, "no match[] parameter provided"),
        ("series", {"match[]": "1 + 1"}, BAD, "match[] is a selector"),
        ("labels", {"limit": "-1"}, BAD, "limit must be a whole number"),
        ("labels", {"start": "x"}, BAD, "is no time"),
    ],
)
async def test_a_refusal_has_the_form_of_prometheus(
    judged: JudgedHours, path: str, parameters: dict[str, Any], refused: tuple[int, str], said: str
) -> None:
    async with served(judged.service()) as url:
        status, trouble = refused
        found = await got(url, path, answered=status, **{"time": NEWEST, **parameters})
        assert (found["status"], found["errorType"]) == ("error", trouble)
        assert said in found["error"]


@pytest.mark.parametrize(
    ("time", "shown"),
    [("-1", 0), ("-292273086-05-16T16:47:06Z", 0), ("0000-01-01T00:00:00Z", 0)]
    + [(time, 253_402_300_799) for time in ("1e300", "292277025-08-18T07:12:54.999999999Z")],
)
async def test_a_time_that_is_no_bound_at_all_is_the_first_or_the_last_there_is(
    judged: JudgedHours, time: str, shown: int
) -> None:
    async with served(judged.service()) as url:
        assert (await got(url, "query", query="1", time=time))["data"]["result"] == [shown, "1"]


@pytest.mark.parametrize("text", [" " * 19_000, "a" + "\t\n" * 9000 + "b", '"' + '\\"' * 9900, "'\"`" * 6000])
def test_the_parts_of_a_query_are_counted_in_no_time(text: str) -> None:
    begun = time.process_time()
    with pytest.raises(QueryError):
        parse_query(text)
    assert time.process_time() - begun < 2


async def test_an_offset_beyond_all_time_finds_nothing_or_is_refused(judged: JudgedHours) -> None:
    async with served(judged.service()) as url:
        for offset in ("290y", "-290y", "100000y", "-100000y"):
            found = await got(url, "query", query=f"{TABLE} offset {offset}", time=NEWEST)
            assert found["data"]["result"] == []
        for offset in ("999999999y", "-999999999y"):
            found = await got(url, "query", query=f"{TABLE} offset {offset}", time=NEWEST, answered=400)
            assert found["error"] == "the offset is longer than there is time"


async def test_as_many_points_as_prometheus_allows_are_answered(judged: JudgedHours) -> None:
    async with served(judged.service()) as url:
        found = await got(url, "query_range", query="1", start=0, end=11_000, step=1)
        assert len(found["data"]["result"][0]["values"]) == 11_001


async def test_names_of_labels_their_values_and_series_are_listed(judged: JudgedHours) -> None:
    async with served(judged.service()) as url:
        labels = (await got(url, "labels"))["data"]
        assert {"__name__", "kind", "name", "measure", "source_name", "verdict"} <= set(labels)
        assert labels == sorted(labels)
        assert "source_name" not in (await got(url, "labels", match="uneri_expected"))["data"]
        assert (await got(url, "label/name/values", match='{kind="function"}'))["data"] == [
            "put-0",
            "put-1",
        ]
        metrics = (await got(url, "label/__name__/values"))["data"]
        assert metrics == ["uneri_expected", "uneri_lower", "uneri_observed", "uneri_state", "uneri_upper"]
        assert "spike" in (await got(url, "label/verdict/values", match="uneri_state"))["data"]
        assert (await got(url, "label/nothing/values"))["data"] == []
        [one] = (await got(url, "series", match=TABLE))["data"]
        assert one == (await got(url, "query", query=TABLE, time=NEWEST))["data"]["result"][0]["metric"]
        few = await got(url, "label/measure/values", limit=2)
        assert (len(few["data"]), few["warnings"]) == (2, ["results truncated due to limit"])


async def test_a_form_of_another_kind_is_refused(judged: JudgedHours) -> None:
    async with served(judged.service()) as url, aiohttp.ClientSession() as session:
        async with session.post(f"{url}/api/v1/query", json={"query": "1"}) as answer:
            assert answer.status == 400
            assert "x-www-form-urlencoded" in (await answer.json())["error"]
        async with session.post(f"{url}/api/v1/query?query=1") as answer:  # none at all is well
            assert answer.status == 200
        async with session.post(f"{url}/api/v1/query", data={"query": "1" * 70_000}) as answer:
            assert answer.status == 413


async def test_what_grafana_asks_first_is_answered(judged: JudgedHours) -> None:
    async with served(judged.service()) as url:
        build = (await got(url, "status/buildinfo"))["data"]
        assert build["version"] == "2.45.0"
        metadata = (await got(url, "metadata"))["data"]
        assert metadata["uneri_observed"][0]["type"] == "gauge"
        assert (await got(url, "metadata", metric="none"))["data"] == {}
        assert (await got(url, "query", query="1+1", time=4))["data"]["result"] == [4, "2"]


async def test_a_token_that_allows_to_read_may_ask_and_one_for_intake_may_not(judged: JudgedHours) -> None:
    tokens = load_tokens(TokensSettings(), GIVEN)
    async with (
        served(judged.service(), Access("127.0.0.1:0", (), tokens)) as url,
        aiohttp.ClientSession() as session,
    ):
        for token, status in (("r" * 24, 200), ("i" * 24, 403), ("", 401)):
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            async with session.post(f"{url}/api/v1/query", data={"query": "1"}, headers=headers) as answer:
                assert answer.status == status


@pytest.mark.parametrize(
    ("asked", "headers", "refused", "said"),
    [
        ("GET labels", {}, (401, "unauthorized"), "a token that allows read is needed: send Authori"),
        ("GET labels", {"Authorization": "Bearer x"}, (401, "unauthorized"), "read is not known: send"),
        ("POST query", {"Authorization": f"Bearer {'i' * 24}"}, (403, "forbidden"), "does not allow read"),
        ("GET labels", {**READS, "Origin": "http://example.com"}, (403, "forbidden"), "another origin"),
        ("GET rules", READS, (404, "not_found"), "there is no such path; did you mean"),
        ("DELETE series", READS, (405, "bad_data"), "this path does not take this method; use GET, HEAD"),
        ("GET labels", {**READS, "Expect": "tea"}, (417, "bad_data"), "100-continue is the only one"),
    ],
)
async def test_whoever_is_not_let_in_reads_why_as_prometheus_would_say_it(
    judged: JudgedHours, asked: str, headers: dict[str, str], refused: tuple[int, str], said: str
) -> None:
    method, path = asked.split()
    access = Access("127.0.0.1:0", (), load_tokens(TokensSettings(), GIVEN))
    async with (
        served(judged.service(), access) as url,
        aiohttp.ClientSession() as session,
        session.request(method, f"{url}/api/v1/{path}", headers=headers) as answer,
    ):
        found = await answer.json()
        assert ((answer.status, found["errorType"]), found["status"]) == (refused, "error")
        assert said in found["error"]
        assert ("WWW-Authenticate" in answer.headers) == (answer.status == 401)
        assert ("Allow" in answer.headers) == (answer.status == 405)


async def test_who_leaves_gives_up_the_turn_and_the_place_in_the_queue_without_a_traceback(
    judged: JudgedHours,
) -> None:
    go_on = threading.Event()
    said: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context["message"]))

    def clock() -> float:
        go_on.wait(60)
        return 0.0

    patience = HistoryPatience(threads=1, waiting=1, seconds=600)
    service = judged.service(bounds=QueryBounds(clock=clock), patience=patience)
    async with served(service) as url:
        host, port = url.removeprefix("http://").split(":")
        leaving = []
        async with asyncio.timeout(60):
            for count in (1, 2):
                _, sending = await asyncio.open_connection(host, int(port))
                sending.write(f"GET /api/v1/query?query=x HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
                leaving.append(sending)
                while service._queries._running < count:
                    await asyncio.sleep(0.01)
            crowded = await got(url, "query", answered=503, query=TABLE)
            assert crowded["error"].startswith("too many read the history at the same time")
            for sending in leaving:
                sending.close()
            while service._queries._running:
                await asyncio.sleep(0.01)
            go_on.set()
            assert (await got(url, "query", query=TABLE, time=NEWEST))["status"] == "success"
    gc.collect()  # asyncio reports an error that nobody has read when its task goes
    assert said == []


async def test_without_a_history_the_answer_says_what_to_set() -> None:
    service = QueryService(None, list, lambda: STEP)
    async with served(service) as url:
        found = await got(url, "query", answered=503, query=TABLE)
        assert (found["errorType"], found["error"]) == (
            "unavailable",
            "there is no history to read: set history.keep to true",
        )
