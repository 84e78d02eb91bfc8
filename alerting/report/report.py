"""The report: one self-contained HTML file with each incident, its reason and its message."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from alerting.commands.matching import services_of
from alerting.evaluation.comparison import WEEK, Comparison
from alerting.evaluation.evaluation import Evaluation
from alerting.incidents.incident import Incident
from alerting.incidents.notice import Action, Notice
from alerting.messages.render import Renderer
from alerting.report.card import Card, Cards, Fact, IncidentRow, ReportedIncidents
from alerting.report.preview import environment, fragment, stylesheet
from alerting.report.scale import Times
from alerting.report.sections import comparison_section, evaluation_section
from alerting.report.timeline import timeline
from alerting.words import numbers
from alerting.words.mrkdwn import clean
from alerting.words.phrases import Phrases
from config.settings import Settings
from config.yaml_tree import to_yaml
from detectors.model.finding import Verdict

__all__ = ["ReportHead", "write_report"]

PAGES: Final = 100
"""Pages shown in full, some 30 kB each; with more, the file would be too large to open."""

DIGEST: Final = 40
ROWS: Final = 200
"""Incidents in a table."""

NOTHING: Final = "Nothing happened that needs attention."


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportHead:
    """What a report is about. Times are epoch seconds of event time; zero if unknown."""

    title: str = "What Uneri found"
    source: str = ""
    first: int = 0
    last: int = 0
    records: int = 0
    seconds: float = 0.0  # wall time it took
    notes: Sequence[str] = ()  # on the source, one sentence each
    dead: Mapping[str, int] = field(default_factory=dict)  # bad records by reason
    compared: tuple[str, str] = ("A", "B")  # the names of two configurations


def write_report(
    path: Path,
    incidents: Sequence[Incident],
    notices: Sequence[Notice],
    renderer: Renderer,
    head: ReportHead = ReportHead(),
    *,
    settings: Settings | None = None,
    comparison: Comparison | None = None,
    evaluation: Evaluation | None = None,
) -> None:
    """Write the report of a stretch of time. Equal arguments give equal bytes.

    Parameters
    ----------
    path
        The HTML file; its folder exists.
    incidents
        All incidents in their last state, ordered by start (``Incidents.known``).
    notices
        All notices (``Incidents.feed``) in order; they hold the curves and the messages.
    head
        What it is about; the span of a report without one is that of its incidents.
    settings
        The settings in effect: shown, and used for the age from which series are judged.
    comparison
        With another configuration; ``incidents`` are those of A.

    Raises
    ------
    OSError
        When the file cannot be written.
    """
    words, zone = renderer.words, renderer.zone
    span = span_of(head, incidents)
    shown = _Shown.of(incidents, notices, renderer)
    sections = []
    if comparison is not None:
        sections.append(comparison_section(comparison, head.compared, zone, words, shown.anchors))
    if evaluation is not None:
        sections.append(evaluation_section(evaluation, zone, words, shown.anchors))
    daily = [notice for notice in notices if notice.action is Action.DIGEST]
    template = environment().get_template("report.html.j2")
    html = template.render(
        css=f"{stylesheet()}\n{_part('report.css')}",
        script=_part("report.js"),
        title=clean(head.title),
        source=clean(head.source),
        span=span_in_words(span, zone, words),
        zone=zone.key,
        locale=words.locale,
        figures=figures(head, incidents, span),
        notes=[clean(note) for note in head.notes],  # names of sources come from outside
        verdicts=_counted(incidents),
        sent=Counter(incident.sent for incident in incidents),
        services=shown.services,
        timeline=timeline(
            incidents,
            Times(*span, zone),
            words,
            anchors=shown.anchors,
            services=shown.known_by,
            young=settings.judge.young if settings is not None and head.first else 0,
        ),
        extras=sections,
        pages=shown.pages,
        more_pages=shown.more_pages,
        digest=shown.digest,
        more_digest=shown.more_digest,
        digests=len(daily),
        message=fragment(renderer(daily[-1]), zone, at=daily[-1].at, words=words) if daily else "",
        rows=shown.rows,
        more_rows=shown.more_rows,
        dead=sorted(
            ((clean(why), count) for why, count in head.dead.items()),
            key=lambda row: (-row[1], row[0]),
        ),
        changed=None if settings is None else differing(settings),
        effective=None if settings is None else effective(settings),
        nothing=NOTHING,
    )
    path.write_bytes(html.encode("utf-8", "replace"))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    """The incidents on the page, and how many were left out."""

    pages: list[Card]
    digest: list[Card]
    rows: list[IncidentRow]
    more_pages: int
    more_digest: int
    more_rows: int
    services: list[str]
    known_by: dict[str, str]  # by incident: the positions of its services in that list

    @classmethod
    def of(cls, incidents: Sequence[Incident], notices: Sequence[Notice], renderer: Renderer) -> "_Shown":
        names = {
            incident.id: sorted({clean(name) or "unnamed" for name in services_of(incident)})
            for incident in incidents
        }
        services = sorted({name for held in names.values() for name in held})
        index = {name: str(number) for number, name in enumerate(services)}
        known_by = {key: " ".join(index[name] for name in held) for key, held in names.items()}
        cards = Cards(ReportedIncidents(notices), renderer, known_by)
        paged, growing, others = (
            [incident for incident in incidents if incident.sent == sent]
            for sent in ("page", "digest", "none")
        )
        return cls(
            pages=[cards.card(incident) for incident in paged[:PAGES]],
            digest=[cards.card(incident) for incident in growing[:DIGEST]],
            rows=[cards.row(incident) for incident in others[:ROWS]],
            more_pages=max(0, len(paged) - PAGES),
            more_digest=max(0, len(growing) - DIGEST),
            more_rows=max(0, len(others) - ROWS),
            services=services,
            known_by=known_by,
        )

    @property
    def anchors(self) -> set[str]:
        """The ids of the incidents that can be linked to."""
        return {card.id for card in (*self.pages, *self.digest)} | {row.id for row in self.rows}


def _counted(incidents: Sequence[Incident]) -> list[tuple[str, int]]:
    """Return the verdicts that occur with their counts, in the order of ``Verdict``."""
    counts = Counter(incident.verdict for incident in incidents)
    return [(verdict.value, counts[verdict]) for verdict in Verdict if counts[verdict]]


def _part(name: str) -> str:
    return resources.files("alerting.report").joinpath("templates", name).read_text(encoding="utf-8")


def span_of(about: ReportHead, incidents: Sequence[Incident]) -> tuple[int, int]:
    """Return first and last time in epoch seconds, from the head or else from the incidents."""
    starts = [incident.start for incident in incidents]
    ends = [incident.end or incident.primary.seen for incident in incidents]
    first = about.first or min(starts, default=0)
    return first, max(first, about.last or max(ends, default=0))


def span_in_words(span: tuple[int, int], zone: ZoneInfo, words: Phrases) -> str:
    """Return the span as text, with its time zone."""
    first, last = span
    if not last:
        return f"Times in {zone.key}"
    return (
        f"{words.figures.clock(first, zone)} to {words.figures.clock(last, zone)} "
        f"({words.figures.duration(last - first)}), times in {zone.key}"
    )


def figures(about: ReportHead, incidents: Sequence[Incident], span: tuple[int, int]) -> list[Fact]:
    """Return the figures, most important first."""
    sent = Counter(incident.sent for incident in incidents)
    still = sum(incident.end is None and incident.sent == "page" for incident in incidents)
    weeks = (span[1] - span[0]) / WEEK
    shown = [
        Fact(
            "page" if sent["page"] == 1 else "pages",
            f"{sent['page']:,}",
            f"{still} still open" if still else "",
        )
    ]
    if weeks >= 1:
        shown.append(Fact("pages per week", f"{sent['page'] / weeks:.1f}", f"over {weeks:.1f} weeks"))
    shown += [
        Fact(
            "in the digest", f"{sent['digest']:,}", "growing, or too small to page" if sent["digest"] else ""
        ),
        Fact("not sent", f"{sent['none']:,}", "each with its reason" if sent["none"] else ""),
    ]
    if about.records:
        shown.append(Fact("records", _large(about.records), _pace(about, span)))
    if about.records or about.dead:
        bad = sum(about.dead.values())
        shown.append(Fact("bad records", f"{bad:,}", _part_of(bad, about.records)))
    return shown


def _large(count: int) -> str:
    return f"{count:,}" if count < 10_000_000 else f"{count / 1e6:,.1f} M"  # noqa: PLR2004  fits on a phone


def _part_of(bad: int, records: int) -> str:
    if not bad or not records:
        return ""
    share = bad / records
    return "fewer than 1 in 1,000" if share < 1e-3 else f"{numbers.percent(share)} % of all"  # noqa: PLR2004  as the text says


def _pace(about: ReportHead, span: tuple[int, int]) -> str:
    if about.seconds <= 0:
        return ""
    faster = numbers.number((span[1] - span[0]) / about.seconds)
    return f"{numbers.number(about.records / about.seconds)} per second, {faster} times real time"


_ADDRESSES: Final = ("url", "base_url")
_WIDE: Final = 1000  # one value, one line


def differing(settings: Settings) -> str:
    r"""Return the changes to the shipped defaults as YAML, each with the shipped value.

    Examples
    --------
    >>> from config.settings import JudgeSettings
    >>> differing(Settings(judge=JudgeSettings(sensitivity=1.4)))
    'judge:\n  sensitivity: 1.4  # shipped: 1.0\n'
    >>> differing(Settings())
    ''
    """
    changed = settings.model_dump(mode="json", exclude_defaults=True)
    shipped = Settings().model_dump(mode="json")
    return "".join(f"{line}\n" for line in _lines(_shareable(changed), shipped, ""))


def effective(settings: Settings) -> str:
    """Return all effective settings as YAML."""
    return _yaml(_shareable(settings.model_dump(mode="json")))


def _shareable(value: Any, key: str = "") -> Any:
    """Return settings that can be shared: only the host of receivers' addresses.

    The settings name environment variables instead of secrets, but a webhook's address may be secret itself.
    """
    if isinstance(value, dict):
        return {name: _shareable(held, name) for name, held in value.items()}
    if isinstance(value, list):
        return [_shareable(held) for held in value]
    return _host_of(value) if key in _ADDRESSES and isinstance(value, str) else value


def _host_of(url: str) -> str:
    r"""Return an address without its secret parts.

    Examples
    --------
    >>> _host_of("https://hooks.slack.com/services/T0/B0/secret"), _host_of("http://u:p@alerts:9093")
    ('https://hooks.slack.com/…', 'http://alerts:9093')
    """
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    rest = parts.path.strip("/") or parts.query or parts.fragment
    return f"{parts.scheme}://{host}" + ("/…" if rest else "")


def _lines(changed: Mapping[str, Any], shipped: Any, pad: str) -> Iterator[str]:
    for key, value in changed.items():
        default = shipped.get(key) if isinstance(shipped, dict) else None
        if isinstance(value, dict) and value:
            yield f"{pad}{_yaml(key).splitlines()[0]}:"
            yield from _lines(value, default, f"{pad}  ")
            continue
        written = [f"{pad}{line}" for line in _yaml({key: value}).splitlines()]
        if len(written) == 1 and isinstance(default, str | int | float):
            written[0] += f"  # shipped: {_yaml(default).splitlines()[0]}"
        yield from written


def _yaml(value: Any) -> str:
    written = to_yaml(value, width=_WIDE)
    if any(clean(line) != " ".join(line.split()) for line in written.splitlines()):
        # Characters that change the writing direction are escaped.
        written = to_yaml(value, width=_WIDE, ascii_only=True)
    return written
