"""What a receiver reports of lines is what the engine's decoder will do with them."""

import json
from collections.abc import Sequence

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.engine.decode.decoder import Decoder
from streams.ingest.receivers.checked_lines import check_lines
from tests.laws.events import T0, Sent, steady, streams
from tests.streams.engine.decode.malformed_corpus import CORPUS, GOOD_TS

FUTURE = 300.0
ARRIVED = float(GOOD_TS)

stamps = st.floats(-4000, 4000) | st.sampled_from([0.0, FUTURE, FUTURE + 1, -7 * 86400])
good = stamps.map(lambda back: json.dumps({"ts": ARRIVED + back, "service": "shop"}).encode())
bad = st.sampled_from([record for record, _ in CORPUS])


@given(st.lists(good | bad, min_size=1, max_size=60), st.sampled_from([0.0, ARRIVED - 600]))
def test_a_check_finds_what_the_decoder_will_find(lines: list[bytes], reached: float) -> None:
    found = check_lines(lines, ARRIVED, FUTURE, reached)
    decoder = Decoder(compiled=False)
    columns, rejected = decoder.decode(lines, np.full(len(lines), ARRIVED))
    held, _ = decoder.start()
    assert found.rejected == rejected
    assert found.late == np.count_nonzero(columns.ts < reached) + np.count_nonzero(held.ts < reached)
    assert found.newest == decoder.time.newest


@settings(steady)
@given(streams(most=60))
def test_a_check_reads_records_in_every_form_as_the_decoder_does(sent: Sequence[Sent]) -> None:
    lines = [event.body for event in sent]
    found = check_lines(lines, float(T0), FUTURE, T0 - 60.0)
    decoder = Decoder(compiled=False)
    columns, rejected = decoder.decode(lines, np.full(len(lines), float(T0)))
    held, _ = decoder.start()
    assert found.rejected == rejected
    assert found.late == np.count_nonzero(columns.ts < T0 - 60) + np.count_nonzero(held.ts < T0 - 60)
