"""Schemas from a real HTTP server that answers as a registry does, is down, slow, or something else."""

import threading
from base64 import b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from config.secret import SecretError
from config.settings import InputSettings, RegistrySettings, Settings, SourcesSettings
from streams.engine.decode.event import Event
from streams.ingest.formats.envelopes.confluent import (
    MOST_AT_ONCE,
    MOST_READINGS,
    SchemaId,
    SchemasAtHand,
    SchemasNeededError,
)
from streams.ingest.formats.format import Reading
from streams.ingest.formats.inputs import Inputs
from streams.ingest.registry import registry as registry_module
from streams.ingest.registry import registry_client
from streams.ingest.registry.registry import AGAIN_SECONDS, MINUTE, Registry
from streams.ingest.registry.registry_client import RegistryError
from streams.offline.sources.open_source import open_source
from streams.offline.sources.patient_schemas import PatientSchemas
from streams.offline.sources.replay_error import ReplayError
from streams.process.web.certificates import Certificates
from tests.hand_clock import HandClock
from tests.streams.ingest.registry.standin import RegistryStandin
from tests.streams.process.test_access import certificate, needs_openssl

fastavro = pytest.importorskip("fastavro")

REQUEST: dict[str, Any] = {
    "type": "record",
    "name": "Request",
    "namespace": "shop",
    "fields": [
        {"name": "ts", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "service", "type": "string"},
    ],
}
JSON_BODY = b'{"ts":1764000000,"service":"shop"}'


def avro(value: object, *schemas: dict[str, Any]) -> bytes:
    """Encode by the last schema, which may name types of those before."""
    named: dict[str, Any] = {}
    for schema in schemas:
        parsed = fastavro.parse_schema(schema, named_schemas=named)
    stream = BytesIO()
    fastavro.schemaless_writer(stream, parsed, value)
    return stream.getvalue()


BODY = avro({"ts": 1764000000250, "service": "注文"}, REQUEST)


def framed(schema: int, body: bytes = BODY) -> bytes:
    return b"\0" + schema.to_bytes(4) + body


@pytest.fixture
def standin() -> Iterator[RegistryStandin]:
    with RegistryStandin() as running:
        running.has(7, REQUEST)
        yield running


class Asking:
    """A registry as a daemon has it, with what it said, and an input that reads by it."""

    def __init__(self, *urls: str, **settings: Any) -> None:
        self.clock = HandClock(1000.0)
        self.said: list[str] = []
        self.registry = Registry(RegistrySettings(urls=list(urls), **settings), self.said.append, self.clock)
        self.source = Inputs(SourcesSettings(), self.registry).of(None, "confluent")

    def read(self, payload: bytes) -> Reading:
        return self.source.read(payload)

    def trouble(self, schema: SchemaId = 7) -> str:
        with pytest.raises(RegistryError) as caught:
            self.registry.fetch([schema])
        assert self.registry.trouble == str(caught.value)
        assert self.registry.get(schema) is None, "it is not taken for a schema that is not there"
        return str(caught.value)


def services(reading: Reading) -> list[str | None]:
    assert not reading.refused
    return [record.service for record in reading.records if isinstance(record, Event)]


def refusal(reading: Reading) -> str:
    (refused,) = reading.refused
    assert not reading.records
    return refused.detail


def test_a_schema_is_asked_for_once(standin: RegistryStandin) -> None:
    asking = Asking(standin.url)
    assert services(asking.read(framed(7))) == ["注文"]
    asking.clock.now += 1e6
    assert services(asking.read(framed(7))) == ["注文"]
    assert standin.calls == ["/schemas/ids/7"]
    assert asking.registry.trouble is None
    assert asking.said == []


def test_a_base_url_may_have_a_path_and_a_slash(standin: RegistryStandin) -> None:
    standin.known["/apis/ccompat/v7/schemas/ids/7"] = standin.known.pop("/schemas/ids/7")
    assert services(Asking(f"{standin.url}/apis/ccompat/v7/").read(framed(7))) == ["注文"]


