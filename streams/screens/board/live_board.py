"""Makes the board's data from the history and the incidents of a daemon."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal, TypeVar
from zoneinfo import ZoneInfo

import pyarrow as pa
from msgspec.structs import replace

from alerting.incidents.digest_reporter import zone_of
from alerting.messages.incident_answer import IncidentAnswer
from config.settings import Settings
from detectors.model.finding import Verdict
from detectors.model.scope import ACCOUNT, CLIENT, FUNCTION, ROUTE, TABLE, ScopeAnswer
from detectors.state.state import StateError
from streams.record.history.history_files import HistoryFolder, place_trouble
from streams.record.history.history_queries import HistoryQueries, HistoryQueryError
from streams.record.history.history_reader import HistoryView
from streams.record.history.history_rows import TEN_MINUTES
from streams.record.history.recent_steps import RecentSteps
from streams.screens.board.board_data import BoardDataError, BoardIncidents, StepSignal
from streams.screens.board.open_verdicts import OpenVerdicts
from streams.screens.board.scope_pages.scope_events import BoardPast
from streams.screens.board.scope_pages.scope_page import FoundScopes, ScopePage
from streams.screens.board.scope_pages.scope_page_maker import ScopePageMaker
from streams.screens.board.scope_pages.scope_range import AskedScope
from streams.screens.board.service_map.map_figures import MapSeries, map_series
from streams.screens.board.service_map.map_making import service_map
from streams.screens.board.service_map.service_map import ServiceMap
from streams.screens.board.wall.wall import Wall, WallAccount, WallLearning, WallState
from streams.screens.board.wall.wall_limits import WallLimits
from streams.screens.board.wall.wall_months import DAY, HOUR, Months, WallMonths
from streams.screens.board.wall.wall_numbers import WallNumbers

STALE_STEPS: Final = 3

_T = TypeVar("_T")

_LANGUAGES: Final[dict[str, Literal["en", "ja"]]] = {"en": "en", "ja": "ja"}


class LiveBoard:
    """Makes the wall, the map and the pages of scopes, in worker threads.

    Its methods are called in the event loop; ``wall`` and ``map`` once a step, for all boards. They raise
    ``BoardDataError`` when the history cannot be read, or takes too long.

    Parameters
    ----------
    judged
        Notifies when a step was judged.
    settings
        Returns the configuration in force.
    place
        Of the history, for ``HistoryFolder``; None if none is kept.
    steps
        Returns the steps that are not in a file yet, or only just: ``Segments.recent``.
    clock
        Wall time, epoch seconds.
    """

    def __init__(
        self,
        judged: StepSignal,
        settings: Callable[[], Settings],
        place: str | None,
        steps: Callable[[], list[bytes]],
        incidents: Callable[[], BoardIncidents],
        *,
        past: Callable[[], BoardPast] = BoardPast,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.judged = judged
        self.renewed = StepSignal()
        """Notifies when a person or time changes incidents between two steps."""
        self._settings = settings
        self._place = place
        self._steps = steps
        self._incidents = incidents
        self._clock = clock
        self._view: HistoryView | None = None
        self._on_map: MapSeries | None = None
        self._months: tuple[int, Months] | None = None  # with the moment of which they are
        self._used: dict[tuple[ScopeAnswer, str], float] = {}  # of limits a second, in the newest step
        self._making = asyncio.Lock()
        self.recent = RecentSteps()
        self.queries = HistoryQueries(place, steps, recent=self.recent)
        """Reads the history for callers that wait for an answer."""
        self._past = past
        self._pages = ScopePageMaker(settings)

    async def wall(self) -> Wall:
        """Return the wall of the newest step."""
        return await self._read(self._wall)

    async def map(self) -> ServiceMap:
        """Return the service map of the newest step."""
        return await self._read(self._map)

    async def _read(self, make: Callable[[HistoryView, BoardIncidents], _T]) -> _T:
        """Make something of the history up to now, in a worker thread, one after the other."""
        if self._place is None:
            raise BoardDataError("the board shows the history: set history.keep to true", "no-history")
        async with self._making:
            steps, incidents = self._steps(), self._incidents()
            try:
                return await asyncio.to_thread(
                    lambda place: make(self._newest_view(place, steps), incidents), self._place
                )
            except (OSError, StateError, pa.ArrowException) as error:
                self._view = self._on_map = None
                raise BoardDataError(
                    f"the history cannot be read: {place_trouble(error)}", "unreadable"
                ) from error

    async def incidents(self) -> list[IncidentAnswer]:
        """Return the incidents that have not ended, oldest first, as ``GET /incidents`` does.

        Those of a limit have what the newest step used of it: no finding follows that.
        """
        return self._live(self._incidents().shown)

    def _live(self, shown: Iterable[IncidentAnswer]) -> list[IncidentAnswer]:
        return [
            replace(
                incident,
                observed=self._used.get((incident.scope, incident.measure.value), incident.observed),
            )
            if incident.verdict is Verdict.LIMIT and incident.end is None
            else incident
            for incident in shown
        ]

    async def scope(self, asked: AskedScope) -> ScopePage | FoundScopes:
        """Return the page of a scope, or the scopes that the address may mean.

        Raises
        ------
        BoardDataError
            When the history cannot be read, or takes too long.
        streams.screens.board.scope_pages.scope_finder.UnknownScopeError
            When there is no such scope.
        streams.screens.board.scope_pages.scope_range.BadRangeError
            When the range is invalid.
        """
        past = self._past()
        return await self._query(lambda view: self._pages.page(view, asked, past))

    async def scopes(self, like: str) -> FoundScopes:
        """Return the scopes with a name like this."""
        return await self._query(lambda view: self._pages.like(view, like))

    async def _query(self, question: Callable[[HistoryView], _T]) -> _T:
        try:
            return await self.queries.ask(question)
        except HistoryQueryError as error:
            raise BoardDataError(str(error), error.code) from error

    def _newest_view(self, place: str, steps: Sequence[bytes]) -> HistoryView:
        view = self._view = self._view or HistoryView(HistoryFolder(place), recent=self.recent)
        view.set_recent(steps)
        return view

    def _map(self, view: HistoryView, incidents: BoardIncidents) -> ServiceMap:
        if self._on_map is None or self._on_map.known != len(view.names):
            self._on_map = map_series(view.names)
        return service_map(view, self._on_map, OpenVerdicts(incidents.open), self._settings())

    def _wall(self, view: HistoryView, incidents: BoardIncidents) -> Wall:
        settings = self._settings()
        zone, now = zone_of(settings.digest), self._clock()
        at, step = view.end, settings.time.step
        language = _LANGUAGES.get(settings.notify.locale, "en")
        if at is None:
            return Wall(
                now=int(now),
                zone=str(zone),
                language=language,
                state="learning",
                step=step,
                incidents=incidents.shown,
                incidents_until=incidents.until,
                last=incidents.last,
                learning=_learning(view, settings),
            )
        names = {key: account.name for key, account in settings.accounts.items() if account.name}
        verdicts, board = OpenVerdicts(incidents.open), settings.board
        numbers = WallNumbers(view, at, step)
        limits = WallLimits(view, at, step, lambda account: names.get(account, account), board)
        self._used = limits.used()
        months = self._months_of(view, at, zone)
        accounts = [
            WallAccount(cloud, account, names.get(account, account))
            for cloud, account in sorted(
                {key.scope.cloud_account for _, key in view.names if key.scope.kind == ACCOUNT}
            )
        ]
        wall = Wall(
            now=int(now),
            zone=str(zone),
            language=language,
            state="well",
            at=at,
            step=step,
            stale_after=STALE_STEPS * step,
            accounts=accounts,
            numbers=numbers.numbers(verdicts, board, {account.account: account.name for account in accounts}),
            layers=numbers.layers(verdicts, board),
            tables=limits.tables(verdicts),
            concurrency=limits.concurrency(verdicts),
            quotas=limits.quotas(),
            calls=numbers.calls(),
            month=months.month,
            rankings=months.rankings,
            values=months.values,
            incidents=self._live(incidents.shown),
            incidents_until=incidents.until,
            last=incidents.last,
        )
        return _with_state(wall, now, _learning(view, settings))

    def _months_of(self, view: HistoryView, at: int, zone: ZoneInfo) -> Months:
        """Return the months of full ten minutes, alike on all boards; of a young history, of all there is."""
        until = at if (view.past or 0) < HOUR else at // TEN_MINUTES * TEN_MINUTES
        if self._months is None or self._months[0] != until:
            view.refresh()
            self._months = until, WallMonths(view, until, zone).make()
        return self._months[1]


def _learning(view: HistoryView, settings: Settings) -> WallLearning | None:
    """Return the progress of a daemon that cannot judge anything yet; None for any other."""
    past = 0.0 if view.end is None else view.past
    if past is None or past >= settings.judge.young:
        return None
    seen = Counter(scope.kind for scope in {key.scope for _, key in view.names})
    return WallLearning(
        round(past / DAY, 1),
        max(1, round(settings.judge.young / DAY)),
        {kind: seen[kind] for kind in (ROUTE, FUNCTION, TABLE, CLIENT)},
        post=None if settings.kafka else "/events",
        topic=settings.kafka.requests or None if settings.kafka else None,
    )


def _with_state(wall: Wall, now: float, learning: WallLearning | None) -> Wall:
    thresholds = [number.threshold for number in wall.numbers] + [layer.threshold for layer in wall.layers]
    thresholds += [table.threshold for table in wall.tables] + [
        concurrency.threshold for concurrency in wall.concurrency
    ]
    thresholds += [quota.threshold for quota in wall.quotas]
    state: WallState = "well"
    if wall.at is not None and now - wall.at > wall.stale_after:
        state = "stale"
    elif "critical" in thresholds or any(incident.sent == "page" for incident in wall.incidents):
        state = "attention"
    elif learning is not None:
        state = "learning"
    return replace(wall, state=state, learning=learning)
