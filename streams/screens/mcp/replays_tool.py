"""What replays say: which incidents would have been reported, and how two configurations differ."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from mcp.types import CallToolResult
from pydantic import Field

from streams.screens.mcp.named_scope import NamedScope
from streams.screens.mcp.replay_folders import COMPARISON, EVALUATION, ReplayFolder, ReplayFolders
from streams.screens.mcp.tool_answer import ToolData, ToolPart, answered
from streams.screens.mcp.tool_figures import amount, measure_in_words
from streams.screens.mcp.tool_times import ToolTimes
from streams.screens.mcp.untrusted_text import TEXT, quoted, shown

MOST: Final = 50
MOST_LISTED: Final = 40
REPORT: Final = "report.html"


class ReplayLine(ToolPart):
    """One replay."""

    name: str = Field(description="as show_replay takes it")
    written: str
    compared: bool = Field(description="whether it has a second configuration")
    labelled: bool = Field(description="whether it was evaluated against known incidents")


class ReplaysData(ToolData):
    """The replays that can be asked for."""

    replays: list[ReplayLine]


class ReplayedIncident(ToolPart):
    """An incident of a replay, in its last state. Values are per second, milliseconds of a latency."""

    id: str
    verdict: str
    sent: str = Field(description="page, digest or none: what would have become of it")
    reason: str | None = None
    about: NamedScope
    measure: str
    observed: float | None = None
    expected: float | None = None
    start: str
    alerted: str | None = Field(None, description="when the message would have left")
    end: str | None = None
    caller: str | None = Field(None, description="who causes the most of it")
    sentence: str | None = None


class ReplayComparison(ToolPart):
    """Configuration A against B, the change to judge."""

    pages_a: int
    pages_b: int
    new_pages: list[str] = Field(description="ids of incidents that page in B only")
    lost_pages: list[str]
    changed: int
    alike: int


class ReplayEvaluation(ToolPart):
    """What was found of the incidents that people know."""

    labels: int | None = None
    found: int | None = None
    pages: int | None = None
    false_pages: int | None = None
    missed: int


class ReplayData(ToolData):
    """What one replay says."""

    name: str
    pages: int
    digest: int
    not_sent: int
    report: str | None = Field(None, description="its page for people, on the machine of the server")
    first: str | None = Field(None, description="start of its first incident")
    last: str | None = None
    comparison: ReplayComparison | None = None
    evaluation: ReplayEvaluation | None = None
    incidents: list[ReplayedIncident] = Field([])


def tell_replays(folders: ReplayFolders) -> CallToolResult:
    """Return which replays there are."""
    found = folders.all()
    data = ReplaysData(
        replays=[
            ReplayLine(
                name=folder.name,
                written=datetime.fromtimestamp(int(folder.path.stat().st_mtime), UTC).isoformat(),
                compared=(folder.path / COMPARISON).exists(),
                labelled=(folder.path / EVALUATION).exists(),
            )
            for folder in found[:MOST_LISTED]
        ]
    )
    if len(found) > MOST_LISTED:
        data.left_out["replays"] = len(found) - MOST_LISTED
    return answered(data, _replay_lines(data))


def tell_replay(
    folders: ReplayFolders, name: str, sent: str, about: str, most: int, *, against: bool
) -> CallToolResult:
    """Return what a replay says.

    Parameters
    ----------
    folders
        Where the replays are.
    name
        Of the replay; it may be empty if there is but one.
    sent
        ``page``, ``digest`` or ``none``; empty for all.
    about
        A part of the name that incidents are about.
    most
        How many of them are listed.
    against
        Whether those of the second configuration are.

    Raises
    ------
    BoardAnswerError
        When there is no such replay, or it cannot be read.
    """
    replay, times = folders.named(name), ToolTimes("UTC")
    every = replay.incidents(against=against)
    counted = Counter(str(one["sent"]) for one in every)
    wanted = [
        made
        for made in (_incident(one, times) for one in every if not sent or one["sent"] == sent)
        if about.lower() in made.about.scope.lower()
    ]
    data = ReplayData(
        name=replay.name,
        pages=counted["page"],
        digest=counted["digest"],
        not_sent=counted["none"],
        report=str(report) if (report := replay.path / REPORT).is_file() else None,
        first=times.data(min(one["start"] for one in every)) if every else None,
        last=times.data(max(one["start"] for one in every)) if every else None,
        comparison=_comparison(replay),
        evaluation=_evaluation(replay),
        incidents=wanted[:most],
    )
    if len(wanted) > most:
        data.left_out["incidents"] = len(wanted) - most
    return answered(data, _lines(data, len(wanted)))


def _incident(one: Mapping[str, Any], times: ToolTimes) -> ReplayedIncident:
    alerted, end = one.get("alerted"), one.get("end")
    callers: Sequence[Mapping[str, Any]] = one.get("callers") or []
    first = callers[0] if callers else None
    return ReplayedIncident(
        id=shown(one["id"], 80),
        verdict=shown(one["verdict"], 40),
        sent=shown(one["sent"], 20),
        reason=shown(one.get("reason"), 200) or None,
        about=NamedScope.of(one["scope"]),
        measure=shown(one["measure"], 80),
        observed=one.get("observed"),
        expected=one.get("expected"),
        start=times.data(one["start"]),
        alerted=None if alerted is None else times.data(alerted),
        end=None if end is None else times.data(end),
        caller=None if first is None else shown(f"{first['kind']} {first['name']}", 120),
        sentence=shown(one.get("sentence"), TEXT) or None,
    )


def _comparison(replay: ReplayFolder) -> ReplayComparison | None:
    found = replay.document(COMPARISON)
    if found is None:
        return None
    return ReplayComparison(
        pages_a=found["a"]["pages"],
        pages_b=found["b"]["pages"],
        new_pages=[shown(each, 80) for each in found["new_pages"][:MOST]],
        lost_pages=[shown(each, 80) for each in found["lost_pages"][:MOST]],
        changed=len(found["changed"]),
        alike=found["alike"],
    )


def _evaluation(replay: ReplayFolder) -> ReplayEvaluation | None:
    found = replay.document(EVALUATION)
    if found is None:
        return None
    total = found["total"]
    return ReplayEvaluation(
        labels=total.get("labels"),
        found=total.get("found"),
        pages=total.get("pages"),
        false_pages=total.get("false_pages"),
        missed=len(found["missed"]),
    )


def _replay_lines(data: ReplaysData) -> Iterator[str]:
    if not data.replays:
        yield "There is no replay in the folder; `uneri replay SOURCE --out DIR` writes one."
    for replay in data.replays:
        more = ", ".join(
            each for each, there in (("compared", replay.compared), ("evaluated", replay.labelled)) if there
        )
        yield f"- {quoted(replay.name)}, of {replay.written}{f' ({more})' if more else ''}"


def _lines(data: ReplayData, count: int) -> Iterator[str]:
    many = "1 page" if data.pages == 1 else f"{data.pages} pages"
    yield f"Replay {quoted(data.name)}: {many}, {data.digest} in the digest, {data.not_sent} not sent."
    if data.comparison is not None:
        yield (
            f"A against B: {data.comparison.pages_a} and {data.comparison.pages_b} pages; "
            f"{len(data.comparison.new_pages)} new, {len(data.comparison.lost_pages)} lost, "
            f"{data.comparison.changed} changed, {data.comparison.alike} the same."
        )
    if data.evaluation is not None:
        yield (
            f"Of {data.evaluation.labels} known incidents {data.evaluation.found} were found; "
            f"{data.evaluation.false_pages} of {data.evaluation.pages} pages were false."
        )
    yield f"{count} incident{'' if count == 1 else 's'} fit, times are UTC:"
    for incident in data.incidents:
        what = {"page": "would have called people", "digest": "in the digest"}.get(incident.sent, "not sent")
        at = f" at {incident.alerted}" if incident.alerted and incident.sent == "page" else ""
        kind = incident.about.kind
        caller = f"; caused by {quoted(incident.caller)}" if incident.caller else ""
        measure = incident.measure
        yield (
            f"- {incident.start}: {incident.verdict} of {measure_in_words(measure, kind)} "
            f"at {incident.about.words}, {amount(incident.observed, measure, kind)}, "
            f"expected {amount(incident.expected, measure, kind)}; "
            f"{what}{at}{caller}; id {quoted(incident.id)}"
        )
    if count > len(data.incidents):
        yield f"{count - len(data.incidents)} later ones are left out: ask for more, or with a filter."
