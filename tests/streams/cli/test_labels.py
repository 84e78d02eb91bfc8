"""``uneri labels`` writes what replay reads, or reports in one line why it cannot."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from typer.testing import CliRunner

from alerting.commands.labels import Label, LabelKind
from streams.cli.commands import app
from streams.notify.incidents_route import labels_route

NO_DAEMON = "http://127.0.0.1:9"
Serving = Callable[[web.RouteDef], Awaitable[str]]
KNOWN = [Label(kind=LabelKind.EXPECTED, start=1_760_000_000, scope="table:items")]


def run(*arguments: object) -> tuple[int, list[str]]:
    done = CliRunner().invoke(app, ["labels", *map(str, arguments)])
    return done.exit_code, done.stderr.splitlines()


@pytest.fixture
async def serving() -> AsyncIterator[Serving]:
    """Yield a function that serves a route and returns its address."""
    servers = []

    async def serve(route: web.RouteDef) -> str:
        served = web.Application()
        served.add_routes([route])
        servers.append(TestServer(served))
        await servers[-1].start_server()
        return str(servers[-1].make_url("")).rstrip("/")

    yield serve
    for server in servers:
        await server.close()


@pytest.mark.parametrize("name", ["labels", "labels.json", "labels.txt"])
def test_an_unknown_suffix_is_refused_before_any_request(tmp_path: Path, name: str) -> None:
    assert run("--url", NO_DAEMON, "--out", tmp_path / name) == (
        2,
        [f"uneri: --out {tmp_path / name}: the name must end with .yaml, .yml, .csv or .jsonl"],
    )
    assert not list(tmp_path.iterdir())


def test_an_unreadable_configuration_is_reported_in_one_line() -> None:
    code, lines = run("--config", "nope.yaml")
    assert (code, len(lines)) == (2, 1)
    assert lines[0].startswith("uneri: nope.yaml:1:1: cannot be read")


@pytest.mark.parametrize("url", ["file:///etc", "ftp://127.0.0.1", "localhost:8080", ""])
def test_only_http_addresses_are_accepted(url: str) -> None:
    assert run("--url", url) == (2, [f"uneri: --url {url}: not a valid address; write http://host:port"])


async def test_a_file_that_cannot_be_written_is_one_line_and_exit_2(tmp_path: Path, serving: Serving) -> None:
    url = await serving(labels_route(lambda: KNOWN))
    out = tmp_path / "nowhere" / "known.yaml"
    assert await asyncio.to_thread(run, "--url", url, "--out", out) == (
        2,
        [f"uneri: --out {out}: No such file or directory"],
    )


@pytest.mark.parametrize(
    ("answer", "line"),
    [
        (web.Response(status=404), "{url}/labels answers HTTP 404 Not Found; check --url"),
        (web.Response(text="[{}]"), "{url} does not answer as this version does (Object missing required"),
        (web.Response(text="<html>"), "no daemon answers at {url}/labels (Expecting value"),
    ],
)
async def test_an_answer_without_labels_is_quoted(serving: Serving, answer: web.Response, line: str) -> None:
    async def other(_: web.Request) -> web.Response:
        return answer

    url = await serving(web.get("/labels", other))
    code, lines = await asyncio.to_thread(run, "--url", url)
    assert (code, len(lines)) == (1, 1)
    assert lines[0].startswith(f"uneri: {line.format(url=url)}")


async def test_a_process_that_does_not_notify_names_the_one_that_does(serving: Serving) -> None:
    url = await serving(labels_route(lambda: None))
    code, lines = await asyncio.to_thread(run, "--url", url)
    assert code == 1
    assert "answers HTTP 503 it does not notify; ask the process with the role notify" in lines[0]
