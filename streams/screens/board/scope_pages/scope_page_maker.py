"""Makes the page of a scope, such as a table or a function, from the history and the incidents."""

from collections.abc import Callable
from weakref import WeakKeyDictionary

from alerting.incidents.digest_reporter import zone_of
from config.settings import Settings
from streams.record.history.history_reader import HistoryView
from streams.screens.board.board_data import BoardDataError, is_shown_in_colour
from streams.screens.board.open_verdicts import OpenVerdicts
from streams.screens.board.scope_pages.range_reader import RangeReader
from streams.screens.board.scope_pages.scope_events import BoardPast, ScopeEvents
from streams.screens.board.scope_pages.scope_finder import ScopeFinder, ScopeIndex
from streams.screens.board.scope_pages.scope_measures import ScopeMeasures
from streams.screens.board.scope_pages.scope_neighbours import Neighbourhood
from streams.screens.board.scope_pages.scope_page import FoundScopes, ScopePage
from streams.screens.board.scope_pages.scope_range import AskedScope, ShownRange


class ScopePageMaker:
    """Makes pages; several threads may, each with a view of its own."""

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._settings = settings
        self._indices = WeakKeyDictionary[HistoryView, ScopeIndex]()

    def like(self, view: HistoryView, like: str) -> FoundScopes:
        """Return the scopes with a name like this."""
        return ScopeFinder(self._index(view).scopes, self._account_name).like(like)

    def _index(self, view: HistoryView) -> ScopeIndex:
        found = self._indices.get(view)
        if found is None or found.known != len(view.names):
            found = self._indices[view] = ScopeIndex.of(view.names)
        return found

    def _account_name(self, account: str) -> str:
        settings = self._settings().accounts.get(account)
        return account if settings is None or not settings.name else settings.name

    def page(self, view: HistoryView, asked: AskedScope, past: BoardPast) -> ScopePage | FoundScopes:
        """Return the page, or the scopes that the address may mean.

        Raises
        ------
        BoardDataError
            When there is no step yet.
        UnknownScopeError
            When there is no such scope.
        BadRangeError
            When the range is invalid.
        OSError, pyarrow.ArrowException
            When files cannot be read.
        """
        settings, at = self._settings(), view.end
        if at is None:
            raise BoardDataError(
                "there are no values yet: the first ones appear a minute after an event", "no-values"
            )
        index = self._index(view)
        finder = ScopeFinder(index.scopes, self._account_name)
        found = finder.exactly(asked.about, dict(asked.given))
        if len(found) > 1:
            return finder.listed(found)
        [scope] = found
        zone, step = zone_of(settings.digest), settings.time.step
        shown = ShownRange.of(asked.range, at, zone)
        grid = shown.grid(step, zone)
        reader = RangeReader(view, at)
        series = index.scopes[scope]
        events = ScopeEvents(past, scope, index.members(scope, view.names), shown.first, shown.end)
        newest = shown.end >= at  # open findings and limits are of now
        open_ = [
            known.incident
            for known in past.incidents
            if newest and known.incident.end is None and is_shown_in_colour(known.incident, known.sent)
        ]
        verdicts, board = OpenVerdicts(open_), settings.board
        measures = ScopeMeasures(view, reader, step, scope, series.own)
        neighbours = Neighbourhood(view.names, reader, scope, series, shown.end)
        read = reader.read(measures.series, neighbours.series, grid, shown.end)
        return ScopePage(
            scope=scope.as_answer(),
            label=scope.label,
            account=self._account_name(scope.account),
            at=at,
            range=shown.name,
            first=shown.first,
            end=shown.end,
            since=reader.beginning,
            start=grid.first,
            step=grid.step,
            points=grid.steps,
            verdict=verdicts.worst(lambda other, _: other == scope),
            limits=measures.limits(verdicts, board) if newest else [],
            measures=measures.measures(
                read, grid, shown.end, verdicts=verdicts, incidents=events.named(), settings=board
            ),
            callers=neighbours.callers(read),
            callees=neighbours.callees(read),
            incidents=events.incidents(),
            changes=events.changes(),
            memos=events.memos(),
            examples=events.examples(),
            links=events.links(),
        )
