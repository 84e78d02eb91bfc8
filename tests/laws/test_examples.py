"""Laws of examples: few, the same however they came, of the right requests, and without secrets anywhere."""

import json
from collections.abc import Iterator, Sequence
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerting.incidents.answers import incident_entry
from alerting.incidents.incident import Incident
from config.settings import KafkaSettings, RedactRule, RedactSettings, Settings
from detectors.explain.examples import MOST, Why, at_most
from detectors.model.request_example import RequestExample
from streams.drivers.kafka.stages import DetectStage, IncidentsStage, RollupStage
from streams.drivers.kafka.topics import Topics
from streams.engine.measure.steps import Steps
from streams.engine.rollup.blocks.block import Block
from streams.engine.rollup.blocks.block_codec import encode_block
from streams.engine.rollup.examples import RECORDS, SAVED
from streams.engine.rollup.redaction import MOST as LONGEST
from streams.engine.rollup.redaction import Redaction
from streams.engine.stages.detection_engine import Emitted
from streams.engine.stages.engine import Engine
from streams.ingest.batch_consumer.chunk import Chunk
from tests.laws import hammered
from tests.laws.arrivals import prompt
from tests.laws.events import T0, steady
from tests.laws.partition import Partition, fed

SECRET = "hunter2-4711"  # noqa: S105
RULE = RedactRule(name="pin", pattern=r"hunter2-[0-9]{1,10}", replace="[pin]")
SETTINGS = hammered.SETTINGS.model_copy(update={"redact": RedactSettings(rules=[RULE])})
TOPICS = Topics.of(KafkaSettings(app="law", requests="requests"))
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"  # noqa: S105
TRACE = "5759e988bd862e3fe1be46a994272793"


def planted() -> list[bytes]:
    """Return the requests of a hammered service, each with secrets in what a person may see of it."""
    found = []
    for number, (body, _) in enumerate(hammered.IN_ORDER):
        fields = json.loads(body)
        sample = f"PUT /items/{number} pin={SECRET} bearer {TOKEN} bob{number}@example.com"
        fields |= {"sample": sample, "trace": TRACE, "error_type": f"Failed {number % 3} for pin={SECRET}"}
        if fields.get("throttled"):
            fields["throttled"] = f"Limit of {SECRET}, {fields['throttled']}"
        for call in fields.get("tables") or ():
            if call.get("throttled"):
                call["throttled"] += f" token={TOKEN} bob{number}@example.com"
        found.append(json.dumps(fields).encode())
    return found


SENT = planted()
ARRIVED = prompt(SENT)


@pytest.fixture(scope="module")
def emitted() -> Emitted:
    return Engine(SETTINGS, ["requests/0"], 2).feed("requests/0", SENT, ARRIVED)


def incidents(emitted: Emitted) -> list[Incident]:
    return [notice.incidents[0] for notice in emitted.notices if notice.incidents]


def test_an_incident_has_requests_of_its_scope_that_show_what_is_wrong(emitted: Emitted) -> None:
    hammering = next(incident for incident in incidents(emitted) if incident.primary.about.kind == "table")
    assert hammering.examples
    for example in hammering.examples:
        assert example.request.sample is not None
        assert example.request.sample.endswith("pin=[pin] bearer [token] [email]")
        assert example.request.trace == TRACE
    costly = [example.request for example in hammering.examples if example.why is Why.COSTLIEST]
    assert costly
    assert all(call.name == "items" for example in costly for call in example.tables or ())
    last = incidents(emitted)[-1]
    failed = [example.request for example in last.examples if example.why is Why.FAILED]
    assert [example.error for example in failed] == ["fatal"] * 3, "rather than requests that were throttled"
    assert {example.function for example in failed} == {"put-item"}


def stages(sizes: Sequence[int]) -> Iterator[bytes]:
    """Yield everything that the stages of the Kafka driver write: their state, and what they emit."""
    random = Random(3)  # noqa: S311
    rollup = RollupStage(0, SETTINGS, 2, TOPICS)
    blocks: list[list[bytes]] = [[], []]
    at = 0
    while at < len(SENT):
        chunk = chunk_of(SENT, at, at + random.choice(sizes))
        for emission in rollup.feed(chunk):
            blocks[emission.partition or 0].append(emission.value)
            yield emission.value
        yield from rollup.snapshot().values()
        at = chunk.end
    findings: list[bytes] = []
    for shard, values in enumerate(blocks):
        detect = DetectStage(shard, ["requests/0"], SETTINGS, TOPICS)
        findings += [
            output.value for output in detect.feed(Chunk("t", 0, 0, len(values), range(len(values)), values))
        ]
        yield from detect.snapshot().values()
    yield from findings
    last = IncidentsStage(2, SETTINGS, TOPICS)
    notices = [
        output.value for output in last.feed(Chunk("t", 0, 0, len(findings), range(len(findings)), findings))
    ]
    yield from notices
    yield from last.snapshot().values()
    yield msgspec.json.encode([incident_entry(incident) for incident in last.incidents.all()])


def chunk_of(values: Sequence[bytes], start: int, end: int) -> Chunk:
    part = list(values[start:end])
    offsets = range(start, start + len(part))
    return Chunk("t", 0, start, offsets.stop, offsets, part, arrived=ARRIVED[start : offsets.stop])