def test_a_guid_is_asked_for_as_one(standin: RegistryStandin) -> None:
    standin.known["/schemas/guids/00010203-0405-0607-0809-0a0b0c0d0e0f"] = standin.known["/schemas/ids/7"]
    asking = Asking(standin.url)
    assert services(asking.read(b"\1" + bytes(range(16)) + BODY)) == ["注文"]
    assert "not in the registry" in refusal(asking.read(b"\1" + bytes(16) + BODY)), (
        "garbage is no reason to wait"
    )


def test_json_is_what_it_is_and_protobuf_is_refused_by_name(standin: RegistryStandin) -> None:
    standin.has(8, "{}", "JSON", ("common", 1))
    standin.has(9, 'syntax = "proto3";', "PROTOBUF")
    asking = Asking(standin.url)
    assert services(asking.read(framed(8, JSON_BODY))) == ["shop"]
    assert "PROTOBUF" in refusal(asking.read(framed(9, b"\0\n\4shop")))


def test_references_are_fetched_each_once_and_behind_those_that_they_need(standin: RegistryStandin) -> None:
    place = {
        "type": "record",
        "name": "Place",
        "namespace": "geo",
        "fields": [{"name": "region", "type": "string"}],
    }
    client = {
        "type": "record",
        "name": "Client",
        "namespace": "shop",
        "fields": [{"name": "name", "type": "string"}, {"name": "at", "type": "geo.Place"}],
    }
    fields = [*REQUEST["fields"], {"name": "client", "type": "Client"}, {"name": "at", "type": "geo.Place"}]
    placed = {**REQUEST, "fields": fields}
    either = ["shop.Client", "shop.Request"]
    standin.has_subject("geo/Place", 1, place)
    standin.has_subject("shop.Client", 2, client, ("geo/Place", 1))
    standin.has_subject("shop.Request", 3, placed, ("shop.Client", 2), ("geo/Place", 1))
    standin.has(10, placed, None, ("shop.Client", 2), ("geo/Place", 1))
    standin.has(11, either, None, ("shop.Client", 2), ("shop.Request", 3))
    there = {"region": "eu"}
    value = {"ts": 1764000000250, "service": "a", "client": {"name": "app", "at": there}, "at": there}
    asking = Asking(standin.url)
    assert services(asking.read(framed(10, avro(value, place, client, placed)))) == ["a"]
    assert sorted(standin.calls) == [
        "/schemas/ids/10",
        "/subjects/geo/Place/versions/1",
        "/subjects/shop.Client/versions/2",
    ]
    union = b"\2" + avro(value, place, client, placed)  # the second branch
    assert services(asking.read(framed(11, union))) == ["a"], "several kinds in one topic"


def test_a_circle_of_references_and_too_many_of_them_end_in_a_refusal(standin: RegistryStandin) -> None:
    standin.has_subject(
        "a", 1, {"type": "record", "name": "A", "fields": [{"name": "b", "type": "B"}]}, ("b", 1)
    )
    standin.has_subject(
        "b", 1, {"type": "record", "name": "B", "fields": [{"name": "a", "type": "A"}]}, ("a", 1)
    )
    standin.has(10, ["A"], None, ("a", 1))
    standin.has(11, ["None"], None, ("nowhere", 1))
    for number in range(150):
        standin.has_subject(
            f"s{number}", 1, {"type": "enum", "name": f"S{number}", "symbols": ["X"]}, (f"s{number + 1}", 1)
        )
    standin.has(12, ["S0"], None, ("s0", 1))
    asking = Asking(standin.url)
    assert "no schema of Avro" in refusal(asking.read(framed(10)))
    assert "nowhere in version 1" in refusal(asking.read(framed(11)))
    assert "more than 100 others" in refusal(asking.read(framed(12)))


