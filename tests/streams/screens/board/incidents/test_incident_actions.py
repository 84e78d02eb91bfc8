"""Actions on the page: who may, answers to forged requests, and the same effects as Slack's buttons."""

import time
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import msgspec
import pytest
from msgspec import UNSET
from msgspec.structs import replace

from alerting.commands.command import CommandKind
from alerting.commands.dispatch import Dispatch
from alerting.commands.slack_interactions import ButtonPress, ModalSubmission, parse_interaction, pattern_of
from alerting.messages.incident_answer import WhoAnswer
from config.settings import DigestSettings, NotifySettings, Settings, WebhookSettings
from streams.process.web.access import Access
from streams.process.web.tokens import AccessScope, KnownToken, Tokens, digest_of, new_token
from tests.alerting.sinks.webhook_standin import SECRET, WebhookStandin
from tests.streams.screens.board.board_client import OPERATE, READ, TOKENS, browser, locked, sign_in
from tests.streams.screens.board.board_server import KEY, GivenBoard, ServedBoard, served
from tests.streams.screens.board.incidents.incidents_given import busy_incidents
from tests.streams.screens.board.wall.test_wall_stream import Events
from tests.streams.screens.board.wall_given import wall_given

NOW = 1_764_200_012
ROUTES: tuple[tuple[str, str, dict[str, object]], ...] = (
    ("POST", "incidents/spike/acknowledge", {}),
    ("POST", "incidents/spike/expected", {}),
    ("POST", "incidents/spike/not_an_anomaly", {}),
    ("POST", "incidents/spike/snooze", {"for": "1h"}),
    ("POST", "incidents/spike/export", {"to": "webhook:pager"}),
    ("POST", "memos", {"incident": "spike", "text": "so"}),
    ("DELETE", "memos/memo-0", {}),
    ("DELETE", "silences/some", {}),
)
ANY = pytest.mark.parametrize(("method", "path", "body"), ROUTES, ids=[path for _, path, _ in ROUTES])


def given() -> GivenBoard:
    return GivenBoard(wall_given("busy", NOW), service=busy_incidents(NOW))


async def proof_of(session: aiohttp.ClientSession, board: ServedBoard) -> dict[str, Any]:
    own = {"Sec-Fetch-Site": "same-origin"}
    async with session.get(f"{board.url}/board/session", headers=own) as answer:
        assert answer.status == 200
        found: dict[str, Any] = await answer.json()
        return found


async def act(
    session: aiohttp.ClientSession, board: ServedBoard, method: str, path: str, body: Any, **changes: Any
) -> tuple[int, dict[str, Any]]:
    """Do what the page does; ``changes`` replace headers, None leaves one out."""
    proof = (await proof_of(session, board)).get("proof", "")
    headers = {
        "Origin": board.url,
        "Sec-Fetch-Site": "same-origin",
        "Content-Type": "application/json",
        "X-Uneri-Proof": proof,
    } | {name.replace("_", "-"): value for name, value in changes.items()}
    sent = {name: value for name, value in headers.items() if value is not None}

    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    async with session.request(method, f"{board.url}/board/{path}", data=data, headers=sent) as answer:
        return answer.status, await answer.json()


FORGED: dict[str, dict[str, Any]] = {
    "no proof": {"X_Uneri_Proof": None},
    "a guessed proof": {"X_Uneri_Proof": "0" * 64},
    "a foreign origin": {"Origin": "http://evil.example"},
    "another port": {"Origin": "http://127.0.0.1:1"},
    "a frame without origin": {"Origin": "null"},
    "a foreign site": {"Sec_Fetch_Site": "cross-site"},
    "a sister site": {"Sec_Fetch_Site": "same-site"},
    "a form": {"Content_Type": "application/x-www-form-urlencoded"},
    "a form with a file": {"Content_Type": "multipart/form-data"},
    "plain text": {"Content_Type": "text/plain"},
}


