"""Of several gzip members, those before a damaged one are read, and the rest is one refusal."""

import base64
import gzip
import json
import zlib
from collections.abc import Callable

import pytest

from streams.engine.decode.event import Event
from streams.engine.decode.rejected import RejectReason
from streams.ingest.formats.envelopes.gzipped import unzipped
from streams.ingest.formats.format import MOST_UNPACKED, Reading, RefusalError, Surroundings
from streams.ingest.formats.formats import FORMATS


def flipped(member: bytes) -> bytes:
    """One bit of the content differs; only the checksum shows it."""
    stored = bytearray(gzip.compress(gzip.decompress(member), 0))
    stored[len(stored) // 2] ^= 1
    return bytes(stored)


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut off": lambda member: member[:-9],
    "a bit": flipped,
    "another checksum": lambda member: member[:-8] + b"\0\0\0\0" + member[-4:],
    "no gzip": lambda _: b"garbage",
}


def subscription(number: int) -> bytes:
    event = {"ts": 1_760_000_000 + number, "service": "shop", "id": f"r{number}"}
    log = {"id": str(number), "timestamp": 1_760_000_000_000, "message": json.dumps(event)}
    envelope = {
        "messageType": "DATA_MESSAGE",
        "owner": "1",
        "logGroup": "/aws/lambda/f",
        "logStream": "s",
        "subscriptionFilters": ["all"],
        "logEvents": [log],
    }
    return json.dumps(envelope).encode()


def access_log(number: int) -> bytes:
    line = '192.0.2.7 - - [24/Nov/2025:16:00:0%d +0000] "GET /items/%d HTTP/1.1" 200 123\n'
    return (line % (number, number)).encode()


def event_of_cloud(number: int) -> bytes:
    data = {"ts": 1_760_000_000 + number, "service": "shop"}
    event = {"specversion": "1.0", "type": "t", "source": "s", "id": str(number), "data": data}
    return json.dumps(event).encode()


KINDS = {"cloudwatch_logs": subscription, "clf": access_log, "cloudevents": event_of_cloud}


def read(form: str, payload: bytes) -> Reading:
    around = Surroundings(service="shop")
    return FORMATS[form].read(payload, around)


@pytest.mark.parametrize("form", KINDS)
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("at", [1, 3])
def test_what_came_before_the_damage_is_read_and_the_rest_is_one_refusal(
    form: str, damage: str, at: int
) -> None:
    members = [gzip.compress(KINDS[form](number)) for number in range(5)]
    damaged = DAMAGES[damage](members[at])
    whole = read(form, b"".join(members[:at]))
    reading = read(form, b"".join([*members[:at], damaged, *members[at + 1 :]]))
    assert len(whole.records) == at
    assert all(isinstance(record, Event) for record in whole.records)
    assert reading.records == whole.records
    (refused,) = reading.refused
    assert refused.reason is RejectReason.DAMAGED
    assert refused.sample.startswith(damaged[:20]), "where it begins"


@pytest.mark.parametrize("form", KINDS)
@pytest.mark.parametrize("damage", ["cut off", "a bit", "another checksum"])
def test_nothing_is_read_of_a_member_whose_checksum_is_wrong(form: str, damage: str) -> None:
    with pytest.raises(RefusalError) as caught:
        read(form, DAMAGES[damage](gzip.compress(KINDS[form](0))))
    assert caught.value.reason is RejectReason.DAMAGED


def test_a_line_that_may_go_on_in_what_is_damaged_is_not_read() -> None:
    two = access_log(1) + access_log(2)
    members = [gzip.compress(two[:-2]), gzip.compress(two[-2:] + access_log(3))[:-1]]
    reading = read("clf", b"".join(members))
    assert len(reading.records) == 1
    assert len(reading.refused) == 1


def test_each_of_several_in_base64_is_for_itself() -> None:
    good, bad = (gzip.compress(subscription(number)) for number in (1, 2))
    lines = [good + bad[:-1], good + gzip.compress(subscription(3))]
    reading = read("cloudwatch_logs", b"\n".join(map(base64.b64encode, lines)))
    assert len(reading.records) == 2, "the first of both is the same one"
    assert len(reading.refused) == 1


def test_damage_is_no_way_around_the_bound() -> None:
    packer = zlib.compressobj(wbits=31)
    bomb = packer.compress(bytes(MOST_UNPACKED)) + packer.flush()
    with pytest.raises(RefusalError) as caught:
        unzipped(gzip.compress(b"{}") + bomb[:-8], MOST_UNPACKED)
    assert caught.value.reason is RejectReason.TOO_LARGE
    found = unzipped(gzip.compress(b"{}") + bomb[:-8], MOST_UNPACKED + 2)
    assert (found.content, found.size) == (b"{}", MOST_UNPACKED + 2)