@pytest.mark.parametrize("schema", ["{", '{"type": "surprise"}', '{"type": "array", "items": "null"}', "7"])
def test_a_schema_that_cannot_be_used_is_a_refusal(standin: RegistryStandin, schema: str) -> None:
    standin.has(10, schema)
    assert "its schema is not used" in refusal(Asking(standin.url).read(framed(10)))


def test_an_unknown_schema_is_refused_and_not_asked_for_again_for_a_minute(standin: RegistryStandin) -> None:
    asking = Asking(standin.url)
    for _ in range(1000):
        assert refusal(asking.read(framed(99))) == "the schema 99 is not in the registry"
    assert standin.calls == ["/schemas/ids/99"]
    standin.has(99, REQUEST)
    asking.clock.now += MINUTE
    assert services(asking.read(framed(99))) == ["注文"], "a registry may learn of it later than its records"


def test_a_number_beyond_all_is_garbage_and_not_asked_for(standin: RegistryStandin) -> None:
    assert "4294967295" in refusal(Asking(standin.url).read(framed(2**32 - 1)))
    assert standin.calls == []


def test_a_registry_that_is_down_is_said_once_and_asked_again_after_a_while(standin: RegistryStandin) -> None:
    asking = Asking(standin.url)
    standin.stop()
    said = asking.trouble()
    assert said.startswith(
        f"the schema registry {standin.url} does not answer (cannot connect, connection refused)"
    )
    assert asking.trouble() == said
    standin.start()
    assert asking.trouble() == said, "not yet"
    assert standin.calls == []
    asking.clock.now += AGAIN_SECONDS
    assert services(asking.read(framed(7))) == ["注文"]
    assert asking.registry.trouble is None
    assert asking.said == [
        f"{said}; records of schemas that are not known yet wait",
        "the schema registry can be asked again",
    ]


def test_while_there_is_trouble_only_one_thread_waits(standin: RegistryStandin) -> None:
    asking = Asking(standin.url)
    standin.stop()
    said = asking.trouble()
    standin.start()
    asking.clock.now += AGAIN_SECONDS
    asked, go_on = threading.Event(), threading.Event()
    answer = standin.answer

    def slowly(request: Any) -> None:
        asked.set()
        go_on.wait(30)
        answer(request)

    standin.answer = slowly  # type: ignore[method-assign]
    with ThreadPoolExecutor(1) as pool:
        trying = pool.submit(asking.read, framed(7))
        assert asked.wait(30)
        assert asking.trouble() == said
        go_on.set()
        assert services(trying.result()) == ["注文"]


def test_what_is_known_is_read_while_the_registry_is_down(standin: RegistryStandin) -> None:
    asking = Asking(standin.url)
    asking.read(framed(7))
    standin.stop()
    assert services(asking.read(framed(7))) == ["注文"]


def test_trouble_that_nobody_asks_about_any_more_is_forgotten(standin: RegistryStandin) -> None:
    asking = Asking(standin.url)
    standin.stop()
    asking.trouble()
    asking.clock.now += MINUTE
    assert asking.registry.trouble is None


def test_the_next_address_is_asked_when_the_first_does_not_answer(standin: RegistryStandin) -> None:
    down = RegistryStandin().url
    asking = Asking(down, standin.url)
    assert services(asking.read(framed(7))) == ["注文"]
    both = Asking(down, down).trouble()
    assert both.count("does not answer") == 2


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (401, "refuses the credentials (HTTP 401); check those of sources.registry"),
        (403, "refuses the credentials (HTTP 403)"),
        (404, "answers HTTP 404 as no schema registry does; correct sources.registry.urls"),
        (302, "redirects (HTTP 302), which is not followed; set sources.registry.urls"),
        (429, "answers HTTP 429"),
        (500, "answers HTTP 500; see its log"),
        ("page", "does not answer as a schema registry does; correct sources.registry.urls"),
        ("nonsense", "does not answer as a schema registry does"),
    ],
)
def test_what_is_no_answer_of_a_registry_is_waited_for_with_a_remedy(
    standin: RegistryStandin, fault: str | int, said: str
) -> None:
    asking = Asking(standin.url)
    standin.fault = fault
    assert said in asking.trouble()
    assert len(standin.calls) == 1, "redirects that lead to themselves are not followed either"
    standin.fault = None
    asking.clock.now += AGAIN_SECONDS
    assert services(asking.read(framed(7))) == ["注文"]


