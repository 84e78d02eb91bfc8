"""``uneri state export`` and ``import`` of the embedded driver: a backup that goes on elsewhere."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from alerting.commands.command import Command, CommandKind, Matcher
from config.settings import KafkaSettings, Settings
from streams.cli.state import export_state, import_state
from streams.drivers.checkpointing import RunOptions
from streams.drivers.local.daemon import LocalDaemon
from streams.drivers.local.sqlite_store import SqliteStore
from streams.drivers.local.state_transfer import StateExport
from streams.offline.simulate.scenario_load import load_scenario
from streams.offline.simulate.simulation import Simulation
from streams.process.files.state_archive import members_of
from tests.streams.cli import forked
from tests.streams.drivers.world import kept, local_settings, never_hurry, pipeline_of, running

NOW = 1_800_000_000.0


def settings(state: Path) -> Settings:
    return local_settings(state, time={"idle": 3600})


@asynccontextmanager
async def daemon_at(state: Path) -> AsyncIterator[LocalDaemon]:
    async with running(
        LocalDaemon(settings(state), clock=lambda: NOW, options=RunOptions(every=0.05))
    ) as world:
        yield world.daemon


async def exported(daemon: LocalDaemon, file: Path) -> int:
    url = f"http://127.0.0.1:{daemon.port}"
    return await asyncio.to_thread(export_state, daemon.settings, file, url)


@pytest.fixture(scope="module")
def hours() -> list[bytes]:
    simulation = Simulation(load_scenario("demo"))
    return [line for _, _, lines in simulation.lines(None, simulation.start + 2 * 3600) for line in lines]


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory, hours: list[bytes]) -> Path:
    """A backup that was made while half of the records were being taken in and judged."""
    folder = tmp_path_factory.mktemp("backup")
    half = len(hours) // 2

    async def make() -> None:
        async with daemon_at(folder / "state") as daemon:
            for first in range(0, half, 1000):
                await daemon._intake.append_read(hours[first : min(first + 1000, half)])
                while not first and (daemon._judge.changed or not daemon._judge.offset):
                    await asyncio.sleep(0.01)  # for a checkpoint
                if first == half // 2000 * 1000:
                    assert await exported(daemon, folder / "uneri-state.tar.zst") == 0
            await daemon.delivery.execute(silence("later"))

    with pytest.MonkeyPatch.context() as patched:
        never_hurry(patched)
        asyncio.run(make())
    return folder / "uneri-state.tar.zst"


def silence(name: str) -> Command:
    matching = Matcher(scopes=[f"table:{name}"])
    return Command(
        id=name, kind=CommandKind.SILENCE, at=1_760_000_000, by="ana", matcher=matching, until=2_000_000_000
    )


def test_a_backup_goes_on_at_another_path_as_if_it_had_never_been_interrupted(
    tmp_path: Path,
    backup: Path,
    hours: list[bytes],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    never_hurry(monkeypatch)

    async def run(state: Path) -> None:
        async with daemon_at(state) as daemon:
            taken = daemon._store.end
            await daemon._intake.append_read(hours[taken:])
            assert not pipeline_of(daemon).silences(), "what came after the backup is not in it"

    asyncio.run(run(tmp_path / "whole"))
    assert import_state(settings(tmp_path / "elsewhere"), backup) == 0
    assert f"{tmp_path / 'elsewhere'}: restored, the state of " in capsys.readouterr().out
    with SqliteStore(tmp_path / "elsewhere" / "uneri.db") as store:
        assert 0 < store.end < len(hours)
    asyncio.run(run(tmp_path / "elsewhere"))
    whole = kept(tmp_path / "whole")
    assert whole is not None
    assert whole.offsets == {"local/0": len(hours)}
    assert kept(tmp_path / "elsewhere") == whole


def test_a_backup_is_a_tar_file_with_checksums_that_only_its_owner_may_read(backup: Path) -> None:
    assert backup.stat().st_mode & 0o077 == 0
    sums: set[tuple[str, ...]] = set()
    found = {}
    for name, member in members_of(backup):
        body = member.read()
        if name == "SHA256SUMS":
            sums = {tuple(line.split("  ")) for line in body.decode().splitlines()}
        else:
            found[name] = hashlib.sha256(body).hexdigest()
    assert list(found) == ["about.json", "uneri.db", "outbox.db"]
    assert sums == {(digest, name) for name, digest in found.items()}
    assert not list(backup.parent.glob("state/*export*")), "nothing is left in the folder"


async def test_silences_and_memos_come_back_with_a_backup(tmp_path: Path) -> None:
    async with daemon_at(tmp_path / "one") as daemon:
        await daemon.delivery.execute(silence("items"))
        await daemon.delivery.execute(
            Command(id="m", kind=CommandKind.NOTE, at=1, by="ana", why="so", moment=60)
        )
        assert await exported(daemon, tmp_path / "file") == 0
    assert import_state(settings(tmp_path / "two"), tmp_path / "file") == 0
    async with daemon_at(tmp_path / "two") as daemon:
        (one,) = pipeline_of(daemon).silences()
        assert (one.what, one.by) == ("table:items", "ana")
        assert [(memo.text, memo.by, memo.at) for memo in pipeline_of(daemon).memos] == [("so", "ana", 60)]


def test_a_state_is_never_replaced(tmp_path: Path, backup: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert import_state(settings(tmp_path), backup) == 0
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    capsys.readouterr()
    assert import_state(settings(tmp_path), backup) == 1
    said = capsys.readouterr().err
    assert said == (
        f"uneri: {tmp_path} has a state already, which an import does not replace: move it away, or set "
        "local.state to another folder\n"
    )
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


async def test_the_folder_of_a_running_daemon_is_refused(
    tmp_path: Path, backup: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with daemon_at(tmp_path):
        assert await asyncio.to_thread(import_state, settings(tmp_path), backup) == 1
    assert "is in use: is another uneri using it?" in capsys.readouterr().err


def cut(body: bytes) -> bytes:
    return body[: len(body) // 2]


def flipped(body: bytes) -> bytes:
    return body[:-9] + bytes([body[-9] ^ 1]) + body[-8:]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (cut, "is damaged ("),
        (flipped, "is damaged ("),
        (lambda _: b"", "is damaged ("),
        (lambda _: b"no archive", "is damaged ("),
    ],
)
def test_a_damaged_backup_is_refused_in_one_line_and_nothing_is_imported(
    tmp_path: Path,
    backup: Path,
    change: Callable[[bytes], bytes],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "file"
    file.write_bytes(change(backup.read_bytes()))
    assert import_state(settings(tmp_path / "state"), file) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
    assert "use another backup" in line
    assert not (tmp_path / "state").exists()


def test_a_backup_of_a_later_version_and_one_of_the_other_driver_are_refused(
    tmp_path: Path, backup: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_kafka = settings(tmp_path).model_copy(update={"kafka": KafkaSettings(brokers=["127.0.0.1:1"])})
    assert import_state(with_kafka, backup) == 1
    assert "is the state of an embedded daemon; import it with" in capsys.readouterr().err
    monkeypatch.setattr("detectors.state.state.FORMAT", 0)
    assert import_state(settings(tmp_path / "state"), backup) == 1
    assert "was written by uneri" in capsys.readouterr().err
    assert not (tmp_path / "state").exists()


def test_an_import_that_was_killed_between_its_files_is_refused_by_the_daemon_and_can_be_repeated(
    tmp_path: Path, backup: Path
) -> None:
    state = tmp_path / "state"
    assert import_state(settings(state), backup) == 0
    (state / "uneri.db").rename(state / "uneri.db.import")  # as the kill leaves it
    config = tmp_path / "uneri.yaml"
    config.write_text(f"local: {{listen: '127.0.0.1:0', state: '{state}'}}\n")
    done = forked.uneri("run", "--config", config)
    assert done.returncode == 1
    assert b"uneri.db: is missing, though outbox.db is not" in done.stderr
    done = forked.uneri("state", "import", backup, "--config", config)
    assert done.returncode == 0, done.stderr
    assert kept(state) is not None


async def test_who_may_take_the_state(tmp_path: Path) -> None:
    async with daemon_at(tmp_path) as daemon, aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{daemon.port}/state"
        json_ = {"Content-Type": "application/json"}
        async with session.post(url, data=b"{}", headers={**json_, "Host": "elsewhere:1"}) as answer:
            assert answer.status == 403
        async with session.post(url, data=b"{}", headers={"Content-Type": "text/plain"}) as answer:
            assert answer.status == 415
        async with session.get(url) as answer:
            assert answer.status == 405
        async with session.post(
            url, data=b"{}", headers={**json_, "Origin": "https://example.com"}
        ) as answer:
            assert answer.status == 403


def exports_in(folder: Path) -> list[Path]:
    return list(folder.glob("*.export*"))


async def test_whoever_leaves_before_the_state_is_sent_leaves_one_line_and_no_traceback(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, left = asyncio.Event(), asyncio.Event()
    make = StateExport.make_archive

    async def slow(self: StateExport) -> Path:
        archive = await make(self)
        begun.set()
        await left.wait()
        return archive

    monkeypatch.setattr(StateExport, "make_archive", slow)
    async with daemon_at(tmp_path) as daemon:
        _, writer = await asyncio.open_connection("127.0.0.1", daemon.port)
        head = f"Host: 127.0.0.1:{daemon.port}\r\nContent-Type: application/json\r\nContent-Length: 2"
        writer.write(f"POST /state HTTP/1.1\r\n{head}\r\n\r\n{{}}".encode())
        await begun.wait()
        writer.transport.abort()
        server = daemon._web._runner.server
        while server is not None and any(
            connection.transport is not None for connection in server.connections
        ):
            await asyncio.sleep(0.01)
        left.set()
        while exports_in(tmp_path):
            await asyncio.sleep(0.01)
    assert [record for record in caplog.records if record.exc_info or record.levelno >= logging.ERROR] == []


def test_a_daemon_that_does_not_run_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export_state(settings(tmp_path), tmp_path / "file", "http://127.0.0.1:1") == 1
    assert "no daemon answers at http://127.0.0.1:1/state" in capsys.readouterr().err
    assert not (tmp_path / "file").exists()
    assert not list(tmp_path.glob(".file*"))


def test_what_a_killed_export_left_is_deleted_at_the_next_start(tmp_path: Path) -> None:
    async def start() -> None:
        async with daemon_at(tmp_path):
            pass

    asyncio.run(start())
    for name in ("uneri.db.export", "uneri.db.export.tar.zst", "outbox.db.import"):
        (tmp_path / name).write_bytes(b"half")
    asyncio.run(start())
    assert not [path.name for path in tmp_path.iterdir() if "port" in path.name]


def test_a_backup_into_the_state_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "uneri.db"
    file.write_bytes(b"the state")
    assert export_state(settings(tmp_path), file, "") == 2
    assert "write the backup elsewhere" in capsys.readouterr().err
    assert file.read_bytes() == b"the state"
