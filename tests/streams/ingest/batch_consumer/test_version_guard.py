import ast
import hashlib
import importlib
import inspect
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeGuard

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer import fetcher
from faust.transport import consumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.ingest.batch_consumer import version_guard
from streams.ingest.batch_consumer.aiokafka_patches import _close, _force, _wait, install
from streams.ingest.batch_consumer.batch_consumer import ChunkConsumer
from streams.ingest.batch_consumer.chunk_records import ChunkRecords
from streams.process.library_guard import UnknownVersionError

ROOT = Path(__file__).parents[4]

# What the lane was read against. When one of these differs, read the new source, run the kill test, and
# only then write the new sum here.
READ = {
    driver.Consumer.getmany: "4b168d84882a70d6",
    driver.Consumer._wait_next_records: "6218e1969a636b3f",
    driver.Consumer._get_active_partitions: "b24897f3c7afdb5d",
    driver.Consumer.on_buffer_full: "c8961679e0bcdce5",
    driver.Consumer.on_buffer_drop: "4b57e8a418d5ad9c",
    driver.Consumer.resume_partitions: "afe6b7c02a41d63c",
    driver.Consumer._commit_tps: "a20e230b05ae8b15",
    driver.Consumer._filter_committable_offsets: "dc5e9baf5d994485",
    driver.Consumer._filter_tps_with_pending_acks: "f6f9239774234e7e",
    driver.Consumer._should_commit: "5ce941793947ad42",
    driver.Consumer._drain_messages: "44a2500309e83c63",
    driver.Consumer.perform_seek: "0e8c130ff4b0afd8",
    driver.Consumer.on_partitions_assigned: "29ce96596f05a18c",
    driver.Consumer.on_partitions_revoked: "d04b7ae72c6fc206",
    driver.AIOKafkaConsumerThread._create_worker_consumer: "c2701bfc3e6f6cad",
    AIOKafkaConsumer.stop: "bc5da9c98595299a",
    AIOKafkaClient._md_synchronizer: "e0421bffa9a7735a",
    AIOKafkaClient.set_topics: "9f9b55d6d8997834",
    _wait: "a08917ffb0ba3714",
    _force: "cb7befef21c8f3f9",
    _close: "1cd24bc1c442149e",
    fetcher.Fetcher._fetch_requests_routine: "2a8ec5932644c9b0",
    fetcher.Fetcher._proc_fetch_request: "59bf948fff47eed5",
    ChunkRecords.__mro__[1]._unpack_records: "b803e6d46480732c",
    fetcher.FetchResult.getall: "3e717e30de5068d5",
    fetcher.Fetcher.fetched_records: "be4348896b9b66af",
}


@pytest.mark.parametrize("function", READ, ids=lambda function: function.__qualname__)
def test_the_source_that_the_lane_relies_on_has_not_changed(function: Callable[..., Any]) -> None:
    assert hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:16] == READ[function]


async def test_the_next_offset_and_what_an_open_transaction_holds_are_known_as_aiokafka_fetches() -> None:
    tp, other = TP("requests", 0), TP("requests", 1)
    client = AIOKafkaConsumer()
    lane: Any = ChunkConsumer.__new__(ChunkConsumer)
    lane._thread = SimpleNamespace(_consumer=client)
    assert lane.next_offset(tp) is None, "not assigned"
    client.assign([TopicPartition(*tp)])
    assert lane.next_offset(tp) is None, "no position yet"
    state = client._subscription.subscription.assignment.state_value(TopicPartition(*tp))
    state.seek(42)
    assert lane.next_offset(tp) == await client.position(TopicPartition(*tp)) == 42
    state.consumed_to(50)
    assert lane.next_offset(tp) == await client.position(TopicPartition(*tp)) == 50
    assert lane.next_offset(other) is None, "another's"
    state.highwater = 60
    for stable, waits in ((None, False), (60, False), (55, False), (50, True)):
        state.lso = stable
        assert lane.waits_for_transaction(tp) is waits, stable
    assert "_consumer" in driver.AIOKafkaConsumerThread.__annotations__
    await client.stop()


