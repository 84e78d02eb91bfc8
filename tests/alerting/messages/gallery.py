"""Every message whose words are reviewed, under a name, in a language.

Pages of every verdict in every state; what each may show; threads, floods, digests, answers, modals.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from alerting.commands.command import CommandKind, Matcher
from alerting.commands.dispatch import Answer, CommandResult, Dispatch, Expiring, Form, Line, Precision
from alerting.commands.memo import Memo
from alerting.commands.slash import Fault, Help, WhatChanged, parse
from alerting.incidents.incident import Incident
from alerting.incidents.notice import Action, Milestone
from alerting.incidents.worth import Size
from alerting.messages import examples as made
from alerting.messages.answers import Answers, Changes
from alerting.messages.blocks import Message, marked_as_test
from alerting.messages.incident_answer import KnownIncident
from alerting.messages.incident_markdown import IncidentMarkdown
from alerting.messages.modals import details, note, pattern
from alerting.messages.render import Renderer
from alerting.pipeline.incident_registry import TrackedIncident
from alerting.words.locales import JAPANESE, phrases_of
from alerting.words.phrases import Phrases
from config.links import Links
from config.settings import Settings
from detectors.explain.examples import Why
from detectors.model.finding import (
    OTHER_KINDS,
    RETIRED_SECONDS,
    Affected,
    Concentration,
    FailureKind,
    Failures,
    Finding,
    Growth,
    Plan,
    RestsOn,
    RiseCause,
    Verdict,
)
from detectors.model.measures import Measure, value_of
from detectors.model.scope import CLIENT, TENANT, Scope
from detectors.model.stated import StatedChange
from detectors.watch.maturity import Maturity
from detectors.watch.rankings import Hot, Standings, Use
from tests.alerting.given import (
    ACCOUNT,
    GET,
    IOS,
    PUT,
    ROUTE,
    SERVICE,
    T0,
    TABLE,
    finding,
    growth_finding,
    incident,
    scope,
    share,
    table_finding,
)
from tests.alerting.incidents.test_absence_incidents import absence, fatal
from tests.alerting.message_makers import LINKS, ZONE, digest, dispatch, notice, page
from tests.alerting.messages.made_incidents import (
    BEHIND,
    BUY,
    DROP,
    GLOBAL,
    LEVEL,
    LINK,
    MEMOS,
    OPEN,
    RESOLVED,
    SALE,
    SALES,
    SHIFT,
    SNOOZED,
    STATES,
    VERDICTS,
    WHOLE,
    about,
    asked,
    change,
    example,
    fall,
    fewer_calls,
    flood_of,
    lasting,
    level,
    listed,
    memo,
    near,
    of_span,
    over,
    own_spans,
    purchases,
    risen,
    silence,
    with_changes,
    with_examples,
)

Shown = Message | dict[str, Any] | str
UNTIL = T0 + 3600
EARLIER = "https://uneri.slack.example/archives/C1/p1?a=1&b=2"
NAMED = Settings.model_validate(
    {
        "accounts": {ACCOUNT: {"name": "game-prod"}},
        "links": {"runbooks": {"any": "https://wiki.example/{verdict}?{kind}={name}"}},
    }
)


def gallery(words: Phrases) -> dict[str, Shown]:
    """Return every message by its name, in order."""
    shown: dict[str, Shown] = {}
    for part in (_pages, _threads, _floods, _digests, _answers, _modals, _documents, _phrases):
        shown |= part(words)
    return shown


# -- pages -------------------------------------------------------------------------------------------


def _pages(words: Phrases) -> dict[str, Shown]:
    pages: dict[str, Shown] = {
        f"{verdict}, {state}": page(about(of, **changes), words=words)
        for verdict, of in VERDICTS.items()
        for state, changes in STATES.items()
    }
    pages |= {name: page(of, words=words, at=of.end or T0) for name, of in _incidents()}
    pages |= {f"span: {name}": page(of, words=words) for name, of in own_spans().items()}
    pages["span: edited minutes later"] = page(of_span(risen()), words=words, at=T0 + 180)
    return pages | _rendered(words)


_CONCENTRATIONS = {
    "demand": Concentration(cause=RiseCause.DEMAND, share=0.9, kind="function"),
    "a defect of one function": Concentration(
        cause=RiseCause.DEFECT, share=0.97, kind="function", carriers=1
    ),
    "a defect of two builds": Concentration(cause=RiseCause.DEFECT, share=0.8, kind="client", carriers=2),
    "a defect of three routes": Concentration(cause=RiseCause.DEFECT, share=0.8, kind="route", carriers=3),
    "more per call": Concentration(cause=RiseCause.DEFECT, share=1.0, per_call=True),
    "alone": Concentration(cause=RiseCause.DEFECT, share=1.0, kind="table"),
}


_NOTHING_ARRIVES = replace(absence(WHOLE), gap=True)


def _incidents() -> Iterator[tuple[str, Incident]]:
    for name, of in _findings().items():
        yield name, about(of)
    yield "spike with its route", OPEN
    for name, found in _CONCENTRATIONS.items():
        size = Size(4.0 if found.cause is RiseCause.DEMAND else 8.0, found.cause.value)
        yield f"spike, {name}", replace(incident(table_finding(concentration=found)), size=size)
    yield (
        "spike, resolved after all that followed",
        over(table_finding(), finding(GET, "tail", measure=Measure.LATENCY, touches=[TABLE], end=T0 + 3600)),
    )
    yield (
        "spike, resolved with what soon followed",
        over(table_finding(), finding(GET, "tail", measure=Measure.LATENCY, touches=[TABLE], end=T0 + 1320)),
    )
    yield "spike near a limit, resolved", over(table_finding(limit=60.0))
    yield "drop near a limit, resolved", over(table_finding(limit=60.0, verdict=Verdict.DROP, observed=1.0))
    gap = _NOTHING_ARRIVES
    yield "nothing arrives", about(gap)
    yield "nothing arrives from two accounts", replace(about(gap), members=[gap])
    yield "records arrive again", over(gap)
    yield "absence of a table, withdrawn", about(absence(TABLE), state="withdrawn", end=T0 + 600)
    week = T0 - 120 + RETIRED_SECONDS
    retired = absence(PUT, state="end", seen=week, end=week)
    yield "absence, after a week", about(retired, state="resolved", end=T0 + RETIRED_SECONDS)
    yield "fatal, known from now on", over(fatal())
    yield "limit, no longer near", over(near())
    yield "level, its samples stopped", over(level(), lost=True)
    yield "shift, the new level", over(SHIFT, settled=True)
    yield (
        "fall that added up, resolved",
        about(fall(state="end", end=T0 + 540), state="resolved", end=T0 + 600),
    )
    yield (
        "errors, resolved",
        about(
            purchases(failures=Failures(failed=112, requests=260, seconds=1500, usual=0.021)),
            state="resolved",
            end=T0 + 1500,
        ),
    )
    yield "errors, withdrawn", about(purchases(), state="withdrawn", end=T0)
    yield "after a deploy", with_changes()
    yield "at the time of a deploy", with_changes(change(30, url=""))
    yield (
        "ended by a rollback",
        with_changes(ended_after=change(150, version="41", url=""), state="resolved", end=T0),
    )
    yield "after a bare change", with_changes(change(what="", version="", by="", url=""))
    kinds = ("deployed", "deploy failed", "config", "migration", *JAPANESE.incident.changes)
    for what in dict.fromkeys(kinds):
        yield f"after: {what}", with_changes(change(what=what, url=""))
    many = [change(60 * number, version=str(number), url="") for number in range(1, 6)]
    yield "after five changes", with_changes(*many)
    yield "after a deploy, withdrawn", with_changes(state="withdrawn", end=T0)


def _resting(requests: int, alike: str = "") -> RestsOn:
    return RestsOn(requests=requests, since=T0 - 600, until=T0, alike=alike)


def _findings() -> dict[str, Finding]:
    functions = [share(scope("function", f"f{n}"), 0.1 * n) for n in range(1, 5)]
    routes = [BUY, *(scope("route", f"GET /{name}") for name in ("a", "b", "c"))]
    uncertain = Growth(per_day=0.011, per_day_lower=-0.02, per_day_upper=0.04, days=10)
    throttled = Failures(failed=330, requests=2750, seconds=600)
    leap: dict[str, Any] = {"observed": 41.0, "expected": 0.0}
    return {
        "more capacity per call": table_finding(callers=[share(PUT, 0.91, 0.05)]),
        "more calls and more per call": table_finding(callers=[share(PUT, 0.91, 0.5)]),
        "four functions and a route": table_finding(callers=[*functions, share(ROUTE, 0.95)]),
        "only a route": finding(GET, callers=[share(ROUTE, 0.95)]),
        "a client that does not stand out": table_finding(suspects=[share(IOS, 0.3)]),
        "a client by 41 requests": table_finding(rests_on=_resting(41)),
        "clients alike": table_finding(suspects=[], rests_on=_resting(4_120, CLIENT)),
        "tenants alike, no caller": table_finding(callers=[], suspects=[], rests_on=_resting(412, TENANT)),
        "functions by three requests": table_finding(suspects=[], rests_on=_resting(3)),
        "nothing known": finding(Scope("service", "", "", "", "web"), measure=Measure.LATENCY, weeks_used=[]),
        "a value": SALES,
        "an account": finding(WHOLE),
        "many routes": finding(
            TABLE, affected=Affected(requests=41_230, seconds=1440, routes=routes, more_routes=5)
        ),
        "behind it": finding(
            PUT, measure=Measure.LATENCY, compared_with="minutes", weeks_used=[], causes=BEHIND
        ),
        "drop, planned": replace(DROP, planned=SALE),
        "fewer calls": fewer_calls(),
        "shift without a week": replace(SHIFT, weeks_used=[1], weeks_left_out=[2]),
        **{f"{of.verdict}, {name}": of for name, of in _young()},
        "growth, uncertain": growth_finding(TABLE, growth=uncertain),
        "limit, throttled": near(minutes=15, throttled=True),
        "limit of a day": near(near=False),
        "absence of a table": absence(TABLE),
        "fatal of a client": fatal(suspects=[share(IOS, 0.9)]),
        "a holiday like the last": finding(PUT, compared_with="holidays", weeks_used=[1]),
        "a holiday like three": finding(
            PUT, compared_with="holidays", weeks_used=[1, 2, 4], weeks_left_out=[3]
        ),
        "level": level(),
        "level in bytes": level("By"),
        "level per second": level("1/s"),
        "level up from nothing": finding(GLOBAL, measure=LEVEL, **leap),
        "added up": lasting(),
        "added up, below": lasting(observed=0.1, callers=[share(PUT, 0.9)]),
        "added up, planned": lasting(planned=Plan(name="sale", factor=2.0)),
        "added up, fall": fall(),
        "added up, wcu": lasting(measure=Measure.WCU),
        "added up, concurrency": lasting(measure=Measure.BUSY),
        "costs more": table_finding(costs=3.1),
        "costs less": replace(DROP, costs=-2.0),
        "refused": purchases(measure=Measure.ERRORS_USER),
        "refused, uncounted": purchases(measure=Measure.ERRORS_USER, failures=None),
        "limit, reached": near(observed=104.0),
        "limit, by growth": growth_finding(TABLE, verdict=Verdict.LIMIT, near=True),
        "throttled for two reasons": near(throttle_reasons={"load <test>": 3.0, "table": 214.0}),
        "errors": purchases(),
        "errors of an older state": purchases(failures=None, affected=None),
        "errors of other kinds": purchases(
            failures=replace(throttled, kinds=[FailureKind(kind=OTHER_KINDS, times=330)])
        ),
        "cold starts": finding(
            PUT, measure=Measure.COLD_STARTS, observed=2.0, expected=0.0, failures=throttled
        ),
        "throttled calls": finding(
            TABLE, measure=Measure.THROTTLES, observed=2.0, expected=0.0, failures=throttled
        ),
    }


YOUNG: dict[str, dict[str, Any]] = {
    "of one week": {"weeks_used": [1]},
    "of a day": {"weeks_used": [], "compared_with": "yesterday"},
    "of minutes": {"weeks_used": [], "compared_with": "minutes"},
}
"""How little a baseline may have."""


def _young() -> Iterator[tuple[str, Finding]]:
    for name, basis in YOUNG.items():
        yield name, finding(PUT, **basis)
        yield name, absence(PUT, **basis)


def _rendered(words: Phrases) -> dict[str, Shown]:
    render = Renderer(LINKS, ZONE, words)
    named = Renderer(Links(NAMED.links), ZONE, phrases_of(words.locale, NAMED.account_names))
    acknowledged = [asked(CommandKind.ACKNOWLEDGE), asked(CommandKind.ACKNOWLEDGE, by="U9999")]
    calls = "here U012AB3CD S0614TZR7 channel <!everyone>"
    many = [*(memo(n, "first") for n in range(8)), *(memo(n, OPEN.id) for n in range(8, 14))]

    def sent(one: Incident = OPEN, **more: Any) -> Message:
        return render(dispatch(notice(one), **more))

    return {
        "a test": marked_as_test(page(OPEN, words=words), words),
        "acknowledged and snoozed": sent(commands=[*acknowledged, SNOOZED]),
        "acknowledgement taken back": sent(commands=[*acknowledged, asked(CommandKind.UNACKNOWLEDGE)]),
        "snooze ended": sent(commands=[SNOOZED, asked(CommandKind.UNSILENCE)]),
        "snooze is over": page(OPEN, commands=[SNOOZED], at=UNTIL, words=words),
        **{f"marked: {kind}": sent(RESOLVED, commands=[asked(kind)]) for kind in _MARKS},
        "mark taken back": sent(
            RESOLVED, commands=[asked(kind) for kind in (*_MARKS, CommandKind.TAKE_BACK)]
        ),
        "people called": page(OPEN, mention=calls, words=words),
        "reopened, with a link": page(replace(OPEN, reopened=1), earlier=EARLIER, words=words),
        "earlier message elsewhere": page(OPEN, earlier="javascript:alert(1)", words=words),
        "memos": sent(memos=MEMOS),
        "many memos": sent(memos=many),
        "account and runbook": named(dispatch(notice(OPEN))),
        "an account by its name": named(dispatch(notice(about(finding(WHOLE))))),
        "flood of a named account": named(dispatch(notice(OPEN), Form.FLOOD)),
        "opened: a named account": named(
            dispatch(notice(about(finding(WHOLE))), Form.LINE, line=Line(what="opened", at=T0))
        ),
    }


_MARKS = (CommandKind.EXPECTED, CommandKind.NOT_AN_ANOMALY)


# -- threads, floods and digests ---------------------------------------------------------------------


def _threads(words: Phrases) -> dict[str, Shown]:
    render = Renderer(LINKS, ZONE, words)
    threads: dict[str, Shown] = {}
    for what in (*Milestone, *CommandKind):
        for by in ("U012AB3CD", "") if what in CommandKind else ("",):
            line = Line(what=what.value, at=T0, by=by, until=UNTIL, detail="<!here> put")
            of = RESOLVED if what is Milestone.RESOLVED else OPEN
            threads[f"thread: {what}{' by a person' * bool(by)}"] = render(
                dispatch(notice(of), Form.LINE, line=line)
            )
    known = {
        **{f"opened, {of.verdict} {name}": (about(of), Milestone.OPENED) for name, of in _young()},
        "opened, a week left out": (about(replace(SHIFT, weeks_left_out=[2])), Milestone.OPENED),
        "opened, fatal": (about(fatal()), Milestone.OPENED),
        "a deploy is known": (with_changes(), Milestone.PRECEDED),
        "opened, errors": (about(purchases()), Milestone.OPENED),
        "opened, limit": (about(near()), Milestone.OPENED),
        "closed": (over(level(), lost=True), Milestone.RESOLVED),
        "the new level": (over(SHIFT, settled=True), Milestone.RESOLVED),
    }
    for name, (of, what) in known.items():
        line = Line(what=what.value, at=T0)
        threads[f"thread: {name}"] = render(dispatch(notice(of), Form.LINE, line=line))
    return threads


def _floods(words: Phrases) -> dict[str, Shown]:
    render = Renderer(LINKS, ZONE, words)
    mild = [replace(about(finding(TABLE, score=0.9999)), id=f"{number:02}") for number in range(30)]
    floods = {
        "57": dispatch(notice(*flood_of(57)), Form.FLOOD, mention="S0614TZR7"),
        "resolved": _flood(flood_of(12, state="resolved", end=T0)),
        "of every kind": _flood([about(of) for of in (*VERDICTS.values(), fatal(), _NOTHING_ARRIVES)]),
        "the worst first": _flood([*mild, about(purchases(score=0.6))]),
    }
    return {f"flood: {name}": render(flood) for name, flood in floods.items()}


def _flood(incidents: Sequence[Incident]) -> Dispatch:
    return dispatch(notice(*incidents), Form.FLOOD)


_GET_ITEMS = scope("route", "GET /items")
STANDINGS = Standings(
    [
        Use(_GET_ITEMS, Measure.REQUESTS, 120_000.0, 100_000.0),
        Use(scope("route", "PUT /items"), Measure.REQUESTS, 90.0),
    ],
    [Use(_GET_ITEMS, Measure.LATENCY, 840.0, 420.0)],
    [Use(scope("account", "1"), value_of("sales"), 5400.0, 6000.0)],
)
_COSTS = Standings(
    costs=[Use(WHOLE, Measure.COST, 41.2, 36.8, 1120.0, 1037.0)],
    costliest=[
        Use(scope("function", "put"), Measure.COST, 20.5, 1.2),
        Use(TABLE, Measure.COST, 0.0312, None),
        Use(scope("function", "get"), Measure.COST, 0.0042, None),
    ],
)
GROWING_TOGETHER = (
    growth_finding(TABLE, days=53.0, callers=[share(PUT, 1.0)]),
    growth_finding(PUT, days=None, callers=[share(ROUTE, 1.0)], limit=None),
    growth_finding(ROUTE, days=None, callers=[], limit=None),
    growth_finding(SERVICE, days=None, callers=[share(PUT, 0.9), share(GET, 0.1)], limit=None),
    growth_finding(WHOLE, days=None, callers=[share(SERVICE, 1.0)], limit=None),
)


_MARKED = Precision(weeks=4, pages=9, expected=5, not_an_anomaly=1, sensitivity=0.8, left_out=4, lost=1)


def _some_day() -> Iterator[Finding]:
    today, unknown = growth_finding(TABLE), growth_finding(scope("table", "users"))
    for of, range_of in ((today, (1.0, 1.0, 1.0)), (unknown, (11.0, 9.0, None))):
        first, lower, upper = range_of
        assert of.growth is not None
        days = {"days_to_limit": first, "days_to_limit_lower": lower, "days_to_limit_upper": upper}
        yield replace(of, growth=replace(of.growth, **days))


def _digests(words: Phrases) -> dict[str, Shown]:
    elsewhere = scope("route", "GET /b", account="999")
    hottest = [
        Hot(PUT, 0.62, Measure.BUSY),
        Hot(TABLE, 0.874, Measure.WCU, former=scope("table", "a<b")),
    ]
    people: dict[str, Any] = {
        "expiring": [Expiring(id="s", what="table:items", until=UNTIL, by="U012AB3CD")],
        "precision": Precision(weeks=4, pages=20, expected=2, not_an_anomaly=1, withdrawn=1),
        "held": {"quiet_hours": 3, "maintenance": 1},
    }
    hours = [Maturity(T0, {"table": 1}, [TABLE]), Maturity(T0 + 3600, {"function": 13}, [PUT], [0, 0, 28])]
    accounts = Maturity(T0, {"table": 2}, [TABLE, scope("table", "items", account="999")])
    fewest = [
        growth_finding(scope("table", "users"), 0.02, 40.0),
        growth_finding(scope("table", "logs"), 0.05, 3.0),
        growth_finding(scope("function", "web"), 0.01, None),
    ]
    two_limits = growth_finding(PUT, days=20.0, callers=[share(ROUTE, 1.0)], measure=Measure.BUSY)
    apart = growth_finding(scope("table", "ledger"), days=10.0)
    growing_level = growth_finding(GLOBAL, 0.03, days=9.0, measure=LEVEL, verdict=Verdict.LIMIT)
    limit = replace(with_changes(), verdict=Verdict.LIMIT, primary=near(limit=50.0, minutes=60))
    days: dict[str, tuple[list[Incident], dict[str, Any]]] = {
        "nothing": ([], {}),
        "people": ([], people),
        "too small to page": ([], {"small": [incident(lasting()), over(fewer_calls())]}),
        "rankings": ([], {"standings": STANDINGS}),
        "rankings of two accounts": (
            [],
            {"standings": Standings([STANDINGS.most_used[0], Use(elsewhere, Measure.REQUESTS, 5.0)])},
        ),
        "costs": ([], {"standings": _COSTS}),
        "hottest": ([], {"hottest": hottest}),
        "baselines": ([], {"maturity": hours}),
        "baselines that history taught": (
            [],
            {
                "maturity": [Maturity(T0, {"table": 1, "function": 13}, [TABLE, PUT], [0, 1, 5])],
                "learnt": {"service": 4, "table": 1200},
            },
        ),
        "baselines of history alone": ([], {"learnt": {"service": 4, "client": 1}}),
        "baselines of two accounts": ([], {"maturity": [accounts]}),
        "fewest days first": (listed(*fewest), {}),
        "level before growth": (
            listed(growth_finding(PUT, days=None), near(id="level", near=False, observed=85.0)),
            {},
        ),
        "growth that reaches its limit": (
            listed(growth_finding(TABLE, verdict=Verdict.LIMIT, days=6.0)),
            {},
        ),
        "a growing level": (listed(growing_level), {}),
        "growing together": (listed(*GROWING_TOGETHER), {}),
        "two limits together": (listed(GROWING_TOGETHER[0], two_limits), {}),
        "growing apart": (listed(GROWING_TOGETHER[0], apart), {}),
        "a limit today, another some day": (listed(*_some_day()), {}),
        "a limit that is reached": (listed(growth_finding(TABLE, days=0.0)), {}),
        "limits that are reached together": (
            listed(
                growth_finding(TABLE, days=0.0, callers=[share(PUT, 1.0)]),
                growth_finding(PUT, days=0.0, callers=[], measure=Measure.BUSY),
            ),
            {},
        ),
        "hottest of no account": ([], {"hottest": [Hot(TABLE._replace(account="", cloud=""), 0.4)]}),
        "too many marks": ([], {"precision": _MARKED}),
        "a limit after a deploy": ([limit], {}),
        "everything": ([incident(near()), incident()], {**people, "hottest": hottest}),
    }
    named = phrases_of(words.locale, NAMED.account_names)
    grown = replace(incident(), primary=growth_finding(TABLE), verdict=Verdict.GROWTH)
    return {
        **{f"digest: {name}": digest(of, words=words, **more) for name, (of, more) in days.items()},
        "digest: a named account": digest([grown], hottest=[Hot(TABLE, 0.4)], words=named),
        "digest: without a pipeline": Renderer(LINKS, ZONE, words)(notice(OPEN, action=Action.DIGEST)),
    }


# -- answers, modals and documents -------------------------------------------------------------------

STATED = [
    StatedChange(T0 - 3600, PUT, "deploy", "41", "ci", LINK),
    StatedChange(T0 - 60, PUT, "deploy", "42", "ci", LINK),
    StatedChange(T0 - 600, scope("service", "shop"), "config", "", "", ""),
    StatedChange(T0 - 90_000, PUT, "deploy", "40", "ci", LINK),
]


def what_changed(text: str) -> Changes:
    """Return what there is to say to a command, of two incidents and four changes."""
    command = parse(text)
    assert isinstance(command, WhatChanged)
    one, past = incident(), replace(RESOLVED, id="past", start=T0 - 9000, end=T0 - 3000)
    tracked = [
        TrackedIncident(sequence=1, notice=notice(one), started=one.start),
        TrackedIncident(sequence=2, notice=notice(past), started=past.start, ended_at=past.end),
    ]
    return Changes.of(
        T0 - command.seconds,
        tracked,
        leaders=[Hot(TABLE, 0.5)],
        stated=STATED,
        matcher=command.matcher,
    )


def _answers(words: Phrases) -> dict[str, Shown]:
    answers = Answers(LINKS, ZONE, words)
    mutes = [silence(f"s{n}", "table:<!here>", UNTIL, "ops", "why") for n in range(40)]
    lead = Hot(TABLE, 0.4, former=scope("table", "users"))
    many = [StatedChange(T0 - number, PUT, "deploy", f"v{number}") for number in range(300)]
    changes = {
        "nothing": Changes(T0 - 7200),
        "all": Changes(T0 - 7200, [OPEN], [RESOLVED], [OPEN] * 30, [OPEN], [lead]),
        **{text: what_changed(f"what-changed {text}") for text in ("2h", "service:shop 2d")},
        "function:inventory-* 2d": what_changed("what-changed function:inventory-* 2d"),
        "very many": Changes.of(T0 - 600, [], stated=many),
    }
    return {
        **{
            f"answer: {result}": answers.command(Answer(result=result, until=UNTIL))
            for result in CommandResult
        },
        "answer: matches nothing": answers.command(Answer(result=CommandResult.DONE, until=UNTIL, fits=0)),
        "answer: refused": answers.refused(),
        "help": answers.help(Help(None, "")),
        **{f"help: {fault}": answers.help(Help(fault, "<!here>")) for fault in Fault},
        "help: without a word": answers.help(Help(Fault.TEXT, "")),
        "status": answers.standing([OPEN], at=T0, behind=95, held={"quiet_hours": 2}, last=RESOLVED),
        "status: held": answers.standing([], at=T0, behind=5, held=dict.fromkeys(words.figures.stages, 1)),
        "status: quiet": answers.standing([], at=T0),
        "open": answers.open_incidents(flood_of(300), at=T0),
        "open: none": answers.open_incidents([], at=T0),
        "silences: none": answers.silences([]),
        "silences": answers.silences(mutes),
        **{f"what changed: {name}": answers.what_changed(of, at=T0) for name, of in changes.items()},
    }


def _modals(words: Phrases) -> dict[str, Shown]:
    matcher = Matcher(scopes=["table:<!here>"])
    return {
        **{f"details: {verdict}": details(about(of), words, ZONE, at=T0) for verdict, of in VERDICTS.items()},
        "details: open": details(OPEN, words, ZONE, at=T0),
        "details: resolved": details(RESOLVED, words, ZONE, at=T0),
        "details: added up": details(incident(lasting()), words, ZONE, at=T0),
        "details: requests": details(with_examples(), words, ZONE, at=T0, links=LINKS),
        "details: likely causes": details(about(_findings()["behind it"]), words, ZONE, at=T0),
        "details: every request": details(with_examples(*map(example, Why)), words, ZONE, at=T0, links=LINKS),
        "details: memos": details(OPEN, words, ZONE, at=T0, memos=MEMOS),
        "pattern": pattern(OPEN, Matcher(), words),
        "pattern: of a verdict": pattern(OPEN, Matcher(verdicts=["shift"], measures=["wcu"]), words),
        "pattern: of a table": pattern(OPEN, matcher, words, day="2025-10-10"),
        "note": note(OPEN, words),
    }


def _documents(words: Phrases) -> dict[str, Shown]:
    write = IncidentMarkdown(LINKS, words, ZONE)
    (noted,) = (of.dispatch for of in made.examples() if of.name == "noted")
    text = "first\n\nsecond, see https://wiki.example.com/a_b(c)?d=1&e=2."
    before = Memo(id="m", number=9, at=T0, written=T0, by="U012AB3CD", text=text, incident="before")
    one = replace(noted.notice.incident, follows="0123456789abcdef0123", fingerprint="feed")
    known = KnownIncident(one, noted.at, noted.commands, [before, *noted.memos[1:]])
    return {
        "document": write.document(known).markdown,
        "document: requests": write.document(KnownIncident(with_examples(), T0)).markdown,
    }


def _phrases(words: Phrases) -> dict[str, Shown]:
    """Return what only pictures, terminals and reports say."""
    of_chart = {"a spike": OPEN.primary, "errors": purchases(), "a fatal error": fatal(), "a value": SALES}
    noon = datetime.fromtimestamp(T0, ZONE)
    return {
        **{f"chart: {name}": words.incident.alt_text(of, of.observed, 4) for name, of in of_chart.items()},
        "a menu": " · ".join(
            option["text"]["text"]
            for block in page(OPEN, words=words).blocks
            for element in block.get("elements", ())
            for option in element.get("options", ())
        ),
        "said alone": f"{words.labels.chart_caption} · {words.labels.update} · {words.labels.no_reason}",
        "a time": f"{words.figures.slack_time(T0, ZONE)} · {words.figures.date(noon)}",
    }
