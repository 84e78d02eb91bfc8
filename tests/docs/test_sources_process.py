"""The examples of docs/sources.md: files are read by the formats it names, and its handlers run."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from streams.engine.decode.event import Event
from streams.engine.decode.parse import parse
from streams.ingest.formats.format import Surroundings
from streams.ingest.formats.formats import FORMATS, recognised
from tests.senders.conftest import node, node_with_sdk, served, store
from tests.senders.dynamo import Dynamo

__all__ = ["node", "node_with_sdk", "served", "store"]  # fixtures

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = (ROOT / "docs" / "sources.md").read_text("utf-8")
FILES: Final = dict(re.findall(r"^cat > (\S+) <<'END'\n(.*?)^END$", PAGE, re.MULTILINE | re.DOTALL))
TRIED: Final = [
    example
    for example in re.findall(r"^uneri try (\S+) --format (\w+)$", PAGE, re.MULTILINE)
    if example[0] in FILES
]
REQUEST: Final = {
    "version": "2.0", "routeKey": "POST /items/{id}", "rawPath": "/items/a", "pathParameters": {"id": "a"},
    "headers": {"x-app": "ios", "x-app-version": "3.2.1"},
    "requestContext": {"routeKey": "POST /items/{id}", "http": {"method": "POST", "path": "/items/a"}},
}  # fmt: skip


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def only_event(lines: str) -> Event:
    """Return the only event that a handler wrote, and check it against the page."""
    events, _, problems = parse(lines.encode().splitlines())
    assert not problems
    (event,) = events
    assert (event.service, event.route, event.status) == ("inventory", "POST /items/{id}", 204)
    assert event.client is not None
    assert (event.client.name, event.client.version) == ("ios", "3.2.1")
    assert event.tables is not None
    assert [(call.name, call.op, call.wcu is not None) for call in event.tables] == [
        ("items", "UpdateItem", True)
    ]
    return event


@pytest.fixture
def items(store: Dynamo) -> Dynamo:
    with contextlib.suppress(store.client().exceptions.ResourceInUseException):  # another test made it
        store.table("items")
    return store


def test_there_is_a_file_for_each_way_that_reads_logs_or_spans() -> None:
    assert {file for file, _ in TRIED} == set(FILES)
    assert len(TRIED) >= 4


@pytest.mark.parametrize(("file", "name"), TRIED)
def test_a_file_of_the_page_is_recognised_and_becomes_records(file: str, name: str) -> None:
    payload = FILES[file].encode()
    found = recognised(payload)
    assert found is not None
    assert found.name == name
    reading = FORMATS[name].read(payload, Surroundings(function="inventory-put-item"))
    assert reading.records
    assert not reading.refused
    for record in reading.records:
        assert isinstance(record, Event)


def test_the_files_of_one_request_join() -> None:
    keys = []
    for file, name in TRIED:
        if file != "entry.json":
            records = FORMATS[name].read(FILES[file].encode(), Surroundings(function="f")).records
            keys.append(
                {
                    key
                    for record in records
                    if isinstance(record, Event)
                    for key in (record.joins or "").split()
                }
            )
    assert set.intersection(*keys) == {"8f5c1f4e-5d3a-4c52-9d4e-1f2f5f3c9a10"}


def test_the_line_of_the_page_is_an_event() -> None:
    events, _, problems = parse([block("json").strip().encode()])
    assert not problems
    assert [call.throttled for call in events[0].tables or ()] == [
        "TableWriteKeyRangeThroughputExceeded",
        None,
    ]


def test_the_handler_for_python_writes_such_a_line(items: Dynamo, tmp_path: Path) -> None:
    shutil.copy(ROOT / "senders" / "python" / "uneri_lambda.py", tmp_path)
    (tmp_path / "handler.py").write_text(block("python"))
    done = subprocess.run(
        [sys.executable, "-c", f"import handler; handler.handler({REQUEST!r}, None)"],
        cwd=tmp_path, env={"PATH": os.environ["PATH"]} | items.environment(), text=True, capture_output=True,
        check=True, timeout=60,
    )  # fmt: skip
    event = only_event(done.stdout)
    shown = set(json.loads(block("json"))) - {"id", "account", "joins", "trace", "memory_mb", "billed_ms"}
    assert shown <= set(json.loads(done.stdout))  # what needs no context of Lambda
    assert event.cold_start


def test_the_handler_for_node_writes_such_a_line(items: Dynamo, node_with_sdk: tuple[str, ...]) -> None:
    program, runner = node_with_sdk
    folder = Path(runner).parent
    (folder / "handler.mjs").write_text(block("js"))
    code = f"import {{ handler }} from './handler.mjs'; await handler({json.dumps(REQUEST)}, {{}});"
    done = subprocess.run(
        [program, "--input-type=module", "-e", code],
        cwd=folder, env={"PATH": os.environ["PATH"]} | items.environment(), text=True, capture_output=True,
        check=True, timeout=60,
    )  # fmt: skip
    only_event(done.stdout)


@pytest.mark.parametrize("command", re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL))
def test_a_block_is_sound_shell_and_names_files_that_are_there(command: str) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    subprocess.run([bash, "-n"], input=command, text=True, check=True, timeout=10)
    for file in re.findall(r"senders/[\w./-]+", command):
        assert (ROOT / file).is_file(), file


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!https:)([^)]+)\)", PAGE))))
def test_every_link_leads_somewhere(target: str) -> None:
    file, _, anchor = target.partition("#")
    page = ROOT / "docs" / file if file else ROOT / "docs" / "sources.md"
    assert page.exists()
    if anchor:
        headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
        assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_of_two_sources_one_counts_each_kind_of_scope() -> None:
    table = PAGE.partition("| together |")[2].partition("\n\n")[0].splitlines()[2:]
    assert len(table) >= 5
    for row in table:
        _, pair, first, second, _ = row.split("|")
        said = re.search(r"UNERI_COUNTS=([a-z,]+)", second)
        kinds = [set(re.findall(r"[a-z]+", text.partition("(")[0])) for text in (first, second)]
        assert not kinds[0] & kinds[1], pair
        assert said is None or set(said[1].split(",")) == kinds[1], pair
