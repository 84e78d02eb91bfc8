"""Every form a message can have, in every language: what it says, and that Slack takes it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from msgspec.structs import replace

from alerting.commands.command import Command, CommandKind, Matcher
from alerting.commands.dispatch import Answer, CommandResult, Expiring, Form, Line, Precision
from alerting.commands.slash import Fault, Help, parse
from alerting.incidents.incident import Incident
from alerting.incidents.notice import Action, Milestone
from alerting.messages.answers import Answers, Changes, Mute
from alerting.messages.blocks import Message
from alerting.messages.modals import details, note, pattern
from alerting.messages.render import Renderer
from alerting.words.locales import ENGLISH, LANGUAGES
from alerting.words.phrases import Phrases
from detectors.watch.rankings import Hot
from tests.alerting.given import ROUTE, T0, finding, incident, scope, table_finding
from tests.alerting.message_makers import LINKS, ZONE, digest, dispatch, notice, page, said
from tests.alerting.messages.test_verdict_messages import TITLES, near
from tests.alerting.slack_standin import content_error, view_error

UNTIL = T0 + 3600
OPEN = incident(table_finding(), finding(ROUTE))
RESOLVED = replace(OPEN, state="resolved", end=T0 + 1200)


def asked(ask: CommandKind, **changes: Any) -> Command:
    given: dict[str, Any] = {"id": ask.value, "kind": ask, "at": T0, "by": "U012AB3CD", "incident": OPEN.id}
    return Command(**(given | changes))


SNOOZED = asked(CommandKind.SNOOZE, until=UNTIL, why="a *load* test <!here>")


def lines(words: Phrases) -> Iterator[Message]:
    render = Renderer(LINKS, ZONE, words)
    for what in (*Milestone, *CommandKind):
        for by in ("U012AB3CD", ""):
            line = Line(what=what.value, at=T0, by=by, until=UNTIL, detail="<!here> put")
            yield render(dispatch(notice(OPEN), Form.LINE, line=line))


def flood_of(count: int, **changes: Any) -> list[Incident]:
    return [
        replace(OPEN, id=f"i{n}", primary=finding(scope("table", f"t{n}"), score=n / count), **changes)
        for n in range(count)
    ]


def every_message(words: Phrases) -> Iterator[Message]:
    render = Renderer(LINKS, ZONE, words)
    for state in ("open", "worsening", "easing", "resolved", "withdrawn"):
        over = state in ("resolved", "withdrawn")
        for of, _ in TITLES.values():
            one = replace(incident(of), state=state, end=T0 + 600 if over else None)
            sent = dispatch(notice(one), commands=[asked(CommandKind.ACKNOWLEDGE), SNOOZED], mention="here")
            yield render(sent, "https://uneri.slack.example/archives/C1/p1")
    yield render(dispatch(notice(replace(OPEN, reopened=2))))
    yield from lines(words)
    yield render(dispatch(notice(OPEN), Form.FLOOD, of_flood=flood_of(57), mention="S0614TZR7"))
    yield render(dispatch(notice(OPEN), Form.FLOOD, of_flood=flood_of(12, state="resolved", end=T0)))
    for grows in ([], [incident(of) for of in (near(), table_finding())]):
        yield digest(grows, words=words, hottest=[Hot(scope("table", "items"), 0.4)], **_OF_DIGEST)
    answers = Answers(LINKS, ZONE, words)
    yield from (answers.command(Answer(result=result, until=UNTIL)) for result in CommandResult)
    yield answers.refused()
    yield from (answers.help(Help(fault, "<!here>")) for fault in (None, *Fault))
    yield answers.standing([OPEN], at=T0, behind=95, held={"quiet_hours": 2}, last=RESOLVED)
    yield answers.standing([], at=T0)
    yield answers.open_incidents(flood_of(300), at=T0)
    yield answers.open_incidents([], at=T0)
    yield answers.silences([])
    yield answers.silences([Mute(f"s{n}", "table:<!here>", UNTIL, "ops", "why") for n in range(40)])
    yield answers.what_changed(Changes(T0 - 7200), at=T0)
    lead = Hot(scope("table", "items"), 0.4, former=scope("table", "users"))
    yield answers.what_changed(Changes(T0 - 7200, [OPEN], [RESOLVED], [OPEN] * 30, [OPEN], [lead]), at=T0)


_OF_DIGEST: dict[str, Any] = {
    "expiring": [Expiring(id="s", what="table:items", until=UNTIL, by="U012AB3CD")],
    "precision": Precision(weeks=4, pages=20, expected=2, not_an_anomaly=1),
    "held": {"quiet_hours": 3, "maintenance": 1},
}


@pytest.mark.parametrize("words", LANGUAGES, ids=lambda words: words.locale)
def test_slack_accepts_every_message(words: Phrases) -> None:
    for message in every_message(words):
        assert content_error({"text": message.text, "blocks": message.blocks}) is None
        assert "here> put" not in message.text.replace("&gt;", "")
        assert "None" not in message.text + said(message)


@pytest.mark.parametrize("words", LANGUAGES, ids=lambda words: words.locale)
def test_slack_accepts_the_modals(words: Phrases) -> None:
    many = [finding(scope("route", f"r{n}"), f"m{n}") for n in range(90)]
    for item in (OPEN, RESOLVED, *(incident(of) for of, _ in TITLES.values()), replace(OPEN, members=many)):
        assert view_error(details(item, words, ZONE, at=T0)) is None
        assert view_error(pattern(item, Matcher(), words)) is None
        assert view_error(note(item, words)) is None
    shown = pattern(OPEN, Matcher(scopes=["table:<!here>"]), words, day="2025-10-10")
    assert view_error(shown) is None
    assert "<!here>" not in str(shown)
    assert shown["private_metadata"] == f"{OPEN.id}:{OPEN.revision}"


@dataclass
class Row:
    """The buttons of a message."""

    of: Message
    ids: list[str] = field(init=False)
    values: list[str] = field(init=False)

    def __post_init__(self) -> None:
        [block] = [block for block in self.of.blocks if block["type"] == "actions"]
        self.ids = [element["action_id"] for element in block["elements"]]
        self.values = []
        for item in block["elements"]:
            self.values += (
                [item["value"]] if "value" in item else [option["value"] for option in item["options"]]
            )


def test_an_open_page_has_all_buttons_and_each_carries_the_incident_and_its_revision_alone() -> None:
    row = Row(page(OPEN))
    assert row.ids == ["acknowledge", "snooze", "expected", "not_an_anomaly", "note", "details"]
    place = f"{OPEN.id}:{OPEN.revision}"
    assert set(row.values) == {place, f"1h:{place}", f"tomorrow:{place}", f"pattern:{place}"}


def test_a_resolved_page_keeps_feedback_and_a_withdrawn_one_only_details() -> None:
    assert Row(page(RESOLVED)).ids == ["expected", "not_an_anomaly", "note", "details"]
    assert Row(page(replace(OPEN, state="withdrawn", end=T0))).ids == ["note", "details"]


@pytest.mark.parametrize("kind", [CommandKind.EXPECTED, CommandKind.NOT_AN_ANOMALY])
def test_a_marked_page_offers_to_take_it_back_and_then_to_mark_it_again(kind: CommandKind) -> None:
    assert Row(page(RESOLVED, commands=[asked(kind)])).ids == ["take_back", "note", "details"]
    back = page(RESOLVED, commands=[asked(kind), asked(CommandKind.TAKE_BACK)])
    assert Row(back).ids == ["expected", "not_an_anomaly", "note", "details"]
    assert "Marked" not in said(back)


def test_an_acknowledged_page_has_no_acknowledge_button() -> None:
    assert "acknowledge" not in Row(page(OPEN, commands=[asked(CommandKind.ACKNOWLEDGE)])).ids


def test_a_page_shows_who_acknowledged_it_and_until_when_it_is_snoozed() -> None:
    shown = said(page(OPEN, commands=[asked(CommandKind.ACKNOWLEDGE), SNOOZED]))
    assert "*Acknowledged* by <@U012AB3CD>" in shown
    assert f"*Snoozed* by <@U012AB3CD> until <!date^{UNTIL}^" in shown
    assert "a ∗load∗ test &lt;!here&gt;" in shown


@pytest.mark.parametrize(
    ("commands", "at"),
    [([SNOOZED], UNTIL), ([SNOOZED, asked(CommandKind.UNSILENCE)], T0)],
    ids=["over", "ended"],
)
def test_an_expired_snooze_is_not_shown(commands: list[Command], at: int) -> None:
    assert "Snoozed" not in said(page(OPEN, commands=commands, at=at))


def test_the_first_to_acknowledge_owns_the_incident() -> None:
    shown = said(
        page(OPEN, commands=[asked(CommandKind.ACKNOWLEDGE), asked(CommandKind.ACKNOWLEDGE, by="U9999")])
    )
    assert "U012AB3CD" in shown
    assert "U9999" not in shown


def test_mentions_are_in_the_message_and_in_the_notification() -> None:
    message = page(OPEN, mention="here U012AB3CD S0614TZR7 channel <!everyone>")
    called = "<!here> <@U012AB3CD> <!subteam^S0614TZR7> "
    assert message.text.startswith(f"{called}SPIKE")
    assert called in said(message)
    assert "channel>" not in said(message)


def test_a_reopened_incident_links_the_previous_message() -> None:
    url = "https://uneri.slack.example/archives/C1/p1?a=1&b=2"
    shown = said(page(replace(OPEN, reopened=1), earlier=url))
    assert "SPIKE, reopened · table items" in shown
    assert f"<{url.replace('&', '&amp;')}|previous message>" in shown
    assert "This happened before" not in said(page(OPEN, earlier="javascript:alert(1)"))


@pytest.mark.parametrize(
    ("what", "text"),
    [
        (Milestone.WORSENED, "Worsening: 41 wcu/s now, 8.2 expected (wcu +400 %)"),
        (Milestone.CALLER, "New among the top callers: &lt;!here&gt; put"),
        (Milestone.JOINED, "Also affected: &lt;!here&gt; put"),
        (Milestone.WITHDRAWN, "Withdrawn: what came later showed no anomaly"),
        (CommandKind.ACKNOWLEDGE, "*Acknowledged* by <@U012AB3CD>"),
        (CommandKind.NOT_AN_ANOMALY, "*Marked as not an anomaly* by <@U012AB3CD>"),
    ],
)
def test_a_line_of_the_thread_says_what_happened(what: Milestone | CommandKind, text: str) -> None:
    line = Line(what=what.value, at=T0, by="U012AB3CD", detail="<!here> put")
    message = Renderer(LINKS, ZONE)(dispatch(notice(OPEN), Form.LINE, line=line))
    assert said(message).startswith(text)


def test_a_flood_shows_counts_the_most_severe_and_how_many_more() -> None:
    message = Renderer(LINKS, ZONE)(dispatch(notice(OPEN), Form.FLOOD, of_flood=flood_of(57)))
    shown = said(message)
    assert shown.startswith("FLOOD · 57 incidents at once · 57 open")
    assert "SPIKE: 57" in shown
    assert "aws 123456789012 · ap-northeast-1: 57" in shown
    assert shown.index("|t56>") < shown.index("|t55>") < shown.index("|t37>")
    assert "|t36>" not in shown
    assert "and 37 more in the file attached to this thread" in shown


def test_a_resolved_flood_says_so() -> None:
    over = dispatch(notice(OPEN), Form.FLOOD, of_flood=flood_of(12, state="resolved", end=T0))
    message = Renderer(LINKS, ZONE)(over)
    assert said(message).startswith("FLOOD RESOLVED · 12 incidents")
    assert message.look == "over"


def test_a_digest_shows_precision_expiring_snoozes_and_held_pages() -> None:
    shown = said(digest([], **_OF_DIGEST))
    assert "85 % of 20 pages in the last 4 weeks were actionable: 2 marked as expected, 1 as not" in shown
    assert f"table:items · until <!date^{UNTIL}^" in shown
    assert "quiet hours: 3 pages" in shown


def test_the_details_hold_every_piece_of_evidence() -> None:
    shown = str(details(OPEN, ENGLISH, ZONE, at=T0))
    for expected in (
        "0.9993",
        "6.1 – 11",
        "1, 2, 3",
        "inventory-put-item",
        "ios 3.2.1",
        OPEN.id,
        "POST /items",
    ):
        assert expected in shown


def test_a_digest_notice_is_rendered_without_a_pipeline_too() -> None:
    assert said(Renderer(LINKS, ZONE)(notice(OPEN, action=Action.DIGEST))).startswith("DIGEST · 1 series")


@pytest.mark.parametrize("words", LANGUAGES, ids=lambda words: words.locale)
def test_every_command_in_the_help_is_understood(words: Phrases) -> None:
    shown = [text.removeprefix("/uneri ") for text in words.labels.help.split(" · ")]
    assert len(shown) >= 5
    assert not [text for text in shown if isinstance(parse(text), Help)]