@ANY
async def test_no_forged_request_changes_anything(method: str, path: str, body: Any) -> None:
    data = given()
    async with served(data, access=locked()) as board, browser() as session:
        await sign_in(session, board, OPERATE)
        for name, changes in FORGED.items():
            status, said = await act(session, board, method, path, body, **changes)
            assert status in (403, 415), name
            assert said["error"]
    assert data.service.given == []


@ANY
async def test_on_loopback_without_tokens_the_same_requests_are_refused(
    method: str, path: str, body: Any
) -> None:
    data = given()
    async with served(data) as board, browser() as session:
        for name, changes in FORGED.items():
            assert (await act(session, board, method, path, body, **changes))[0] in (403, 415), name
        bare = {"Origin": None, "Sec_Fetch_Site": None, "X_Uneri_Proof": None}
        assert (await act(session, board, method, path, body, **bare))[0] == 403
    assert data.service.given == []


@ANY
async def test_a_session_that_only_reads_may_not_act_and_none_may_without(
    method: str, path: str, body: Any
) -> None:
    data = given()
    async with served(data, access=locked()) as board, browser() as reading, browser() as nobody:
        await sign_in(reading, board, READ)
        assert (await proof_of(reading, board))["may"] == ["read"]
        status, said = await act(reading, board, method, path, body)
        assert (status, "operate" in said["error"]) == (403, True)
        assert (await act(nobody, board, method, path, body))[0] == 401
    assert data.service.given == []


@ANY
async def test_whoever_may_operate_acts(method: str, path: str, body: Any) -> None:
    data = given()
    async with served(data, access=locked()) as board, browser() as session:
        await sign_in(session, board, OPERATE)
        status, said = await act(session, board, method, path, {**body, "by": "mika"})
        expected = {"silences/some": (404, "unknown"), "incidents/spike/export": (400, None)}
        assert (status, said.get("said")) == expected.get(path, (200, "done"))
    assert [command.by for command in data.service.given] == ["mika"] * (not path.endswith("export"))


async def test_an_incident_is_sent_to_webhooks_of_the_configuration_and_to_no_other_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    async with WebhookStandin(time.time) as pager:
        hooks = [
            WebhookSettings(name="pager", url=pager.url, secret_env="HOOK_SECRET"),  # noqa: S106
            WebhookSettings(name="away", url="http://127.0.0.1:9/"),
        ]
        service = busy_incidents(NOW, Settings(notify=NotifySettings(webhooks=hooks)))
        data = GivenBoard(wall_given("busy", NOW), service=service)
        async with served(data) as board, browser() as session:
            path = "incidents/spike/export"
            assert await act(session, board, "POST", path, {"to": "webhook:pager", "by": "mika"}) == (
                200,
                {"said": "done", "sent": "sent to webhook:pager"},
            )
            [sent] = pager.arrived.values()
            assert (sent["type"], sent["data"]["incident"]["id"]) == ("incident.export", "spike")
            assert sent["data"]["markdown"].startswith("# ")
            for to, expected, said in (
                ("webhook:away", 502, "did not take it"),
                (pager.url, 400, "webhook:pager, webhook:away"),
                ("webhook:http://127.0.0.1:9/", 400, "webhook:pager, webhook:away"),
            ):
                status, answer = await act(session, board, "POST", path, {"to": to})
                assert (status, said in answer["error"]) == (expected, True), answer
            status, _ = await act(session, board, "POST", "incidents/no/export", {"to": "webhook:pager"})
            assert status == 404
        assert len(pager.arrived) == 1


@ANY
async def test_on_a_network_without_tokens_only_the_machine_itself_acts(
    method: str, path: str, body: Any
) -> None:
    data = given()
    async with served(data, access=Access("0.0.0.0:8765", session_key=KEY)) as board, browser() as session:
        there = {
            "Host": f"uneri.example.com:{board.port}",
            "Origin": f"http://uneri.example.com:{board.port}",
        }
        async with session.get(f"{board.url}/board/session", headers=there) as answer:
            assert (await answer.json())["may"] == ["read"]
        status, said = await act(session, board, method, path, body, **there)
        assert (status, "only from this machine" in said["error"]) == (403, True)
    assert data.service.given == []


