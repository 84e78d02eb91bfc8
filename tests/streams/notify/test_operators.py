from aiohttp import ClientConnectionError

from streams.notify.operators import FRESH, STALE, Operators
from streams.notify.slack_api import SlackApi
from tests.alerting.slack_app import SlackApp
from tests.alerting.slack_standin import TOKEN


class Groups:
    def __init__(self, **groups: set[str]) -> None:
        self.groups, self.asked, self.down, self.now = groups, 0, False, 0.0

    async def members(self, group: str) -> frozenset[str]:
        self.asked += 1
        if self.down:
            raise ClientConnectionError
        return frozenset(self.groups[group])


async def test_everyone_is_allowed_when_no_operators_are_configured() -> None:
    assert await Operators([], Groups().members).allowed("U1")


async def test_only_the_users_and_the_members_of_the_groups_are_allowed() -> None:
    groups = Groups(S1={"U2"}, S2={"U3"})
    operators = Operators(["U1", "S1", "S2"], groups.members, lambda: groups.now)
    assert [await operators.allowed(user) for user in ("U1", "U2", "U3", "U4")] == [True, True, True, False]
    assert groups.asked == 2, "one request per group"


async def test_changes_of_a_group_take_effect_after_minutes() -> None:
    groups = Groups(S1={"U2"})
    operators = Operators(["S1"], groups.members, lambda: groups.now)
    assert await operators.allowed("U2")
    groups.groups["S1"] = {"U5"}
    assert await operators.allowed("U2")
    groups.now = FRESH
    assert not await operators.allowed("U2")
    assert await operators.allowed("U5")


async def test_the_last_list_of_members_is_used_for_an_hour_when_slack_returns_none() -> None:
    groups = Groups(S1={"U2"})
    operators = Operators(["S1"], groups.members, lambda: groups.now)
    assert await operators.allowed("U2")
    groups.down, groups.now = True, FRESH + 1
    assert await operators.allowed("U2")
    groups.now = STALE
    assert not await operators.allowed("U2")
    assert not await Operators(["S1"], groups.members).allowed("U2"), "no one without any list"


async def test_members_are_read_from_slack_and_answers_go_only_there() -> None:
    async with SlackApp(groups={"S1": ["U2"]}) as slack, SlackApi(TOKEN, slack.base_url) as calls:
        assert await calls.members("S1") == {"U2"}
        url = slack.response_url()
        assert await calls.answer(url, {"text": "hello"})
        assert slack.answers == [{"response_type": "ephemeral", "replace_original": False, "text": "hello"}]
        async with SlackApp() as elsewhere:
            assert not await calls.answer(elsewhere.response_url(), {"text": "hello"})
            assert elsewhere.answers == []
        assert TOKEN not in repr(calls)
