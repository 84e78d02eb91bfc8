"""``uneri labels`` writes what replay reads, or reports in one line why it cannot."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from typer.testing import CliRunner

from alerting.commands.labels import Label, LabelKind
from streams.cli.commands import app
from streams.notify.labels_command import labels_route, show_labels

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
def test_an_unknown_suffix_is_refused_before_any_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert show_labels(NO_DAEMON, tmp_path / name) == 2
    assert capsys.readouterr().err == (
        f"uneri: --out {tmp_path / name}: the name must end with .yaml, .yml, .csv or .jsonl\n"
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
        (web.Response(status=404), "answered 404 (Not Found); is it the daemon that notifies?"),
        (web.Response(text="[{}]"), "did not return labels (Object missing required field"),
        (web.Response(text="<html>"), "did not return labels (JSON is malformed"),
    ],
)
async def test_an_answer_without_labels_is_quoted(serving: Serving, answer: web.Response, line: str) -> None:
    async def other(_: web.Request) -> web.Response:
        return answer

    url = await serving(web.get("/labels", other))
    code, lines = await asyncio.to_thread(run, "--url", url)
    assert (code, len(lines)) == (1, 1)
    assert lines[0].startswith(f"uneri: {url} {line}")


async def test_a_process_that_does_not_notify_names_the_one_that_does(serving: Serving) -> None:
    url = await serving(labels_route(lambda: None))
    code, lines = await asyncio.to_thread(run, "--url", url)
    assert code == 1
    assert "answered 503 (it does not notify; ask the process with the role notify)" in lines[0]


def test_an_answer_in_another_protocol_is_one_line(speaking: str) -> None:
    code, lines = run("--url", speaking)
    assert (code, len(lines)) == (1, 1)
    assert lines[0].startswith(f"uneri: {speaking} did not return labels (SSH-2.0")


@pytest.fixture
def speaking() -> Iterator[str]:
    """Yield the address of a server that does not speak HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def speak() -> None:
            there, _ = server.accept()
            with there:
                there.recv(4096)
                there.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")

        thread = threading.Thread(target=speak)
        thread.start()
        yield "http://127.0.0.1:{1}".format(*server.getsockname())
        thread.join()
