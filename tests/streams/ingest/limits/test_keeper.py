"""The limits of a running daemon: taken in when they change, read daily, kept when AWS does not answer."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from config.capacity import Capacity, load_read_limits
from config.load import ConfigError
from config.settings import AwsSettings, LimitsSettings, Settings, TableLimit
from streams.ingest.limits.keeper import READ_EVERY, RETRY_EVERY, LimitsKeeper
from streams.ingest.limits.reading import AwsError, FoundLimit, PartReading, known_limits, merged, save_limits
from streams.process.files.locks import locked_file

NOW = 1_790_000_040.0
HOUR = 3600


class Cloud:
    """An AWS whose only table has some capacity, or which refuses."""

    def __init__(self, wcu: float = 50.0, refusal: str = "", error: str = "") -> None:
        self.wcu, self.refusal, self.error = wcu, refusal, error
        self.reads = 0

    def read(self, aws: AwsSettings) -> list[PartReading]:
        assert aws.daily
        self.reads += 1
        if self.refusal:
            raise AwsError(self.refusal)
        found = () if self.error else (FoundLimit("table", "items", "wcu", self.wcu, "provisioned"),)
        return [PartReading("1", "eu-west-1", "dynamodb", found, self.error)]


class KeeperWorld:
    """A keeper, its cloud, its clock, and what it applied."""

    def __init__(self, file: Path, cloud: Cloud, *, daily: bool = True) -> None:
        aws = AwsSettings(daily=True) if daily else None
        self.settings = Settings(limits=LimitsSettings(file=str(file), aws=aws))
        self.now, self.cloud = NOW, cloud
        self.applied: list[Capacity] = []
        self.keeper = LimitsKeeper(self.settings, self.applied.append, lambda: self.now, cloud.read)

    def update(self, later: float = 0.0) -> None:
        self.now += later
        asyncio.run(self.keeper.update())

    def lines(self) -> list[str]:
        lines = self.keeper.status()["limits"]
        assert isinstance(lines, list)
        return lines

    def wcu(self) -> float | None:
        return self.keeper.capacity.limit_of("table", "1", "items", "wcu", region="eu-west-1", at=self.now)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "limits.json"


def write(file: Path, wcu: float, now: float = NOW) -> None:
    before = known_limits(file)
    found = FoundLimit("table", "items", "wcu", wcu, "provisioned")
    save_limits(file, merged(before, [PartReading("1", "eu-west-1", "dynamodb", (found,))], now))


def test_a_daemon_reads_at_its_first_start_and_then_once_a_day(file: Path) -> None:
    world = KeeperWorld(file, Cloud())
    world.update()
    assert world.wcu() == 50
    for _ in range(23):
        world.update(HOUR)
    assert world.cloud.reads == 1
    world.update(HOUR)
    assert world.cloud.reads == 2


def test_a_restart_does_not_read_again(file: Path) -> None:
    KeeperWorld(file, Cloud()).update()
    again = KeeperWorld(file, Cloud())
    again.update(HOUR)
    assert again.cloud.reads == 0
    assert again.wcu() == 50


def test_a_limit_that_changed_is_applied_and_in_force_ten_minutes_later(file: Path) -> None:
    world = KeeperWorld(file, Cloud())
    world.update()
    world.cloud.wcu = 80.0
    world.update(READ_EVERY)
    assert len(world.applied) == 2
    assert world.wcu() == 50
    world.now += 660
    assert world.wcu() == 80


def test_the_last_limits_stay_in_use_when_aws_does_not_answer_and_their_age_is_shown(file: Path) -> None:
    world = KeeperWorld(file, Cloud())
    world.update()
    world.cloud.refusal = "no AWS credentials were found"
    world.update(READ_EVERY)
    world.update(2 * HOUR)
    assert world.wcu() == 50
    assert world.lines() == ["1 read from AWS, 26 h ago", "no AWS credentials were found"]
    world.cloud.refusal = ""
    world.update(HOUR)
    assert world.lines() == ["1 read from AWS, 0 s ago"]


def test_a_part_that_is_denied_is_named_with_the_age_of_what_is_known(file: Path) -> None:
    world = KeeperWorld(file, Cloud())
    world.update()
    world.cloud.error = "access denied: dynamodb:ListTables; add it to the policy of the role"
    world.update(3 * READ_EVERY)
    assert world.wcu() == 50
    assert world.lines() == [
        "1 read from AWS, 3 days ago",
        f"1 eu-west-1 dynamodb: {world.cloud.error}; last read 3 days ago",
    ]


def test_what_failed_is_tried_again_every_hour(file: Path) -> None:
    world = KeeperWorld(file, Cloud(refusal="AWS does not answer"))
    for _ in range(61):
        world.update(60)
    assert world.cloud.reads == 1 + 61 * 60 // RETRY_EVERY


def test_the_file_of_another_process_is_taken_in_without_a_restart(file: Path) -> None:
    write(file, 50.0)
    world = KeeperWorld(file, Cloud(), daily=False)
    assert world.wcu() == 50
    world.update()
    assert not world.applied
    write(file, 80.0)
    world.update()
    world.now += 660
    assert [capacity.limit_of("table", "1", "items", "wcu", at=world.now) for capacity in world.applied] == [
        80
    ]
    assert world.cloud.reads == 0


def test_processes_that_share_a_file_read_once(file: Path) -> None:
    one, other = KeeperWorld(file, Cloud()), KeeperWorld(file, Cloud())
    with locked_file(file, "busy"):  # another one reads
        one.update()
    assert one.cloud.reads == 0
    other.update()
    one.update(60)
    assert (one.cloud.reads, other.cloud.reads) == (0, 1)
    assert one.wcu() == 50


def test_a_process_that_reads_while_another_makes_up_its_mind_reads_for_both(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other, world = KeeperWorld(file, Cloud()), KeeperWorld(file, Cloud())

    @contextmanager
    def late(path: Path, why: str) -> Iterator[None]:
        monkeypatch.undo()
        write(file, 80.0)  # by the other one, which has the lock until now
        with locked_file(path, why):
            yield

    monkeypatch.setattr("streams.ingest.limits.keeper.locked_file", late)
    world.update()
    assert world.cloud.reads == 0
    assert world.wcu() == 80
    other.update()
    assert other.cloud.reads == 0


def test_a_process_that_reads_after_another_takes_over_its_limits(file: Path) -> None:
    one, other = KeeperWorld(file, Cloud()), KeeperWorld(file, Cloud())
    one.update()
    other.update(30)
    for world in (one, other):
        world.update(READ_EVERY)
    assert (one.cloud.reads, other.cloud.reads) == (2, 0)
    assert other.lines() == ["1 read from AWS, 30 s ago"]


@pytest.mark.parametrize("spoil", [lambda file: file.write_text("{"), Path.unlink])
def test_a_file_that_is_damaged_or_gone_while_the_daemon_runs_changes_nothing(
    file: Path, spoil: Callable[[Path], object]
) -> None:
    write(file, 50.0)
    world = KeeperWorld(file, Cloud(), daily=False)
    spoil(file)
    world.update()
    assert world.wcu() == 50
    assert any(str(file) in line for line in world.lines())
    file.unlink(missing_ok=True)
    write(file, 50.0)
    world.update()
    assert world.lines() == ["1 read from AWS, 0 s ago"]


def test_a_file_that_is_gone_is_written_again_with_all_that_was_known(file: Path) -> None:
    world = KeeperWorld(file, Cloud())
    world.update()
    file.unlink()
    world.cloud.wcu = 80.0
    world.update(HOUR)
    world.update(HOUR)
    assert world.cloud.reads == 2
    assert [value for _, value in load_read_limits(file).limits[0].values] == [50, 80]


def test_a_file_that_cannot_be_written_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "folder").write_text("not a folder")
    world = KeeperWorld(tmp_path / "folder" / "limits.json", Cloud())
    world.update()
    (line,) = (text for text in world.lines() if "check limits.file" in text)
    assert line.startswith(str(tmp_path / "folder"))


def test_a_stop_does_not_wait_for_aws(file: Path) -> None:
    entered, release = threading.Event(), threading.Event()

    def read(_: AwsSettings) -> list[PartReading]:
        entered.set()
        release.wait()
        return []

    async def main() -> None:
        world = KeeperWorld(file, Cloud())
        keeper = LimitsKeeper(world.settings, world.applied.append, lambda: NOW, read)
        task = asyncio.create_task(keeper.work()[0])
        await asyncio.to_thread(entered.wait)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(main())
    release.set()


def test_other_settings_are_taken_up_while_it_runs_and_bad_ones_change_nothing(file: Path) -> None:
    write(file, 50.0)
    world = KeeperWorld(file, Cloud(), daily=False)
    hand = LimitsSettings(file=str(file), tables={"items": TableLimit(wcu=70.0)})
    assert world.keeper.reload(Settings(limits=hand)) is world.keeper.capacity
    assert world.wcu() == 70
    with pytest.raises(ConfigError):
        world.keeper.reload(Settings(limits=LimitsSettings(file=f"{file}.other")))
    assert world.wcu() == 70
    world.keeper.reload(Settings())
    assert world.wcu() is None
    world.update()


def test_without_limits_the_status_says_nothing_of_them() -> None:
    assert LimitsKeeper(Settings(), lambda _: None).status() == {}
