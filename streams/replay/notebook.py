"""History through the same engine: what would have been told, and when.

The commands ``uneri replay`` and ``uneri tune`` are this and a terminal; notebooks use it as it is
(docs/replay.md).
"""

from collections.abc import Sequence

from alerting.commands.labels import Label
from alerting.evaluation.comparison import Comparison, compare
from alerting.evaluation.evaluation import Evaluation, evaluate
from alerting.evaluation.labels_file import load_labels
from config.load import load_settings
from config.settings import Settings
from streams.detect.detect import Watch
from streams.history.open_history import Between, open_history
from streams.history.source import History, Piece, ReplayError
from streams.replay.evaluation import evaluated
from streams.replay.replay_pass import ReplayPass, Show
from streams.replay.replayed import Replayed, summary, write
from streams.replay.series import Curve, Curves, Wanted

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
    TypeError, ValueError
        When something else is given.
    """
    _check(history, settings)
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
    TypeError, ValueError
        When something else is given.
    """
    if isinstance(configs, Settings):
        raise TypeError("configs is one configuration; write [settings], or call replay")
    if not configs:
        raise ValueError("no configuration to judge with; write [settings]")
    _check(history, *configs)
    return ReplayPass(history, configs, watch).run(progress)


def replay_curves(
    history: History, settings: Settings, wanted: Wanted, progress: Show | None = None
) -> tuple[Replayed, list[Curve]]:
    """Replay and keep the series that are ``wanted``, as arrays over the whole of it.

    Raises
    ------
    ReplayError
        When the history cannot be read.
    TypeError, ValueError
        When something else is given.
    """
    _check(history, settings)
    curves = Curves(settings.time.step, wanted)
    found = replay_together(history, [settings], progress, curves)[0]
    return found, curves.curves()


def _check(history: History, *configs: Settings) -> None:
    """Say in words what else would fail somewhere inside."""
    if not hasattr(history, "pieces"):
        raise TypeError(f"history is a {type(history).__name__}; give what open_history returns")
    for settings in configs:
        if not isinstance(settings, Settings):
            raise TypeError(f"settings is a {type(settings).__name__}; give what load_settings returns")