def test_no_secret_reaches_state_a_topic_a_notice_or_a_line_of_results(emitted: Emitted) -> None:
    written = [*stages([997, 2000]), msgspec.json.encode(emitted.notices)]
    written += [encode_block(block) for block in emitted.blocks]
    assert sum(b"[pin]" in text for text in written) > 10, "what is shown is there, as text"
    for raw in written:
        assert SECRET.encode() not in raw
        assert b"eyJzdWI" not in raw
        assert b"@example.com" not in raw


@pytest.mark.parametrize("sizes", [[1, 7], [5000]])
def test_any_chunking_and_restart_give_the_same_incidents(emitted: Emitted, sizes: list[int]) -> None:
    random = Random(5)  # noqa: S311
    engine, at, notices = Engine(SETTINGS, ["requests/0"], 2), 0, []
    while at < len(SENT):
        size = random.choice(sizes)
        notices += engine.feed("requests/0", SENT[at : at + size], ARRIVED[at : at + size]).notices
        at += size
        if random.random() < 0.02:
            parts = engine.snapshot()
            engine = Engine(SETTINGS, ["requests/0"], 2)
            engine.restore(parts)
    assert [notice.incidents[0].examples for notice in notices if notice.incidents] == [
        incident.examples for incident in incidents(emitted)
    ]


def failing(count: int, ts: float = T0) -> list[bytes]:
    """Return requests that all fail, each with names of its own, slower and dearer than the one before."""
    return [
        json.dumps(
            {
                "ts": ts + number / 1000, "id": f"{number:032x}", "service": f"s{number}", "status": 500,
                "ms": {"total": 1.0 + number}, "tables": [{"name": "t", "op": "Put", "wcu": 1.0 + number}],
                "sample": "x" * 10_000,
            }
        ).encode()
        for number in range(count)
    ]  # fmt: skip


def test_a_flood_of_errors_is_a_few_dozen_examples() -> None:
    blocks = fed(failing(8000)).blocks
    kept = [example for block in blocks for example in block.examples]
    assert 0 < len(kept) <= 3 * (SAVED + 8000 // RECORDS + len(blocks))
    assert max(len(example.sample or "") for example in kept) <= LONGEST


def test_a_request_that_calls_a_table_59_times_is_an_example_and_says_so() -> None:
    usual = {
        "service": "shop",
        "status": 200,
        "tables": [{"name": "items", "op": "Get", "rcu": 1.0, "ms": 4}],
    }
    sent = [json.dumps({"ts": T0 + number / 1000, "id": str(number), **usual}) for number in range(600)]
    calls = [{"name": "items", "op": "Get", "rcu": 1.0, "ms": float(number)} for number in range(59)]
    other = {"name": "users", "op": "Get", "rcu": 2.0}
    loop = json.dumps({"ts": T0 + 0.7, "id": "loop", **usual, "tables": [other, *calls]})
    kept = [
        example
        for block in fed([line.encode() for line in [*sent, loop]]).blocks
        for example in block.examples
    ]
    [found] = [example for example in kept if example.id == "loop"]
    assert found.tables is not None
    assert [(call.name, call.calls, call.units, call.ms) for call in found.tables] == [
        ("items", 59, 59.0, 58.0),
        ("users", 1, 2.0, None),
    ]


def test_a_step_keeps_a_bounded_part_whatever_the_order() -> None:
    many = [RequestExample(ts=float(number), id=str(number)) for number in range(3 * MOST)]
    assert len(at_most(many)) == MOST
    mixed = many[MOST:] + many[:MOST]
    assert at_most([*at_most(mixed[: MOST + 100]), *mixed[MOST + 100 :]]) == at_most(many)
    steps = Steps(["a"], 60)
    for number in range(8):
        some = [RequestExample(ts=float(ts), service="s") for ts in range(number * MOST, (number + 1) * MOST)]
        block = Block("a", 0, 1, number, 0, 10, 0, records=1, examples=some)
        assert not list(steps.feed([block]))
    assert len(steps.snapshot()["steps"]) < 200_000


@settings(steady)
@given(
    st.text(max_size=5000),
    st.text(max_size=50),
    st.sampled_from(
        [
            TOKEN, "AKIAIOSFODNN7EXAMPLE", "alice.b@example.org", "4111-1111-1111-1111",
            "0123456789abcdef" * 4, "Bearer 0123456789.abc-def_xyz",
            f"password={SECRET}", f"uneri_{'aB3-' * 10}xyz", "ghp_0123456789abcdefABCD",
        ]
    ),
)  # fmt: skip
def test_a_planted_secret_is_never_shown(before: str, after: str, secret: str) -> None:
    shown = Redaction(RedactSettings(rules=[RULE])).shown(f"{before} {secret} {after}")
    assert shown is None or secret not in shown
    assert shown is None or len(shown.encode(errors="replace")) <= LONGEST


def test_a_repeat_changes_no_example() -> None:
    sent = failing(300)
    twice = [body for body in sent for _ in (1, 2)]
    first, second = Partition().feed(sent), Partition().feed(twice)
    examples = [
        [e.id for b in partition.finish().blocks for e in b.examples] for partition in (first, second)
    ]
    assert examples[0] == examples[1]


def test_settings_decide_what_is_redacted() -> None:
    rules = RedactSettings(shipped=False)
    assert Redaction(rules).shown("bob@example.com") == "bob@example.com"
    assert Settings().redact.shipped
