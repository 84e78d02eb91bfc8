"""How records are taken in: event time, the number of names, dead letters."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from config.sections.section import Section
from config.sections.value_types import Delay, Seconds, Share


class TimeSettings(Section):
    """Event time: the width of buckets and how late a record may be."""

    bucket: Literal[10] = Field(10, description="bucket width, seconds")
    step: Seconds = Field(60, description="seconds between judgements of a series; a multiple of bucket")
    lateness: Delay = Field(
        30,
        description="how far a record may trail the event time reached before it counts as late, seconds",
    )
    future: Seconds = Field(
        300,
        description="a record that claims to be more than this later than its arrival is refused, seconds",
    )
    idle: Seconds = Field(
        30,
        description="a partition without records for this long no longer holds event time back; its time "
        "goes on by the clock; seconds",
    )
    ahead: Seconds = Field(
        600,
        description="a partition further ahead of the slowest than this waits, which bounds memory; seconds",
    )

    early: bool = Field(
        True,
        description="report a strong rise, or an absence, before its step is judged, which takes it back if "
        "it does not show it; steps of up to five minutes",
    )

    @field_validator("step")
    @classmethod
    def _step_is_whole_buckets(cls, step: int, info: ValidationInfo) -> int:
        bucket = info.data.get("bucket", 10)
        if step % bucket:
            near = max(1, round(step / bucket)) * bucket
            raise ValueError(f"must be a multiple of bucket, which is {bucket}; {near} is the nearest")
        return step


class RollupSettings(Section):
    """Bounds on distinct names: beyond them, new names are folded into ``other``."""

    max_paths: Annotated[int, Field(ge=1, le=5_000_000)] = Field(
        50_000,
        description="combinations of account, region, service, route, function and client per partition",
    )
    max_calls: Annotated[int, Field(ge=1, le=5_000_000)] = Field(
        100_000, description="combinations of these with a table, per partition"
    )
    max_values: Annotated[int, Field(ge=1, le=1000)] = Field(
        50, description="keys of business values per partition; one of them is kept for gb_s"
    )
    max_series: Annotated[int, Field(ge=100, le=5_000_000)] = Field(
        250_000,
        description="series per shard, across all partitions; the least used of the new ones are folded",
    )


class DeadLetterSettings(Section):
    """When the intake stops rather than send a whole topic to the dead letters."""

    stop: bool = Field(
        True,
        description="false accepts every bad record as a dead letter; later, counting restarts at zero",
    )
    in_a_row: Annotated[int, Field(ge=1, le=1000)] = Field(
        50, description="consecutive bad records of one source that are accepted as dead letters"
    )
    share: Share = Field(0.1, description="fraction of a source's last 1,000 records that may be bad")
