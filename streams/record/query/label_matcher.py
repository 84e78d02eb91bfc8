"""Matchers of labels, over many values at once."""

from typing import Final, Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from detectors.model.array_types import Bools
from streams.record.query.query_bounds import QueryBounds
from streams.record.query.query_error import bad_data

NAME: Final = "__name__"
"""The label that is the name of a metric."""

_AT_ONCE: Final = 1024
"""Texts between two looks at the clock."""

_NO_TEXT: Final = pa.array([""], pa.string())

MatcherOp = Literal["=", "!=", "=~", "!~"]


class LabelMatcher(NamedTuple):
    """A condition on one label; a series without it has an empty one."""

    label: str
    op: MatcherOp
    value: str

    def matches(self, texts: pa.Array, bounds: QueryBounds) -> Bools:
        """Return (n,) which of the texts match.

        Patterns are RE2's and match as a whole. What they take grows with the text, and never with the square
        of it; large ones may take milliseconds a text.

        Raises
        ------
        QueryError
            When the pattern is none or too large, or when the time is over.
        """
        if self.op in ("=", "!="):
            flags: Bools = pc.equal(texts, self.value).to_numpy(zero_copy_only=False)
        else:
            self._found(_NO_TEXT, self.value, bounds)  # it may close a bracket that is ours
            whole = f"^(?s:{self.value})$"
            parts = range(0, len(texts), _AT_ONCE)
            flags = np.concatenate(
                [self._found(texts.slice(part, _AT_ONCE), whole, bounds) for part in parts]
            )
        return ~flags if self.op in ("!=", "!~") else flags

    def _found(self, texts: pa.Array, pattern: str, bounds: QueryBounds) -> Bools:
        bounds.look()
        try:
            found = pc.match_substring_regex(texts, pattern)
        except pa.ArrowInvalid as error:
            raise bad_data(f"the pattern of {self.label} cannot be used: {error}") from error
        flags: Bools = found.to_numpy(zero_copy_only=False)
        return flags
