"""A month of a busy backend, for the tests of the report: all verdicts, growth, what was not sent."""

import json
import math
import re
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from alerting.commands.labels import Label, LabelKind, scope_of
from alerting.evaluation.comparison import compare
from alerting.evaluation.evaluation import evaluate
from alerting.incidents.incident import Incident
from alerting.incidents.notice import Action, Notice, NoticeReason, identify
from alerting.messages.render import Renderer
from alerting.words.locales import ENGLISH
from alerting.words.phrases import Phrases
from config.links import Links
from config.settings import (
    JudgeSettings,
    LimitsSettings,
    NotifySettings,
    Settings,
    TableLimit,
    WebhookSettings,
)
from detectors.model.finding import Cause, Finding, Trace, Verdict
from detectors.model.measures import Measure, value_of
from detectors.model.scope import Scope
from streams.screens.board.report.report import ReportHead, write_report
from tests.alerting.given import (
    GET,
    IOS,
    PUT,
    ROUTE,
    SERVICE,
    T0,
    TABLE,
    finding,
    growth_finding,
    scope,
    share,
    table_finding,
)

ZONE = ZoneInfo("Asia/Tokyo")
LINKS = Links(Settings().links)
DAY = 86400
FIRST = T0 - 28 * DAY
SHOP = scope("service", "shop")
HEAD = ReportHead(
    title="What would have alerted",
    dead={"not_json": 12, "no_time": 3},
    compared=("uneri.yaml", "sensitive.yaml"),
    source="requests.ndjson.zst",
    first=FIRST,
    last=T0,
    records=2_564_565,
    seconds=21.4,
    notes=["requests/0 begins at 2025-09-11 18:00 JST: what was before is no longer there."],
)
SETTINGS = Settings(
    judge=JudgeSettings(sensitivity=1.4),
    notify=NotifySettings(
        webhooks=[WebhookSettings(name="pager", url="https://pager.example/hook/s3cr3t-path")]
    ),
)


def curve(at: int, *, gap: bool = False, height: float = 33.0, minutes: int = 30) -> Trace:
    """Return four hours that end ``minutes`` after an onset ``at``."""
    count = 240
    start = at + minutes * 60 - count * 60
    wave = [8 + 2 * math.sin((start + i * 60) / 3600) + 0.4 * math.sin(i * 12.9898) for i in range(count)]
    now: list[float | None] = [
        value + (height if i >= count - minutes else 0.0) for i, value in enumerate(wave)
    ]
    if gap:
        now[180:190] = [None] * 10
    return Trace(
        start=start,
        step=60,
        now=now,
        last_week=[0.94 * value + 0.3 * math.sin(i * 78.233) for i, value in enumerate(wave)],
        lower=[value - 2.4 for value in wave],
        upper=[value + 2.4 for value in wave],
    )


def of(primary: Finding, *members: Finding, sent: str = "page", lasted: int | None = 1800) -> Incident:
    """Return an incident in its last state, as it is known at the end: without curves."""
    end = None if lasted is None else primary.start + lasted
    return Incident(
        id=identify(primary.id, primary.start),
        revision=4,
        verdict=primary.verdict,
        state="open" if end is None else "resolved",
        start=primary.start,
        alerted=primary.start + 60 if sent != "none" else None,
        end=end,
        primary=replace(primary, end=end, trace=None),
        members=list(members),
        sent=sent,  # type: ignore[arg-type]
        reason="a table is affected: reported at once"
        if sent == "page"
        else "it ended before it was reported",
        peak=primary.observed,
    )


def spike(at: int, **changes: object) -> Finding:
    given: dict[str, Any] = {"start": at, "trace": curve(at), "touches": [PUT, GET, ROUTE, IOS, SERVICE]}
    return table_finding(**(given | changes))


