"""Buttons and slash commands end to end: the local daemon, its outbox and a Slack that presses."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession
from typer.testing import CliRunner

from alerting.commands.command import Command
from alerting.commands.labels import LabelKind
from alerting.evaluation.labels_file import load_labels
from alerting.outbox.courier import Courier
from streams.cli.commands import app
from streams.drivers.local.daemon import LocalDaemon
from tests.alerting.given import T0, finding, notices_of, scope, table_finding
from tests.alerting.slack_app import SlackApp
from tests.alerting.slack_standin import Posted, texts
from tests.streams.drivers.world import World, know_slack, local_settings, pipeline_of, running

TRANSPORTS = ("socket", "http")


class Scene(World):
    """A daemon that has posted one page, and its Slack."""

    def __init__(self, daemon: LocalDaemon, slack: SlackApp) -> None:
        super().__init__(daemon)
        self.slack = slack

    @property
    def page(self) -> Posted:
        return self.slack.messages[0]

    @property
    def shown(self) -> str:
        return shown(self.page)

    def thread(self) -> list[str]:
        """Return the lines of the timeline; those that waited together are in one message."""
        return [
            line
            for message in self.slack.messages[1:]
            for line in shown(message).splitlines()
            if "<@" in line
        ]

    async def answer(self) -> str:
        """Return the answers to the person alone."""
        await self.until(lambda: self.slack.answers)
        answer = self.slack.answers.pop(0)
        assert answer["response_type"] == "ephemeral"
        assert answer["replace_original"] is False, "the page must stay"
        return "\n".join([answer["text"], *(text["text"] for text in texts(answer["blocks"]))])


def shown(message: Posted) -> str:
    return "\n".join(text["text"] for text in texts(message.blocks))


Scenes = Callable[..., AbstractAsyncContextManager[Scene]]


@pytest.fixture
def scenes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scenes:
    return partial(scene, tmp_path, monkeypatch)


@asynccontextmanager
async def scene(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    groups: Any = None,
    **slack: Any,
) -> AsyncIterator[Scene]:
    know_slack(monkeypatch)
    async with SlackApp(groups=groups or {}) as stand_in:
        stand_in.appears = 0.0
        daemon = LocalDaemon(local_settings(tmp_path, slack={"base_url": stand_in.base_url, **slack}))
        async with running(daemon) as world:
            stand_in.daemon = world.url
            there = Scene(daemon, stand_in)
            await daemon.delivery.put(notices_of(table_finding()), T0 + 60)
            await there.until(lambda: stand_in.messages)
            yield there


@pytest.mark.parametrize("over", TRANSPORTS)
@pytest.mark.parametrize(
    ("action", "choice", "shows"),
    [
        ("acknowledge", "", "Acknowledged"),
        ("snooze", "1h", "Snoozed"),
        ("snooze", "tomorrow", "Snoozed"),
        ("expected", "", "Marked as expected"),
        ("not_an_anomaly", "", "Marked as not an anomaly"),
    ],
)
async def test_a_press_shows_in_the_page_and_in_its_thread(
    scenes: Scenes, *, over: str, action: str, choice: str, shows: str
) -> None:
    async with scenes() as there:
        assert shows not in there.shown
        assert await there.slack.press(there.page, action, choice=choice, over=over) < 3
        await there.until(lambda: shows in there.shown)
        assert "<@U0MIKA>" in there.shown
        await there.until(there.thread)
        assert [shows in line and "U0MIKA" in line for line in there.thread()] == [True]
        assert there.slack.answers == [], "what shows in the message needs no answer"


async def test_a_page_has_buttons_only_if_presses_can_be_received(scenes: Scenes) -> None:
    nowhere: dict[str, Any] = {"app_token_env": "NO_APP_TOKEN", "signing_secret_env": "NO_SECRET"}
    async with scenes(**nowhere) as there:
        assert "actions" not in {block["type"] for block in there.page.blocks}
        assert await there.slack.signed("/slack/actions", b"payload={}") == 404
        assert there.slack.tickets == 0
        assert there.daemon.status()["heard_by"] is None


@pytest.mark.parametrize("over", TRANSPORTS)
async def test_details_open_a_modal_and_a_pattern_asks_for_an_end(scenes: Scenes, over: str) -> None:
    async with scenes() as there:
        await there.slack.press(there.page, "details", over=over)
        await there.until(lambda: there.slack.views)
        assert there.slack.views[0]["callback_id"] == "details"
        await there.slack.press(there.page, "snooze", choice="pattern", over=over)
        await there.until(lambda: len(there.slack.views) == 2)
        asked = {"until": "2025-10-12", "why": "we move house"}
        await there.slack.submit(there.slack.views[1], asked, over=over)
        assert "end time has already passed" in there.slack.shown["errors"]["until"], (
            "the modal stays and shows it"
        )
        asked["until"] = there.slack.views[1]["blocks"][-2]["element"]["initial_date"]
        assert await there.slack.submit(there.slack.views[1], asked, over=over) < 3
        await there.until(lambda: "Snoozed" in there.shown)
        assert "we move house" in there.shown
        (silence,) = pipeline_of(there.daemon).silences()
        assert silence.matcher is not None
        assert silence.matcher.scopes == ["table:items"]


@pytest.mark.parametrize("over", TRANSPORTS)
async def test_a_double_click_and_a_press_that_slack_sends_twice_count_once(
    scenes: Scenes, over: str
) -> None:
    async with scenes() as there:
        press = there.slack.pressed(there.page, "snooze", choice="1h")
        again = there.slack.pressed(there.page, "snooze", choice="1h")
        other = there.slack.pressed(there.page, "snooze", choice="tomorrow")
        await there.slack.send("interactive", press, over)
        if over == "socket":
            await there.slack.send("interactive", press, over)
        await there.slack.send("interactive", again, over)
        await there.slack.send("interactive", other, over)
        await there.until(lambda: len(there.thread()) == 2)
        await there.daemon.delivery.wait_until_sent()
        assert len(there.thread()) == 2, "another choice is another press"
        assert there.slack.answers == []


async def test_after_ending_a_snooze_a_person_can_snooze_again_at_once(scenes: Scenes) -> None:
    async with scenes() as there:
        await there.slack.press(there.page, "snooze", choice="1h")
        await there.until(pipeline_of(there.daemon).silences)
        await there.slack.slash(f"unsilence {pipeline_of(there.daemon).silences()[0].id}")
        assert "Done" in await there.answer()
        assert pipeline_of(there.daemon).silences() == []
        await there.slack.press(there.page, "snooze", choice="1h")
        await there.until(pipeline_of(there.daemon).silences)


async def test_a_press_over_both_transports_counts_once(scenes: Scenes) -> None:
    async with scenes() as there:
        press = there.slack.pressed(there.page, "acknowledge")
        await asyncio.gather(*(there.slack.send("interactive", press, over) for over in TRANSPORTS))
        await there.until(there.thread)
        await there.daemon.delivery.wait_until_sent()
        assert len(there.thread()) == 1


async def test_a_press_on_an_unknown_incident_is_answered_to_the_person(scenes: Scenes) -> None:
    async with scenes() as there:
        press = there.slack.pressed(there.page, "acknowledge")
        press["actions"][0]["value"] = "feedfacefeedfacefeed:3"
        await there.slack.send("interactive", press)
        assert "Incident or silence not found" in await there.answer()
        press = there.slack.pressed(there.page, "details")
        press["actions"][0]["value"] = "feedfacefeedfacefeed:3"
        await there.slack.send("interactive", press, "http")
        assert "Incident or silence not found" in await there.answer()
        assert (there.thread(), there.slack.views) == ([], [])


async def test_only_operators_can_give_commands(scenes: Scenes) -> None:
    groups, operators = {"S0CALL": ["U0KEN"]}, ["U0OWNER", "S0CALL"]
    async with scenes(groups=groups, operators=operators) as there:
        await there.slack.press(there.page, "acknowledge", user="U0MIKA")
        assert "You are not allowed to do this" in await there.answer()
        await there.slack.slash("silence table:items 2h", user="U0MIKA")
        assert "You are not allowed to do this" in await there.answer()
        await there.slack.press(there.page, "snooze", choice="pattern", user="U0MIKA")
        assert "You are not allowed to do this" in await there.answer()
        assert (there.slack.views, pipeline_of(there.daemon).silences()) == ([], [])
        assert "Acknowledged" not in there.shown
        await there.slack.press(there.page, "details", user="U0MIKA")
        await there.until(lambda: there.slack.views)  # anyone in the channel may read
        await there.slack.press(there.page, "snooze", choice="pattern", user="U0OWNER")
        await there.until(lambda: len(there.slack.views) == 2)
        day = there.slack.views[1]["blocks"][-2]["element"]["initial_date"]
        await there.slack.submit(
            there.slack.views[1], {"until": day}, user="U0MIKA"
        )  # another person's modal
        for user in ("U0OWNER", "U0KEN"):
            await there.slack.press(there.page, "acknowledge", user=user)
        await there.until(lambda: len(there.thread()) == 2)
        assert pipeline_of(there.daemon).silences() == []


async def test_a_question_that_slack_sends_twice_is_answered_once(scenes: Scenes) -> None:
    async with scenes() as there:
        form = there.slack.slashed("open")
        for envelope in ("E1", "E2"):
            await there.slack.send("slash_commands", form, envelope=envelope)
        await there.slack.slash("silences")
        assert "items" in await there.answer()
        assert "No active silences" in await there.answer()


async def test_answers_go_only_to_slack(scenes: Scenes) -> None:
    async with scenes() as there, SlackApp() as elsewhere:
        form = there.slack.slashed("open") | {"response_url": elsewhere.response_url()}
        await there.slack.send("slash_commands", form)
        press = there.slack.pressed(there.page, "acknowledge", response_url=elsewhere.response_url())
        press["actions"][0]["value"] = "feedfacefeedfacefeed:3"
        await there.slack.send("interactive", press)
        await there.slack.slash("open")
        await there.answer()
        assert (elsewhere.answers, elsewhere.calls) == ([], [])


@pytest.mark.parametrize("over", TRANSPORTS)
async def test_the_slash_command_answers_and_silences(scenes: Scenes, over: str) -> None:
    async with scenes() as there:

        async def ask(text: str) -> str:
            assert await there.slack.slash(text, over=over) < 3
            return await there.answer()

        assert "items" in await ask("open")
        assert "items" in await ask("status")
        assert "items" in await ask("what-changed 2h")
        assert "No changes" in await ask("what-changed 1m")
        assert "No active silences" in await ask("silences")
        done = await ask("silence table:items 2h a load test")
        assert "Done" in done
        assert "No known incident matches" not in done
        await there.until(lambda: "a load test" in there.shown)
        listed = await ask("silences")
        assert "a load test" in listed
        (silence,) = pipeline_of(there.daemon).silences()
        assert "Done" in await ask(f"unsilence {silence.id}")
        assert "No active silences" in await ask("silences")
        assert "/uneri" in await ask("help me")
        assert "Incident or silence not found" in await ask("unsilence feedfacefeed")
        assert "No known incident matches" in await ask("silence table:itmes 2h")


@pytest.mark.parametrize("over", TRANSPORTS)
async def test_a_memo_from_the_button_and_from_the_command_is_shown_in_the_page_and_the_thread(
    scenes: Scenes, over: str
) -> None:
    async with scenes() as there:
        await there.slack.press(there.page, "note", over=over)
        await there.until(lambda: there.slack.views)
        (view,) = there.slack.views
        assert "table items" in str(view)
        await there.slack.submit(view, {"note": " \u200b\n"}, over=over)
        assert there.slack.shown["errors"] == {"note": "Write what to note."}, "the modal stays and shows it"
        text = "ios 3.2.1 retried\nwithout <!here> backoff"
        assert await there.slack.submit(view, {"note": text}, over=over) < 3
        await there.until(lambda: "without &lt;!here&gt; backoff" in there.shown)
        assert "*Noted* (" in there.shown
        await there.until(there.thread)
        (line,) = there.thread()
        assert line.startswith("*Noted* by <@U0MIKA> · ios 3.2.1 retried without")
        incident = pipeline_of(there.daemon).memos[0].incident
        await there.slack.slash(f"note {incident[:6]} see https://wiki.example.com/ios", over=over)
        assert "Done" in await there.answer()
        await there.until(lambda: "<https://wiki.example.com/ios|wiki.example.com/ios>" in there.shown)
        assert [(memo.by, memo.text) for memo in pipeline_of(there.daemon).memos] == [
            ("U0MIKA", text),
            ("U0MIKA", "see https://wiki.example.com/ios"),
        ]
        arguments = ["incident", incident, "--url", there.slack.daemon]
        printed = (await asyncio.to_thread(CliRunner().invoke, app, arguments)).output
        assert "  > ios 3.2.1 retried\n  > without \\<!here\\> backoff\n" in printed
        assert "  > see <https://wiki.example.com/ios>\n" in printed
        await there.slack.press(there.page, "details", over=over)
        await there.until(lambda: len(there.slack.views) == 2)
        assert "without &lt;!here&gt; backoff" in str(there.slack.views[1])
        await there.slack.slash("note now table:items moves", over=over)
        assert "Done" in await there.answer()
        await there.slack.slash("what-changed table:items 2h", over=over)
        assert ": moves · table:items" in await there.answer()
        await there.slack.slash("note feedfacefeed so", over=over)
        assert "Incident or silence not found" in await there.answer()


async def test_only_operators_write_memos(scenes: Scenes) -> None:
    async with scenes(operators=["U0OWNER"]) as there:
        await there.slack.press(there.page, "note")
        assert "You are not allowed to do this" in await there.answer()
        await there.slack.slash("note now so")
        assert "You are not allowed to do this" in await there.answer()
        await there.slack.press(there.page, "note", user="U0OWNER")
        await there.until(lambda: there.slack.views)
        await there.slack.submit(there.slack.views[0], {"note": "of another"}, user="U0MIKA")
        await there.slack.submit(there.slack.views[0], {"note": "so"}, user="U0OWNER")
        await there.until(lambda: pipeline_of(there.daemon).memos)
        assert [memo.text for memo in pipeline_of(there.daemon).memos] == ["so"]


async def test_an_answer_about_hundreds_of_incidents_keeps_slacks_limits(scenes: Scenes) -> None:
    async with scenes() as there:
        many = [
            finding(scope("table", f"{'<!channel>&' * 20}{n}", account=f"{n:012d}"), f"f{n}")
            for n in range(300)
        ]
        await there.daemon.delivery.put(notices_of(*many), T0 + 60)
        for text in ("open", "status", "what-changed 2h"):
            await there.slack.slash(text)
            answer = await there.answer()
            assert "<!channel>" not in answer
            assert "301" in answer or "more" in answer


async def test_presses_work_after_a_reconnect(scenes: Scenes) -> None:
    async with scenes() as there:
        await there.until(lambda: there.slack.sockets)
        await there.until(lambda: there.daemon.status()["heard_by"] == "Socket Mode, signed HTTP at /slack")
        await there.slack.disconnect("refresh_requested")
        await there.until(lambda: there.slack.tickets == 2)
        await there.slack.press(there.page, "acknowledge")
        await there.until(lambda: "Acknowledged" in there.shown)
        there.slack.cut()
        await there.until(lambda: there.slack.tickets == 3 and there.slack.sockets)
        await there.slack.press(there.page, "snooze", choice="1h")
        await there.until(lambda: "Snoozed" in there.shown)


async def test_labels_given_by_buttons_become_a_file(scenes: Scenes, tmp_path: Path) -> None:
    async with scenes() as there:
        await there.slack.press(there.page, "expected")
        await there.until(there.thread)
        for name in ("labels.yaml", "labels.YML", "labels.csv", "labels.jsonl"):
            arguments = ["labels", "--url", there.slack.daemon, "--out", str(tmp_path / name)]
            result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
            assert result.exit_code == 0, result.output
            (label,) = load_labels(tmp_path / name)
            assert (label.kind, label.scope, label.by) == (LabelKind.EXPECTED, "table:items", "U0MIKA")
    result = CliRunner().invoke(app, ["labels", "--url", there.slack.daemon])
    assert result.exit_code == 1
    assert "is it running?" in result.output


async def test_a_command_that_cannot_be_made_durable_ends_the_daemon(
    scenes: Scenes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(_: Courier, __: Command) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(Courier, "command", full)
    with pytest.raises(OSError, match="no space"):  # noqa: PT012  the daemon ends by itself
        async with scenes() as there:
            await there.slack.press(there.page, "acknowledge")
            await there.until(lambda: not there.slack.sockets)


@pytest.mark.parametrize(
    ("path", "body", "shows"),
    [
        ("acknowledge", {}, "Acknowledged"),
        ("snooze", {"for": "1h"}, "Snoozed"),
        ("expected", {}, "Marked as expected"),
        ("not_an_anomaly", {}, "Marked as not an anomaly"),
    ],
)
async def test_an_action_on_the_board_shows_in_slack_as_a_press_does(
    scenes: Scenes, path: str, body: dict[str, str], shows: str
) -> None:
    async with scenes() as there, ClientSession(there.slack.daemon) as session:
        async with session.get("/board/session") as answer:
            headers = {"X-Uneri-Proof": (await answer.json())["proof"]}
        incident = pipeline_of(there.daemon).ongoing()[0].incident.id
        sent = {**body, "by": "mika"}
        url = f"/board/incidents/{incident}/{path}"
        async with session.post(url, json=sent, headers=headers) as answer:
            assert (answer.status, (await answer.json())["said"]) == (200, "done")
        await there.until(lambda: shows in there.shown)
        assert "mika" in there.shown
        await there.until(lambda: any(shows in line and "mika" in line for line in lines(there)))


async def test_a_memo_of_the_board_is_in_the_message_and_every_open_board_gets_it(scenes: Scenes) -> None:
    async with scenes() as there, ClientSession(there.slack.daemon) as session:
        async with session.get("/board/session") as answer:
            headers = {"X-Uneri-Proof": (await answer.json())["proof"]}
        reported = there.daemon._history._board.renewed.number
        incident = pipeline_of(there.daemon).ongoing()[0].incident.id
        memo = {"incident": incident, "text": "ios 3.2.1 retries", "by": "mika"}
        async with session.post("/board/memos", json=memo, headers=headers) as answer:
            assert answer.status == 200
        assert there.daemon._history._board.renewed.number == reported + 1
        await there.until(lambda: "ios 3.2.1 retries" in there.shown)
        await there.slack.press(there.page, "acknowledge")
        await there.until(lambda: there.daemon._history._board.renewed.number == reported + 2)
        await there.slack.slash(f"note {incident} rolled back")
        await there.until(lambda: there.daemon._history._board.renewed.number == reported + 3)
        async with session.get(f"/board/incidents/{incident}") as answer:
            shown_there = (await answer.json())["incident"]
        assert shown_there["acknowledged"]["by"] == "mika", "a name, where Slack has an id"
        assert [(memo["by"], memo.get("name")) for memo in shown_there["memos"]] == [
            ("mika", None),
            ("U0MIKA", "mika"),
        ]


def lines(there: Scene) -> list[str]:
    return [line for message in there.slack.messages[1:] for line in shown(message).splitlines()]
