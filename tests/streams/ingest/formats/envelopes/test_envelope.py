"""Envelopes are opened, whatever lies in them and however deep, within the bounds of one payload."""

import base64
import gzip
import json

import pytest

from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.envelopes.envelope import MOST_DEEP, Enveloped
from streams.ingest.formats.envelopes.firehose import FIREHOSE
from streams.ingest.formats.envelopes.pubsub import PUBSUB
from streams.ingest.formats.format import MOST_RECORDS, Format, Reading, RefusalError, Surroundings
from streams.ingest.formats.formats import recognised
from streams.ingest.formats.json_payload import split


def inside(payload: bytes) -> Format | None:
    return READER if PUBSUB.looks_like(payload) else recognised(payload)


READER = Enveloped(PUBSUB, inside)
EVENT = b'{"ts":1764000000,"service":"s"}'


def push(data: bytes, message: str = "7") -> bytes:
    inner = {"data": base64.b64encode(data).decode(), "messageId": message}
    return json.dumps({"message": inner, "subscription": "projects/p/subscriptions/s"}).encode()


def read(payload: bytes) -> Reading:
    return READER.read(payload, Surroundings())


def ids(payload: bytes) -> list[str | None]:
    return [record.id for record in read(payload).records]


def test_what_lies_in_an_envelope_has_its_id() -> None:
    assert ids(push(EVENT)) == ["pubsub:7"]
    assert ids(push(EVENT + EVENT + b"\n" + EVENT)) == ["pubsub:7/0", "pubsub:7/1", "pubsub:7/2"]
    assert ids(push(b'{"ts":1764000000,"service":"s","id":"own"}')) == ["own"]


def test_an_inner_envelope_names_before_an_outer_one() -> None:
    assert ids(push(push(EVENT, "inner"), "outer")) == ["pubsub:inner"]


def test_what_lies_in_an_envelope_may_be_packed() -> None:
    packed = gzip.compress(EVENT) + gzip.compress(EVENT)
    assert ids(push(packed)) == ["pubsub:7/0", "pubsub:7/1"]
    assert ids(gzip.compress(push(EVENT))) == ["pubsub:7"]


def test_envelopes_in_a_row_are_opened_one_by_one() -> None:
    found = read(push(EVENT, "1") + b'{"message":{}}' + b"\n{]}\n" + push(EVENT, "2"))
    assert [record.id for record in found.records] == ["pubsub:1", "pubsub:2"]
    assert [refused.reason for refused in found.refused] == [RejectReason.NOT_JSON]


def test_envelopes_in_each_other_end() -> None:
    payload = EVENT
    for _ in range(MOST_DEEP):
        payload = push(payload)
    assert len(read(payload).records) == 1
    found = read(push(payload))
    assert [refused.reason for refused in found.refused] == [RejectReason.TOO_DEEP]


def test_what_looks_like_nothing_is_refused_by_itself() -> None:
    found = read(push(EVENT + b'\n{"x": 1}'))
    assert len(found.records) == 1
    assert [(refused.reason, refused.sample) for refused in found.refused] == [
        (RejectReason.UNKNOWN_FORMAT, b'{"x": 1}')
    ]


@pytest.mark.parametrize(
    "inside", [gzip.compress(bytes(33 << 20)), gzip.compress(gzip.compress(bytes(33 << 20)))]
)
def test_a_bomb_is_refused_as_a_whole(inside: bytes) -> None:
    if gzip.decompress(inside).startswith(b"\x1f\x8b"):
        assert read(push(inside)).refused
        return
    with pytest.raises(RefusalError) as caught:
        read(push(inside))
    assert caught.value.reason is RejectReason.TOO_LARGE


@pytest.mark.parametrize(
    "payload", [b"{}" * 100_001, b"{}\n" * 100_001, b"{}" * 50_001 + b"\n" + b"{}" * 50_001]
)
def test_more_parts_than_records_are_refused_as_a_whole(payload: bytes) -> None:
    for inside in (payload, push(payload)):
        with pytest.raises(RefusalError) as caught:
            read(inside)
        assert caught.value.reason is RejectReason.TOO_LARGE


@pytest.mark.release
def test_parts_of_several_records_are_bounded_together() -> None:
    half = base64.b64encode(EVENT * 50_001).decode()
    delivery = {"requestId": "r", "records": [{"data": half}, {"data": half}]}
    with pytest.raises(RefusalError) as caught:
        Enveloped(FIREHOSE, inside).read(json.dumps(delivery).encode(), Surroundings())
    assert caught.value.reason is RejectReason.TOO_LARGE


def test_as_many_records_as_allowed_are_read() -> None:
    assert len(split(b"{}" * MOST_RECORDS)) == MOST_RECORDS
    with pytest.raises(RefusalError):
        split(b"{}" * (MOST_RECORDS + 1))