def pages() -> list[Finding]:
    """Return incidents that paged, a day apart."""
    days = [T0 - day * DAY for day in range(9, 0, -1)]
    shop = {"touches": [SHOP]}
    return [
        spike(days[0], limit=60.0),
        spike(days[1], verdict=Verdict.SHIFT, trace=curve(days[1], gap=True)),
        finding(
            SHOP, "drop", verdict=Verdict.DROP, start=days[2], observed=1.0, trace=curve(days[2], height=-7)
        ),
        finding(PUT, "absence", verdict=Verdict.ABSENCE, start=days[3], observed=0.0, missed=1730.0, **shop),
        finding(
            PUT,
            "fatal",
            verdict=Verdict.FATAL,
            measure=Measure.ERRORS_FATAL,
            start=days[4],
            error_type="Runtime.OutOfMemory",
            times=63,
            callers=[share(ROUTE, 1.0, 0.0)],
            **shop,
        ),
        finding(
            TABLE,
            "limit",
            verdict=Verdict.LIMIT,
            start=days[5],
            limit=45.0,
            near=True,
            minutes=15,
            throttled=True,
            throttle_reasons={"TableWriteProvisionedThroughputExceeded": 214.0},
        ),
        finding(
            GET,
            "slow",
            measure=Measure.LATENCY,
            start=days[6],
            trace=curve(days[6]),
            causes=[Cause(scope=TABLE, measure=Measure.LATENCY, score=0.93)],
            weeks_left_out=[4],
        ),
    ]


def month(more: int = 0) -> tuple[list[Incident], list[Notice]]:
    """Return the incidents and their messages; ``more`` pages and as many that were not sent."""
    made = pages()
    made += [
        spike(T0 - 8 * DAY + 977 * number, id=f"m{number}", scope=scope("table", f"t{number % 30}"))
        for number in range(more)
    ]
    member = finding(PUT, "member", start=made[0].start + 60)
    reported = [of(given, member) for given in made]
    growing = [
        of(growth_finding(scope("table", "ledger"), start=T0 - 10 * DAY), sent="digest", lasted=None),
        of(growth_finding(ROUTE, days=None, start=T0 - 6 * DAY), sent="digest", lasted=None),
    ]
    unsent = [
        of(finding(GET, f"n{number}", start=T0 - 5 * DAY + 3600 * number), sent="none")
        for number in range(3 + more)
    ]
    notices = []
    for incident, primary in zip(reported, made, strict=True):
        shown = replace(incident, primary=replace(primary, end=incident.end))
        notices += [
            notice(shown, action=Action.OPEN, at=primary.start + 60),
            notice(shown, action=Action.RESOLVE, at=incident.end or T0),
        ]
    notices.append(notice(*growing, action=Action.DIGEST, at=T0))
    known = sorted([*reported, *growing, *unsent], key=lambda item: (item.start, item.id))
    return known, notices


def notice(*incidents: Incident, action: Action, at: int) -> Notice:
    return Notice(
        id=f"{action}-{at}", action=action, at=at, reason=NoticeReason.TABLE, incidents=list(incidents)
    )


