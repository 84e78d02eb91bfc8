"""Payloads of one source, in their order, as native records, and where each part of them lies.

The same payloads become the same bytes, however they are divided into runs: a source that is read again after
a crash counts as it did before.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from detectors.model.array_types import Floats
from streams.engine.decode.rejected import Rejected
from streams.ingest.formats.envelopes.confluent import SchemasNeededError
from streams.ingest.formats.inputs import Input

PARTS: Final = 4_000
"""Parts of payloads that are converted at once, and more only if one payload has them: what one packed holds
may be many times its size.
"""


@dataclass(slots=True)
class Converted:
    """What consecutive payloads became.

    Their parts are numbered through: of each payload its records, then its refusals.
    """

    payloads: int = 0  # how many of those given are converted by now
    records: list[bytes] = field(default_factory=list)  # native: one JSON object of docs/event.md each
    rows: list[int] = field(default_factory=list)  # the part that each record is
    of: list[int] = field(default_factory=list)  # by part: the index of its payload among those given
    numbers: list[int | None] = field(default_factory=list)  # by part: its own in its payload, None if alone
    refused: list[Rejected] = field(default_factory=list)  # their index is that of their part
    skipped: Counter[str] = field(default_factory=Counter)

    def __len__(self) -> int:
        return len(self.of)

    def arrived(self, arrived: Floats | None) -> Floats | None:
        """Return when each record arrived, given when each payload did."""
        return None if arrived is None else arrived[[self.of[row] for row in self.rows]]

    def placed(self, rejected: Sequence[Rejected]) -> list[Rejected]:
        """Return all that is refused, in the order of the parts, given what the decoder rejected.

        What it had held back of earlier payloads keeps its negative index.
        """
        if not rejected:
            return self.refused
        moved = [
            one if one.index < 0 else Rejected(one.reason, self.rows[one.index], one.detail, one.sample)
            for one in rejected
        ]
        return sorted([*moved, *self.refused], key=lambda one: one.index)


EndsRun = Callable[[int, int], bool]
"""Called with the index of every payload and how many records it has: whether a run ends after it."""


def _nowhere(_: int, __: int) -> bool:
    return False


def _everything(_: bytes) -> bool:
    return True


def converted(
    source: Input,
    payloads: Sequence[bytes],
    ends: EndsRun = _nowhere,
    wanted: Callable[[bytes], bool] = _everything,
) -> Iterator[Converted]:
    """Convert payloads, about ``PARTS`` parts at a time; at least one run, even of no payloads.

    Records that are not ``wanted`` are left out.

    Raises
    ------
    SchemasNeededError
        When the next payload cannot be read yet; those before it have been yielded.
    """
    run = Converted()
    for index, payload in enumerate(payloads):
        try:
            records = _add(run, source, index, payload, wanted)
        except SchemasNeededError:
            if run.payloads:
                yield run
            raise
        ended = ends(index, records)
        run.payloads = index + 1
        if (ended or len(run) >= PARTS) and run.payloads < len(payloads):
            yield run
            run = Converted()
    yield run


def _add(run: Converted, source: Input, index: int, payload: bytes, wanted: Callable[[bytes], bool]) -> int:
    reading = source.lines(payload)
    found = reading.records if wanted is _everything else list(filter(wanted, reading.records))
    begin, records = len(run), len(found)
    parts = records + len(reading.refused)
    run.rows += range(begin, begin + records)
    run.records += found
    run.refused += [
        Rejected(one.reason, begin + records + number, one.detail, one.sample)
        for number, one in enumerate(reading.refused)
    ]
    run.of += [index] * parts
    run.numbers += [None] if parts == 1 else range(parts)
    run.skipped += reading.skipped
    return records
