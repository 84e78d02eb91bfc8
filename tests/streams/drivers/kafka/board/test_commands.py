"""Commands of boards, as records."""

import msgspec
import pytest

from alerting.commands.command import Command, CommandKind
from streams.drivers.kafka.board.commands import GivenCommand, decode_command

COMMAND = Command(id="1", at=1_760_000_000, by="mika", kind=CommandKind.ACKNOWLEDGE, incident="a")


def test_a_command_is_read_as_it_was_given() -> None:
    assert decode_command(msgspec.msgpack.encode(GivenCommand(COMMAND))) == GivenCommand(COMMAND)


@pytest.mark.parametrize("value", [None, b"", b"garbage", msgspec.msgpack.encode({"type": "later"})])
def test_what_is_no_command_stops_nobody(value: bytes | None) -> None:
    assert decode_command(value) is None
