"""What the encodings of the state look like now: PYTHONPATH=. python tests/golden/encodings.py pins them.

A kind of part has a version; what has none of its own has the format of the whole state. With the same
version only fields with a default, at the end, and values of an enumeration may be added: older state is read
as it is. Everything else needs another version and a migration, or a step in ``UPGRADES`` and another
``FORMAT``.
"""

import importlib
import json
import pkgutil
import re
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import numpy as np
from msgspec import inspect

import alerting
import detectors
import streams
from alerting.commands.command import Command, CommandKind
from alerting.messages.alarm import Alarm
from alerting.outbox.outbox_sqlite import SqliteOutbox
from alerting.outbox.row import OutboxRow
from alerting.pipeline.pipeline import Pipeline
from alerting.sinks.alarm_sink import Confirmed
from config.settings import KafkaSettings
from detectors.state import state
from detectors.state.declared import Held, Stateful, StatePart
from detectors.state.state import FORMAT, Writer
from streams.drivers.kafka.checkpoints import checkpoints
from streams.drivers.kafka.notices import NoticesPart, NotifyStage
from streams.drivers.kafka.stage import Emission
from streams.drivers.kafka.stages import DetectStage, IncidentsStage, RollupStage
from streams.drivers.kafka.topics import Topics
from streams.drivers.local.log_judge import SOURCE, STAGE, _Pending
from streams.drivers.local.sqlite_store import SqliteStore
from streams.drivers.local.state_transfer import import_state
from streams.engine.detect.gather import JudgedStep
from streams.engine.detect.step_record import decode_step, part_of
from streams.engine.stages.engine import Engine
from streams.ingest.batch_consumer.chunk import Chunk
from streams.record.history.segments import Segments
from tests.golden.story import MINUTES, SHARDS, minutes, settings
from tests.laws.partition import Partition

FILE: Final = Path(__file__).with_name("encodings.json")
UNVERSIONED: Final = {
    "a row of the outbox": OutboxRow,
    "the body of a row of an alarm": Alarm,
    "the state of an alarm that its receiver confirmed": Confirmed,
    "a record of the findings topic": JudgedStep,
    "a record of the notices topic": NoticesPart,
    "pending emissions": list[Emission],
    "pending notices": _Pending,
    "the marker of a checkpoint": checkpoints._Marker,
    "who wrote the outbox": Writer,
}

Types = dict[str, Any]
"""By name: the fields of a struct, or the values of an enumeration."""


def shape(info: Any, types: Types) -> str:
    """Return a type in words; what it consists of goes into ``types``."""
    match info:
        case inspect.StructType() | inspect.NamedTupleType() | inspect.DataclassType():
            return _fields(info, types)
        case inspect.EnumType():
            types[_name(info)] = sorted(str(enum.value) for enum in info.cls)
            return _name(info)
        case inspect.UnionType():
            return " | ".join(sorted(shape(one, types) for one in info.types))
        case inspect.LiteralType():
            return f"literal {sorted(map(str, info.values))}"
    inner = [getattr(info, name) for name in ("item_type", "key_type", "value_type") if hasattr(info, name)]
    inner += getattr(info, "item_types", ())
    plain = type(info).__name__.removesuffix("Type").lower()
    return f"{plain}[{', '.join(shape(one, types) for one in inner)}]" if inner else plain


def _fields(info: Any, types: Types) -> str:
    name = _name(info)
    if name not in types:
        types[name] = {}  # it may contain itself
        by_place = getattr(info, "array_like", isinstance(info, inspect.NamedTupleType))
        fields = [
            [field.encode_name, shape(field.type, types), "required" if field.required else "default"]
            for field in info.fields
        ]
        types[name] = {"by": "place" if by_place else "name", "fields": fields}
    return name


def _name(info: Any) -> str:
    return f"{info.cls.__module__.rpartition('.')[2]}.{info.cls.__name__}"


