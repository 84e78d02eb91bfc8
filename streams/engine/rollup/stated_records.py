"""Samples and changes of a run become levels and changes of its buckets."""

from detectors.model.stated import (
    LevelName,
    StatedChange,
    StatedLevel,
    merge_changes,
    merge_levels,
    scope_named,
)
from streams.engine.decode.event import ChangeRecord, SampleRecord
from streams.engine.decode.paths import cut
from streams.engine.rollup.blocks.summary import Summary


def add_stated(summary: Summary, record: SampleRecord | ChangeRecord, ts: float) -> None:
    """Add a record to a bucket; ``ts`` is its time in epoch seconds."""
    of = record.of
    assert of is not None  # noqa: S101 - the decoder has refused it otherwise
    about = scope_named(of.kind, cut(record.cloud), cut(record.account), cut(record.region), cut(of.name))
    if isinstance(record, SampleRecord):
        assert record.value is not None  # noqa: S101
        name = LevelName(about, cut(record.name), cut(record.unit))
        merge_levels(summary.levels, [(name, StatedLevel(record.value, record.limit))])
    else:
        texts = (record.what, record.version, record.by, record.url)
        merge_changes(summary.changes, [StatedChange(ts, about, *map(cut, texts))])
