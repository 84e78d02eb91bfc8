"""Queries that no dashboard sends: deep, endless, of a million matchers, of every time there could be."""

import socket
import time
import urllib.parse
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.attacks.attacked import Answer, Attacked, HonestSender

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ANSWERS = {200, 400, 413, 422, 503}

QUERIES = (
    "(" * 10_000 + "1" + ")" * 10_000,
    "-" * 15_000 + "1",
    "-(" * 200 + "1" + ")" * 200,
    "1+" * 249 + "1",
    "1^" * 200 + "1",
    "sum(" * 100 + "uneri_observed" + ")" * 100,
    "sum by (" + ",".join(f"l{n}" for n in range(240)) + ") (uneri_observed)",
    "topk(1e308, uneri_observed)",
    "topk(-1, uneri_observed)",
    "topk(NaN, uneri_observed)",
    "topk(uneri_observed, uneri_observed)",
    "1 / 0 % 0 ^ -1e308",
    "-9223372036854775808 % -1",
    "0x7fffffffffffffffffffffff",
    "1e99999",
    'uneri_observed{name=~"(a+)+$"}',
    'uneri_observed{name=~"(.*)*(.*)*(.*)*(.*)*x"}',
    'uneri_observed{name=~"(?:a?){5000}a{5000}"}',
    'uneri_observed{name=~"((((((a{99}){99}){99}){99}){99}){99})"}',
    'uneri_observed{name=~"' + "(" * 5000 + ")" * 5000 + '"}',
    'uneri_observed{name=~"' + "a|" * 9000 + 'b"}',
    'uneri_observed{name=~"[^\\\\x00-\\\\x{10ffff}]{1000}"}',
    'uneri_observed{name=~"(?i)' + "ſK" * 4000 + '"}',
    'uneri_observed{name=~"(?<=a)b\\\\1"}',
    'uneri_observed{name=~"["}',
    'uneri_observed{name=~".*"} * on(name) uneri_observed{name=~".*"}',
    "uneri_observed{" + ",".join(f'name!="{n}"' for n in range(160)) + "}",
    "uneri_observed{" + 'name!="a",' * 1_000_000 + "}",
    "uneri_observed offset 999999999y",
    "uneri_observed offset -999999999999999999999y",
    "uneri_observed[5m]",
    "uneri_observed[99999999y:1ms]",
    "uneri_observed @ 1e400",
    "uneri_observed @ start()",
    '"a"',
    "",
    " " * 19_000,
    "#" * 19_000,
    "\x00",
    "\u202euneri_observed{name=\u200b'a'}",
    '{__name__=~".+"}',
    '{__name__=""}',
    "{" + "a" * 19_000 + '="b"}',
    'uneri_observed{name="\\ud800"}',
    'uneri_observed{name="\ud83d"}',
    "uneri_observed or " * 200 + "uneri_observed",
    "uneri_observed and on() (uneri_observed unless ignoring() uneri_observed)",
    "label_replace(uneri_observed, 'a', '$1', 'name', '((a*)*)*b')",
    "absent(absent(absent(uneri_observed)))",
    "quantile(0.5, uneri_observed)",
    "count_values('a', uneri_observed)",
    "%s%n%x${jndi:ldap://127.0.0.1/a}",
)

RANGES = (
    {"start": "0", "end": "9e18", "step": "1"},
    {"start": "-9e300", "end": "9e300", "step": "1e-300"},
    {"start": "0", "end": "1", "step": "0.001"},
    {"start": "0", "end": "253402300800", "step": "1ms"},
    {"start": "NaN", "end": "inf", "step": "nan"},
    {"start": "1", "end": "0", "step": "1"},
    {"start": "0", "end": "1", "step": "0"},
    {"start": "0", "end": "1", "step": "-1"},
    {"start": "9" * 400, "end": "9" * 401, "step": "1" * 400},
    {"start": "0001-01-01T00:00:00Z", "end": "9999-12-31T23:59:60Z", "step": "1y"},
    {"start": "2025-01-01T00:00:00+05:99", "end": "2025-01-01T00:00:00-99:99", "step": "1s"},
    {"start": "\u0661", "end": "\u0662", "step": "\u0661s"},
    {"start": "now", "end": "1970-01-01", "step": "1w1w1w1w"},
    {"start": "", "end": "", "step": ""},
    {"start": "0", "end": "1", "step": "1", "timeout": "-1s"},
    {"start": "0", "end": "1", "step": "1", "timeout": "9" * 30 + "y", "limit": "9" * 18},
    {"start": "0", "end": "1", "step": "1", "limit": "-1"},
)


def encoded(**parameters: str) -> bytes:
    return urllib.parse.urlencode(parameters, errors="surrogatepass").encode()


