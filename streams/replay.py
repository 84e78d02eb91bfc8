"""History through the same engine: what would have been told, and when.

The commands ``uneri replay`` and ``uneri tune`` are this and a terminal; notebooks use it as it is
(docs/replay.md).
"""

from collections.abc import Sequence

from alerting.comparison import Comparison, compare
from alerting.evaluation import Evaluation, evaluate
from alerting.labels import Label
from alerting.labels_file import load_labels
from config.load import load_settings
from config.settings import Settings
from streams.detect import Watch
from streams.replay_history import Between, open_history
from streams.replay_pass import ReplayPass, Show
from streams.replay_series import Curve, Curves, Wanted
from streams.replay_source import History, Piece, ReplayError
from streams.replayed import Replayed, summary, write

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
    "load_labels",
    "load_settings",
    "open_history",
    "replay",
    "replay_curves",
    "replay_together",
    "summary",
    "write",
]


def replay(history: History, settings: Settings, progress: Show | None = None) -> Replayed:
    """Read all of ``history`` and judge it as the daemon would have.

    Parameters
    ----------
    progress
        Called with the fraction read, records so far and the event time reached (0 before the first step).

    Raises
    ------
    ReplayError
        When the history cannot be read.
    """
    return replay_together(history, [settings], progress)[0]


def replay_together(
    history: History, configs: Sequence[Settings], progress: Show | None = None, watch: Watch | None = None
) -> list[Replayed]:
    """Read ``history`` once and judge it with every configuration; return what each found.

    Parameters
    ----------
    watch
        Is shown every judgement of the first configuration.

    Raises
    ------
    ReplayError
        When the history cannot be read.
    """
    return ReplayPass(history, configs, watch).run(progress)


def replay_curves(
    history: History, settings: Settings, wanted: Wanted, progress: Show | None = None
) -> tuple[Replayed, list[Curve]]:
    """Replay and keep the series that are ``wanted``, as arrays over the whole of it.

    Raises
    ------
    ReplayError
        When the history cannot be read.
    """
    curves = Curves(settings.time.step, wanted)
    found = replay_together(history, [settings], progress, curves)[0]
    return found, curves.curves()