@pytest.mark.parametrize("fault", ["hang", "drip"])
def test_a_slow_registry_ends_in_bounded_time(
    standin: RegistryStandin, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_client, "TIMEOUT", 0.3)
    standin.fault = fault
    assert "does not answer (no answer in time)" in Asking(standin.url).trouble()


def test_many_slow_answers_end_in_bounded_time_and_what_came_is_kept(
    standin: RegistryStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_module, "TIMEOUT", 4)  # of which 5 seconds are left for all
    asking = Asking(standin.url)
    standin.has(8, REQUEST)
    original = standin.answer

    def slowly(request: Any) -> None:
        if request.path != "/schemas/ids/7":
            standin.closing.wait(60)
        original(request)

    monkeypatch.setattr(standin, "answer", slowly)
    with pytest.raises(RegistryError, match="slow"):
        asking.registry.fetch([7, 8])
    assert asking.registry.get(7) is not None
    assert asking.registry.get(8) is None


def test_a_huge_schema_is_refused(standin: RegistryStandin) -> None:
    standin.fault = "huge"
    assert "more than 2 MiB" in refusal(Asking(standin.url).read(framed(7)))


@pytest.mark.parametrize("kind", ["basic", "token"])
def test_credentials_are_sent_as_they_are_now(
    standin: RegistryStandin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    file = tmp_path / "secret"
    file.write_text("wrong\n")
    if kind == "basic":
        monkeypatch.setenv("REGISTRY_USER", "uneri")
        settings = {"username_env": "REGISTRY_USER", "password_file": str(file)}
        standin.authorization = f"Basic {b64encode('uneri:geheim ü'.encode()).decode()}"
    else:
        settings = {"token_file": str(file)}
        standin.authorization = "Bearer geheim"
    asking = Asking(standin.url, **settings)
    said = asking.trouble()
    assert "refuses the credentials (HTTP 401)" in said
    assert "wrong" not in said
    file.write_text("geheim ü\n" if kind == "basic" else "geheim\n")
    asking.clock.now += AGAIN_SECONDS
    assert services(asking.read(framed(7))) == ["注文"]
    file.unlink()
    assert str(file) in asking.trouble(8)


def test_a_credential_that_is_missing_is_reported_at_once() -> None:
    with pytest.raises(SecretError, match=r"sources\.registry: NO_SUCH_TOKEN is not set"):
        Asking("http://127.0.0.1:1", token_env="NO_SUCH_TOKEN")  # noqa: S106 - the name of a variable
    with pytest.raises(SecretError, match=r"sources\.registry\.ca: nowhere\.pem cannot be read"):
        Asking("http://127.0.0.1:1", ca="nowhere.pem")


@needs_openssl
def test_tls_is_verified_by_the_authority_of_the_configuration(tmp_path: Path) -> None:
    tls = certificate(tmp_path, "registry")
    with RegistryStandin(Certificates(tls).context) as standin:
        standin.has(7, REQUEST)
        assert "its certificate is not valid" in Asking(standin.url).trouble()
        assert services(Asking(standin.url, ca=tls.cert).read(framed(7))) == ["注文"]


def test_only_so_many_schemas_are_kept_for_long(
    standin: RegistryStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry_module, "MOST_KEPT", 3)
    asking = Asking(standin.url)
    for number in range(10, 16):
        standin.has(number, REQUEST)
    asking.registry.fetch([*range(10, 16), 99])
    assert all(asking.registry.get(number) for number in (*range(10, 16), 99)), "a reading finds all of them"
    asking.clock.now += MINUTE
    asking.registry.fetch([7])
    kept = [number for number in (7, *range(10, 16), 99) if asking.registry.get(number)]
    assert kept == [7, 14, 15]


def test_a_payload_that_needs_more_schemas_than_any_sender_has_is_refused(standin: RegistryStandin) -> None:
    source = Inputs(SourcesSettings(), Asking(standin.url).registry).of(None, "cloudevents")
    event = '{{"specversion":"1.0","type":"t","source":"s","id":"{0}","data_base64":"{1}"}}'
    events = ",".join(
        event.format(number, b64encode(framed(1000 + number)).decode()) for number in range(MOST_AT_ONCE + 1)
    )
    reading = source.read(f"[{events}]".encode())
    assert len(reading.refused) == MOST_AT_ONCE + 1
    assert standin.calls == []


def test_what_is_given_up_again_and_again_ends() -> None:
    class Forgetful:
        asked = 0

        def get(self, _: SchemaId) -> None:
            return None

        def fetch(self, _: object) -> None:
            self.asked += 1

    forgetful = Forgetful()
    source = Inputs(SourcesSettings(), forgetful).of(None, "confluent")
    assert "not at hand" in refusal(source.read(framed(7)))
    assert forgetful.asked == MOST_READINGS


def test_frames_in_envelopes_are_read_by_their_schemas_too(standin: RegistryStandin) -> None:
    source = Inputs(SourcesSettings(), Asking(standin.url).registry).of(None, "auto")
    data = b64encode(framed(7)).decode()
    push = f'{{"message": {{"data": "{data}", "messageId": "1"}}, "subscription": "s"}}'
    assert services(source.read(push.encode())) == ["注文"]


def test_missing_schemas_are_named_for_the_caller_to_fetch(standin: RegistryStandin) -> None:
    asking = Asking(standin.url)
    source = Inputs(SourcesSettings(), SchemasAtHand(asking.registry.get)).of(None, "confluent")
    with pytest.raises(SchemasNeededError) as caught:
        source.lines(framed(7))
    assert caught.value.needed == [7]
    asking.registry.fetch(caught.value.needed)
    assert len(source.lines(framed(7)).records) == 1


def test_a_command_waits_for_a_while_and_then_ends_with_one_line(
    standin: RegistryStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    standin.stop()
    said: list[str] = []
    settings = RegistrySettings(urls=[standin.url])
    with pytest.raises(ReplayError, match=r"does not answer .*; then run the same command again"):
        PatientSchemas(settings, 0.01, said.append).fetch([7])
    assert len(said) == 1

    def start(line: str) -> None:
        said.append(line)
        if len(said) == 2:
            standin.start()

    monkeypatch.setattr(registry_module, "AGAIN_SECONDS", 0.01)
    schemas = PatientSchemas(settings, 30, start)
    source = Inputs(SourcesSettings(), schemas).of(None, "confluent")
    assert services(source.read(framed(7))) == ["注文"]
    assert said[2:] == ["the schema registry can be asked again"]


def test_a_registry_is_not_asked_by_a_replay_that_needs_none(tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    file.write_bytes(JSON_BODY)
    sources = SourcesSettings(
        registry=RegistrySettings.model_validate({"urls": ["http://127.0.0.1:1"], "token_env": "NOT_SET"})
    )
    history = open_source(file, Settings(sources=sources))
    assert sum(piece.parts for piece in history.pieces()) == 1


def test_a_file_of_a_frame_is_replayed(standin: RegistryStandin, tmp_path: Path) -> None:
    file = tmp_path / "one.json"
    file.write_bytes(framed(7))
    settings = Settings(
        sources=SourcesSettings(
            inputs=[InputSettings(name="avro", format="confluent")],
            registry=RegistrySettings(urls=[standin.url]),
        )
    )
    history = open_source(file, settings, source="avro")
    records = [record for piece in history.pieces() for record in piece.records or ()]
    assert [b'"service"' in record for record in records] == [True]
