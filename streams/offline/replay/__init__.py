"""History through the engine of the daemon: what would have been reported, and when.

May import history, engine and what is below them; re-exports the API for notebooks (docs/notebooks.md).
"""

from alerting.commands.labels import Label
from alerting.evaluation.comparison import Comparison, compare
from alerting.evaluation.evaluation import Evaluation, evaluate
from alerting.evaluation.labels_file import load_labels
from config.load import load_settings
from streams.offline.replay.curves import Curve
from streams.offline.replay.notebook import replay, replay_curves, replay_together
from streams.offline.replay.replayed import Replayed, evaluated, summary, write
from streams.offline.sources.open_history import Between, open_history
from streams.offline.sources.replay_error import ReplayError
from streams.offline.sources.source import History, Piece

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
