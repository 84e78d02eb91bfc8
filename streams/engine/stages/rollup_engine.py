"""Raw records of all source partitions become blocks of closed buckets: decoders and rollups, assembled."""

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final, NamedTuple

from config.settings import Settings
from detectors.model.array_types import Floats
from detectors.model.scope import FUNCTION, ROUTE, TABLE
from detectors.state.declared import Owned, Stateful
from streams.engine.decode.decoder import Decoder
from streams.engine.decode.rejected import Rejected
from streams.engine.rollup.blocks.block import Block
from streams.engine.rollup.redaction import Redaction
from streams.engine.rollup.rollup import Rollup

SECTIONS: Final = ("time", "rollup", "redact", "money")
"""Sections of the settings that the blocks depend on: if they are equal, so are the blocks."""


class RollupOutput(NamedTuple):
    """The result of one feed."""

    blocks: list[Block]
    rejected: list[Rejected]


class RecordTotals(NamedTuple):
    """What became of records, in running totals, and how late they usually are now."""

    late: int  # records that arrived after their bucket had closed
    duplicates: int  # records dropped because their id was known
    folded: int  # names counted as ``other``
    unjoined: Counter[str]
    """Records that count a part of their request and were not joined with another source's, by reason."""
    usual_delay: float  # seconds; of several sources the longest


def totals_of(rollups: Collection[Rollup]) -> RecordTotals:
    """Return the totals of all records that these were fed."""
    return RecordTotals(
        sum(rollup.late for rollup in rollups),
        sum(rollup.duplicates for rollup in rollups),
        sum(rollup.decoder.folded for rollup in rollups),
        sum((Counter(rollup.unjoined) for rollup in rollups), Counter[str]()),
        max((rollup.decoder.time.usual_delay for rollup in rollups), default=0.0),
    )


def rollup_of(settings: Settings, source: str, shards: int, *, whole_steps: bool = False) -> Rollup:
    """Return the rollup of one source partition, with its decoder: only ``SECTIONS`` matter."""
    return Rollup(
        source,
        shards,
        settings.time,
        Decoder(settings),
        redaction=Redaction(settings.redact),
        money=settings.money,
        whole_steps=whole_steps,
    )


class RollupEngine(Stateful):
    """Decodes and rolls up a fixed set of sources.

    With ``whole_steps`` there is one block per step, for consumers that are catching up. A snapshot is
    restored with the same sources and shards.
    """

    STATE = (Owned("rollups", "rollup/{}|"),)

    def __init__(
        self, settings: Settings, sources: Sequence[str], shards: int = 1, *, whole_steps: bool = False
    ) -> None:
        self.rollups = {
            source: rollup_of(settings, source, shards, whole_steps=whole_steps) for source in sources
        }

    def feed(self, source: str, records: Sequence[bytes], arrived: Floats | None = None) -> RollupOutput:
        """Feed consecutive records of one source partition, with the time of their arrival if known."""
        rollup = self.rollups[source]
        columns, rejected = rollup.decoder.decode(records, arrived)
        return RollupOutput(rollup.feed(columns), rejected)

    def finish(self, source: str) -> RollupOutput:
        """Mark the source as ended, and close everything it holds."""
        rollup = self.rollups[source]
        blocks = rollup.finish()
        return RollupOutput(blocks, rollup.rejected)

    def watermark(self, source: str) -> int:
        """Return the event time up to which this source is complete."""
        return self.rollups[source].watermark

    @property
    def totals(self) -> RecordTotals:
        """Running totals over all sources."""
        return totals_of(self.rollups.values())

    def services(self) -> dict[str, set[str]]:
        """Return the services whose requests reach each scope, written as in labels: ``table:items``."""
        found: dict[str, set[str]] = {}
        for decoder in (rollup.decoder for rollup in self.rollups.values()):
            paths = decoder.paths.names
            for path in paths:
                for kind in (ROUTE, FUNCTION):
                    if name := getattr(path, kind):
                        found.setdefault(f"{kind}:{name}", set()).add(path.service)
            for call in decoder.calls.names:
                found.setdefault(f"{TABLE}:{call.table}", set()).add(paths[call.path].service)
        return found
