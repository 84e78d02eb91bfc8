"""The board's data, from the history and the incidents of a daemon."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Final, Literal, TypeVar
from zoneinfo import ZoneInfo

import pyarrow as pa
from msgspec.structs import replace

from alerting.incidents.digest_time import zone_of
from config.settings import Settings
from detectors.model.scope import ACCOUNT
from detectors.state.state import StateError
from streams.record.history.coarser import TEN_MINUTES
from streams.record.history.history_files import HistoryFolder
from streams.record.history.history_queries import HistoryQueries
from streams.record.history.history_view import HistoryView
from streams.record.history.place_trouble import place_trouble
from streams.screens.board.board_data import BoardDataError, BoardIncidents
from streams.screens.board.open_verdicts import OpenVerdicts
from streams.screens.board.scopes.live_scopes import LiveScopes
from streams.screens.board.scopes.scope_events import BoardPast
from streams.screens.board.scopes.scope_page import FoundScopes, ScopePage
from streams.screens.board.scopes.scope_request import AskedScope
from streams.screens.board.service_map.map_making import service_map
from streams.screens.board.service_map.map_series import MapSeries, map_series
from streams.screens.board.service_map.service_map import ServiceMap
from streams.screens.board.step_signal import StepSignal
from streams.screens.board.wall.wall import Wall, WallAccount, WallLearning, WallState
from streams.screens.board.wall.wall_limits import WallLimits
from streams.screens.board.wall.wall_months import DAY, HOUR, Months, WallMonths
from streams.screens.board.wall.wall_numbers import WallNumbers

STALE_STEPS: Final = 3

_T = TypeVar("_T")

_LANGUAGES: Final[dict[str, Literal["en", "ja"]]] = {"en": "en", "ja": "ja"}


class LiveBoard:
    """Makes a wall of every step, in a worker thread.

    Parameters
    ----------
    judged
        What tells that a step was judged.
    settings
        Returns the configuration in force.
    place
        Of the history, for ``HistoryFolder``; None if none is kept.
    steps
        Returns the steps that are not in a file yet, or only just: ``Segments.recent``.
    incidents
        Returns those that have not ended.
    past
        Returns what is remembered besides what was measured.
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
        self._judged = judged
        self.renewed = StepSignal()
        """What tells that incidents changed between two steps."""
        self._settings = settings
        self._place = place
        self._steps = steps
        self._incidents = incidents
        self._clock = clock
        self._view: HistoryView | None = None
        self._on_map: MapSeries | None = None
        self._months: tuple[int, Months] | None = None  # with the moment of which they are
        self._making = asyncio.Lock()
        self.queries = HistoryQueries(place, steps, lambda: judged.number)
        """Reads the history for who waits for an answer."""
        self._scopes = LiveScopes(self.queries, settings, past)

    @property
    def judged(self) -> StepSignal:
        """What tells that a step was judged."""
        return self._judged

    async def wall(self) -> Wall:
        """Return what the wall shows now.

        Raises
        ------
        BoardDataError
            When the history cannot be read.
        """
        return await self._made(self._wall)

    async def map(self) -> ServiceMap:
        """Return who calls whom now.

        Raises
        ------
        BoardDataError
            When the history cannot be read.
        """
        return await self._made(self._map)

    async def _made(self, make: Callable[[HistoryView, BoardIncidents], _T]) -> _T:
        """Make something of the history up to now, in a worker thread, one after the other."""
        if self._place is None:
            raise BoardDataError("the board shows the history: set history.keep to true")
        async with self._making:
            steps, incidents = self._steps(), self._incidents()
            try:
                return await asyncio.to_thread(
                    lambda place: make(self._looked(place, steps), incidents), self._place
                )
            except (OSError, StateError, pa.ArrowException) as error:
                self._view = self._on_map = None
                raise BoardDataError(f"the history cannot be read: {place_trouble(error)}") from error

    async def incidents(self) -> list[dict[str, object]]:
        """Return the incidents that have not ended, oldest first."""
        return self._incidents().shown

    async def scope(self, asked: AskedScope) -> ScopePage | FoundScopes:
        """Return the page of a scope; see ``BoardData``."""
        return await self._scopes.scope(asked)

    async def scopes(self, like: str) -> FoundScopes:
        """Return the scopes with a name like this; see ``BoardData``."""
        return await self._scopes.scopes(like)

    def _looked(self, place: str, steps: Sequence[bytes]) -> HistoryView:
        view = self._view = self._view or HistoryView(HistoryFolder(place))
        view.take(steps)
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
                learning=WallLearning(0, _days(settings)),
            )
        names = {one: account.name for one, account in settings.accounts.items() if account.name}
        numbers, limits = (
            WallNumbers(view, at, step),
            WallLimits(view, at, step, lambda account: names.get(account, account)),
        )
        verdicts, board = OpenVerdicts(incidents.open), settings.board
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
            tables=limits.tables(verdicts, board),
            concurrency=limits.concurrency(board),
            quotas=limits.quotas(board),
            calls=numbers.calls(),
            month=months.month,
            rankings=months.rankings,
            values=months.values,
            incidents=incidents.shown,
            incidents_until=incidents.until,
            last=incidents.last,
        )
        return _with_state(wall, now, _learning(view, settings))

    def _months_of(self, view: HistoryView, at: int, zone: ZoneInfo) -> Months:
        """Return what is made of full ten minutes, alike on all boards; of a young past, of all there is."""
        until = at if (view.past or 0) < HOUR else at // TEN_MINUTES * TEN_MINUTES
        if self._months is None or self._months[0] != until:
            view.refresh()
            self._months = until, WallMonths(view, until, zone).make()
        return self._months[1]


def _days(settings: Settings) -> int:
    return max(1, round(settings.judge.young / DAY))


def _learning(view: HistoryView, settings: Settings) -> WallLearning | None:
    """Return how far a daemon is that cannot judge anything yet."""
    past = view.past
    if past is None or past >= settings.judge.young:
        return None
    return WallLearning(round(past / DAY, 1), _days(settings))


def _with_state(wall: Wall, now: float, learning: WallLearning | None) -> Wall:
    thresholds = [number.threshold for number in wall.numbers] + [layer.threshold for layer in wall.layers]
    thresholds += [table.threshold for table in wall.tables] + [
        concurrency.threshold for concurrency in wall.concurrency
    ]
    thresholds += [quota.threshold for quota in wall.quotas]
    state: WallState = "well"
    if wall.at is not None and now - wall.at > wall.stale_after:
        state = "stale"
    elif "critical" in thresholds or any(incident.get("sent") == "page" for incident in wall.incidents):
        state = "attention"
    elif learning is not None:
        state = "learning"
    return replace(wall, state=state, learning=learning)