async def test_the_proof_of_one_session_is_none_of_another() -> None:
    data = given()
    async with served(data, access=locked()) as board, browser() as one, browser() as other:
        for session in (one, other):
            await sign_in(session, board, OPERATE)
        theirs = (await proof_of(other, board))["proof"]
        status, _ = await act(one, board, "POST", ROUTES[0][1], {}, X_Uneri_Proof=theirs)
        assert status == 403
    assert data.service.given == []


async def test_a_page_of_another_origin_learns_neither_the_proof_nor_what_may_be_done() -> None:
    async with served(given(), access=locked()) as board, browser() as session:
        await sign_in(session, board, OPERATE)
        others = ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://x"})
        for headers in others:
            async with session.get(f"{board.url}/board/session", headers=headers) as answer:
                assert answer.status == 403
                assert (await answer.json()).keys() == {"error"}


async def test_a_program_with_a_token_needs_no_proof_because_its_token_comes_by_no_browser() -> None:
    data = given()
    async with served(data, access=locked()) as board, browser() as session:
        url = f"{board.url}/board/incidents/spike/acknowledge"
        headers = {"Authorization": f"Bearer {OPERATE}"}
        async with session.post(url, json={"by": "script"}, headers=headers) as answer:
            assert answer.status == 200
    assert [command.by for command in data.service.given] == ["script"]


async def test_who_acts_is_the_name_that_was_typed_and_that_of_the_token() -> None:
    token = new_token()
    named = KnownToken(digest_of(token), frozenset({AccessScope.READ, AccessScope.OPERATE}), "on-call desk")
    data = given()
    async with (
        served(data, access=locked(Tokens([*TOKENS.known, named]))) as board,
        browser() as session,
        browser() as other,
    ):
        await sign_in(session, board, token)
        await sign_in(other, board, OPERATE)
        for client, by in ((session, "mika\u202e \n m"), (session, ""), (other, "jun"), (other, "")):
            body = {"incident": "spike", "text": f"by {by}", "by": by}
            assert (await act(client, board, "POST", "memos", body))[0] == 200
        status, said = await act(
            other, board, "POST", "memos", {"incident": "spike", "text": "x", "by": "U0MIKA"}
        )
        assert (status, "id of Slack" in said["error"]) == (400, True)
    assert [command.by for command in data.service.given] == [
        "mika m (on-call desk)",
        "on-call desk",
        "jun",
        "somebody at the board",
    ]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"{", 400, "truncated"),
        ({"by": 5}, 400, "str"),
        ({"more": 1}, 400, "unknown field"),
        ({"by": "x" * 20_000}, 413, "larger"),
    ],
    ids=("half", "number", "more", "large"),
)
async def test_what_is_not_understood_is_refused_in_one_line(body: Any, status: int, said: str) -> None:
    data = given()
    async with served(data) as board, browser() as session:
        found, answer = await act(session, board, "POST", "incidents/spike/acknowledge", body)
        assert (found, "\n" in answer["error"]) == (status, False)
        if status == 400:
            assert said in answer["error"].lower()
    assert data.service.given == []


async def test_what_cannot_be_done_is_said_with_what_can() -> None:
    async with served(given()) as board, browser() as session:
        for method, path, body, status, said in (
            ("POST", "incidents/errors-ended/acknowledge", {}, 409, "has ended"),
            ("POST", "incidents/nothing/acknowledge", {}, 404, "no such incident"),
            ("POST", "incidents/spike/celebrate", {}, 404, "acknowledge"),
            ("POST", "incidents/spike/snooze", {"for": "pattern"}, 400, "YYYY-MM-DD"),
            (
                "POST",
                "incidents/spike/snooze",
                {"for": "pattern", "until": "2020-01-01"},
                400,
                "passed already",
            ),
            ("POST", "incidents/spike/snooze", {"for": "ever"}, 400, "Invalid enum"),
            ("POST", "memos", {"text": "x"}, 400, "which incident"),
            ("POST", "memos", {"incident": "spike", "text": " "}, 400, "write what"),
            ("POST", "memos", {"at": NOW, "text": "x", "scope": "nonsense"}, 400, "kind:name"),
            ("DELETE", "memos/nothing", {}, 404, "no such"),
        ):
            found, answer = await act(session, board, method, path, body)
            assert (found, said in answer["error"]) == (status, True), (path, answer)


