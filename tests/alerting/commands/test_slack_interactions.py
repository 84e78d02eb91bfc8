from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given as having
from hypothesis import strategies as st

from alerting.commands.command import CommandKind, Matcher
from alerting.commands.slack_interactions import (
    DETAILS,
    PATTERN,
    ButtonPress,
    Interaction,
    ModalRequest,
    ModalSubmission,
    UnknownPayload,
    parse_interaction,
    pattern_of,
)
from alerting.commands.slash import LONGEST
from config.settings import DigestSettings
from tests.alerting.given import T0, incident

TOKYO = ZoneInfo("Asia/Tokyo")
MORNING = DigestSettings(at="09:00", timezone="Asia/Tokyo")
HOOK = "https://hooks.slack.com/actions/T1/2/3"


def payload(action: dict[str, Any], **changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "type": "block_actions",
        "user": {"id": "U123", "username": "mika", "team_id": "T1"},
        "trigger_id": "13.37.abc",
        "response_url": HOOK,
        "message": {"ts": "1.2", "text": "forged", "blocks": []},
        "actions": [{"block_id": "b", "action_ts": "1760000001.000200", "type": "button", **action}],
    }
    return given | changes


def choice(value: str) -> dict[str, Any]:
    return {"action_id": "snooze", "type": "static_select", "selected_option": {"value": value}}


def submission(**view: Any) -> dict[str, Any]:
    given = {
        "id": "V1",
        "callback_id": PATTERN,
        "private_metadata": "a1b2:3",
        "state": {
            "values": {
                "one": {"until": {"type": "datepicker", "selected_date": "2025-10-12"}},
                "two": {"why": {"type": "plain_text_input", "value": "moving house"}},
            }
        },
    }
    return {"type": "view_submission", "user": {"id": "U123"}, "view": given | view}


def read(given: dict[str, Any], at: int = T0) -> Interaction:
    return parse_interaction(given, at, MORNING, TOKYO)


@pytest.mark.parametrize(
    ("action", "ask", "until"),
    [
        ({"action_id": "acknowledge", "value": "a1b2:3"}, CommandKind.ACKNOWLEDGE, None),
        ({"action_id": "expected", "value": "a1b2:3"}, CommandKind.EXPECTED, None),
        ({"action_id": "not_an_anomaly", "value": "a1b2:3"}, CommandKind.NOT_AN_ANOMALY, None),
        ({"action_id": "take_back", "value": "a1b2:3"}, CommandKind.TAKE_BACK, None),
        (choice("1h:a1b2:3"), CommandKind.SNOOZE, T0 + 3600),
        (choice("tomorrow:a1b2:3"), CommandKind.SNOOZE, 1_760_054_400),  # T0 is 18:00 in Tokyo; this is 09:00
    ],
)
def test_each_button_is_one_command(action: dict[str, Any], ask: CommandKind, until: int | None) -> None:
    asked = read(payload(action))
    assert isinstance(asked, ButtonPress)
    command = asked.command
    assert (command.kind, command.incident, command.by, command.at) == (ask, "a1b2", "U123", T0)
    assert command.until == until
    assert asked.response_url == HOOK


@pytest.mark.parametrize(
    ("action", "view"),
    [({"action_id": "details", "value": "a1b2:3"}, DETAILS), (choice("pattern:a1b2:3"), PATTERN)],
)
def test_details_and_pattern_ask_for_a_modal(action: dict[str, Any], view: str) -> None:
    assert read(payload(action)) == ModalRequest(view, "a1b2", "U123", "13.37.abc", HOOK)


def test_the_same_press_is_the_same_command_and_another_press_another() -> None:
    def key(at: int = T0, **changes: Any) -> str:
        asked = read(payload({"action_id": "acknowledge", "value": "a1b2:3", **changes}), at)
        assert isinstance(asked, ButtonPress)
        return asked.command.id

    assert key() == key(at=T0 + 2), "it came again two seconds later"
    assert len({key(), key(action_ts="1.5"), key(value="a1b3:3"), key(action_id="expected")}) == 4


def test_a_pattern_holds_until_the_morning_of_a_date_for_what_is_alike() -> None:
    asked = read(submission())
    assert isinstance(asked, ModalSubmission)
    command = asked.command
    assert (command.kind, command.incident, command.by) == (CommandKind.SNOOZE, "a1b2", "U123")
    assert (command.until, command.why) == (1_760_227_200, "moving house")
    assert pattern_of(incident()) == Matcher(
        accounts=["123456789012"], scopes=["table:items"], verdicts=["spike"], measures=["wcu"]
    )
    far = read(submission(state={"values": {"one": {"until": {"selected_date": "9999-12-31"}}}}))
    assert isinstance(far, ModalSubmission)
    assert far.command.until == T0 + LONGEST, "nobody silences for ever by a slip of the year"


def test_half_a_character_in_a_reason_is_left_out() -> None:
    given = {"until": {"selected_date": "2025-10-12"}, "why": {"value": "moving\ud800 house"}}
    asked = read(submission(state={"values": {"one": given}}))
    assert isinstance(asked, ModalSubmission)
    assert asked.command.why == "moving house"


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"type": "block_actions"},
        payload({"action_id": "acknowledge", "value": "a1b2:3"}, user={"id": "<!channel>"}),
        payload({"action_id": "acknowledge", "value": "a1b2:3"}, user="U123"),
        payload({"action_id": "acknowledge", "value": "../../etc:3"}),
        payload({"action_id": "acknowledge", "value": "a1b2"}),
        payload({"action_id": "acknowledge", "value": "a1b2:3\n"}),
        payload({"action_id": "acknowledge"}),
        payload({"action_id": "delete", "value": "a1b2:3"}),
        payload(choice("2y:a1b2:3")),
        payload({"action_id": "snooze", "value": "1h:a1b2:3"}),
        payload({"action_id": "acknowledge", "value": "a1b2:3"}, actions=[]),
        payload({"action_id": "acknowledge", "value": "a1b2:3"}, type="message_action"),
        submission(private_metadata="{}"),
        submission(callback_id="other"),
        submission(state={"values": {}}),
        submission(state={"values": {"one": {"until": {"selected_date": "soon"}}}}),
        submission(state={"values": {"one": {"until": {"selected_date": "0001-01-01\x00"}}}}),
    ],
)
def test_a_foreign_payload_is_not_understood(given: dict[str, Any]) -> None:
    assert isinstance(read(given), UnknownPayload)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=20)
    | st.sampled_from(["U123", "snooze", "1h:a:1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["type", "user", "id", "actions", "action_id", "value", "view", "state", "values"]
            ),
            inner,
        )
    ),
    max_leaves=12,
)


@having(st.dictionaries(st.sampled_from(["type", "user", "actions", "view", "trigger_id"]), VALUES), VALUES)
def test_no_payload_raises(given: dict[str, Any], values: Any) -> None:
    assert isinstance(read(given), UnknownPayload | ButtonPress | ModalRequest | ModalSubmission)
    assert isinstance(
        read(payload({"action_id": values, "value": values})), UnknownPayload | ButtonPress | ModalRequest
    )
    assert isinstance(read(submission(state=values)), UnknownPayload | ModalSubmission)
