"""Raw records of all source partitions become blocks of closed buckets: decoders and rollups, assembled."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from config.settings import Settings
from detectors.model.array_types import Floats
from detectors.model.scope import FUNCTION, ROUTE, TABLE
from streams.engine.decode.decoder import Decoder
from streams.engine.decode.rejected import Rejected
from streams.engine.rollup.blocks.block import Block
from streams.engine.rollup.redaction import Redaction
from streams.engine.rollup.rollup import JUST_NOW, Rollup
from streams.engine.stages.checkpoint import parts_of, parts_under

SECTIONS: Final = ("time", "rollup", "redact", "money")
"""Sections of the settings that the blocks depend on: if they are equal, so are the blocks."""


class RollupOutput(NamedTuple):
    """The result of one feed."""

    blocks: list[Block]
    rejected: list[Rejected]


class RollupEngine:
    """Decodes and rolls up a fixed set of sources.

    Only ``SECTIONS`` of the settings matter. With ``whole_steps`` there is one block per step, for consumers
    that are catching up.
    """

    def __init__(
        self, settings: Settings, sources: Sequence[str], shards: int = 1, *, whole_steps: bool = False
    ) -> None:
        self._decoders = {source: Decoder(settings) for source in sources}
        redaction = Redaction(settings.redact)
        self._rollups = {
            source: Rollup(
                source,
                shards,
                settings.time,
                decoder,
                redaction=redaction,
                money=settings.money,
                whole_steps=whole_steps,
            )
            for source, decoder in self._decoders.items()
        }

    def feed(self, source: str, records: Sequence[bytes], arrived: Floats | None = None) -> RollupOutput:
        """Feed consecutive records of one source partition, with the time of their arrival if known."""
        columns, rejected = self._decoders[source].decode(records, arrived)
        return RollupOutput(self._rollups[source].feed(columns), rejected)

    def early(self, source: str, now: float) -> list[Block]:
        """Return early blocks of a source whose records have just happened; ``now`` in epoch seconds."""
        rollup = self._rollups[source]
        return rollup.early() if now - rollup.reached < JUST_NOW else []

    def idle(self, source: str, seconds: float = 0.0) -> RollupOutput:
        """Mark the source as idle for ``seconds``: time goes on by the clock."""
        return RollupOutput(self._rollups[source].idle(seconds), [])

    def finish(self, source: str) -> RollupOutput:
        """Mark the source as ended, and close everything it holds."""
        rollup = self._rollups[source]
        blocks = rollup.finish()
        return RollupOutput(blocks, rollup.rejected)

    def watermark(self, source: str) -> int:
        """Return the event time up to which this source is complete."""
        return self._rollups[source].watermark

    @property
    def late(self) -> int:
        """Records that arrived after their bucket had closed."""
        return sum(rollup.late for rollup in self._rollups.values())

    @property
    def duplicates(self) -> int:
        """Records dropped because their id was known."""
        return sum(rollup.duplicates for rollup in self._rollups.values())

    @property
    def unjoined(self) -> Counter[str]:
        """Records that count a part of their request and were not joined with another source's, by reason."""
        return sum((Counter(rollup.unjoined) for rollup in self._rollups.values()), Counter[str]())

    @property
    def folded(self) -> int:
        """Names counted as ``other``."""
        return sum(decoder.folded for decoder in self._decoders.values())

    def services(self) -> dict[str, set[str]]:
        """Return the services whose requests reach each scope, written as in labels: ``table:items``."""
        found: dict[str, set[str]] = {}
        for decoder in self._decoders.values():
            paths = decoder.paths.names
            for path in paths:
                for kind in (ROUTE, FUNCTION):
                    if name := getattr(path, kind):
                        found.setdefault(f"{kind}:{name}", set()).add(path.service)
            for call in decoder.calls.names:
                found.setdefault(f"{TABLE}:{call.table}", set()).add(paths[call.path].service)
        return found

    def snapshot(self) -> dict[str, bytes]:
        """Return the state of every source, with parts named ``rollup/source|part``."""
        parts: dict[str, bytes] = {}
        for source, rollup in self._rollups.items():
            parts |= parts_under(f"rollup/{source}", rollup.snapshot())
        return parts

    def restore(self, parts: Mapping[str, bytes]) -> None:
        """Restore a snapshot of the same sources and shards."""
        for source, rollup in self._rollups.items():
            rollup.restore(parts_of(f"rollup/{source}", parts))
