"""The tools that read replays below one folder: the incidents they report, and how two configurations differ.

They read only files that ``uneri replay --out`` wrote there, on the machine of the server. What cannot be
read, or has no such name, is a ``BoardAnswerError``.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec
from mcp.server.mcpserver import MCPServer
from mcp.types import CallToolResult
from pydantic import Field

from detectors.model.scope import ScopeAnswer
from streams.screens.mcp.board_client import BoardAnswerError
from streams.screens.mcp.named_scope import NamedScope
from streams.screens.mcp.tool_answer import READS, ToolData, ToolPart, answered, or_refusal
from streams.screens.mcp.tool_figures import ToolTimes, amount, measure_in_words
from streams.screens.mcp.untrusted_text import TEXT, quoted, shown

MOST: Final = 50
MOST_LISTED: Final = 40
INCIDENTS: Final = "incidents.jsonl"
COMPARISON: Final = "comparison.json"
EVALUATION: Final = "evaluation.json"
REPORT: Final = "report.html"
AGAINST: Final = "against"
MOST_FOLDERS: Final = 200
LARGEST: Final = 64 << 20  # bytes of a file
MOST_INCIDENTS: Final = 100_000

_BROKEN = "is not what uneri replay wrote; run the replay again"
NO_REPLAY: Final = "the folder holds something else than uneri replay wrote; run the replay again"


def add_replay_tools(server: MCPServer, folder: Path) -> None:
    """Give a server the tools that read replays below a folder."""
    folders = ReplayFolders(folder)

    async def list_replays() -> Annotated[CallToolResult, ReplaysData]:
        """List the replays that can be asked for: recorded history, run through the engine."""
        return await asyncio.to_thread(replays_answer, folders)

    async def show_replay(
        replay: Annotated[str, Field(description="its name; empty if there is but one")] = "",
        sent: Annotated[
            Literal["", "page", "digest", "none"],
            Field(description="what would have become of an incident; empty for all"),
        ] = "",
        about: Annotated[str, Field(description="a part of the name that it is about; empty for all")] = "",
        against: Annotated[
            bool, Field(description="list the incidents of the second configuration (B) that was compared")
        ] = False,
        most: Annotated[int, Field(ge=1, le=MOST, description="how many to list")] = 20,
    ) -> Annotated[CallToolResult, ReplayData]:
        """Show what a replay says: what would have been reported, and when.

        Also how two configurations differ, and what was found of known incidents.
        """
        return await asyncio.to_thread(replay_answer, folders, replay, sent, about, most, against=against)

    for tool in (list_replays, show_replay):
        server.add_tool(or_refusal(tool, NO_REPLAY), annotations=READS)


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


class ReplayFolder(NamedTuple):
    """The results of one replay."""

    name: str
    path: Path

    def incidents(self, *, against: bool = False) -> list[dict[str, Any]]:
        """Return its incidents, ordered by start; of the other configuration if that was compared with."""
        inside = Path(AGAINST) / INCIDENTS if against else Path(INCIDENTS)
        if against and not (self.path / inside).exists():
            raise BoardAnswerError(
                f"{self.name} was not compared with another configuration (replay --against)"
            )
        found = []
        for line in self._text(inside).splitlines()[:MOST_INCIDENTS]:
            try:
                found.append(json.loads(line))
            except ValueError:
                raise BoardAnswerError(f"{self.name}/{inside} {_BROKEN}") from None
        return found

    def document(self, name: str) -> dict[str, Any] | None:
        """Return one of its JSON files; None if the replay wrote none."""
        if not (self.path / name).exists():
            return None
        try:
            found = json.loads(self._text(Path(name)))
        except ValueError:
            raise BoardAnswerError(f"{self.name}/{name} {_BROKEN}") from None
        return found if isinstance(found, dict) else None

    def _text(self, inside: Path) -> str:
        path = self.path / inside
        try:
            if not path.resolve(strict=True).is_relative_to(self.path.resolve()) or not path.is_file():
                raise BoardAnswerError(
                    f"{self.name}/{inside} leads elsewhere; only files of the folder are read"
                )
            with path.open("rb") as file:
                content = file.read(LARGEST + 1)
        except OSError as error:
            raise BoardAnswerError(
                f"{self.name}/{inside} cannot be read ({error.strerror or error})"
            ) from None
        if len(content) > LARGEST:
            raise BoardAnswerError(
                f"{self.name}/{inside} is larger than {LARGEST >> 20} MiB; replay a shorter time"
            )
        return content.decode("utf-8", "replace")


class ReplayFolders:
    """The replays below a folder, which may be one itself; links out of it are ignored."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def all(self) -> list[ReplayFolder]:
        """Return them, sorted by name."""
        return sorted(self._found())[:MOST_FOLDERS]

    def named(self, name: str) -> ReplayFolder:
        """Return one of them."""
        known = self.all()
        for folder in known:
            if folder.name == name or (not name and len(known) == 1):
                return folder
        names = ", ".join(folder.name for folder in known[:20]) or "none"
        raise BoardAnswerError(f"there is no replay {shown(name, 80)}; there are: {names}")

    def _found(self) -> Iterator[ReplayFolder]:
        if (self._root / INCIDENTS).is_file():
            yield ReplayFolder(self._root.name, self._root)
        try:
            inside = list(self._root.iterdir())
        except OSError:
            return
        for path in inside:
            if path.name == AGAINST or path.is_symlink() or not path.is_dir():
                continue
            if (path / INCIDENTS).is_file():
                yield ReplayFolder(path.name, path)


