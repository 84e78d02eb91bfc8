"""The service map of a moment."""

from config.settings import Settings
from streams.record.history.history_view import HistoryView
from streams.screens.board.open_verdicts import OpenVerdicts
from streams.screens.board.service_map.map_bounds import bounded
from streams.screens.board.service_map.map_figures import MAP_SECONDS, map_figures
from streams.screens.board.service_map.map_series import MapSeries
from streams.screens.board.service_map.service_map import ServiceMap


def service_map(
    view: HistoryView, series: MapSeries, verdicts: OpenVerdicts, settings: Settings
) -> ServiceMap:
    """Return what the page shows: nodes and edges of the last five minutes, bounded; empty before a step.

    Parameters
    ----------
    view, series
        What the history holds now, and which of its series are on the map.
    verdicts
        Those of open findings.
    settings
        Names of accounts, thresholds, the length of a step.
    """
    at, step = view.end, settings.time.step
    if at is None:
        return ServiceMap()
    figures = map_figures(view, series, at, verdicts, settings)
    shown, folded, left_out = bounded(figures)
    named = {one: account.name for one, account in settings.accounts.items() if account.name}
    accounts = sorted({(node.cloud, node.account) for node in shown.nodes})
    return ServiceMap(
        at=at,
        seconds=max(1, MAP_SECONDS // step) * step,
        nodes=shown.nodes,
        edges=shown.edges,
        accounts=[(cloud, one, named.get(one, one)) for cloud, one in accounts],
        folded=folded,
        left_out=left_out,
    )
