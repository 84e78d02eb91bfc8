"""A running daemon takes up a changed configuration: what it knows goes on, a mistake changes nothing."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from config.load import load_settings
from streams.cli.commands import app
from streams.drivers.local.daemon import LocalDaemon
from streams.ingest.limits.reading import FoundLimit, PartReading, known_limits, merged, save_limits
from tests.alerting.given import T0, finding, notices_of, scope, table_finding
from tests.alerting.slack_standin import TOKEN, SlackStandin
from tests.streams.drivers.world import World, hurry, pipeline_of, running

BASE = """\
local: {{listen: '127.0.0.1:0', state: '{folder}/state'}}
notify:
  since: 2020-01-01
  {notify}
slack: {{token_file: '{folder}/token', base_url: '{slack}', channel: {channel}}}
"""


class Scene(World):
    """A daemon that reads its configuration from a file, and its Slack."""

    def __init__(self, daemon: LocalDaemon, folder: Path, slack: SlackStandin) -> None:
        super().__init__(daemon)
        self.folder, self.slack = folder, slack

    def write(self, notify: str = "flood: 10", channel: str = "C0UNERI", more: str = "") -> None:
        write(self.folder, self.slack, notify, channel, more)

    async def reload(self, *, environment: dict[str, str] | None = None) -> Result:
        command = ["reload", "--url", self.url]
        return await asyncio.to_thread(CliRunner().invoke, app, command, env=environment or {})


def write(
    folder: Path,
    slack: SlackStandin,
    notify: str = "flood: 10",
    channel: str = "C0UNERI",
    more: str = "",
) -> Path:
    text = BASE.format(folder=folder, slack=slack.base_url, notify=notify, channel=channel)
    file = folder / "uneri.yaml"
    file.write_text(text + more)
    return file


@asynccontextmanager
async def scene(folder: Path, token: str = TOKEN, **written: str) -> AsyncIterator[Scene]:
    async with SlackStandin() as slack:
        (folder / "token").write_text(token)
        file = write(folder, slack, **written)
        daemon = LocalDaemon(load_settings(file), read=lambda: load_settings(file))
        try:
            async with running(daemon):
                yield Scene(daemon, folder, slack)
        finally:
            for name in ("token", "operate"):  # a canary, which must be nowhere else
                (folder / name).unlink(missing_ok=True)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    hurry(monkeypatch)
    for name in ("UNERI_INTAKE_TOKEN", "UNERI_READ_TOKEN", "UNERI_OPERATE_TOKEN", "UNERI_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with capture_logs():  # the daemon shares its output with the command
        yield


async def test_the_next_page_goes_where_the_file_says_now_and_the_one_before_stays(tmp_path: Path) -> None:
    async with scene(tmp_path) as there:
        await there.daemon.delivery.put(notices_of(table_finding()), T0 + 60)
        await there.until(lambda: there.slack.messages)
        there.write(channel="C0SPARE")
        done = await there.reload()
        assert (done.exit_code, done.output) == (
            0,
            "changed: slack.channel; secrets and limits were read again\n",
        )
        await there.daemon.delivery.put(notices_of(finding(scope("table", "users"), "other")), T0 + 1200)
        await there.until(lambda: len(there.slack.parents) == 2)
        assert [parent.channel for parent in there.slack.parents] == ["C0UNERI", "C0SPARE"]


async def test_a_mute_that_was_removed_lets_go_of_what_it_held(tmp_path: Path) -> None:
    held = "silences: [{match: {scopes: ['table:*']}, until: 2099-01-01, why: a test}]"
    async with scene(tmp_path, notify=held) as there:
        await there.daemon.delivery.put(notices_of(table_finding()), T0 + 60)
        assert len(pipeline_of(there.daemon).held()) == 1
        there.write()
        assert (await there.reload()).output.startswith("changed: notify.silences; ")
        await there.daemon.delivery.put((), T0 + 120)
        await there.until(lambda: there.slack.messages)


async def test_a_rotated_token_is_read_again_and_sends_what_waited(tmp_path: Path) -> None:
    async with scene(tmp_path, token="xoxb-expired") as there:  # noqa: S106 - made up
        await there.daemon.delivery.put(notices_of(table_finding()), T0 + 60)
        await there.until(lambda: "token" in str(there.daemon.delivery.not_ready()))
        (tmp_path / "token").write_text(f"{TOKEN}\n")
        assert (await there.reload()).output == "nothing has changed; secrets and limits were read again\n"
        await there.until(lambda: there.slack.messages)
        await there.until(lambda: there.daemon.delivery.not_ready() is None)


async def test_what_needs_a_restart_is_named_and_everything_else_is_taken_up(tmp_path: Path) -> None:
    async with scene(tmp_path) as there:
        there.write(more="time: {idle: 40}\njudge: {weeks: 2}\nfloors: {rcu: {absolute: 9, relative: 1}}\n")
        done = await there.reload()
        assert done.exit_code == 1
        assert done.output.splitlines() == [
            "changed: floors.rcu; secrets and limits were read again",
            "restart the daemon for: time.idle, judge.weeks",
        ]
        status = await there.status()
        assert status["needs_restart"] == "time.idle, judge.weeks"
        assert status["configuration"].startswith("read 20")
        there.write()
        assert (await there.reload()).exit_code == 0
        assert "needs_restart" not in await there.status()


@pytest.mark.parametrize(
    ("more", "token", "said"),
    [
        ("flod: 3\n", TOKEN, "uneri.yaml:6:1: unknown key 'flod'"),
        ("limits: {file: ./none}\n", TOKEN, "none"),
        ("", "two words", "the token contains a space"),
        ("", "", "the file of the secret is empty; write the secret into it"),
    ],
)
async def test_a_mistake_changes_nothing_and_is_reported(
    tmp_path: Path, more: str, token: str, said: str
) -> None:
    async with scene(tmp_path) as there:
        there.write(channel="C0SPARE", more=more)
        (tmp_path / "token").write_text(token)
        done = await there.reload()
        assert done.exit_code == 1
        assert done.output.startswith("uneri: nothing was changed\n")
        assert said in done.output
        assert said in str((await there.status())["reload_refused"])
        there.daemon.metrics.reload_failed.collect()
        assert there.daemon.metrics.registry.get_sample_value("uneri_reload_failed") == 1
        (tmp_path / "token").write_text(TOKEN)
        await there.daemon.delivery.put(notices_of(table_finding()), T0 + 60)
        await there.until(lambda: there.slack.messages)
        assert there.slack.messages[0].channel == "C0UNERI"


async def test_a_file_of_limits_that_was_written_again_is_taken_in_at_once(tmp_path: Path) -> None:
    limits = tmp_path / "limits.json"

    def read(wcu: float) -> None:
        found = (FoundLimit("table", "items", "wcu", wcu),)
        save_limits(limits, merged(known_limits(limits), [PartReading("1", "eu", "dynamodb", found)], T0))

    read(50.0)
    async with scene(tmp_path, more=f"limits: {{file: '{limits}'}}\n") as there:
        read(80.0)
        assert (await there.reload()).exit_code == 0
        (shard,) = there.daemon._judge.engine.detect
        assert shard._capacity.limit_of("table", "1", "items", "wcu", at=T0 + 600) == 80


async def test_intake_tokens_are_read_again(tmp_path: Path) -> None:
    old, new = "operate-" + "1" * 20, "operate-" + "2" * 20
    file = tmp_path / "operate"
    file.write_text(old)
    async with scene(tmp_path, more=f"tokens: {{operate_file: '{file}'}}\n") as there:
        assert "a token that allows operate is needed" in (await there.reload()).output
        file.write_text(new)
        assert (await there.reload(environment={"UNERI_TOKEN": old})).exit_code == 0
        assert "is not known" in (await there.reload(environment={"UNERI_TOKEN": old})).output
        assert (await there.reload(environment={"UNERI_TOKEN": new})).exit_code == 0


async def test_only_json_from_this_machine_or_a_token_may_reload(tmp_path: Path) -> None:
    async with scene(tmp_path) as there:
        assert (await there.ask("POST", "/reload", data="{}"))[0] == 415


async def test_notices_and_reloads_at_the_same_time_lose_and_repeat_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path) as there:
        several = [finding(scope("table", f"t{n}"), f"f{n}") for n in range(3)]

        async def reloads() -> None:
            for _ in range(3):
                await there.daemon.reloading.ask()

        async def notices() -> None:
            for number, found in enumerate(several):
                await there.daemon.delivery.put(notices_of(found), T0 + 60 * (number + 1))
                await asyncio.sleep(0)

        await asyncio.gather(reloads(), notices())
        await there.until(lambda: len(there.slack.parents) == len(several))
        await there.daemon.delivery.wait_until_sent()
        assert len({message.id for message in there.slack.messages}) == len(there.slack.messages)
