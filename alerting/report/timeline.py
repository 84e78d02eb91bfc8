"""The timeline of the report: incidents as bars over time, one lane per scope."""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from alerting.incidents.incident import Incident
from alerting.report.scale import Tick, Times
from alerting.words.mrkdwn import clean
from alerting.words.phrases import Phrases
from detectors.model.scope import ScopeOrEdge

LANES: Final = 18
"""Scopes with a lane of their own; the others share one."""

ROWS: Final = 4  # in a lane, for incidents at the same time
ROW: Final = 20  # pixels
PADDING: Final = 5  # above and below the rows of a lane
_APART: Final = {"page": 1.4, "digest": 0.9, "none": 0.4}
"""Percent between two bars of a row, so that both can be clicked."""

_TICKS: Final = 14
_WEIGHT: Final = {"page": 4, "digest": 1, "none": 0}


class Bar(NamedTuple):
    """One incident."""

    incident: str
    left: float  # percent
    right: float
    middle: float  # pixels from above
    verdict: str
    sent: str
    title: str
    services: str
    linked: bool  # whether it is on the page


class Lane(NamedTuple):
    """The incidents of one scope, or of all scopes without a lane."""

    kind: str
    name: str
    pages: int
    top: int  # pixels
    height: int
    bars: list[Bar]


class ReportTimeline(NamedTuple):
    """The drawing, for the template."""

    lanes: list[Lane]
    folded: int  # scopes that share the last lane
    height: int
    ticks: list[Tick]
    young: float  # percent up to which no series was old enough


def timeline(
    incidents: Sequence[Incident],
    times: Times,
    words: Phrases,
    *,
    anchors: Collection[str],
    services: dict[str, str],
    young: int = 0,
) -> ReportTimeline:
    """Lay out all incidents.

    Parameters
    ----------
    times
        The axis; open incidents end with it.
    anchors
        Ids of the incidents on the page.
    services
        The filter key of each incident, by id.
    young
        Seconds at the start in which nothing could be judged.
    """
    scopes: dict[ScopeOrEdge, list[Incident]] = {}
    for incident in incidents:
        scopes.setdefault(incident.primary.about, []).append(incident)
    ranked = sorted(scopes, key=lambda about: _rank(scopes[about]))
    own, rest = ranked[:LANES], ranked[LANES:]
    if len(rest) == 1:  # its own lane takes no more room than a shared one
        own, rest = ranked, []
    # In order of time, so that a cause and its effects are close together.
    own.sort(key=lambda about: min(incident.start for incident in scopes[about]))
    lanes: list[Lane] = []
    top = 0
    groups = [(words.figures.kind(about.kind), name_of(about, words), scopes[about]) for about in own]
    if rest:
        groups.append(
            ("", f"{len(rest)} other scopes", [incident for about in rest for incident in scopes[about]])
        )
    for kind, name, held in groups:
        bars, rows = _bars(held, times, words, top, anchors=anchors, services=services)
        height = rows * ROW + 2 * PADDING
        pages = sum(incident.sent == "page" for incident in held)
        lanes.append(Lane(clean(kind), clean(name), pages, top, height, bars))
        top += height
    return ReportTimeline(
        lanes, len(rest), top, times.ticks(_TICKS), times.place(times.first + young) if young else 0.0
    )


def name_of(about: ScopeOrEdge, words: Phrases) -> str:
    """Return the name of a scope or edge, without its kind."""
    return clean(words.figures.about(about)).removeprefix(f"{words.figures.kind(about.kind)} ")


def _rank(held: list[Incident]) -> tuple[int, int, str]:
    return -sum(_WEIGHT[incident.sent] for incident in held), held[0].start, held[0].id


def _bars(
    held: list[Incident],
    times: Times,
    words: Phrases,
    top: int,
    *,
    anchors: Collection[str],
    services: dict[str, str],
) -> tuple[list[Bar], int]:
    free: list[float] = []  # by row: where its free space begins
    bars: list[Bar] = []
    for incident in sorted(held, key=lambda incident: (incident.start, incident.id)):
        left = times.place(incident.start)
        right = times.place(times.last if incident.end is None else incident.end)
        row = next((index for index, since in enumerate(free) if since <= left), len(free))
        if row == len(free) and row < ROWS:
            free.append(0.0)
        row = min(row, ROWS - 1)
        free[row] = right + _APART[incident.sent]
        bars.append(
            Bar(
                incident=incident.id,
                left=left,
                right=right,
                middle=top + PADDING + (row + 0.5) * ROW,
                verdict=incident.verdict.value,
                sent=incident.sent,
                title=_title(incident, times.zone, words),
                services=services[incident.id],
                linked=incident.id in anchors,
            )
        )
    return bars, max(1, len(free))


def _title(incident: Incident, zone: ZoneInfo, words: Phrases) -> str:
    primary = incident.primary
    size = words.incident.size(primary, incident.peak)
    what = f"{incident.verdict.value}, {words.figures.about(primary.about)}, {size}"
    begun, ended = incident.primary_span
    lasted = "still open" if ended is None else words.figures.duration(max(0, ended - begun))
    sent = {"page": "paged", "digest": "in the digest", "none": "not sent"}[incident.sent]
    return clean(f"{what}, {words.figures.clock(begun, zone)}, {lasted}, {sent}")
