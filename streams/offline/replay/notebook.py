"""Replays as plain function calls, for notebooks and tests."""

from collections.abc import Sequence

from config.settings import Settings
from streams.engine.detect.detect import OnJudgement
from streams.offline.replay.curves import Curve, Curves, Wanted
from streams.offline.replay.replay_pass import ReplayPass
from streams.offline.replay.replayed import Replayed
from streams.offline.sources.source import History, OnProgress


def replay(history: History, settings: Settings, progress: OnProgress | None = None) -> Replayed:
    """Read the whole ``history`` and judge it as the daemon would have.

    Raises
    ------
    ReplayError
        When the history cannot be read.
    TypeError, ValueError
        When an argument is not valid.
    """
    return replay_together(history, [settings], progress)[0]


def replay_together(
    history: History,
    configs: Sequence[Settings],
    progress: OnProgress | None = None,
    watch: OnJudgement | None = None,
) -> list[Replayed]:
    """Read ``history`` once and judge it with every configuration; return one result for each.

    Parameters
    ----------
    watch
        Called with every judgement of the first configuration.

    Raises
    ------
    ReplayError
        When the history cannot be read.
    TypeError, ValueError
        When an argument is not valid.
    """
    if isinstance(configs, Settings):
        raise TypeError("configs is a single configuration; pass [settings], or call replay")
    if not configs:
        raise ValueError("configs is empty; pass [settings]")
    _check(history, *configs)
    return ReplayPass(history, configs, watch).run(progress)


def replay_curves(
    history: History, settings: Settings, wanted: Wanted, progress: OnProgress | None = None
) -> tuple[Replayed, list[Curve]]:
    """Replay, and keep the ``wanted`` series as arrays over the whole history.

    Raises
    ------
    ReplayError
        When the history cannot be read.
    TypeError, ValueError
        When an argument is not valid.
    """
    _check(history, settings)
    curves = Curves(settings.time.step, wanted)
    found = replay_together(history, [settings], progress, curves)[0]
    return found, curves.curves()


def _check(history: History, *configs: Settings) -> None:
    """Raise a clear error for what would otherwise fail deep inside."""
    if not hasattr(history, "pieces"):
        raise TypeError(f"history is a {type(history).__name__}; pass the result of open_history")
    for settings in configs:
        if not isinstance(settings, Settings):
            raise TypeError(f"settings is a {type(settings).__name__}; pass the result of load_settings")
