"""How much of what was measured is kept, and where."""

from typing import Annotated

from pydantic import Field

from config.sections.section import Section
from config.sections.value_types import PathName


class HistorySettings(Section):
    """The history store: every judged step, in Parquet files."""

    keep: bool = Field(
        True, description="write what was measured and expected, for the board and other readers"
    )
    place: PathName | None = Field(
        None,
        description="folder, or s3://bucket/prefix (with ?region= and ?endpoint_override= where needed); by "
        "default, `history` in the folder `local.state`. With Kafka, there is no history without it",
    )
    minutes_days: Annotated[int, Field(ge=1, le=3660)] = Field(
        35, description="days for which each step of `time.step` is kept"
    )
    tens_days: Annotated[int, Field(ge=1, le=36600)] = Field(
        400, description="days for which ten minutes at a time are kept"
    )
    max_gib: Annotated[float, Field(ge=0.01, le=1_000_000)] = Field(
        20, description="size of all files, GiB; beyond this, the oldest are deleted"
    )

    @property
    def shared(self) -> bool:
        """Whether processes of several machines keep one: they have no state folder in common."""
        return self.keep and self.place is not None
