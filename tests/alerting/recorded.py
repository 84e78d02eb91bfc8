"""A corpus of findings, drawn by seed, on their way to the outbox; and what becomes of them.

``PYTHONPATH=. python tests/alerting/recorded.py`` writes anew what ``tests/golden/notifications.json`` pins.
"""

import asyncio
import json
import random
from collections.abc import Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from msgspec.structs import replace

from alerting.commands.command import Command, CommandKind, Matcher
from alerting.commands.dispatch import Dispatch
from alerting.incidents.incidents import Incidents
from alerting.incidents.notice import Notice
from alerting.messages.render import Renderer
from alerting.outbox.outbox import Outbox
from alerting.outbox.ports import DeliveryOutcome, Result, Sink
from alerting.outbox.row import OutboxRow, Picture, Send, SentAs, group_of
from alerting.pipeline.pipeline import Pipeline
from alerting.sinks.alertmanager import AlertmanagerSink
from alerting.sinks.terminal import TerminalSink
from alerting.sinks.webhook import WebhookSink
from config.links import Links
from config.settings import Settings
from detectors.explain.examples import Illustration
from detectors.model.finding import Failures, Finding, Verdict
from detectors.model.measures import Measure
from detectors.model.request_example import ExampleCall, RequestExample
from detectors.model.scope import Edge, Scope
from detectors.model.stated import StatedChange
from detectors.watch.maturity import Maturity
from detectors.watch.rankings import Load, Use
from tests.alerting.delivery_world import Memory
from tests.alerting.given import IOS, T0, finding, growth_finding, scope, share, trace

FILE: Final = Path(__file__).parent.parent / "golden" / "notifications.json"
SEEDS: Final = (0, 1, 3, 4)
STEPS: Final = 220
RESTARTS: Final = 9  # steps between two
SETTINGS: Final = Settings.model_validate(
    {
        "digest": {"at": "10:00"},
        "slack": {"channel": "#uneri", "digest_channel": "#digest"},
        "notify": {
            "flood": 6,
            "inhibit": True,
            "silences": [
                {"match": {"scopes": ["table:silent*"]}, "until": "2025-10-09T11:00", "why": "known"}
            ],
            "maintenance": [
                {"name": "m", "start": "2025-10-09T09:30", "end": "2025-10-09T09:50", "every": "day"}
            ],
            "quiet_hours": [
                {"start": "12:00", "end": "12:20", "match": {"verdicts": ["drop"]}},
            ],
            "routes": [
                {"match": {"scopes": ["table:paged"]}, "to": ["#pages", "webhook:w"], "mention": "here"},
                {"match": {"verdicts": ["fatal", "absence"]}, "to": ["alertmanager:p", "#uneri"]},
            ],
            "webhooks": [{"name": "w", "url": "http://127.0.0.1"}],
            "alertmanagers": [{"name": "p", "url": "http://127.0.0.1"}],
        },
    }
)

OTHER: Final = "210987654321"
TABLES: Final = [scope("table", name) for name in ("items", "paged", "silent1", "ledger")]
FUNCTIONS: Final = [scope("function", name) for name in ("put", "get", "buy")]
ROUTES: Final = [scope("route", name) for name in ("PUT /a", "GET /a", "POST /buy")]
SERVICES: Final = [scope("service", name) for name in ("inventory", "shop")]
ACCOUNTS: Final = [scope("account", "123456789012"), scope("account", OTHER, account=OTHER)]
ABROAD: Final = [scope("table", "items", account=OTHER), scope("function", "put", account=OTHER)]
SCOPES: Final = [*TABLES, *FUNCTIONS, *ROUTES, *SERVICES, *ACCOUNTS, *ABROAD, IOS]
FAILING: Final = (Measure.ERRORS_BACKEND, Measure.ERRORS_USER, Measure.LATENCY)


class Step(msgspec.Struct):
    """What the incidents of one step are made of."""

    at: int
    findings: list[Finding]
    early: list[Finding] = []
    loads: list[Load] = []
    uses: list[Use] = []
    maturity: list[Maturity] = []
    changes: list[StatedChange] = []
    illustrations: list[Illustration] = []


