"""Recorded events through the engine of the daemon: its findings, as they would have been reported.

May import sources, engine and the rooms below; re-exports the API for notebooks (docs/notebooks.md).
"""

from alerting.commands.labels import Label
from alerting.evaluation.comparison import Comparison, compare
from alerting.evaluation.evaluation import Evaluation, evaluate
from alerting.evaluation.labels_file import load_labels
from config.load import load_settings
from streams.offline.replay.notebook import Curve, replay, replay_curves, replay_together
from streams.offline.replay.replayed import Replayed, evaluated, summary, write
from streams.offline.sources.open_source import Between
from streams.offline.sources.open_source import open_source as open_history
from streams.offline.sources.replay_error import ReplayError
from streams.offline.sources.source import Piece
from streams.offline.sources.source import RecordSource as History

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
