"""No string of an event survives as markup: not to Slack, not in HTML, in any form of message or language."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from alerting.commands.command import Command, CommandKind, Matcher
from alerting.commands.dispatch import Expiring, Form, Line
from alerting.commands.memo import Memo
from alerting.commands.slash import Fault, Help
from alerting.incidents.incident import Incident
from alerting.incidents.notice import Action, Milestone
from alerting.incidents.preceding import PrecedingChange
from alerting.messages.answers import Answers, Changes
from alerting.messages.blocks import TOTAL, Message, length
from alerting.messages.modals import details, note, pattern
from alerting.messages.render import Renderer
from alerting.preview.preview import fragment
from alerting.words.locales import LANGUAGES
from alerting.words.phrases import Phrases
from detectors.model.finding import Affected, Cause, Verdict
from detectors.model.measures import Measure, value_of
from detectors.model.scope import Edge, Scope
from detectors.model.stated import StatedChange
from detectors.watch.maturity import Maturity
from detectors.watch.rankings import Hot, Standings, Use
from tests.alerting.given import T0, finding, growth_finding, share
from tests.alerting.message_makers import LINKS, ZONE, dispatch, notice
from tests.alerting.messages.made_incidents import silence
from tests.alerting.messages.test_message import names
from tests.alerting.preview.test_preview import OURS as OUR_TAGS
from tests.alerting.preview.test_preview import Elements
from tests.alerting.slack_standin import content_error, texts, view_error

OPERATOR = "U0000OURS"  # the one id that we put in
GROUP = "S0000OURS"
OUR_HOSTS = re.compile(r"https://(console\.cloud\.google\.com|[A-Za-z0-9-]+\.console\.aws\.amazon\.com)/")
OUR_DATE = re.compile(r"!date\^1\d{9}\^(\{date_short_pretty\} )?\{time\}\|[^<>|]+")
EARLIER = "https://console.cloud.google.com/archives/p1"


def hostile(name: str, other: str, verdict: Verdict, *, edge: bool, key: bool) -> Incident:
    scopes = [
        Scope(kind, name, other, other, f"{name}{n}", other if kind == "client" else "")
        for n, kind in enumerate(("table", "function", "route", "client", "tenant", "service"))
    ]
    of = finding(
        scopes[0],
        name or "id",
        verdict=verdict,
        scope=None if edge else scopes[0],
        edge=Edge(scopes[1], scopes[0]) if edge else None,
        measure=value_of(_known(f"{name}{other}")) if key and f"{name}{other}" else Measure.WCU,
        sentence=other * 20,
        limit=1e9,
        error_type=name,
        times=3,
        missed=9.0,
        callers=[share(scope, 0.3) for scope in scopes],
        suspects=[share(scope, 0.9) for scope in scopes[3:5]],
        affected=Affected(requests=9.0, seconds=60, routes=scopes),
        throttle_reasons={name: 3.0, other: 1.0},
        touches=scopes,
        causes=[Cause(scope=scopes[1], measure=Measure.ERRORS_BACKEND, score=0.9)],
        growth=growth_finding(scopes[0]).growth if verdict in (Verdict.GROWTH, Verdict.LIMIT) else None,
    )
    return Incident(
        id="a" * 20,
        revision=3,
        verdict=verdict,
        state="open",
        start=T0 - 600,
        alerted=T0,
        end=None,
        primary=of,
        members=[replace(of, scope=scope, edge=None) for scope in scopes[1:]],
        sent="page",
        reason="",
        peak=50.0,
        fingerprint=name,
        follows=other,
        changes=[
            PrecedingChange(
                change=StatedChange(T0 - 700, scopes[1], name, other, other, url), after=100, findings=[]
            )
            for url in (f"javascript:{name}", f"https://@{other}", EARLIER)
        ],
    )


def noted(text: str) -> str:
    """Return a text without what is a link in a memo, which people write: test_memos_shown.py has those."""
    return text.replace("https://", "http://")


def memos(one: Incident, name: str, other: str) -> list[Memo]:
    """Return memos on an incident and on earlier ones, by people who write anything."""
    return [
        Memo(id=name, number=n, at=T0, written=T0, by=by, text=noted(other + name * 200), incident=of)
        for n, (by, of) in enumerate(
            [(by, of) for of in ("then", "last", one.id) for by in (OPERATOR, name)] * 3
        )
    ]


def messages(one: Incident, name: str, other: str, words: Phrases) -> Iterator[Message]:
    render = Renderer(LINKS, ZONE, words)
    asked = [
        Command(
            id=name,
            kind=ask,
            at=T0,
            by=by,
            until=T0 + 60,
            why=noted(other) if ask is CommandKind.NOTE else other,
        )
        for ask in CommandKind
        for by in (OPERATOR, name)
    ]
    for changes in ({}, {"state": "worsening"}, {"state": "resolved", "end": T0}, {"state": "withdrawn"}):
        shown = replace(one, **changes)
        sent = dispatch(notice(shown), commands=asked, memos=memos(one, name, other))
        yield render(replace(sent, mention=f"{OPERATOR} {GROUP}"), EARLIER)
    for what in (*Milestone, *CommandKind):
        for by in (OPERATOR, name):
            line = Line(
                what=what.value,
                at=T0,
                by=by,
                until=T0 + 60,
                detail=noted(other) if what is CommandKind.NOTE else other,
            )
            yield render(dispatch(notice(one), Form.LINE, line=line))
    yield render(dispatch(notice(*[one] * 30), Form.FLOOD))
    scope = Scope("table", name, other, "", name)
    ending = [Expiring(id=name, what=other, until=T0, by=name)] * 15
    uses = [
        Use(scope, of, 3.0, 2.0) for of in (Measure.REQUESTS, Measure.LATENCY, value_of(f"{_known(name)}a"))
    ]
    day = notice(
        *[one] * 30,
        action=Action.DIGEST,
        hottest=[Hot(scope, 0.4, former=scope)],
        standings=Standings(uses * 9, uses * 9, uses * 9),
        maturity=[Maturity(T0, {"table": 9}, [scope] * 5)],
    )
    yield render(dispatch(day, Form.DIGEST, expiring=ending, held={name: 3}))
    answers = Answers(LINKS, ZONE, words)
    yield answers.help(Help(Fault.UNKNOWN, name))
    yield answers.open_incidents([one] * 30, at=T0)
    yield answers.silences([silence(name, other, T0, name, other)] * 30)
    yield answers.standing([one] * 30, at=T0, held={name: 3}, last=one)
    stated = [change.change for change in one.changes] * 9
    changed = Changes(T0, [one] * 12, [one], [one], [one], [Hot(scope, 0.4, former=scope)], stated)
    kept = memos(one, name, other)
    changed = changed._replace(memos=[*kept, replace(kept[0], scope=name)])
    yield answers.what_changed(changed, at=T0)


def _known(name: str) -> str:
    """Return a name that a measure can have: all measures are known for good, and events are UTF-8."""
    return name.encode("utf-8", "replace").decode()


def check_text(text: str) -> None:
    for inner in re.findall(r"<([^<>]*)>", text):
        ours = inner in (f"@{OPERATOR}", f"!subteam^{GROUP}")
        assert ours or OUR_DATE.fullmatch(inner) or OUR_HOSTS.match(inner), inner
        if not ours and not inner.startswith("!date"):
            assert inner.count("|") == 1
    theirs = re.sub(r"<[^<>]*>", "", text)
    assert not set("<>") & set(theirs)
    assert not re.search(r"[`~]|://|(?<![\w])[@#](?=\w)|:[a-z]+:", theirs)
    assert not re.search(r"[\u200b-\u200f\u202a-\u202e\u2066-\u2069\r\t\ud800-\udfff]", text)


def check(blocks: list[dict[str, Any]]) -> None:
    json.dumps(blocks).encode("utf-8")
    for text in texts([block for block in blocks if block["type"] != "input"]):
        if text["type"] == "plain_text":
            assert not set("<>") & set(text["text"])
        else:
            check_text(text["text"])


@pytest.mark.variants
@pytest.mark.parametrize("words", LANGUAGES, ids=lambda words: words.locale)
@settings(max_examples=12)
@given(name=names, other=names, verdict=st.sampled_from(list(Verdict)), edge=st.booleans(), key=st.booleans())
def test_no_string_of_an_event_survives_as_markup(
    *, name: str, other: str, verdict: Verdict, edge: bool, key: bool, words: Phrases
) -> None:
    one = hostile(name, other, verdict, edge=edge, key=key)
    for message in messages(one, name, other, words):
        assert content_error({"text": message.text, "blocks": message.blocks}) is None
        assert length(message.blocks) <= TOTAL
        assert len(message.text) <= 4000
        check_text(message.text)
        check(message.blocks)
    for view in (
        details(one, words, ZONE, at=T0, memos=memos(one, name, other)),
        note(one, words),
        pattern(one, Matcher(accounts=[name], scopes=[other] * 9, measures=[name]), words),
    ):
        assert view_error(view) is None
        check(view["blocks"])


@pytest.mark.variants
@pytest.mark.parametrize("words", LANGUAGES, ids=lambda words: words.locale)
@settings(max_examples=8)
@given(name=names, other=names, verdict=st.sampled_from(list(Verdict)))
def test_no_string_of_an_event_becomes_html(name: str, other: str, verdict: Verdict, words: Phrases) -> None:
    tagged = f'{name}"><script>alert(1)</script><img src=x onerror=alert(1)>'
    one = hostile(tagged, other, verdict, edge=False, key=True)
    for message in messages(one, tagged, other, words):
        seen = Elements(fragment(message, ZONE, at=T0, incident=one, words=words))
        assert seen.tags <= OUR_TAGS
        assert not {attribute for attribute in seen.attributes if attribute.startswith("on")}
        assert all(address.startswith("https://") for address in seen.addresses)