class _Drawer:
    """Draws series that deviate, develop and end, some of them seen early, late or never again."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)  # noqa: S311 - a corpus, not a secret
        self.open: list[Finding] = []
        self.over: list[Finding] = []
        self.busy = 0.05 + 0.3 * (seed % 4) / 3
        self.made = 0

    def steps(self) -> Iterator[Step]:
        for number in range(STEPS):
            at = T0 + 60 * number
            early = [self._early(at)] if self.draw.random() < 0.05 else []
            step = Step(at, list(self._findings(at)), early, **self._more(at))
            yield msgspec.msgpack.decode(msgspec.msgpack.encode(step), type=Step)  # as from a topic

    def _findings(self, at: int) -> Iterator[Finding]:
        while self.draw.random() < self.busy:
            yield self._begin(at)
        for former in list(self.open):
            chance = self.draw.random()
            if chance < 0.2:
                yield self._change(former, at, "update")
            elif chance < 0.27:
                yield self._change(former, at, "end")
            elif chance < 0.28:
                yield self._change(former, at, "withdrawn")
        for former in list(self.over):
            if self.draw.random() < 0.002:
                yield self._change(former, at, self.draw.choice(("withdrawn", "end")))
        if self.open and self.draw.random() < 0.05:
            yield self.draw.choice(self.open)  # repeated

    def _begin(self, at: int) -> Finding:
        self.made += 1
        about = self.draw.choice(SCOPES)
        name, begun = f"f{self.made}", at - 60 * self.draw.randint(1, 15)
        if self.draw.random() < 0.1:
            made = growth_finding(self.draw.choice(TABLES), days=self.draw.choice((None, 3.0, 12.0)))
            made = replace(made, id=name, start=begun, seen=at)
        else:
            made = self._deviation(about, name, begun, at)
        self.open.append(made)
        return made

    def _deviation(self, about: Scope, name: str, begun: int, at: int) -> Finding:
        draw = self.draw
        verdict = draw.choice(
            [Verdict.SPIKE] * 5 + [Verdict.DROP, Verdict.SHIFT, Verdict.ABSENCE, Verdict.FATAL, Verdict.LIMIT]
        )
        measure = Measure.WCU if about.kind == "table" else draw.choice([Measure.REQUESTS, *FAILING])
        falls = verdict in (Verdict.DROP, Verdict.ABSENCE)
        callers = [share(of, draw.choice((0.05, 0.3, 0.6))) for of in draw.sample([*FUNCTIONS, *ROUTES], 2)]
        more: dict[str, Any] = {
            "verdict": verdict,
            "measure": Measure.REQUESTS if falls and about.kind != "table" else measure,
            "start": begun,
            "seen": at,
            "observed": draw.uniform(0, 4) if falls else draw.uniform(12, 80),
            "score": draw.choice((0.55, 0.7, 0.9)),
            "callers": callers if draw.random() < 0.6 else [],
            "suspects": [share(IOS, 0.5)] if draw.random() < 0.3 else [],
            "touches": draw.sample([*FUNCTIONS, *ROUTES, *SERVICES], 2) if draw.random() < 0.7 else [],
            "trace": trace(at, 1) if draw.random() < 0.5 else None,
            "limit": 100.0 if about.kind == "table" else None,
            "near": verdict is Verdict.LIMIT and draw.random() < 0.5,
            "gap": verdict is Verdict.ABSENCE and about.kind == "account",
            "error_type": "Oops" if verdict is Verdict.FATAL else "",
        }
        if measure in FAILING[:2]:
            more["failures"] = Failures(failed=20, requests=draw.choice((40.0, 4000.0)), seconds=60)
        made = finding(about, name, **more)
        if about.kind == "function" and draw.random() < 0.2:
            made = replace(made, scope=None, edge=Edge(about, draw.choice(TABLES[:2])), measure=Measure.WCU)
        return made

    def _change(self, former: Finding, at: int, state: Any) -> Finding:
        draw = self.draw
        times = draw.choice((0.3, 0.9, 1.1, 2.5))
        more: dict[str, Any] = {"revision": former.revision + 1, "state": state, "seen": at}
        more["observed"] = former.expected + (former.observed - former.expected) * times
        if former.callers and draw.random() < 0.3:
            more["callers"] = [share(draw.choice([*FUNCTIONS, *ROUTES]), 0.5), *former.callers[:1]]
        if state == "update" and former.verdict is Verdict.LIMIT:
            more["near"] = draw.random() < 0.5
        if state == "update" and former.verdict is Verdict.SPIKE and draw.random() < 0.1:
            more["verdict"] = Verdict.SHIFT
        if state != "update":
            more |= {"end": at - 60 * draw.randint(1, 5), "trace": None, "callers": []}
        made = replace(former, **more)
        known = self.open if former in self.open else self.over
        known.remove(former)
        (self.open if state == "update" else self.over).append(made)
        return made

    def _early(self, at: int) -> Finding:
        self.made += 1
        about = self.draw.choice([*TABLES, *FUNCTIONS])
        made = self._deviation(about, f"e{self.made}", at - 30, at)
        made = replace(made, verdict=Verdict.SPIKE, observed=60.0, near=False, gap=False, error_type="")
        if self.draw.random() < 0.6:  # its step confirms it
            judged = replace(made, id=f"f{self.made}", start=at - 60, seen=at + 60)
            self.open.append(judged)
        return replace(made, early=True)

    def _more(self, at: int) -> dict[str, Any]:
        draw, more = self.draw, dict[str, Any]()
        if at % 3600 == 0:
            tables = [Load(of, Measure.WCU, draw.uniform(1, 50), 100.0) for of in TABLES]
            uses = [Use(of, Measure.REQUESTS, draw.uniform(100, 200), 150.0) for of in ROUTES]
            learnt = [Maturity(at, {"table": draw.randint(0, 2)}, TABLES[:1])]
            more |= {"loads": tables, "uses": uses, "maturity": learnt}
        if draw.random() < 0.05:
            about = draw.choice([*FUNCTIONS, *SERVICES])
            more["changes"] = [StatedChange(at - draw.randint(0, 1500), about, "deployed", f"v{at % 97}")]
        if self.open and draw.random() < 0.2:
            shown = draw.choice(self.open)
            error, calls = draw.choice(("backend", "user")), (ExampleCall(name="items", ms=9.0, wcu=3.0),)
            example = RequestExample(ts=at - 5.0, id=f"r{at}", status=500, error=error, tables=calls)
            more["illustrations"] = [Illustration(example, [shown.id])]
        return more


def commands(seed: int, at: int, notices: Iterable[Notice], known: list[str]) -> Iterator[Command]:
    """Draw what people do about incidents; ``known`` are the ids so far."""
    draw = random.Random(f"{seed}-{at}")  # noqa: S311 - a corpus, not a secret
    known += [notice.incident.id for notice in notices if notice.incidents]
    if known and draw.random() < 0.06:
        yield Command(
            id=f"c{at}",
            kind=draw.choice(list(CommandKind)),
            at=at + 1,
            by=draw.choice(("U1", "U2")),
            incident=draw.choice([*known[-6:], f"c{at - 600}"]),
            until=draw.choice((None, at + 900, at + 7200)),
            matcher=draw.choice((None, None, None, Matcher(scopes=["table:*"]))),
            why="as planned",
        )


class Outcome(NamedTuple):
    """What became of the findings of one seed."""

    notices: list[Notice]
    incidents: dict[str, bytes]  # their state
    dispatches: list[Dispatch]
    pipeline: dict[str, bytes]
    rows: list[OutboxRow]


def outcome(seed: int, restarts: int | None = RESTARTS) -> Outcome:
    """Lead the findings of a seed through incidents and pipeline, which start anew after so many steps."""
    incidents, pipeline = Incidents(SETTINGS), Pipeline(SETTINGS)
    notices, dispatches, known = list[Notice](), list[Dispatch](), list[str]()
    outbox = _Sent()
    for number, step in enumerate(_Drawer(seed).steps()):
        new = incidents.feed(
            step.findings,
            step.at,
            step.loads,
            step.uses,
            step.maturity,
            changes=step.changes,
            illustrations=step.illustrations,
        )
        if step.early:
            new += incidents.feed_early(step.early, step.at + 20)
        sent = pipeline.feed(new, step.at)
        for command in commands(seed, step.at, new, known):
            sent += pipeline.command(command).dispatches
        asyncio.run(outbox.put(sent, step.at + 5))
        notices += new
        dispatches += sent
        if restarts is not None and number % restarts == 0:
            parts, incidents = incidents.snapshot(), Incidents(SETTINGS)
            incidents.restore(parts)
            parts, pipeline = pipeline.snapshot(), Pipeline(SETTINGS)
            pipeline.restore(parts)
    rows = sorted(outbox.storage.rows.values(), key=lambda row: row.sequence)
    return Outcome(notices, incidents.snapshot(), dispatches, pipeline.snapshot(), rows)


class _Sent:
    """An outbox whose rows are sent once a minute, some of them refused or in doubt."""

    def __init__(self) -> None:
        self.storage = Memory()
        self._draw = random.Random(1)  # noqa: S311 - a corpus, not a secret
        self._outbox = Outbox(self.storage, random.Random(2))  # noqa: S311 - jitter
        links = Links(SETTINGS.links)
        self._sinks: dict[str, Sink] = {
            "slack": TerminalSink(Renderer(links, ZoneInfo("UTC"))),
            "webhook:w": WebhookSink("webhook:w", ""),
            "alertmanager:p": AlertmanagerSink("alertmanager:p", "", {"team": "shop"}),
        }

    async def put(self, dispatches: list[Dispatch], now: float) -> None:
        rendered = [(dispatch, self._render(dispatch)) for dispatch in dispatches]
        items = [(dispatch, row) for dispatch, row in rendered if row is not None]
        await self._outbox.put(items, {}, now)
        for group in self._sinks:
            time = now
            while isinstance(due := self._outbox.next(time, group), OutboxRow):
                if await self._outbox.begin(due):
                    await self._outbox.settle(due, self._outcome(due), time)
                time += 1.5

    def _render(self, dispatch: Dispatch) -> OutboxRow | None:
        return self._sinks[group_of(dispatch.destination)].render(dispatch, self._outbox.known(dispatch))

    def _outcome(self, row: OutboxRow) -> DeliveryOutcome:
        kinds = [Result.SENT] * 12 + [Result.RETRY, Result.UNKNOWN, Result.RENDERING, Result.GONE]
        result = self._draw.choice(kinds)
        if result is not Result.SENT:
            return DeliveryOutcome(result=result, error="no luck")
        link = "https://slack/m" if row.send is Send.LINK else None
        shown = Picture("F1", "a chart", "a curve") if row.send is Send.CHART else None
        again = 240.0 if row.group.startswith("alertmanager") and self._draw.random() < 0.5 else None
        place = row.place if row.place is not None and link is None else SentAs("C1", f"{row.sequence}", link)
        return DeliveryOutcome(result=result, place=place, picture=shown, again=again)


def digests(of: Outcome) -> dict[str, str]:
    """Return what identifies an outcome to the byte."""
    return {
        "notices": f"{len(of.notices)} {_digest(map(msgspec.msgpack.encode, of.notices))}",
        "incidents": _digest(_flat(of.incidents)),
        "dispatches": f"{len(of.dispatches)} {_digest(map(msgspec.msgpack.encode, of.dispatches))}",
        "pipeline": _digest(_flat(of.pipeline)),
        "rows": f"{len(of.rows)} {_digest(msgspec.msgpack.encode(_unworded(row)) for row in of.rows)}",
    }


def _unworded(row: OutboxRow) -> OutboxRow:
    """Return a row without its words, which may change."""
    return replace(row, message=None, body=None)


def _flat(parts: dict[str, bytes]) -> Iterator[bytes]:
    for name in sorted(parts):
        yield name.encode()
        yield parts[name]


def _digest(chunks: Iterable[bytes]) -> str:
    found = blake2b(digest_size=10)
    for chunk in chunks:
        found.update(len(chunk).to_bytes(8, "big") + chunk)
    return found.hexdigest()


def main() -> None:
    """Write what is pinned."""
    pinned = {str(seed): digests(outcome(seed)) for seed in SEEDS}
    FILE.write_text(json.dumps(pinned, indent=1) + "\n")


if __name__ == "__main__":
    main()
