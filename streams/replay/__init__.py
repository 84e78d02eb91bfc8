"""History through the same engine: what would have been reported, and when.

May import history, engine and what is below them; the names below are the API for notebooks.
"""

from streams.replay.notebook import (
    Between,
    Comparison,
    Curve,
    Evaluation,
    History,
    Label,
    Piece,
    Replayed,
    ReplayError,
    compare,
    evaluate,
    evaluated,
    load_labels,
    load_settings,
    open_history,
    replay,
    replay_curves,
    replay_together,
    summary,
    write,
)

__all__ = [
    "Between",
    "Comparison",
    "Curve",
    "Evaluation",
    "History",
    "Label",
    "Piece",
    "ReplayError",
    "Replayed",
    "compare",
    "evaluate",
    "evaluated",
    "load_labels",
    "load_settings",
    "open_history",
    "replay",
    "replay_curves",
    "replay_together",
    "summary",
    "write",
]
