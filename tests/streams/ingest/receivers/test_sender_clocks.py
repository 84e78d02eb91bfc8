"""Records that claim a time after their arrival: when their sender is wrong, and when this host is."""

from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from streams.engine.decode.rejected import Rejected, RejectReason
from streams.ingest.receivers.checked_lines import CheckedLines
from streams.ingest.receivers.sender_clocks import AGAIN_SECONDS, KEPT_SECONDS, SenderClocks
from streams.process.web.request_body import BodyError


class World:
    """A host and its senders, who send again what is refused with 503."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.host = 1_760_000_000.0  # what its clock showed at the beginning
        self.clocks = SenderClocks(lambda: self.host + self.passed, lambda: self.passed)

    def send(self, sender: str, *, right: int = 0, ahead: int = 0, bad: int = 0) -> str:
        detail = "ts 1760000600.0 is 600 s after the record arrived"
        rejected = [Rejected(RejectReason.FAR_FUTURE, index, detail, b"") for index in range(ahead)]
        rejected += [Rejected(RejectReason.NOT_JSON, index, "", b"") for index in range(ahead, ahead + bad)]
        try:
            self.clocks.check(sender, right + ahead + bad, CheckedLines(rejected))
        except BodyError as error:
            return "again" if (error.status, error.seconds) == (503, AGAIN_SECONDS) else "refused"
        return "checked"

    def round(self, **senders: bool) -> list[str]:
        """Let senders send, each with whether it is ahead, and wait as long as they are asked to."""
        found = [self.send(name, **{"ahead" if ahead else "right": 10}) for name, ahead in senders.items()]
        self.passed += AGAIN_SECONDS
        return found


@pytest.fixture
def world() -> Iterator[World]:
    with capture_logs():
        yield World()


def test_when_all_senders_are_ahead_this_host_is_behind_and_they_send_again(world: World) -> None:
    with capture_logs() as logs:
        for _ in range(40):
            assert world.round(a=True, b=True, c=True) == ["again"] * 3
    (line,) = logs
    assert line["log_level"] == "error"
    assert "the clock of this host is behind those of most senders" in line["event"]
    assert "600 s after the record arrived" in line["detail"]
    assert "set it" in str(world.clocks.behind())


def test_when_the_clock_is_corrected_everything_is_accepted_at_once(world: World) -> None:
    for _ in range(4):
        world.round(a=True, b=True)
    assert world.clocks.behind()
    world.host += 600
    with capture_logs() as logs:
        assert world.round(a=False, b=False) == ["checked"] * 2
    assert world.clocks.behind() is None
    assert [line["event"] for line in logs] == [
        "the clock of this host agrees with those of its senders again"
    ]


def test_when_the_clock_creeps_back_senders_are_accepted_within_seconds(world: World) -> None:
    for _ in range(20):
        world.round(a=True, b=True)
    for _ in range(2):
        world.round(a=False, b=False)
    assert world.round(a=False, b=False) == ["checked"] * 2
    for _ in range(3):
        world.round(a=False, b=False)
    assert world.clocks.behind() is None


def test_one_wrong_clock_among_others_costs_its_sender_one_repetition(world: World) -> None:
    with capture_logs() as logs:
        for number in range(40):
            wrong, *others = world.round(wrong=True, b=False, c=False)
            assert wrong == ("checked" if number else "again")
            assert others == ["checked"] * 2
    assert logs == []
    assert world.clocks.behind() is None


@pytest.mark.parametrize("leaps", [False, True])
def test_a_clock_that_goes_wrong_costs_nothing_though_all_were_right_before(
    world: World, leaps: bool
) -> None:
    for _ in range(20):
        world.round(a=False, b=False, c=False)
    if leaps:
        world.host -= 600  # else, this host stood still and does not know it
    for _ in range(20):
        assert world.round(a=True, b=True, c=True) == ["again"] * 3
    assert world.clocks.behind()


def test_the_few_who_agree_with_a_host_that_is_behind_wait_for_the_others(world: World) -> None:
    for _ in range(20):
        world.round(a=True, b=True, c=True, d=True, e=True, old=False)
    assert world.round(a=True, b=True, c=True, d=True, e=True, old=False) == ["again"] * 6


def test_where_many_agree_with_the_host_they_are_accepted_whoever_is_wrong(world: World) -> None:
    for _ in range(20):
        _, _, right = world.round(a=True, b=True, right=False)
        assert right == "checked"
    assert world.clocks.behind()


def test_senders_that_share_an_address_are_one_by_what_most_of_them_send(world: World) -> None:
    for number in range(200):
        assert world.round(all=False) == ["checked"]
        if number % 10 == 9:
            assert world.round(all=True) == ["again" if number == 9 else "checked"]
    for _ in range(20):
        world.round(all=True)
    assert world.round(all=True) == ["again"]


def test_who_sends_often_behind_an_address_silences_nobody_who_sends_seldom(world: World) -> None:
    for _ in range(100):
        assert world.send("all", right=1) == "checked"
        for _ in range(40):
            world.send("all", ahead=1)
            world.passed += 0.05
    assert world.clocks.behind() is None


def test_a_few_records_ahead_in_a_body_are_refused_with_it_accepted(world: World) -> None:
    assert world.send("a", right=10, ahead=9) == "checked"
    assert world.send("a", bad=10) == "checked"


def test_a_host_that_hears_nothing_any_more_is_not_behind_for_ever(world: World) -> None:
    for _ in range(4):
        world.round(a=True)
    assert world.clocks.behind()
    world.passed += KEPT_SECONDS
    assert world.clocks.behind() is None


def test_newcomers_that_claim_the_future_say_nothing_about_the_clock_of_a_host_that_was_right_for_long(
    world: World,
) -> None:
    wrong = {f"wrong-{number}": True for number in range(9)}
    for _ in range(int(KEPT_SECONDS / AGAIN_SECONDS) + 1):
        world.round(right=False)
    with capture_logs() as logs:
        for number in range(200):
            *found, right = world.round(**wrong, right=False)
            assert right == "checked"
            assert found == ["checked" if number else "again"] * 9
    assert logs == []
    assert world.clocks.behind() is None
    for _ in range(12):  # the host stood still, which only those tell that knew it
        assert world.round(**wrong, right=True)[-1] == "again"
    assert world.clocks.behind()
