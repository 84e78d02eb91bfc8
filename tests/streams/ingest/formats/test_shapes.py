"""Every format keeps the contract: payloads of known shapes become what they must, and mutations no error."""

import base64
import io
import json
import random
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from config.load import load_settings
from config.presets import PRESETS
from streams.engine.decode.event import Event
from streams.engine.decode.parse import parse, stamp_of
from streams.ingest.formats.format import MOST_RECORDS, Reading, RefusalError, Surroundings, to_json_line
from streams.ingest.formats.formats import recognised, with_mappings
from streams.ingest.formats.payloads import divided

SHAPES = Path(__file__).parent / "shapes"
MUTATIONS = 1000
ENOUGH = 30
SLOWEST_SECONDS = 2.0
OVER_LINES = {"a trace on the line after"}  # which a file that is read line by line loses


def shapes(name: str) -> list[dict[str, Any]]:
    """Return the corpus of a format.

    Each shape has ``is`` (what it shows), ``payload`` (a text) or ``base64``, perhaps ``around``, and what it
    becomes: ``records``, ``refused`` (reasons), ``skipped``; or ``refusal``, the reason for the whole.
    ``auto`` is false where its format cannot be recognised.
    """
    found: list[dict[str, Any]] = json.loads((SHAPES / f"{name}.json").read_text())
    return found


def payload_of(shape: dict[str, Any]) -> bytes:
    text: str = shape.get("payload", "")
    return base64.b64decode(shape["base64"]) if "base64" in shape else text.encode()


def around(shape: dict[str, Any]) -> Surroundings:
    return msgspec.convert(shape.get("around", {}), Surroundings)


FORMATS = with_mappings(load_settings(SHAPES / "mappings.yaml").sources.mappings)
HELD = {name: form for name, form in FORMATS.items() if name not in PRESETS}  # which are mappings


def read(name: str, payload: bytes, around: Surroundings | None = None) -> Reading | str:
    try:
        return HELD[name].read(payload, around or Surroundings())
    except RefusalError as error:
        return error.reason.value if error.detail else "a refusal without a detail"


@pytest.mark.parametrize("name", HELD)
def test_a_corpus_is_large_enough_and_says_what_each_shape_is(name: str) -> None:
    found = shapes(name)
    assert len({shape["is"] for shape in found}) == len(found) >= ENOUGH


@pytest.mark.parametrize("name", HELD)
def test_a_shape_becomes_what_it_must(name: str) -> None:
    for shape in shapes(name):
        what = shape["is"]
        found = read(name, payload_of(shape), around(shape))
        if "refusal" in shape:
            assert found == shape["refusal"], what
            continue
        assert isinstance(found, Reading), (what, found)
        assert [json.loads(to_json_line(record)) for record in found.records] == shape.get("records", []), (
            what
        )
        assert [refused.reason.value for refused in found.refused] == shape.get("refused", []), what
        assert dict(found.skipped) == shape.get("skipped", {}), what


@pytest.mark.parametrize("name", HELD)
def test_a_format_is_recognised(name: str) -> None:
    for shape in shapes(name):
        if shape.get("auto", "refusal" not in shape):
            found = recognised(payload_of(shape), HELD)
            assert found is not None, shape["is"]
            assert found.name == name, shape["is"]


def mutated(payload: bytes, other: bytes, chance: random.Random) -> bytes:
    """Return a payload with one or a few accidents."""
    for _ in range(chance.choice([1, 1, 2, 4])):
        at = chance.randrange(len(payload) + 1)
        match chance.randrange(7):
            case 0:
                payload = payload[:at]
            case 1:
                payload = payload[at:]
            case 2:
                payload = payload[:at] + bytes([chance.randrange(256)]) + payload[at + 1 :]
            case 3:
                payload = payload[:at] + chance.randbytes(chance.randrange(1, 9)) + payload[at:]
            case 4:
                payload += payload
            case 5:
                payload = payload[:at] + other[chance.randrange(len(other) + 1) :]
            case _:
                token = chance.choice([b"null", b"-1", b"1e999", b'"', b"{}", b"[]", b"true", b"NaN", b"\n"])
                payload = payload[:at] + token + payload[at:]
    return payload


@pytest.mark.parametrize("name", HELD)
def test_mutations_end_in_records_or_a_named_refusal(name: str) -> None:
    chance = random.Random(name)  # noqa: S311 - the same in every run
    payloads = [payload_of(shape) for shape in shapes(name)]
    for _ in range(MUTATIONS):
        payload = mutated(chance.choice(payloads), chance.choice(payloads), chance)
        begun = time.process_time()
        found = read(name, payload)
        recognised(payload, HELD)
        assert time.process_time() - begun < SLOWEST_SECONDS, payload
        if isinstance(found, str):
            continue
        assert len(found.records) <= MOST_RECORDS
        for record in found.records:
            assert json.loads(to_json_line(record))


@pytest.mark.parametrize("name", HELD)
def test_what_a_format_gives_can_be_counted(name: str) -> None:
    for shape in shapes(name):
        found = read(name, payload_of(shape), around(shape))
        if name == "uneri" or isinstance(found, str):
            continue  # the decoder refuses what a sender of the native form got wrong
        requests = [record for record in found.records if isinstance(record, Event)]
        events, rows, problems = parse([to_json_line(request) for request in requests])
        assert problems == {}, shape["is"]
        assert len(rows) == len(events) == len(requests), shape["is"]
        for record in found.records:
            assert not isinstance(stamp_of(record.ts), tuple), shape["is"]


@pytest.mark.parametrize("name", HELD)
def test_a_file_that_is_divided_gives_the_same_records(name: str) -> None:
    for shape in shapes(name):
        what = shape["is"]
        if shape.get("refusal") or shape.get("refused") or what in OVER_LINES:
            continue  # how much is refused at once may differ
        divisions = divided(io.BufferedReader(io.BytesIO(payload_of(shape))), HELD[name].looks_like)
        parts = [read(name, part.content, around(shape)) for part in divisions.payloads]
        assert [part for part in parts if isinstance(part, str)] == [], what
        found = [record for part in parts if isinstance(part, Reading) for record in part.records]
        assert [json.loads(to_json_line(record)) for record in found] == shape.get("records", []), what