def data_of(html: str) -> dict[str, Any]:
    """Return the data in a report."""
    found = re.search(r'<script type="application/json" id="given">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def listed(html: str) -> list[dict[str, Any]]:
    """Return the incidents in the list of a report."""
    incidents: list[dict[str, Any]] = data_of(html)["answers"]["/board/incidents"]["incidents"]
    return incidents


def whole(html: str, incident: str) -> dict[str, Any]:
    """Return all that a report has of an incident."""
    answer: dict[str, Any] = data_of(html)["answers"][f"/board/incidents/{incident}"]
    return answer


def message_in(html: str, name: str) -> str:
    """Return the HTML of a message of a report."""
    return html.partition(f'<template id="message-{name}">')[2].partition("</template>")[0]


def month_report(path: Path, *, more: int = 0, words: Phrases = ENGLISH) -> str:
    """Write the report of the month; return its HTML."""
    incidents, notices = month(more)
    write_report(
        path,
        incidents,
        notices,
        Renderer(LINKS, ZONE, words),
        HEAD,
        settings=SETTINGS,
    )
    return path.read_text("utf-8")


def full_report(path: Path) -> str:
    """Write the report with a comparison and an evaluation; return its HTML."""
    incidents, notices = month()
    reported = [incident for incident in incidents if incident.sent == "page"]
    later = replace(reported[0], id="b0", alerted=(reported[0].alerted or 0) + 180)
    other = replace(reported[1], id="b1", verdict=Verdict.SPIKE)
    held = replace(reported[2], sent="none", alerted=None, reason="it ended before it was reported")
    new = replace(of(spike(T0 - 12 * DAY)), id="new")
    others = [*(incident for incident in incidents if incident not in reported[:3]), later, other, held, new]
    labels = [
        Label(
            kind=LabelKind.INCIDENT,
            start=incident.start,
            end=incident.end,
            scope=scope_of(incident.primary),
            verdict=incident.verdict.value,
        )
        for incident in reported[:4]
    ]
    labels.append(
        Label(
            kind=LabelKind.INCIDENT,
            start=T0 - 3 * 3600,
            end=T0,
            scope="table:boxes",
            verdict="spike",
            note="opened by a bot",
        )
    )
    write_report(
        path,
        incidents,
        notices,
        Renderer(LINKS, ZONE),
        HEAD,
        settings=SETTINGS,
        comparison=compare(incidents, others, first=FIRST, last=T0),
        evaluation=evaluate(incidents, labels, FIRST + 7 * DAY, T0),
    )
    return path.read_text("utf-8")


TAG = '"\'><script>window.ran = 1</script><img src=x onerror="window.ran = 1"><b2>{{ 7 * 7 }}'


def hostile_report(path: Path, name: str = "", other: str = "") -> str:
    """Write a report in which every name is hostile; return its HTML."""
    bad, worse = f"{name}{TAG}", f"{other}</style></svg>{TAG}"
    scopes = [
        Scope(kind, "aws", worse, worse, bad, worse if kind == "client" else "")
        for kind in ("table", "function", "route", "client", "tenant", "service")
    ]
    measure = value_of(bad.encode("utf-8", "replace").decode())
    given: dict[str, Any] = {
        "scope": scopes[0],
        "measure": measure,
        "callers": [share(scope, 0.3, 0.2) for scope in scopes],
        "suspects": [share(scope, 0.9) for scope in scopes[3:5]],
        "throttle_reasons": {bad: 3.0},
        "causes": [Cause(scope=scopes[1], measure=measure, score=0.9)],
        "touches": scopes,
        "sentence": worse,
        "error_type": bad,
    }
    first = spike(T0 - DAY, **given)
    fatal = spike(T0 - DAY, **(given | {"id": "f", "verdict": Verdict.FATAL, "trace": None}))
    growing = growth_finding(scopes[0], **(given | {"id": "g", "start": T0 - 9 * DAY}))
    members = [replace(first, id=f"m{n}", scope=item, trace=None) for n, item in enumerate(scopes)]
    incidents = [
        of(first, *members),
        of(fatal),
        of(growing, sent="digest"),
        of(replace(first, id="n"), sent="none"),
    ]
    incidents = [replace(incident, reason=bad) for incident in incidents]
    shown = replace(incidents[0], primary=first)
    label = Label(
        kind=LabelKind.INCIDENT, start=T0 - 3600, end=T0, scope=bad, verdict=worse, note=bad, by=worse
    )
    write_report(
        path,
        incidents,
        [notice(shown, action=Action.OPEN, at=T0), notice(incidents[2], action=Action.DIGEST, at=T0)],
        Renderer(LINKS, ZONE),
        ReportHead(
            title=bad,
            source=worse,
            first=FIRST,
            last=T0,
            notes=[bad, worse],
            dead={bad: 1, worse: 2},
            compared=(bad, worse),
        ),
        settings=Settings(limits=LimitsSettings(tables={bad: TableLimit(wcu=1)})),
        comparison=compare(incidents, []),
        evaluation=evaluate(incidents, [label], FIRST, T0),
    )
    return path.read_text("utf-8")
