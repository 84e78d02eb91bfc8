"""Lines are checked before they are stored, as the decoder will read them."""

from collections.abc import Sequence

import pytest

from detectors.state.compiled import COMPILES
from streams.engine.decode.event_reader import NAMELESS
from streams.engine.decode.parse import parse
from streams.engine.decode.records import Records
from streams.ingest.receivers.checked_lines import check_lines
from streams.process.compilation import JUDGEMENT

NOW = 1_760_000_000.0
LINES = [b'{"ts":1760000000,"service":"shop"}', b"nope"]


@pytest.mark.skipif(not COMPILES, reason="nothing is compiled here")
def test_only_what_is_unusual_is_left_to_the_plain_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[int] = []

    def counting(records: Sequence[bytes]) -> object:
        parsed.append(len(records))
        return parse(records)

    monkeypatch.setattr("streams.engine.decode.event_reader.parse", counting)
    assert [bad.index for bad in check_lines(LINES, NOW, 300.0).rejected] == [1]
    assert parsed[0] == 1


@pytest.mark.skipif(not COMPILES, reason="nothing is compiled here")
def test_a_first_start_checks_with_plain_code_while_the_scanner_is_compiled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def scan(_: Records) -> None:
        raise AssertionError("it is not compiled yet")

    monkeypatch.setattr(NAMELESS, "scan", scan)
    monkeypatch.setattr(JUDGEMENT, "ready", lambda: False)
    assert [bad.index for bad in check_lines(LINES, NOW, 300.0).rejected] == [1]
