"""Matchers of labels, over many values at once."""

from typing import Final, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from streams.query.query_error import bad_data

NAME: Final = "__name__"
"""The label that is the name of a metric."""

MatcherOp = Literal["=", "!=", "=~", "!~"]

Flags = NDArray[np.bool_]


class LabelMatcher(NamedTuple):
    """A condition on one label; a series without it has an empty one."""

    label: str
    op: MatcherOp
    value: str

    def matches(self, texts: pa.Array) -> Flags:
        """Return (n,) which of the texts match.

        Patterns are RE2's, which take no longer than the text is long, and match as a whole.

        Raises
        ------
        QueryError
            When the pattern is none, or too large.
        """
        if self.op in ("=", "!="):
            found = pc.equal(texts, self.value)
        else:
            try:
                found = pc.match_substring_regex(texts, f"^(?s:{self.value})$")
            except pa.ArrowInvalid as error:
                raise bad_data(f"the pattern of {self.label} cannot be used: {error}") from error
        flags: Flags = found.to_numpy(zero_copy_only=False)
        return ~flags if self.op in ("!=", "!~") else flags
