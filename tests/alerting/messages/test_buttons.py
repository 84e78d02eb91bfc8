"""The buttons of a message."""

import pytest
from msgspec.structs import replace

from alerting.commands.command import CommandKind
from alerting.messages.blocks import Message
from tests.alerting.given import T0
from tests.alerting.message_makers import page, said
from tests.alerting.messages.made_incidents import OPEN, RESOLVED, asked


class Row:
    def __init__(self, of: Message) -> None:
        [block] = [block for block in of.blocks if block["type"] == "actions"]
        self.ids = [element["action_id"] for element in block["elements"]]
        options = [element.get("options") or [element] for element in block["elements"]]
        self.values = {option["value"] for several in options for option in several}


def test_an_open_page_has_all_buttons_and_each_carries_the_incident_and_its_revision_alone() -> None:
    row = Row(page(OPEN))
    assert row.ids == ["acknowledge", "snooze", "expected", "not_an_anomaly", "note", "details"]
    place = f"{OPEN.id}:{OPEN.revision}"
    assert row.values == {place, f"1h:{place}", f"tomorrow:{place}", f"pattern:{place}"}


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