def pressed(action: str, value: str) -> dict[str, Any]:
    """Return Slack's request when a button is pressed."""
    menu = {"selected_option": {"value": value}} if action == "snooze" else {"value": value}
    return {
        "type": "block_actions",
        "user": {"id": "U0MIKA"},
        "actions": [{"action_id": action, "action_ts": "1", **menu}],
        "trigger_id": "1",
        "response_url": "",
    }


def submitted(day: str) -> dict[str, Any]:
    """Return Slack's request when *Snooze this pattern* is submitted."""
    values = {"until": {"until": {"selected_date": day}}, "why": {"why": {"value": "we move"}}}
    view = {"id": "V", "callback_id": "pattern", "private_metadata": "spike:0", "state": {"values": values}}
    return {"type": "view_submission", "user": {"id": "U0MIKA"}, "view": view}


def without_names(dispatches: list[Dispatch], by: str) -> list[Dispatch]:
    """Return dispatches without the ids and names that differ between two ways to press."""
    return [
        replace(
            dispatch,
            id="",
            line=None
            if dispatch.line is None
            else replace(dispatch.line, by=dispatch.line.by.replace(by, "")),
            commands=[
                replace(command, id="", by=command.by.replace(by, "")) for command in dispatch.commands
            ],
        )
        for dispatch in dispatches
    ]


async def test_an_acknowledgement_is_taken_back_at_the_board() -> None:
    page = given()
    async with served(page, now=lambda: NOW) as board, browser() as session:
        statuses = [
            (await act(session, board, "POST", f"incidents/spike/{ask}", {"by": "mika"}))[0]
            for ask in ("unacknowledge", "acknowledge", "unacknowledge")
        ]
        assert statuses == [404, 200, 200]
        assert page.service.shown()[0].acknowledged is UNSET
        assert (await act(session, board, "POST", "incidents/spike/acknowledge", {"by": "jun"}))[0] == 200
    shown = page.service.shown()[0]
    assert shown.acknowledged == WhoAnswer(by="jun", at=NOW)


async def test_a_mark_is_taken_back_at_the_board() -> None:
    page = given()
    async with served(page, now=lambda: NOW) as board, browser() as session:
        statuses = [
            (await act(session, board, "POST", f"incidents/spike/{ask}", {"by": "mika"}))[0]
            for ask in ("take_back", "not_an_anomaly", "take_back")
        ]
    assert statuses == [404, 200, 200]
    pipeline = page.service.pipeline
    assert [silence for silence in pipeline.silences() if silence.kind is CommandKind.NOT_AN_ANOMALY] == []
    assert [label for label in pipeline.labels if label.incident == "spike"] == []