def replays_answer(folders: ReplayFolders) -> CallToolResult:
    """Return the list of replays."""
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
    data.leave_out(replays=len(found))
    return answered(data, _replay_lines(data))


def replay_answer(
    folders: ReplayFolders, name: str, sent: str, about: str, most: int, *, against: bool
) -> CallToolResult:
    """Return the result of a replay, with a list of its incidents.

    Parameters
    ----------
    name
        Of the replay; it may be empty if there is but one.
    sent
        ``page``, ``digest`` or ``none``; empty for all.
    about
        A part of the name that the listed incidents are about.
    against
        Whether to list those of the second configuration.
    """
    replay, times = folders.named(name), ToolTimes("UTC")
    every = replay.incidents(against=against)
    counted = Counter(str(incident["sent"]) for incident in every)
    wanted = [
        made
        for made in (_incident(incident, times) for incident in every if not sent or incident["sent"] == sent)
        if about.lower() in made.about.scope.lower()
    ]
    data = ReplayData(
        name=replay.name,
        pages=counted["page"],
        digest=counted["digest"],
        not_sent=counted["none"],
        report=str(report) if (report := replay.path / REPORT).is_file() else None,
        first=times.data(min(incident["start"] for incident in every)) if every else None,
        last=times.data(max(incident["start"] for incident in every)) if every else None,
        comparison=_comparison(replay),
        evaluation=_evaluation(replay),
        incidents=wanted[:most],
    )
    data.leave_out(incidents=len(wanted))
    return answered(data, _lines(data, len(wanted)))


def _incident(written: Mapping[str, Any], times: ToolTimes) -> ReplayedIncident:
    alerted, end = written.get("alerted"), written.get("end")
    callers: Sequence[Mapping[str, Any]] = written.get("callers") or []
    first = callers[0] if callers else None
    return ReplayedIncident(
        id=shown(written["id"], 80),
        verdict=shown(written["verdict"], 40),
        sent=shown(written["sent"], 20),
        reason=shown(written.get("reason"), 200) or None,
        about=NamedScope.of(msgspec.convert(written["scope"], ScopeAnswer)),
        measure=shown(written["measure"], 80),
        observed=written.get("observed"),
        expected=written.get("expected"),
        start=times.data(written["start"]),
        alerted=None if alerted is None else times.data(alerted),
        end=None if end is None else times.data(end),
        caller=None if first is None else shown(f"{first['kind']} {first['name']}", 120),
        sentence=shown(written.get("sentence"), TEXT) or None,
    )


def _comparison(replay: ReplayFolder) -> ReplayComparison | None:
    found = replay.document(COMPARISON)
    if found is None:
        return None
    return ReplayComparison(
        pages_a=found["a"]["pages"],
        pages_b=found["b"]["pages"],
        new_pages=[shown(name, 80) for name in found["new_pages"][:MOST]],
        lost_pages=[shown(name, 80) for name in found["lost_pages"][:MOST]],
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
            mark for mark, there in (("compared", replay.compared), ("evaluated", replay.labelled)) if there
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