@contextmanager
def noting(found: dict[str, Any], types: Types) -> Iterator[None]:
    """Note the version and the type of every part that is read."""
    read, typed = state._read, state._typed

    def noted_read(part: bytes, kind: str, version: int, older: state.Older) -> Any:
        found.setdefault(kind, {})["version"] = version
        return read(part, kind, version, older)

    def noted_typed(body: bytes, part: Any, meta: Any) -> Any:
        found[part.kind]["meta"] = shape(inspect.type_info(meta), types)
        return typed(body, part, meta)

    with patch.object(state, "_read", noted_read), patch.object(state, "_typed", noted_typed):
        yield


def arrays(parts: dict[str, bytes], found: dict[str, Any]) -> None:
    """Note the arrays of parts that this version wrote."""
    for body in parts.values():
        if body[:4] != state.MAGIC:
            continue
        part = state._DECODER.decode(body[8:])
        names = {f"{re.sub('[0-9]+', '#', n)} {np.dtype(a.dtype).kind}" for n, a in part.arrays.items()}
        kind = found.setdefault(part.kind, {})
        kind["arrays"] = sorted({*kind.get("arrays", []), *names})


def present(golden: Path) -> dict[str, Any]:
    """Return the encodings of this version, by what it reads of a golden state and writes again."""
    found: dict[str, Any] = {}
    types: Types = {}
    with tempfile.TemporaryDirectory() as name, noting(found, types):
        folder = Path(name) / "state"
        import_state(golden / "embedded.tar.zst", folder)
        with SqliteStore(folder / "uneri.db") as store:
            checkpoint = store.load(STAGE)
            tables = _tables(store._connection)
        assert checkpoint is not None
        engine = Engine(settings(), [SOURCE])
        engine.restore(checkpoint.parts)
        arrays(engine.snapshot(), found)
        with closing(SqliteOutbox(folder / "outbox.db")) as outbox:
            _, parts = outbox._load()
            tables += _tables(outbox._connection)
        pipeline = Pipeline(settings())
        pipeline.restore(parts)
        arrays(pipeline.snapshot(), found)
        _stages(found)
        _joined(found)
        _noted(found)
        _recorded(found)
    _declared(found, types)
    for what, kind in UNVERSIONED.items():
        found[what] = {"version": FORMAT, "meta": shape(inspect.type_info(kind), types)}
    found["tables"] = {"version": FORMAT, "meta": sorted(tables)}
    return {"kinds": dict(sorted(found.items())), "types": dict(sorted(types.items()))}


def _declared(found: dict[str, Any], types: Types) -> None:
    """Note what is declared and not in the story: replay, backfill and tune have parts of their own."""
    for part in sorted(_parts(), key=lambda part: part.kind):
        known = found.setdefault(part.kind, {})
        known.setdefault("version", part.version)
        known.setdefault("meta", shape(inspect.type_info(part.of), types))


def _parts() -> Iterator[StatePart[Any]]:
    for package in (alerting, detectors, streams):
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            for value in vars(importlib.import_module(info.name)).values():
                if isinstance(value, StatePart):
                    yield value
                elif isinstance(value, type) and issubclass(value, Stateful):
                    yield from (held._part for held in value.STATE if isinstance(held, Held))


def _tables(connection: sqlite3.Connection) -> list[str]:
    found = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    return [" ".join(sql.split()) for (sql,) in found]


def _joined(found: dict[str, Any]) -> None:
    """Let two sources report one request, and one another: the story of the golden states has one source."""
    log, report, lone = (
        json.dumps({"ts": 1_760_000_000, "joins": joins, **fields}).encode()
        for joins, fields in (
            ("a", {"route": "GET /", "counts": "route"}),
            ("a", {"function": "f", "counts": "function"}),
            ("b", {"function": "f", "counts": "function", "tables": [{"name": "items"}]}),
        )
    )
    partition = Partition().feed([log, report, lone])
    parts = partition.rollup.snapshot()
    arrays(parts, found)
    partition.restart()


def _noted(found: dict[str, Any]) -> None:
    """Note a memo: the story of the golden states has none."""
    pipeline = Pipeline(settings())
    pipeline.command(Command(id="a", kind=CommandKind.NOTE, at=1_760_000_000, by="U0ANA", why="so", moment=0))
    arrays(pipeline.snapshot(), found)
    Pipeline(settings()).restore(pipeline.snapshot())