@pytest.mark.parametrize(
    ("path", "body", "payload"),
    [
        ("acknowledge", {}, pressed("acknowledge", "spike:0")),
        ("expected", {}, pressed("expected", "spike:0")),
        ("not_an_anomaly", {}, pressed("not_an_anomaly", "spike:0")),
        ("snooze", {"for": "1h"}, pressed("snooze", "1h:spike:0")),
        ("snooze", {"for": "tomorrow"}, pressed("snooze", "tomorrow:spike:0")),
        ("snooze", {"for": "pattern", "until": "2025-12-24", "why": "we move"}, submitted("2025-12-24")),
    ],
    ids=("acknowledge", "expected", "not an anomaly", "an hour", "tomorrow", "pattern"),
)
async def test_the_pipeline_does_what_it_does_for_a_button_of_slack(
    path: str, body: Any, payload: Any
) -> None:
    slack, page = busy_incidents(NOW), given()
    press = parse_interaction(payload, NOW, DigestSettings(), ZoneInfo("UTC"))
    assert isinstance(press, ButtonPress | ModalSubmission)
    command = press.command
    if isinstance(press, ModalSubmission):
        tracked = slack.pipeline.find("spike")
        assert tracked is not None
        command = replace(command, matcher=pattern_of(tracked.incident))
    expected = slack.pipeline.command(command)
    async with served(page, now=lambda: NOW) as board, browser() as session:
        status, said = await act(session, board, "POST", f"incidents/spike/{path}", {**body, "by": "mika"})
        assert status == 200
    [given_] = page.service.given
    assert replace(given_, id="", by="") == replace(command, id="", by="")
    assert said["said"] == expected.result
    again = page.service.pipeline
    assert [command.kind for command in again.find("spike").commands] == [command.kind]  # type: ignore[union-attr]
    assert again.labels == [replace(label, by="mika") for label in slack.pipeline.labels]
    assert without_names(busy_incidents(NOW).pipeline.command(given_).dispatches, "mika") == without_names(
        expected.dispatches, "U0MIKA"
    )


async def test_a_snooze_that_is_ended_and_a_memo_that_is_removed_are_gone() -> None:
    data = given()
    async with served(data, now=lambda: NOW) as board, browser() as session:
        _, made = await act(session, board, "POST", "incidents/spike/snooze", {"for": "1h"})
        _, memo = await act(session, board, "POST", "memos", {"incident": "spike", "text": "so"})
        url = f"{board.url}/board/incidents/spike"
        async with session.get(url) as answer:
            assert [silence["id"] for silence in (await answer.json())["silences"]] == [made["silence"]]
        assert (await act(session, board, "DELETE", f"silences/{made['silence']}", {}))[0] == 200
        assert (await act(session, board, "DELETE", f"memos/{memo['memo']['id']}", {}))[0] == 200
        async with session.get(url) as answer:
            whole = await answer.json()
    assert whole["silences"] == []
    assert [memo["by"] for memo in whole["incident"]["memos"]] == ["mika"]
    assert [moment["what"] for moment in whole["story"]][-2:] == ["snooze", "unsilence"]


async def test_every_open_board_sees_an_action_at_once_without_a_new_query_of_the_history() -> None:
    data = given()
    async with (
        served(data) as board,
        browser() as session,
        session.get(f"{board.url}/board/events") as one,
        session.get(f"{board.url}/board/events") as two,
    ):
        streams = [Events(one), Events(two)]
        for stream in streams:
            await stream.next("step")
        assert data.asked == 1
        await act(session, board, "POST", "incidents/spike/acknowledge", {"by": "mika"})
        for stream in streams:
            assert '"acknowledged":{"by":"mika"' in await stream.next("incidents")
        async with session.get(f"{board.url}/board/wall") as answer:
            wall = await answer.json()
        assert data.asked == 1
        [spike] = [incident for incident in wall["incidents"] if incident["id"] == "spike"]
        assert spike["acknowledged"]["by"] == "mika"
        data.show(replace(data.given, at=60))
        for stream in streams:
            assert '"acknowledged":{"by":"mika"' in await stream.next("step")


async def test_a_board_that_missed_a_step_gets_the_whole_wall_when_incidents_change() -> None:
    data = given()
    async with (
        served(data) as board,
        browser() as session,
        session.get(f"{board.url}/board/events") as answer,
    ):
        events = Events(answer)
        await events.next("step")
        data.trouble = "the history cannot be read; look at the disk"
        data.show(replace(data.given, at=60))
        await events.next("trouble")
        data.trouble = None
        data.renew()
        assert '"at":60' in await events.next("step")


def test_every_action_of_the_page_is_a_command_that_slack_has() -> None:
    assert {
        CommandKind(path.split("/")[-1])
        for _, path, _ in ROUTES
        if path.startswith("incidents") and "export" not in path
    } == {
        CommandKind.ACKNOWLEDGE,
        CommandKind.EXPECTED,
        CommandKind.NOT_AN_ANOMALY,
        CommandKind.SNOOZE,
    }
