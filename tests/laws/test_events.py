"""The generated records are as good, and as bad, as intended, and none of them stops the decoder."""

from collections import Counter
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.engine.decode.decoder import Decoder
from streams.engine.decode.parse import parse
from streams.engine.decode.rejected import Rejected, RejectReason
from tests.laws.arrivals import prompt
from tests.laws.events import T0, anything, malformed, record, records, spoilt, stamp_of_sent, steady, streams

MANY = 1500


def of_one(body: bytes) -> list[Rejected]:
    """Decode a record between good ones that confirm its time."""
    bodies = [record(1, T0), body, record(2, T0), record(3, T0)]
    _, rejected = Decoder().decode(bodies, prompt(bodies))
    return rejected


@settings(steady, max_examples=300)
@given(records)
def test_a_good_record_is_an_event_however_it_is_written(body: bytes) -> None:
    events, _, problems = parse([body])
    assert (len(events), problems) == (1, {})


@settings(steady)
@given(streams(bad=False))
def test_a_record_has_its_stated_time(sent: Sequence[tuple[bytes, float]]) -> None:
    assert [stamp_of_sent(body) for body, _ in sent] == [ts for _, ts in sent]


def test_spoilt_records_are_spoilt_in_every_way() -> None:
    reasons = Counter(bad.reason for seed in range(MANY) for bad in of_one(spoilt(seed * 104_729)))
    never = {RejectReason.TOO_LARGE, RejectReason.TOO_DEEP}  # these take long to write
    never |= {RejectReason.DAMAGED, RejectReason.UNKNOWN_FORMAT}  # what other formats may be
    assert set(RejectReason) - set(reasons) <= never | {RejectReason.FAR_FUTURE}
    assert MANY * 0.8 < sum(reasons.values()) < MANY, "some are still good events, or other ones"


@settings(steady, max_examples=300)
@given(st.lists(anything, max_size=12))
def test_every_record_is_decoded_or_rejected_with_a_reason_and_never_an_error(bodies: list[bytes]) -> None:
    decoder = Decoder()
    columns, rejected = decoder.decode(bodies, prompt(bodies))
    last, refuted = decoder.finish()
    assert len(columns) + len(last) + len(rejected) + len(refuted) == len(bodies)
    assert all(bad.detail and "\n" not in bad.detail for bad in rejected + refuted)


@settings(steady)
@given(malformed, st.integers(0, 3))
def test_a_spoilt_record_changes_nothing_about_its_neighbours(body: bytes, place: int) -> None:
    alone = of_one(body)
    good = [record(5000 + seed, T0) for seed in range(4)]
    mixed = [*good[:place], body, *good[place:]]
    columns, rejected = Decoder().decode(mixed, prompt(mixed))
    expected, _ = Decoder().decode(good, prompt(good))
    if not rejected:
        return  # it was an event after all
    assert [bad.index for bad in rejected] == [place]
    assert {bad.reason for bad in alone} <= {bad.reason for bad in rejected}
    assert columns.ts.tolist() == expected.ts.tolist()
    assert columns.key.tolist() == expected.key.tolist()
    assert columns.bins.tolist() == expected.bins.tolist()
    assert columns.call_wcu.tolist() == expected.call_wcu.tolist()
    assert columns.tags == expected.tags