def _recorded(found: dict[str, Any]) -> None:
    """Record some minutes for the history, and hold them."""
    engine, held = Engine(settings(), [SOURCE], records=True), Segments(1)
    sent = [one for several in minutes(0, 10) for one in several]
    arrived: Any = np.array([one.arrived for one in sent])
    held.feed(engine.feed(SOURCE, [one.record for one in sent], arrived).records)
    record = next(iter(held.rest())).bodies[0]
    decode_step(record)
    arrays({"step": part_of(record)}, found)
    parts = engine.snapshot() | held.snapshot()
    arrays(parts, found)
    Segments(1).restore(held.snapshot())
    again = Engine(settings(), [SOURCE], records=True)
    again.restore(engine.snapshot())


def _stages(found: dict[str, Any]) -> None:
    """Run an hour through the stages of the Kafka driver."""
    topics, given = Topics.of(KafkaSettings(requests="requests")), settings()
    sent = [one for several in minutes(MINUTES - 60, MINUTES) for one in several]
    records = [one.record for one in sent]
    arrived: Any = np.array([one.arrived for one in sent])
    makers: list[Any] = [
        lambda: RollupStage(0, given, SHARDS, topics),
        lambda: DetectStage(0, ["requests/0"], given, topics),
        lambda: IncidentsStage(1, given, topics),
        NotifyStage,
    ]
    for make in makers:
        stage = make()
        chunk = Chunk("t", 0, 0, len(records), range(len(records)), records, arrived=arrived)
        emitted = list(stage.feed(chunk))
        arrays(stage.snapshot(), found)
        make().restore(stage.snapshot())
        if isinstance(stage, NotifyStage):
            return
        records = [one.value for one in emitted if one.partition == 0]
        arrays(dict(enumerate(records)), found)  # type: ignore[arg-type]
        arrived = None


def breaks(pinned: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Return what older state would not be read with, a line each."""
    wrong = []
    changed = {
        name
        for name, before in pinned["types"].items()
        if not _extends(before, now["types"].get(name, before))
    }
    for name, before in pinned["kinds"].items():
        after = now["kinds"].get(name)
        if after is None or after["version"] > before["version"]:
            continue
        through = sorted(changed & _within(before.get("meta"), pinned["types"]))
        if after["version"] < before["version"]:
            wrong.append(f"{name}: its version went back")
        elif through:
            wrong.append(f"{name}: {', '.join(through)} changed")
        elif isinstance(before.get("meta"), list):  # statements: a table more disturbs nobody
            if not set(before["meta"]) <= set(after["meta"]):
                wrong.append(f"{name}: it was {before['meta']}, and is {after['meta']}")
        elif before.get("meta") != after.get("meta"):
            wrong.append(f"{name}: it was {before.get('meta')}, and is {after.get('meta')}")
        elif not set(before.get("arrays", ())) <= set(after.get("arrays", ())):
            wrong.append(f"{name}: its arrays changed")
    return wrong


def _extends(before: Any, after: Any) -> bool:
    if isinstance(before, list):
        return set(before) <= set(after)
    was, now = before["fields"], after["fields"]
    if before["by"] != after["by"]:
        return False
    if before["by"] == "place":
        return bool(now[: len(was)] == was) and all(one[2] == "default" for one in now[len(was) :])
    names = {one[0] for one in was}
    return all(one in now for one in was) and all(one[2] == "default" for one in now if one[0] not in names)


def _within(meta: Any, types: Types) -> set[str]:
    """Return the names of all types that a type consists of."""
    found: set[str] = set()
    left = re.findall(r"[\w.]+", str(meta))
    while left:
        name = left.pop()
        if name in types and name not in found:
            found.add(name)
            if isinstance(types[name], dict):
                left += re.findall(r"[\w.]+", " ".join(one[1] for one in types[name]["fields"]))
    return found


def main() -> None:
    """Pin the encodings, unless older state could not be read."""
    now = present(max(FILE.parent.glob("*/embedded.tar.zst")).parent)
    if FILE.exists() and (wrong := breaks(json.loads(FILE.read_text()), now)):
        sys.exit("\n".join([*wrong, "raise the version and give unpack a migration: CONTRIBUTING.md"]))
    FILE.write_text(json.dumps(now, indent=1) + "\n")


if __name__ == "__main__":
    main()
