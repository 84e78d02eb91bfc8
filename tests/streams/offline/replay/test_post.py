"""``uneri replay --post``: the pages of a replay in one Slack channel, and nowhere else."""

from collections import deque

import pytest

from alerting.sinks.slack import SlackSink
from config.settings import JudgeSettings, Settings
from streams.offline.replay import Replayed, replay
from streams.offline.replay.post import MOST, PostError, messages, post, post_replay, renderer_of
from tests.alerting.slack_standin import TOKEN, SlackStandin
from tests.faults.traffic import traffic
from tests.streams.offline.sources.memory_source import MemorySource


@pytest.fixture(scope="module")
def found() -> Replayed:
    given = {f"r/{n}": records for n, records in enumerate(traffic(3).partitions)}
    return replay(MemorySource(given), Settings(judge=JudgeSettings(young=3600)))


class Waits(list[float]):
    async def __call__(self, seconds: float) -> None:
        self.append(seconds)


async def test_a_heading_and_every_page_arrive_in_order_a_second_apart_through_refusals(
    found: Replayed,
) -> None:
    waits = Waits()
    async with SlackStandin() as slack:
        slack.faults = deque(["429", "500"])
        async with SlackSink(TOKEN, slack.base_url, renderer_of(Settings())) as sink:
            assert await post(messages(found), "#spare", sink, wait=waits) == 1 + found.pages
    assert [message.channel for message in slack.messages] == ["C0SPARE"] * (1 + found.pages)
    assert slack.messages[0].text.startswith("Replay of ")
    assert "None of this is happening now." in slack.messages[0].text
    assert "items" in slack.messages[1].text
    assert waits[0] == 3, "what Slack asked for"
    assert min(waits) >= 1


async def test_an_unknown_channel_is_reported(found: Replayed) -> None:
    async with SlackStandin() as slack, SlackSink(TOKEN, slack.base_url, renderer_of(Settings())) as sink:
        with pytest.raises(PostError, match=r"#nowhere: message 1 of .* \(channel_not_found: invite"):
            await post(messages(found), "#nowhere", sink, wait=Waits())


def test_without_a_token_nothing_is_posted_and_the_error_names_it(
    found: Replayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLACK_BOT_TOKEN", raising=False)
    with pytest.raises(PostError, match="SLACK_BOT_TOKEN is not set; --post needs"):
        post_replay(found, "#spare")


def test_of_very_many_pages_only_the_first_are_posted_and_the_heading_says_so(found: Replayed) -> None:
    page = next(incident for incident in found.incidents if incident.sent == "page")
    many = Replayed(found.settings, incidents=[page] * (MOST + 5), first=found.first, last=found.last)
    posts = messages(many)
    assert len(posts) == 1 + MOST
    assert f"{MOST + 5} pages" in posts[0].text
    assert posts[0].text.endswith(f"The first {MOST} follow.")