def test_no_import_replaces_what_aiokafka_uses_but_the_driver_does() -> None:
    program = """
from aiokafka.consumer import fetcher
from streams.ingest.batch_consumer import aiokafka_patches, batch_consumer, chunk_reader
print(fetcher.PartitionRecords.__name__)
aiokafka_patches.install()
print(fetcher.PartitionRecords.__name__)
"""
    shown = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert shown.stdout.split() == ["PartitionRecords", "ChunkRecords"]
    install()
    assert fetcher.PartitionRecords is ChunkRecords
    assert issubclass(ChunkConsumer, consumer.Consumer)


def test_another_version_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(version_guard.VERSIONS, "aiokafka", "0.1.0")
    with pytest.raises(UnknownVersionError, match=r"aiokafka .* is installed.* requires 0\.1\.0"):
        version_guard.check()


def test_another_signature_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(version_guard.SHAPES, driver.Consumer._new_offset, "self tp generation")
    with pytest.raises(UnknownVersionError, match=r"_new_offset\(self tp\) has changed"):
        version_guard.check()


def test_another_attribute_is_refused_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(version_guard.ATTRIBUTES, driver.Consumer, "_acked _acknowledged")
    with pytest.raises(UnknownVersionError, match="Consumer has no _acknowledged any more"):
        version_guard.check()


LIBRARIES = ("faust", "aiokafka", "mode")
LANE = ROOT / "streams" / "ingest" / "batch_consumer"
KAFKA = ROOT / "streams" / "drivers" / "kafka"
MODULES = [path for folder in (LANE, KAFKA) for path in sorted(folder.rglob("*.py"))]


def private_names(path: Path) -> set[str]:
    """Return the private names that a module uses and no class of ours defines: those of libraries."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    ours: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef):
            defined = defined_in(node) | inherited(path, node.name)
            ours |= {inner for inner in ast.walk(node) if is_of_self(inner) and inner.attr in defined}
    return {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and re.match("_[^_]", node.attr) and node not in ours
    } - {"_exit", "_replace"}  # of the standard library


def defined_in(node: ast.ClassDef) -> set[str]:
    """Return the methods of a class, and the attributes that it sets of itself."""
    set_ = {inner.attr for inner in ast.walk(node) if is_of_self(inner) and isinstance(inner.ctx, ast.Store)}
    return set_ | {
        stmt.name for stmt in node.body if isinstance(stmt, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def inherited(path: Path, name: str) -> set[str]:
    """Return what a class of a module inherits from classes of the project."""
    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    found = set[str]()
    for base in getattr(module, name, object).__mro__[1:]:
        if base.__module__.startswith("streams."):
            [node] = ast.parse(textwrap.dedent(inspect.getsource(base))).body
            assert isinstance(node, ast.ClassDef)
            found |= defined_in(node)
    return found


def is_of_self(node: ast.AST) -> TypeGuard[ast.Attribute]:
    return isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("self", "super()")


def overridden(path: Path) -> set[tuple[type, str]]:
    """Return the members of Faust's and aiokafka's classes that the classes of a module replace."""
    module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef) and (ours := getattr(module, node.name, None)):
            named = {getattr(stmt, "name", "") for stmt in node.body}
            named |= {ast.unparse(target) for stmt in node.body for target in getattr(stmt, "targets", ())}
            found |= {
                (base, name)
                for base in ours.__mro__
                if base.__module__.partition(".")[0] in LIBRARIES
                for name in named & vars(base).keys()
                if not name.startswith("__")
            }
    return found


def test_the_guard_knows_every_private_name_that_is_used() -> None:
    known = {function.__name__ for function in version_guard.SHAPES}
    known |= {name for names in version_guard.ATTRIBUTES.values() for name in names.split()}
    known.add("_proc_fetch_request")  # looked into by the guard itself
    used = {path.name: private_names(path) - known for path in MODULES}
    assert {name: names for name, names in used.items() if names} == {}
    assert "_acked" in private_names(ROOT / "streams" / "ingest" / "batch_consumer" / "batch_consumer.py"), (
        "the search finds them"
    )


def test_the_guard_knows_everything_that_is_overridden() -> None:
    found = {row for path in MODULES for row in overridden(path)}
    assert (ChunkRecords.__mro__[1], "_unpack_records") in found, "the search finds them"
    shapes = {function.__name__ for function in version_guard.SHAPES}
    attributes = version_guard.ATTRIBUTES.items()
    unknown = {
        (base.__qualname__, name)
        for base, name in found
        if name not in shapes
        and not any(issubclass(owner, base) and name in names.split() for owner, names in attributes)
    }
    assert unknown == set()