def asked(daemon: Attacked, path: str, body: bytes) -> Answer:
    begun = time.monotonic()
    answer = daemon.ask(f"/api/v1/{path}", body, FORM, timeout=60)
    assert answer.status in ANSWERS, (path, body[:200], answer)
    assert time.monotonic() - begun < 40, (path, body[:200])
    assert len(answer.body) < 4_000_000, (
        path,
        body[:200],
        answer.body[:200],
    )  # all of 3,000 names are 2.4 MB
    return answer


def test_hostile_queries_cost_neither_records_nor_the_daemon(broker: str | None, tmp_path: Path) -> None:
    names = [{"ts": time.time(), "service": "a" * (n % 60) + str(n), "status": 200} for n in range(3000)]
    with Attacked(tmp_path, broker) as daemon:
        with HonestSender(daemon) as honest:
            daemon.send(*names)
            daemon.wait(
                lambda: daemon.get("/api/v1/labels").status == 200 and daemon.status().get("watermark"),
                "step",
            )
            end = str(time.time())
            begin = str(time.time() - 3600)
            for query in QUERIES:
                asked(daemon, "query", encoded(query=query))
                asked(daemon, "query_range", encoded(query=query, start=begin, end=end, step="1"))
                asked(daemon, "series", encoded(**{"match[]": query}))
            for times in RANGES:
                asked(daemon, "query_range", encoded(query='{__name__=~".+"}', **times))
                asked(daemon, "query", encoded(query="uneri_observed", time=times["start"]))
                asked(daemon, "labels", encoded(start=times["start"], end=times["end"]))
            for path in ("query", "query_range", "series", "labels"):
                asked(daemon, path, b"&" * 60_000)
                asked(daemon, path, b"query=1&" * 8000)
                asked(daemon, path, b"match[]=a&" * 6000)
                asked(daemon, path, b"%" * 60_000)
                asked(daemon, path, b"query=\xff\xfe%ff%fe%00")
            for name in ("%00", "__name__", "a" * 7000, "..%2f..", "%ff", "\u202e"):
                answer = daemon.get(f"/api/v1/label/{urllib.parse.quote(name, safe='%')}/values")
                assert answer.status in {*ANSWERS, 404}, (name, answer)
            honest.fills_a_minute()
        honest.is_counted()
        assert daemon.get("/readyz").status == 200
    assert len(daemon.lines()) < 40


def test_queries_of_a_month_over_all_series_at_once_fit_into_memory(
    broker: str | None, tmp_path: Path
) -> None:
    """Of brackets in brackets, each holds a left side while its right one is worked out."""
    everything = 'uneri_observed{name=~".*"}'
    deep = "".join(f"({everything} + {n}) - (" for n in range(25)) + everything + ")" * 25
    queries = ('{__name__=~".+"}', f"count({everything})", f"{everything} > uneri_upper", deep)
    with Attacked(tmp_path, broker) as daemon:
        with HonestSender(daemon) as honest:
            daemon.wait_for_judgement()  # its names have their places before those of a flood
            now = time.time()
            for first in range(0, 60_000, 20_000):
                flood = [
                    {"ts": now, "service": f"s{n}", "function": f"f{n}"} for n in range(first, first + 20_000)
                ]
                assert daemon.send(*flood).status == 202
            daemon.wait(lambda: (daemon.status().get("watermark") or 0) > now + 60, "steps")

            def ask(number: int) -> int:
                end, step = time.time(), (3600, 21_600, 240)[number % 3]
                times = {"start": str(end - 30 * 86_400), "end": str(end), "step": str(step)}
                form = encoded(query=queries[number % len(queries)], **times)
                return daemon.ask("/api/v1/query_range", form, FORM, timeout=90).status

            with ThreadPoolExecutor(160) as pool:
                assert set(pool.map(ask, range(160))) <= ANSWERS
            assert daemon.get("/board/map").status == 200
            honest.fills_a_minute()
        honest.is_counted()


def test_clients_that_leave_their_queries_leave_no_trace(tmp_path: Path) -> None:
    query = encoded(query='uneri_observed{name=~"(.*)*(.*)*x"} or {__name__=~".+"}').decode()
    head = f"GET /api/v1/query?{query} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()

    def leave(number: int) -> None:
        with socket.create_connection(("127.0.0.1", daemon.port), timeout=10) as opened:
            opened.sendall(head * (1 + number % 3))
            time.sleep(number % 5 / 50)
            if number % 2:
                opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    with Attacked(tmp_path) as daemon:
        with HonestSender(daemon) as honest:
            daemon.wait_for_judgement()
            with ThreadPoolExecutor(20) as pool:
                list(pool.map(leave, range(400)))
            assert daemon.wait(lambda: daemon.get("/api/v1/query", query="1").status == 200, "query", 30)
        assert honest.accepted
        assert daemon.get("/readyz").status == 200
    assert len(daemon.lines()) < 20
